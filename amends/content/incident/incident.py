"""Reading of an incident file, and the checks that its parts agree."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from amends.content.file.binding import bind
from amends.content.file.characters import BREAKS_HEADERS, odd_characters
from amends.content.file.codes import Code
from amends.content.file.countries import COUNTRIES
from amends.content.file.document import Document, read_document
from amends.content.file.reading import Trail
from amends.content.file.regions import is_state
from amends.content.incident.picks import unknown_picks, with_picks
from amends.content.people import columns
from amends.domain.base.errors import ContentError, Finding
from amends.domain.base.text import listed
from amends.domain.base.value import MOST_PEOPLE, text_for
from amends.domain.incident.facts import Cause, Exfiltration, ExfiltrationEvidence, Facts, Restored
from amends.domain.incident.gaps import gaps
from amends.domain.incident.incident import CLOCK_EVENTS, Incident, Times
from amends.domain.risk.exposure import CIPHERTEXT_ONLY

_PHONE = re.compile(r"[+(]?\d[\d\s()+./,;·-]{2,60}(?:(?:ext\.?|x|转)\s*\d{1,6})?")

_EXTENSION = re.compile(r"ext\.?|x|转|[,;]")
_PLACEHOLDER = ".invalid"
"""The end of the address that an imported incident file holds until somebody writes one; the lint stops it."""

_REQUIRED = frozenset({"promise", "text"})
"""The last key of each text that must not be empty; other texts may be left out, or are gaps until the first notice."""

_PLACE = re.compile("[A-Z]{2}(-[A-Z0-9]{1,3})?|unknown")
"""The place behind the @ in the id of a duty that each place has for itself."""

_DATA_WAS_TAKEN = (ExfiltrationEvidence.LATER_USE, ExfiltrationEvidence.PUBLISHED)

_NEVER_TOGETHER: tuple[tuple[dict[str, tuple[Any, ...]], str], ...] = (
    (
        {"encrypted_at_rest": (True,), "encryption_key_safe": (True,), "misuse_observed": (True,)},
        "misuse was observed, yet the data was encrypted and the key is safe",
    ),
    (
        {"exfiltration": (Exfiltration.NO,), "exfiltration_evidence": _DATA_WAS_TAKEN},
        "nothing was taken, yet it was used or published later",
    ),
    (
        {"restored": (Restored.FULL,), "permanent_loss": (True,)},
        "everything was restored, yet something is lost for good",
    ),
    ({"encrypted_at_rest": (False,), "encryption_key_safe": (True,)}, "nothing was encrypted, yet the key is safe"),
    ({"exfiltration": (Exfiltration.NO,), "misuse_observed": (True,)}, "nothing was taken, yet it was misused"),
    (
        {
            "encrypted_at_rest": (True,),
            "encryption_key_safe": (True,),
            "exfiltration_evidence": (ExfiltrationEvidence.LATER_USE,),
        },
        "it was used later, yet it was encrypted and the key is safe",
    ),
    ({"breach_types": ((),)}, "there was a breach, yet of no kind; leave it out while nobody knows"),
    ({"cause": (Cause.EXTERNAL_ATTACK,), "malicious": (False,)}, "it was an attack, yet nobody meant harm or gain"),
)
"""Values of facts of which each may be confirmed, but never all together, with the contradiction in words."""


def read_incident(path: Path) -> Incident:
    """Read an incident from YAML or JSON; facts are enough. Raises ContentError with every finding."""
    return check_incident(read_document(path))


def read_incident_for_notices(path: Path) -> Incident:
    """Read an incident of which notices can be drafted. Raises ContentError with every finding, gaps included."""
    incident, found = read_incident_with_gaps(path)
    if found:
        raise ContentError(*found)
    return incident


def read_incident_with_gaps(path: Path) -> tuple[Incident, tuple[Finding, ...]]:
    """Read an incident, and find what its file must say before the first notice. Raises ContentError as read_incident.

    Each finding about a gap names the place of the missing value, or of what should enclose it.
    """
    document = read_document(path)
    incident = check_incident(document)
    missing = (gap.finding(document.where(gap.trail)) for gap in gaps(incident))
    return incident, (*missing, *_offers_without_a_way(incident, document))


def _offers_without_a_way(incident: Incident, document: Document) -> Iterator[Finding]:
    """Yield a finding for each offer that nobody could take up, which the lint stops too (L162)."""
    for index, one in enumerate(incident.commitments):
        if one.lacks:
            what = f"commitments.{index}: nobody could take up {one.id} without {listed(one.lacks)}"
            yield Finding(document.where(("commitments", index, "take_up")), Code.GAP, what, "write it under take_up")


def check_incident(document: Document) -> Incident:
    """Return the document as an incident. Raises ContentError with every finding."""
    odd = (*odd_characters(document), *unknown_picks(document))
    document = with_picks(document)
    try:
        incident = bind(document, Incident, {Times: CLOCK_EVENTS})
    except ContentError as error:
        raise ContentError(*odd, *error.findings) from None
    findings = (*odd, *_broken_headers(document), *_checks(incident, document))
    if findings:
        raise ContentError(*findings)
    return incident


def _broken_headers(document: Document) -> Iterator[Finding]:
    """Yield a finding for each name or title that could not stand in a header of an email."""
    for trail, text in document.texts():
        in_header = trail == ("title",) or trail[:2] in (("organisation", "name"), ("organisation", "signed_by"))
        if in_header and BREAKS_HEADERS.search(text):
            what = f"{'.'.join(map(str, trail))}: a line break, a tab or '=?' cannot stand here"
            yield Finding(document.where(trail), Code.CHARACTER, what)


def _checks(incident: Incident, document: Document) -> Iterator[Finding]:
    yield from _missing_texts(incident, document)
    yield from _untranslated(incident, document)
    yield from _unknown_countries(incident, document)
    yield from _contradictions(incident.facts, document)
    yield from _odd_people(incident, document)
    yield from _impossible_times(incident, document)
    yield from _unknown_rulings(incident, document)
    yield from _unfit_contacts(incident, document)


def _unfit_contacts(incident: Incident, document: Document) -> Iterator[Finding]:
    """Yield a finding for a mailbox and a telephone number that nobody could write to or call."""
    contacts = incident.organisation.contacts
    if contacts.phone and not _can_be_called(contacts.phone):
        where = document.where(("organisation", "contacts", "phone"))
        what, advice = "organisation.contacts.phone: this is not a phone number", "write it as in +49 30 5550100"
        yield Finding(where, Code.WRONG_FORM, what, advice)
    if contacts.email and (why := _why_no_mailbox(contacts.email)):
        where = document.where(("organisation", "contacts", "email"))
        yield Finding(where, Code.WRONG_FORM, f"organisation.contacts.email: {why}", "as in care@example.org")


def _why_no_mailbox(address: str) -> str:
    """Return why nobody can write to this address, or an empty text."""
    if address.lower().endswith(_PLACEHOLDER):
        return ""
    try:
        columns.email(address)
    except columns.UnfitCell as why:
        return why.reason
    return "it mixes letters of several scripts that look alike" if columns.mixes_scripts(address) else ""


def _can_be_called(phone: str) -> bool:
    """Return True for a number of digits; one with its country's code must be as long as numbers there can be."""
    if not _PHONE.fullmatch(phone):
        return False
    number = _EXTENSION.split(phone)[0]
    if not number.startswith("+"):
        return True
    from phonenumbers import NumberParseException, is_possible_number, parse

    try:
        return is_possible_number(parse(number))
    except NumberParseException:
        return False


def _missing_texts(incident: Incident, document: Document) -> Iterator[Finding]:
    for trail, text in _required_texts(incident):
        if not text.strip():
            yield Finding(document.where(trail), Code.MISSING, f"{'.'.join(map(str, trail))} says nothing")


def _required_texts(incident: Incident) -> Iterator[tuple[Trail, str]]:
    """Yield each text that must not be empty, with its trail."""
    for trail, texts in _translated(incident):
        if trail[-1] in _REQUIRED:
            yield trail, "".join(texts.values())


def _unknown_countries(incident: Incident, document: Document) -> Iterator[Finding]:
    """Yield a finding for each country or state that does not exist, and each impossible number of people.

    A place that does not exist has no deadlines, and nobody would notice their absence.
    """
    seat = incident.organisation.established_in
    named = [("organisation", "established_in", seat)] if seat else []
    named += [("residences", place, place) for place in incident.residences]
    for place, people in incident.residences.items():
        if people < 0 or people > MOST_PEOPLE:
            where = document.where(("residences", place))
            yield Finding(where, Code.WRONG_FORM, f"residences.{place}: {people} is no number of people")
    for *trail, place in named:
        where = document.where(tuple(trail), of_key=trail[0] == "residences")
        if place[:2] not in COUNTRIES:
            what = f"{'.'.join(trail)}: {place[:2]!r} is no country of ISO 3166-1"
            yield Finding(where, Code.UNKNOWN_WORD, what, "the United Kingdom is GB" if place == "UK" else "")
        elif "-" in place and not is_state(place):
            what = f"{'.'.join(trail)}: {place!r} is no state or province of ISO 3166-2"
            yield Finding(where, Code.UNKNOWN_WORD, what, "Washington is US-WA, Quebec is CA-QC, Berlin is DE-BE")


def _odd_people(incident: Incident, document: Document) -> Iterator[Finding]:
    """Yield a finding where the facts about people, recipient or sector contradict the rest of the file."""
    facts, stated = incident.facts, incident.facts.people
    most = stated.value.max if stated.sure(stated.value) and stated.value else None  # type: ignore[arg-type]
    if most is not None and sum(incident.residences.values()) > most:
        what = f"residences name more people than facts.people: {most}"
        yield Finding(document.where(("residences",)), Code.CONTRADICTION, what)
    holder, both = facts.recipient.value, (facts.encrypted_at_rest, facts.encryption_key_safe)
    if (
        holder
        and holder.kind in CIPHERTEXT_ONLY
        and facts.recipient.sure(holder)
        and any(one.sure(False) for one in both)
    ):
        what = "who has it has nothing but ciphertext, yet it was not encrypted, or the key was taken"
        yield Finding(document.where(("facts", "recipient")), Code.CONTRADICTION, what)
    organisation = incident.organisation.sector
    if organisation and facts.sector.stands and facts.sector.value != organisation:
        what = f"facts.sector is {facts.sector.value!r}, organisation.sector {organisation!r}"
        yield Finding(document.where(("facts", "sector")), Code.CONTRADICTION, what, "say it once")


def _impossible_times(incident: Incident, document: Document) -> Iterator[Finding]:
    """Yield a finding for each unknown clock event and each event before the incident."""
    started = incident.times.occurred.start
    for name in incident.times.events.keys() - CLOCK_EVENTS:
        where = document.where(("times", "events", name), of_key=True)
        near = get_close_matches(name, CLOCK_EVENTS, 1)
        yield Finding(
            where, Code.UNKNOWN_WORD, f"no clock event is called {name!r}", f"did you mean {near[0]!r}?" if near else ""
        )
    for name, moment in incident.times.events.items():
        if started and moment < started:
            trail: Trail = ("times", name) if name in document.content["times"] else ("times", "events", name)
            yield Finding(document.where(trail), Code.CONTRADICTION, f"times.{name} is before times.occurred.from")


def _unknown_rulings(incident: Incident, document: Document) -> Iterator[Finding]:
    """Yield a finding for each ruling on a duty that is in no table, which would otherwise have no effect."""
    if not incident.rulings:
        return
    from amends.content.law.regimes import read_duties

    known = {f"{regime.id}.{row.id}" for regime in read_duties().all_regimes() for row in regime.duties}
    for name in incident.rulings:
        duty, _, place = name.partition("@")
        if duty not in known or (place and not _PLACE.fullmatch(place)):
            what = f"rulings: no duty is called {name!r}"
            where = document.where(("rulings", name), of_key=True)
            near = get_close_matches(name, known, 1)
            yield Finding(
                where, Code.UNKNOWN_WORD, what, f"did you mean {near[0]!r}?" if near else "see `amends assess`"
            )


def _untranslated(incident: Incident, document: Document) -> Iterator[Finding]:
    for trail, texts in _translated(incident):
        said = any(text.strip() for text in texts.values())
        for locale in incident.texts:
            if said and not text_for(texts, locale).strip():
                what = f"{'.'.join(map(str, trail))} says nothing for {locale}"
                advice = f"add {locale}, or write one text for all locales"
                yield Finding(document.where(trail), Code.NO_TRANSLATION, what, advice)


def _translated(incident: Incident) -> Iterator[tuple[Trail, dict[str, str]]]:
    """Yield each text that is written once per locale, except the story, with its trail."""
    organisation = incident.organisation
    yield ("organisation", "name"), organisation.name
    yield ("organisation", "signed_by"), organisation.signed_by
    for name in ("hours", "postal_address", "officer"):
        yield ("organisation", "contacts", name), getattr(organisation.contacts, name)
    for index, commitment in enumerate(incident.commitments):
        yield ("commitments", index, "promise"), commitment.promise
        for kind in ("results", "reasons") if commitment.per_person else ():
            for name, texts in getattr(commitment.per_person, kind).items():
                yield ("commitments", index, "per_person", kind, name), texts
    for index, news in enumerate(incident.news):
        yield ("news", index, "text"), news.text


def _contradictions(facts: Facts, document: Document) -> Iterator[Finding]:
    for together, what in _NEVER_TOGETHER:
        if all(getattr(facts, name).sure(*values) for name, values in together.items()):
            *others, last = (document.where(("facts", name)) for name in together)
            advice = f"one of them cannot be confirmed; see {', '.join(others)}" if others else ""
            yield Finding(last, Code.CONTRADICTION, f"{', '.join(together)}: {what}", advice)
