"""The people affected by an incident, the reasons to hold their messages, and the counts of an audience."""

import re
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from amends.domain.base.value import Value
from amends.domain.incident.elements import named_by
from amends.domain.incident.facts import DataCategory, Facts

NULL_LIKE = frozenset({"null", "(null)", "n/a", "#n/a", "none", "undefined", "-", "--"})
"""Words that exports write into empty cells, in lower case."""
STATE = re.compile(r"[A-Z0-9]{1,3}")


class Flag(StrEnum):
    """A warning to heed before anybody writes to the person."""

    MINOR = "minor"
    DECEASED = "deceased"
    PROTECTED = "protected"


class Person(NamedTuple):
    """A person affected, as a row of the audience file. Holds personal data: never log or print it."""

    number: int
    """Names the person outside the ledger, together with the incident: the row of the first audience file, or the next
    free number for a person whom a corrected file added."""
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
    consents_to_email: date | None = None
    """The day on which the person consented to notice by email; None without a consent."""
    further: tuple[str, ...] = ()
    """The person's further addresses, in the order of FURTHER; empty without any."""

    def __repr__(self) -> str:
        return f"Person(number={self.number})"


class Hold(StrEnum):
    """A reason to send nothing to a person until somebody decides."""

    MINOR_WITHOUT_GUARDIAN = "minor_without_guardian"
    DECEASED = "deceased"
    PROTECTED = "protected"
    ONLY_GUARDIAN = "only_guardian"
    """No data of the person was touched; the person is written to only about a child."""
    GONE = "gone"
    """A corrected list no longer has the person, or no longer in the audience of a notice."""
    SHARED_MAILBOX = "shared_mailbox"
    """The one copy for the person's mailbox names the person too."""
    WRONG_PERSON = "wrong_person"
    """The reader of the page says that the messages are for somebody else; a member decides."""
    OUTDATED_ADDRESS = "outdated_address"
    """The person says that an address is outdated; a member decides."""
    ERASED = "erased"
    """Nothing is known of the person any more: they asked to be erased, or their time was over."""


class MailboxRuling(StrEnum):
    """A person's decision on the mailboxes that several people of the list share."""

    EACH = "each"
    """Each person gets a message of their own; so it is without a decision too."""
    ONE = "one"
    """People of whom a message says the same get one copy, which names all of them."""


class Left(StrEnum):
    """The knowledge about a person whom a corrected list no longer has."""

    NOT_TOUCHED = "not_touched"
    """No data of the person was touched, by what is known today."""
    PERHAPS_TWICE = "perhaps_twice"
    """Somebody in the list has the same address, so the person may still stand in the list, under another id."""


def hold_for(flags: frozenset[Flag], *, has_guardian: bool, only_guardian: bool) -> Hold | None:
    """Return the reason not to write to a person with these flags, or None. A child is told through its guardian."""
    if Flag.DECEASED in flags:
        return Hold.DECEASED
    if Flag.PROTECTED in flags:
        return Hold.PROTECTED
    if Flag.MINOR in flags and not has_guardian:
        return Hold.MINOR_WITHOUT_GUARDIAN
    return Hold.ONLY_GUARDIAN if only_guardian else None


@lru_cache(4096)
def place_of(country: str, region: str) -> str:
    """Return a place such as US-WA, or the country alone when the region is not a code."""
    return f"{country}-{region}" if country and STATE.fullmatch(region) else country


class AudienceCounts(Value):
    """The number of people in an audience, in all and by attribute; no personal data."""

    people: int = 0
    gone: int = 0
    """The people whom a corrected list no longer has; they are counted in no other field."""
    by_place: dict[str, int] = {}
    """People by country, or by state where it is known (DE, US-WA); an empty name where the country is not known."""
    by_locale: dict[str, int] = {}
    by_segment: dict[str, int] = {}
    by_category: dict[str, int] = {}
    by_flag: dict[str, int] = {}
    guardians: int = 0
    with_email: int = 0
    with_phone: int = 0
    with_consent: int = 0
    """People who consented to notice by email."""
    sharing: int = 0
    """The people whose mailbox somebody else has too, one of each mailbox not counted."""
    digest: str = ""
    """A hash that changes when any row of the audience changes."""

    @property
    def by_country(self) -> dict[str, int]:
        """Return the number of people in each country, its states added together."""
        countries: dict[str, int] = {}
        for place, people in self.by_place.items():
            countries[place[:2]] = countries.get(place[:2], 0) + people
        return countries

    def not_in_the_facts(self, facts: Facts) -> dict[str, int]:
        """Return the kinds of data that people have in the list and that the facts rule out or do not name.

        Each comes with its number of people. Empty as long as the facts do not say which data it was.
        """
        if not facts.data_categories.stands:
            return {}
        named = facts.categories()
        return {kind: people for kind, people in self.by_category.items() if not named_by(named, DataCategory(kind))}


def damaged(number: int) -> str:
    """Return the sentence that says what is wrong when a person's data cannot be decrypted, and how to repair it."""
    return (
        f"the data of person {number} was altered, moved, or sealed with another key; "
        "`amends audience correct` with a list that has them mends it"
    )
