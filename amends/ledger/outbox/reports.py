"""Reports of mail servers and gateways about outgoing messages."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hmac import compare_digest

from sqlmodel import select

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.outgoing import OutgoingName, OutgoingState
from amends.ledger.outbox.effects import note_outcomes
from amends.ledger.outbox.outbox import NO_NUMBER, key_index, key_of, locked, name_of, settle
from amends.ledger.store.session import Store
from amends.ledger.tables.feedback import OutgoingRow

BY_GATEWAY = frozenset(kind.value for kind in ChannelKind if not kind.mail)
"""The channels whose providers name a message."""
LEADS_TO: Mapping[OutgoingState, Sequence[OutgoingState]] = {
    OutgoingState.DELIVERED: (OutgoingState.SENT, OutgoingState.UNCERTAIN),
    OutgoingState.BOUNCED: (OutgoingState.SENT, OutgoingState.UNCERTAIN),
}
"""The states from which a report leads to each state."""


class OutgoingReports:
    """The reports about outgoing messages."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def named(self, token: str) -> OutgoingName | None:
        """Return the message that a bounce token names; None for any other token."""
        number, start = self._store.keys.bounced(token) or (-1, "")
        return self._by_half(start) if number == NO_NUMBER else None

    def agrees(self, name: OutgoingName, message_id: str) -> bool:
        """Return True when the Message-ID is absent, the message's own, or a relay's with the relay's id in it."""
        local = message_id.strip("<>").rpartition("@")[0].lower()
        if not message_id or compare_digest(local.encode(), key_of(self._store.keys, name).encode()):
            return True
        with self._store.read() as session:
            row = session.get(OutgoingRow, tuple(name))
            return row is not None and row.provider_id != "" and row.provider_id.lower() in message_id.lower()

    def answered(self, keys: Iterable[str]) -> OutgoingName | None:
        """Return the first message whose Message-ID has one of these keys, or None."""
        for key in keys:
            name = self._by_half(key[:16])
            if name and compare_digest(key_of(self._store.keys, name), key):
                return name
        return None

    def by_gateway(self, provider_id: str, key: str) -> OutgoingName | None:
        """Return the message with this name or key, or None."""
        if key:
            return self.answered((key,))
        query = select(OutgoingRow).where(OutgoingRow.provider_id == provider_id).limit(3)
        with self._store.read() as session:
            rows: Sequence[OutgoingRow] = session.exec(query).all() if provider_id else ()
            ours = [row for row in rows if row.channel in BY_GATEWAY]
            return name_of(ours[0]) if len(ours) == 1 else None

    def reported(self, name: OutgoingName, state: OutgoingState, detail: str, now: datetime) -> bool:
        """Record what a report says of a message, and return True; False when that changes nothing."""
        with self._store.write() as write:
            row = locked(write, name)
            if row.state not in LEADS_TO.get(state, ()):
                return False
            settle(row, state, now, detail)
            note_outcomes(write, [row], now)
            return True

    def _by_half(self, half: str) -> OutgoingName | None:
        with self._store.read() as session:
            query = select(OutgoingRow).where(OutgoingRow.key_index == key_index(self._store.keys, half))
            row = session.exec(query).first()
            return name_of(row) if row else None
