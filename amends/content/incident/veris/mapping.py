"""The mapping of the words of VERIS to the facts of an incident, by the tables of `meanings.yaml`.

A fact on which VERIS is silent stays unknown; silence never means "no".
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from amends.content.file.binding import bind
from amends.content.file.commented import Noted
from amends.content.file.document import read_document
from amends.content.incident.veris.record import Action, Record
from amends.domain.base.value import Value
from amends.domain.incident.facts import (
    BreachType,
    Cause,
    Certainty,
    DataCategory,
    DataSubject,
    Exfiltration,
    ExfiltrationEvidence,
    Facts,
    RecipientKind,
    Vector,
)

HARMFUL = frozenset({"hacking", "malware", "social", "misuse", "physical"})
BY_ACTOR = {"external": Cause.EXTERNAL_ATTACK, "internal": Cause.INSIDER, "partner": Cause.VENDOR}
TECHNICAL = frozenset({"Capacity shortage", "Malfunction", "Programming error"})
VAGUE = frozenset({"Other", "Unknown"})
DEVICES = ("U - ", "M - ", "S - ", "T - ", "N - ", "E - ")
"""The prefixes by which VERIS marks assets that are devices."""
ON_PURPOSE = HARMFUL - {"misuse"}
"""The kinds of action that are always deliberate. Misuse may be a shortcut that was meant to harm nobody."""


class Said(NamedTuple):
    """A value of a fact, and the words of VERIS from which it follows."""

    value: Any
    by: str
    sure: bool = True
    note: str = ""


class Way(Value):
    """A row of the table of vectors: the vector that follows when a record holds these words."""

    action: str = ""
    varieties: frozenset[str] = frozenset()
    through: frozenset[str] = frozenset()
    only: bool = False
    assets: frozenset[str] = frozenset()
    vector: Vector | None = None
    certainty: Certainty = Certainty.CONFIRMED

    def fits(self, action: str, variety: str, through: frozenset[str], touched: frozenset[str]) -> bool:
        return (
            self.action in ("", action)
            and (not self.varieties or variety in self.varieties)
            and (through == self.through if self.only else not self.through or bool(through & self.through))
            and self.assets <= touched
        )


class Meanings(Value):
    """The tables of `meanings.yaml`, where a comment explains each of them."""

    sectors: dict[str, str]
    schools: tuple[str, ...]
    data: dict[str, dict[DataCategory, Certainty]]
    company_data: dict[DataCategory, Certainty]
    counts_people: frozenset[str]
    subjects: dict[str, DataSubject]
    disclosure: dict[str, Exfiltration]
    evidence: dict[str, ExfiltrationEvidence]
    takers: dict[Cause, RecipientKind]
    motives_of_malice: frozenset[str]
    paper: frozenset[str]
    no_device: frozenset[str]
    vectors: tuple[Way, ...]
    most_telling: tuple[Vector, ...]


@lru_cache(1)
def meanings() -> Meanings:
    return bind(read_document(Path(__file__).with_name("meanings.yaml")), Meanings)


def facts_of(record: Record) -> dict[str, Noted | None]:
    """Return every fact in the order of the vocabulary, None for a fact on which VERIS is silent."""
    doubt = record.security_incident == "Suspected"
    found = {name: FACT_READERS[name](record) if name in FACT_READERS else None for name in Facts.model_fields}
    return {name: said and noted(said, doubt=doubt) for name, said in found.items()}


def noted(said: Said, *, doubt: bool = False) -> Noted:
    """Return a fact as an incident file writes it; each of several kinds has its own certainty and source."""
    sure, by = said.sure and not doubt, f"VERIS: {said.by}"
    if said.value is None:
        return Noted({"certainty": "unknown"}, by)
    if isinstance(said.value, list) and isinstance(said.value[0], Said):
        return Noted([noted(kind, doubt=doubt) for kind in said.value], by)
    if sure and not said.note:
        return Noted(said.value, by)
    note = {"note": said.note} if said.note else {}
    return Noted({"value": said.value, "certainty": "confirmed" if sure else "suspected", **note}, by)


def sector(record: Record) -> Said | None:
    """Return the sector of the victim's industry, or None for an industry that the tables lack."""
    industry, sectors = record.victim.industry or "", meanings().sectors
    starts = (industry[:length] for length in range(len(industry), 1, -1))
    found = next((sectors[start] for start in starts if start in sectors), "")
    return Said(found, f"victim.industry = {industry} (NAICS)") if found else None


def _breach_types(record: Record) -> Said | None:
    """Return the types of breach that VERIS names. Others may be unknown to VERIS, so only all three are certain."""
    attribute = record.attribute
    touched = {
        BreachType.CONFIDENTIALITY: attribute.confidentiality and record.confidentiality.data_disclosure != "No",
        # "Alter behavior" is a person who was talked into something, and no change of data.
        BreachType.INTEGRITY: attribute.integrity and set(attribute.integrity.variety) != {"Alter behavior"},
        BreachType.AVAILABILITY: attribute.availability,
    }
    kinds = [kind.value for kind, holds in touched.items() if holds]
    named = [kind for kind in touched if getattr(attribute, kind) is not None]
    return Said(kinds, f"attribute = {', '.join(named)}", sure=len(kinds) == len(BreachType)) if kinds else None


def _cause(record: Record) -> Said | None:
    causes = dict(_causes(record))
    if not causes:
        return None
    cause, sure = next(iter(causes.items()))
    by = f"action = {', '.join(record.action.kinds)}; actor = {', '.join(record.actor.motives) or 'Unknown'}"
    return Said(cause.value, by, sure=sure and len(causes) == 1)


def _causes(record: Record) -> Iterator[tuple[Cause, bool]]:
    """Yield each possible cause, the gravest first, with True when the cause is certain."""
    who, harmful = record.actor.motives, HARMFUL & {*record.action.kinds}
    from_outside = harmful != {"misuse"}
    if not harmful:
        yield from _mistake(record)
    elif harmful == {"physical"} and "Theft" in record.action.varieties("physical") and "internal" not in who:
        yield Cause.THEFT, True
    elif not who and from_outside:
        yield Cause.EXTERNAL_ATTACK, False
    else:
        # Misuse needs access rights, which an external actor hardly has.
        yield from ((BY_ACTOR[actor], from_outside or actor != "external") for actor in who)


def _mistake(record: Record) -> Iterator[tuple[Cause, bool]]:
    if record.action.error is None:
        return
    varieties, sure = set(record.action.error.variety), record.action.unknown is None
    if tuple(record.actor.motives) == ("partner",):
        yield Cause.VENDOR, sure
    elif "Loss" in varieties:
        yield Cause.LOSS, sure
    else:
        technical = bool(varieties) and varieties <= TECHNICAL
        yield Cause.TECHNICAL_ERROR if technical else Cause.HUMAN_ERROR, sure and not varieties <= VAGUE


def _vector(record: Record) -> Said | None:
    """Return the most telling vector, which is certain when no other vector competes with it."""
    ways = sorted(_ways(record), key=lambda way: _rank(way[1].vector))
    if not ways:
        return None
    first, telling = ways[0][1], {way.vector for _, way in ways} - {Vector.OTHER}
    clear = len(telling) == 1 or not (telling or _partly_unknown(record.action))
    by = dict.fromkeys(by for by, _ in ways)
    return Said(str(first.vector), "; ".join(by), sure=clear and first.certainty is Certainty.CONFIRMED)


def _ways(record: Record) -> Iterator[tuple[str, Way]]:
    """Yield the words of each variety of action that has a vector, with the row that gives their meaning."""
    through = frozenset(record.action.social.vector if record.action.social else ())
    touched = _touched(record.assets)
    for kind in record.action.kinds:
        for variety in record.action.varieties(kind):
            way = next(way for way in meanings().vectors if way.fits(kind, variety, through, touched))
            if way.vector:
                yield f"action.{kind}.variety = {variety}", way


def _touched(assets: frozenset[str]) -> frozenset[str]:
    """Return the assets, with "paper" or "device" added when one of the assets is of this kind."""
    papers = assets & meanings().paper
    devices = {asset for asset in assets - papers - meanings().no_device if asset.startswith(DEVICES)}
    return assets | ({"paper"} if papers else set()) | ({"device"} if devices else set())


def _rank(vector: Vector | None) -> tuple[bool, int]:
    telling = meanings().most_telling
    return vector is Vector.OTHER, telling.index(vector) if vector in telling else len(telling)


def _partly_unknown(action: Action) -> bool:
    varieties = (variety for kind in action.kinds for variety in action.varieties(kind) or ("Unknown",))
    return action.unknown is not None or "Unknown" in varieties


def _malicious(record: Record) -> Said | None:
    kinds = record.action.kinds
    motives = [(who, motive) for who, given in record.actor.motives.items() for motive in given]
    malice = [f"actor.{who}.motive = {motive}" for who, motive in motives if motive in meanings().motives_of_malice]
    if {*kinds} <= {"error", "environmental"}:
        return None if malice else Said(value=False, by=f"action = {', '.join(kinds)}")
    if malice:
        return Said(value=True, by="; ".join(malice))
    if any(motive == "Fun" for _, motive in motives):
        return Said(value=True, by="motive = Fun", sure=False, note="VERIS means fun, curiosity or pride by it.")
    if on_purpose := sorted(ON_PURPOSE & {*kinds}):
        note = "Such an act is done on purpose; its motive is not said."
        return Said(value=True, by=f"action = {', '.join(on_purpose)}", sure=False, note=note)
    return None


def _data_categories(record: Record) -> Said | None:
    varieties = dict.fromkeys(one.variety for one in record.confidentiality.data)
    kinds: dict[DataCategory, Said] = {}
    for variety in (one for one in varieties if one != "Unknown"):
        for category, certainty in meanings().data.get(variety, meanings().company_data).items():
            sure = certainty is Certainty.CONFIRMED
            if sure or category not in kinds:
                kinds[category] = Said(category.value, f"data.variety = {variety}", sure)
    if not kinds:
        return None
    rest = [Said(None, "data.variety = Unknown")] * ("Unknown" in varieties)
    return Said([*kinds.values(), *rest], "attribute.confidentiality.data")


def _data_subjects(record: Record) -> Said | None:
    victims, known = record.confidentiality.data_victim, meanings().subjects
    subjects = list(dict.fromkeys(known[victim].value for victim in victims if victim in known))
    by = f"attribute.confidentiality.data_victim = {', '.join(victims)}"
    return Said(subjects, by, sure="Unknown" not in victims) if subjects else None


def _vulnerable_subjects(record: Record) -> Said | None:
    victims, industry = record.confidentiality.data_victim, record.victim.industry or ""
    if "Patient" in victims:
        return Said(value=True, by="attribute.confidentiality.data_victim = Patient")
    if "Student" in victims and industry.startswith(meanings().schools):
        by = f"attribute.confidentiality.data_victim = Student; victim.industry = {industry}"
        return Said(value=True, by=by, sure=False)
    return None


def _people(record: Record) -> Said | None:
    """Return a range of people, from one to the number of personal records, or None when the number is not known."""
    total = record.confidentiality.data_total
    personal = [one.amount for one in record.confidentiality.data if one.variety in meanings().counts_people]
    amounts = [amount for amount in personal if amount is not None]
    if not personal or (total is None and len(amounts) < len(personal)):
        return None
    most = int(sum(amounts) if total is None else max(total, *amounts, 0))
    by = f"attribute.confidentiality.{'data.amount' if total is None else 'data_total'} = {most}"
    return Said({"min": 1, "max": most}, by, sure=False, note="VERIS counts records, not people.") if most else None


def _encrypted_at_rest(record: Record) -> Said | None:
    state = record.confidentiality.state
    encrypted, open_ = "Stored encrypted" in state, not {"Stored unencrypted", "Printed"}.isdisjoint(state)
    if not (encrypted or open_):
        return None
    return Said(not open_, f"attribute.confidentiality.state = {', '.join(state)}", sure=not (encrypted and open_))


def _exfiltration(record: Record) -> Said | None:
    disclosure = record.confidentiality.data_disclosure
    left = meanings().disclosure.get(disclosure)
    return Said(left.value, f"attribute.confidentiality.data_disclosure = {disclosure}") if left else None


def _exfiltration_evidence(record: Record) -> Said | None:
    """Return the evidence that data left, or None. VERIS never names the evidence for a "no"."""
    if record.confidentiality.data_disclosure == "Yes":
        for reported, evidence in meanings().evidence.items():
            if reported in record.discovery_method.external.variety:
                return Said(evidence.value, f"discovery_method.external.variety = {reported}", sure=False)
    return None


def _recipient(record: Record) -> Said | None:
    """Return the recipient of the data, or None when the words of VERIS do not tell."""
    external, cause = record.actor.external, _cause(record)
    if record.confidentiality.data_disclosure not in ("Yes", "Potentially") or not external:
        return None
    if external.variety == ("Former employee",):
        return Said({"kind": "former_employee"}, "actor.external.variety = Former employee", sure=False)
    taker = meanings().takers.get(cause.value) if cause else None
    return Said({"kind": taker.value}, cause.by, sure=False) if cause and taker else None


def _misuse_observed(record: Record) -> Said | None:
    abuse = record.data_abuse
    if abuse in VAGUE:
        return None
    return Said(abuse != "No", f"plus.attribute.confidentiality.data_abuse = {abuse}", sure=abuse != "No")


FACT_READERS: dict[str, Callable[[Record], Said | None]] = {
    "sector": sector,
    "breach_types": _breach_types,
    "cause": _cause,
    "vector": _vector,
    "malicious": _malicious,
    "data_categories": _data_categories,
    "data_subjects": _data_subjects,
    "vulnerable_subjects": _vulnerable_subjects,
    "people": _people,
    "encrypted_at_rest": _encrypted_at_rest,
    "exfiltration": _exfiltration,
    "exfiltration_evidence": _exfiltration_evidence,
    "recipient": _recipient,
    "misuse_observed": _misuse_observed,
}
"""The function that reads each fact from a record. VERIS is silent on the facts that are not listed."""
