"""Series of commitments: the next occurrence appears when the last is due or settled, and none is skipped."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amends.domain.commitment.series import following, free_id, later
from amends.domain.incident.commitment import Commitment, CommitmentState, CommitmentStep, commit
from tests.builders import NOW, a_promise

DAY = timedelta(days=1)


def a_training(**changes: object) -> Commitment:
    """A training every ninety days, four times in all, first due in sixty days."""
    return commit(a_promise(id="training", every="90d", at_most=4, **changes), NOW, "first-notice")


def test_nothing_follows_while_the_first_one_is_open_and_not_due() -> None:
    first = a_training()
    assert following([first], {"training"}, first.due_at - DAY) == ()


def test_the_next_one_appears_on_the_day_of_the_last() -> None:
    first = a_training()
    (second,) = following([first], {"training"}, first.due_at)
    assert (second.id, second.number, second.series) == ("training-2", 2, "training")
    assert (second.due_at, second.made_in) == (first.due_at + 90 * DAY, "first-notice")


def test_the_next_one_appears_when_the_last_is_settled_early() -> None:
    kept = a_training().model_copy(update={"state": CommitmentState.KEPT, "settled_at": NOW, "evidence": {"*": "17"}})
    (second,) = following([kept], {"training"}, NOW + DAY)
    assert (second.state, second.settled_at, second.evidence) == (CommitmentState.OPEN, None, {})


def test_a_later_date_of_one_does_not_move_the_next() -> None:
    first = a_training()
    moved = first.model_copy(update={"new_due_at": first.due_at + 50 * DAY})
    assert following([moved], {"training"}, first.due_at)[0].due_at == first.due_at + 90 * DAY


def test_after_a_long_outage_none_is_skipped() -> None:
    first = a_training()
    found = following([first], {"training"}, first.due_at + 1000 * DAY)
    assert [one.id for one in found] == ["training-2", "training-3", "training-4"]


def test_a_series_ends_on_its_last_day() -> None:
    first = a_training()
    ends = first.model_copy(update={"at_most": None, "until": first.due_at + 200 * DAY})
    assert [one.number for one in following([ends], set(), first.due_at + 1000 * DAY)] == [2, 3]


def test_steps_come_again_undone() -> None:
    first = a_training()
    done = CommitmentStep(what="Book a room", owner="mei", due_at=NOW, done_at=NOW, done_by="mei")
    (second,) = following([first.model_copy(update={"steps": (done,)})], {"training"}, first.due_at)
    assert second.steps == (CommitmentStep(what="Book a room", owner="mei", due_at=NOW + 90 * DAY),)


def test_one_given_up_before_it_was_told_has_no_successor() -> None:
    unheard = a_training().model_copy(update={"made_in": "", "state": CommitmentState.DROPPED, "settled_at": NOW})
    assert following([unheard], {"training"}, NOW + 999 * DAY) == ()


def test_one_kept_before_it_was_told_has_a_successor_to_be_told() -> None:
    unheard = a_training().model_copy(update={"made_in": "", "state": CommitmentState.KEPT, "settled_at": NOW})
    (second,) = following([unheard], {"training"}, NOW + DAY)
    assert second.waits_to_be_made and second.added_at == NOW + DAY


def test_an_id_that_another_commitment_has_gets_a_letter() -> None:
    assert free_id("training", 2, {"training-2"}) == "training-2b"


def test_summer_time_does_not_move_the_end_of_a_day() -> None:
    end = datetime(2026, 12, 31, 22, 59, tzinfo=UTC)
    assert later(end, 180 * DAY, "Europe/Berlin") == datetime(2027, 6, 29, 21, 59, tzinfo=UTC)


STATES = st.sampled_from([None, None, CommitmentState.KEPT, CommitmentState.DROPPED, CommitmentState.BROKEN])


@given(data=st.data(), waits=st.lists(st.integers(0, 200), min_size=1, max_size=12))
def test_a_series_never_repeats_or_skips(data: st.DataObject, waits: list[int]) -> None:
    """Whatever is kept, dropped, broken or put off, and however late the ledger looks, the numbers run from 1 on."""
    series, now = [a_training()], NOW
    for wait in waits:
        now += wait * DAY
        which = data.draw(st.integers(0, len(series) - 1))
        state = data.draw(STATES)
        if state and series[which].state is CommitmentState.OPEN:
            series[which] = series[which].model_copy(update={"state": state, "settled_at": now})
        series += following(series, {one.id for one in series}, now)
        assert following(series, {one.id for one in series}, now) == ()
    assert [one.number for one in series] == list(range(1, len(series) + 1))
    assert len({one.id for one in series}) == len(series) <= 4
    gaps = [after.due_at - before.due_at for before, after in pairwise(series)]
    assert all(gap == 90 * DAY for gap in gaps)
    past = sum(series[0].due_at + n * 90 * DAY <= now for n in range(3))
    assert len(series) >= 1 + past


@pytest.mark.parametrize("days", [0, 1, 59])
def test_looking_twice_changes_nothing(days: int) -> None:
    first = a_training()
    again = following([first], {"training"}, NOW + days * DAY)
    assert again == following([first], {"training"}, NOW + days * DAY) == ()
