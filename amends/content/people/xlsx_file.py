"""Reading of an XLSX file row by row. A file that would take up all memory is refused before it is loaded."""

import re
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime, time
from functools import cached_property
from itertools import chain, pairwise
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate

from amends.content.people.table import CHUNK, Row, Table

MOST_UNPACKED = 200_000_000
MOST_RATIO = 100
MOST_CELLS = 20_000_000
MOST_SHARED = 2_000_000_000
"""The limit of characters that a reader may have to copy into the cells of a workbook that name a shared text."""

_END_OF_SHARED = re.compile(rb"</[^<>]*\bsst\s*>")
"""The closing tag of the list of shared texts, by which the list is found under any name of its archive entry. No
reader accepts a list without this tag."""


class Workbook(Table):
    """The first sheet of an XLSX file."""

    def rows(self) -> Iterator[Row]:
        width = 0
        for number, values in enumerate(self._sheet.iter_rows(), 1):
            cells = [_text(value) for value in values]
            # The library pads rows to the widest one of the sheet; the header tells the intended width.
            width = width or max((at for at, cell in enumerate(cells, 1) if cell), default=0)
            yield number, cells if any(cells[width:]) else cells[:width]

    @cached_property
    def other_sheets(self) -> int:
        """Count the sheets that are not read."""
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
        """Measure the unpacked content of the archive, whatever size it declares, before the workbook is loaded."""
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
        # The declared size may be false, and zipfile stops reading there; without a limit it yields all content.
        entry.file_size = sys.maxsize
        with archive.open(entry) as content:
            while chunk := content.read(CHUNK):
                yield chunk


def _longest_shared(archive: zipfile.ZipFile) -> int:
    """Return the length of the longest shared text. Raises ExpatError when the list of shared texts is not XML.

    A shared text stands in the file once, and a reader copies it into each cell that names it.
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
    """The rectangle from the first cell to the farthest. A reader allocates all of it, even for one stray cell."""

    _CELL = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{0,3})([0-9]{1,7})["']""")
    _NAMES_TEXT = re.compile(rb"""\bt\s*=\s*["']s["']""")

    def __init__(self) -> None:
        self.width, self.height, self._rest = 1, 1, b""
        self.named = 0
        """The number of cells that name a shared text instead of holding a text."""

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
    """Return a cell's text as a person reads it; a number too large for Excel to hold exactly keeps its exponent."""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()  # a cell with a day, which has no time
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return f"{value:E}" if isinstance(value, float) and abs(value) >= 1e15 else str(value)
