"""Answers from the facts, the times and the ledger to the questions of an authority's form, in words of a vocabulary.

None means that nobody knows, and is never read as no. No answer holds personal data of the people affected, because a
case has none.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from amends.domain.base.value import text_for
from amends.domain.case.case import Case
from amends.domain.case.filings import INDIVIDUALS_NOTIFIED, NOTIFIED, as_known, filings_for
from amends.domain.channel.channel import ChannelKind
from amends.domain.incident.commitment import NOT_KEPT, CommitmentKind, planned_commitments
from amends.domain.incident.elements import class_of, classes_of
from amends.domain.incident.facts import (
    Backup,
    BreachType,
    Cause,
    Certainty,
    Count,
    DataCategory,
    DataSubject,
    Exfiltration,
    Fact,
    Facts,
    Restored,
    ServiceImpact,
    Vector,
)
from amends.domain.incident.incident import Organisation, Regulated, Role, Story
from amends.domain.law.duty import Addressee, Duty
from amends.domain.law.filing import standing_filings
from amends.domain.notice.notice import NoticeStatus, PersonState
from amends.domain.people.person import Flag
from amends.domain.playbook.playbook import Phase
from amends.domain.risk.levels import Risk, Severity
from amends.domain.risk.severity import cannot_hold, holds, may_have_left

Words = tuple[str, ...] | None
NO_LIMITS = Count()
"""Limits of a number of people of which nothing is known."""
EXFILTRATION = "yes likely no_on_sound_evidence no_without_sound_evidence not_applicable"
ORIGINS = [f"{cause}_{intent}" for cause in Cause for intent in ("malicious", "not_malicious", "intent_unknown")]
PROTECTION = "encrypted_key_safe encrypted_key_taken encrypted_key_unknown not_encrypted"


@dataclass(frozen=True)
class FilingContext:
    """The subject of a filing: one duty of a case, at one time."""

    case: Case
    duty: Duty
    now: datetime
    area: frozenset[str] = frozenset()
    """The countries of the form's law, such as those of the EEA."""
    complete: bool = False
    """True when nothing that the form must have is missing or unknown."""
    also_called: Mapping[str, str] = field(default_factory=dict)
    """Another code for the same place, such as PR for US-PR."""

    @property
    def facts(self) -> Facts:
        return self.case.incident.facts

    @property
    def organisation(self) -> Organisation:
        return self.case.incident.organisation

    @property
    def locale(self) -> str:
        return self.case.incident.default_locale

    @property
    def story(self) -> Story:
        """Return the texts that a person wrote; every one of them is empty while nobody has written any."""
        return self.case.incident.texts.get(self.locale, Story())

    @cached_property
    def _places(self) -> dict[str, int]:
        """Return the people by country or state, each place under one code."""
        places: Counter[str] = Counter()
        for place, people in (self.case.audience.by_place or self.case.incident.residences).items():
            places[self.also_called.get(place, place)] += people
        return places

    @cached_property
    def homes(self) -> dict[str, int]:
        """Return the people by country, under an empty name where the country is not known."""
        homes: Counter[str] = Counter()
        for place, people in self._places.items():
            homes[place[:2]] += people
        return homes

    def known_in(self, places: tuple[str, ...]) -> int:
        """Return how many people are known to live in these countries and states."""
        return sum(people for home, people in self._places.items() if {home, home[:2]} & {*places})

    @cached_property
    def in_area(self) -> dict[str, int]:
        """Return the people by country, of the countries of the form's law in which somebody lives."""
        return {country: people for country, people in sorted(self.homes.items()) if country in self.area and people}

    @property
    def began(self) -> datetime | None:
        return self.case.incident.times.occurred.start

    @property
    def ended(self) -> datetime | None:
        """Return when the breach ended or, if no end is named, was contained."""
        times = self.case.incident.times
        return times.occurred.end or times.contained

    def local(self, at: datetime) -> str:
        """Return a time as the organisation's clock shows it, with the zone."""
        zone = ZoneInfo(self.organisation.timezone)
        return f"{at.astimezone(zone):%Y-%m-%d %H:%M} ({zone.key})"

    def local_date(self, at: datetime) -> date:
        """Return the day of a time on the organisation's clock."""
        return at.astimezone(ZoneInfo(self.organisation.timezone)).date()


@dataclass(frozen=True)
class FormQuestion:
    """A question that is answered in words of a vocabulary."""

    vocabulary: frozenset[str]
    asks: Callable[[FilingContext], Fact[Any] | Iterable[str] | None]

    def answer(self, context: FilingContext) -> Words:
        """Return the words of the answer, or None when nobody knows; never an empty tuple."""
        said = self.asks(context)
        if isinstance(said, Fact):
            said = said.value if said.stands else None
        return tuple(map(str, (said,) if isinstance(said, str) else said or ())) or None


# Facts


def _truth(fact: Fact[bool]) -> str | None:
    """Return yes, suspected or no; None when the fact is unknown or only suspected to be false."""
    if holds(fact):
        return "yes"
    if cannot_hold(fact):
        return "no"
    return "suspected" if fact.says(True) else None


def _exfiltration(context: FilingContext) -> str | None:
    """Return the answer on whether data was copied; a no counts only on sound evidence."""
    left = context.facts.exfiltration
    if left.unknown:
        return None
    if left.sure(Exfiltration.YES):
        return "yes"
    denied = left.certainty is Certainty.RULED_OUT and left.value in (Exfiltration.NO, Exfiltration.NOT_APPLICABLE)
    if denied or left.says(Exfiltration.YES, Exfiltration.POSSIBLE):
        return "likely"
    if left.says(Exfiltration.NOT_APPLICABLE):
        return "not_applicable"
    return "no_without_sound_evidence" if may_have_left(context.facts) else "no_on_sound_evidence"


def _protection(context: FilingContext) -> str | None:
    encrypted, key = context.facts.encrypted_at_rest, context.facts.encryption_key_safe
    if not holds(encrypted):
        return "not_encrypted" if cannot_hold(encrypted) else None
    if holds(key):
        return "encrypted_key_safe"
    return "encrypted_key_taken" if cannot_hold(key) or key.says(False) else "encrypted_key_unknown"


def _integrity(context: FilingContext) -> str | None:
    """Return whether altered data was used wrongly and can be restored, or None when nobody knows."""
    facts = context.facts
    if not holds(facts.misuse_observed):
        return "not_used_wrongly" if cannot_hold(facts.misuse_observed) else None
    if holds(facts.permanent_loss):
        return "used_wrongly_lost"
    return "used_wrongly_recoverable" if facts.restored.sure(Restored.FULL) else None


def _availability(context: FilingContext) -> str | None:
    lost = context.facts.permanent_loss
    if holds(lost):
        return "permanent"
    return "temporary" if cannot_hold(lost) or context.facts.restored.sure(Restored.FULL) else None


def _origin(context: FilingContext) -> str | None:
    """Return the cause together with whether somebody meant harm or gain, or None without a cause."""
    meant = {"no": "not_malicious", None: "intent_unknown"}.get(_truth(context.facts.malicious), "malicious")
    return f"{context.facts.cause.value}_{meant}" if context.facts.cause.stands else None


def subjects(context: FilingContext) -> Words:
    stated = context.facts.data_subjects
    kinds = list(stated.value or ()) if stated.stands else []
    if context.case.audience.by_flag.get(Flag.MINOR):
        kinds.append(DataSubject.CHILDREN)
    return tuple(dict.fromkeys(map(str, kinds))) or None


def categories(context: FilingContext) -> Words:
    """Return the kinds of data that the facts name, and those that the audience file names for single people."""
    kinds = (*context.facts.categories(), *context.case.audience.by_category)
    return tuple(dict.fromkeys(map(str, kinds))) or None


def classes(context: FilingContext) -> Words:
    """Return the classes of the kinds of data, in which forms ask."""
    kinds = categories(context)
    return tuple(dict.fromkeys(class_of(DataCategory(kind)) for kind in kinds)) if kinds else None


def told_police(context: FilingContext) -> bool:
    done = context.facts.mitigations
    return done.stands and any("police" in one.what for one in done.value or ())


# People and organisation


@dataclass(frozen=True)
class HowMany:
    """A number of people, as far as known."""

    number: int | None
    """The number; None while only the limits are known, because neither limit is the number."""
    exact: bool = False
    limits: Count = NO_LIMITS
    """The limits that the facts give beside the number; without limits where the facts agree with the number."""


def people_counted(context: FilingContext) -> HowMany | None:
    """Return the number of people, or None when nobody knows.

    A confirmed number of the facts counts when the audience agrees; else the audience's number, else the number or the
    limits of the facts, else the sum of the residences. An audience that does not have everybody is only the least.
    """
    audience, stated = context.case.audience, context.facts.people
    value = stated.value if stated.stands and stated.value else NO_LIMITS
    one = value.min if value.min == value.max else None
    counted = audience.people or sum(context.case.incident.residences.values())
    agrees = one is not None and (not counted or counted - audience.guardians <= one <= counted)
    if agrees and stated.sure(value):
        return HowMany(one, exact=True)
    more = context.case.incident.lacks_people(audience.people)
    if audience.people and not more:
        return HowMany(audience.people, exact=value == NO_LIMITS and not audience.guardians, limits=value)
    if value == NO_LIMITS and more and audience.people:
        return HowMany(None, limits=Count(min=audience.people))
    if value == NO_LIMITS:
        return HowMany(counted) if counted else None
    return HowMany(one) if one is not None else HowMany(None, limits=value)


def _how_exact(context: FilingContext) -> str | None:
    found = people_counted(context)
    return ("exact" if found.exact else "approximate") if found else None


def _staff(context: FilingContext) -> str | None:
    size = context.organisation.size
    if size is None:
        return None
    return next((word for most, word in ((10, "under_10"), (250, "under_250")) if size < most), "250_or_more")


def _public_body(context: FilingContext) -> bool:
    """Return True when the organisation is surely a public body; a hospital or a school may or may not be one."""
    organisation = context.organisation
    state_organ = Regulated.CN_STATE_ORGAN in (organisation.regulated or ())
    return state_organ or organisation.sector == "public_administration"


def _others_involved(context: FilingContext) -> bool:
    """Return True for a processor, who has a controller, or for a vendor as the cause; False leaves it open."""
    for_another = context.organisation.role not in (None, Role.CONTROLLER)
    return for_another or context.facts.cause.says(Cause.VENDOR)


# The case


def _timing(context: FilingContext) -> str | None:
    """Return in_time, late, or None when the duty is past its time but the start of the clock is only assumed."""
    filed = filings_for(context.case, context.duty.id)
    at, due_at = filed[0].filed_at if filed else context.now, context.duty.due_at
    if due_at is None or at <= due_at:
        return "in_time"
    return None if context.duty.assumed else "late"


def _occurrence(context: FilingContext) -> str | None:
    start, end = context.began, context.ended
    if start is None:
        return None
    if end is None:
        return "start_only"
    return "one_day" if context.local_date(start) == context.local_date(end) else "from_to"


def _telling(context: FilingContext) -> str | None:
    """Return whether people were told, will be told or need not be told; that they will not be, a person decides."""
    assessment, playbook = context.case.assessment, context.case.playbook
    if INDIVIDUALS_NOTIFIED in as_known(context.case).times.events:
        return "told"
    planned = playbook is not None and any(step.phase is Phase.NOTIFY for step in playbook.steps)
    if planned or (assessment and assessment.tell_people):
        return "will_be_told"
    return "not_needed" if assessment else None


def first_notice(case: Case) -> NoticeStatus | None:
    """Return the notice that told people first, or None while people are not told."""
    notifying = {step.id for step in case.playbook.steps if step.phase is Phase.NOTIFY} if case.playbook else set()
    gone = (notice for notice in case.notices if notice.has_gone and notice.step in notifying)
    return next(gone, None) if NOTIFIED in case.events else None


def _everyone_told(context: FilingContext) -> str | None:
    first = first_notice(context.case)
    if first is None:
        return None
    reached = first.people.get(PersonState.SENT, 0) + first.people.get(PersonState.DELIVERED, 0)
    return "all" if reached and reached >= context.case.audience.people else "not_all"


def _channels(context: FilingContext) -> Iterable[str]:
    first, playbook = first_notice(context.case), context.case.playbook
    steps = playbook.steps if playbook else ()
    return (channel for step in steps if first and step.id == first.step for channel in step.channels)


def filed_elsewhere(context: FilingContext) -> Iterator[str]:
    duties = {duty.id: duty for duty in context.case.assessment.duties} if context.case.assessment else {}
    for filing in standing_filings(context.case.filings):
        duty = duties.get(filing.duty)
        if filing.duty != context.duty.id and (duty is None or duty.addressee is Addressee.AUTHORITY):
            name = duty.recipient_name if duty else filing.duty
            yield f"{name}, {context.local(filing.filed_at)}, reference {filing.receipt}"


def commitments_of(context: FilingContext) -> Iterator[tuple[str, str]]:
    """Yield kind and text of commitments: planned by the incident file or the playbook, or given and not dropped."""
    case = context.case
    given = {commitment.id for commitment in case.commitments}
    for planned in planned_commitments(case.playbook.commitments if case.playbook else (), case.incident.commitments):
        if planned.id not in given:
            yield str(planned.kind), text_for(planned.promise, context.locale)
    for one in case.commitments:
        if one.state not in NOT_KEPT:
            yield str(one.kind), text_for(one.promise, context.locale)


def _choice(words: Iterable[str], asks: Callable[[FilingContext], Fact[Any] | Iterable[str] | None]) -> FormQuestion:
    """Return a question that is answered with these words, given as an enumeration or in one text."""
    return FormQuestion(frozenset(map(str, words.split() if isinstance(words, str) else words)), asks)


def _one_word(word: str, applies: Callable[[FilingContext], object]) -> FormQuestion:
    """Return a question with one word as its only answer, because nobody can say that the word does not apply."""
    return FormQuestion(frozenset({word}), lambda context: word if applies(context) else None)


def _yes_or_no(of: Callable[[Facts], Fact[bool]]) -> FormQuestion:
    return _choice("yes suspected no", lambda context: _truth(of(context.facts)))


def _seat_country(context: FilingContext) -> str:
    return (context.organisation.established_in or "")[:2]


WORDS: dict[str, FormQuestion] = {
    "availability": _choice("temporary permanent", _availability),
    "backup": _choice(Backup, lambda context: context.facts.backup),
    "breach_types": _choice(BreachType, lambda context: context.facts.breach_types),
    "cause": _choice(Cause, lambda context: context.facts.cause),
    "channels": _choice(ChannelKind, _channels),
    "completeness": _choice("complete incomplete", lambda context: "complete" if context.complete else "incomplete"),
    "consequences": _one_word("written", lambda context: context.story.what_it_means),
    "cross_border": _one_word("several_countries", lambda context: len(context.in_area) > 1),
    "data_categories": _choice(sorted(classes_of(DataCategory)), classes),
    "data_subjects": _choice(DataSubject, subjects),
    "encrypted": _yes_or_no(lambda facts: facts.encrypted_at_rest),
    "established": _choice(
        "in_area outside_area", lambda context: "in_area" if _seat_country(context) in context.area else "outside_area"
    ),
    "everyone_told": _choice("all not_all", _everyone_told),
    "exfiltration": _choice(EXFILTRATION, _exfiltration),
    "integrity": _choice("not_used_wrongly used_wrongly_recoverable used_wrongly_lost", _integrity),
    "malicious": _yes_or_no(lambda facts: facts.malicious),
    "misuse": _yes_or_no(lambda facts: facts.misuse_observed),
    "notification": _choice(
        "new follow_up", lambda context: "follow_up" if filings_for(context.case, context.duty.id) else "new"
    ),
    "occurrence": _choice("one_day from_to start_only", _occurrence),
    "origin": _choice(ORIGINS, _origin),
    "other_filings": _one_word("yes", lambda context: any(filed_elsewhere(context))),
    "others_involved": _one_word("yes", _others_involved),
    "people": _choice("exact approximate", _how_exact),
    "police": _one_word("yes", told_police),
    "promises": _choice(CommitmentKind, lambda context: dict.fromkeys(kind for kind, _ in commitments_of(context))),
    "protection": _choice(PROTECTION, _protection),
    "public_body": _one_word("public", _public_body),
    "risk": _choice(Risk, lambda context: context.case.assessment.risk if context.case.assessment else None),
    "service_impact": _choice(ServiceImpact, lambda context: context.facts.service_impact),
    "severity": _choice(Severity, lambda context: context.case.assessment.band if context.case.assessment else None),
    "staff": _choice("under_10 under_250 250_or_more", _staff),
    "telling": _choice("told will_be_told not_needed", _telling),
    "timing": _choice("in_time late", _timing),
    "vector": _choice(Vector, lambda context: context.facts.vector),
    "vulnerable_people": _yes_or_no(lambda facts: facts.vulnerable_subjects),
}
"""The questions by the names that a form's readings use."""
