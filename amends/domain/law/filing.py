"""Filings: what was handed in to an authority, when, by whom, and with which receipt. A person files, not Amends."""

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import Field

from amends.domain.base.value import Moment, Value

if TYPE_CHECKING:
    pass


class Part(StrEnum):
    """A part of a notification: the law often lets information follow in phases (GDPR 33(4))."""

    INITIAL = "initial"
    SUPPLEMENT = "supplement"
    FINAL = "final"


class Filing(Value):
    """One thing that was handed in for a duty. A filing is never changed: a correction is one more filing."""

    number: int = Field(ge=1)
    """The number of the filing within its incident, from 1."""
    duty: str
    """The id of the duty."""
    part: Part = Part.INITIAL
    filed_at: Moment
    by: str
    """The member of the team who reports the filing."""
    receipt: str
    """The authority's reference, or other proof that the filing was handed in."""
    note: str = ""
    corrects: int = Field(default=0, ge=0)
    """The number of the wrongly recorded filing that this filing replaces; 0 for none."""
    sets: str = ""
    """The clock event that the filing starts."""
    recorded_at: Moment


def standing_filings(filings: Iterable[Filing]) -> tuple[Filing, ...]:
    """Return the filings that no later filing corrects, in the order in which they were handed in."""
    recorded = tuple(filings)
    corrected = {filing.corrects for filing in recorded}
    return tuple(sorted((f for f in recorded if f.number not in corrected), key=lambda f: (f.filed_at, f.number)))
