"""Verbs about which channels reach people, whichever machine they are used from."""

from collections.abc import Collection

from sqlmodel import select

from amends.domain.channel.channel import ChannelKind
from amends.ledger.store.session import Store
from amends.ledger.store.tables import ProvidedRow


class Providers(Store):
    """Remember which channels have had a provider."""

    def provided(self) -> frozenset[ChannelKind]:
        """The channels by which messages of this ledger have left, on any machine."""
        with self.read() as session:
            return frozenset(map(ChannelKind, session.exec(select(ProvidedRow.channel))))

    def note_provided(self, kinds: Collection[ChannelKind]) -> None:
        """On this machine these have a provider, and messages leave by it."""
        if new := set(kinds) - self.provided():
            with self.write() as write:
                for kind in sorted(new):
                    write.add_once(ProvidedRow(channel=kind))
