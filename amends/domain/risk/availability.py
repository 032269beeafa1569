"""Rules of risk for data that was out of reach, lost or changed, beside the rules for disclosed data."""

from collections.abc import Iterator

from amends.domain.incident.facts import (
    Backup,
    BreachType,
    Cause,
    Certainty,
    DataSubject,
    Facts,
    Restored,
    ServiceImpact,
    Vector,
)
from amends.domain.risk.exposure import DataClass, feared, gravest, no_personal_data, only_disclosed, vulnerable
from amends.domain.risk.levels import Risk, Rule
from amends.domain.risk.severity import may_touch

UNAVAILABLE, CHANGED = "R53-UNAVAILABLE", "R60-CHANGED"
UNLIKELY, RISK, HIGH = Risk.UNLIKELY, Risk.RISK, Risk.HIGH
OUTAGES = {
    "R50-SERVICE-HURT": (
        "The outage hit people hard, or may have; a backup does not make up for that.",
        "GDPR 34(1); EDPB Guidelines 01/2021, case 03",
    ),
    "R51-SENSITIVE-LOSS": (
        "Data is lost for good, or may be, that is sensitive or about people in need of protection.",
        "GDPR 4(12), 34(1); EDPB Guidelines 01/2021, case 12",
    ),
    "R52-CARE-IN-DOUBT": (
        "People are treated here, and nobody can say whether their treatment was delayed.",
        "GDPR 34(1) with recital 85; EDPB Guidelines 01/2021, case 03",
    ),
    UNAVAILABLE: (
        "Data was out of reach or lost, or may have been, and it is not shown that nobody suffered from it.",
        "GDPR 33(1) with recital 85; EDPB Guidelines 01/2021, case 02",
    ),
    "R54-SERVED-AGAIN": (
        "The data is there again, or in a backup, in time and without real harm to anybody.",
        "GDPR 33(1); EDPB Guidelines 01/2021, par. 22 and 24, cases 01 and 10",
    ),
}
"""The reason and the source of each rule of availability, by the id of the rule."""
RESTORING = ("breach_types", "vector", "backup", "restored", "restore_hours", "permanent_loss", "service_impact")
QUICK_HOURS = 24
LATE_HOURS = 72
"""The time limit of the notification; the EDPB advises against restoring any later (01/2021, par. 24)."""
HEALTH_SECTOR = frozenset(
    """
    health healthcare hospital hospitals clinic clinics medical medicine ambulance nursing dental dentists pharmacy
    pharmacies elderly_care
    """.split()
)
"""Words that name places where people are treated, as the whole sector or its last part; a sector is a free word."""


def outage(facts: Facts) -> Iterator[Rule]:
    """Yield the rules of availability and of integrity that the facts meet."""
    if no_personal_data(facts):
        return
    yield from _availability(facts)
    yield from _integrity(facts)


def _availability(facts: Facts) -> Iterator[Rule]:
    """Yield the rule for data that was or may have been out of reach; none when the facts exclude that."""
    lost, hurt = feared(facts.permanent_loss), facts.service_impact.says(ServiceImpact.MAJOR)
    if only_disclosed(facts, BreachType.AVAILABILITY) and not (lost or hurt):
        return
    if hurt:
        yield _rule("R50-SERVICE-HURT", HIGH)
    elif lost and (gravest(facts) is DataClass.SPECIAL or vulnerable(facts)):
        yield _rule("R51-SENSITIVE-LOSS", HIGH)
    elif not lost and _served_again(facts):
        yield _rule("R54-SERVED-AGAIN", UNLIKELY)
    elif _care_in_doubt(facts):
        yield _rule("R52-CARE-IN-DOUBT", HIGH)
    else:
        yield _rule(UNAVAILABLE, RISK)


def _rule(name: str, risk: Risk) -> Rule:
    says, source = OUTAGES[name]
    return Rule(id=name, says=says, source=source, risk=risk, facts=(*RESTORING, "sector", "data_subjects"))


def _served_again(facts: Facts) -> bool:
    """Return True when people were served again soon or never noticed, as the EDPB found in cases 01 and 10."""
    impact = facts.service_impact
    if _restored(facts) and impact.sure(ServiceImpact.NONE) and not _took_too_long(facts):
        return True
    impact_known = impact.certainty is Certainty.CONFIRMED
    if _restored(facts) and _within(facts, QUICK_HOURS) and (impact_known or not _treats_people(facts)):
        return True
    return _only_the_device_is_gone(facts) and not _took_too_long(facts) and not _people_noticed(facts)


def _restored(facts: Facts) -> bool:
    timed = facts.restore_hours.certainty is Certainty.CONFIRMED
    from_backup = facts.backup.sure(Backup.ELECTRONIC) and timed and not facts.restored.stands
    return facts.restored.sure(Restored.FULL) or from_backup


def _within(facts: Facts, hours: float) -> bool:
    took = facts.restore_hours
    return took.certainty is Certainty.CONFIRMED and took.value is not None and took.value <= hours


def _took_too_long(facts: Facts) -> bool:
    took = facts.restore_hours
    return took.stands and took.value is not None and took.value > LATE_HOURS


def _people_noticed(facts: Facts) -> bool:
    impact = facts.service_impact
    noticed = impact.certainty is Certainty.RULED_OUT and impact.value is ServiceImpact.NONE
    return noticed or impact.says(ServiceImpact.MINOR, ServiceImpact.MAJOR)


def _only_the_device_is_gone(facts: Facts) -> bool:
    """Return True when the data itself is in a backup that no ransomware can have touched."""
    ransomware = facts.vector.may_be(Vector.RANSOMWARE) and not facts.cause.sure(Cause.THEFT, Cause.LOSS)
    return facts.backup.sure(Backup.ELECTRONIC) and not ransomware


def _care_in_doubt(facts: Facts) -> bool:
    if facts.service_impact.stands or not _treats_people(facts) or not _was_unavailable(facts):
        return False
    return not (facts.restored.sure(Restored.FULL) and _within(facts, QUICK_HOURS))


def _treats_people(facts: Facts) -> bool:
    known = facts.data_subjects
    patients = known.stands and DataSubject.PATIENTS in (known.value or ())
    return patients or health_sector(facts)


def health_sector(facts: Facts) -> bool:
    """Return True in a sector where people are treated or their treatment is paid."""
    sector = (facts.sector.value or "").lower() if facts.sector.stands else ""
    return bool({sector, sector.rpartition("_")[2]} & HEALTH_SECTOR)


def _was_unavailable(facts: Facts) -> bool:
    """Return True when data is known or suspected to have been out of reach; a mere possibility is not enough."""
    known = facts.breach_types
    listed = known.stands and BreachType.AVAILABILITY in (known.value or ())
    return listed or (facts.vector.says(Vector.RANSOMWARE) and may_touch(facts, BreachType.AVAILABILITY))


def _integrity(facts: Facts) -> Iterator[Rule]:
    """Yield the rule for data that was or may have been changed; none when the facts exclude that."""
    if only_disclosed(facts, BreachType.INTEGRITY):
        return
    rests_on = ("breach_types", "vector", "restored", "backup", "permanent_loss")
    sound = facts.restored.sure(Restored.FULL) or facts.backup.sure(Backup.ELECTRONIC)
    if sound and not feared(facts.permanent_loss):
        says = "Whatever was changed has been put right, or can be from a backup."
        source = "GDPR 33(1); EDPB Guidelines 01/2021, case 01"
        yield Rule(id="R61-PUT-RIGHT", says=says, source=source, risk=UNLIKELY, facts=rests_on)
    else:
        says = "Data was changed, or may have been, and it is not shown that all of it was put right."
        source = "GDPR 4(12), 33(1) with recital 85"
        yield Rule(id=CHANGED, says=says, source=source, risk=RISK, facts=rests_on)
