"""Reports from personal pages: a message is for somebody else, or an address is outdated. A member decides on each."""

from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import Field

from amends.domain.base.value import Moment, Value
from amends.domain.people.person import Hold

LONGEST_REPORT = 1_000
"""The most characters of a report, and of the words of a decision."""


class PageReportKind(StrEnum):
    """A kind of report; each one holds the person's messages until a member decides."""

    WRONG_PERSON = "wrong_person"
    OUTDATED_ADDRESS = "outdated_address"

    @property
    def hold(self) -> Hold:
        """Return the reason for which the person is held meanwhile."""
        return Hold(self.value)


class PageReportState(StrEnum):
    """A state of a report."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class NewReport:
    """A report before the ledger stores it. Holds personal data: never log or print it."""

    person: int
    kind: PageReportKind
    locale: str
    once: str
    """An idempotency key: a form that is sent again makes no second report."""
    text: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    """The new email address, or empty."""
    phone: str = field(default="", repr=False)
    """The new number as E.164, or empty."""


class PersonReport(Value):
    """A report in the ledger. Holds personal data: never log or print it outside the team's tools."""

    id: int
    person: int
    kind: PageReportKind
    locale: str
    state: PageReportState
    at: Moment
    text: str = Field(default="", repr=False)
    email: str = Field(default="", repr=False)
    phone: str = Field(default="", repr=False)
    words: str = Field(default="", repr=False)
    """The decision in words for the person."""
    decided_by: str = ""
    decided_at: Moment | None = None
