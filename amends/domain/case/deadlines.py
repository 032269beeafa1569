"""Reminders of legal deadlines: a while before each, and when it has passed and nothing is recorded."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from amends.domain.base.text import minute
from amends.domain.base.value import Moment, Value
from amends.domain.case.case import Case
from amends.domain.case.filings import done_at
from amends.domain.law.duty import Duty, DutyStanding

GIVEN = "deadline "
"""Before the id of a duty: the step under which a reminder that was given is kept."""
SOON, OVERDUE = 1, 2
DAY = timedelta(days=1)


class Reminder(Value):
    """One reminder of one duty."""

    duty: str
    number: int
    """SOON before the time, OVERDUE when it has come."""
    at: Moment
    due_at: Moment

    @property
    def step(self) -> str:
        """The step under which it is kept once given; a deadline that moves is a new one."""
        return f"{GIVEN}{self.duty} {self.due_at:%Y-%m-%dT%H:%M}Z"


def reminders(case: Case) -> tuple[Reminder, ...]:
    """Those that were not given yet, the earliest first. What is due at once is reminded of at once and a day later."""
    given = {(turn.step, turn.number) for turn in case.occurrences if turn.step.startswith(GIVEN)}
    wanted = (reminder for duty in open_duties(case) for reminder in _of(case, duty))
    return tuple(sorted((r for r in wanted if (r.step, r.number) not in given), key=lambda r: (r.at, r.duty)))


def open_duties(case: Case) -> tuple[Duty, ...]:
    """The duties of the latest assessment that nobody has recorded as done, the most pressing first."""
    if case.assessment is None:
        return ()
    duties = (duty for duty in case.assessment.duties if duty.standing is not DutyStanding.EXEMPT)
    return tuple(duty for duty in duties if done_at(case, duty) is None)


def deadline_line(case: Case, reminder: Reminder) -> str:
    """The reminder in words, with what to do."""
    duty = next(duty for duty in open_duties(case) if duty.id == reminder.duty)
    by = f"by {minute(reminder.due_at)}" if duty.due_at else "at once"
    told = f"{duty.recipient_name} must be told {by}"
    late = f"Overdue: {duty.recipient_name} should have been told {by}"
    applies = " (may apply)" if duty.standing is DutyStanding.MAY_APPLY else ""
    doubt = f"{applies} (the time is assumed)" if duty.assumed else applies
    record = f"`amends duty filed {case.incident.id} {duty.id}` records it"
    return f"{late if reminder.number == OVERDUE else told}{doubt}: {duty.law}, {duty.citation}; {record}"


def _of(case: Case, duty: Duty) -> Iterator[Reminder]:
    if duty.waits:
        return
    due_at = duty.due_at or duty.starts_at or case.opened_at
    soon, overdue = (_before(duty, duty.due_at), duty.due_at) if duty.due_at else (due_at, due_at + DAY)
    yield Reminder(duty=duty.id, number=SOON, at=soon, due_at=due_at)
    yield Reminder(duty=duty.id, number=OVERDUE, at=overdue, due_at=due_at)


def _before(duty: Duty, due_at: datetime) -> datetime:
    """A day before, or at half time when there are less than two days."""
    if duty.starts_at and due_at - duty.starts_at < 2 * DAY:
        return duty.starts_at + (due_at - duty.starts_at) / 2
    return due_at - DAY
