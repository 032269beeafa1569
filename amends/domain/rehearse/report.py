"""The order of a rehearsal, and its report: numbers and times, never personal data."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

from pydantic import Field

from amends.domain.base.text import minute
from amends.domain.base.value import Locale, Moment, Span, Value
from amends.domain.case.case import Case
from amends.domain.case.filings import DutyStatus, statuses
from amends.domain.case.lawfully import LawfullyTold
from amends.domain.case.states import IncidentState
from amends.domain.channel.channel import ChannelKind
from amends.domain.feedback.question import Question
from amends.domain.incident.commitment import NOT_KEPT, Commitment, CommitmentState
from amends.domain.law.duty import DutyStanding
from amends.domain.notice.notice import NoticeStage, NoticeStatus, PersonState
from amends.domain.playbook.playbook import Event, Phase

ORDER, FOUND = "order.json", "rehearsed.json"
"""The files that a rehearsal's process reads its order from, and writes its report to."""
MOST_DAYS = 400


class TeamTimes(Value):
    """The speed of the simulated team."""

    approve_after: Span = Span(hours=2)
    """The time from a draft to an approver's decision."""
    deputy_after: Span = Span(hours=6)
    """The further time after which a deputy decides for a member who has not."""
    file_after: Span = Span(hours=20)
    """The time from knowing of a duty to its filing; less where the law asks for it."""
    answer_after: Span = Span(hours=6)
    """The time from a question to its answer, when no other question waits."""
    answers_a_day: int = Field(default=120, ge=1)
    """The most answers that the team can write in a day."""
    resume_after: Span = Span(hours=2)
    """The time from an automatic stop until the lead has looked and resumes sending."""
    keep_before: Span = Span(days=1)
    """The time before its date at which a commitment is kept, or put off."""


class Order(Value):
    """The order of a rehearsal: its files, its length and its team."""

    playbook: Path
    incident: Path
    audience: Path
    injects: tuple[Path, ...] = ()
    days: int = Field(default=60, ge=1, le=MOST_DAYS)
    start: Moment | None = None
    """The time at which the incident is opened; left out, an hour after the last event of the incident file."""
    encoding: str | None = None
    allow_bad_rows: bool = False
    rules: dict[Locale, Locale] = {}
    """The locale in which people are written to for whose own there are no words, by their locale."""
    seed: int = 1
    team: TeamTimes = TeamTimes()


class RehearsedOutcome(StrEnum):
    """The outcome of a duty, a commitment or a next update that had a time."""

    MET = "met"
    LATE = "late"
    MISSED = "missed"
    """The time has passed, and nothing is done."""
    OPEN = "open"
    """The time has not come."""

    @property
    def bad(self) -> bool:
        """Return True when the time was not kept."""
        return self in (RehearsedOutcome.LATE, RehearsedOutcome.MISSED)


class ChannelNumbers(Value):
    """The messages of a notice on one channel."""

    channel: ChannelKind
    arrived: int = 0
    refused: int = 0
    first_at: Moment | None = None
    last_at: Moment | None = None


class Noticed(Value):
    """One notice: the times at which it was drafted, approved and sent, and the states of its people."""

    id: str
    template: str
    step: str
    stands: str
    drafted_at: Moment
    """The time of the first version."""
    approved_at: Moment | None = None
    first_at: Moment | None = None
    """The time at which the first message of the notice arrived anywhere."""
    sent_at: Moment | None = None
    approved_by: tuple[str, ...] = ()
    next_news_at: Moment | None = None
    people: dict[PersonState, int] = {}
    not_told: int = 0
    """The number of people of the audience who have no message of the notice."""
    channels: tuple[ChannelNumbers, ...] = ()

    @property
    def forgets_people(self) -> bool:
        """Return True when the notice is not sent and some people have no message of it.

        A notice that was sent before these people were found does not count.
        """
        return self.not_told > 0 and self.stands != NoticeStage.SENT

    @property
    def left_waiting(self) -> int:
        """Return the number of people who wait at the end for a notice that other people have."""
        stuck = self.first_at is not None and self.stands != NoticeStage.SENT
        return self.people.get(PersonState.WAITING, 0) if stuck else 0

    @property
    def waited(self) -> timedelta | None:
        """Return the time from the first draft to the approval, or None without an approval."""
        return self.approved_at - self.drafted_at if self.approved_at else None


class Deadline(Value):
    """A legal duty, and its outcome."""

    duty: str
    recipient: str
    law: str
    due_at: Moment | None
    done_at: Moment | None
    outcome: RehearsedOutcome
    may_apply: bool = False
    """True when a person must judge whether the duty applies."""
    assumed: bool = False
    """True when the start of the duty's term is assumed."""
    told: LawfullyTold | None = None
    """The people told as the duty demands; None when its law counts every message."""
    missing: str = ""
    """The reason why a duty to people is not done although people were told, in words; else empty."""

    @property
    def is_owed(self) -> bool:
        """Return True when some people were told only by messages that do not count, and no due time has passed."""
        told_otherwise = self.told is not None and self.told.unlawfully > 0
        return told_otherwise and self.done_at is None and self.outcome is RehearsedOutcome.OPEN


class NamedTime(Value):
    """A time that a notice named for the next news, and the time at which the news came."""

    notice: str
    named: Moment
    next_notice: str = ""
    came_at: Moment | None = None
    outcome: RehearsedOutcome


class RehearsedSilence(Value):
    """A time in which people were told nothing."""

    after: str
    since: Moment
    until: Moment
    before: str

    @property
    def length(self) -> timedelta:
        return self.until - self.since


class QuestionNumbers(Value):
    """Counts of the questions."""

    asked: int = 0
    complaints: int = 0
    answered: int = 0
    late: int = 0
    """Questions answered after the reply was due."""
    open: int = 0
    overdue: int = 0
    """Open questions whose reply was due."""
    longest: timedelta | None = None
    """The longest time from a question to its answer; None without an answer."""


class RehearsedCommitment(Value):
    """A commitment, and its outcome."""

    id: str
    owner: str
    due_at: Moment
    new_due_at: Moment | None = None
    settled_at: Moment | None = None
    outcome: RehearsedOutcome
    told: bool = True
    """True when the people to whom the commitment was made know its last change."""


class Happening(Value):
    """One act of an inject or of the team, or a failure of the team."""

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
    told: LawfullyTold | None = None
    """The people told as all duties demand that bind them; None where the laws count every message."""
    named_times: tuple[NamedTime, ...]
    silences: tuple[RehearsedSilence, ...] = ()
    """Silences in order, the longest first."""
    questions: QuestionNumbers
    commitments: tuple[RehearsedCommitment, ...]
    injected: tuple[Happening, ...] = ()
    """Acts of the injects."""
    team: tuple[Happening, ...] = ()
    """Acts of the simulated team."""
    troubles: tuple[Happening, ...] = ()
    """Failures during the rehearsal."""
    occurrences: int
    messages: int
    twice: int
    """Messages that arrived more than once; must be 0."""
    ledger_faults: tuple[str, ...] = ()
    """Faults of the audit chain or of the counts; must be empty."""

    @property
    def bad(self) -> int:
        """Count the times that were not kept, and the notices that did not reach all their people."""
        timed: tuple[Sequence[Deadline | NamedTime | RehearsedCommitment], ...] = (
            self.deadlines,
            self.named_times,
            self.commitments,
        )
        not_kept = sum(one.outcome.bad for listed in timed for one in listed)
        forgotten = sum(notice.forgets_people or notice.left_waiting > 0 for notice in self.notices)
        owed = sum(deadline.is_owed for deadline in self.deadlines)
        return not_kept + owed + forgotten + self.questions.late + self.questions.overdue


def outcome(due_at: datetime | None, done_at: datetime | None, now: datetime) -> RehearsedOutcome:
    """Return the outcome at `now`; without a due time it is met as soon as `done_at` is set."""
    if done_at is not None:
        return RehearsedOutcome.LATE if due_at and done_at > due_at else RehearsedOutcome.MET
    return RehearsedOutcome.MISSED if due_at and due_at < now else RehearsedOutcome.OPEN


def deadlines(case: Case, now: datetime) -> tuple[Deadline, ...]:
    """Return every duty that is owed, the most pressing first."""
    listed = (status for status in statuses(case, now) if status.duty.standing.owed)
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
        told=status.told,
        missing=status.missing,
    )


def named_times(case: Case, now: datetime, first_at: dict[str, datetime]) -> tuple[NamedTime, ...]:
    """Return each time that a notice named for the next news, with the news that came.

    `first_at` holds the time of the first message of each notice, by the notice's id.
    """
    news = [notice for notice in case.notices if notice.id in first_at and tells_news(case, notice)]
    in_order = sorted(news, key=lambda notice: first_at[notice.id])
    return tuple(_named(notice, in_order, now, first_at) for notice in in_order if notice.next_news_at)


def _named(notice: NoticeStatus, news: list[NoticeStatus], now: datetime, first_at: dict[str, datetime]) -> NamedTime:
    named, since = notice.next_news_at or now, first_at[notice.id]
    following = next((one for one in news if first_at[one.id] > since), None)
    came_at = first_at[following.id] if following else None
    return NamedTime(
        notice=notice.id,
        named=named,
        next_notice=following.id if following else "",
        came_at=came_at,
        outcome=outcome(named, came_at, now),
    )


def tells_news(case: Case, notice: NoticeStatus) -> bool:
    """Return False for an invitation to a survey and for a notice about one commitment, which hold no news."""
    if case.playbook is None:
        return False
    phases = {step.id: step.phase for step in case.playbook.steps}
    return phases.get(notice.step) not in (Phase.COLLECT_FEEDBACK, Phase.FOLLOW_UP)


def silences(case: Case, start: datetime, now: datetime, first_at: dict[str, datetime]) -> tuple[RehearsedSilence, ...]:
    """Return the times between notices, from the opening until the closing notice or the end; the longest first."""
    end = case.events.get(Event.CLOSED, now)
    notices = sorted((at, notice) for notice, at in first_at.items() if at <= end)
    moments = [(start, Event.OPENED.value), *notices]
    if case.state is not IncidentState.CLOSED:
        moments.append((now, "the end of the rehearsal"))
    found = (
        RehearsedSilence(after=after, since=since, until=until, before=before)
        for (since, after), (until, before) in pairwise(moments)
        if until > since
    )
    return tuple(sorted(found, key=lambda silence: silence.since - silence.until))


def asked(questions: Iterable[Question], complaints: int, now: datetime) -> QuestionNumbers:
    """Return the counts of the questions at `now`."""
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
    """Return every commitment with its outcome; one that was put off or dropped is late at best."""
    return tuple(_rehearsed(case, commitment, now) for commitment in case.commitments)


def _rehearsed(case: Case, commitment: Commitment, now: datetime) -> RehearsedCommitment:
    kept_at = commitment.settled_at if commitment.state is CommitmentState.KEPT else None
    put_off = commitment.new_due_at is not None or commitment.state in NOT_KEPT
    found = outcome(commitment.new_due_at or commitment.due_at, kept_at, now)
    return RehearsedCommitment(
        id=commitment.id,
        owner=commitment.owner,
        due_at=commitment.due_at,
        new_due_at=commitment.new_due_at,
        settled_at=commitment.settled_at,
        outcome=RehearsedOutcome.LATE if put_off and not found.bad else found,
        told=commitment.id not in case.untold,
    )


def what_was_not_kept(report: RehearsalReport) -> Iterator[str]:
    """Yield, in words, the people who were never told, and then each time that was not kept, legal deadlines first."""
    for notice in report.notices:
        if notice.forgets_people:
            who = "1 person has" if notice.not_told == 1 else f"{notice.not_told} people have"
            yield f"{who} no message of {notice.id}, which stands {notice.stands} in the end"
        if notice.left_waiting:
            who = "1 person still waits" if notice.left_waiting == 1 else f"{notice.left_waiting} people still wait"
            yield f"{who} for {notice.id}, which stands {notice.stands} in the end"
    yield from (_deadline_missed(deadline) for deadline in report.deadlines if deadline.outcome.bad or deadline.is_owed)
    yield from (_named_time_missed(named_time) for named_time in report.named_times if named_time.outcome.bad)
    yield from (_commitment_missed(commitment) for commitment in report.commitments if commitment.outcome.bad)
    if late := report.questions.late:
        yield f"{late} questions were answered late"
    if overdue := report.questions.overdue:
        yield f"{overdue} questions are overdue and have no answer"


def _deadline_missed(one: Deadline) -> str:
    why = f": {one.missing}" if one.missing else ""
    return f"{one.recipient} ({one.duty}): due {_at(one.due_at)}, {_done(one.done_at)}{why}"


def _named_time_missed(one: NamedTime) -> str:
    came = f"{one.next_notice} came {_at(one.came_at)}" if one.came_at else "nothing came"
    return f"next news named in {one.notice} for {_at(one.named)}: {came}"


def _commitment_missed(one: RehearsedCommitment) -> str:
    return f"promise {one.id}: due {_at(one.due_at)}, {_kept(one)}"


def _at(moment: datetime | None) -> str:
    return minute(moment) if moment else "at once"


def _done(moment: datetime | None) -> str:
    return f"done {_at(moment)}" if moment else "not done"


def _kept(commitment: RehearsedCommitment) -> str:
    if commitment.settled_at:
        return f"settled {_at(commitment.settled_at)}"
    return f"put off to {_at(commitment.new_due_at)}" if commitment.new_due_at else "not kept"
