"""Reading of a provider's file of codes: a table (CSV or XLSX) with a map of its columns, or one code a line.

No finding, no log and no repr holds a code: a place names each one.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from amends.content.feedback.columns import NO_MAP, ColumnMap, Columns, MappedRow, mapped_rows
from amends.content.file.codes import Code
from amends.domain.base.errors import ContentError, Finding
from amends.domain.entitlement.code import CODE, CodeVariant, NewCode
from amends.domain.incident.commitment import TakeUp

MOST_BYTES = 64 * 1024 * 1024
MOST_CODES = 1_000_000
MOST_FINDINGS = 50
"""The most findings that are listed one by one."""
COLUMNS = Columns(("code",), ("variant", "expires"))
ONLY_CODES = Columns(("code",))
"""The columns of a file that says which codes were redeemed or withdrawn; other columns are passed over."""
DELIMITERS = (",", ";", "\t")
ZIP = b"PK\x03\x04"
FORM = "a code has 4 to 64 letters, digits and signs, without a space"


class PlacedCode(NamedTuple):
    """A code with its place in the file. Holds a secret: never log or print it."""

    place: str
    """The place as file:row:column."""
    code: NewCode

    def __repr__(self) -> str:
        return f"PlacedCode({self.place})"


class CodeDefaults(NamedTuple):
    """The values of a code that the file itself does not give, and what its day must fit."""

    variant: CodeVariant = CodeVariant.EVERYONE
    expires: str = ""
    take_up: TakeUp = TakeUp()
    today: date = date.min


def read_codes(path: Path, wanted: CodeDefaults, by: ColumnMap = NO_MAP) -> tuple[PlacedCode, ...]:
    """Return the new codes of a provider's file, each once. Raises ContentError with every finding."""
    return _read(path, COLUMNS, by, lambda cells: _code(cells, wanted))


def read_known_codes(path: Path, by: ColumnMap = NO_MAP) -> tuple[PlacedCode, ...]:
    """Return the codes of a file that says what became of codes that were imported before. Raises ContentError."""
    return _read(path, ONLY_CODES, by, lambda cells: NewCode(_text(cells["code"]), CodeVariant.EVERYONE))


def _read(
    path: Path, columns: Columns, by: ColumnMap, code: Callable[[dict[str, str]], NewCode]
) -> tuple[PlacedCode, ...]:
    rows = _rows_of_table(path, columns, by) if _is_table(path, by) else _rows_of_lines(path)
    found: list[PlacedCode] = []
    findings: list[Finding] = []
    seen: dict[str, str] = {}
    for place, cells in rows:
        try:
            new = code(cells)
        except ValueError as error:
            findings.append(Finding(place, Code.WRONG_FORM, str(error)))
            continue
        if first := seen.get(new.code):
            findings.append(Finding(place, Code.DUPLICATE_KEY, f"this code stands in the file twice, first at {first}"))
        seen.setdefault(new.code, place)
        found.append(PlacedCode(place, new))
    if not findings and not found:
        findings.append(Finding(f"{path}:1:1", Code.MISSING, "there is no code in the file"))
    if findings:
        raise ContentError(*shortened(path, findings))
    return tuple(found)


def shortened(path: Path, findings: Sequence[Finding]) -> list[Finding]:
    """Return the first findings, and one that counts the others."""
    rest = len(findings) - MOST_FINDINGS
    more = [Finding(str(path), findings[0].code, f"there are {rest} findings more")] if rest > 0 else []
    return [*findings[:MOST_FINDINGS], *more]


def _code(cells: dict[str, str], wanted: CodeDefaults) -> NewCode:
    """Return the code of a row. Raises ValueError with what is wrong with a cell."""
    said = cells.get("variant", "").strip().lower()
    if said and said not in tuple(CodeVariant):
        raise ValueError(f"variant is none of {', '.join(CodeVariant)}")
    expires = _day(cells.get("expires", "").strip() or wanted.expires, wanted)
    return NewCode(_text(cells["code"]), CodeVariant(said) if said else wanted.variant, expires)


def _text(cell: str) -> str:
    text = cell.strip()
    if not text:
        raise ValueError("the code is missing")
    if not CODE.fullmatch(text):
        raise ValueError(FORM)
    return text


def _day(text: str, wanted: CodeDefaults) -> str:
    """Return the last day of a code, or "". Raises ValueError when a reader could not go by what a message says."""
    if not text:
        return ""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError("expires is no day such as 2027-03-31") from None
    if day < wanted.today:
        raise ValueError("the code has expired already")
    if wanted.take_up.until and day.isoformat() < wanted.take_up.until:
        raise ValueError(f"the code expires before {wanted.take_up.until}, the last day that people are told (until)")
    return day.isoformat()


def _is_table(path: Path, by: ColumnMap) -> bool:
    """Return True for a workbook, and for a text whose first line names columns. Raises ContentError."""
    try:
        with path.open("rb") as file:
            start = file.read(4096)
    except OSError as error:
        raise ContentError(Finding(str(path), Code.NO_TABLE, f"the file cannot be read: {error.strerror}")) from None
    first = start.decode("utf-8", "replace").removeprefix("\ufeff").splitlines()[:1]
    head = first[0].strip() if first else ""
    named = head in (by.heading("code"), "code") or any(sign in head for sign in DELIMITERS)
    return start.startswith(ZIP) or bool(by.columns or by.encoding) or named


def _rows_of_table(path: Path, columns: Columns, by: ColumnMap) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield place and cells of each row; a row that has another width than the header is a finding."""
    for row in mapped_rows(path, columns, by, MOST_CODES):
        if not isinstance(row, MappedRow):
            raise ContentError(Finding(f"{path}:{row.row}:{row.column}", Code.NO_TABLE, row.reason))
        yield f"{path}:{row.number}:{row.places.get('code', 1)}", row.cells


def _rows_of_lines(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield place and code of each line that is not empty. Raises ContentError for a file that is no text."""
    if path.stat().st_size > MOST_BYTES:
        what = f"it is larger than {MOST_BYTES // 1024 // 1024} MB"
        raise ContentError(Finding(f"{path}:1:1", Code.NO_TABLE, what))
    try:
        lines = path.read_bytes().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ContentError(Finding(f"{path}:1:1", Code.NO_TABLE, "it is not UTF-8", "save it as UTF-8")) from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield f"{path}:{number}:1", {"code": line}
