"""Reading of tables that others made, such as a hotline's export, whose columns a map names in our words."""

import codecs
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from amends.content.file.binding import bind
from amends.content.file.codes import Code
from amends.content.file.document import read_document
from amends.content.people.open_table import open_table
from amends.domain.base.errors import ContentError, Finding
from amends.domain.base.value import Value, to_utc

MOST_BYTES = 20 * 1024 * 1024
MOST_ROWS = 100_000
ZIP = b"PK\x03\x04"
MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class ColumnMap(Value):
    """The columns of a file that somebody else made, in our words."""

    columns: dict[str, str] = Field(default={}, max_length=20)
    """The heading in the file of each of our columns; a column that is not named here has its own name there."""
    values: dict[str, str] = Field(default={}, max_length=20)
    """The value of each column that the file does not have; the same for every row."""
    words: dict[str, dict[str, str]] = Field(default={}, max_length=20)
    """Of each column, our word for each word of the file, such as kind: {Beschwerde: complaint}."""
    zone: str = ""
    """The time zone of times that name none, such as Europe/Berlin."""
    dates: str = Field(default="", max_length=40)
    """The form of times that are written in another way than 2026-11-19 08:35, such as %d.%m.%Y %H:%M."""
    encoding: str = Field(default="", max_length=40)
    """The encoding of a CSV file that is not UTF-8, such as gb18030."""

    @field_validator("zone")
    @classmethod
    def _is_known(cls, zone: str) -> str:
        try:
            return ZoneInfo(zone).key if zone else ""
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("a time zone is expected here, as in Europe/Berlin") from None

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        if both := sorted(self.columns.keys() & self.values.keys()):
            raise ValueError(f"{both[0]} has a column and a value: leave out one of them")
        return self

    def heading(self, name: str) -> str:
        """Return the file's heading of one of our columns."""
        return self.columns.get(name, name)

    def spelled(self, name: str, cell: str) -> str:
        """Return the cell of a column in our words."""
        return self.words.get(name, {}).get(cell.strip(), cell)


@dataclass(frozen=True)
class Columns:
    """The columns of one kind of file: those that every row needs, and those that may be absent."""

    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.needed, *self.optional)


@dataclass(frozen=True)
class MappedRow:
    """A row in our words, with the place of each cell. Holds personal data: never log or print it."""

    number: int
    """The number that a spreadsheet shows: the header is row 1."""
    cells: dict[str, str] = field(repr=False)
    places: dict[str, int]
    """The number of each column in the file, counted from 1; a value that the map gives has none."""


@dataclass(frozen=True)
class Rejected:
    """A row that cannot be recorded, with a reason that holds nothing of its words."""

    row: int
    reason: str
    column: int = 1

    def at(self, file: Path) -> str:
        """Return the place and the reason as file:row:column: reason."""
        return f"{file}:{self.row}:{self.column}: {self.reason}"


NO_MAP = ColumnMap()


def read_map(path: Path, columns: Columns) -> ColumnMap:
    """Read a file with a column map. Raises ContentError, also for a column that this kind of file does not have."""
    document = read_document(path)
    found = bind(document, ColumnMap)
    for key in ("columns", "values", "words"):
        for name in getattr(found, key):
            if name not in columns.all:
                what = f"{name!r} is not a column of such a file"
                where = document.where((key, name), of_key=True)
                raise ContentError(Finding(where, Code.UNKNOWN_KEY, what, f"Known: {', '.join(columns.all)}"))
    return found


def mapped_rows(path: Path, columns: Columns, by: ColumnMap, most: int = MOST_ROWS) -> Iterator[MappedRow | Rejected]:
    """Yield each row of a CSV or XLSX file; empty rows are left out. Raises ContentError when the file has no table."""
    _check(path, by)
    wanted = [name for name in columns.all if name not in by.values]
    table = open_table(path, by.encoding or None, frozenset(by.heading(name) for name in wanted))
    rows = table.rows()
    header = [cell.strip() for cell in next(rows, (1, []))[1]]
    places = _places(path, header, columns, wanted, by)
    for number, cells in rows:
        if number > most:
            raise ContentError(Finding(f"{path}:{number}:1", Code.NO_TABLE, f"there are more than {most} rows"))
        if any(map(str.strip, cells)):
            yield _row(number, cells, len(header), places, by)


def _row(number: int, cells: list[str], width: int, places: dict[str, int], by: ColumnMap) -> MappedRow | Rejected:
    if len(cells) != width:
        return Rejected(number, "it has more or fewer cells than the header", min(len(cells), width) + 1)
    found = {name: by.spelled(name, cells[at - 1]) for name, at in places.items()}
    return MappedRow(number, by.values | found, places)


def _places(path: Path, header: list[str], columns: Columns, wanted: Collection[str], by: ColumnMap) -> dict[str, int]:
    """Return the number of each wanted column. Raises ContentError when a needed one is missing or stands twice."""
    heads = {name: by.heading(name) for name in wanted}
    missing = [heads[name] for name in wanted if name in (*columns.needed, *by.columns) and heads[name] not in header]
    if missing:
        advice = f"it needs {', '.join(columns.needed)}; --column NAME=HEADING and --value NAME=VALUE say what is which"
        what = f"the columns {', '.join(missing)} are missing"
        raise ContentError(Finding(f"{path}:1:1", Code.HEADER, what, advice))
    for name, head in heads.items():
        if header.count(head) > 1:
            at = len(header) - header[::-1].index(head)
            raise ContentError(Finding(f"{path}:1:{at}", Code.HEADER, f"the column of {name} stands twice"))
    return {name: header.index(head) + 1 for name, head in heads.items() if head in header}


def _check(path: Path, by: ColumnMap) -> None:
    """Raise ContentError for a file that is too large, or that is text in no encoding that the map names."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ContentError(Finding(str(path), Code.NO_TABLE, f"the file cannot be read: {error.strerror}")) from None
    if len(content) > MOST_BYTES:
        raise ContentError(Finding(f"{path}:1:1", Code.NO_TABLE, f"it is larger than {MOST_BYTES // 1024 // 1024} MB"))
    if by.encoding or content.startswith((ZIP, *MARKS)):
        return
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ContentError(_not_utf8(path, content, error.start)) from None


def _not_utf8(path: Path, content: bytes, at: int) -> Finding:
    begin = content.rfind(b"\n", 0, at) + 1
    line, column = content.count(b"\n", 0, at) + 1, len(content[begin:at].decode("utf-8", "replace")) + 1
    advice = "save it as UTF-8, or name its encoding: --encoding gb18030, cp1252 or another"
    return Finding(f"{path}:{line}:{column}", Code.NO_TABLE, "it is not UTF-8", advice)


def moment(cell: str, by: ColumnMap, now: datetime) -> datetime:
    """Return the time in a cell, in UTC. Raises ValueError with the reason when there is none, or none that passed.

    A time that the clock shows twice is the earlier one: a reply is then due earlier rather than later.
    """
    try:
        # A form of dates names no zone as a rule; the map does.
        found = datetime.strptime(cell, by.dates) if by.dates else datetime.fromisoformat(cell)  # noqa: DTZ007
    except ValueError:
        raise ValueError("is not a time such as 2026-11-19T08:35:00+08:00") from None
    if found.tzinfo is None:
        found = _in_zone(found, by.zone)
    try:
        at = to_utc(found)
    except ValueError as error:
        raise ValueError(f"is out of range: {error}") from None
    if at > now:
        raise ValueError("is in the future")
    return at


def _in_zone(found: datetime, zone: str) -> datetime:
    if not zone:
        raise ValueError("has no time zone")
    there = found.replace(tzinfo=ZoneInfo(zone))
    try:
        again = there.astimezone(UTC).astimezone(there.tzinfo)
    except OverflowError:
        return found.replace(tzinfo=UTC)
    if again.replace(tzinfo=None) != found:
        raise ValueError("is a time that the clocks left out when they were put forward")
    return there
