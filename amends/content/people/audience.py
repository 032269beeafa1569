"""Reading of an audience file: every row becomes a person, or a rejection with its reason; no row is lost."""

import shlex
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from amends.content.file.codes import Code
from amends.content.file.regions import has_states, state_code
from amends.content.people import columns
from amends.content.people.asked_columns import ADVICE, asked_titles, question
from amends.content.people.columns import UnfitCell
from amends.content.people.duplicates import FirstRows
from amends.content.people.open_table import open_table
from amends.content.people.shifted_names import ShiftedNames, is_compared
from amends.content.people.table import Row, Table
from amends.content.people.xlsx_file import Workbook
from amends.domain.base.errors import ContentError, Finding
from amends.domain.base.text import counted
from amends.domain.channel.channel import FURTHER, addresses
from amends.domain.people.person import Person

MAX_BAD_SHARE = 0.05
REQUIRED = ("id", "name", "email", "phone", "locale", "country")
ADDRESSES = tuple(address.column for address in addresses())
"""The columns of which one that cannot be used is set aside, as long as another one can."""
MAX_SET_ASIDE_SHARE = 0.2
"""The share of rows with an address set aside above which the export itself is probably wrong."""
FEW_SET_ASIDE = 10
"""The number of addresses that may be set aside whatever their share is."""
OPTIONAL = (
    "region",
    "postal_address",
    "timezone",
    "data",
    "segment",
    "guardian_of",
    "flags",
    "consents_to_email",
    *(address.column for address in FURTHER),
)

_CHECKS: dict[str, Callable[[str], Any]] = {
    "id": columns.customer_id,
    "name": columns.name,
    "email": columns.email,
    "phone": str,
    "locale": columns.locale,
    "country": columns.country,
    "region": columns.region,
    "postal_address": columns.postal_address,
    "timezone": columns.timezone,
    "data": columns.data,
    "segment": columns.segment,
    "guardian_of": columns.guardian_of,
    "flags": columns.flags,
    "consents_to_email": columns.consents_to_email,
    **{address.column: columns.plain_address for address in FURTHER},
}

FIRST_BAD = 10
"""The number of bad rows that an error names when a file is refused; `amends audience check` lists all."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that was not accepted, with its first error. Holds nothing of the row's content."""

    row: int
    """The number of the row as a spreadsheet counts: the header is row 1."""
    column: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Caution:
    """A warning about a row, or about the header, that a person should look at."""

    row: int
    code: str
    reason: str
    column: str = ""


@dataclass
class AudienceReport:
    """The counts and findings of one reading; accepted and rejected rows always add up to all rows."""

    rows: int = 0
    accepted: int = 0
    set_aside: int = 0
    """The accepted rows of which an address cannot be used; a warning names each with its column."""
    rejected: list[Rejection] = field(default_factory=list)
    warnings: list[Caution] = field(default_factory=list)
    refused: str | None = None
    """The reason why no row of the file may be used, or None."""
    ignored_columns: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the report for machines, in which an ignored column is a warning about row 1."""
        return {
            "rows": self.rows,
            "accepted": self.accepted,
            "set_aside": self.set_aside,
            "rejected": [asdict(rejection) for rejection in self.rejected],
            "warnings": [asdict(caution) for caution in self.warnings],
            "refused": self.refused,
        }


class AudienceFile:
    """A CSV or XLSX file of people, read as a stream; only hashes of its content stay in memory."""

    def __init__(
        self,
        path: Path,
        *,
        encoding: str | None = None,
        max_bad_share: float = MAX_BAD_SHARE,
        left_out: Collection[str] | None = None,
        today: date | None = None,
    ) -> None:
        """Name an encoding only when the file is neither UTF-8 nor UTF-16 with a byte order mark.

        `left_out` has the columns of which a person has said that they name no dead and no minor. Any other column
        that sounds so refuses the file; None refuses none, and warns. A consent later than `today` is refused.
        """
        self.path, self._encoding, self._max_bad_share, self._left_out = path, encoding, max_bad_share, left_out
        self._today = today
        self.report = AudienceReport()

    def rows(self) -> Iterator[Person]:
        """Yield the person of each good row in order; the report grows meanwhile and is complete at the end.

        Raises ContentError, possibly after the last row, when the file must be refused: then use no row of the file.
        """
        self.report = AudienceReport()
        try:
            table = open_table(self.path, self._encoding, frozenset((*REQUIRED, *OPTIONAL)))
            yield from _TablePass(table, self.report, self._left_out, self._today).persons()
            self._refuse_when_bad()
        except ContentError as error:
            finding = error.findings[0]
            self.report.refused = f"{finding.what} ({finding.advice})" if finding.advice else finding.what
            raise

    def _refuse_when_bad(self) -> None:
        bad, rows = len(self.report.rejected), self.report.rows
        if rows == 0:
            raise ContentError(Finding(str(self.path), Code.NO_TABLE, "no person stands below the header"))
        if bad > rows * self._max_bad_share:
            what = f"{bad} of {rows} rows are bad, more than {self._max_bad_share:.0%}"
            raise ContentError(Finding(str(self.path), Code.TOO_MANY_BAD_ROWS, what, "correct the export"))
        aside, most = self.report.set_aside, max(MAX_SET_ASIDE_SHARE, self._max_bad_share)
        if aside > max(FEW_SET_ASIDE, rows * most):
            what = f"{aside} of {rows} rows have an address that cannot be used, more than {most:.0%}"
            raise ContentError(Finding(str(self.path), Code.TOO_MANY_BAD_ROWS, what, "correct the export"))


class _TablePass:
    """One pass over a table."""

    def __init__(
        self, table: Table, report: AudienceReport, left_out: Collection[str] | None, today: date | None
    ) -> None:
        self._table, self._report, self._left_out, self._today = table, report, left_out, today
        self._children: frozenset[int] = frozenset()
        """The hash of each id that a row names as its child and that another row has."""
        self._ids, self._emails, self._phones = FirstRows(), FirstRows(), FirstRows()
        self._guardians: list[tuple[int, int]] = []
        """The row of each guardian, and the hash of the child's id."""
        self._nameless = array("I")
        """The rows that have a word for nothing as the name."""
        self._shifted = ShiftedNames()
        self._cells: tuple[tuple[str, Callable[[str], Any], int], ...] = ()
        """Each known column, the check of its cells, and its place in a row."""
        self._combined_checks = (
            ("region", self._state),
            ("phone", self._phone),
            ("id", self._new_id),
            ("guardian_of", self._known_child),
            ("consents_to_email", self._given_by_now),
        )
        """The checks of a cell together with other cells or other rows, by column."""

    def persons(self) -> Iterator[Person]:
        rows = self._table.rows()
        _, header = next(rows, (0, None))
        if header is None:
            self._table.refuse("the file is empty", "export it again, with the header in its first row")
        self._read_header(header)
        for number, row in _with_empty_rows_between(rows):
            self._report.rows += 1
            if person := self._person(number, row):
                self._report.accepted += 1
                yield person
        self._warn_of_lost_children()
        self._warn_of_nameless()
        self._warn_of_shift()

    def _read_header(self, header: list[str]) -> None:
        self._width, self._columns = len(header), _columns(self._table, header)
        self._cells = tuple((column, _CHECKS[column], place) for column, place in self._columns.items())
        others = [(place, name) for place, name in enumerate(header, 1) if name not in self._columns]
        self._report.ignored_columns = tuple(name or f"column {place}" for place, name in others)
        for name in self._report.ignored_columns:
            near = get_close_matches(name.lower(), set(OPTIONAL) - self._columns.keys(), 1)
            advice = f"; did you mean {near[0]}?" if near else ""
            self._warn(1, "ignored_column", f"the column {name!r} is not kept{advice}")
        self._ask_about(header)
        if isinstance(self._table, Workbook) and self._table.other_sheets:
            self._warn(1, "ignored_sheet", f"only the first of {self._table.other_sheets + 1} sheets is read")
        if "guardian_of" in self._columns:
            self._children = self._all_children()

    def _ask_about(self, header: list[str]) -> None:
        """Ask whether columns that are not kept say who has died or is a minor. Raises ContentError until answered."""
        unknown = [title for title in header if title not in self._columns]
        asked = asked_titles(title for title in unknown if title not in (self._left_out or ()))
        if not asked:
            return
        if self._left_out is None:
            self._warn(1, "asked_column", f"{question(asked)} If so, {ADVICE}")
            return
        answers = " ".join(f"--leave-out {shlex.quote(title)}" for title in asked)
        where = f"{self._table.path}:1:{header.index(asked[0]) + 1}"
        raise ContentError(Finding(where, Code.HEADER, question(asked), f"if so, {ADVICE}; if not, {answers}"))

    def _all_children(self) -> frozenset[int]:
        """Return the hashes of the ids of all children, read in a pass of its own before the people.

        A guardian may stand above the child.
        """
        place, other = self._columns["id"], self._columns["guardian_of"]
        ids, children = array("q"), set()
        for _, row in self._table.rows():
            if len(row) == self._width:
                ids.append(hash(row[place]))
                children.add(hash(row[other]))
        for seen in (self._ids, self._emails, self._phones):
            seen.expect(len(ids))
        return frozenset(children.intersection(ids))

    def _person(self, number: int, row: list[str]) -> Person | None:
        if len(row) != self._width or not any(row):
            self._reject(number, "", _misshapen(row, self._width))
            return None
        read, wrong = self._read(row)
        if wrong:
            if not _can_do_without(wrong, read):
                self._reject(number, *wrong[0], also=wrong[1:])
                return None
            self._set_aside(number, wrong, read)
        if FURTHER:
            read["further"] = tuple(read.pop(address.column, "") for address in FURTHER)
        person = Person(number=number, ref=read.pop("id"), **read)
        if person.region and has_states(person.country) and state_code(person.country, person.region) is None:
            self._warn(number, "region_unknown", "no state or province is called so; its law cannot be told")
        if person.phone and columns.is_national(row[self._columns["phone"]]):
            self._warn(number, "phone_read_as_national", "neither + nor 00 before it: read as a number of the country")
        self._compare(person)
        if is_compared(number):
            self._shifted.see(person)
        return person

    def _read(self, row: list[str]) -> tuple[dict[str, Any], list[tuple[str, UnfitCell]]]:
        """Return the values of the good cells by column, and each cell that cannot be used with its reason."""
        read: dict[str, Any] = {}
        wrong: list[tuple[str, UnfitCell]] = []
        for column, check, place in self._cells:
            try:
                read[column] = check(row[place])
            except UnfitCell as why:
                wrong.append((column, why))
        for column, combined_check in self._combined_checks:
            try:
                combined_check(read)
            except UnfitCell as why:
                wrong.append((column, why))
        return read, wrong

    def _set_aside(self, number: int, wrong: list[tuple[str, UnfitCell]], read: dict[str, Any]) -> None:
        """Leave out the name and the addresses of a good row that cannot be used, with a warning for each."""
        for column, why in wrong:
            read[column] = ""
            if why.code == columns.NO_NAME:
                self._nameless.append(number)
            else:
                instead = "the other address is used" if column in ADDRESSES else "the greeting is neutral"
                self._warn(number, why.code, f"{why.reason}; the {column} is set aside, {instead}", column)
        self._report.set_aside += any(column in ADDRESSES for column, _ in wrong)

    def _phone(self, read: dict[str, Any]) -> None:
        if "country" in read:
            read["phone"] = columns.phone(read["phone"], read["country"])

    def _state(self, read: dict[str, Any]) -> None:
        if read.get("region") and "country" in read:
            read["region"] = state_code(read["country"], read["region"]) or read["region"]

    def _new_id(self, read: dict[str, Any]) -> None:
        if first := self._ids.row_of(hash(read.get("id"))):
            raise UnfitCell("duplicate_id", f"the same id stands in row {first}")

    def _known_child(self, read: dict[str, Any]) -> None:
        child = read.get("guardian_of")
        if child and child == read.get("id"):
            raise UnfitCell("guardian_of_self", "nobody is their own guardian")
        if child and hash(child) not in self._children:
            raise UnfitCell("guardian_of_unknown", "no row has this id")

    def _given_by_now(self, read: dict[str, Any]) -> None:
        if self._today and (day := read.get("consents_to_email")):
            columns.not_after(day, self._today)

    def _compare(self, person: Person) -> None:
        """Record the person for comparison with later rows, and warn of anything that somebody should look at."""
        self._ids.record(hash(person.ref), person.number)
        if person.guardian_of:
            self._guardians.append((person.number, hash(person.guardian_of)))
        if not (person.email or person.phone or person.postal_address or any(person.further)):
            self._warn(person.number, "no_address", "nothing says how to reach this person")
        if columns.mixes_scripts(person.name):
            self._warn(person.number, "mixed_script", "the name mixes letters of several scripts that look alike")
        compared = ("email", self._emails, person.email.lower()), ("phone", self._phones, person.phone)
        for column, seen, value in compared:
            if value and (first := seen.record(hash(value), person.number)) != person.number:
                self._warn(person.number, f"same_{column}", f"row {first} has the same; perhaps one person twice")

    def _warn_of_lost_children(self) -> None:
        for number, child in self._guardians:
            if not self._ids.row_of(child):
                self._warn(number, "guardian_of_rejected", "the child's own row was rejected")

    def _warn_of_nameless(self) -> None:
        if self._nameless:
            rows = counted(len(self._nameless), "row has", "rows have")
            reason = f"{rows} a word for nothing as the name, such as 0, nan or n/a: the greeting is neutral"
            self._warn(self._nameless[0], columns.NO_NAME, reason, "name")

    def _warn_of_shift(self) -> None:
        if where := self._shifted.shift():
            many = f"{max(self._shifted.up, self._shifted.down)} of {self._shifted.compared} names compared"
            reason = f"{many} fit the email of {where}, not their own; was a column sorted without the others?"
            self._warn(1, "names_shifted", reason, "name")

    def _reject(self, number: int, column: str, why: UnfitCell, also: Iterable[tuple[str, UnfitCell]] = ()) -> None:
        more = "".join(f"; also {other}: {unfit.reason}" for other, unfit in also)
        self._report.rejected.append(Rejection(number, column, why.code, why.reason + more))

    def _warn(self, number: int, code: str, reason: str, column: str = "") -> None:
        self._report.warnings.append(Caution(number, code, reason, column))


def _can_do_without(wrong: list[tuple[str, UnfitCell]], read: dict[str, Any]) -> bool:
    """Return True when the person can be told without the wrong cells of the row.

    These are a name that is none, and addresses beside a good one.
    """
    unfit = {column for column, why in wrong if why.code not in (columns.NO_NAME, columns.ODD_NAME)}
    return not unfit or (
        unfit <= set(ADDRESSES) and any(read.get(address) for address in ADDRESSES if address not in unfit)
    )


def _columns(table: Table, header: list[str]) -> dict[str, int]:
    """Return the place of each known column in a row. Raises ContentError when a column is missing or stands twice.

    The error names no unknown column, whose title may be the name of a person. A place in a table is written as
    file:row:column, counted in cells.
    """
    for place, name in enumerate(header):
        if name and name in header[:place]:
            what = f"columns {header.index(name) + 1} and {place + 1} have the same name"
            raise ContentError(Finding(f"{table.path}:1:{place + 1}", Code.HEADER, what))
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        what = f"the first row does not name the column{'s' * (len(missing) > 1)} {', '.join(missing)}"
        raise ContentError(Finding(f"{table.path}:1:1", Code.HEADER, what, _look_alikes(missing, header)))
    return {name: header.index(name) for name in (*REQUIRED, *OPTIONAL) if name in header}


def _look_alikes(missing: list[str], header: list[str]) -> str:
    places = {name.strip().lower(): place for place, name in enumerate(header, 1)}
    near = {name: get_close_matches(name, places, 1) for name in missing}
    alike = [f"column {places[found[0]]} looks like {name}" for name, found in near.items() if found]
    return ", ".join(alike) or f"the columns are {', '.join(REQUIRED)}, and if need be {', '.join(OPTIONAL)}"


def _with_empty_rows_between(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield all rows except the empty ones at the end, which spreadsheets often leave behind."""
    last = 1
    for number, row in rows:
        if any(row):
            yield from ((empty, []) for empty in range(last + 1, number))
            yield number, row
            last = number


def _misshapen(row: list[str], width: int) -> UnfitCell:
    if not any(row):
        return UnfitCell("empty_row", "the row is empty, yet others follow")
    return UnfitCell("ragged", f"{len(row)} cells stand in the row, {width} in the header")


def only_good(file: Path, audience: "AudienceFile", advice: str) -> Iterator[Person]:
    """Yield the person of each row. Raises ContentError at the end when a row is bad, so that nothing is stored."""
    yield from usable(file, audience)
    if bad := len(audience.report.rejected):
        counted_bad = Finding(str(file), Code.TOO_MANY_BAD_ROWS, counted(bad, "row is bad", "rows are bad"), advice)
        raise ContentError(*_with_first_rows(file, audience.report, counted_bad))


def usable(file: Path, audience: "AudienceFile") -> Iterator[Person]:
    """Yield the person of each good row. Raises ContentError, with the first bad rows, when the file is refused."""
    try:
        yield from audience.rows()
    except ContentError as error:
        if error.findings[0].code != Code.TOO_MANY_BAD_ROWS:
            raise
        raise ContentError(*_with_first_rows(file, audience.report, error.findings[0])) from None


def _with_first_rows(file: Path, report: "AudienceReport", counted_bad: Finding) -> Iterator[Finding]:
    """Yield the place and the reason of the first bad rows, without their content, and then the number of bad rows."""
    for row in report.rejected[:FIRST_BAD]:
        yield Finding(f"{file}:{row.row}:{row.column or 1}", row.code, row.reason)
    all_of_them = f"`amends audience check {shlex.quote(str(file))}` lists all of them"
    yield replace(counted_bad, advice=f"{counted_bad.advice}; {all_of_them}")
