"""Reading of one VERIS record from a file that may hold many."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from amends.content.file.codes import Code
from amends.content.file.document import Document
from amends.content.file.json_file import JsonReading
from amends.content.file.reading import MOST_BYTES, read_text
from amends.domain.base.errors import ContentError, Finding


def read_record(path: Path, wanted: str = "") -> Document:
    """Read one record of a .json or .jsonl file, chosen by its id or its number. Raises ContentError."""
    lines = _lines(path) if path.suffix == ".jsonl" else [(1, read_text(path))]
    number, text = _chosen(path, lines, wanted.strip())
    reading = JsonReading(str(path), "\n" * (number - 1) + text)
    content = reading.read()
    if reading.findings:
        raise ContentError(*reading.findings)
    return Document(str(path), content, reading.keys, reading.values)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield each line that is not blank, with its number."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(iter(lambda: file.readline(MOST_BYTES + 1), ""), 1):
                if len(line) > MOST_BYTES:
                    where, what = f"{path}:{number}:1", "the line is larger than 256 kB"
                    raise ContentError(Finding(where, Code.NOT_ALLOWED, what))
                if line.strip():
                    yield number, line
    except OSError as error:
        raise ContentError(Finding(str(path), Code.UNREADABLE, f"the file cannot be read: {error.strerror}")) from None
    except UnicodeDecodeError:
        raise ContentError(Finding(str(path), Code.UNREADABLE, "the file is not UTF-8", "save it as UTF-8")) from None


def _chosen(path: Path, lines: Iterable[tuple[int, str]], wanted: str) -> tuple[int, str]:
    count, found = 0, None
    for count, line in enumerate(lines, 1):
        if wanted and _has_id(line[1], wanted):
            return line
        if not wanted or wanted == str(count):
            found = line
    if found and (wanted or count == 1):
        return found
    if not count:
        raise ContentError(Finding(str(path), Code.UNREADABLE, "the file is empty"))
    advice = f"choose one with --record: its incident_id, or its number from 1 to {count}"
    if wanted:
        raise ContentError(Finding(str(path), Code.UNKNOWN_WORD, "no record has the wanted id or number", advice))
    raise ContentError(Finding(str(path), Code.NOT_ALLOWED, f"{count} records stand in this file", advice))


def _has_id(text: str, wanted: str) -> bool:
    if wanted.casefold() not in text.casefold():
        return False
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and str(record.get("incident_id")).casefold() == wanted.casefold()
