"""Reading of addenda.yaml: the items that a notice can hold, and which of them a place's laws add or leave out."""

from collections.abc import Iterator
from pathlib import Path

from amends.content.file.binding import bind, did_you_mean
from amends.content.file.characters import odd_characters
from amends.content.file.codes import Code
from amends.content.file.countries import COUNTRIES
from amends.content.file.document import Document, read_document
from amends.content.file.reading import Trail
from amends.content.file.regions import is_state
from amends.domain.base.errors import ContentError, Finding
from amends.domain.law.addendum import Addenda


def read_addenda(path: Path) -> Addenda:
    """Return the addenda of this file. Raises ContentError with every finding."""
    document = read_document(path)
    placed = (*odd_characters(document), *_unknown_items(document), *_wrong_places(document), *_twice(document))
    try:
        addenda = bind(document, Addenda)
    except ContentError as error:
        # The check in Addenda reports the first of the placed findings once more, without its place in the file.
        whole = (document.where(()), Code.DOES_NOT_FIT) if placed else None
        rest = (finding for finding in error.findings if (finding.where, finding.code) != whole)
        raise ContentError(*placed, *rest) from None
    if placed:
        raise ContentError(*placed)
    return addenda


def _unknown_items(document: Document) -> Iterator[Finding]:
    items = [str(trail[1]) for trail in document.values if len(trail) == 2 and trail[0] == "items"]
    for trail, word in (*_words(document, "adds"), *_words(document, "leaves_out")):
        if word not in items:
            advice = did_you_mean(word, items)
            yield Finding(document.where(trail), Code.UNKNOWN_WORD, f"no item is called {word!r}", advice)


def _wrong_places(document: Document) -> Iterator[Finding]:
    for trail, place in _words(document, "places"):
        country, _, state = place.partition("-")
        if country not in COUNTRIES or (state and not is_state(place)):
            advice = "a country as ISO 3166 writes it, or a state of it: DE, US-MA"
            yield Finding(document.where(trail), Code.UNKNOWN_WORD, f"{place!r} is no place", advice)


def _twice(document: Document) -> Iterator[Finding]:
    """Yield a finding for each place with two addenda, each content code with two items and each repeated id."""
    kinds = {
        "places": "there is an addendum for {} already",
        "codes": "an item answers {} already",
        "id": "another addendum is called {}",
    }
    for key, what in kinds.items():
        seen: set[str] = set()
        for trail, word in _words(document, key):
            if word in seen:
                yield Finding(document.where(trail), Code.DOES_NOT_FIT, what.format(repr(word)), "keep one of them")
            seen.add(word)


def _words(document: Document, key: str) -> Iterator[tuple[Trail, str]]:
    """Yield each text under this key of an addendum or an item, with its trail."""
    for trail in document.values:
        if trail[2:3] == (key,) and isinstance(document.at(trail), str):
            yield trail, document.at(trail)
