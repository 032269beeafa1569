"""Strict reading of a CSV file row by row: text that is damaged anywhere is refused with its place."""

import codecs
import csv
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from amends.content.people.table import CHUNK, Row, Table

_ENCODINGS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class CsvFile(Table):
    """A CSV file (RFC 4180) with any of three delimiters: UTF-8, UTF-16 with a byte order mark, or a named encoding."""

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
        """Return the delimiter that yields most of the expected columns, after checking that the whole file is text."""
        self._check_text()
        with self.path.open(encoding=self._encoding, newline="") as text:
            header = text.readline(CHUNK)
        return max(",;\t", key=lambda delimiter: len(self._columns & set(_split(header, delimiter))))

    def _marked_encoding(self) -> str | None:
        """Return the encoding of the file's byte order mark, or None without one. The mark beats a named encoding."""
        with self.path.open("rb") as file:
            start = file.read(3)
        return next((name for mark, name in _ENCODINGS.items() if start.startswith(mark)), None)

    def _check_text(self) -> None:
        """Decode the whole file before its first row is used. Raises ContentError at the first damaged place."""
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
        """Count the line ends in the chunk before the bytes that cannot be decoded."""
        # In a later chunk of UTF-16 only the decoder still knows the byte order.
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
