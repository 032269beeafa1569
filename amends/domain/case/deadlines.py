"""Reminders of legal deadlines: one ahead of each, and one when the deadline passes without a record."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cached_property

from amends.domain.base.text import minute
from amends.domain.base.value import Moment, Value
from amends.domain.case.case import Case
from amends.domain.case.filings import done_at
from amends.domain.case.reach import why_not_done
from amends.domain.case.states import OccurrenceKind
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.law.duty import Duty, DutyStanding

SOON, OVERDUE = 1, 2
DAY = timedelta(days=1)


class Reminder(Value):
    """One reminder of one duty."""

    duty: str
    number: int
    """SOON before the due time, OVERDUE when the due time has come."""
    at: Moment
    due_at: Moment

    @cached_property
    def step(self) -> str:
        """Return the step under which the reminder is recorded once given; a deadline that moves is a new step."""
        return f"{self.duty} {self.due_at:%Y-%m-%dT%H:%M}Z"


def reminders(case: Case, wanted: tuple[Reminder, ...] | None = None) -> tuple[Reminder, ...]:
    """Return the reminders not given yet, the earliest first.

    `wanted` are the reminders of the open duties, where the caller knows them.
    """
    given = {
        (recorded_reminder.step, recorded_reminder.number)
        for recorded_reminder in case.recorded_reminders
        if recorded_reminder.kind is OccurrenceKind.DEADLINE
    }
    all_of_them = wanted_reminders(case) if wanted is None else wanted
    return tuple(reminder for reminder in all_of_them if (reminder.step, reminder.number) not in given)


def wanted_reminders(case: Case) -> tuple[Reminder, ...]:
    """Return the reminders of all open duties, given or not, the earliest first.

    A duty due at once has them at once and a day later.
    """
    wanted = (reminder for duty in open_duties(case) for reminder in _of(case, duty))
    return tuple(sorted(wanted, key=lambda reminder: (reminder.at, reminder.duty)))


def open_duties(case: Case) -> tuple[Duty, ...]:
    """Return the duties of the latest assessment that are not recorded as done, the most pressing first.

    A duty to people is open while somebody there waits for a message or a letter, or while a substitute notice is due.
    """
    duties = (duty for duty in case.duties if duty.standing.owed)
    return tuple(duty for duty in duties if done_at(case, duty) is None)


def deadline_alert(case: Case, reminder: Reminder, now: datetime) -> Alert:
    """Return the alert of a reminder, with the command that records the filing, or what is missing for the people."""
    duty = next(duty for duty in open_duties(case) if duty.id == reminder.duty)
    by = f"by {minute(reminder.due_at)}" if duty.due_at else "at once"
    told = f"{duty.recipient_name} must be told {by}"
    late = f"Overdue: {duty.recipient_name} should have been told {by}"
    if duty.standing is DutyStanding.MAY_APPLY:
        late = f"{duty.recipient_name} should have been told {by} if the duty applies"
    applies = " (may apply)" if duty.standing is DutyStanding.MAY_APPLY else ""
    doubt = f"{applies} (the time is assumed)" if duty.assumed else applies
    record = f"`amends duty filed {case.incident.id} {duty.id}` records it"
    if missing := why_not_done(case, duty):
        record = f"{missing}; `amends timeline {case.incident.id}` says what to do"
    what = f"{late if reminder.number == OVERDUE else told}{doubt}: {duty.law}, {duty.citation}; {record}"
    return Alert(AlertId(AlertKind.DUTY, duty.id, f"{minute(reminder.due_at)} {reminder.number}"), what, now)


def _of(case: Case, duty: Duty) -> Iterator[Reminder]:
    if duty.waits:
        return
    due_at = duty.due_at or duty.starts_at or case.opened_at
    soon, overdue = (_before(duty, duty.due_at), duty.due_at) if duty.due_at else (due_at, due_at + DAY)
    yield Reminder(duty=duty.id, number=SOON, at=soon, due_at=due_at)
    yield Reminder(duty=duty.id, number=OVERDUE, at=overdue, due_at=due_at)


def _before(duty: Duty, due_at: datetime) -> datetime:
    """Return a day before the due time, or the middle of the term when the term is less than two days."""
    if duty.starts_at and due_at - duty.starts_at < 2 * DAY:
        return duty.starts_at + (due_at - duty.starts_at) / 2
    return due_at - DAY
