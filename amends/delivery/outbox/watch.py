"""The watchdog of the outbox: the limits of notices, held against the messages of one kind of one incident."""

from datetime import datetime

from amends.delivery.send.watchdog import stop_all
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.outgoing import OutgoingKind
from amends.domain.deliver.limits import DEFAULT, ChannelCounts, Limits, has_worked, rates
from amends.ledger import Ledger


class OutgoingWatch:
    """A watchdog of the messages of one kind, which judges all of them, whoever sent them."""

    def __init__(self, ledger: Ledger, incident: str, kind: OutgoingKind, limits: Limits = DEFAULT) -> None:
        self._ledger, self._incident, self._kind, self._limits = ledger, incident, kind, limits

    def alarm(self, now: datetime) -> str:
        """Return why a limit is passed, and pause the incident, which stops every process; "" when the limits hold."""
        why = rates(self._ledger.outgoing_statistics.answered(self._incident, self._kind), self._limits)
        if why:
            self._stop(why, now)
        return why

    def stop_new_channel(self, channel: ChannelKind, why: str, now: datetime) -> bool:
        """Pause the incident over refused canary messages, and return True; False for a channel that has worked."""
        counts = self._ledger.outgoing_statistics
        taken = counts.answered(self._incident, self._kind).get(channel, ChannelCounts())
        if has_worked(taken.sent, counts.taken_nothing(self._incident, self._kind, channel)):
            return False
        self._stop(f"{channel}: {why}", now)
        return True

    def _stop(self, why: str, now: datetime) -> None:
        stop_all(self._ledger, self._incident, self._kind, f"{self._kind.words}, {why}", now)
