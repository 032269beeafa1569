"""Stops of a send: recorded at once when a channel or the whole send stops, and ended when it goes on."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime

from amends.domain.base.errors import LedgerError
from amends.domain.channel.message import Receipt, Status
from amends.ledger import Claim, Ledger

WHOLE_SEND = "send"
"""The part of a send that a channel stopped before anything left."""
OF_ALL_CHANNELS = frozenset({WHOLE_SEND, "disk", "guard"})
"""Parts that go on as soon as any channel takes a message over."""
ALERTED_BY_ITSELF = frozenset({"clock", "guard"})
"""Troubles that have their own alert, and stand among what waits for people by themselves."""
NOTED_ELSEWHERE = ALERTED_BY_ITSELF | {"ledger"}
"""The same, and the trouble that passes by itself."""
TAKEN = (Status.SENT, Status.DELIVERED)


class SendStops:
    """The stops of one notice's send, as one engine run sees them."""

    def __init__(self, ledger: Ledger, incident: str, notice: str) -> None:
        self._ledger, self._named = ledger, (incident, notice)
        self._standing = ledger.stops.sends(incident, notice)
        """Parts that had stopped when the run began."""
        self._noted: set[tuple[str, str]] = set()

    def stopped(self, part: str, why: str, now: datetime) -> None:
        """Record that a part of the send has stopped, once in a run.

        What the ledger has not taken is recorded at the end of the run: to try again at each tick would hold it up.
        """
        if (part, why) not in self._noted:
            self._noted.add((part, why))
            with suppress(LedgerError):
                self._ledger.stops.send_stopped(*self._named, part, why, now)

    def answered(self, answers: Iterable[tuple[Claim, Receipt]], now: datetime) -> None:
        """End the stops of the channels that have taken a message over."""
        if not self._standing:
            return
        taken = {claim.channel.value for claim, receipt in answers if receipt.status in TAKEN}
        if over := self._standing & (taken | OF_ALL_CHANNELS if taken else taken):
            with suppress(LedgerError):  # the answers are recorded; the next ones end the stop
                self._ledger.stops.send_goes_on(*self._named, over, now)
                self._standing -= over


def note_stops(ledger: Ledger, incident: str, notice: str, trouble: Mapping[str, str], now: datetime) -> None:
    """Record the troubles by which a send has ended, as far as the ledger can be written."""
    if trouble.keys() & {"guard"}:  # the incident is paused, which stands among what waits for people
        return
    for part, why in trouble.items():
        if part not in NOTED_ELSEWHERE:
            with suppress(LedgerError):
                ledger.stops.send_stopped(incident, notice, part, why, now)
