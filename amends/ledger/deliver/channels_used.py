"""Verbs about which channels reach people, whichever machine they are used from."""

from collections.abc import Collection

from sqlmodel import select

from amends.domain.channel.channel import ChannelKind
from amends.ledger.store.session import Store
from amends.ledger.store.tables import ProvidedRow


class ChannelsUsed:
    """Remember which channels have had a provider."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def used(self) -> frozenset[ChannelKind]:
        """The channels by which messages of this ledger have left, on any machine."""
        with self._store.read() as session:
            return frozenset(map(ChannelKind, session.exec(select(ProvidedRow.channel))))

    def note_used(self, kinds: Collection[ChannelKind]) -> None:
        """On this machine these have a provider, and messages leave by it."""
        if new := set(kinds) - self.used():
            with self._store.write() as write:
                for kind in sorted(new):
                    write.add_once(ProvidedRow(channel=kind))
