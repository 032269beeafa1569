"""Reminders of legal deadlines: when, for which duties, and each only once."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from amends.domain.case.case import Case
from amends.domain.case.deadlines import OVERDUE, SOON, deadline_alert, open_duties, reminders
from amends.domain.case.states import IncidentState, OccurrenceKind, OccurrenceState, RecordedOccurrence
from amends.domain.closing.closing import is_over
from amends.domain.law.duty import Addressee, Duty, DutyStanding
from amends.domain.law.filing import Filing
from amends.domain.plan.plan import plan
from tests.builders import AWARE, NOW, a_case, a_duty, an_assessment

DUE = a_duty().due_at
assert DUE is not None


def case_with(*duties: Duty, **changes: Any) -> Case:
    return a_case(assessment=an_assessment(duties=duties), **changes)


def given(number: int, duty: Duty) -> RecordedOccurrence:
    (reminder,) = (one for one in reminders(case_with(duty)) if one.number == number)
    kind, done = OccurrenceKind.DEADLINE, OccurrenceState.DONE
    return RecordedOccurrence(kind=kind, step=reminder.step, number=number, due_at=reminder.at, state=done)


def test_a_long_deadline_has_a_reminder_a_day_before_and_when_due() -> None:
    """A long deadline is reminded of a day before it comes and when it has come."""
    assert [(reminder.number, reminder.at) for reminder in reminders(case_with(a_duty()))] == [
        (SOON, DUE - timedelta(days=1)),
        (OVERDUE, DUE),
    ]


def test_a_short_deadline_is_reminded_of_at_half_time() -> None:
    four_hours = a_duty(due_at=AWARE + timedelta(hours=4))
    assert reminders(case_with(four_hours))[0].at == AWARE + timedelta(hours=2)


def test_a_reminder_that_was_given_is_not_given_again() -> None:
    case = case_with(a_duty(), recorded_reminders=(given(SOON, a_duty()),))
    assert [reminder.number for reminder in reminders(case)] == [OVERDUE]


def test_a_deadline_that_moves_is_reminded_of_anew() -> None:
    moved = a_duty(due_at=DUE + timedelta(days=2))
    case = case_with(moved, recorded_reminders=(given(SOON, a_duty()), given(OVERDUE, a_duty())))
    assert [reminder.number for reminder in reminders(case)] == [SOON, OVERDUE]


def test_what_is_filed_exempt_told_or_waits_is_not_reminded_of() -> None:
    filing = Filing(number=1, duty=a_duty().id, filed_at=DUE, by="mei", receipt="A-1", recorded_at=DUE)
    people = a_duty(id="law.people", addressee=Addressee.PEOPLE)
    assert not reminders(case_with(a_duty(), filings=(filing,)))
    assert not reminders(case_with(a_duty(standing=DutyStanding.EXEMPT)))
    assert not reminders(case_with(people, events={"notified": DUE}))
    assert not reminders(case_with(a_duty(waits=True)))


def test_a_duty_that_only_may_apply_is_said_to() -> None:
    case = case_with(a_duty(standing=DutyStanding.MAY_APPLY))
    assert "UTC (may apply): " in deadline_alert(case, reminders(case)[0], NOW).what


def test_what_is_due_at_once_is_reminded_of_at_once_and_a_day_later() -> None:
    at_once = a_duty(due_at=None)
    assert [reminder.at for reminder in reminders(case_with(at_once))] == [AWARE, AWARE + timedelta(days=1)]
    assert "must be told at once" in deadline_alert(case_with(at_once), reminders(case_with(at_once))[0], NOW).what


def deadlines_turn(number: int, state: OccurrenceState, due_at: datetime) -> RecordedOccurrence:
    return RecordedOccurrence(step="deadlines", number=number, due_at=due_at, state=state)


@pytest.mark.parametrize("state", [OccurrenceState.HELD, OccurrenceState.SKIPPED])
def test_a_held_or_skipped_occurrence_silences_only_its_reminders(state: OccurrenceState) -> None:
    """An occurrence of the deadlines step that is held or skipped silences only the reminders that were due with it.

    The reminder of the next occurrence stays planned.
    """
    held = deadlines_turn(1, state, DUE - timedelta(days=1))
    planned = plan(case_with(a_duty(), occurrences=(held,)), AWARE)
    assert [(turn.number, turn.due_at) for turn in planned.upcoming if turn.step == "deadlines"] == [(2, DUE)]


def test_a_turn_that_may_go_on_is_due_again_under_its_number() -> None:
    going = deadlines_turn(1, OccurrenceState.WAITING, DUE - timedelta(days=1))
    planned = plan(case_with(a_duty(), occurrences=(going,)), DUE)
    assert [turn.number for turn in planned.due if turn.step == "deadlines"] == [1]


def test_a_closed_case_is_not_over_while_reminders_are_left() -> None:
    closed = case_with(a_duty(), state=IncidentState.CLOSED)
    assert not is_over(closed, DUE)
    assert is_over(case_with(a_duty(standing=DutyStanding.EXEMPT), state=IncidentState.CLOSED), DUE)


def test_duties_to_people_stay_open_until_they_were_told() -> None:
    assert open_duties(case_with(a_duty(addressee=Addressee.PEOPLE)))


def test_the_next_reminder_stands_in_the_plan_as_a_turn_of_its_own() -> None:
    case = case_with(a_duty())
    (turn,) = (turn for turn in plan(case, AWARE).upcoming if turn.step == "deadlines")
    assert (turn.number, turn.due_at, turn.phase) == (1, DUE - timedelta(days=1), "follow_up")
    done = deadlines_turn(1, OccurrenceState.DONE, DUE - timedelta(days=1))
    later = case_with(a_duty(), occurrences=(done,), recorded_reminders=(given(SOON, a_duty()),))
    (turn,) = (turn for turn in plan(later, DUE).due if turn.step == "deadlines")
    assert (turn.number, turn.due_at) == (2, DUE)


def test_the_law_does_not_pause() -> None:
    paused = case_with(a_duty(), state=IncidentState.PAUSED)
    assert [turn.step for turn in plan(paused, DUE).due] == ["deadlines"]


def test_the_line_says_whom_by_when_and_what_to_do() -> None:
    case = case_with(a_duty(assumed="not recorded"))
    soon, overdue = (deadline_alert(case, reminder, NOW).what for reminder in reminders(case))
    assert "Data protection authority of Germany must be told by 2026-11-26 10:00 UTC (the time is assumed)" in soon
    assert "amends duty filed" in soon and overdue.startswith("Overdue: ")
