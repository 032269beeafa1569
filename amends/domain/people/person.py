"""The people an incident touches, and how each of them stands to a notice."""

import re
from enum import StrEnum
from typing import NamedTuple

from amends.domain.base.value import Value
from amends.domain.incident.facts import DataCategory

NULL_LIKE = frozenset({"null", "(null)", "n/a", "#n/a", "none", "undefined", "-", "--"})
"""What exports write where there is nothing, in small letters."""


class Flag(StrEnum):
    """What must be known before anybody writes to this person."""

    MINOR = "minor"
    DECEASED = "deceased"
    PROTECTED = "protected"


class Person(NamedTuple):
    """Someone affected, as a row of the audience file names them. Holds personal data: never log or print it."""

    number: int
    """Together with the incident it names the person outside the ledger: the row of the first audience file, or, for
    those whom a corrected file brought, the next free number."""
    ref: str
    """The company's own id for this customer."""
    name: str
    email: str
    phone: str
    """E.164, or empty."""
    locale: str
    country: str
    region: str = ""
    postal_address: str = ""
    timezone: str = ""
    data: tuple[DataCategory, ...] = ()
    segment: str = ""
    guardian_of: str = ""
    flags: frozenset[Flag] = frozenset()

    def __repr__(self) -> str:
        return f"Person(number={self.number})"


class Hold(StrEnum):
    """Why nothing is sent for this person until somebody decides."""

    MINOR_WITHOUT_GUARDIAN = "minor_without_guardian"
    DECEASED = "deceased"
    PROTECTED = "protected"
    ONLY_GUARDIAN = "only_guardian"
    """Nothing of theirs was touched; they are written to about the child."""
    GONE = "gone"
    """A corrected list does not have them any more, or not in the part that a notice is for."""


class Left(StrEnum):
    """What is known of somebody whom a corrected list does not have any more."""

    NOT_TOUCHED = "not_touched"
    """By what is known today, nothing of theirs was touched."""
    PERHAPS_TWICE = "perhaps_twice"
    """Somebody in the list has an address of theirs, so they may stand there once more, under another id."""


def hold_for(flags: frozenset[Flag], *, has_guardian: bool, only_guardian: bool) -> Hold | None:
    """The reason not to write to a person with these flags, or None. A child is told through its guardian."""
    if Flag.DECEASED in flags:
        return Hold.DECEASED
    if Flag.PROTECTED in flags:
        return Hold.PROTECTED
    if Flag.MINOR in flags and not has_guardian:
        return Hold.MINOR_WITHOUT_GUARDIAN
    return Hold.ONLY_GUARDIAN if only_guardian else None


STATE = re.compile(r"[A-Z0-9]{1,3}")


def place_of(country: str, region: str) -> str:
    """Where somebody lives, as US-WA; the country alone when the region is not known by its code."""
    return f"{country}-{region}" if country and STATE.fullmatch(region) else country


class AudienceCounts(Value):
    """The audience of an incident in numbers; never the people themselves."""

    people: int = 0
    gone: int = 0
    """Those whom a corrected list does not have any more; they are counted nowhere else."""
    by_place: dict[str, int] = {}
    """Countries, and states where they are known (DE, US-WA); an empty name where the country is not known."""
    by_locale: dict[str, int] = {}
    by_segment: dict[str, int] = {}
    by_category: dict[str, int] = {}
    by_flag: dict[str, int] = {}
    guardians: int = 0
    with_email: int = 0
    with_phone: int = 0
    digest: str = ""
    """Changes when any row of the audience changes."""

    @property
    def by_country(self) -> dict[str, int]:
        """The people of each country, its states together."""
        countries: dict[str, int] = {}
        for place, people in self.by_place.items():
            countries[place[:2]] = countries.get(place[:2], 0) + people
        return countries


def damaged(number: int) -> str:
    """What is wrong when a person's data does not open, and what mends it."""
    return (
        f"the data of person {number} was altered, moved, or sealed with another key; "
        "`amends audience correct` with a list that has them mends it"
    )
