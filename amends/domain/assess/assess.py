"""The assessment of an incident from its facts: severity, risk, tone, who signs, channels and duties."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from amends.domain.assess.assessment import Affected, Assessment, Cadence, Score, Tone
from amends.domain.base.text import length, minute
from amends.domain.base.value import Span
from amends.domain.channel.channel import ChannelKind
from amends.domain.incident.elements import ELEMENTS, vague
from amends.domain.incident.facts import (
    BreachType,
    Certainty,
    Count,
    DataCategory,
    Exfiltration,
    ExfiltrationEvidence,
    Fact,
    Facts,
    Restored,
    ServiceImpact,
)
from amends.domain.incident.incident import Incident
from amends.domain.law.applicability import Law, Ruled, duties_of
from amends.domain.law.condition import PeopleRange
from amends.domain.law.duty import Addressee, Duty, DutyStanding
from amends.domain.law.jurisdiction import UNKNOWN_COUNTRY, homes
from amends.domain.people.person import AudienceCounts
from amends.domain.risk.levels import Risk, Rule, Severity
from amends.domain.risk.risk import risk_to_people
from amends.domain.risk.severity import MANY_PEOPLE, band, components, may_have_left, may_touch, score, touched

CONTENT = ("what_happened", "what_it_means", "what_we_do", "what_you_can_do", "how_to_reach_us")
"""The parts of a notice that every law asks for in one form or another; GDPR 34 and PIPL 57 both fit in them."""

YES, NO = Fact[bool](value=True), Fact[bool](value=False)
FINDINGS: dict[str, dict[str, Fact[Any]]] = {
    "the data was encrypted and the key is safe": {"encrypted_at_rest": YES, "encryption_key_safe": YES},
    "nobody copied the data, by complete logs and outside forensics": {
        "exfiltration": Fact[Exfiltration](value=Exfiltration.NO),
        "exfiltration_evidence": Fact[ExfiltrationEvidence](
            value=ExfiltrationEvidence.COMPLETE_LOGS_AND_EXTERNAL_FORENSICS
        ),
    },
    "the data was copied": {"exfiltration": Fact[Exfiltration](value=Exfiltration.YES)},
    "the key was taken too": {"encryption_key_safe": NO},
    "nobody meant harm or gain": {"malicious": NO},
    "somebody meant harm or gain": {"malicious": YES},
    "no vulnerable people are among them": {"vulnerable_subjects": NO},
    "vulnerable people are among them": {"vulnerable_subjects": YES},
    "everything was restored and nobody noticed": {
        "permanent_loss": NO,
        "restored": Fact[Restored](value=Restored.FULL),
        "service_impact": Fact[ServiceImpact](value=ServiceImpact.NONE),
    },
    "data was lost for good": {"permanent_loss": YES},
}
"""Findings that are still possible, with the facts that they would change; skipped once such a fact is confirmed."""

QUESTIONS = {
    "data_categories": "Which kinds of data were touched?",
    "exfiltration": "Did anybody copy the data, and what do we know that from?",
    "exfiltration_evidence": "What does it rest on that nobody copied the data? Could the attacker have erased logs?",
    "encrypted_at_rest": "Was the data encrypted, and is the key safe?",
    "encryption_key_safe": "Was the data encrypted, and is the key safe?",
    "malicious": "Did somebody mean harm or gain, or was it a mistake?",
    "recipient": "Who has the data now?",
    "vulnerable_subjects": "Are children, patients or people in need of protection among them?",
    "misuse_observed": "Has anybody seen the data being used or offered for sale?",
    "breach_types": "Was data only seen or copied, or was it also changed, locked or deleted?",
    "permanent_loss": "Is any data lost or changed for good?",
    "restored": "Is everything restored?",
    "service_impact": "Did the people concerned notice a disturbance?",
}
"""A question for each fact that the score or the notices rest on, the weightiest first, in plain words: the lead may
have been woken at night."""


SEATS_IN_PARTS = {
    "DE": "In which Land of Germany is the company established? Its authority is the one to tell; write "
    "`established_in: DE-BE` for Berlin."
}
"""A question for each country whose authority depends on the part of the country in which the company sits."""
AWARENESS = ("aware", "controller_aware")
LATE = timedelta(days=1)
"""The time between discovery and awareness from which an authority is likely to ask for the reason."""


class Stance(NamedTuple):
    """The tone, signatory, channels and cadence that a severity band asks for."""

    tone: Tone
    signed_by: str
    channels: tuple[ChannelKind, ...]
    cadence: Cadence


def _cadence(first: str, then: str) -> Cadence:
    return Cadence(first_update=Span.parse(first), then_every=Span.parse(then))


def _up_to(severity: int) -> tuple[ChannelKind, ...]:
    """Return the channels that are advised at this severity or a lower one, the most common first."""
    advised = (kind for kind in ChannelKind if kind.advised_from <= severity)
    return tuple(sorted(advised, key=lambda kind: kind.advised_from))


STANCES = {
    Severity.LOW: Stance(Tone.FACTUAL, "support lead", _up_to(0), _cadence("7d", "14d")),
    Severity.MEDIUM: Stance(Tone.CLEAR, "privacy head", _up_to(1), _cadence("72h", "7d")),
    Severity.HIGH: Stance(Tone.SERIOUS, "executive", _up_to(2), _cadence("24h", "7d")),
    Severity.VERY_HIGH: Stance(Tone.URGENT, "chief executive", tuple(ChannelKind), _cadence("24h", "3d")),
}
"""Stances by severity band. A theft develops more slowly than an outage: the first update comes soon, later ones at a
steady rhythm that people can rely on."""


def assess(incident: Incident, audience: AudienceCounts, version: int, now: datetime, law: Law) -> Assessment:
    """Return the assessment of this version of the incident file and this audience, as known now."""
    incident = _with_one_sector(incident)
    affected = people_affected(incident, audience)
    people = affected.most
    parts = components(incident.facts, people)
    stance = STANCES[band(parts)]
    risk, rules = risk_to_people(incident.facts, people)
    ruled = duties_of(incident, audience, risk, affected, law, now)
    tell, because = _tell_people(risk, ruled.duties)
    return Assessment(
        version=version,
        at=now,
        severity=_score(incident, people),
        risk=risk,
        notify_authority=risk is not Risk.UNLIKELY or any(_stands(duty, Addressee.AUTHORITY) for duty in ruled.duties),
        tell_people=tell,
        rules=(*rules, *because),
        tone=stance.tone,
        cadence=stance.cadence,
        signed_by=stance.signed_by,
        channels=stance.channels,
        content=CONTENT,
        affected=_affected(incident, audience),
        duties=ruled.duties,
        set_aside=ruled.set_aside,
        addenda=_addenda(incident, audience, law),
        open_questions=_all_questions(incident, audience, ruled, law),
    )


def _with_one_sector(incident: Incident) -> Incident:
    """Return the incident with one sector for its facts and its organisation; either of them may state the sector."""
    organisation, facts = incident.organisation, incident.facts
    stated = facts.sector.value if facts.sector.stands else None
    if organisation.sector and not stated:
        facts = facts.model_copy(update={"sector": Fact[str].model_validate(organisation.sector)})
    elif stated and not organisation.sector:
        organisation = organisation.model_copy(update={"sector": stated})
    return incident.model_copy(update={"facts": facts, "organisation": organisation})


def _score(incident: Incident, people: int | None) -> Score:
    parts = components(incident.facts, people)
    changes = _band_changes(incident.facts, people)
    return Score(score=score(parts), band=band(parts), components=parts, would_change_it=changes)


def _addenda(incident: Incident, audience: AudienceCounts, law: Law) -> tuple[str, ...]:
    known = (home for home in homes_of(incident, audience, law) if home != UNKNOWN_COUNTRY or home in audience.by_place)
    return tuple(sorted({law.addenda.addendum_for(home[:2], home[3:]) for home in known}))


def homes_of(incident: Incident, audience: AudienceCounts, law: Law) -> dict[str, int]:
    """Return all people affected by the place where they live, as the list says, else as the incident file does."""
    return homes(audience.by_place, incident.residences, law.table.also_called, people_affected(incident, audience))


def _stands(duty: Duty, addressee: Addressee) -> bool:
    return duty.standing is DutyStanding.APPLIES and duty.addressee is addressee


def _tell_people(risk: Risk, duties: tuple[Duty, ...]) -> tuple[bool, tuple[Rule, ...]]:
    """Return True at a high risk, or when a law wants the people told at a lower one, with a rule that says so."""
    laws = [duty for duty in duties if _stands(duty, Addressee.PEOPLE)]
    if risk is Risk.HIGH or not laws:
        return risk is Risk.HIGH, ()
    named = "; ".join(dict.fromkeys(f"{duty.law}, {duty.citation}" for duty in laws))
    says = f"The risk alone would not call for it, but these laws want the people told all the same: {named}."
    return True, (Rule(id="LAW-PEOPLE", says=says, source=named, risk=risk),)


def _all_questions(incident: Incident, audience: AudienceCounts, ruled: Ruled, law: Law) -> tuple[str, ...]:
    about_facts = _open_questions(incident)
    about_people = _questions_about_people(incident, audience, law)
    return tuple(dict.fromkeys((*about_facts, *about_people, *_late_awareness(incident, ruled), *ruled.questions)))


def people_affected(incident: Incident, audience: AudienceCounts) -> PeopleRange:
    """Return how many people are affected: the larger of what the facts, the list and the residences count.

    The end is open while the list does not have everybody and the facts name no highest number.
    """
    stated = incident.facts.people.value if incident.facts.people.stands else None
    said = stated or Count()
    placed, listed = sum(incident.residences.values()), audience.people
    lacking = incident.lacks_people(listed or placed)
    counted = max(listed, placed) if lacking else listed or placed
    least = max(said.min or 0, listed - audience.guardians, placed if lacking else 0)
    if said.max is None and (lacking or not counted):
        return PeopleRange(least, None)
    return PeopleRange(least, max(said.max or 0, counted))


def _affected(incident: Incident, audience: AudienceCounts) -> tuple[Affected, ...]:
    if audience.by_category and not incident.lacks_people(audience.people):
        counted = audience.by_category.items()
        return tuple(Affected(category=DataCategory(name), people=people) for name, people in counted)
    people = people_affected(incident, audience).most
    return tuple(Affected(category=category, people=people) for category in touched(incident.facts) or ())


def _band_changes(facts: Facts, people: int | None) -> tuple[str, ...]:
    """Return a sentence for each finding that alone would move the band."""
    today = band(components(facts, people))
    bands = ((finding, band(components(then, count))) for finding, then, count in _findings(facts, people))
    return tuple(
        f"If it is confirmed that {finding}, the band {'falls' if then.rank < today.rank else 'rises'} to "
        f"{then.replace('_', ' ')}."
        for finding, then in bands
        if then is not today
    )


def _findings(facts: Facts, people: int | None) -> Iterator[tuple[str, Facts, int | None]]:
    for finding, changes in FINDINGS.items():
        if not any(getattr(facts, name).certainty is Certainty.CONFIRMED for name in changes):
            yield finding, facts.model_copy(update=changes), people
    if (kinds := touched(facts)) is not None:
        more = Fact[tuple[Fact[DataCategory], ...]].model_validate([*kinds, DataCategory.HEALTH])
        yield "health data was touched too", facts.model_copy(update={"data_categories": more}), people
    if people is None:
        yield f"fewer than {MANY_PEOPLE:,} people are touched", facts, MANY_PEOPLE - 1


def _open_questions(incident: Incident) -> tuple[str, ...]:
    """Return the questions about the facts that the lead must answer, the weightiest first."""
    facts = incident.facts
    missing = (name for name in QUESTIONS if getattr(facts, name).unknown and _matters(name, facts))
    asked = dict.fromkeys(QUESTIONS[name] for name in missing)
    return (*asked, *_questions_about_elements(facts))


def _questions_about_elements(facts: Facts) -> Iterator[str]:
    """Yield a question for each class of data that must be made precise."""
    for one in vague(facts.categories()):
        words = ", ".join(ELEMENTS[one])
        yield f"Which {one.replace('_', ' ')} was it? Name the elements: {words}. Laws and first steps hang on them."


def _matters(name: str, facts: Facts) -> bool:
    """Return True when the answer about this fact can still change the assessment."""
    if name == "encryption_key_safe":
        return not facts.encrypted_at_rest.sure(False)
    if name == "exfiltration_evidence":
        return facts.exfiltration.says(Exfiltration.NO)
    if name == "recipient":
        return may_have_left(facts)
    if name in ("permanent_loss", "restored", "service_impact"):
        return may_touch(facts, BreachType.AVAILABILITY) or may_touch(facts, BreachType.INTEGRITY)
    return True


def _questions_about_people(incident: Incident, audience: AudienceCounts, law: Law) -> Iterator[str]:
    if people_affected(incident, audience).most is None:
        yield "How many people are touched, at the most?"
    places = homes_of(incident, audience, law)
    if not places or UNKNOWN_COUNTRY in places:
        yield "In which countries do the people live? Each has its own deadlines."
    if "US" in places:
        yield "In which states of the United States do the people live? Each has its own law."
    seat = incident.organisation.established_in
    if seat is None:
        yield "In which country is the company established? Its own authority may have to be told."
    if seat in SEATS_IN_PARTS:
        yield SEATS_IN_PARTS[seat]
    if incident.organisation.regulated is None:
        yield "Is the company under a law of its trade: as a bank, insurer, telecom, clinic, or listed in the US?"
    if incident.organisation.role is None:
        yield "Is it your own customers' data, or do you hold it for another company that must be told first?"


def _late_awareness(incident: Incident, ruled: Ruled) -> Iterator[str]:
    """Yield a question when the company became aware a day or more after the discovery and gave no reason."""
    events = incident.times.events
    discovered = events.get("discovered")
    aware = min((events[name] for name in AWARENESS if name in events), default=None)
    if discovered is None or aware is None or aware - discovered < LATE or incident.times.why_aware_later:
        return
    counted = (duty for duty in ruled.duties if duty.clock in AWARENESS and duty.starts_at == aware)
    terms = [duty.due_at for duty in counted if duty.due_at]
    earlier = f", and the shortest term would end by {minute(min(terms) - (aware - discovered))}" if terms else ""
    yield (
        f"Why did the company become aware only {length(aware - discovered)} after the discovery of "
        f"{minute(discovered)}? An authority may count from the discovery{earlier}; give the reason as "
        "`why_aware_later` under `times`."
    )
