"""How answers are put into text for a terminal."""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, zip_longest

import typer

from amends.domain.base.text import say, width, wrapped

COMMAND = "amends "
"""A cell that has it is never broken up: somebody may copy it."""
GAP = 2
"""Blanks between columns."""
LAST_NEEDS = 24
"""With less room than this for a long last column, each row of a table becomes a paragraph."""


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


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell + " " * (room - width(cell)) for cell, room in zip(cells, widths, strict=True))
    return (" " * GAP).join(padded).rstrip()


def coloured(text: str, colour: str) -> str:
    """In colour where a person looks and has not asked for none (NO_COLOR)."""
    plain = "NO_COLOR" in os.environ or sys.stdout is None or not sys.stdout.isatty()
    return text if plain else typer.style(text, fg=colour)
