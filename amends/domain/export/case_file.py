"""The case of an incident as one document: every number of the report, without personal data.

The report takes its numbers from the same document, so that the two cannot differ. Left out are names of members, notes
of the team, and everything that people wrote.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Literal

from amends.domain.assess.assessment import Assessment
from amends.domain.base.money import Money
from amends.domain.base.value import Moment, Texts, Value
from amends.domain.case.contacts import contacts_forecast
from amends.domain.case.filings import DutyStatus, statuses
from amends.domain.case.lawfully import LawfullyTold, told_in_all
from amends.domain.case.next_update import NextUpdate, longest_silence, next_updates
from amends.domain.case.states import IncidentState
from amends.domain.case.views.timeline import TimelineView
from amends.domain.closing.figures import case_cost
from amends.domain.export.over_time import (
    CountsByDay,
    PromisesDay,
    QuestionsDay,
    ReachDay,
    promises_by_day,
    questions_by_day,
    reach_by_day,
)
from amends.domain.feedback.load.load import ForecastDay
from amends.domain.feedback.survey.survey import SurveyResults
from amends.domain.incident.commitment import Commitment, CommitmentKind, fate
from amends.domain.incident.facts import Fact, Facts
from amends.domain.law.duty import DutyStanding
from amends.domain.notice.notice import NoticeStage, NoticeStatus, PersonState
from amends.domain.review import CaseCost
from amends.domain.risk.levels import Risk, Severity

VERSION = 1
"""The version of the document's form; it grows when a key goes or means something else, not when one is added."""
MOST_DAYS = 60
"""The days with contacts that the document has, the latest ones."""


class CaseIncident(Value):
    """The incident."""

    id: str
    title: str
    organisation: Texts
    established_in: str | None
    timezone: str
    state: IncidentState
    version: int
    """The version of the incident file."""
    opened_at: Moment


class CasePeople(Value):
    """The people of the incident, in numbers."""

    people: int
    gone: int
    """People whom a corrected list no longer has."""
    with_email: int
    with_phone: int
    with_consent: int
    told_lawfully: LawfullyTold | None
    """The people told as all laws demand that bind them; null where the laws count every message, or before anybody
    was told."""


class CaseAssessment(Value):
    """One assessment of the facts."""

    version: int
    at: Moment
    severity: Severity
    score: float
    """The score of the severity (ENISA, 0.25 to 6)."""
    risk: Risk
    tell_people: bool
    tell_authority: bool
    duties: int
    changes: tuple[str, ...]


class CaseDuty(Value):
    """A duty of the latest assessment, and whether it is done."""

    id: str
    law: str
    citation: str
    recipient: str
    standing: DutyStanding
    due_at: Moment | None
    """Null where the law says at once."""
    done_at: Moment | None
    early_by_seconds: int | None
    """Negative when the duty was done late; null without a date, or while it is not done."""
    overdue: bool
    told: LawfullyTold | None
    missing: str
    """The reason why a duty to people is not done although people were told."""


class CaseNotice(Value):
    """A notice in its latest version, with the people by state; each person is in exactly one state."""

    id: str
    version: int
    step: str
    stage: NoticeStage
    drafted_at: Moment
    sent_at: Moment | None
    approvals: int
    approvals_needed: int
    emergency: bool
    """True when the notice was released with fewer approvals than it needs."""
    people: dict[PersonState, int]
    in_all: int


class CaseNextUpdate(Value):
    """A time that people were given for the next update."""

    until: Moment
    named_by: tuple[str, ...]
    fate: str
    by: str
    """The notice that kept or replaced the time, or came too late; empty while there is none."""
    came_at: Moment | None
    late_by_seconds: int


class CaseSilence(Value):
    """The longest time between two notices with news."""

    after: str
    since: Moment
    before: str
    until: Moment
    seconds: int


class CasePromise(Value):
    """A commitment, in the words that customers read."""

    id: str
    kind: CommitmentKind
    promise: Texts
    audience: str
    state: str
    """open, kept, late or dropped: what those promised are told."""
    made_in: str
    due_at: Moment
    new_due_at: Moment | None
    settled_at: Moment | None
    evidence: Texts


class TopicCounts(Value):
    """The questions of one topic."""

    topic: str
    asked: int
    open: int


class CaseQuestions(Value):
    """The questions of the case, in numbers."""

    asked: int
    open: int
    overdue: int
    topics: tuple[TopicCounts, ...]


class DocumentFormat(StrEnum):
    """The name of the document's form."""

    CASE = "amends-case"


class CaseFile(Value):
    """The whole case as one document."""

    format: Literal[DocumentFormat.CASE] = DocumentFormat.CASE
    format_version: Literal[1] = 1
    written_by: str
    """The program and its version."""
    written_at: Moment
    incident: CaseIncident
    people: CasePeople
    facts: Facts
    """The facts with their certainty, without the team's notes."""
    events: dict[str, Moment]
    """The events of the case that a playbook can name, steps included, and when each happened."""
    assessments: tuple[CaseAssessment, ...]
    duties: tuple[CaseDuty, ...]
    notices: tuple[CaseNotice, ...]
    reach_by_day: tuple[ReachDay, ...]
    next_updates: tuple[CaseNextUpdate, ...]
    longest_silence: CaseSilence | None
    promises: tuple[CasePromise, ...]
    promises_by_day: tuple[PromisesDay, ...]
    cost: CaseCost
    questions: CaseQuestions
    questions_by_day: tuple[QuestionsDay, ...]
    contacts: tuple[ForecastDay, ...]
    """The latest days with contacts, or that were to have one: told, seen and expected."""
    surveys: tuple[SurveyResults, ...]


def case_file(
    case: TimelineView,
    by_day: CountsByDay,
    assessments: Iterable[Assessment],
    now: datetime,
    written_by: str,
    other_costs: Iterable[Money] = (),
) -> CaseFile:
    """Return the case as of now as a document; `other_costs` are what the team stated in a review."""
    return CaseFile(
        written_by=written_by,
        written_at=now,
        incident=_incident(case),
        people=_people(case),
        facts=without_notes(case.incident.facts),
        events=case.named_events,
        assessments=tuple(map(_assessment, assessments)),
        duties=tuple(map(_duty, statuses(case, now))),
        notices=tuple(map(_notice, case.notices)),
        reach_by_day=reach_by_day(by_day.reached),
        next_updates=tuple(_next_update(next_update, now) for next_update in next_updates(case, now)),
        longest_silence=_silence(case, now),
        promises=tuple(_promise(commitment, now) for commitment in case.commitments),
        promises_by_day=promises_by_day(case, now),
        cost=case_cost(case, other_costs),
        questions=_questions(case),
        questions_by_day=questions_by_day(by_day.questions),
        contacts=_contacts(case, now),
        surveys=case.surveys,
    )


def without_notes(facts: Facts) -> Facts:
    """Return the facts without the team's notes on them."""
    return Facts.model_validate({name: _without_note(getattr(facts, name)) for name in Facts.model_fields})


def _without_note(fact: Fact[object]) -> dict[str, object]:
    value = fact.value
    if isinstance(value, tuple):
        value = tuple(_without_note(one) if isinstance(one, Fact) else one for one in value)
    return {"value": value, "certainty": fact.certainty, "at": fact.at}


def _incident(case: TimelineView) -> CaseIncident:
    incident, organisation = case.incident, case.incident.organisation
    return CaseIncident(
        id=incident.id,
        title=incident.title,
        organisation=organisation.name,
        established_in=organisation.established_in,
        timezone=organisation.timezone,
        state=case.state,
        version=case.version,
        opened_at=case.opened_at,
    )


def _people(case: TimelineView) -> CasePeople:
    counted = case.audience
    return CasePeople(
        people=counted.people,
        gone=counted.gone,
        with_email=counted.with_email,
        with_phone=counted.with_phone,
        with_consent=counted.with_consent,
        told_lawfully=told_in_all(case),
    )


def _assessment(one: Assessment) -> CaseAssessment:
    return CaseAssessment(
        version=one.version,
        at=one.at,
        severity=one.band,
        score=one.severity.score,
        risk=one.risk,
        tell_people=one.tell_people,
        tell_authority=one.notify_authority,
        duties=len(one.duties),
        changes=one.changes,
    )


def _duty(one: DutyStatus) -> CaseDuty:
    duty = one.duty
    return CaseDuty(
        id=duty.id,
        law=duty.law,
        citation=duty.citation,
        recipient=duty.recipient_name,
        standing=duty.standing,
        due_at=duty.due_at,
        done_at=one.done_at,
        early_by_seconds=_seconds(one.early_by) if one.early_by is not None else None,
        overdue=one.overdue,
        told=one.told,
        missing=one.missing,
    )


def _notice(one: NoticeStatus) -> CaseNotice:
    return CaseNotice(
        id=one.id,
        version=one.version,
        step=one.step,
        stage=one.stage,
        drafted_at=one.drafted_at,
        sent_at=one.sent_at,
        approvals=len(one.approvals),
        approvals_needed=one.approvals_needed,
        emergency=one.standing.emergency is not None,
        people=_in_each_state(one.people),
        in_all=sum(one.people.values()),
    )


def _in_each_state(people: Mapping[PersonState, int]) -> dict[PersonState, int]:
    return {state: people.get(state, 0) for state in PersonState}


def _next_update(one: NextUpdate, now: datetime) -> CaseNextUpdate:
    return CaseNextUpdate(
        until=one.until,
        named_by=one.named_by,
        fate=one.fate,
        by=one.by,
        came_at=one.came_at,
        late_by_seconds=_seconds(one.late_by(now)),
    )


def _silence(case: TimelineView, now: datetime) -> CaseSilence | None:
    found = longest_silence(case, now)
    if found is None:
        return None
    return CaseSilence(**found.model_dump(), seconds=_seconds(found.length))


def _promise(one: Commitment, now: datetime) -> CasePromise:
    return CasePromise(
        id=one.id,
        kind=one.kind,
        promise=one.promise,
        audience=one.audience,
        state=fate(one, now),
        made_in=one.made_in,
        due_at=one.due_at,
        new_due_at=one.new_due_at,
        settled_at=one.settled_at,
        evidence=one.evidence,
    )


def _questions(case: TimelineView) -> CaseQuestions:
    found = case.questions
    topics = (
        TopicCounts(topic=topic, asked=asked, open=found.open_by_topic.get(topic, 0))
        for topic, asked in found.by_topic.items()
    )
    return CaseQuestions(asked=found.asked, open=found.open, overdue=found.overdue, topics=tuple(topics))


def _contacts(case: TimelineView, now: datetime) -> tuple[ForecastDay, ...]:
    """Return the latest days from the first notice until now that had contacts or were to have one."""
    days = contacts_forecast(case, now, timedelta()) if case.contacts else ()
    return tuple(day for day in days if day.seen or day.told or day.expected >= 1)[-MOST_DAYS:]


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())


def first_day(days: Iterable[ReachDay | QuestionsDay | PromisesDay]) -> date | None:
    """Return the earliest of these days, or None without any."""
    return min((day.day for day in days), default=None)
