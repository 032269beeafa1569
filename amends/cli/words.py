"""How answers are put into text for a terminal."""

import os
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from itertools import groupby, zip_longest
from textwrap import wrap
from typing import TypeVar

import typer

from amends.domain.value import minute

Word = TypeVar("Word", bound=str)

PUBLIC = "public"
"""Whose the page and the posts are, in place of a person's number."""
HIDDEN = ("Cc", "Cf", "Co", "Cs")
HARMLESS = "\n\t\u200d"
FILLER = "\0"
"""Stands behind each wide character while lines are measured, for it takes the room of two."""
COMMAND = "amends "
"""A cell that has it is never broken up: somebody may copy it."""
GAP = 2
"""Blanks between columns."""
LAST_NEEDS = 24
"""With less room than this for a long last column, each row of a table becomes a paragraph."""


def printable(text: str) -> str:
    """Without characters by which a text could take over a terminal or turn itself around."""
    return "".join("�" if unicodedata.category(c) in HIDDEN and c not in HARMLESS else c for c in text)


def counts(numbers: Mapping[Word, int]) -> str:
    """Numbers in a row: 3 sent, 1 held."""
    return ", ".join(f"{count} {say(name)}" for name, count in numbers.items() if count) or "none"


def counted(count: int, one: str, many: str = "") -> str:
    """1 incident, 2 incidents."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def kept_back(commits: int) -> str:
    """Why nothing is written while the ledger's server keeps so many commits back."""
    return (
        f"the ledger's server has kept back {counted(commits, 'commit')}: its synchronous standby does not answer, "
        "and nothing is written or sent until it does, or is taken out of synchronous_standby_names"
    )


def destroyed(at: datetime) -> str:
    """That nobody of an incident can be read any more, and since when."""
    return f"its personal data was destroyed on {at:%Y-%m-%d}"


def parked(incident: str, notice: str, messages: int) -> str:
    """That so many messages of a notice wait for somebody's decision, and how to see which."""
    are, look = counted(messages, "message is", "messages are"), f"amends deliveries {incident} {notice}"
    return f"{notice}: {are} parked until somebody decides; `{look} --state parked` says whose"


def say(value: object) -> str:
    """A value in a cell or a sentence: yes and no, enums by their word, times in UTC, nothing as a dash."""
    match value:
        case bool():
            return "yes" if value else "no"
        case datetime():
            return minute(value)
        case Enum():
            return str(value.value)
        case None | "":
            return "–"
    return str(value)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns under their names, or `none`; wide Chinese characters count twice."""
    lines = _cells(head, rows)
    if len(lines) == 1:
        return "none"
    widths = _widths(lines)
    return "\n".join(_line(line, widths) for line in lines)


def fitted(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table that fits the terminal: names and last cells go on below themselves, or else whole rows do.

    Where nobody looks, as in a pipe, it is the table as it is.
    """
    lines, room = _cells(head, rows), terminal_columns()
    if room is None or len(lines) == 1 or sum(_widths(lines)) + GAP * (len(head) - 1) <= room:
        return table(head, lines[1:])
    *widths, last = _widths([[max(name.split(), key=width) for name in head], *lines[1:]])
    left = room - sum(widths) - GAP * len(widths)
    if left < min(last, LAST_NEEDS):
        return "\n".join(part for line in lines for part in _flowing(line, room))
    fits = (*widths, left)
    names = [wrapped(name, most) for name, most in zip(head, fits, strict=True)]
    bodies = [[*([cell] for cell in cells[:-1]), _whole_or_wrapped(cells[-1], left)] for cells in lines[1:]]
    return "\n".join(
        _line(part, fits) for cell_lines in (names, *bodies) for part in zip_longest(*cell_lines, fillvalue="")
    )


def terminal_columns() -> int | None:
    """How wide the terminal is that the answer goes to; None where it goes elsewhere."""
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    return shutil.get_terminal_size().columns


def _cells(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[tuple[str, ...]]:
    return [tuple(head), *(tuple(" ".join(say(cell).split()) for cell in row) for row in rows)]


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(width, column)) for column in zip(*lines, strict=True)]


def _flowing(cells: Sequence[str], room: int) -> Iterator[str]:
    """A row as a paragraph, each command on a line of its own."""
    gap, indent = " " * GAP, ""
    for _, some in groupby(cells, lambda cell: COMMAND in cell):
        for part in _whole_or_wrapped(gap.join(some), room - GAP):
            yield indent + part
            indent = gap


def _whole_or_wrapped(text: str, room: int) -> list[str]:
    return [text] if COMMAND in text else wrapped(text, room)


def wrapped(text: str, room: int) -> list[str]:
    """A text in as many lines as it needs; Chinese may be parted anywhere."""
    spaced = "".join(character + FILLER * (width(character) - 1) for character in text)
    return [part.replace(FILLER, "") for part in wrap(spaced, max(room, 1), break_on_hyphens=False)] or [""]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell + " " * (room - width(cell)) for cell, room in zip(cells, widths, strict=True))
    return (" " * GAP).join(padded).rstrip()


def width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def coloured(text: str, colour: str) -> str:
    """In colour where a person looks and has not asked for none (NO_COLOR)."""
    plain = "NO_COLOR" in os.environ or sys.stdout is None or not sys.stdout.isatty()
    return text if plain else typer.style(text, fg=colour)
