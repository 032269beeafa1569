"""Filings: what was handed in to an authority, when, by whom, and the receipt. A person files; this remembers it."""

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import Field

from amends.domain.base.value import Moment, Value

if TYPE_CHECKING:
    pass


class Part(StrEnum):
    """Which part of a notification a filing is: the law often lets information follow in phases (GDPR 33(4))."""

    INITIAL = "initial"
    SUPPLEMENT = "supplement"
    FINAL = "final"


class Filing(Value):
    """One thing that was handed in for a duty. It is never changed: a correction is one more filing."""

    number: int = Field(ge=1)
    """Of the filings of its incident, from 1."""
    duty: str
    """The duty's id."""
    part: Part = Part.INITIAL
    filed_at: Moment
    by: str
    """The member who says so."""
    receipt: str
    """The authority's reference, or how it can be shown that it was handed in."""
    note: str = ""
    corrects: int = Field(default=0, ge=0)
    """The number of the filing that was recorded wrongly and whose place this one takes; 0 for none."""
    sets: str = ""
    """The clock event that it starts."""
    recorded_at: Moment


def standing_filings(filings: Iterable[Filing]) -> tuple[Filing, ...]:
    """Without those that a later filing corrects, in the order in which they were handed in."""
    all_of_them = tuple(filings)
    corrected = {filing.corrects for filing in all_of_them}
    return tuple(sorted((f for f in all_of_them if f.number not in corrected), key=lambda f: (f.filed_at, f.number)))
