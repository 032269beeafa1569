"""Reads an incident file."""

import re
from collections.abc import Iterator
from pathlib import Path

from amends.content.binding import bind
from amends.content.characters import BREAKS_HEADERS, ODD_IN_TEXT, call
from amends.content.codes import Code
from amends.content.document import Document, Trail, read_document
from amends.domain.errors import ContentError, Finding
from amends.domain.incident import CLOCK_EVENTS, Incident, Times
from amends.domain.value import text_for

_PHONE = re.compile(r"[+(]?\d[\d\s()+./,;·-]{2,60}(?:(?:ext\.?|x|转)\s*\d{1,6})?")


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
    yield from _untranslated(incident, document)
    yield from _contradictions(incident, document)
    if not _PHONE.fullmatch(incident.organisation.contacts.phone):
        where = document.where(("organisation", "contacts", "phone"))
        yield Finding(where, Code.WRONG_FORM, "organisation.contacts.phone: this is not a phone number")


def _untranslated(incident: Incident, document: Document) -> Iterator[Finding]:
    for trail, texts in _translated(incident):
        for locale in incident.texts:
            if texts and not text_for(texts, locale).strip():
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


def _contradictions(incident: Incident, document: Document) -> Iterator[Finding]:
    facts = incident.facts
    if facts.encrypted_at_rest.sure(True) and facts.encryption_key_safe.sure(True) and facts.misuse_observed.sure(True):
        encrypted, key_safe = (document.where(("facts", f)) for f in ("encrypted_at_rest", "encryption_key_safe"))
        what = f"misuse was observed, yet the data was encrypted ({encrypted}) and the key is safe ({key_safe})"
        advice = "one of the three cannot be confirmed"
        yield Finding(document.where(("facts", "misuse_observed")), Code.CONTRADICTION, what, advice)
