"""Reads an audience file: every row becomes a person or a rejection with its reason; none gets lost."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from amends.content import cells
from amends.content.binding import did_you_mean
from amends.content.cells import Unfit
from amends.content.codes import Code
from amends.content.tables import Row, Table, Workbook, open_table
from amends.domain.errors import ContentError, Finding
from amends.domain.people import Person

REQUIRED = ("id", "name", "email", "phone", "locale", "country")
OPTIONAL = ("region", "postal_address", "timezone", "data", "segment", "guardian_of", "flags")
MAX_BAD_SHARE = 0.05

_CHECKS: dict[str, Callable[[str], Any]] = {
    "id": cells.customer_id,
    "name": cells.name,
    "email": cells.email,
    "locale": cells.locale,
    "country": cells.country,
    "region": cells.region,
    "postal_address": cells.postal_address,
    "timezone": cells.timezone,
    "data": cells.data,
    "segment": cells.segment,
    "guardian_of": cells.guardian_of,
    "flags": cells.flags,
}


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that was not taken, with the first thing wrong in it. Says nothing of what stands in the row."""

    row: int
    """As a spreadsheet counts: the header is row 1."""
    column: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Caution:
    """Something about a row, or about the header, that a person should look at."""

    row: int
    code: str
    reason: str


@dataclass
class AudienceReport:
    """What became of the rows; accepted and rejected ones always add up to all."""

    rows: int = 0
    accepted: int = 0
    rejected: list[Rejection] = field(default_factory=list)
    warnings: list[Caution] = field(default_factory=list)
    refused: str | None = None
    """Why nothing of the file may be used, or None."""
    ignored_columns: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The report for machines; ignored columns are warnings about row 1."""
        ignored = (Caution(1, "ignored_column", f"the column {name!r} is not kept") for name in self.ignored_columns)
        return {
            "rows": self.rows,
            "accepted": self.accepted,
            "rejected": [asdict(rejection) for rejection in self.rejected],
            "warnings": [asdict(caution) for caution in (*ignored, *self.warnings)],
            "refused": self.refused,
        }


class AudienceFile:
    """A CSV or XLSX file of persons, read once in a stream; only hashes of what it holds stay in memory."""

    def __init__(self, path: Path, *, encoding: str | None = None, max_bad_share: float = MAX_BAD_SHARE) -> None:
        """An encoding is named only when the file is neither UTF-8 nor marked UTF-16."""
        self._path, self._encoding, self._max_bad_share = path, encoding, max_bad_share
        self.report = AudienceReport()

    def rows(self) -> Iterator[Person]:
        """Every good row in order; the report grows with it and is whole at the end.

        Raises ContentError, possibly after the last row, when the file must be refused: take nothing of it then.
        """
        self.report = AudienceReport()
        try:
            table = open_table(self._path, self._encoding, frozenset((*REQUIRED, *OPTIONAL)))
            yield from _Reading(table, self.report).persons()
            self._refuse_when_bad()
        except ContentError as error:
            finding = error.findings[0]
            self.report.refused = f"{finding.what} ({finding.advice})" if finding.advice else finding.what
            raise

    def _refuse_when_bad(self) -> None:
        bad, rows = len(self.report.rejected), self.report.rows
        if rows == 0:
            raise ContentError(Finding(str(self._path), Code.NO_TABLE, "no person stands below the header"))
        if bad > rows * self._max_bad_share:
            what = f"{bad} of {rows} rows are bad, more than {self._max_bad_share:.0%}"
            raise ContentError(Finding(str(self._path), Code.TOO_MANY_BAD_ROWS, what, "correct the export"))


class _Reading:
    """One pass over a table."""

    def __init__(self, table: Table, report: AudienceReport) -> None:
        self._table, self._report = table, report
        self._first_seen: dict[str, dict[int, int]] = {"id": {}, "email": {}, "phone": {}}
        """The row in which a value first stood, by the value's hash, which is salted and 64 bits wide."""
        self._children: dict[int, int] = {}
        """The row of a guardian, by the hash of the child's id."""
        self._ids: frozenset[int] = frozenset()

    def persons(self) -> Iterator[Person]:
        rows = self._table.rows()
        _, header = next(rows, (1, []))
        self._read_header(header)
        for number, row in _without_empty_end(rows):
            self._report.rows += 1
            if person := self._person(number, row):
                self._report.accepted += 1
                yield person
        self._warn_of_lost_children()

    def _read_header(self, header: list[str]) -> None:
        self._width, self._columns = len(header), _columns(str(self._table.path), header)
        self._optional = [(self._columns[name], name) for name in OPTIONAL if name in self._columns]
        self._report.ignored_columns = tuple(
            name or f"column {place}" for place, name in enumerate(header, 1) if name not in self._columns
        )
        if "guardian_of" in self._columns:
            self._ids = self._all_ids()
        if isinstance(self._table, Workbook) and self._table.other_sheets:
            self._warn(1, "ignored_sheet", f"only the first of {self._table.other_sheets + 1} sheets is read")

    def _all_ids(self) -> frozenset[int]:
        """A guardian may stand above the child, so the ids are read before the persons."""
        place = self._columns["id"]
        return frozenset(hash(row[place]) for _, row in self._table.rows() if len(row) == self._width)

    def _person(self, number: int, row: list[str]) -> Person | None:
        if len(row) != self._width or not any(row):
            self._reject(number, *_misshapen(row, self._width))
            return None
        read, wrong = self._read(row)
        if not wrong:
            wrong = list(self._wrong_relations(number, read))
        if wrong:
            self._reject(number, *wrong[0], also=wrong[1:])
            return None
        person = Person(number=number, ref=read.pop("id"), **read)
        self._remember(number, person)
        return person

    def _read(self, row: list[str]) -> tuple[dict[str, Any], list[tuple[str, Unfit]]]:
        read: dict[str, Any] = {}
        wrong: list[tuple[str, Unfit]] = []
        for column, place in self._columns.items():
            try:
                read[column] = _CHECKS[column](row[place]) if column != "phone" else row[place]
            except Unfit as why:
                wrong.append((column, why))
        return read, wrong

    def _reject(self, number: int, column: str, why: Unfit, also: Iterable[tuple[str, Unfit]] = ()) -> None:
        more = "".join(f"; also {other}: {unfit.reason}" for other, unfit in also)
        self._report.rejected.append(Rejection(number, column, why.code, why.reason + more))

    def _warn(self, number: int, code: str, reason: str) -> None:
        self._report.warnings.append(Caution(number, code, reason))

    def _wrong_relations(self, number: int, read: dict[str, Any]) -> Iterator[tuple[str, Unfit]]:
        """What is wrong with the row beside other rows, or from one cell to another; reads the phone number."""
        try:
            read["phone"], guessed = cells.phone(read["phone"], read["country"])
        except Unfit as why:
            yield "phone", why
        else:
            if guessed:
                self._warn(
                    number, "phone_read_as_national", "the number has no +; it was read as one of the row's country"
                )
        if first := self._first_seen["id"].get(hash(read["id"])):
            yield "id", Unfit("duplicate_id", f"the id stands in row {first} already")
        child = read.get("guardian_of", "")
        if child and hash(child) not in self._ids:
            yield "guardian_of", Unfit("unknown_person", "no row has this id")
        elif child and child == read["id"]:
            yield "guardian_of", Unfit("own_guardian", "a person cannot be their own guardian")

    def _remember(self, number: int, person: Person) -> None:
        """Note what must be unique, or probably is, and warn of what a person should look at."""
        self._first_seen["id"][hash(person.ref)] = number
        for kind, value in (("email", person.email.lower()), ("phone", person.phone)):
            if value and (first := self._first_seen[kind].setdefault(hash(value), number)) != number:
                self._warn(number, f"same_{kind}", f"row {first} has the same {kind}; is it the same person?")
        if not (person.email or person.phone):
            self._warn(
                number, "no_address", "there is neither email nor phone: this person can only be written to by post"
            )
        if cells.mixes_scripts(person.name):
            self._warn(number, "mixed_scripts", "the name mixes letters of two scripts that look alike")
        if person.guardian_of:
            self._children[hash(person.guardian_of)] = number

    def _warn_of_lost_children(self) -> None:
        for child, guardian in self._children.items():
            if child not in self._first_seen["id"]:
                self._warn(guardian, "child_rejected", "the row of the child was rejected, so nobody is told about it")


def _columns(file: str, header: list[str]) -> dict[str, int]:
    """Where each known column stands. Raises ContentError when one is missing or stands twice."""
    twice = sorted({name for name in header if name and header.count(name) > 1})
    missing = [name for name in REQUIRED if name not in header]
    findings = [Finding(f"{file}:1:1", Code.HEADER, f"the column {name!r} stands twice") for name in twice]
    strangers = [name for name in header if name not in (*REQUIRED, *OPTIONAL)]
    findings += [
        Finding(f"{file}:1:1", Code.HEADER, f"the column {name!r} is missing", did_you_mean(name, strangers))
        for name in missing
    ]
    if findings:
        raise ContentError(*findings)
    return {name: place for place, name in enumerate(header) if name in (*REQUIRED, *OPTIONAL)}


def _misshapen(row: list[str], width: int) -> tuple[str, Unfit]:
    if not any(row):
        return "", Unfit("empty_row", "the row is empty")
    return "", Unfit("ragged", f"the row has {len(row)} cells, the header {width}")


def _without_empty_end(rows: Iterable[Row]) -> Iterator[Row]:
    """Empty rows at the end are how spreadsheets end; between other rows they are a finding."""
    empty: list[Row] = []
    for row in rows:
        if any(row[1]):
            yield from empty
            empty.clear()
            yield row
        else:
            empty.append(row)
