"""The text of a new incident file: what is known so far, and a comment beside each key that says what belongs there."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from amends.content.file.commented import Noted, commented_yaml
from amends.content.file.document import parse_document
from amends.content.incident.incident import check_incident
from amends.domain.assess.assess import QUESTIONS
from amends.domain.base.value import UNKNOWN
from amends.domain.incident.facts import (
    BreachType,
    Cause,
    DataSubject,
    Exfiltration,
    ExfiltrationEvidence,
    Facts,
    RecipientKind,
    Vector,
)
from amends.domain.incident.gaps import STORY
from amends.domain.incident.incident import Incident
from amends.domain.incident.vocabulary import words_of

HEAD = (
    "An incident file. `amends incident check FILE` reads it, `amends assess FILE` says what follows from it.",
    "What nobody knows is written unknown, and is never taken for no. What is only suspected is written",
    "{value: …, certainty: suspected}. `amends incident facts` lists every fact and time with its words.",
)
NOTICE = "before the first notice:"
FEW = 5
"""The most words of a fact that its comment lists."""
LONGEST_ID = 40
IDS = re.compile(r"[a-z0-9]+")


class Example(StrEnum):
    """A kind of incident, in the words of people who were just told of it."""

    THEFT = "theft"
    RANSOMWARE = "ransomware"
    INSIDER = "insider"
    LOST_DEVICE = "lost-device"
    VENDOR = "vendor"


MEANS = {
    Example.THEFT: "an attacker got in and copied customer data, or may have",
    Example.RANSOMWARE: "an attacker encrypted data, and may have copied it too",
    Example.INSIDER: "somebody who works or worked for you took or misused data",
    Example.LOST_DEVICE: "a laptop, phone, drive or papers with customer data are lost or stolen",
    Example.VENDOR: "it happened at a company that keeps the data for you",
}
TITLES = {
    Example.THEFT: "Customer data stolen",
    Example.RANSOMWARE: "Ransomware in our systems",
    Example.INSIDER: "Customer data taken by an insider",
    Example.LOST_DEVICE: "Device with customer data lost",
    Example.VENDOR: "Customer data breached at a vendor",
}
NO_TITLE = "Something has happened to customer data"

CUSTOMERS = {"data_subjects": [DataSubject.CUSTOMERS]}
SECRECY = {"breach_types": [BreachType.CONFIDENTIALITY]}
MAY_BE_COPIED = "as good as yes until sound evidence rules it out"
FACTS: dict[Example, dict[str, Any]] = {
    Example.THEFT: {
        **SECRECY,
        **CUSTOMERS,
        "cause": Cause.EXTERNAL_ATTACK,
        "malicious": True,
        "exfiltration": Noted(Exfiltration.POSSIBLE, f"{MAY_BE_COPIED}; yes once you are sure"),
        "recipient": {"kind": RecipientKind.UNKNOWN_ATTACKER},
    },
    Example.RANSOMWARE: {
        **CUSTOMERS,
        "breach_types": Noted(
            [BreachType.CONFIDENTIALITY, BreachType.AVAILABILITY],
            "take confidentiality out only once a copy is ruled out",
        ),
        "cause": Cause.EXTERNAL_ATTACK,
        "vector": Vector.RANSOMWARE,
        "malicious": True,
        "exfiltration": Noted(Exfiltration.POSSIBLE, MAY_BE_COPIED),
        "recipient": {"kind": RecipientKind.UNKNOWN_ATTACKER},
    },
    Example.INSIDER: {
        **SECRECY,
        **CUSTOMERS,
        "cause": Cause.INSIDER,
        "vector": Vector.PRIVILEGE_MISUSE,
        "malicious": Noted(UNKNOWN, "did they mean harm or gain, or was it curiosity?"),
        "exfiltration": Noted(Exfiltration.POSSIBLE, f"{MAY_BE_COPIED}; yes once you are sure"),
        "recipient": Noted(UNKNOWN, "{kind: former_employee}, {kind: few_known_individuals}, or who has it now"),
    },
    Example.LOST_DEVICE: {
        **SECRECY,
        **CUSTOMERS,
        "cause": Noted(Cause.LOSS, "theft when somebody took it"),
        "vector": Noted(Vector.LOST_DEVICE, "or stolen_device, lost_paper, stolen_paper"),
        "exfiltration": Noted(Exfiltration.POSSIBLE, "somebody may read what is on it"),
        "exfiltration_evidence": ExfiltrationEvidence.DEVICE_GONE_CONTENT_UNCERTAIN,
        "recipient": Noted(UNKNOWN, "{kind: unknown_thief}, or thief_ciphertext_only when it was encrypted"),
        "mitigations": Noted(UNKNOWN, "such as [police_report, remote_wipe, access_revoked]"),
    },
    Example.VENDOR: {
        **SECRECY,
        **CUSTOMERS,
        "cause": Cause.VENDOR,
        "vector": Noted(UNKNOWN, "how it happened there: ransomware, misconfiguration, phishing …"),
        "exfiltration": Noted(UNKNOWN, "ask the vendor: yes, possible, no, and on what that rests"),
    },
}
"""The facts that follow from what happened. The others must be looked up."""
ASK = QUESTIONS | {
    "cause": "Where does it come from? external_attack, insider, human_error, theft, vendor …",
    "vector": "How was it done? phishing, credential_stuffing, misconfiguration …",
    "data_categories": "Which kinds of data? Such as [basic_identity, contact, credentials_hashed, payment_card]",
    "data_subjects": "Whose data is it?",
    "people": "How many people? 240, or {min: 200, max: 300}",
    "encrypted_at_rest": "Was the data encrypted where it lay?",
    "encryption_key_safe": "Is it sure that the key was not taken?",
    "protection_note": "What else guarded it: strong passwords, a remote lock?",
    "backup": "Is there a copy from which to bring it back?",
    "restore_hours": "After how many hours could people be served again?",
    "exfiltration": "Did anybody copy the data?",
    "exfiltration_evidence": "What does that rest on? internal_investigation, published, none …",
    "exposure_days": "For how many days did it lie open?",
    "mitigations": "What was done against the harm? Such as [access_revoked, police_report]",
}
"""The question beside each fact: that of the assessment, or a shorter one."""


@dataclass(frozen=True)
class Answers:
    """The answers about a new incident; None for what nobody knows yet."""

    what: Example | None = None
    title: str | None = None
    name: str | None = None
    country: str | None = None
    timezone: str | None = None
    discovered: str | None = None
    occurred: str | None = None
    data: tuple[str, ...] | None = None
    at_least: int | None = None
    at_most: int | None = None
    encrypted: bool | None = None
    email: str | None = None
    phone: str | None = None
    own_domain: str | None = None


def new_incident_file(answers: Answers, at: datetime) -> str:
    """Return the text of the file; the id of an incident whose title gives none is made from the day."""
    title = answers.title or (TITLES[answers.what] if answers.what else NO_TITLE)
    return commented_yaml(
        {
            "id": Noted(_id(answers, at), "the name in every command; small letters, digits, - and _"),
            "title": Noted(title, "for your team and reports"),
            "organisation": _organisation(answers),
            "times": _times(answers),
            "facts": dict(_facts(answers)),
            "residences": Noted(
                UNKNOWN, "people by country or state, as far as the list lacks them: {DE: 1200, US-WA: 40}"
            ),
            "list_is": Noted(UNKNOWN, "first_part while more people are still to be listed; whole when all are"),
            "texts": _texts(),
            "commitments": Noted(
                UNKNOWN, "what you promise: [{use: account-recheck}]; `amends commitments library` lists what there is"
            ),
        },
        HEAD,
    )


def read_new(text: str, path: Path) -> Incident:
    """Return the incident of a text that is not on disk yet. Raises ContentError with every finding."""
    return check_incident(parse_document(path, text))


def _id(answers: Answers, at: datetime) -> str:
    words = "-".join(IDS.findall((answers.title or "").lower()))[:LONGEST_ID].strip("-")
    return words or f"{answers.what or 'incident'}-{at:%Y-%m-%d}"


def _organisation(answers: Answers) -> dict[str, Any]:
    domains = [answers.own_domain] if answers.own_domain else None
    return {
        "name": _said(answers.name, f"{NOTICE} the name by which customers know the company"),
        "established_in": _said(
            answers.country, "the country of its seat, in two letters, or a part of it, such as FR or DE-BE"
        ),
        "sector": _said(None, "its trade, such as banking, healthcare, retail, services"),
        "role": _said(None, "controller: the data is your customers'; processor: you keep it for another company"),
        "regulated": _said(None, "laws of its trade, such as [financial_entity, us_listed]; [] for none"),
        "timezone": Noted(answers.timezone or "UTC", "such as Europe/Berlin; in it notices give dates and times"),
        "own_domains": _said(domains, f"{NOTICE} such as [example.org]; notices link only there"),
        "contacts": {
            "email": _said(answers.email, f"{NOTICE} where customers reach a person"),
            "phone": _said(answers.phone, f"{NOTICE} where customers reach a person"),
        },
    }


def _times(answers: Answers) -> dict[str, Any]:
    times = {
        "occurred": _said(answers.occurred, "when it happened: 2026-03-02T08:00+01:00, 2026-03-02, or from and to"),
        "discovered": _said(answers.discovered, "when anybody of yours first knew of it"),
        "aware": _said(None, "when you were reasonably certain that personal data is touched; deadlines run from it"),
        "contained": _said(None, "from when no more harm was done"),
    }
    if answers.what is Example.VENDOR:
        times["vendor_discovers"] = _said(None, "when the vendor discovered it")
    return times


def _facts(answers: Answers) -> Iterator[tuple[str, Noted]]:
    """Yield every fact but the sector, which the organisation gives."""
    known = (FACTS[answers.what] if answers.what else {}) | _answered(answers)
    for fact, question in ((name, ASK[name]) for name in Facts.model_fields if name != "sector"):
        value = known.get(fact, UNKNOWN)
        yield fact, value if isinstance(value, Noted) else Noted(value, f"{question}{_choice(fact, value)}")


def _choice(fact: str, value: Any) -> str:
    """Return the words for a fact that nobody knows yet, when they are few."""
    words = words_of(fact) if value == UNKNOWN else ()
    return f" {', '.join(words)}" if 0 < len(words) <= FEW else ""


def _answered(answers: Answers) -> dict[str, Any]:
    """Return the facts that were answered."""
    limits = {"min": answers.at_least, "max": answers.at_most}
    people = {name: limit for name, limit in limits.items() if limit is not None}
    one = answers.at_least if answers.at_least == answers.at_most else None
    said = {
        "data_categories": list(answers.data) if answers.data else None,
        "people": one if one is not None else people or None,
        "encrypted_at_rest": answers.encrypted,
    }
    return {name: value for name, value in said.items() if value is not None}


def _texts() -> dict[str, Any]:
    return {"en": {name: _said(None, f"{NOTICE} {wanted}") for name, wanted in STORY.items()}}


def _said(value: Any, comment: str) -> Noted:
    return Noted(UNKNOWN if value is None else value, comment)
