"""The trial of templates: each is rendered in the states that a notice may find, so that none fails for the first time
at night.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import product
from typing import Any

from pydantic import BaseModel

from amends.domain.assess.assessment import Tone
from amends.domain.base.audience import EVERYONE, Audience, Everyone, NoLonger, ToldOtherwise
from amends.domain.base.errors import ContentError, Finding
from amends.domain.base.value import nearest_locale
from amends.domain.case.next_update import Fate, NextUpdate
from amends.domain.case.views.draft import DraftView
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import PageVersion
from amends.domain.draft.draft import KEPT, LATE, MADE, REMINDER
from amends.domain.draft.writer import Links, Readers, Wanted, Writer
from amends.domain.entitlement.remedy import CORRECTED
from amends.domain.feedback.question import QuestionCounts
from amends.domain.feedback.queue.faq import FaqText
from amends.domain.feedback.queue.gaps import ManyAsked
from amends.domain.feedback.survey.survey import Estimate, QuestionResult, SurveyResults
from amends.domain.incident.commitment import CodePlace, Commitment, CommitmentKind, CommitmentState, TakeUp
from amends.domain.incident.facts import Certainty, Facts
from amends.domain.incident.incident import Incident, StatementKey, Times
from amends.domain.incident.per_person import PerPerson
from amends.domain.law.addendum import GENERAL
from amends.domain.notice.difference import OWN, OWN_BEFORE, Change, Differences
from amends.domain.notice.notice import NoticeStage, NoticeStatus, Reader, TextName
from amends.domain.notice.statement import CAN_BE_WRONG, Statement, stated_by
from amends.domain.notice.told import Pages
from amends.domain.notice.wording import SHARED, Wording
from amends.domain.playbook.session import PlannedSession
from amends.domain.risk.levels import Severity

DAY = timedelta(days=1)
ONE_PERSON = Statement(key=StatementKey.PEOPLE, value="1/1")


@dataclass(frozen=True)
class _State:
    """A state of the case, and of what its readers know, in which a notice is written."""

    case: DraftView
    audience: type[Audience] = Everyone
    made: tuple[Commitment, ...] = ()
    known: dict[str, Statement] = field(default_factory=dict)
    """The statements that the readers were told otherwise; empty where the readers were told nothing before."""
    missed: NextUpdate | None = None
    news_at: datetime | None = None


def faults(case: DraftView, wording: Wording, now: datetime) -> tuple[Finding, ...]:
    """Return a finding for each place of a template that cannot be rendered with this case, in whatever state.

    A language of the words that the case does not speak gets the case's texts of another language. The trial takes
    place after all news of the case.
    """
    now = max(now, *(one.at for one in case.incident.news)) if case.incident.news else now
    found = (finding for locale in sorted(wording.phrases) for finding in _faults_in(case, wording, locale, now))
    return tuple({(one.where, one.code, one.what): one for one in found}.values())


def _faults_in(case: DraftView, wording: Wording, locale: str, now: datetime) -> Iterator[Finding]:
    spoken = case.model_copy(update={"incident": _spoken(case.incident, locale)})
    notices = sorted({path.split("/")[0] for path in wording.templates} - {SHARED})
    states = tuple(_states(spoken, now))
    for notice, channel in product(notices, ChannelKind):
        if f"{notice}/{locale}.{channel}.{channel.suffix}" in wording.templates:
            trials = (
                _TemplateTrial(notice, locale, channel, wording, state, subject, now)
                for state in states
                for subject in _subjects(notice, state, now)
            )
            yield from _faults_of(trials)


@dataclass(frozen=True)
class _TemplateTrial:
    """One notice in one language on one channel, in one state, about one commitment or about none."""

    notice: str
    locale: str
    channel: ChannelKind
    wording: Wording
    state: _State
    subject: Commitment | None
    now: datetime

    def render(self) -> None:
        """Render the texts for every kind of reader. Raises ContentError."""
        state, subject = self.state, self.subject
        case = state.case
        if subject:
            case = case.model_copy(update={"commitments": (*case.commitments, subject)})
        if state.known:
            case = case.model_copy(update={"notices": (_sent(self.notice, self.now - 2 * DAY),)})
        audience = EVERYONE if state.audience is Everyone else state.audience(self.notice)
        session = _session(self.locale, self.now)
        wanted = Wanted(self.notice, self.notice, audience, subject.id if subject else "", session=session)
        links, readers = Links("https://notices.example"), self._readers()
        Writer(
            case,
            self.wording,
            wanted,
            links,
            readers,
            state.made,
            state.news_at,
            state.missed,
            self.now,
            (self.channel,),
        ).variants()

    def _readers(self) -> Readers:
        known = self.state.known
        addenda = (GENERAL, *(one.id for one in self.wording.addenda.addenda)) if self.channel.personal else (GENERAL,)
        kinds = {TextName(self.locale, reader, addendum) for reader, addendum in product(Reader, addenda)}
        if not known:
            return Readers("", len(kinds), frozenset(kinds))
        changes = tuple(_changes(known))
        before = {change.key: change.was for change in changes if change.was}
        versions = [PageVersion(self.notice, self.now - days * DAY) for days in (2, 1)]
        pages = Pages(earlier=dict(zip(versions, (before, known | {ONE_PERSON.key: ONE_PERSON}), strict=True)))
        return Readers("", len(kinds), frozenset(kinds), Differences(people={"": changes}, public=changes), pages)


def _faults_of(trials: Iterable[_TemplateTrial]) -> Iterator[Finding]:
    """Yield the findings about one template; one that asks for too much is not tried again."""
    for trial in trials:
        try:
            trial.render()
        except ContentError as error:
            yield from error.findings
            if any(finding.code == "E129" for finding in error.findings):
                return


def _states(case: DraftView, now: datetime) -> Iterator[_State]:
    """Yield the states: as little known as there can be, then the first day, then weeks later with and without news."""
    incident = case.incident
    yield _State(case.model_copy(update={"incident": _bare(incident), "assessment": None}))
    for graded in _at_each_severity(case):
        yield _State(graded, made=tuple(_open(kind, incident, now) for kind in CommitmentKind), news_at=now + DAY)
    known = stated_by(incident, case.audience.people)
    promised = (*_in_each_fate(incident, now), _kept_for_each(incident, now))
    later = case.model_copy(update={"commitments": promised, "questions": QuestionCounts(asked=12, open=3)})
    later = later.model_copy(update={"many_asked": _many_asked(incident, now)})
    surveyed = later.model_copy(update={"surveys": _answered(case, now)})
    missed = NextUpdate(until=now - DAY, named_by=("first",), named_at=now - 2 * DAY, fate=Fate.MISSED)
    quiet = later.model_copy(update={"news_told": incident.news})
    came = missed.model_copy(update={"came_at": now})
    yield _State(surveyed, known=known, missed=missed, news_at=now + DAY)
    yield _State(quiet, missed=came, news_at=now + DAY)
    yield _State(later, ToldOtherwise, known=known)
    yield _State(quiet, NoLonger, known=known)


def _answered(case: DraftView, now: datetime) -> tuple[SurveyResults, ...]:
    """Return results of each survey of the playbook with questions on a scale."""
    some = Estimate(value=4.0, low=3.5, high=4.5, answers=12)
    return tuple(
        SurveyResults(
            survey=survey.id,
            invitation=survey.id,
            released_at=now,
            invited=40,
            answered=12,
            counted=12,
            questions=tuple(QuestionResult(question=scale.id, mean=some) for scale in survey.scales),
        )
        for survey in (case.playbook.surveys if case.playbook else ())
    )


def _many_asked(incident: Incident, now: datetime) -> tuple[ManyAsked, ...]:
    """Return a question without an answer, and one with an answer that everybody can read."""
    texts = dict.fromkeys(incident.texts, FaqText(question="Question?", answer="Answer."))
    return (
        ManyAsked(group=1, topic="scam", questions=12, answered=False),
        ManyAsked(group=2, topic="my_data", questions=12, answered=True, public=texts, public_at=now),
    )


def _at_each_severity(case: DraftView) -> Iterator[DraftView]:
    """Yield the case with each severity and tone; yield nothing when nobody has assessed the case."""
    if assessed := case.assessment:
        for severity, tone in zip(Severity, Tone, strict=True):
            score = assessed.severity.model_copy(update={"band": severity})
            graded = assessed.model_copy(update={"severity": score, "tone": tone})
            yield case.model_copy(update={"assessment": graded})


def _subjects(notice: str, state: _State, now: datetime) -> tuple[Commitment | None, ...]:
    """Return the commitments that the notice could be about: for most notices none."""
    if notice.startswith(REMINDER):
        return tuple(_offered(state.case.incident, now))
    if notice not in (MADE, KEPT, LATE, CORRECTED):
        return (None,)
    open_, kept, *late = _in_each_fate(state.case.incident, now, words=bool(state.known))
    return {MADE: (open_,), KEPT: (kept,), CORRECTED: (kept,), LATE: tuple(late)}[notice]


def _in_each_fate(incident: Incident, now: datetime, *, words: bool = True) -> Iterator[Commitment]:
    """Yield a commitment for each fate: open, kept, late with and without a new day, dropped, broken."""
    said = dict.fromkeys(incident.texts, "…") if words else {}
    fates: tuple[dict[str, Any], ...] = (
        {},
        {"state": CommitmentState.KEPT, "settled_at": now, "evidence": said},
        {"new_due_at": now + DAY, "reason": said},
        {"next_word_at": now + DAY, "reason": said},
        {"state": CommitmentState.DROPPED, "settled_at": now, "reason": said},
        {"state": CommitmentState.BROKEN, "settled_at": now, "reason": said},
    )
    for number, fate in enumerate(fates):
        one = _open(CommitmentKind.OTHER, incident, now)
        yield one.model_copy(update={"id": f"promise-{number}", "made_in": "first", "due_at": now, **fate})


def _kept_for_each(incident: Incident, now: datetime) -> Commitment:
    """Return a commitment that is kept for each person alone."""
    alone = PerPerson(results={"done": dict.fromkeys(incident.texts, "…")})
    fate = {"state": CommitmentState.KEPT, "settled_at": now, "per_person": alone}
    return _open(CommitmentKind.OTHER, incident, now).model_copy(update={"id": "for-each", "made_in": "first", **fate})


def _offered(incident: Incident, now: datetime) -> Iterator[Commitment]:
    """Yield a commitment for each place in which people read their codes."""
    for place in CodePlace:
        one = _open(CommitmentKind.CREDIT_MONITORING, incident, now)
        take_up = TakeUp(codes=place, link="https://offer.example", until=f"{now + DAY:%Y-%m-%d}")
        yield one.model_copy(update={"made_in": "first", "take_up": take_up})


def _open(kind: CommitmentKind, incident: Incident, now: datetime) -> Commitment:
    promise = dict.fromkeys(incident.texts, "…")
    return Commitment(id=kind.value, kind=kind, promise=promise, owner="", audience=EVERYONE, due_at=now + DAY)


def _session(locale: str, now: datetime) -> PlannedSession:
    """Return a question hour, which every template may name: a step that announces none has no such template."""
    return PlannedSession(id="session", title={locale: "…"}, where={locale: "…"}, on=now + DAY)


def _changes(known: dict[str, Statement]) -> Iterator[Change]:
    """Yield changes of each sort: new, ruled out, wrong, and of the data of each person's own."""
    for number, key in enumerate(key for key in StatementKey if key in CAN_BE_WRONG & known.keys()):
        now = known[key]
        ruled_out = now.model_copy(update={"certainty": Certainty.RULED_OUT})
        yield (Change(was=None, now=now), Change(was=now, now=ruled_out), Change(was=ruled_out, now=now))[number % 3]
    if ONE_PERSON.key in known:
        yield Change(was=ONE_PERSON, now=known[ONE_PERSON.key])
    elements = StatementKey.ELEMENTS
    yield Change(was=Statement(key=elements, value=OWN_BEFORE), now=Statement(key=elements, value=OWN))


def _sent(notice: str, at: datetime) -> NoticeStatus:
    return NoticeStatus(
        id=notice,
        version=1,
        template=notice,
        step="",
        occurrence=1,
        stage=NoticeStage.SENT,
        binding="",
        approvals_needed=0,
        drafted_at=at,
        sent_at=at,
    )


def _bare(incident: Incident) -> Incident:
    """Return the incident with nothing but what every notice needs."""
    organisation = incident.organisation
    contacts = organisation.contacts.model_copy(update={"hours": {}, "postal_address": {}, "officer": {}})
    bare = organisation.model_copy(update={"contacts": contacts, "signed_by": {}, "sms_signature": None})
    texts = {locale: story.model_copy(update={"what_you_can_do": ""}) for locale, story in incident.texts.items()}
    nothing = {"times": Times(), "facts": Facts(), "residences": {}, "states": {}, "commitments": (), "news": ()}
    return incident.model_copy(update={"organisation": bare, "texts": texts, **nothing})


def _spoken(incident: Incident, locale: str) -> Incident:
    """Return the incident with its texts in this locale alone."""
    known = nearest_locale(locale, tuple(incident.texts), incident.default_locale)
    spoken: Incident = _with_locale(incident, known, locale)
    return spoken.model_copy(update={"texts": {locale: spoken.texts[locale]}})


def _with_locale(value: Any, known: str, locale: str) -> Any:
    """Return the value in which each text in the known locale is there in the other locale too."""
    if isinstance(value, BaseModel):
        fields = {name: _with_locale(getattr(value, name), known, locale) for name in type(value).model_fields}
        return value.model_copy(update=fields)
    if isinstance(value, dict):
        return value | {locale: value[known]} if known in value and locale not in value else value
    return tuple(_with_locale(one, known, locale) for one in value) if type(value) is tuple else value
