"""Counts of a case by day: people reached, questions asked and answered, commitments by their state."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from amends.domain.base.value import Value
from amends.domain.case.case import Case
from amends.domain.incident.commitment import FATES, IS_LATE, Commitment, CommitmentState, fate


class ReachedOn(Value):
    """The people whom a notice reached on one day, by the last receipt of the first message that reached each."""

    notice: str
    day: date
    people: int


class AskedOn(Value):
    """The questions that were asked and answered on one day."""

    day: date
    asked: int = 0
    answered: int = 0
    """Questions whose newest answer is of this day; one that was asked again is not answered."""


class CountsByDay(Value):
    """The counts of a case by day, on the organisation's calendar; only days with a count."""

    reached: tuple[ReachedOn, ...] = ()
    """By notice, and then by day."""
    questions: tuple[AskedOn, ...] = ()


class ReachDay(Value):
    """The reach of one notice at the end of a day on which it grew."""

    notice: str
    day: date
    reached: int
    in_all: int
    """People whom the notice had reached by the end of the day."""


class QuestionsDay(Value):
    """The questions of one day, and those without an answer at its end."""

    day: date
    asked: int
    answered: int
    open: int


class PromisesDay(Value):
    """The commitments by their state at the end of a day on which a state changed."""

    day: date
    states: dict[str, int]


def reach_by_day(found: Iterable[ReachedOn]) -> tuple[ReachDay, ...]:
    """Return the days on which each notice reached people, with the people reached until then."""
    so_far: Counter[str] = Counter()
    days = []
    for one in sorted(found, key=lambda one: (one.notice, one.day)):
        so_far[one.notice] += one.people
        days.append(ReachDay(notice=one.notice, day=one.day, reached=one.people, in_all=so_far[one.notice]))
    return tuple(days)


def questions_by_day(found: Iterable[AskedOn]) -> tuple[QuestionsDay, ...]:
    """Return the days with questions or answers, with the questions open at the end of each.

    An answer that bears an earlier day than its question counts on that day, so the number may be negative there.
    """
    waiting, days = 0, []
    for one in sorted(found, key=lambda one: one.day):
        waiting += one.asked - one.answered
        days.append(QuestionsDay(day=one.day, asked=one.asked, answered=one.answered, open=waiting))
    return tuple(days)


def promises_by_day(case: Case, now: datetime) -> tuple[PromisesDay, ...]:
    """Return the days on which the state of a commitment changed until now, the last one today.

    Of an earlier day, a commitment counts as late from the end of the day for which it was promised first.
    """
    zone = case.calendar.zone
    made = {commitment.id: _made_at(case, commitment) for commitment in case.commitments}
    moments = [
        at
        for commitment in case.commitments
        for at in (made[commitment.id], commitment.due_at, commitment.settled_at)
        if at
    ]
    today = now.astimezone(zone).date()
    days = sorted({today, *(at.astimezone(zone).date() for at in moments)}) if case.commitments else []
    by_day = [PromisesDay(day=day, states=_states(case, made, day, zone)) for day in days if day < today]
    if days:
        by_day.append(PromisesDay(day=today, states=_counted(fate(commitment, now) for commitment in case.commitments)))
    return tuple(by_day)


def end_of(day: date, zone: ZoneInfo) -> datetime:
    """Return the end of the day in the zone, in UTC."""
    return datetime.combine(day + timedelta(days=1), time(0), zone).astimezone(UTC)


def _made_at(case: Case, commitment: Commitment) -> datetime:
    """Return when the first people could read of the commitment, else when it was added."""
    notice = case.notice(commitment.made_in) if commitment.made_in else None
    if notice and notice.releases:
        return notice.releases[0].at
    return commitment.added_at or case.opened_at


def _states(case: Case, made: dict[str, datetime], day: date, zone: ZoneInfo) -> dict[str, int]:
    end = end_of(day, zone)
    return _counted(_state_at(commitment, end) for commitment in case.commitments if made[commitment.id] < end)


def _state_at(commitment: Commitment, end: datetime) -> str:
    if commitment.settled_at and commitment.settled_at < end:
        return commitment.state.value
    return IS_LATE if commitment.due_at < end else CommitmentState.OPEN.value


def _counted(states: Iterable[str]) -> dict[str, int]:
    """Return the number of commitments in each state, states that none has included."""
    found = Counter(states)
    return {**dict.fromkeys(map(str, FATES), 0), **found}
