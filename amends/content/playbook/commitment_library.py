"""Reading of the library of commitments, which a lead picks from in an incident file."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from amends.content.file.binding import bind
from amends.content.file.characters import odd_characters
from amends.content.file.codes import Code
from amends.content.file.countries import COUNTRIES
from amends.content.file.document import Document, read_document
from amends.content.file.regions import is_state
from amends.content.file.shipped import library
from amends.domain.base.errors import ContentError, Finding
from amends.domain.incident.commitment import KEPT_SLOT, KEPT_SLOTS, WAYS
from amends.domain.playbook.commitment_library import CommitmentLibrary, LibraryCommitment, LibraryFile

FOLDER = "commitments"


@cache
def shipped_commitments() -> CommitmentLibrary:
    """Return the library that comes with Amends, read and checked once in each process."""
    return read_commitment_library(library() / FOLDER)


def read_commitment_library(folder: Path) -> CommitmentLibrary:
    """Return the library in this folder, one file for each kind. Raises ContentError with every finding."""
    files, findings, seen = list[LibraryFile](), list[Finding](), dict[str, str]()
    for path in sorted(folder.glob("*.yaml")):
        try:
            document = read_document(path)
            files.append(_read(document, seen))
        except ContentError as error:
            findings += error.findings
    if findings:
        raise ContentError(*findings)
    return CommitmentLibrary(files=tuple(files))


def _read(document: Document, seen: dict[str, str]) -> LibraryFile:
    """Return the file; `seen` has the place of each id of the files read before."""
    odd = tuple(odd_characters(document))
    try:
        file = bind(document, LibraryFile)
    except ContentError as error:
        raise ContentError(*odd, *error.findings) from None
    if found := (*odd, *_checks(file, document, seen)):
        raise ContentError(*found)
    return file


def _checks(file: LibraryFile, document: Document, seen: dict[str, str]) -> Iterator[Finding]:
    for index, one in enumerate(file.commitments):
        where = document.where(("commitments", index, "id"))
        if one.id in seen:
            yield Finding(where, Code.DUPLICATE_KEY, f"{one.id} stands at {seen[one.id]} already", "choose another id")
        seen.setdefault(one.id, where)
        yield from _odd_places(one.places, document, index)
        if set(one.promise) != set(one.kept):
            what, advice = f"{one.id}: promise and kept are in other languages", "write both in each of them"
            yield Finding(document.where(("commitments", index, "kept")), Code.NO_TRANSLATION, what, advice)
        yield from _odd_slots(file, document, index)
        yield from _odd_results(one, document, index)


def _odd_results(one: LibraryCommitment, document: Document, index: int) -> Iterator[Finding]:
    """Yield a finding for each result of a person that is in other languages than the promise."""
    if one.per_person is None:
        return
    for kind in ("results", "reasons"):
        for name, texts in getattr(one.per_person, kind).items():
            if set(texts) != set(one.promise):
                where = document.where(("commitments", index, "per_person", kind, name))
                what, advice = f"{one.id}: {name} and the promise are in other languages", "write it in each of them"
                yield Finding(where, Code.NO_TRANSLATION, what, advice)


def _odd_places(places: tuple[str, ...], document: Document, index: int) -> Iterator[Finding]:
    for number, place in enumerate(places):
        if place[:2] not in COUNTRIES or ("-" in place and not is_state(place)):
            where, advice = document.where(("commitments", index, "places", number)), "write it as in DE or US-MA"
            yield Finding(where, Code.UNKNOWN_WORD, f"{place!r} is no place", advice)


def _odd_slots(file: LibraryFile, document: Document, index: int) -> Iterator[Finding]:
    """Yield a finding for each slot that nothing fills, and for each text without a way to take up an offer."""
    one = file.commitments[index]
    for locale, text in one.kept.items():
        where, slots = document.where(("commitments", index, "kept", locale)), set(KEPT_SLOT.findall(text))
        for slot in sorted(slots - set(KEPT_SLOTS)):
            advice = f"known are {', '.join(KEPT_SLOTS)}"
            yield Finding(where, Code.UNKNOWN_WORD, f"{one.id}: nothing fills the slot {{{slot}}}", advice)
        ways = {str(part) for part in one.take_up if part in WAYS}
        if not ways <= slots:
            missing = ", ".join(f"{{{way}}}" for way in sorted(ways - slots))
            yield Finding(where, Code.MISSING, f"{one.id}: does not say how to take it up: {missing}", "add the slots")
