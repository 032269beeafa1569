"""The layout of answers at a terminal: tables, wrapped text and colours."""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, zip_longest

import typer

from amends.domain.base.text import say, width, wrapped

GAP = 2
"""Blanks between columns."""
LAST_NEEDS = 24
"""Columns that a long last column needs; with less room, each row of a table becomes a paragraph."""
COMMAND = "amends "
"""A cell with this word is never broken up: a person may copy the command."""


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return the rows in columns under their names, or `none`; wide Chinese characters count twice."""
    lines = _cells(head, rows)
    if len(lines) == 1:
        return "none"
    widths = _widths(lines)
    return "\n".join(_line(line, widths) for line in lines)


def fitted(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table that fits the terminal: names and last cells are wrapped, or else rows become paragraphs.

    Without a terminal, as in a pipe, return the table as it is.
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
    """Return the width of the terminal that the answer goes to; None when the answer goes elsewhere."""
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    return shutil.get_terminal_size().columns


def _cells(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[tuple[str, ...]]:
    return [tuple(head), *(tuple(" ".join(say(cell).split()) for cell in row) for row in rows)]


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(width, column)) for column in zip(*lines, strict=True)]


def _flowing(cells: Sequence[str], room: int) -> Iterator[str]:
    """Yield the lines of a row as a paragraph, each command on a line of its own."""
    gap, indent = " " * GAP, ""
    for _, some in groupby(cells, lambda cell: COMMAND in cell):
        for part in _whole_or_wrapped(gap.join(some), room - GAP):
            yield indent + part
            indent = gap


def _whole_or_wrapped(text: str, room: int) -> list[str]:
    return [text] if COMMAND in text else wrapped(text, room)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell + " " * (room - width(cell)) for cell, room in zip(cells, widths, strict=True))
    return (" " * GAP).join(padded).rstrip()


def coloured(text: str, colour: str) -> str:
    """Return the text, in colour at a terminal unless NO_COLOR is set."""
    plain = "NO_COLOR" in os.environ or sys.stdout is None or not sys.stdout.isatty()
    return text if plain else typer.style(text, fg=colour)
