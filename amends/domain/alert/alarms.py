"""Alarms that Prefect passes on to the team's own channel: a legal deadline is near, a notice is not approved."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum

from amends.domain.alert.approvals import notices_to_approve, waits_since
from amends.domain.base.text import in_both, minute
from amends.domain.base.value import Value
from amends.domain.case.deadlines import open_duties
from amends.domain.case.states import IncidentState
from amends.domain.case.views.timeline import TimelineView
from amends.domain.law.duty import Duty, DutyStanding
from amends.domain.notice.notice import digest

DUTY_NEAR = timedelta(hours=6)
"""The time before the deadline of a duty at which the alarm is raised."""
UNAPPROVED = timedelta(hours=2)
"""The time for which a notice may wait for approvals before the alarm is raised."""
MOST = 10
"""The most lines that one alarm gives in full."""


class AlarmKind(StrEnum):
    """The event in Prefect by which an alarm is raised; automations react to the event."""

    DUTY = "amends.duty.near"
    APPROVAL = "amends.approval.missing"


class Alarm(Value):
    """One cause for an alarm."""

    kind: AlarmKind
    key: str
    """A key that stays the same for the same cause, so that the alarm is raised once."""
    what: str
    do: str
    """The command that shows more, or settles the cause."""


def alarms(case: TimelineView, now: datetime) -> tuple[Alarm, ...]:
    """Return the alarms to be raised now; none while the time is in doubt.

    The law does not pause, so a paused incident raises alarms about duties, and none about approvals.
    """
    if case.clock_doubt:
        return ()
    due = (*_duties(case, now), *(() if case.state is IncidentState.PAUSED else _approvals(case, now)))
    return tuple(alarm for alarm in due if alarm.key not in case.alarms)


def text(incident: str, same: tuple[Alarm, ...]) -> str:
    """Return the words of one message about alarms of one kind, the last line with the command."""
    more = [f"… and {len(same) - MOST} more"] if len(same) > MOST else []
    do = dict.fromkeys(alarm.do for alarm in same[:MOST])
    return "\n".join([f"Incident {incident}:", *(alarm.what for alarm in same[:MOST]), *more, *do])


def _duties(case: TimelineView, now: datetime) -> Iterator[Alarm]:
    for duty in open_duties(case):
        if duty.due_at and not duty.waits and duty.due_at - now <= DUTY_NEAR:
            key = f"duty {digest(duty.id)[:16]} {duty.due_at:%Y-%m-%dT%H:%M}Z"
            what, do = _must_be_told(case, duty, duty.due_at, now), f"amends duty list {case.incident.id}"
            yield Alarm(kind=AlarmKind.DUTY, key=key, what=what, do=do)


def _must_be_told(case: TimelineView, duty: Duty, due_at: datetime, now: datetime) -> str:
    must = "must be told by" if due_at > now else "should have been told by"
    doubt = " (may apply)" if duty.standing is DutyStanding.MAY_APPLY else ""
    return f"{duty.recipient_name} {must} {in_both(due_at, case.incident.organisation.timezone)}{doubt}"


def _approvals(case: TimelineView, now: datetime) -> Iterator[Alarm]:
    for notice in notices_to_approve(case):
        since = waits_since(notice)
        if now - since >= UNAPPROVED:
            what = f"{notice.id} has waited since {minute(since)} for {notice.standing.waits_for}"
            do = f"amends preview {case.incident.id} {notice.id}"
            key = f"approval {notice.binding[:16]} {since:%Y-%m-%dT%H:%M:%S}Z"
            yield Alarm(kind=AlarmKind.APPROVAL, key=key, what=what, do=do)
