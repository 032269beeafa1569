"""Reads an incident file."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from amends.content.binding import bind
from amends.content.characters import BREAKS_HEADERS, ODD_IN_TEXT, call
from amends.content.codes import Code
from amends.content.countries import COUNTRIES
from amends.content.document import Document, Trail, read_document
from amends.content.regions import is_state
from amends.domain.errors import ContentError, Finding
from amends.domain.facts import Cause, Exfiltration, ExfiltrationEvidence, Facts, Restored
from amends.domain.incident import CLOCK_EVENTS, Incident, Story, Times
from amends.domain.value import text_for

_PHONE = re.compile(r"[+(]?\d[\d\s()+./,;·-]{2,60}(?:(?:ext\.?|x|转)\s*\d{1,6})?")

_TAKEN = (ExfiltrationEvidence.LATER_USE, ExfiltrationEvidence.PUBLISHED)

_NEEDED = frozenset({"name", "promise", "text"})
"""Last words of what must be said, where other texts may be left out."""

_NEVER_TOGETHER: tuple[tuple[dict[str, tuple[Any, ...]], str], ...] = (
    (
        {"encrypted_at_rest": (True,), "encryption_key_safe": (True,), "misuse_observed": (True,)},
        "misuse was observed, yet the data was encrypted and the key is safe",
    ),
    (
        {"exfiltration": (Exfiltration.NO,), "exfiltration_evidence": _TAKEN},
        "nothing was taken, yet it was used or published later",
    ),
    (
        {"restored": (Restored.FULL,), "permanent_loss": (True,)},
        "everything was restored, yet something is lost for good",
    ),
    (
        {"cause": (Cause.EXTERNAL_ATTACK,), "malicious": (False,)},
        "it was an attack, yet nobody meant harm or gain",
    ),
)
"""Facts of which each may be confirmed, but never all of them, and why."""


def read_incident(path: Path) -> Incident:
    """Read an incident from YAML or JSON. Raises ContentError with every finding."""
    document = read_document(path)
    odd = tuple(odd_characters(document))
    try:
        incident = bind(document, Incident, {Times: CLOCK_EVENTS})
    except ContentError as error:
        raise ContentError(*odd, *error.findings) from None
    findings = (*odd, *_broken_lines(document), *_checks(incident, document))
    if findings:
        raise ContentError(*findings)
    return incident


def odd_characters(document: Document) -> Iterator[Finding]:
    """A finding for every text that holds a control or private-use character."""
    for trail, text in document.texts():
        if odd := ODD_IN_TEXT.search(text):
            what = f"{call(odd[0])} stands in this text, at character {odd.start() + 1}"
            yield Finding(document.where(trail), Code.CHARACTER, what, "delete it and type the text again")


def _broken_lines(document: Document) -> Iterator[Finding]:
    """Names and titles stand in the headers of mails."""
    for trail, text in document.texts():
        in_header = trail == ("title",) or trail[:2] in (("organisation", "name"), ("organisation", "signed_by"))
        if in_header and BREAKS_HEADERS.search(text):
            what = f"{'.'.join(map(str, trail))}: a line break, a tab or '=?' cannot stand here"
            yield Finding(document.where(trail), Code.CHARACTER, what)


def _checks(incident: Incident, document: Document) -> Iterator[Finding]:
    yield from _unsaid(incident, document)
    yield from _untranslated(incident, document)
    yield from _unknown_countries(incident, document)
    yield from _contradictions(incident.facts, document)
    yield from _impossible_times(incident, document)
    yield from _unknown_rulings(incident, document)
    if not _PHONE.fullmatch(incident.organisation.contacts.phone):
        where = document.where(("organisation", "contacts", "phone"))
        yield Finding(where, Code.WRONG_FORM, "organisation.contacts.phone: this is not a phone number")


def _unsaid(incident: Incident, document: Document) -> Iterator[Finding]:
    for trail, text in _needed(incident):
        if not text.strip():
            yield Finding(document.where(trail), Code.MISSING, f"{'.'.join(map(str, trail))} says nothing")


def _needed(incident: Incident) -> Iterator[tuple[Trail, str]]:
    """What no notice can do without, in whatever locale."""
    for trail, texts in _translated(incident):
        if trail[-1] in _NEEDED:
            yield trail, "".join(texts.values())
    for locale, story in incident.texts.items():
        for name, field in Story.model_fields.items():
            if field.is_required():
                yield ("texts", locale, name), getattr(story, name)


def _unknown_countries(incident: Incident, document: Document) -> Iterator[Finding]:
    """A country or a state that does not exist has no deadlines, and nobody would notice."""
    seat = incident.organisation.established_in
    named = [("organisation", "established_in", seat)] if seat else []
    named += [("residences", place, place) for place in incident.residences]
    for *trail, place in named:
        where = document.where(tuple(trail), of_key=trail[0] == "residences")
        if place[:2] not in COUNTRIES:
            what = f"{'.'.join(trail)}: {place[:2]!r} is no country of ISO 3166-1"
            yield Finding(where, Code.UNKNOWN_WORD, what, "the United Kingdom is GB" if place == "UK" else "")
        elif "-" in place and not is_state(place):
            what = f"{'.'.join(trail)}: {place!r} is no state or province of ISO 3166-2"
            yield Finding(where, Code.UNKNOWN_WORD, what, "Washington is US-WA, Quebec is CA-QC")


def _impossible_times(incident: Incident, document: Document) -> Iterator[Finding]:
    """Nobody knows of anything before it has happened, and nothing lasts less than no time."""
    started = incident.times.occurred.start
    for name, moment in incident.times.events.items():
        if started and moment < started:
            trail: Trail = ("times", name) if name in document.content["times"] else ("times", "events", name)
            yield Finding(document.where(trail), Code.CONTRADICTION, f"times.{name} is before times.occurred.from")
    for name in ("restore_hours", "exposure_days"):
        length = getattr(incident.facts, name).value
        if length is not None and length < 0:
            yield Finding(document.where(("facts", name)), Code.WRONG_FORM, f"facts.{name} is below 0")


def _unknown_rulings(incident: Incident, document: Document) -> Iterator[Finding]:
    """A ruling on a duty that is in no table would be passed over in silence."""
    if not incident.rulings:
        return
    from amends.content.duties import read_duties

    known = {f"{regime.id}.{row.id}" for regime in read_duties().all_regimes() for row in regime.duties}
    for name in incident.rulings:
        if name.split("@")[0] not in known:
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
    """Everything that is written once per locale, beside the story itself."""
    organisation = incident.organisation
    yield ("organisation", "name"), organisation.name
    yield ("organisation", "signed_by"), organisation.signed_by
    for name in ("hours", "postal_address", "officer"):
        yield ("organisation", "contacts", name), getattr(organisation.contacts, name)
    for index, promise in enumerate(incident.commitments):
        yield ("commitments", index, "promise"), promise.promise
    for index, news in enumerate(incident.news):
        yield ("news", index, "text"), news.text


def _contradictions(facts: Facts, document: Document) -> Iterator[Finding]:
    for together, what in _NEVER_TOGETHER:
        if all(getattr(facts, name).sure(*values) for name, values in together.items()):
            *others, last = (document.where(("facts", name)) for name in together)
            advice = f"one of them cannot be confirmed; see {', '.join(others)}"
            yield Finding(last, Code.CONTRADICTION, f"{', '.join(together)}: {what}", advice)
