"""Reads a CSV or XLSX file row by row, strictly: a file that is damaged anywhere is refused with the place."""

import codecs
import csv
import re
import sys
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, NoReturn, TypeAlias
from xml.parsers.expat import ExpatError, ParserCreate

from amends.content.codes import Code
from amends.domain.errors import ContentError, Finding

Row: TypeAlias = tuple[int, list[str]]
"""A row's number as a spreadsheet shows it, the header being 1, and its cells."""

MOST_UNPACKED = 200_000_000
MOST_RATIO = 100
MOST_CELLS = 20_000_000
MOST_SHARED = 2_000_000_000
"""Characters that a reader may have to copy into cells of a workbook that name a text instead of holding it."""
CHUNK = 1 << 20

_ENCODINGS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_END_OF_SHARED = re.compile(rb"</[^<>]*\bsst\s*>")
"""Whatever the entry is called; no reader takes a list of texts without it."""
_ZIP, _OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


class Table(ABC):
    """A file of rows that can be read more than once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def rows(self) -> Iterator[Row]:
        """Every row from the first. Raises ContentError at the first damage."""

    def refuse(self, what: str, advice: str = "") -> NoReturn:
        """Raises ContentError: the file cannot be used."""
        raise ContentError(Finding(str(self.path), Code.NO_TABLE, what, advice))


def open_table(path: Path, encoding: str | None, columns: frozenset[str]) -> Table:
    """The table in this file; its kind is told by how it begins. Raises ContentError when there is none.

    The columns that are hoped for decide which of comma, semicolon and tab parts the cells of a CSV file.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise ContentError(Finding(str(path), Code.NO_TABLE, f"the file cannot be read: {error.strerror}")) from None
    if start == _OLD_EXCEL:
        what = "this is an old or a locked Excel file"
        raise ContentError(Finding(str(path), Code.NO_TABLE, what, "save it as .xlsx without a password, or as CSV"))
    return Workbook(path) if start == _ZIP else CsvFile(path, encoding, columns)


class CsvFile(Table):
    """RFC 4180 with any of three delimiters, in UTF-8, in UTF-16 with its mark, or in an encoding that was named."""

    def __init__(self, path: Path, encoding: str | None, columns: frozenset[str]) -> None:
        super().__init__(path)
        self._columns = columns
        self._encoding = self._marked_encoding() or encoding or "utf-8"

    def rows(self) -> Iterator[Row]:
        number, delimiter = 0, self._delimiter
        with self.path.open(encoding=self._encoding, newline="") as text:
            try:
                for number, cells in enumerate(csv.reader(text, delimiter=delimiter, strict=True), 1):
                    yield number, cells
            except csv.Error as error:
                self.refuse(f"row {number + 1}: {_plain_words(error)}")

    @cached_property
    def _delimiter(self) -> str:
        """The mark that finds most of the columns; the whole file is known to be text when this is first asked."""
        self._check_text()
        with self.path.open(encoding=self._encoding, newline="") as text:
            header = text.readline(CHUNK)
        return max(",;\t", key=lambda mark: len(self._columns & set(_split(header, mark))))

    def _marked_encoding(self) -> str | None:
        """What the file itself says, which no one can know better."""
        with self.path.open("rb") as file:
            start = file.read(3)
        return next((name for mark, name in _ENCODINGS.items() if start.startswith(mark)), None)

    def _check_text(self) -> None:
        """Decode it all before any row is believed."""
        try:
            b"\n\n".decode(self._encoding, "replace")
        except (LookupError, ValueError):
            self.refuse("the encoding named for this file is not known", "name one such as gb18030 or cp1252")
        decoder = codecs.getincrementaldecoder(self._encoding)()
        offset, line = 0, 1
        with self.path.open("rb") as file:
            while chunk := file.read(CHUNK):
                text = self._decode(decoder, chunk, offset, line)
                if (nul := text.find("\0")) >= 0:
                    what = f"line {line + text.count(chr(10), 0, nul)}: there is a NUL character"
                    self.refuse(what, "if the file is UTF-16, name that as its encoding, or save it as UTF-8")
                offset, line = offset + len(chunk), line + text.count("\n")
        self._decode(decoder, b"", offset, line)

    def _decode(self, decoder: codecs.IncrementalDecoder, chunk: bytes, offset: int, line: int) -> str:
        kept = len(decoder.getstate()[0])
        try:
            return decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            place = f"line {line + self._lines_before(error)}, byte {offset - kept + error.start} (counted from 0)"
            self.refuse(
                f"{place} is not {self._encoding.removesuffix('-sig').upper()}",
                "save the file as UTF-8, or name its encoding: --encoding gb18030, cp1252 or another",
            )
        except UnicodeError:
            self.refuse("the file is not text in the encoding named", "save the file as UTF-8")

    def _lines_before(self, error: UnicodeDecodeError) -> int:
        """How many lines end in the piece at hand before what cannot be read."""
        # In a later piece of UTF-16 only the decoder still knows the order of the bytes.
        encoding = error.encoding if error.encoding.startswith("utf") else self._encoding
        return error.object[: error.start].decode(encoding, "ignore").count("\n")


def _split(header: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([header], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []


def _plain_words(error: csv.Error) -> str:
    words = str(error)
    if "unexpected end of data" in words:
        return "a quote is opened in this row and never closed"
    if "field larger" in words:
        return f"a cell is longer than {csv.field_size_limit()} characters; perhaps a quote is never closed"
    if "expected after" in words:
        return "text follows a closing quote; a quote inside a quoted cell is written twice"
    return "the row is not CSV"


class Workbook(Table):
    """The first sheet of an XLSX file."""

    def rows(self) -> Iterator[Row]:
        width = 0
        for number, values in enumerate(self._sheet.iter_rows(), 1):
            cells = [_text(value) for value in values]
            # A sheet is as wide as its widest row; the header says how wide it is meant to be.
            width = width or max((at for at, cell in enumerate(cells, 1) if cell), default=0)
            yield number, cells if any(cells[width:]) else cells[:width]

    @cached_property
    def other_sheets(self) -> int:
        """How many sheets are not read."""
        return len(self._book.sheet_names) - 1

    @cached_property
    def _book(self) -> Any:
        from python_calamine import CalamineError, CalamineWorkbook

        self._check_size()
        try:
            return CalamineWorkbook.from_path(str(self.path))
        except CalamineError:
            self.refuse("this is not an Excel file that can be read", "save it again as .xlsx, or as CSV")

    @cached_property
    def _sheet(self) -> Any:
        from python_calamine import CalamineError

        try:
            return self._book.get_sheet_by_index(0)
        except CalamineError:
            self.refuse("the first sheet cannot be read", "save it again as .xlsx, or as CSV")

    def _check_size(self) -> None:
        """Measure what comes out of the archive, whatever it declares, before anything is built from it."""
        most = min(MOST_UNPACKED, MOST_RATIO * self.path.stat().st_size)
        unpacked, area, shared = 0, _Area(), 0
        try:
            with zipfile.ZipFile(self.path) as archive:
                for chunk in _unpack(archive, archive.infolist()):
                    unpacked += len(chunk)
                    area.see(chunk)
                    if unpacked > most:
                        self.refuse("it unpacks to far more than an audience needs", "save it again, or as CSV")
                shared = area.named and area.named * _longest_shared(archive)
        except ExpatError:
            self.refuse("the texts inside this file cannot be read", "save it again as .xlsx, or as CSV")
        except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, OSError, EOFError):
            self.refuse("the archive inside this file is damaged", "save it again as .xlsx, or as CSV")
        if area.cells > MOST_CELLS:
            what = f"a cell stands alone far out in the sheet ({area.width} columns, {area.height} rows)"
            self.refuse(what, "delete the empty rows and columns, and save it again")
        if shared > MOST_SHARED:
            self.refuse("a very long text stands in it, and too many cells could have it", "save it as CSV")


def _unpack(archive: zipfile.ZipFile, entries: Iterable[zipfile.ZipInfo]) -> Iterator[bytes]:
    for entry in entries:
        # The declared size is the sender's word; with an endless one the archive gives all that there is.
        entry.file_size = sys.maxsize
        with archive.open(entry) as content:
            while chunk := content.read(CHUNK):
                yield chunk


def _longest_shared(archive: zipfile.ZipFile) -> int:
    """The longest text that cells may share. It stands in the file once, and a reader copies it for each of them.

    Raises ExpatError when the texts are not XML.
    """
    lists = [entry for entry in archive.infolist() if _is_shared(_unpack(archive, [entry]))]
    return max((_longest_in(_unpack(archive, [entry])) for entry in lists), default=0)


def _is_shared(chunks: Iterator[bytes]) -> bool:
    return any(_END_OF_SHARED.search(before + chunk) for before, chunk in pairwise(chain((b"",), chunks)))


def _longest_in(chunks: Iterator[bytes]) -> int:
    longest = length = 0

    def count(text: str) -> None:
        nonlocal length
        length += len(text)

    def end(name: str) -> None:
        nonlocal longest, length
        if name.rpartition(":")[2] == "si":
            longest, length = max(longest, length), 0

    parser = ParserCreate()
    parser.buffer_text, parser.CharacterDataHandler, parser.EndElementHandler = True, count, end
    for chunk in chunks:
        parser.Parse(chunk)
    parser.Parse(b"", True)
    return longest


class _Area:
    """How far out cells stand: a reader makes room for the whole rectangle, even for one stray cell."""

    _CELL = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{0,3})([0-9]{1,7})["']""")
    _NAMES_TEXT = re.compile(rb"""\bt\s*=\s*["']s["']""")

    def __init__(self) -> None:
        self.width, self.height, self._rest = 1, 1, b""
        self.named = 0
        """Cells that name a text of the list that all share."""

    @property
    def cells(self) -> int:
        return self.width * self.height

    def see(self, chunk: bytes) -> None:
        self.named += len(self._NAMES_TEXT.findall(chunk))
        found = self._CELL.findall(self._rest + chunk)
        self._rest = chunk[-30:]
        if found:
            self.width = max(self.width, *map(_column, {letters for letters, _ in found}))
            self.height = max(self.height, *map(int, {digits for _, digits in found}))


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _text(value: object) -> str:
    """A cell as a person reads it; a number that Excel cannot hold exactly stays visibly one."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return f"{value:E}" if isinstance(value, float) and abs(value) >= 1e15 else str(value)
