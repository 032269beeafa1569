"""What the facts, the times and the ledger answer to the questions of an authority's form, in words of a vocabulary.

None means that nobody knows, and is never read as no. No answer holds personal data of those affected: a case has none.
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
from amends.domain.incident.commitment import CommitmentKind, CommitmentState, planned_commitments
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


@dataclass(frozen=True)
class FilingContext:
    """What an authority is told about: one duty of a case, at one time."""

    case: Case
    duty: Duty
    now: datetime
    area: frozenset[str] = frozenset()
    """The countries of the form's law, as the EEA."""
    complete: bool = False
    """Nothing that the form must have is missing or unknown."""
    also_called: Mapping[str, str] = field(default_factory=dict)
    """Another code for the same place, as PR for US-PR."""

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
        return self.case.incident.texts[self.locale]

    @cached_property
    def _places(self) -> dict[str, int]:
        """People by country or state, each place under one name."""
        places: Counter[str] = Counter()
        for place, people in (self.case.audience.by_place or self.case.incident.residences).items():
            places[self.also_called.get(place, place)] += people
        return places

    @cached_property
    def homes(self) -> dict[str, int]:
        """People by country, as far as known; an empty name where the country is not."""
        homes: Counter[str] = Counter()
        for place, people in self._places.items():
            homes[place[:2]] += people
        return homes

    def known_in(self, places: tuple[str, ...]) -> int:
        """How many are known to live in these countries and states."""
        return sum(people for home, people in self._places.items() if {home, home[:2]} & {*places})

    @cached_property
    def in_area(self) -> dict[str, int]:
        """The people of the countries of the form's law."""
        return {country: people for country, people in sorted(self.homes.items()) if country in self.area and people}

    @property
    def began(self) -> datetime | None:
        return self.case.incident.times.occurred.start

    @property
    def ended(self) -> datetime | None:
        """Or was contained, if no end is named."""
        times = self.case.incident.times
        return times.occurred.end or times.contained

    def local(self, at: datetime) -> str:
        """A time as the organisation's clock shows it, with the zone."""
        zone = ZoneInfo(self.organisation.timezone)
        return f"{at.astimezone(zone):%Y-%m-%d %H:%M} ({zone.key})"

    def local_date(self, at: datetime) -> date:
        """The day on which it is there."""
        return at.astimezone(ZoneInfo(self.organisation.timezone)).date()


@dataclass(frozen=True)
class FormQuestion:
    """A question that is answered in words of a vocabulary."""

    vocabulary: frozenset[str]
    asks: Callable[[FilingContext], Fact[Any] | Iterable[str] | None]

    def answer(self, asked: FilingContext) -> Words:
        """None when nobody knows; never an empty list."""
        said = self.asks(asked)
        if isinstance(said, Fact):
            said = said.value if said.stands else None
        return tuple(map(str, (said,) if isinstance(said, str) else said or ())) or None


# Facts


def _truth(fact: Fact[bool]) -> str | None:
    """A suspicion that it is not so leaves it open."""
    if holds(fact):
        return "yes"
    if cannot_hold(fact):
        return "no"
    return "suspected" if fact.says(True) else None


def _exfiltration(asked: FilingContext) -> str | None:
    """A no counts only on sound evidence."""
    left = asked.facts.exfiltration
    if left.unknown:
        return None
    if left.sure(Exfiltration.YES):
        return "yes"
    denied = left.certainty is Certainty.RULED_OUT and left.value in (Exfiltration.NO, Exfiltration.NOT_APPLICABLE)
    if denied or left.says(Exfiltration.YES, Exfiltration.POSSIBLE):
        return "likely"
    if left.says(Exfiltration.NOT_APPLICABLE):
        return "not_applicable"
    return "no_without_sound_evidence" if may_have_left(asked.facts) else "no_on_sound_evidence"


def _protection(asked: FilingContext) -> str | None:
    encrypted, key = asked.facts.encrypted_at_rest, asked.facts.encryption_key_safe
    if not holds(encrypted):
        return "not_encrypted" if cannot_hold(encrypted) else None
    if holds(key):
        return "encrypted_key_safe"
    return "encrypted_key_taken" if cannot_hold(key) or key.says(False) else "encrypted_key_unknown"


def _integrity(asked: FilingContext) -> str | None:
    """Whether what was altered was used wrongly, and can be made good."""
    facts = asked.facts
    if not holds(facts.misuse_observed):
        return "not_used_wrongly" if cannot_hold(facts.misuse_observed) else None
    if holds(facts.permanent_loss):
        return "used_wrongly_lost"
    return "used_wrongly_recoverable" if facts.restored.sure(Restored.FULL) else None


def _availability(asked: FilingContext) -> str | None:
    lost = asked.facts.permanent_loss
    if holds(lost):
        return "permanent"
    return "temporary" if cannot_hold(lost) or asked.facts.restored.sure(Restored.FULL) else None


def _origin(asked: FilingContext) -> str | None:
    """The cause together with whether somebody meant harm or gain."""
    meant = {"no": "not_malicious", None: "intent_unknown"}.get(_truth(asked.facts.malicious), "malicious")
    return f"{asked.facts.cause.value}_{meant}" if asked.facts.cause.stands else None


def subjects(asked: FilingContext) -> Words:
    stated = asked.facts.data_subjects
    kinds = list(stated.value or ()) if stated.stands else []
    if asked.case.audience.by_flag.get(Flag.MINOR):
        kinds.append(DataSubject.CHILDREN)
    return tuple(dict.fromkeys(map(str, kinds))) or None


def categories(asked: FilingContext) -> Words:
    """Those that the facts name, and those that the audience file names for single people."""
    kinds = (*asked.facts.categories(), *asked.case.audience.by_category)
    return tuple(dict.fromkeys(map(str, kinds))) or None


def told_police(asked: FilingContext) -> bool:
    done = asked.facts.mitigations
    return done.stands and any("police" in one.what for one in done.value or ())


# People and organisation


@dataclass(frozen=True)
class HowMany:
    """How many people, as far as known."""

    number: int | None
    """None while only the limits are known: neither of them is the number."""
    exact: bool = False
    limits: Count = NO_LIMITS
    """What the facts say beside the number; nothing where they say the same."""


def people_counted(asked: FilingContext) -> HowMany | None:
    """The audience's number where there is one, else what the facts say, else what the residences add up to."""
    audience, stated = asked.case.audience, asked.facts.people
    value = stated.value if stated.stands and stated.value else NO_LIMITS
    one = value.min if value.min == value.max else None
    counted = audience.people or sum(asked.case.incident.residences.values())
    agrees = one is not None and (not counted or counted - audience.guardians <= one <= counted)
    if agrees and stated.sure(value):
        return HowMany(one, exact=True)
    if audience.people:
        return HowMany(audience.people, exact=value == NO_LIMITS and not audience.guardians, limits=value)
    if value == NO_LIMITS:
        return HowMany(counted) if counted else None
    return HowMany(one) if one is not None else HowMany(None, limits=value)


def _how_exact(asked: FilingContext) -> str | None:
    found = people_counted(asked)
    return ("exact" if found.exact else "approximate") if found else None


def _staff(asked: FilingContext) -> str | None:
    size = asked.organisation.size
    if size is None:
        return None
    return next((word for most, word in ((10, "under_10"), (250, "under_250")) if size < most), "250_or_more")


def _public_body(asked: FilingContext) -> bool:
    """Only what is certain: a hospital or a school may be either."""
    organisation = asked.organisation
    state_organ = Regulated.CN_STATE_ORGAN in (organisation.regulated or ())
    return state_organ or organisation.sector == "public_administration"


def _others_involved(asked: FilingContext) -> bool:
    """A processor has a controller, and a vendor is another party; nothing tells that nobody else was involved."""
    for_another = asked.organisation.role not in (None, Role.CONTROLLER)
    return for_another or asked.facts.cause.says(Cause.VENDOR)


# The case


def _timing(asked: FilingContext) -> str | None:
    """Late only when the clock's start is recorded, not when it is assumed."""
    filed = filings_for(asked.case, asked.duty.id)
    at, due_at = filed[0].filed_at if filed else asked.now, asked.duty.due_at
    if due_at is None or at <= due_at:
        return "in_time"
    return None if asked.duty.assumed else "late"


def _occurrence(asked: FilingContext) -> str | None:
    start, end = asked.began, asked.ended
    if start is None:
        return None
    if end is None:
        return "start_only"
    return "one_day" if asked.local_date(start) == asked.local_date(end) else "from_to"


def _telling(asked: FilingContext) -> str | None:
    """Whether people have been told, or will be; that they will not be is for a person to decide."""
    assessment, playbook = asked.case.assessment, asked.case.playbook
    if INDIVIDUALS_NOTIFIED in as_known(asked.case).times.events:
        return "told"
    planned = playbook is not None and any(step.phase is Phase.NOTIFY for step in playbook.steps)
    if planned or (assessment and assessment.tell_people):
        return "will_be_told"
    return "not_needed" if assessment else None


def first_notice(case: Case) -> NoticeStatus | None:
    """The notice that told people first."""
    notifying = {step.id for step in case.playbook.steps if step.phase is Phase.NOTIFY} if case.playbook else set()
    gone = (notice for notice in case.notices if notice.has_gone and notice.step in notifying)
    return next(gone, None) if NOTIFIED in case.events else None


def _everyone_told(asked: FilingContext) -> str | None:
    first = first_notice(asked.case)
    if first is None:
        return None
    reached = first.people.get(PersonState.SENT, 0) + first.people.get(PersonState.DELIVERED, 0)
    return "all" if reached and reached >= asked.case.audience.people else "not_all"


def _channels(asked: FilingContext) -> Iterable[str]:
    first, playbook = first_notice(asked.case), asked.case.playbook
    steps = playbook.steps if playbook else ()
    return (channel for step in steps if first and step.id == first.step for channel in step.channels)


def filed_elsewhere(asked: FilingContext) -> Iterator[str]:
    duties = {duty.id: duty for duty in asked.case.assessment.duties} if asked.case.assessment else {}
    for filing in standing_filings(asked.case.filings):
        duty = duties.get(filing.duty)
        if filing.duty != asked.duty.id and (duty is None or duty.addressee is Addressee.AUTHORITY):
            name = duty.recipient_name if duty else filing.duty
            yield f"{name}, {asked.local(filing.filed_at)}, reference {filing.receipt}"


def promised(asked: FilingContext) -> Iterator[tuple[str, str]]:
    """Kind and text of what was promised and of what the incident file and the playbook will; not what was dropped."""
    case = asked.case
    given = {promise.id for promise in case.commitments}
    for promise in planned_commitments(case.playbook.commitments if case.playbook else (), case.incident.commitments):
        if promise.id not in given:
            yield str(promise.kind), text_for(promise.promise, asked.locale)
    for one in case.commitments:
        if one.state is not CommitmentState.DROPPED:
            yield str(one.kind), text_for(one.promise, asked.locale)


def _of(words: Iterable[str], asks: Callable[[FilingContext], Fact[Any] | Iterable[str] | None]) -> FormQuestion:
    """The words as an enumeration or in one text."""
    return FormQuestion(frozenset(map(str, words.split() if isinstance(words, str) else words)), asks)


def _if(word: str, holds: Callable[[FilingContext], object]) -> FormQuestion:
    """With one word only: that it is not so, nobody can tell."""
    return FormQuestion(frozenset({word}), lambda asked: word if holds(asked) else None)


def _whether(of: Callable[[Facts], Fact[bool]]) -> FormQuestion:
    return _of("yes suspected no", lambda asked: _truth(of(asked.facts)))


ORIGINS = [f"{cause}_{intent}" for cause in Cause for intent in ("malicious", "not_malicious", "intent_unknown")]
LEFT = "yes likely no_on_sound_evidence no_without_sound_evidence not_applicable"
PROTECTION = "encrypted_key_safe encrypted_key_taken encrypted_key_unknown not_encrypted"

WORDS: dict[str, FormQuestion] = {
    "availability": _of("temporary permanent", _availability),
    "backup": _of(Backup, lambda asked: asked.facts.backup),
    "breach_types": _of(BreachType, lambda asked: asked.facts.breach_types),
    "cause": _of(Cause, lambda asked: asked.facts.cause),
    "channels": _of(ChannelKind, _channels),
    "completeness": _of("complete incomplete", lambda asked: "complete" if asked.complete else "incomplete"),
    "consequences": _if("written", lambda asked: asked.story.what_it_means),
    "cross_border": _if("several_countries", lambda asked: len(asked.in_area) > 1),
    "data_categories": _of(DataCategory, categories),
    "data_subjects": _of(DataSubject, subjects),
    "encrypted": _whether(lambda facts: facts.encrypted_at_rest),
    "established": _of(
        "in_area outside_area",
        lambda asked: "in_area" if asked.organisation.established_in in asked.area else "outside_area",
    ),
    "everyone_told": _of("all not_all", _everyone_told),
    "exfiltration": _of(LEFT, _exfiltration),
    "integrity": _of("not_used_wrongly used_wrongly_recoverable used_wrongly_lost", _integrity),
    "malicious": _whether(lambda facts: facts.malicious),
    "misuse": _whether(lambda facts: facts.misuse_observed),
    "notification": _of(
        "new follow_up", lambda asked: "follow_up" if filings_for(asked.case, asked.duty.id) else "new"
    ),
    "occurrence": _of("one_day from_to start_only", _occurrence),
    "origin": _of(ORIGINS, _origin),
    "other_filings": _if("yes", lambda asked: any(filed_elsewhere(asked))),
    "others_involved": _if("yes", _others_involved),
    "people": _of("exact approximate", _how_exact),
    "police": _if("yes", told_police),
    "promises": _of(CommitmentKind, lambda asked: dict.fromkeys(kind for kind, _ in promised(asked))),
    "protection": _of(PROTECTION, _protection),
    "public_body": _if("public", _public_body),
    "risk": _of(Risk, lambda asked: asked.case.assessment.risk if asked.case.assessment else None),
    "service_impact": _of(ServiceImpact, lambda asked: asked.facts.service_impact),
    "severity": _of(Severity, lambda asked: asked.case.assessment.band if asked.case.assessment else None),
    "staff": _of("under_10 under_250 250_or_more", _staff),
    "telling": _of("told will_be_told not_needed", _telling),
    "timing": _of("in_time late", _timing),
    "vector": _of(Vector, lambda asked: asked.facts.vector),
    "vulnerable_people": _whether(lambda facts: facts.vulnerable_subjects),
}
"""By name, as a form's readings call them."""
