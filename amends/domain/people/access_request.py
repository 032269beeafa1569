"""Requests of people for their data, each with the date by which the law wants an answer (GDPR, art. 12(3))."""

from calendar import monthrange
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from amends.domain.base.value import Moment, Value

OFFERED_FOR = timedelta(days=14)
"""The time for which a personal page offers the dossier for download."""
MONTHS = 12


class RequestState(StrEnum):
    """A state of a request."""

    OPEN = "open"
    APPROVED = "approved"
    REFUSED = "refused"


class AccessRequest(Value):
    """A person's request for their data. The words are personal: never log or print them outside the team's tools."""

    id: int
    person: int
    locale: str
    state: RequestState
    at: Moment
    due_at: Moment
    words: str = Field(default="", repr=False)
    """The reason of a refusal in words for the person."""
    decided_by: str = ""
    decided_at: Moment | None = None
    offered_until: Moment | None = None

    def overdue(self, now: datetime) -> bool:
        """Return True when the request is undecided although its time is over."""
        return self.state is RequestState.OPEN and self.due_at < now

    def offered(self, now: datetime) -> bool:
        """Return True while the dossier can be downloaded."""
        return self.offered_until is not None and now < self.offered_until


class RequestCounts(Value):
    """The open requests of a case in numbers."""

    open: int = 0
    overdue: int = 0
    due_at: Moment | None = None
    """The time by which the next of them is due."""


def one_month_after(moment: datetime) -> datetime:
    """Return the same day and hour of the next month, or the last day of a month without such a day."""
    year, month = moment.year + moment.month // MONTHS, moment.month % MONTHS + 1
    return moment.replace(year=year, month=month, day=min(moment.day, monthrange(year, month)[1]))
