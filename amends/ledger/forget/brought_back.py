"""Data that a restored backup has brought back, found by the file of tombstones, so that it is forgotten again."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import select

from amends.domain.forget.retention import DataKind
from amends.ledger.forget.erasure import Erasure
from amends.ledger.forget.retention import Retentions
from amends.ledger.forget.rows import files_of, folder_of
from amends.ledger.forget.sealed_columns import FILES, Whose
from amends.ledger.incident.legal_holds import LegalHolds
from amends.ledger.incident.tombstones import TombstoneLines, Tombstones
from amends.ledger.store.session import Store
from amends.ledger.store.tables import ErasedPersonRow, ForgottenRow, IncidentRow


@dataclass(frozen=True, slots=True)
class BroughtBack:
    """A person, or a kind of data, that was forgotten and is in the ledger again."""

    incident: str
    at: datetime
    """The time at which it was forgotten first."""
    person: int | None = None
    kind: DataKind | None = None


@dataclass(frozen=True, slots=True)
class FilesGone:
    """A folder of the home whose sealed files were forgotten: all of them, or those from before a time but some."""

    folder: str
    before: datetime | None = None
    """The time of the forgetting; None when the whole case was destroyed."""
    kept: frozenset[str] = frozenset()
    """The paths in the home of the files that stay, because their people are under hold or came later."""


class RestoredData:
    """The data that restored backups have brought back."""

    def __init__(
        self, store: Store, erasure: Erasure, retention: Retentions, holds: LegalHolds, tombstones: Tombstones
    ) -> None:  # fmt: skip
        self._store = store
        self._erasure = erasure
        self._retention = retention
        self._holds = holds
        self._tombstones = tombstones

    def found(self) -> tuple[BroughtBack, ...]:
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
            BroughtBack(one.incident, one.at, kind=DataKind(one.kind))
            for one in sorted(noted.kinds)
            if one.incident in readable and (one.incident, one.kind) not in done
        ]
        over = {one.incident for one in kinds if one.kind is DataKind.WHOLE_CASE}
        people = [
            BroughtBack(one.incident, one.at, person=number)
            for one in sorted(noted.erased)
            if one.incident in readable - over and (one.incident, one.person) not in erased
            if (number := self._erasure.brought_back(one.incident, one.ref)) is not None
        ]
        return (*(one for one in kinds if one.incident not in over or one.kind is DataKind.WHOLE_CASE), *people)

    def files_gone(self) -> tuple[FilesGone, ...]:
        """Return the folders of sealed files whose incident was destroyed, or whose kind of data was forgotten."""
        with self._store.read() as session:
            destroyed = session.exec(select(IncidentRow.id).where(IncidentRow.wrapped_key == b"")).all()
            done = session.exec(select(ForgottenRow.incident, ForgottenRow.kind, ForgottenRow.at)).all()
            whole = [FilesGone(folder_of(table, incident)) for table in FILES for incident in destroyed]
            parts = [
                FilesGone(folder_of(table, incident), at, frozenset(files_of(session, Whose(incident), table.kind)))
                for table in FILES
                for incident, kind, at in done
                if kind == table.kind and incident not in destroyed
            ]
        return (*whole, *parts)

    def note(self) -> None:
        """Write to the file of tombstones what the ledger knows and the file lacks, as after a crash between both."""
        with self._store.read() as session:
            noted = (self._erasure.noted, self._retention.noted, self._holds.noted)
            parts = [part(session) for part in noted]
        self._tombstones.add(TombstoneLines(*(frozenset().union(*sets) for sets in zip(*parts, strict=True))))
