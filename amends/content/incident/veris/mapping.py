"""What the words of VERIS mean for the facts of an incident, by the tables of `meanings.yaml`.

What VERIS does not say stays unknown, never "no".
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from amends.content.file.binding import bind
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


class Noted(NamedTuple):
    """What will stand in the file, and the comment beside it."""

    value: Any
    comment: str


class Said(NamedTuple):
    """A value of a fact, and by which words of VERIS."""

    value: Any
    by: str
    sure: bool = True
    note: str = ""


class Way(Value):
    """How it happened, if these words stand in a record."""

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
    """The tables; what each is for stands beside it there."""

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
    """Every fact in the order of the vocabulary; empty where VERIS says nothing."""
    doubt = record.security_incident == "Suspected"
    found = {name: SAYING[name](record) if name in SAYING else None for name in Facts.model_fields}
    return {name: said and noted(said, doubt=doubt) for name, said in found.items()}


def noted(said: Said, *, doubt: bool = False) -> Noted:
    """As an incident file says it; each of several kinds has its own certainty and source."""
    sure, by = said.sure and not doubt, f"VERIS: {said.by}"
    if said.value is None:
        return Noted({"certainty": "unknown"}, by)
    if isinstance(said.value, list) and isinstance(said.value[0], Said):
        return Noted([noted(kind, doubt=doubt) for kind in said.value], by)
    if sure and not said.note:
        return Noted(said.value, by)
    note = {"note": said.note} if said.note else {}
    return Noted({"value": said.value, "certainty": "confirmed" if sure else "suspected", **note}, by)


HARMFUL = frozenset({"hacking", "malware", "social", "misuse", "physical"})
ON_PURPOSE = HARMFUL - {"misuse"}
"""Misuse may be a shortcut that meant no harm."""

TECHNICAL = frozenset({"Capacity shortage", "Malfunction", "Programming error"})
VAGUE = frozenset({"Other", "Unknown"})


def sector(record: Record) -> Said | None:
    """The sector of the victim's industry."""
    industry, sectors = record.victim.industry or "", meanings().sectors
    starts = (industry[:length] for length in range(len(industry), 1, -1))
    found = next((sectors[start] for start in starts if start in sectors), "")
    return Said(found, f"victim.industry = {industry} (NAICS)") if found else None


def _breach_types(record: Record) -> Said | None:
    """Which attributes VERIS names. It may simply not know of others, so only all three of them are sure."""
    attribute = record.attribute
    touched = {
        BreachType.CONFIDENTIALITY: attribute.confidentiality and record.confidentiality.data_disclosure != "No",
        # People who were talked into something are no data that was changed.
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
    """The gravest first, each with whether it is sure."""
    who, harmful = record.actor.motives, HARMFUL & {*record.action.kinds}
    from_outside = harmful != {"misuse"}
    if not harmful:
        yield from _mistake(record)
    elif harmful == {"physical"} and "Theft" in record.action.varieties("physical") and "internal" not in who:
        yield Cause.THEFT, True
    elif not who and from_outside:
        yield Cause.EXTERNAL_ATTACK, False
    else:
        # Misuse needs rights, which somebody outside hardly has.
        yield from ((BY_ACTOR[actor], from_outside or actor != "external") for actor in who)


BY_ACTOR = {"external": Cause.EXTERNAL_ATTACK, "internal": Cause.INSIDER, "partner": Cause.VENDOR}


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
    """The most telling way; it is sure when no other one competes with it."""
    ways = sorted(_ways(record), key=lambda way: _rank(way[1].vector))
    if not ways:
        return None
    first, telling = ways[0][1], {way.vector for _, way in ways} - {Vector.OTHER}
    clear = len(telling) == 1 or not (telling or _partly_unknown(record.action))
    by = dict.fromkeys(by for by, _ in ways)
    return Said(str(first.vector), "; ".join(by), sure=clear and first.certainty is Certainty.CONFIRMED)


def _ways(record: Record) -> Iterator[tuple[str, Way]]:
    """By which words, and what they mean."""
    through = frozenset(record.action.social.vector if record.action.social else ())
    touched = _touched(record.assets)
    for kind in record.action.kinds:
        for variety in record.action.varieties(kind):
            way = next(way for way in meanings().vectors if way.fits(kind, variety, through, touched))
            if way.vector:
                yield f"action.{kind}.variety = {variety}", way


def _touched(assets: frozenset[str]) -> frozenset[str]:
    """The assets, and whether paper or a device is among them."""
    papers = assets & meanings().paper
    devices = {asset for asset in assets - papers - meanings().no_device if asset.startswith(DEVICES)}
    return assets | ({"paper"} if papers else set()) | ({"device"} if devices else set())


DEVICES = ("U - ", "M - ", "S - ", "T - ", "N - ", "E - ")


def _rank(vector: Vector | None) -> tuple[bool, int]:
    telling = meanings().most_telling
    return vector is Vector.OTHER, telling.index(vector) if vector in telling else len(telling)


def _partly_unknown(action: Action) -> bool:
    varieties = (variety for kind in action.kinds for variety in action.varieties(kind) or ("Unknown",))
    return action.unknown is not None or "Unknown" in varieties


def _malicious(record: Record) -> Said | None:
    kinds = record.action.kinds
    motives = [(who, motive) for who, given in record.actor.motives.items() for motive in given]
    told = [f"actor.{who}.motive = {motive}" for who, motive in motives if motive in meanings().motives_of_malice]
    if {*kinds} <= {"error", "environmental"}:
        return None if told else Said(value=False, by=f"action = {', '.join(kinds)}")
    if told:
        return Said(value=True, by="; ".join(told))
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
    """At most as many as there are records; at least one."""
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
    """Only what shows that data left; VERIS never says what a "no" rests on."""
    if record.confidentiality.data_disclosure == "Yes":
        for reported, evidence in meanings().evidence.items():
            if reported in record.discovery_method.external.variety:
                return Said(evidence.value, f"discovery_method.external.variety = {reported}", sure=False)
    return None


def _recipient(record: Record) -> Said | None:
    """Whoever took it, as far as the words tell."""
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


SAYING: dict[str, Callable[[Record], Said | None]] = {
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
"""How each fact is read out of a record; VERIS says nothing about the others."""
