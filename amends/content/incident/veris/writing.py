"""Writing of a VERIS record (1.4.1) from an incident: only what VERIS has a word for, and never more surely than known.

Each part is added to the record and read back. Where the reader would take something else from the part than the facts
say, or would take it for surer, its next wording is tried, and at last the part is left out. What VERIS demands and
nobody knows is `Unknown`.
"""

import json
from collections.abc import Iterable, Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

from amends.content.file.binding import bind
from amends.content.file.commented import without_comments
from amends.content.file.countries import COUNTRIES
from amends.content.file.document import Document
from amends.content.incident.veris.mapping import facts_of, meanings
from amends.content.incident.veris.record import Record
from amends.domain.incident.facts import (
    BreachType,
    Cause,
    Certainty,
    Count,
    DataCategory,
    DataSubject,
    Exfiltration,
    ExfiltrationEvidence,
    Fact,
    Facts,
    Vector,
)
from amends.domain.incident.incident import Incident, Times

Part = dict[str, Any]

VERSION = "1.4.1"
UNKNOWN = ["Unknown"]
SUMMARY = "Written by Amends from the facts of the incident. Free texts, which can name people, are left out."
INFERRED = ("malicious", "vulnerable_subjects", "recipient")
"""Facts that the reader concludes from others, by rules of VERIS; a record cannot contradict them."""
COARSER = ("data_categories", "data_subjects")
"""Facts for which VERIS has fewer and wider words, so that they read back as something wider."""
PERSONAL = "Personal"
DATA: dict[DataCategory, str] = {
    DataCategory.CREDENTIALS_PLAIN: "Credentials",
    DataCategory.CREDENTIALS_HASHED: "Credentials",
    DataCategory.SECURITY_ANSWERS: "Credentials",
    DataCategory.PAYMENT_CARD: "Payment",
    DataCategory.CARD_NUMBER: "Payment",
    DataCategory.CARD_WITH_CODE: "Payment",
    DataCategory.FINANCIAL_ACCOUNT: "Bank",
    DataCategory.ACCOUNT_NUMBER: "Bank",
    DataCategory.ACCOUNT_WITH_ACCESS: "Bank",
    DataCategory.NATIONAL_ID: "Sensitive Personal",
    DataCategory.SSN: "Sensitive Personal",
    DataCategory.DRIVERS_LICENSE: "Sensitive Personal",
    DataCategory.PASSPORT: "Sensitive Personal",
    DataCategory.TAX_NUMBER: "Sensitive Personal",
    DataCategory.ID_CARD: "Sensitive Personal",
    DataCategory.GENETIC: "Medical",
    DataCategory.HEALTH: "Medical",
    DataCategory.DIAGNOSIS: "Medical",
    DataCategory.TREATMENT: "Medical",
    DataCategory.PRESCRIPTIONS: "Medical",
    DataCategory.HEALTH_INSURANCE_NUMBER: "Medical",
    DataCategory.OTHER: "Other",
}
"""The kinds of data that are not `Personal` in VERIS."""
SUBJECTS = {
    DataSubject.CUSTOMERS: "Customer",
    DataSubject.USERS: "Customer",
    DataSubject.EMPLOYEES: "Employee",
    DataSubject.PATIENTS: "Patient",
    DataSubject.STUDENTS: "Student",
}
EVIDENCE = {ExfiltrationEvidence.PUBLISHED: "Actor disclosure", ExfiltrationEvidence.LATER_USE: "Fraud detection"}
DISCLOSURE = {Exfiltration.YES: "Yes", Exfiltration.POSSIBLE: "Potentially", Exfiltration.NO: "No"}
DEVICE, PAPER, MAIL, SITE = "U - Unknown", "M - Documents", "S - Mail", "S - Web application"
WAYS: dict[Vector, tuple[str, str, str, str]] = {
    Vector.RANSOMWARE: ("malware", "Ransomware", "", ""),
    Vector.CREDENTIAL_STUFFING: ("hacking", "Use of stolen creds", "", ""),
    Vector.SQL_INJECTION: ("hacking", "SQLi", "Web application", ""),
    Vector.WEB_MALWARE: ("malware", "Capture app data", "", SITE),
    Vector.PHISHING: ("social", "Phishing", "Email", ""),
    Vector.BUSINESS_EMAIL_COMPROMISE: ("social", "Pretexting", "Email", ""),
    Vector.SOCIAL_ENGINEERING_PHONE: ("social", "Pretexting", "Phone", ""),
    Vector.PRIVILEGE_MISUSE: ("misuse", "Privilege abuse", "", ""),
    Vector.STOLEN_DEVICE: ("physical", "Theft", "", DEVICE),
    Vector.LOST_DEVICE: ("error", "Loss", "", DEVICE),
    Vector.STOLEN_PAPER: ("physical", "Theft", "", PAPER),
    Vector.LOST_PAPER: ("error", "Loss", "", PAPER),
    Vector.MISDIRECTED_EMAIL: ("error", "Misdelivery", "", MAIL),
    Vector.MISDELIVERED_POST: ("error", "Misdelivery", "", PAPER),
    Vector.MISCONFIGURATION: ("error", "Misconfiguration", "", ""),
}
"""The kind of action, its variety, its vector and the asset, for each vector that VERIS has words for."""
ACTIONS: dict[Cause, tuple[str, str]] = {
    Cause.EXTERNAL_ATTACK: ("hacking", "Other"),
    Cause.INSIDER: ("misuse", "Other"),
    Cause.HUMAN_ERROR: ("error", "Other"),
    Cause.TECHNICAL_ERROR: ("error", "Malfunction"),
    Cause.THEFT: ("physical", "Theft"),
    Cause.LOSS: ("error", "Loss"),
    Cause.VENDOR: ("error", "Other"),
}
"""The kind of action and its variety for each cause, where the way is not known."""
EXTERNAL = {"external": {"variety": UNKNOWN, "motive": UNKNOWN}}
INTERNAL = {"internal": {"variety": UNKNOWN, "motive": UNKNOWN}}
PARTNER = {"partner": {"country": UNKNOWN, "motive": UNKNOWN}}
NOBODY_KNOWN: Part = {"unknown": {}}
ACTORS: dict[Cause, Part] = {
    Cause.EXTERNAL_ATTACK: EXTERNAL,
    Cause.THEFT: EXTERNAL,
    Cause.INSIDER: INTERNAL,
    Cause.HUMAN_ERROR: INTERNAL,
    Cause.TECHNICAL_ERROR: INTERNAL,
    Cause.LOSS: INTERNAL,
    Cause.VENDOR: PARTNER,
}
STAFF = {
    10: "1 to 10",
    100: "11 to 100",
    1000: "101 to 1000",
    10_000: "1001 to 10000",
    25_000: "10001 to 25000",
    50_000: "25001 to 50000",
    100_000: "50001 to 100000",
}
UNITS = (("Days", timedelta(days=1)), ("Hours", timedelta(hours=1)), ("Minutes", timedelta(minutes=1)))


def veris_record(incident: Incident, opened_at: datetime) -> Part:
    """Return the incident as a record of VERIS. `opened_at` gives the year where nobody knows when it happened."""
    facts, record = incident.facts, _bare(incident, opened_at)
    for wordings in (
        _breached(facts),
        _happened(facts),
        _sector(facts, incident),
        _subjects(facts),
        _data(facts),
        _people(facts),
        _disclosed(facts),
        _encrypted(facts),
        _evidence(facts),
        _misused(facts),
    ):
        tried = (_merged(record, part) for part in wordings)
        record = next((one for one in tried if _says_no_more(one, facts)), record)
    return record


def in_json(record: Part) -> str:
    """Return the record as JSON text with its keys in a stable order."""
    return json.dumps(record, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _bare(incident: Incident, opened_at: datetime) -> Part:
    """Return the record with all that VERIS demands, and nothing of the facts but whether any is confirmed."""
    sure = any(getattr(incident.facts, name).certainty is Certainty.CONFIRMED for name in Facts.model_fields)
    return {
        "schema_version": VERSION,
        "incident_id": incident.id,
        "source_id": "amends",
        "security_incident": "Confirmed" if sure else "Suspected",
        "summary": SUMMARY,
        "action": deepcopy(NOBODY_KNOWN),
        "actor": deepcopy(NOBODY_KNOWN),
        "asset": {"assets": [{"variety": "Unknown"}], "cloud": UNKNOWN},
        "attribute": {"unknown": {}},
        "timeline": _timeline(incident.times, opened_at),
        "victim": _victim(incident),
        "discovery_method": {"unknown": True},
    }


def _victim(incident: Incident) -> Part:
    """Return the victim without a name: a record is made to be shared."""
    organisation = incident.organisation
    seat = (organisation.established_in or "").split("-")
    state = {"state": seat[1]} if seat[0] == "US" and len(seat) > 1 else {}
    staff = organisation.size
    return {
        "country": [seat[0]] if seat[0] in COUNTRIES else UNKNOWN,
        **state,
        "employee_count": "Unknown" if staff is None else _staff(staff),
        "industry": "000",
        "government": UNKNOWN,
    }


def _staff(count: int) -> str:
    return next((words for most, words in STAFF.items() if count <= most), "Over 100000")


def _timeline(times: Times, opened_at: datetime) -> Part:
    """Return when it happened, and how long until it was discovered and contained, as exactly as VERIS can say.

    VERIS demands a year; where nobody knows when it happened, the year of discovery or of opening stands alone.
    """
    start, discovered = times.occurred.start, times.events.get("discovered")
    if start is None:
        return {"incident": {"year": (discovered or opened_at).astimezone(UTC).year}}
    day = start.astimezone(UTC)
    found: Part = {"incident": {"year": day.year, "month": day.month, "day": day.day}}
    begin = day.replace(hour=0, minute=0, second=0, microsecond=0)
    if discovered:
        found["discovery"] = _length(discovered - begin)
        if times.contained:
            found["containment"] = _length(times.contained - discovered)
    return found


def _length(span: timedelta) -> Part:
    """Return a length of time in the largest unit in which it is a whole number; unknown when it is negative."""
    if span < timedelta():
        return {"unit": "Unknown"}
    unit, length = next(((name, unit) for name, unit in UNITS if not span % unit), ("Minutes", timedelta(minutes=1)))
    return {"unit": unit, "value": span // length}


def _happened(facts: Facts) -> Iterator[Part]:
    """Yield wordings of the cause with the way, then of one of them alone."""
    cause = facts.cause.value if facts.cause.stands else None
    vector = facts.vector.value if facts.vector.stands else None
    actor = ACTORS[cause] if cause else NOBODY_KNOWN
    if vector in WAYS:
        yield _act(*WAYS[vector], actor=actor)
    if cause:
        kind, variety = ACTIONS[cause]
        yield _act(kind, variety, "", "", actor=actor)
        yield _act(kind, "Unknown", "", "", actor=actor)
    if vector in WAYS:
        yield _act(*WAYS[vector], actor=NOBODY_KNOWN)


def _act(kind: str, variety: str, through: str, asset: str, *, actor: Part) -> Part:
    action: Part = {"variety": [variety], "vector": [through or "Unknown"]}
    if kind == "social":
        action["target"] = UNKNOWN
    touched = {"asset": {"assets": [{"variety": asset}], "cloud": UNKNOWN}} if asset else {}
    return {"action": {kind: action}, "actor": actor, **touched}


def _sector(facts: Facts, incident: Incident) -> Iterator[Part]:
    wanted = facts.sector.value if facts.sector.stands else incident.organisation.sector
    for code, name in meanings().sectors.items():
        if name == wanted:
            yield {"victim": {"industry": code}}


def _breached(facts: Facts) -> Iterator[Part]:
    said: Part = {
        BreachType.CONFIDENTIALITY: {"data_disclosure": "Unknown"},
        BreachType.INTEGRITY: {"variety": UNKNOWN},
        BreachType.AVAILABILITY: {"variety": UNKNOWN},
    }
    if facts.breach_types.stands and facts.breach_types.value:
        yield {"attribute": {kind.value: deepcopy(said[kind]) for kind in facts.breach_types.value}}


def _subjects(facts: Facts) -> Iterator[Part]:
    if facts.data_subjects.stands:
        victims = [SUBJECTS.get(one, "Other") for one in facts.data_subjects.value or ()]
        yield _confidential(data_victim=_once(victims))


def _data(facts: Facts) -> Iterator[Part]:
    """Yield the words for the confirmed kinds of data, and for suspected ones that no written word suspects already."""
    sure = _kinds(facts, Certainty.CONFIRMED)
    written = _once(DATA.get(kind, PERSONAL) for kind in sure)
    suspected = {kind for word in written for kind in _means(word)}
    rest = (DATA.get(kind, PERSONAL) for kind in _kinds(facts, Certainty.SUSPECTED) if kind not in suspected)
    kinds = _once([*written, *(word for word in rest if Certainty.CONFIRMED not in _means(word).values())])
    if kinds:
        yield _confidential(data=[{"variety": kind} for kind in kinds])


def _kinds(facts: Facts, certainty: Certainty) -> list[DataCategory]:
    """Return the kinds of data of this certainty; none is surer than the whole list of them."""
    named = facts.data_categories.value or () if facts.data_categories.stands else ()
    whole = facts.data_categories.certainty
    return [one.value for one in named if one.value and one.stands and _weaker(one.certainty, whole) is certainty]


def _weaker(one: Certainty, other: Certainty) -> Certainty:
    return Certainty.SUSPECTED if Certainty.SUSPECTED in (one, other) else one


def _means(word: str) -> dict[DataCategory, Certainty]:
    """Return the kinds of data that the reader takes from a word of VERIS."""
    return meanings().data.get(word, meanings().company_data)


def _people(facts: Facts) -> Iterator[Part]:
    count = facts.people.value if facts.people.stands else None
    if isinstance(count, Count) and count.max:
        yield _confidential(data_total=count.max)


def _disclosed(facts: Facts) -> Iterator[Part]:
    if facts.exfiltration.stands and facts.exfiltration.value in DISCLOSURE:
        yield _confidential(data_disclosure=DISCLOSURE[facts.exfiltration.value])


def _encrypted(facts: Facts) -> Iterator[Part]:
    if facts.encrypted_at_rest.stands:
        yield _confidential(state=["Stored encrypted" if facts.encrypted_at_rest.value else "Stored unencrypted"])


def _evidence(facts: Facts) -> Iterator[Part]:
    evidence = facts.exfiltration_evidence
    if evidence.stands and evidence.value in EVIDENCE:
        yield {"discovery_method": {"external": {"variety": [EVIDENCE[evidence.value]]}}}


def _misused(facts: Facts) -> Iterator[Part]:
    if facts.misuse_observed.stands:
        abuse = "Yes" if facts.misuse_observed.value else "No"
        yield {"plus": {"attribute": {"confidentiality": {"data_abuse": abuse}}}}


def _confidential(**said: Any) -> Part:
    return {"attribute": {"confidentiality": {"data_disclosure": "Unknown"} | said}}


def _once(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))


def _merged(record: Part, part: Part) -> Part:
    """Return the record with the part in it; a part that says something takes the place of `unknown`."""
    merged = dict(record)
    for key, said in part.items():
        before = merged.get(key)
        if isinstance(said, dict) and isinstance(before, dict) and set(before) != {"unknown"}:
            merged[key] = _merged(before, _unless_known(before, said))
        else:
            merged[key] = deepcopy(said)
    return merged


def _unless_known(before: Part, said: Part) -> Part:
    """Return what is said without an `Unknown` that would take the place of what is known."""
    return {key: one for key, one in said.items() if not (one == "Unknown" and key in before)}


def _says_no_more(record: Part, facts: Facts) -> bool:
    """Return True when the reader takes nothing from the record that the facts do not say."""
    read = read_facts(record)
    checked = (name for name in Facts.model_fields if name not in (*INFERRED, *COARSER))
    return all(_agrees(getattr(read, name), getattr(facts, name)) for name in checked)


def read_facts(record: Part) -> Facts:
    """Return the facts that the reader takes from a record. Raises ContentError for what is no record."""
    found = facts_of(bind(Document("record.json", record, {}, {}), Record))
    return Facts.model_validate({name: without_comments(said) for name, said in found.items() if said})


def _agrees(read: Fact[Any], ours: Fact[Any]) -> bool:
    """Return True when what was read is what is known, no surer, or is nothing."""
    if read.unknown:
        return True
    if ours.unknown:
        return read.certainty is not Certainty.CONFIRMED
    surer = read.certainty is Certainty.CONFIRMED and ours.certainty is not Certainty.CONFIRMED
    return ours.stands and not surer and _same(read.value, ours.value)


def _same(read: object, ours: object) -> bool:
    """Return True for the same value; VERIS counts records, so of a number of people only the most compares."""
    if isinstance(read, Count) and isinstance(ours, Count):
        return read.max == ours.max
    if isinstance(read, tuple) and isinstance(ours, tuple):
        return set(read) == set(ours)
    return read == ours
