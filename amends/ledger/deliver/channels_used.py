"""The channels that have sent messages of this ledger through a provider, from any machine."""

from collections.abc import Collection

from sqlmodel import select

from amends.domain.channel.channel import ChannelKind
from amends.ledger.store.session import Store
from amends.ledger.tables.deliver import ProvidedRow


class ChannelsUsed:
    """The record of channels that have had a provider."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def used(self) -> frozenset[ChannelKind]:
        """Return the channels that have had a provider on any machine."""
        with self._store.read() as session:
            return frozenset(map(ChannelKind, session.exec(select(ProvidedRow.channel))))

    def note_used(self, kinds: Collection[ChannelKind]) -> None:
        """Record that these channels have a provider on this machine, through which messages leave."""
        if new := set(kinds) - self.used():
            with self._store.write() as write:
                for kind in sorted(new):
                    write.add_once(ProvidedRow(channel=kind))
