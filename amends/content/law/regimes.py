"""Reading of the table of duties: a file for each part of the world, with clock events and recipients beside them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from amends.content.file.binding import bind, did_you_mean
from amends.content.file.characters import odd_characters
from amends.content.file.codes import Code
from amends.content.file.countries import COUNTRIES
from amends.content.file.document import Document, read_document
from amends.content.file.reading import Trail
from amends.content.file.regions import is_state
from amends.content.file.shipped import library
from amends.domain.base.errors import ContentError, Finding
from amends.domain.base.value import Country, Place, Value
from amends.domain.incident.incident import CLOCK_EVENTS
from amends.domain.law.duty import Addressee
from amends.domain.law.regime import ClockEvent, DutyRow, DutyTable, Recipient, Regime

UNIQUE_NAMES = ("unknown_state", "clock_events", "recipients", "place_names", "also_called")
"""Parts of the table in which each name may stand only once in all files."""
ALL_DUTIES_TO_PEOPLE = "people"
"""The word that `before` may hold instead of the id of a duty: all duties to people."""
NO_COUNTRY = "ZZ"
"""The place of the stand-in for a country without a row; ISO 3166-1 assigns this code to no country."""


class TablePart(Value):
    """The content of one file of the table."""

    regimes: tuple[Regime, ...] = ()
    unknown_place: Regime | None = None
    unknown_state: dict[Country, Regime] = {}
    clock_events: dict[str, ClockEvent] = {}
    recipients: dict[str, Recipient] = {}
    place_names: dict[Place, str] = {}
    also_called: dict[Place, Place] = {}


def read_duties(folder: Path | None = None) -> DutyTable:
    """Return the shipped table of duties, or the table of another folder. Raises ContentError with every finding."""
    return _read(folder) if folder else _shipped()


@cache
def _shipped() -> DutyTable:
    return _read(library() / "duties")


def _read(folder: Path) -> DutyTable:
    files = _files(folder)
    if findings := tuple(_findings(files)):
        raise ContentError(*findings)
    return _joined(folder, [file.part for file in files])


@dataclass(frozen=True)
class _File:
    """A file of the table, with the place of each key and value."""

    document: Document
    part: TablePart

    def regimes(self) -> Iterator[tuple[Trail, Regime]]:
        """Yield each regime of this file with its trail, stand-ins included."""
        for at, regime in enumerate(self.part.regimes):
            yield ("regimes", at), regime
        if self.part.unknown_place:
            yield ("unknown_place",), self.part.unknown_place
        for country, regime in self.part.unknown_state.items():
            yield ("unknown_state", country), regime

    def duties(self) -> Iterator[tuple[Trail, Regime, DutyRow]]:
        for trail, regime in self.regimes():
            for at, row in enumerate(regime.duties):
                yield (*trail, "duties", at), regime, row

    def word(self, trail: Trail, word: str, *, of_key: bool = False) -> "_Word":
        return _Word(self.document.where(trail, of_key=of_key), word)

    def words(self, trail: Trail, words: Iterable[str]) -> "Iterator[_Word]":
        """Yield each word of a list with its place."""
        return (self.word((*trail, at), word) for at, word in enumerate(words))

    def names(self, part: str) -> "Iterator[_Word]":
        """Yield each key of a part of the table with its place."""
        return (self.word((part, name), name, of_key=True) for name in getattr(self.part, part))


class _Word(NamedTuple):
    """A word of the table and its place in a file."""

    where: str
    word: str


# From the folder to its files


def _files(folder: Path) -> list[_File]:
    """Return every file of the folder, each valid in itself. Raises ContentError with the findings of all files."""
    files: list[_File] = []
    findings: list[Finding] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            files.append(_file(path))
        except ContentError as error:
            findings += error.findings
    if not files and not findings:
        findings.append(Finding(str(folder), Code.UNREADABLE, "this folder has no table of duties"))
    if findings:
        raise ContentError(*findings)
    return files


def _file(path: Path) -> _File:
    document = read_document(path)
    odd = tuple(odd_characters(document))
    try:
        part = bind(document, TablePart)
    except ContentError as error:
        raise ContentError(*odd, *error.findings) from None
    if odd:
        raise ContentError(*odd)
    return _File(document, part)


def _joined(folder: Path, parts: list[TablePart]) -> DutyTable:
    given: dict[str, object] = {
        name: {key: value for part in parts for key, value in getattr(part, name).items()} for name in UNIQUE_NAMES
    }
    given["regimes"] = tuple(regime for part in parts for regime in part.regimes)
    if stand_ins := [part.unknown_place for part in parts if part.unknown_place]:
        given["unknown_place"] = stand_ins[0]
    try:
        return DutyTable.model_validate(given)
    except ValidationError as error:
        raise ContentError(
            *(_of_the_whole(folder, details["loc"], details["msg"]) for details in error.errors())
        ) from None


def _of_the_whole(folder: Path, loc: Trail, message: str) -> Finding:
    if loc:
        return Finding(str(folder), Code.MISSING, f"{loc[0]!r} is missing: no file of the folder has it")
    return Finding(str(folder), Code.DOES_NOT_FIT, message.removeprefix("Value error, "))


# Between the files


def _findings(files: list[_File]) -> Iterator[Finding]:
    """Yield a finding for each word that the table does not define, and for each name that stands twice."""
    recipients = {name for file in files for name in file.part.recipients}
    duties = [f"{regime.id}.{row.id}" for file in files for _, regime, row in file.duties()]
    places = {name for file in files for name in file.part.place_names}
    told = ((name, one.addressee) for file in files for name, one in file.part.recipients.items())
    to_people = {name for name, addressee in told if addressee is Addressee.PEOPLE}
    yield from _repeated(
        "regime", (file.word((*trail, "id"), regime.id) for file in files for trail, regime in file.regimes())
    )
    for part in UNIQUE_NAMES:
        yield from _repeated(f"entry of {part}", chain.from_iterable(file.names(part) for file in files))
    whole = (file.word(("unknown_place",), "unknown_place", of_key=True) for file in files if file.part.unknown_place)
    yield from _repeated("stand-in", whole)
    for file in files:
        yield from _unknown("clock event", _events(file), CLOCK_EVENTS)
        yield from _unknown("recipient", _recipients(file), recipients)
        yield from _unknown_duties(file, duties)
        yield from _misplaced_channels(file, to_people)
        yield from _unknown_places(file, places)


def _repeated(what: str, words: Iterable[_Word]) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for where, word in words:
        if word in first:
            yield Finding(
                where, Code.DUPLICATE_KEY, f"another {what} is called {word!r}", f"it stands in {first[word]}"
            )
        first.setdefault(word, where)


def _unknown(what: str, words: Iterable[_Word], known: Iterable[str]) -> Iterator[Finding]:
    for where, word in words:
        if word not in known:
            yield Finding(where, Code.UNKNOWN_WORD, f"no {what} is called {word!r}", did_you_mean(word, sorted(known)))


def _events(file: _File) -> Iterator[_Word]:
    """Yield each clock event that a file names, with its place."""
    for trail, _, row in file.duties():
        yield file.word((*trail, "of"), row.of)
        if row.sets:
            yield file.word((*trail, "sets"), row.sets)
        if row.no_later_than:
            yield file.word((*trail, "no_later_than", "of"), row.no_later_than.of)
    yield from file.names("clock_events")
    for name, clock in file.part.clock_events.items():
        yield from file.words(("clock_events", name, "same_as"), clock.same_as)
        yield from file.words(("clock_events", name, "met_by"), clock.met_by)
        yield from file.words(("clock_events", name, "not_before"), clock.not_before)


def _recipients(file: _File) -> Iterator[_Word]:
    return (file.word((*trail, "recipient"), row.recipient) for trail, _, row in file.duties())


def _unknown_duties(file: _File, duties: list[str]) -> Iterator[Finding]:
    """Yield a finding for each unknown duty under `before` and `spares`, and for each duty that stands twice."""
    for trail, regime in file.regimes():
        own = [row.id for row in regime.duties]
        for at, row in enumerate(regime.duties):
            here = (*trail, "duties", at)
            yield from _unknown(
                "duty", file.words((*here, "before"), row.before), (*own, ALL_DUTIES_TO_PEOPLE, *duties)
            )
        for at, exemption in enumerate(regime.exemptions):
            yield from _unknown("duty", file.words((*trail, "exemptions", at, "spares"), exemption.spares), own)
        ids = (file.word((*trail, "duties", at, "id"), row.id) for at, row in enumerate(regime.duties))
        yield from _repeated("duty of the regime", ids)


def _misplaced_channels(file: _File, to_people: set[str]) -> Iterator[Finding]:
    """Yield a finding for ways of telling people in the row of an office, and the other way round."""
    for trail, _, row in file.duties():
        is_to_people = row.recipient in to_people
        if wrong := row.filed_by if is_to_people else row.channels:
            key, other = ("filed_by", "channels") if is_to_people else ("channels", "filed_by")
            whom = "people" if is_to_people else "an office"
            where = file.document.where((*trail, key), of_key=True)
            what = f"{key} stands in the row of a duty to {whom}: {', '.join(wrong)}"
            yield Finding(where, Code.DOES_NOT_FIT, what, f"write {other} there")


def _unknown_places(file: _File, named: set[str]) -> Iterator[Finding]:
    for where, place in _places(file):
        if not _exists(place):
            yield Finding(where, Code.WRONG_FORM, f"{place} is no country of ISO 3166-1, and no state of one")
        elif place not in named:
            yield Finding(where, Code.MISSING, f"{place} has no name", "write it under place_names")


def _places(file: _File) -> Iterator[_Word]:
    for trail, regime in file.regimes():
        yield from file.words((*trail, "places"), regime.places)
    for part in ("unknown_state", "place_names", "also_called"):
        yield from file.names(part)
    for code, place in file.part.also_called.items():
        yield file.word(("also_called", code), place)
    for name, recipient in file.part.recipients.items():
        for part in ("names", "contacts"):
            for place in getattr(recipient, part):
                yield file.word(("recipients", name, part, place), place, of_key=True)


def _exists(place: str) -> bool:
    country, _, state = place.partition("-")
    return place == NO_COUNTRY or (country in COUNTRIES and (not state or is_state(place)))
