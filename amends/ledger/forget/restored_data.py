"""Data that a restored backup has brought back, found by the file of tombstones, so that it is forgotten again."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlmodel import select

from amends.domain.forget.retention import DataKind
from amends.ledger.forget.folders import FOLDERS, folder_of
from amends.ledger.incident.tombstones import Tombstones
from amends.ledger.store.session import Store
from amends.ledger.tables.incident import ErasedPersonRow, ForgottenRow, IncidentRow

AGAIN = text("SELECT number FROM person WHERE incident = :incident AND ref_index = :ref AND hold <> 'erased'")


@dataclass(frozen=True, slots=True)
class RestoredTombstone:
    """A person, or a kind of data, that was forgotten and is in the ledger again."""

    incident: str
    at: datetime
    """The time at which it was forgotten first."""
    person: int | None = None
    kind: DataKind | None = None


@dataclass(frozen=True, slots=True)
class EmptiedFolder:
    """A folder of the home whose sealed files were forgotten: all of them, or those that the ledger lists no more."""

    incident: str
    kind: DataKind
    before: datetime | None = None
    """The time of the forgetting, after which other files may have come; None when the whole case was destroyed."""

    @property
    def path(self) -> str:
        """Return the path of the folder in the home."""
        return folder_of(self.kind, self.incident)


class RestoredData:
    """The data that restored backups have brought back.

    Every command and flow looks for it first, so no room that forgets is imported for the look.
    """

    def __init__(self, store: Store, tombstones: Tombstones) -> None:
        self._store = store
        self._tombstones = tombstones

    def found(self) -> tuple[RestoredTombstone, ...]:
        """Return what is in the ledger again although the file of tombstones says that it was forgotten."""
        noted = self._tombstones.read()
        if not (noted.erased or noted.kinds):
            return ()
        with self._store.read() as session:
            keys = dict(session.exec(select(IncidentRow.id, IncidentRow.wrapped_key)).all())
            erased = set(session.exec(select(ErasedPersonRow.incident, ErasedPersonRow.person)).all())
            done = set(session.exec(select(ForgottenRow.incident, ForgottenRow.kind)).all())
        readable = {incident for incident, key in keys.items() if key}
        kinds = [
            RestoredTombstone(kind.incident, kind.at, kind=DataKind(kind.kind))
            for kind in sorted(noted.kinds)
            if kind.incident in readable and (kind.incident, kind.kind) not in done
        ]
        over = {kind.incident for kind in kinds if kind.kind is DataKind.WHOLE_CASE}
        people = [
            RestoredTombstone(one.incident, one.at, person=number)
            for one in sorted(noted.erased)
            if one.incident in readable - over and (one.incident, one.person) not in erased
            if (number := self._again(one.incident, one.ref)) is not None
        ]
        return (*(kind for kind in kinds if kind.incident not in over or kind.kind is DataKind.WHOLE_CASE), *people)

    def _again(self, incident: str, ref: str) -> int | None:
        """Return the number of a person who is in the ledger again, by their keyed hash in hex, or None."""
        with self._store.read() as session:
            return session.connection().execute(AGAIN, {"incident": incident, "ref": bytes.fromhex(ref)}).scalar()

    def folders(self) -> tuple[EmptiedFolder, ...]:
        """Return the folders of sealed files whose incident was destroyed, or whose kind of data was forgotten."""
        with self._store.read() as session:
            destroyed = session.exec(select(IncidentRow.id).where(IncidentRow.wrapped_key == b"")).all()
            done = session.exec(select(ForgottenRow.incident, ForgottenRow.kind, ForgottenRow.at)).all()
        parts = [
            EmptiedFolder(incident, DataKind(kind), at)
            for incident, kind, at in done
            if kind in FOLDERS and incident not in destroyed
        ]
        return (*(EmptiedFolder(incident, kind) for kind in FOLDERS for incident in destroyed), *parts)
