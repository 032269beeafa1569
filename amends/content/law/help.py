"""Reading of playbooks/help: the offices, bureaus and telephone lines that help people in each country."""

from collections.abc import Collection, Iterator
from pathlib import Path

from amends.content.file.binding import bind, did_you_mean
from amends.content.file.characters import odd_characters
from amends.content.file.codes import Code
from amends.content.file.countries import COUNTRIES
from amends.content.file.document import Document, read_document
from amends.content.file.regions import is_state
from amends.domain.base.errors import ContentError, Finding
from amends.domain.base.value import text_for
from amends.domain.notice.help import Help


def read_help(folder: Path, locales: Collection[str], items: Collection[str]) -> tuple[Help, ...]:
    """Return the help of every file COUNTRY.yaml in this folder, which may be absent.

    Each text must be there in every locale, and `says` names only these items. Raises ContentError with every finding.
    """
    findings: list[Finding] = []
    found: list[Help] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            document = read_document(path)
            read = bind(document, Help)
            found.append(read)
            findings += (
                *odd_characters(document), *_wrong_places(document, read), *_unknown_items(document, read, items),
                *_untranslated(document, read, locales),
            )  # fmt: skip
        except ContentError as error:
            findings += error.findings
    findings += _twice(folder, found)
    if findings:
        raise ContentError(*findings)
    return tuple(found)


def _wrong_places(document: Document, read: Help) -> Iterator[Finding]:
    advice = "a country as ISO 3166 writes it, or a state of it: DE, US-MA"
    for index, place in enumerate(read.places):
        if place not in COUNTRIES:
            yield Finding(document.where(("places", index)), Code.UNKNOWN_WORD, f"{place!r} is no country", advice)
    for number, part in enumerate(read.parts):
        for index, place in enumerate(part.places):
            if place[:2] not in read.places or not is_state(place):
                where = document.where(("parts", number, "places", index))
                yield Finding(where, Code.UNKNOWN_WORD, f"{place!r} is no state of {', '.join(read.places)}", advice)


def _unknown_items(document: Document, read: Help, items: Collection[str]) -> Iterator[Finding]:
    for number, part in enumerate(read.parts):
        for index, item in enumerate(part.says):
            if item not in items:
                where = document.where(("parts", number, "says", index))
                yield Finding(where, Code.UNKNOWN_WORD, f"addenda.yaml has no item {item!r}", did_you_mean(item, items))


def _untranslated(document: Document, read: Help, locales: Collection[str]) -> Iterator[Finding]:
    """Yield a finding for each text that says nothing in one of the locales."""
    texts: dict[tuple[str | int, ...], dict[str, str]] = {("title",): read.title}
    texts |= {("parts", number, "text"): part.text for number, part in enumerate(read.parts) if part.text}
    texts |= {("contacts", name, "name"): one.name for name, one in read.contacts.items()}
    for trail, text in texts.items():
        for locale in sorted(locales):
            if not text_for(text, locale):
                yield Finding(document.where(trail), Code.NO_TRANSLATION, f"{trail[-1]} says nothing in {locale}")


def _twice(folder: Path, found: Collection[Help]) -> Iterator[Finding]:
    seen: set[str] = set()
    for place in (place for one in found for place in one.places):
        if place in seen:
            yield Finding(str(folder), Code.DUPLICATE_KEY, f"two files are for {place}", "keep one of them")
        seen.add(place)
