"""How answers are put into text for a terminal."""

import os
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import TypeVar

import typer

from amends.domain.value import minute

Word = TypeVar("Word", bound=str)

HIDDEN = ("Cc", "Cf", "Co", "Cs")
HARMLESS = "\n\t\u200d"


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
    lines = [tuple(head), *(tuple(" ".join(say(cell).split()) for cell in row) for row in rows)]
    if len(lines) == 1:
        return "none"
    widths = [max(map(width, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_line(line, widths) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell + " " * (room - width(cell)) for cell, room in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()


def width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def coloured(text: str, colour: str) -> str:
    """In colour where a person looks and has not asked for none (NO_COLOR)."""
    plain = "NO_COLOR" in os.environ or sys.stdout is None or not sys.stdout.isatty()
    return text if plain else typer.style(text, fg=colour)
