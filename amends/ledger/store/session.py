"""What all verbs of the ledger stand on: one transaction, its audit entries, and the seal of an incident."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from sqlalchemy import CursorResult, PoolProxiedConnection, bindparam
from sqlalchemy.exc import DatabaseError, IntegrityError, InterfaceError, InternalError, OperationalError
from sqlalchemy.sql.dml import UpdateBase
from sqlmodel import Session, SQLModel, select

from amends.domain.base.errors import (
    AlreadyInLedger,
    DataDestroyed,
    DiskFull,
    KeyMissing,
    LedgerNewer,
    LedgerRestored,
    LedgerUnavailable,
    NotAllowed,
    NotInLedger,
)
from amends.domain.case.case import DESTROYED, EventKind
from amends.domain.team.member import Member
from amends.ledger.store.bulk import Swift
from amends.ledger.store.cache import Memory
from amends.ledger.store.chain import Chain, Head
from amends.ledger.store.database import (
    SCHEMA_LOCK,
    alone,
    begin,
    connect,
    disk_is_full,
    file_of,
    kept_back,
    place_of,
    reading,
    revision_of,
    together,
    writing,
)
from amends.ledger.store.disk_reserve import Reserve, no_room
from amends.ledger.store.encryption import Keys, Seal
from amends.ledger.store.marker_files import MarkNotes, ReleasedNotes, missed
from amends.ledger.store.tables import SCHEMA, EventRow, IncidentRow, KeyCheckRow

ENGINE = "amends"
"""The actor of what no person did."""
DAMAGED = "it is damaged: keep a copy of it, and restore a backup, as docs/operations.md says under `Restore a backup`"
OLDER = "this ledger is older than what was noted beside it, as after a backup was restored"
COPIED = (
    "this ledger is not in the database that it was written in: it was restored or moved, or its server took over from "
    "another, so it may lack what left last"
)
THEN = (
    "nothing is sent before `amends reconcile --log FILE --as NAME` has compared it with the relay's log, or somebody "
    "has said that nothing is lost; docs/operations.md has both, under `Restore a backup` and `When another database "
    "server takes over`"
)


PLACE = select(KeyCheckRow.place)
WRAPPED_KEY = select(IncidentRow.wrapped_key).where(IncidentRow.id == bindparam("incident"))


class Write:
    """An open transaction that notes its acts in the audit chain as it goes."""

    def __init__(self, session: Session, chain: Chain) -> None:
        self.session = session
        self._chain = chain
        self.head: Head | None = None

    def note(
        self, now: datetime, incident: str, act: str, subject: str = "", *, actor: str = ENGINE, **detail: object
    ) -> None:
        """Add to the audit chain; kept or dropped together with the rest of the transaction."""
        self.head = self._chain.add(self.session, now, incident, actor, act, subject, detail)

    def change(self, statement: UpdateBase) -> int:
        """Carry out an update; how many rows it changed."""
        return cast("CursorResult[Any]", self.session.execute(statement)).rowcount

    def add_once(self, row: SQLModel) -> None:
        """Store it, unless a row with this key is there, be it since just now and from another machine."""
        dialect = import_module(f"sqlalchemy.dialects.{self.session.get_bind().dialect.name}")  # in use, so loaded
        self.session.connection().execute(dialect.insert(type(row)).on_conflict_do_nothing(), row.model_dump())

    def incident(self, incident: str) -> IncidentRow:
        """The incident's row, locked until the transaction ends. Raises NotInLedger, DataDestroyed."""
        return incident_row(self.session, incident, locked=True)


class Store:
    """A ledger database with the keys to it."""

    def __init__(self, url: str, keys: Keys, anchor: Path | None = None, *, durable: bool = True) -> None:
        self.engine = connect(url, durable=durable)
        self.anchor = anchor
        self.path = file_of(url)
        self.reserve = Reserve(self.path)
        self.keys = keys
        self.chain = Chain(keys.audit, anchor)
        self.released_notes, self.mark_notes = ReleasedNotes(anchor), MarkNotes(anchor)
        self.seals: dict[str, tuple[bytes, Seal]] = {}
        """Each with the wrapped key that it was made of."""
        self.cache = Memory()

    def check_key(self) -> None:
        """Refuse to work with another master key than the ledger's own. Raises KeyMissing."""
        with self.read() as session:
            row = session.get(KeyCheckRow, 1)
        if row is None or not (row.place or self.path):
            row = self._first_check()
        if row.mac != self.keys.check():
            raise KeyMissing(
                "this master key is not the one that the ledger was written with; put that one in its place: "
                "keys/master.key, or the setting master_key"
            )

    def _first_check(self) -> KeyCheckRow:
        """What tells the key, and where the ledger is, is stored by whoever opens it first."""
        with writing(self.engine) as session:
            alone(session.connection(), SCHEMA_LOCK)
            row = session.get(KeyCheckRow, 1) or KeyCheckRow(id=1, mac=self.keys.check())
            row.place = place_of(session.connection())
            session.add(row)
        return row

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One consistent view of the ledger. Raises LedgerUnavailable."""
        with self.errors_in_words("read"), reading(self.engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Write]:
        """One transaction. Raises AlreadyInLedger when it would store a key twice, LedgerUnavailable.

        The tables may have become those of a newer Amends since they were opened here.
        """
        with self.errors_in_words("written"), writing(self.engine) as session:
            together(session.connection(), SCHEMA_LOCK)
            refuse_newer(revision_of(session.connection()))
            write = Write(session, self.chain)
            yield write
            to_keep = None if write.head is None or self.chain.is_behind(session) else write.head
        if to_keep:
            self.chain.keep(to_keep)

    @contextmanager
    def swift_write(self) -> Iterator[Swift]:
        """One transaction on the driver itself. Raises as `write` does."""
        with self.errors_in_words("written"), self.raw() as raw:
            begin(raw.driver_connection)
            yield Swift(raw.cursor(), postgresql=self.engine.dialect.name == "postgresql")
            raw.commit()

    @contextmanager
    def raw(self) -> Iterator[PoolProxiedConnection]:
        """The driver's connection. What was not committed on it is taken back."""
        raw = self.engine.raw_connection()
        try:
            yield raw
        except self._unavailable:
            if self.path is None:  # the server may have ended it, and all others
                raw.invalidate()
                self.engine.dispose()
            raise
        finally:
            raw.close()

    @cached_property
    def _unavailable(self) -> tuple[type[Exception], ...]:
        """How a database says that it cannot do it now; an InternalError is a server that idled or only reads."""
        driver = self.engine.dialect.loaded_dbapi
        ours = (OperationalError, InterfaceError, InternalError)
        return (*ours, driver.OperationalError, driver.InterfaceError, driver.InternalError)

    @contextmanager
    def errors_in_words(self, tried: str) -> Iterator[None]:
        """The database's errors in our words; the values of a statement are personal data, so they are not in them."""
        try:
            yield
        except (IntegrityError, self.engine.dialect.loaded_dbapi.IntegrityError) as error:
            raise AlreadyInLedger(f"the ledger refuses this: {_cause(error)}") from None
        except (DatabaseError, InterfaceError, self.engine.dialect.loaded_dbapi.Error) as error:
            cause = getattr(error, "orig", error)
            if not isinstance(error, self._unavailable) and type(cause) is not sqlite3.DatabaseError:
                raise  # a fault of ours; that very type is a file that is damaged
            if disk_is_full(cause):
                raise DiskFull(no_room()) from None
            said = str(cause).partition(" with text ")[0]  # behind which SQLite shows what it could not read
            then = f"; {DAMAGED}" if type(cause) is sqlite3.DatabaseError else ""
            raise LedgerUnavailable(f"{self._called} cannot be {tried}: {said}{then}") from None

    @property
    def _called(self) -> str:
        return f"the ledger {self.path}" if self.path else "the ledger"  # a server's address holds its password

    def check_writable(self) -> None:
        """Look, without writing, whether it could be written. Raises LedgerUnavailable."""
        if self.path and not os.access(self.path, os.W_OK):
            raise LedgerUnavailable("the ledger cannot be written: it is read-only")
        if not self.reserve.has_room:
            raise DiskFull(no_room())

    def seal(self, session: Session, incident: str) -> Seal:
        """The seal that this incident's personal data is written with. Raises NotInLedger, DataDestroyed, KeyMissing.

        Also one that is known here is not used any more once its key was destroyed, perhaps from another machine, or
        when the incident was opened again, with another key, after a backup was restored.
        """
        wrapped = session.exec(WRAPPED_KEY, params={"incident": incident}).first() or b""
        if not wrapped:
            _refuse_destroyed(session, incident_row(session, incident))
        known = self.seals.get(incident)
        if known is None or known[0] != wrapped:
            known = self.seals[incident] = wrapped, self.keys.seal_for(incident, wrapped)
        return known[1]

    def kept_back(self) -> int:
        """How many commits the ledger's server keeps back, because its synchronous standby does not answer."""
        with self.read() as session:
            return kept_back(session.connection())

    def refuse_if_restored(self, session: Session) -> None:
        """Raises LedgerRestored when this is an older copy of the ledger: it does not know what has left since.

        To be asked before anything is written. What is found is noted, so that this machine misses it in an older copy.
        """
        if why := self.doubt_in(session):
            raise LedgerRestored(f"{why}: {THEN}")
        self._keep_newest(session)

    def doubt(self) -> str:
        """Why it may lack what has left, as after a backup was restored; empty when nothing says so."""
        with self.read() as session:
            return self.doubt_in(session)

    def doubt_in(self, session: Session) -> str:
        """The same; to be asked before anything else is read, or what is marked meanwhile seems to be missing."""
        # What is noted beside the ledger is read before it, so that what is added meanwhile is not missing.
        noted, behind = self.mark_notes.all(), self.chain.is_behind(session)
        if self._is_elsewhere(session):
            return COPIED
        lacking = missed(session, noted)
        if behind or lacking.marks:
            return OLDER
        self.mark_notes.drop(lacking.leases)
        return ""

    def note_newest(self) -> None:
        """Note the end of the chain, so that this machine misses it in an older copy; not of what is one itself."""
        with self.read() as session:
            if not self.doubt_in(session):
                self._keep_newest(session)

    def _keep_newest(self, session: Session) -> None:
        if newest := self.chain.newest(session):
            self.chain.keep(newest)

    def _is_elsewhere(self, session: Session) -> bool:
        """Whether it is in another database than it was written in; every machine knows such a copy."""
        place = session.exec(PLACE).first()
        return place not in (None, "", place_of(session.connection()))

    def stays_here(self, session: Session) -> None:
        """It was compared with what has left: where it is now is its place."""
        if row := session.get(KeyCheckRow, 1):
            row.place = place_of(session.connection())

    def dispose(self) -> None:
        """Give back the connections."""
        self.engine.dispose()


def refuse_newer(revision: str) -> None:
    """Raises LedgerNewer for tables that are not known here."""
    if revision > SCHEMA:
        raise LedgerNewer(
            f"the ledger was written by a newer Amends: its tables are {revision}, and this one knows those up to "
            f"{SCHEMA}; install the newer one here, and start again"
        )


def _cause(error: Exception) -> str:
    return type(getattr(error, "orig", error)).__name__


def must_approve(by: Member, what: str = "decide this") -> None:
    """Raises NotAllowed for a member whose role may not approve, and so may not do this either."""
    if not by.role.may_approve:
        raise NotAllowed(f"{by.name} may not {what}: it needs a role that may approve")


def incident_row(session: Session, incident: str, *, locked: bool = False) -> IncidentRow:
    """The incident's row, if need be locked until the transaction ends, to change something of it.

    Raises NotInLedger, and DataDestroyed for one that is to be changed after its data was destroyed.
    """
    row = session.get(IncidentRow, incident, with_for_update={"key_share": True} if locked else None)
    if row is None:
        raise NotInLedger(f"no incident {incident} in this ledger; `amends incident list` shows those that are")
    if locked:
        _refuse_destroyed(session, row)
    return row


def _refuse_destroyed(session: Session, row: IncidentRow) -> None:
    """Raises DataDestroyed."""
    if row.wrapped_key:
        return
    event = session.get(EventRow, (row.id, EventKind.EVENT, DESTROYED))
    when = f" on {event.at:%Y-%m-%d}" if event else ""
    raise DataDestroyed(
        f"the personal data of incident {row.id} was destroyed{when}: nobody of it can be read, found or written to "
        "any more, and nothing of it changes; its counts, its times and its audit chain are there"
    )
