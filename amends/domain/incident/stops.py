"""Stops: sends that ended for a reason that a person must remove, and recipient domains to which nothing is sent."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from amends.domain.base.text import minute
from amends.domain.incident.alert import AlertId, AlertKind

LONGEST_REASON = 200


class StoppedSend(NamedTuple):
    """A send of a notice that has stopped, in whole or on one channel, and does not go on."""

    notice: str
    part: str
    """The channel that stopped; or `send`, `ledger`, `guard`, `clock` or `disk`, when all channels did."""
    why: str
    at: datetime

    @property
    def alert(self) -> AlertId:
        """Return the identity of the alert to the stop; the minute makes it a new one when the trouble returns."""
        return AlertId(AlertKind.SEND_STOPPED, f"{self.notice} {self.part}", minute(self.at))


@dataclass(frozen=True, slots=True)
class StoppedDomain:
    """A recipient domain whose servers refuse our mail by their policy, so that mail to it waits."""

    domain: str = field(repr=False)
    """Empty where the name is not to be seen, as in Prefect."""
    why: str
    at: datetime
