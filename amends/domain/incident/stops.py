"""Stops: sends that ended for a reason that a person must remove, and recipient domains to which nothing is sent."""

from datetime import datetime
from typing import NamedTuple, Self

from amends.domain.base.text import minute
from amends.domain.incident.alert import AlertId, AlertKind

LONGEST_REASON = 200
SEPARATOR = ": "


class StoppedSend(NamedTuple):
    """A send of a notice that has stopped, in whole or on one channel, and does not go on."""

    notice: str
    part: str
    """The channel that stopped; or `send`, `ledger`, `guard`, `clock` or `disk`, when all channels did."""
    why: str
    at: datetime

    @classmethod
    def read(cls, name: str, at: datetime) -> Self:
        """Return the stop that is recorded under this name."""
        of, _, why = name.partition(SEPARATOR)
        notice, _, part = of.partition(" ")
        return cls(notice, part, why, at)

    @property
    def name(self) -> str:
        """Return the name under which the stop is recorded."""
        return f"{self.notice} {self.part}{SEPARATOR}{self.why[:LONGEST_REASON]}"

    @property
    def alert(self) -> AlertId:
        """Return the identity of the alert to the stop; the minute makes it a new one when the trouble returns."""
        return AlertId(AlertKind.SEND_STOPPED, f"{self.notice} {self.part}", minute(self.at))


class StoppedDomain(NamedTuple):
    """A recipient domain whose servers refuse our mail by their policy, so that mail to it waits."""

    domain: str
    why: str
    at: datetime

    @classmethod
    def read(cls, name: str, at: datetime) -> Self:
        """Return the stop that is recorded under this name."""
        domain, _, why = name.partition(SEPARATOR)
        return cls(domain, why, at)

    @property
    def name(self) -> str:
        """Return the name under which the stop is recorded."""
        return f"{self.domain}{SEPARATOR}{self.why[:LONGEST_REASON]}"
