"""What is to be rehearsed, and what a rehearsal found: numbers and times, never anybody's data."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

from pydantic import Field

from amends.domain.base.text import minute
from amends.domain.base.value import Moment, Span, Value
from amends.domain.case.case import Case, IncidentState
from amends.domain.case.filings import DutyStatus, statuses
from amends.domain.channel.channel import ChannelKind
from amends.domain.feedback.question import Question
from amends.domain.incident.commitment import Commitment, CommitmentState
from amends.domain.law.duty import DutyStanding
from amends.domain.notice.notice import NoticeStage, NoticeStatus, PersonState
from amends.domain.playbook.playbook import Event, Phase

ORDER, FOUND = "order.json", "rehearsed.json"
"""The files by which a rehearsal's process is told what to do, and tells what it found."""
MOST_DAYS = 400


class TeamTimes(Value):
    """How quick the simulated team is."""

    approve_after: Span = Span(hours=2)
    """From the draft to an approver's word."""
    deputy_after: Span = Span(hours=6)
    """So much later a deputy decides for somebody who has not."""
    file_after: Span = Span(hours=20)
    """From knowing of a duty to filing it; earlier where the law asks for it."""
    answer_after: Span = Span(hours=6)
    """From a question to its answer, when nobody else has asked."""
    answers_a_day: int = Field(default=120, ge=1)
    """How many answers the team can write in a day."""
    resume_after: Span = Span(hours=2)
    """From a stop by itself until the lead has looked and lets it go on."""
    keep_before: Span = Span(days=1)
    """So long before its date a promise is kept, or put off."""


class Order(Value):
    """A rehearsal as it is asked for."""

    playbook: Path
    incident: Path
    audience: Path
    injects: tuple[Path, ...] = ()
    days: int = Field(default=60, ge=1, le=MOST_DAYS)
    start: Moment | None = None
    """When the incident is opened; left out, an hour after the last thing that its file says happened."""
    encoding: str | None = None
    allow_bad_rows: bool = False
    seed: int = 1
    team: TeamTimes = TeamTimes()


class RehearsedOutcome(StrEnum):
    """What became of something that had a time."""

    MET = "met"
    LATE = "late"
    MISSED = "missed"
    """Its time has passed, and it is not done."""
    OPEN = "open"
    """Its time has not come."""

    @property
    def bad(self) -> bool:
        """A time was not kept."""
        return self in (RehearsedOutcome.LATE, RehearsedOutcome.MISSED)


class ChannelNumbers(Value):
    """The messages of a notice on one channel."""

    channel: ChannelKind
    arrived: int = 0
    refused: int = 0
    first_at: Moment | None = None
    last_at: Moment | None = None


class Noticed(Value):
    """One notice: when it was drafted, approved and sent, and how its people stand."""

    id: str
    template: str
    step: str
    stands: str
    drafted_at: Moment
    """The first version."""
    approved_at: Moment | None = None
    first_at: Moment | None = None
    """When the first message of it arrived anywhere."""
    sent_at: Moment | None = None
    approved_by: tuple[str, ...] = ()
    next_news_at: Moment | None = None
    people: dict[PersonState, int] = {}
    not_told: int = 0
    """People of its audience who have no message of it."""
    channels: tuple[ChannelNumbers, ...] = ()

    @property
    def forgets_people(self) -> bool:
        """It has not all gone, and some have no message of it; what went out before they were found counts as gone."""
        return self.not_told > 0 and self.stands != NoticeStage.SENT

    @property
    def left_waiting(self) -> int:
        """How many people wait in the end for a notice that others have got."""
        stuck = self.first_at is not None and self.stands != NoticeStage.SENT
        return self.people.get(PersonState.WAITING, 0) if stuck else 0

    @property
    def waited(self) -> timedelta | None:
        """How long it lay with its approvers."""
        return self.approved_at - self.drafted_at if self.approved_at else None


class Deadline(Value):
    """A legal duty, and what became of it."""

    duty: str
    recipient: str
    law: str
    due_at: Moment | None
    done_at: Moment | None
    outcome: RehearsedOutcome
    may_apply: bool = False
    """A person must judge whether it applies."""
    assumed: bool = False
    """The start of its clock is assumed."""


class NamedTime(Value):
    """A time that a notice named for the next news, and when these came."""

    notice: str
    named: Moment
    next_notice: str = ""
    came_at: Moment | None = None
    outcome: RehearsedOutcome


class RehearsedSilence(Value):
    """A time in which people heard nothing."""

    after: str
    since: Moment
    until: Moment
    before: str

    @property
    def length(self) -> timedelta:
        return self.until - self.since


class QuestionNumbers(Value):
    """The questions, in numbers."""

    asked: int = 0
    complaints: int = 0
    answered: int = 0
    late: int = 0
    """Answered after the reply was due."""
    open: int = 0
    overdue: int = 0
    """Open although the reply was due."""
    longest: timedelta | None = None
    """From a question to its answer."""


class RehearsedCommitment(Value):
    """A promise, and what became of it."""

    id: str
    owner: str
    due_at: Moment
    new_due_at: Moment | None = None
    settled_at: Moment | None = None
    outcome: RehearsedOutcome
    told: bool = True
    """Those promised have heard of its fate."""


class Happening(Value):
    """Something that an inject did, or that the team did or could not do."""

    at: Moment
    what: str


class RehearsalReport(Value):
    """The report of a rehearsal."""

    incident: str
    title: str
    organisation: str
    timezone: str
    playbook: str
    injects: str
    people: int
    days: int
    start: Moment
    end: Moment
    state: IncidentState
    events: dict[str, Moment]
    notices: tuple[Noticed, ...]
    deadlines: tuple[Deadline, ...]
    named_times: tuple[NamedTime, ...]
    silences: tuple[RehearsedSilence, ...] = ()
    """The longest first."""
    questions: QuestionNumbers
    commitments: tuple[RehearsedCommitment, ...]
    injected: tuple[Happening, ...] = ()
    """What the injects did."""
    team: tuple[Happening, ...] = ()
    """What the simulated team did."""
    troubles: tuple[Happening, ...] = ()
    """What did not go as it should."""
    occurrences: int
    messages: int
    twice: int
    """Messages that arrived more than once; must be 0."""
    ledger_faults: tuple[str, ...] = ()
    """What is wrong with the audit chain or the counts; must be empty."""

    @property
    def bad(self) -> int:
        """How many times were not kept."""
        timed: tuple[Sequence[Deadline | NamedTime | RehearsedCommitment], ...] = (
            self.deadlines,
            self.named_times,
            self.commitments,
        )
        kept_badly = sum(one.outcome.bad for listed in timed for one in listed)
        forgotten = sum(notice.forgets_people or notice.left_waiting > 0 for notice in self.notices)
        return kept_badly + forgotten + self.questions.late + self.questions.overdue


def outcome(due_at: datetime | None, done_at: datetime | None, now: datetime) -> RehearsedOutcome:
    """Met, late, missed or open; without a date it is met as soon as it is done."""
    if done_at is not None:
        return RehearsedOutcome.LATE if due_at and done_at > due_at else RehearsedOutcome.MET
    return RehearsedOutcome.MISSED if due_at and due_at < now else RehearsedOutcome.OPEN


def deadlines(case: Case, now: datetime) -> tuple[Deadline, ...]:
    """Every duty that is not exempt, the first one due first."""
    listed = (one for one in statuses(case, now) if one.duty.standing is not DutyStanding.EXEMPT)
    return tuple(_deadline(one, now) for one in sorted(listed, key=lambda one: (one.duty.pressure, one.duty.id)))


def _deadline(status: DutyStatus, now: datetime) -> Deadline:
    duty = status.duty
    due_at = None if duty.waits else duty.due_at
    return Deadline(
        duty=duty.id,
        recipient=duty.recipient_name,
        law=f"{duty.law}, {duty.citation}",
        due_at=due_at,
        done_at=status.done_at,
        outcome=outcome(due_at, status.done_at, now),
        may_apply=duty.standing is DutyStanding.MAY_APPLY,
        assumed=bool(duty.assumed),
    )


def named_times(case: Case, now: datetime, first_at: dict[str, datetime]) -> tuple[NamedTime, ...]:
    """Each time that a notice named for the next news, held against the news that came."""
    news = [notice for notice in case.notices if notice.id in first_at and tells_news(case, notice)]
    told = sorted(news, key=lambda notice: first_at[notice.id])
    return tuple(_named(notice, told, now, first_at) for notice in told if notice.next_news_at)


def _named(notice: NoticeStatus, told: list[NoticeStatus], now: datetime, first_at: dict[str, datetime]) -> NamedTime:
    named, since = notice.next_news_at or now, first_at[notice.id]
    following = next((one for one in told if first_at[one.id] > since), None)
    came_at = first_at[following.id] if following else None
    return NamedTime(
        notice=notice.id,
        named=named,
        next_notice=following.id if following else "",
        came_at=came_at,
        outcome=outcome(named, came_at, now),
    )


def tells_news(case: Case, notice: NoticeStatus) -> bool:
    """All but invitations to a survey and notices about one promise."""
    if case.playbook is None:
        return False
    phases = {step.id: step.phase for step in case.playbook.steps}
    return phases.get(notice.step) not in (Phase.COLLECT_FEEDBACK, Phase.FOLLOW_UP)


def silences(case: Case, start: datetime, now: datetime, first_at: dict[str, datetime]) -> tuple[RehearsedSilence, ...]:
    """Between what people heard, from the opening until the closing notice or the end; the longest first."""
    end = case.events.get(Event.CLOSED, now)
    heard = sorted((at, notice) for notice, at in first_at.items() if at <= end)
    marks = [(start, Event.OPENED.value), *heard]
    if case.state is not IncidentState.CLOSED:
        marks.append((now, "the end of the rehearsal"))
    found = (
        RehearsedSilence(after=after, since=since, until=until, before=before)
        for (since, after), (until, before) in pairwise(marks)
        if until > since
    )
    return tuple(sorted(found, key=lambda silence: silence.since - silence.until))


def asked(questions: Iterable[Question], complaints: int, now: datetime) -> QuestionNumbers:
    """The questions in numbers."""
    listed = tuple(questions)
    answered = [(one, one.answered_at) for one in listed if one.answered_at]
    waiting = [one for one in listed if one.answered_at is None]
    return QuestionNumbers(
        asked=len(listed),
        complaints=complaints,
        answered=len(answered),
        late=sum(at > one.reply_due_at for one, at in answered),
        open=len(waiting),
        overdue=sum(one.overdue(now) for one in waiting),
        longest=max((at - one.asked_at for one, at in answered), default=None),
    )


def rehearsed_commitments(case: Case, now: datetime) -> tuple[RehearsedCommitment, ...]:
    """Every promise; one that was put off is late by the date that people were given first."""
    return tuple(_promised(case, one, now) for one in case.commitments)


def _promised(case: Case, promise: Commitment, now: datetime) -> RehearsedCommitment:
    kept_at = promise.settled_at if promise.state is CommitmentState.KEPT else None
    put_off = promise.new_due_at is not None or promise.state is CommitmentState.DROPPED
    found = outcome(promise.new_due_at or promise.due_at, kept_at, now)
    return RehearsedCommitment(
        id=promise.id,
        owner=promise.owner,
        due_at=promise.due_at,
        new_due_at=promise.new_due_at,
        settled_at=promise.settled_at,
        outcome=RehearsedOutcome.LATE if put_off and not found.bad else found,
        told=promise.id not in case.untold,
    )


def what_was_not_kept(report: RehearsalReport) -> Iterator[str]:
    """Whoever was never told, and every time that was not kept, in words, the legal ones first."""
    for notice in report.notices:
        if notice.forgets_people:
            who = "1 person has" if notice.not_told == 1 else f"{notice.not_told} people have"
            yield f"{who} no message of {notice.id}, which stands {notice.stands} in the end"
        if notice.left_waiting:
            who = "1 person still waits" if notice.left_waiting == 1 else f"{notice.left_waiting} people still wait"
            yield f"{who} for {notice.id}, which stands {notice.stands} in the end"
    yield from (_deadline_missed(one) for one in report.deadlines if one.outcome.bad)
    yield from (_named_time_missed(one) for one in report.named_times if one.outcome.bad)
    yield from (_promise_missed(one) for one in report.commitments if one.outcome.bad)
    if late := report.questions.late:
        yield f"{late} questions were answered late"
    if overdue := report.questions.overdue:
        yield f"{overdue} questions are overdue and have no answer"


def _deadline_missed(one: Deadline) -> str:
    return f"{one.recipient} ({one.duty}): due {_at(one.due_at)}, {_done(one.done_at)}"


def _named_time_missed(one: NamedTime) -> str:
    came = f"{one.next_notice} came {_at(one.came_at)}" if one.came_at else "nothing came"
    return f"next news named in {one.notice} for {_at(one.named)}: {came}"


def _promise_missed(one: RehearsedCommitment) -> str:
    return f"promise {one.id}: due {_at(one.due_at)}, {_kept(one)}"


def _at(moment: datetime | None) -> str:
    return minute(moment) if moment else "at once"


def _done(moment: datetime | None) -> str:
    return f"done {_at(moment)}" if moment else "not done"


def _kept(promise: RehearsedCommitment) -> str:
    if promise.settled_at:
        return f"settled {_at(promise.settled_at)}"
    return f"put off to {_at(promise.new_due_at)}" if promise.new_due_at else "not kept"
