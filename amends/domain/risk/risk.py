"""The risk to people under GDPR 33 and 34, as a record of explicit rules that stand beside ENISA's score.

Each rule states its reason, the risk to which it points and its source. The gravest rule that fires is the result.
The levels follow the eighteen cases that the European Data Protection Board decided in its Guidelines 01/2021.
"""

from collections.abc import Iterable, Iterator

from amends.domain.incident.elements import classes_of
from amends.domain.incident.facts import Facts, RecipientKind, Vector
from amends.domain.risk.availability import CHANGED, UNAVAILABLE, health_sector, outage
from amends.domain.risk.exposure import (
    DataClass,
    Holder,
    ciphertext_only,
    class_of,
    exposed,
    feared,
    gravest,
    holder,
    key_safe,
    no_copy,
    no_personal_data,
    undisclosed,
    used,
    vulnerable,
)
from amends.domain.risk.levels import Risk, Rule
from amends.domain.risk.severity import MANY_PEOPLE, cannot_hold, touched

MANY_FOR_AN_ERROR = 100
"""Above this number of people a slip is more than one misdirected letter; ENISA's method flags the same number."""
PROFILE = 4
"""The number of ordinary kinds of data that together make a profile of somebody."""
UNLIKELY, RISK, HIGH = Risk.UNLIKELY, Risk.RISK, Risk.HIGH
POINTS_TO: dict[DataClass, dict[Holder, Risk]] = {
    # In the order of Holder, the least dangerous first: deleted, bound, few, insider, many, hostile.
    data_class: dict(zip(Holder, risks, strict=True))
    for data_class, risks in {
        DataClass.EMPTY: (UNLIKELY, UNLIKELY, UNLIKELY, UNLIKELY, UNLIKELY, UNLIKELY),
        DataClass.ORDINARY: (UNLIKELY, UNLIKELY, UNLIKELY, RISK, RISK, RISK),
        DataClass.BILLING: (UNLIKELY, UNLIKELY, UNLIKELY, RISK, RISK, HIGH),
        DataClass.TELLING: (UNLIKELY, UNLIKELY, RISK, RISK, RISK, HIGH),
        DataClass.GRAVE: (UNLIKELY, RISK, RISK, HIGH, HIGH, HIGH),
        DataClass.SPECIAL: (UNLIKELY, RISK, HIGH, HIGH, HIGH, HIGH),
    }.items()
}
"""The risk of each class of data in the hands of each kind of holder."""

CLASS_SAYS = {
    DataClass.EMPTY: "it tells nobody whose it is",
    DataClass.ORDINARY: "it says who somebody is or how to reach them, and little beyond",
    DataClass.BILLING: "it shows what somebody was charged, and for what",
    DataClass.TELLING: "it shows how somebody lives",
    DataClass.GRAVE: "enough to steal from somebody, to act in their name or to shame them",
    DataClass.SPECIAL: "the law protects it most, for it can lead to discrimination or worse",
}
HOLDER_SAYS = {
    Holder.DELETED: "Those who got it are bound to secrecy and have confirmed that they deleted it",
    Holder.BOUND: "Those who got it are bound to secrecy, or partners who can be trusted",
    Holder.FEW: "It reached a few people whom we know, and nothing says that they mean harm",
    Holder.INSIDER: "Somebody who worked for us or is bound to us has it, and may use it for their own ends",
    Holder.MANY: "It reached many people; we know who they are but cannot rely on each of them",
    Holder.HOSTILE: "It is, or may be, with people who mean harm or whom nobody knows",
}
POINTS = {UNLIKELY: "harm is unlikely", RISK: "that is a risk", HIGH: "that is a high risk"}
DECIDED = {
    DataClass.EMPTY: "GDPR 33(1); EDPB Guidelines 01/2021, case 06",
    DataClass.ORDINARY: "GDPR 33(1); EDPB Guidelines 01/2021, cases 08, 13 and 15",
    DataClass.BILLING: "GDPR 33(1), 34(1); EDPB Guidelines 01/2021, cases 13 and 17",
    DataClass.TELLING: "GDPR 33(1), 34(1); EDPB Guidelines 01/2021, cases 09 and 16",
    DataClass.GRAVE: "GDPR 33(1), 34(1); EDPB Guidelines 01/2021, cases 04, 05, 07, 14 and 18",
    DataClass.SPECIAL: "GDPR 9(1), 33(1), 34(1); EDPB Guidelines 01/2021, case 12",
}
"""The law, and the cases in which the EDPB decided about data of each class."""

WHO_HAS_WHAT = ("data_categories", "recipient", "malicious", "cause", "vector")
LEFT = ("exfiltration", "exfiltration_evidence", "recipient", "misuse_observed")
ENCRYPTION = ("encrypted_at_rest", "encryption_key_safe")


def risk_to_people(facts: Facts, people: int | None) -> tuple[Risk, tuple[Rule, ...]]:
    """Return the risk and the rules that the facts meet, the gravest rule first.

    `people` is the highest possible number of people, or None when nobody can say.
    """
    disclosure = (*_unusable_data(facts), *_readable_data(facts, people), *_misuse(facts))
    found = (*disclosure, *outage(facts))
    fired = (*found, *_vulnerable(facts, people, found), *_hipaa(facts, disclosure))
    return _highest(fired), tuple(sorted(fired, key=lambda rule: -rule.risk.rank))


def _highest(rules: Iterable[Rule]) -> Risk:
    return max((rule.risk for rule in rules), key=lambda risk: risk.rank, default=UNLIKELY)


def _unusable_data(facts: Facts) -> Iterator[Rule]:
    """Yield the rules by which nobody can do anything with the data."""
    if no_personal_data(facts):
        says = "No personal data was touched."
        yield Rule(id="R14-NO-PERSONAL-DATA", says=says, source="GDPR 4(12)", risk=UNLIKELY, facts=("data_categories",))
    if undisclosed(facts):
        says = "The kinds of breach are known: nothing was disclosed to anybody."
        rests_on = ("breach_types", *LEFT)
        yield Rule(id="R13-NOT-DISCLOSED", says=says, source="GDPR 4(12), 33(1)", risk=UNLIKELY, facts=rests_on)
    if no_copy(facts):
        says = "Sound evidence says that nobody took a copy."
        source = "GDPR 33(1); EDPB Guidelines 01/2021, cases 01 to 03"
        yield Rule(id="R12-NO-COPY", says=says, source=source, risk=UNLIKELY, facts=LEFT)
    yield from _ciphertext(facts)


def _ciphertext(facts: Facts) -> Iterator[Rule]:
    if used(facts):
        return
    source = "GDPR 34(3)(a); EDPB Guidelines 01/2021, par. 20, cases 01 and 10"
    if key_safe(facts):
        says = "The data was encrypted and the key is safe: whoever has it cannot read it."
        yield Rule(id="R10-SAFE-KEY", says=says, source=source, risk=UNLIKELY, facts=ENCRYPTION)
    elif ciphertext_only(facts):
        says = "Whoever has it holds nothing but ciphertext, and nothing says that the key was taken."
        rests_on = ("recipient", *ENCRYPTION)
        yield Rule(id="R11-CIPHERTEXT-ONLY", says=says, source=source, risk=UNLIKELY, facts=rests_on)


def _readable_data(facts: Facts, people: int | None) -> Iterator[Rule]:
    """Yield the rules about data that somebody may be able to read: its class, its holder, and what raises the risk."""
    if not exposed(facts):
        return
    has_it = holder(facts)
    yield _unknown_data(has_it) if touched(facts) is None else _known_data(facts, has_it)
    yield from _many_people(gravest(facts), has_it, people)
    yield from _profile(facts, has_it)


def _unknown_data(has_it: Holder) -> Rule:
    risk = POINTS_TO[DataClass.SPECIAL][has_it]
    return Rule(
        id="R26-DATA-UNKNOWN",
        says="Nobody can say yet which data was touched; the gravest is assumed. "
        f"{HOLDER_SAYS[has_it]}: {POINTS[risk]}.",
        source="GDPR 33(1) with recital 85: that a risk is unlikely must be shown",
        risk=risk,
        facts=WHO_HAS_WHAT,
    )


def _known_data(facts: Facts, has_it: Holder) -> Rule:
    data_class = gravest(facts)
    kinds = [kind.replace("_", " ") for kind in touched(facts) or () if class_of(kind, facts) is data_class]
    risk = POINTS_TO[data_class][has_it]
    return Rule(
        id=f"R2{data_class.rank}-{data_class.upper()}",
        says=f"The most telling data, {', '.join(dict.fromkeys(kinds))}: {CLASS_SAYS[data_class]}. "
        f"{HOLDER_SAYS[has_it]}: {POINTS[risk]}.",
        source=DECIDED[data_class],
        risk=risk,
        facts=(*WHO_HAS_WHAT, "data_subjects"),
    )


def _many_people(data_class: DataClass, has_it: Holder, people: int | None) -> Iterator[Rule]:
    empty = data_class is DataClass.EMPTY
    if has_it is Holder.FEW and not empty and _above(people, MANY_FOR_AN_ERROR):
        says = f"Few have it, but it is about {_how_many(people)}: more than a slip with one letter."
        source = "GDPR 33(1); EDPB Guidelines 01/2021, cases 13 and 15, where it was about 2 and 15 people"
        yield Rule(id="R30-WIDE-SLIP", says=says, source=source, risk=RISK, facts=("people", "recipient"))
    strangers = has_it is Holder.HOSTILE or (has_it is Holder.MANY and not empty)
    if strangers and _above(people, MANY_PEOPLE - 1):
        says = f"It is about {_how_many(people)}: among very many somebody will be hurt, even by little."
        source = "GDPR 34(1); EDPB Guidelines 01/2021, case 11"
        risk = RISK if empty else HIGH
        yield Rule(id="R31-VERY-MANY-PEOPLE", says=says, source=source, risk=risk, facts=("people", "recipient"))


def _above(people: int | None, limit: int) -> bool:
    return people is None or people > limit


def _how_many(people: int | None) -> str:
    return "people whose number nobody knows" if people is None else f"up to {people:,} people"


def _profile(facts: Facts, has_it: Holder) -> Iterator[Rule]:
    kinds = classes_of(kind for kind in touched(facts) or () if class_of(kind, facts) is DataClass.ORDINARY)
    if has_it is Holder.HOSTILE and len(kinds) >= PROFILE:
        says = f"{len(kinds)} ordinary kinds of data together draw a picture of somebody, in the hands of strangers."
        source = "GDPR 34(1); EDPB Guidelines 01/2021, case 05; Guidelines 9/2022: combined data weighs more"
        yield Rule(id="R32-PROFILE", says=says, source=source, risk=HIGH, facts=("data_categories", "recipient"))


def _misuse(facts: Facts) -> Iterator[Rule]:
    """Yield the rules about what somebody did, or may have done, with the data."""
    if exposed(facts) and _acted_as_customer(facts):
        says = "Somebody got in as the customer, or may have, and could do again what only the customer may do."
        source = "GDPR 34(1); EDPB Guidelines 01/2021, cases 07 and 17"
        yield Rule(id="R40-ACTED-AS-CUSTOMER", says=says, source=source, risk=HIGH, facts=("vector", "recipient"))
    if feared(facts.misuse_observed) and not no_personal_data(facts):
        strangers = holder(facts) is Holder.HOSTILE
        says = "The data was used, or seems to have been: the harm has begun."
        source = "GDPR 33(1), 34(1); EDPB Guidelines 01/2021, case 08; Guidelines 9/2022: how likely the harm is"
        risk = HIGH if strangers else RISK
        yield Rule(id="R41-MISUSE", says=says, source=source, risk=risk, facts=("misuse_observed", "recipient"))


def _acted_as_customer(facts: Facts) -> bool:
    known = facts.recipient.value if facts.recipient.stands else None
    impostor = known is not None and known.kind is RecipientKind.IMPOSTOR
    return impostor or facts.vector.says(Vector.CREDENTIAL_STUFFING, Vector.SOCIAL_ENGINEERING_PHONE)


def _vulnerable(facts: Facts, people: int | None, found: tuple[Rule, ...]) -> Iterator[Rule]:
    """Yield the rule that raises a risk to high for people in need of protection; the rule never creates a risk."""
    if _highest(found) is not RISK:
        return
    source = "GDPR 34(1), recitals 38 and 75; EDPB Guidelines 9/2022: special characteristics of the people"
    rests_on = ("vulnerable_subjects", "data_subjects", "people")
    if vulnerable(facts):
        says = "Children, patients or people in need of protection are among them, or may be: for them it weighs more."
        yield Rule(id="R70-VULNERABLE", says=says, source=source, risk=HIGH, facts=rests_on)
    elif _may_be_vulnerable(facts, people) and _is_special_danger(facts, found):
        says = f"Whether people in need of protection are among them is not known, and it is about {_how_many(people)}."
        yield Rule(id="R71-MAY-BE-VULNERABLE", says=says, source=source, risk=HIGH, facts=rests_on)


def _may_be_vulnerable(facts: Facts, people: int | None) -> bool:
    known = cannot_hold(facts.vulnerable_subjects) or facts.data_subjects.stands
    return not known and _above(people, MANY_FOR_AN_ERROR)


def _is_special_danger(facts: Facts, found: tuple[Rule, ...]) -> bool:
    """Return True when people in need of protection, if there are any, are in special danger.

    With a holder whom we know, as in the EDPB's case 08, only lost or changed data endangers them.
    """
    return holder(facts) is Holder.HOSTILE or any(rule.id in (UNAVAILABLE, CHANGED) for rule in found)


def _hipaa(facts: Facts, disclosure: tuple[Rule, ...]) -> Iterator[Rule]:
    """Yield HIPAA's presumption of a breach for the health sector; the rule never adds to the risk."""
    if not health_sector(facts):
        return
    arguable = _highest(disclosure) is UNLIKELY
    four = "which data, who got it, whether it was acquired or seen, what was done against harm"
    can = "speak for a low probability of compromise" if arguable else "do not show a low probability of compromise"
    says = f"Where HIPAA applies a breach is presumed. The four factors ({four}) {can}; a lawyer must write it down."
    yield Rule(
        id="HIPAA-4F",
        says=says,
        source="HIPAA, 45 CFR 164.402(2)",
        risk=UNLIKELY if arguable else RISK,
        facts=("sector", *WHO_HAS_WHAT, "exfiltration", "exfiltration_evidence", *ENCRYPTION, "mitigations"),
    )
