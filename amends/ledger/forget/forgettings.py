"""All that was forgotten and all holds, as the file of tombstones should have them."""

from amends.ledger.forget.erasure import Erasure
from amends.ledger.forget.retention import Retentions
from amends.ledger.incident.legal_holds import LegalHolds
from amends.ledger.incident.tombstones import TombstoneLines, Tombstones
from amends.ledger.store.session import Store


class Forgettings:
    """The erased persons, forgotten kinds and holds of all incidents."""

    def __init__(
        self, store: Store, erasure: Erasure, retention: Retentions, holds: LegalHolds, tombstones: Tombstones
    ) -> None:
        self._store = store
        self._erasure = erasure
        self._retention = retention
        self._holds = holds
        self._tombstones = tombstones

    def note(self) -> None:
        """Write to the file of tombstones what the ledger knows and the file lacks, as after a crash between both."""
        with self._store.read() as session:
            noted = (self._erasure.noted, self._retention.noted, self._holds.noted)
            parts = [part(session) for part in noted]
        self._tombstones.add(TombstoneLines(*(frozenset().union(*sets) for sets in zip(*parts, strict=True))))
