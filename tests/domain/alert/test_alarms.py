"""Alarms are raised for duties that are near and notices that nobody approves, each once."""

from datetime import datetime, timedelta
from typing import Any

from amends.domain.alert.alarms import DUTY_NEAR, MOST, UNAPPROVED, AlarmKind, alarms, text
from amends.domain.case.case import Case
from amends.domain.case.states import IncidentState
from amends.domain.law.duty import DutyStanding
from amends.domain.team.approval import Standing
from tests.builders import NOW, a_case, a_duty, an_assessment
from tests.domain.plan.test_plan import a_notice

DUE = a_duty().due_at or NOW
SECOND = timedelta(seconds=1)


def owing(*duties: Any, **changes: Any) -> Case:
    return a_case(assessment=an_assessment(duties=duties), **changes)


def waiting(**changes: Any) -> Case:
    """A notice was drafted at NOW and waits."""
    return a_case(notices=(a_notice(drafted_at=NOW, standing=Standing(still_needed=2), **changes),))


def whats(case: Case, now: datetime) -> list[str]:
    return [alarm.what for alarm in alarms(case, now)]


def test_a_duty_raises_an_alarm_six_hours_before_and_not_earlier() -> None:
    assert not alarms(owing(a_duty()), DUE - DUTY_NEAR - SECOND)
    (alarm,) = alarms(owing(a_duty()), DUE - DUTY_NEAR)
    assert "must be told by" in alarm.what
    assert alarm.kind is AlarmKind.DUTY


def test_a_duty_that_was_late_when_it_became_known_is_an_alarm_too() -> None:
    (said,) = whats(owing(a_duty(standing=DutyStanding.MAY_APPLY)), DUE + timedelta(days=11))
    assert "should have been told by" in said
    assert said.endswith("(may apply)")


def test_what_was_raised_is_not_raised_again() -> None:
    case, now = owing(a_duty()), DUE - SECOND
    raised = frozenset(alarm.key for alarm in alarms(case, now))
    assert not alarms(owing(a_duty(), alarms=raised), now)
    moved = a_duty(due_at=DUE + timedelta(hours=1))
    assert alarms(owing(moved, alarms=raised), now), "a deadline that moves is another cause"


def test_a_notice_that_waits_for_two_hours_is_an_alarm() -> None:
    assert not alarms(waiting(), NOW + UNAPPROVED - SECOND)
    (alarm,) = alarms(waiting(), NOW + UNAPPROVED)
    assert "2 more approvals" in alarm.what
    assert alarm.do.startswith("amends preview ")


def test_a_pause_stops_alarms_about_approvals_and_not_about_duties() -> None:
    paused = waiting().model_copy(update={"state": IncidentState.PAUSED})
    assert not alarms(paused, NOW + UNAPPROVED)
    assert alarms(owing(a_duty(), state=IncidentState.PAUSED), DUE)


def test_while_the_clock_is_in_doubt_nothing_is_an_alarm() -> None:
    assert not alarms(owing(a_duty(), clock_doubt="the clock jumped"), DUE)


def test_many_causes_are_one_message_that_says_how_many() -> None:
    case = owing(*(a_duty(id=f"law-{number}@DE") for number in range(MOST + 3)))
    lines = text("leak", alarms(case, DUE)).splitlines()
    assert lines[0] == "Incident leak:"
    assert lines[-2:] == ["… and 3 more", f"amends duty list {case.incident.id}"]
