"""ENISA's severity score of 2013, SE = DPC x EI + CB, with its reasons. An unknown fact is read as the worse case."""

from amends.domain.incident.elements import class_of, classes_of
from amends.domain.incident.facts import (
    BreachType,
    Certainty,
    DataCategory,
    Exfiltration,
    ExfiltrationEvidence,
    Fact,
    Facts,
    RecipientKind,
    Restored,
    ServiceImpact,
)
from amends.domain.risk.levels import Component, Severity

DPC, EI = "data processing context", "ease of identification"
CONFIDENTIALITY, INTEGRITY, AVAILABILITY, MALICE = "confidentiality", "integrity", "availability", "malicious intent"
MANY = "many people"
LEAST = {DPC: 1, EI: 0.25}
"""The least value of these parts; the others may be 0."""

DATA = {
    DataCategory.BASIC_IDENTITY: (1, 0.5),
    DataCategory.CONTACT: (1, 0.75),
    DataCategory.USER_ID: (1, 0.5),
    DataCategory.PSEUDONYMOUS_USERNAME: (1, 0.25),
    DataCategory.CREDENTIALS_PLAIN: (3, 0.75),
    DataCategory.CREDENTIALS_HASHED: (1, 0.25),
    DataCategory.NATIONAL_ID: (2, 1.0),
    DataCategory.PAYMENT_CARD: (4, 1.0),
    DataCategory.CARD_NUMBER: (3, 1.0),
    DataCategory.FINANCIAL_ACCOUNT: (3, 0.75),
    DataCategory.ACCOUNT_WITH_ACCESS: (4, 0.75),
    DataCategory.BILLING: (2, 0.75),
    DataCategory.PURCHASE: (2, 0.5),
    DataCategory.WAGE: (3, 0.5),
    DataCategory.INSURANCE_CONTRACT: (2, 0.75),
    DataCategory.VEHICLE_REGISTRATION: (1, 0.75),
    DataCategory.LOCATION: (2, 0.75),
    DataCategory.COMMUNICATIONS_METADATA: (2, 0.75),
    DataCategory.COMMUNICATIONS_CONTENT: (3, 0.75),
    DataCategory.EMPLOYMENT: (1, 0.5),
    DataCategory.CV_EMPLOYMENT_HISTORY: (1, 1.0),
    DataCategory.EDUCATION: (1, 0.5),
    DataCategory.FAMILY_STATUS: (1, 0.5),
    DataCategory.PHOTO: (1, 0.75),
    DataCategory.BIOMETRIC: (4, 1.0),
    DataCategory.GENETIC: (4, 1.0),
    DataCategory.HEALTH: (4, 0.75),
    DataCategory.HEALTH_MINOR: (1, 0.5),
    DataCategory.SEXUAL_LIFE: (4, 0.75),
    DataCategory.POLITICAL: (4, 0.75),
    DataCategory.RELIGIOUS: (4, 0.75),
    DataCategory.ETHNIC: (4, 0.75),
    DataCategory.UNION: (4, 0.75),
    DataCategory.CRIMINAL: (4, 0.75),
    DataCategory.OTHER: (2, 0.75),
}
"""For each kind of data its context, from 1 (says little) to 4 (sensitive), and how well it names a person, up to 1.

An element that is not listed weighs as its class.
"""

MANY_PEOPLE = 100_000
"""From this number on the band is one higher than the score alone says: among so many people somebody will be hurt."""

KNOWN_RECIPIENTS = (
    RecipientKind.FORMER_EMPLOYEE,
    RecipientKind.FEW_KNOWN_INDIVIDUALS,
    RecipientKind.MANY_KNOWN_INDIVIDUALS,
    RecipientKind.OTHER_CUSTOMER,
    RecipientKind.PROFESSIONAL_UNDER_SECRECY,
    RecipientKind.TRUSTED_PARTNER,
)
BOUND_RECIPIENTS = (RecipientKind.PROFESSIONAL_UNDER_SECRECY, RecipientKind.TRUSTED_PARTNER)
"""Recipients who can be relied on to do no harm; when others say that they deleted the data, it is worth little."""

SOUND_EVIDENCE = (
    ExfiltrationEvidence.COMPLETE_LOGS_AND_EXTERNAL_FORENSICS,
    ExfiltrationEvidence.INTERNAL_INVESTIGATION,
    ExfiltrationEvidence.ENCRYPTION,
)
"""Evidence on which a "no" can rest. Logs that an attacker could erase prove nothing."""

NAMING = {
    0.25: "It hardly shows whose data it is.",
    0.5: "It shows whose data it is only beside other knowledge.",
    0.75: "It shows whose data it is in most cases.",
    1.0: "It shows whose data it is.",
}
"""The reason for each value of ease of identification."""


def score(components: tuple[Component, ...]) -> float:
    """Return SE of the components, rounded to hundredths."""
    value = {component.name: component.value for component in components}
    circumstances = sum(value[name] for name in (CONFIDENTIALITY, INTEGRITY, AVAILABILITY, MALICE))
    return round(value[DPC] * value[EI] + circumstances, 2)


def band(components: tuple[Component, ...]) -> Severity:
    """Return ENISA's band of the score, or the next higher one when very many people are affected."""
    value = score(components)
    rank = sum(value >= threshold for threshold in (2, 3, 4))
    many = next(component.value for component in components if component.name == MANY)
    return list(Severity)[min(rank + int(many), Severity.VERY_HIGH.rank)]


def components(facts: Facts, people: int | None) -> tuple[Component, ...]:
    """Return the parts of the score; `people` is the highest possible number of people, or None when nobody can say."""
    parts = (
        _context(facts),
        _identification(facts),
        _confidentiality(facts),
        _integrity(facts),
        _availability(facts),
        _malice(facts),
    )
    return (*(_marked(part, facts) for part in parts), _many(people))


def _marked(part: Component, facts: Facts) -> Component:
    """Return the part, marked as assumed when it is above its least value and rests on an unknown fact."""
    raised = part.value > LEAST.get(part.name, 0)
    if not (raised and any(getattr(facts, name).unknown for name in part.facts)):
        return part
    return part.model_copy(update={"assumed": True})


def holds(fact: Fact[bool]) -> bool:
    """Return True when the statement is known for sure to be true."""
    return fact.sure(True) or (fact.certainty is Certainty.RULED_OUT and fact.value is False)


def cannot_hold(fact: Fact[bool]) -> bool:
    """Return True when the statement is known for sure to be false; a mere suspicion that it is false is not enough."""
    return fact.sure(False) or (fact.certainty is Certainty.RULED_OUT and fact.value is True)


def may_have_left(facts: Facts) -> bool:
    """Return True when somebody may hold a copy of the data: unless sound evidence says that nobody does."""
    left = facts.exfiltration
    if left.sure(Exfiltration.NOT_APPLICABLE):
        return False
    denied = left.sure(Exfiltration.NO) or (
        left.certainty is Certainty.RULED_OUT and left.value in (Exfiltration.YES, Exfiltration.POSSIBLE)
    )
    return not (denied and facts.exfiltration_evidence.sure(*SOUND_EVIDENCE))


def may_touch(facts: Facts, kind: BreachType) -> bool:
    """Return True when the breach may be of this kind too; an empty list of kinds says nothing."""
    known = facts.breach_types
    return known.certainty is not Certainty.CONFIRMED or not known.value or kind in known.value


def touched(facts: Facts) -> tuple[DataCategory, ...] | None:
    """Return the kinds of data that may be touched, or None when nobody can say."""
    known = facts.data_categories
    if known.unknown or any(fact.value is None for fact in known.value or ()):
        return None
    if known.certainty is Certainty.RULED_OUT:
        return ()
    return tuple(fact.value for fact in known.value or () if fact.value and fact.certainty is not Certainty.RULED_OUT)


def weight(kind: DataCategory) -> tuple[int, float]:
    """Return the context of a kind of data and how well it names a person, as in DATA."""
    return DATA.get(kind) or DATA[class_of(kind)]


def _context(facts: Facts) -> Component:
    kinds = touched(facts)
    if kinds is None:
        assumed = "Nobody can say yet which data was touched; the most sensitive is assumed."
        return Component(name=DPC, value=4, reason=assumed, facts=("data_categories",))
    value = max((weight(kind)[0] for kind in kinds), default=1)
    telling = ", ".join(kind.replace("_", " ") for kind in kinds if weight(kind)[0] == value) or "none"
    raised, why = _vulnerable(facts)
    rests_on = ("data_categories", "vulnerable_subjects")
    return Component(
        name=DPC, value=min(value + raised, 4), reason=f"The most telling data: {telling}.{why}", facts=rests_on
    )


def _vulnerable(facts: Facts) -> tuple[int, str]:
    if cannot_hold(facts.vulnerable_subjects):
        return 0, ""
    verb = "are" if holds(facts.vulnerable_subjects) else "may be"
    return 1, f" Vulnerable people {verb} among them: one higher."


def _identification(facts: Facts) -> Component:
    rests_on = ("data_categories", "encrypted_at_rest", "encryption_key_safe")
    if holds(facts.encrypted_at_rest) and holds(facts.encryption_key_safe):
        return Component(name=EI, value=0.25, reason="The data was encrypted and the key is safe.", facts=rests_on)
    kinds = touched(facts)
    if kinds is None:
        assumed = "Nobody can say yet which data was touched; it is taken to name people."
        return Component(name=EI, value=1, reason=assumed, facts=rests_on)
    if {DataCategory.BASIC_IDENTITY, DataCategory.CONTACT} <= classes_of(kinds):
        return Component(name=EI, value=1, reason="Names together with contact details.", facts=rests_on)
    value = max((weight(kind)[1] for kind in kinds), default=0.25)
    return Component(name=EI, value=value, reason=NAMING[value], facts=rests_on)


def _confidentiality(facts: Facts) -> Component:
    value, reason = _holder(facts) if may_have_left(facts) else (0.0, "Sound evidence says that nobody has a copy.")
    rests_on = ("exfiltration", "exfiltration_evidence", "recipient")
    return Component(name=CONFIDENTIALITY, value=value, reason=reason, facts=rests_on)


def _holder(facts: Facts) -> tuple[float, str]:
    holder = facts.recipient.value
    if holder is None or not facts.recipient.sure(holder) or holder.kind not in KNOWN_RECIPIENTS:
        return 0.5, "It is, or may be, with people we do not know."
    if holder.kind in BOUND_RECIPIENTS and holder.deletion_confirmed and holder.trusted is not False:
        return 0.0, "Those who got it are bound to secrecy and have deleted it."
    return 0.25, "We know who has it."


def _integrity(facts: Facts) -> Component:
    value, reason = _change(facts)
    return Component(name=INTEGRITY, value=value, reason=reason, facts=("breach_types", "permanent_loss"))


def _change(facts: Facts) -> tuple[float, str]:
    if not may_touch(facts, BreachType.INTEGRITY):
        return 0.0, "Nothing was changed."
    if cannot_hold(facts.permanent_loss):
        return 0.25, "Data was or may be changed; it can be put right."
    return 0.5, "Data was or may be changed, perhaps beyond repair."


def _availability(facts: Facts) -> Component:
    value, reason = _outage(facts)
    rests_on = ("breach_types", "restored", "permanent_loss", "service_impact")
    return Component(name=AVAILABILITY, value=value, reason=reason, facts=rests_on)


def _outage(facts: Facts) -> tuple[float, str]:
    if not may_touch(facts, BreachType.AVAILABILITY):
        return 0.0, "Nothing became unavailable."
    if facts.restored.sure(Restored.FULL) and facts.service_impact.sure(ServiceImpact.NONE):
        return 0.0, "Everything was restored without disturbance for anybody."
    if facts.restored.sure(Restored.FULL) or cannot_hold(facts.permanent_loss):
        return 0.25, "Data was or may have been unavailable for a time."
    return 0.5, "Data was or may be lost for good."


def _malice(facts: Facts) -> Component:
    if cannot_hold(facts.malicious):
        return Component(name=MALICE, value=0, reason="Nobody meant harm or gain.", facts=("malicious",))
    reason = "Somebody meant harm or gain." if facts.malicious.says(True) else "Nobody can rule out an intent to harm."
    return Component(name=MALICE, value=0.5, reason=reason, facts=("malicious",))


def _many(people: int | None) -> Component:
    if people is None:
        value, reason = 1, "Nobody can say yet how many; very many are assumed."
    elif people >= MANY_PEOPLE:
        value, reason = 1, f"{MANY_PEOPLE:,} people or more: one band higher."
    else:
        value, reason = 0, f"Fewer than {MANY_PEOPLE:,} people."
    return Component(name=MANY, value=value, reason=reason, facts=("people",), assumed=people is None)
