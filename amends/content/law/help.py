"""Reading of playbooks/help: the offices, bureaus and telephone lines that help people in each country."""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from amends.content.file.binding import bind, did_you_mean
from amends.content.file.characters import odd_characters
from amends.content.file.codes import Code
from amends.content.file.countries import COUNTRIES
from amends.content.file.document import Document, read_document
from amends.content.file.reading import Trail
from amends.content.file.regions import is_state
from amends.domain.base.errors import ContentError, Finding
from amends.domain.base.value import text_for
from amends.domain.notice.help import Help


def read_help(folder: Path, locales: Collection[str], items: Collection[str]) -> tuple[Help, ...]:
    """Return the help of every file COUNTRY.yaml in this folder, which may be absent.

    Each text must be there in every locale, and `says` names only these items. Raises ContentError with every finding.
    """
    findings: list[Finding] = []
    found: list[tuple[Document, Help]] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            document = read_document(path)
            read = _bound(document)
        except ContentError as error:
            findings += error.findings
            continue
        found.append((document, read))
        findings += (
            *odd_characters(document),
            *_misnamed(document, read, path.stem),
            *_wrong_places(document, read),
            *_unknown_items(document, read, items),
            *_untranslated(document, read, locales),
            *_unknown_locales(document, read, locales),
        )
    findings += _twice(found)
    if findings:
        raise ContentError(*findings)
    return tuple(read for _, read in found)


def _bound(document: Document) -> Help:
    """Return the document as help. Raises ContentError with every finding.

    The check in Help reports wrong contacts once more, without their place in the file.
    """
    placed = tuple(_unknown_contacts(document)) or tuple(_unnamed_contacts(document))
    try:
        read = bind(document, Help)
    except ContentError as error:
        whole = (document.where(()), Code.DOES_NOT_FIT) if placed else None
        raise ContentError(
            *placed, *(finding for finding in error.findings if (finding.where, finding.code) != whole)
        ) from None
    if placed:
        raise ContentError(*placed)
    return read


def _unknown_contacts(document: Document) -> Iterator[Finding]:
    known = _contacts(document)
    for trail, name in _named(document):
        if name not in known:
            what, advice = f"no contact is called {name!r}", did_you_mean(name, known)
            yield Finding(document.where(trail), Code.UNKNOWN_WORD, what, advice)


def _unnamed_contacts(document: Document) -> Iterator[Finding]:
    named = {name for _, name in _named(document)}
    for name in _contacts(document):
        if name not in named:
            where = document.where(("contacts", name), of_key=True)
            yield Finding(where, Code.DOES_NOT_FIT, f"no part names the contact {name!r}", "name it or delete it")


def _contacts(document: Document) -> tuple[str, ...]:
    return tuple(str(trail[1]) for trail in document.values if len(trail) == 2 and trail[0] == "contacts")


def _named(document: Document) -> Iterator[tuple[Trail, str]]:
    """Yield each name of a contact in a part, with its trail."""
    for trail in document.values:
        if trail[:1] == ("parts",) and trail[2:3] == ("contacts",) and isinstance(document.at(trail), str):
            yield trail, str(document.at(trail))


def _misnamed(document: Document, read: Help, name: str) -> Iterator[Finding]:
    if name != read.places[0] in COUNTRIES:
        what = f"the file is called {name}.yaml, and its first country is {read.places[0]}"
        yield Finding(document.where(("places", 0)), Code.DOES_NOT_FIT, what, f"call it {read.places[0]}.yaml")


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


def _unknown_locales(document: Document, read: Help, locales: Collection[str]) -> Iterator[Finding]:
    for locale in read.steps:
        if locale not in locales:
            where = document.where(("steps", locale), of_key=True)
            what, advice = f"there are no words in {locale!r}", did_you_mean(locale, sorted(locales))
            yield Finding(where, Code.UNKNOWN_WORD, what, advice)


def _twice(found: Iterable[tuple[Document, Help]]) -> Iterator[Finding]:
    """Yield a finding for each country that stands in a file and again in this or a later one."""
    seen: set[str] = set()
    for document, read in found:
        for index, place in enumerate(read.places):
            if place in seen:
                where = document.where(("places", index))
                yield Finding(where, Code.DUPLICATE_KEY, f"there is help for {place} already", "keep one of them")
            seen.add(place)
