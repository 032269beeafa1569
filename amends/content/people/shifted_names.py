"""A hint that the names of a list are shifted against its email addresses by a row, as after one column was sorted."""

import re
from typing import NamedTuple
from unicodedata import combining, normalize

from amends.domain.people.person import Person

EVERY_ROW = 1_000
"""The number of rows at the beginning of a list that are all compared."""
STRIDE, BLOCK = 64, 4
"""Further down, so many rows in a row are compared of each stride: a shift concerns very many rows."""
FEWEST, SHARE = 5, 0.1
"""The fewest rows, and the smallest share of those compared, that are likely to be shifted for a hint."""
_WORD = re.compile("[a-z]{3,}")


def is_compared(number: int) -> bool:
    """Return True for a row that is compared with the row before."""
    return number % STRIDE < BLOCK or number < EVERY_ROW


class _Row(NamedTuple):
    number: int
    words: tuple[str, ...]
    """The words of the name that may stand in an address: of three or more Latin letters, without accents."""
    local: str
    """The part of the address before the @."""
    fits: bool
    """True when a word of the name stands in the person's own address."""


class ShiftedNames:
    """A running count of names that fit the address of the row above or below, and not their own."""

    def __init__(self) -> None:
        self.compared, self.down, self.up = 0, 0, 0
        self._before: _Row | None = None

    def see(self, person: Person) -> None:
        """Compare a person, whose row is one that is compared, with the person of the row before."""
        row, before = _row(person), self._before
        self._before = row
        if before is None or before.number + 1 != row.number or not (row.words and before.words):
            return
        self.compared += 1
        self.down += not before.fits and _fit(before.words, row.local)
        self.up += not row.fits and _fit(row.words, before.local)

    def shift(self) -> str:
        """Return where the addresses stand that fit the names, or an empty text when the rows fit."""
        most = max(self.down, self.up)
        if most < FEWEST or most < self.compared * SHARE:
            return ""
        return "the row below" if self.down == most else "the row above"


def _row(person: Person) -> _Row:
    local = person.email.partition("@")[0].lower()
    words = tuple(_WORD.findall(_plain(person.name))) if local else ()
    return _Row(person.number, words, local, _fit(words, local))


def _fit(words: tuple[str, ...], local: str) -> bool:
    return any(word in local for word in words)


def _plain(name: str) -> str:
    """Return the name in small letters without accents."""
    if name.isascii():
        return name.lower()
    return "".join(letter for letter in normalize("NFKD", name).lower() if not combining(letter))
