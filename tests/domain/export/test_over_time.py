"""Days become curves: reach adds up, questions rise and fall, commitments change their state."""

from datetime import date, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from amends.domain.export.over_time import AskedOn, ReachedOn, promises_by_day, questions_by_day, reach_by_day
from amends.domain.incident.commitment import CommitmentState
from tests.builders import NOW, a_case, a_commitment

FIRST, SECOND = date(2026, 6, 1), date(2026, 6, 3)


def test_reach_adds_up_for_each_notice_alone() -> None:
    found = [
        ReachedOn(notice="update-1", day=SECOND, people=5),
        ReachedOn(notice="first-notice", day=SECOND, people=2),
        ReachedOn(notice="first-notice", day=FIRST, people=7),
    ]
    assert [(one.notice, one.day, one.in_all) for one in reach_by_day(found)] == [
        ("first-notice", FIRST, 7),
        ("first-notice", SECOND, 9),
        ("update-1", SECOND, 5),
    ]


def test_open_questions_are_those_asked_less_those_answered() -> None:
    days = questions_by_day([AskedOn(day=SECOND, asked=1, answered=2), AskedOn(day=FIRST, asked=3)])
    assert [day.open for day in days] == [3, 2]


def test_a_commitment_is_open_late_and_kept_on_its_days() -> None:
    kept = a_commitment(
        due_at=NOW - timedelta(days=5),
        state=CommitmentState.KEPT,
        settled_at=NOW - timedelta(days=2),
        added_at=NOW - timedelta(days=9),
        made_in="",
        evidence={"en": "Done."},
    )
    days = promises_by_day(a_case(commitments=(kept,)), NOW)
    states = {(NOW.date() - day.day).days: [name for name, count in day.states.items() if count] for day in days}
    assert states == {9: ["open"], 5: ["late"], 2: ["kept"], 0: ["kept"]}


def test_the_last_day_has_the_states_that_the_report_names() -> None:
    put_off = a_commitment(due_at=NOW + timedelta(days=5), new_due_at=NOW + timedelta(days=9))
    last = promises_by_day(a_case(commitments=(put_off,)), NOW)[-1]
    assert (last.day, last.states["late"], last.states["open"]) == (NOW.date(), 1, 0)


days_off = st.integers(-40, 40).map(lambda days: NOW + timedelta(days=days))
past = st.integers(-40, 0).map(lambda days: NOW + timedelta(days=days))


@given(st.lists(st.tuples(past, days_off, st.none() | past, st.sampled_from(["kept", "dropped"])), max_size=5))
def test_each_day_counts_every_commitment_made_by_then(drawn: list[tuple[Any, Any, Any, str]]) -> None:
    commitments = tuple(
        a_commitment(
            id=f"c{number}",
            added_at=added,
            due_at=due,
            settled_at=settled,
            made_in="",
            state=CommitmentState(state) if settled else CommitmentState.OPEN,
        )
        for number, (added, due, settled, state) in enumerate(drawn)
    )
    days = promises_by_day(a_case(commitments=commitments), NOW)
    for day in days:
        assert sum(day.states.values()) == sum(made.date() <= day.day for made, *_ in drawn)
    assert [day.day for day in days] == sorted({day.day for day in days})


def test_without_commitments_there_is_no_day() -> None:
    assert promises_by_day(a_case(commitments=()), NOW) == ()
