"""The store on which all classes of the ledger work: transactions, their audit entries, and the seals of incidents."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from importlib import import_module
from pathlib import Path
from threading import local
from typing import Any, cast

from sqlalchemy import CursorResult, PoolProxiedConnection, bindparam
from sqlalchemy.exc import DatabaseError, IntegrityError, InterfaceError, InternalError, OperationalError
from sqlalchemy.sql.dml import UpdateBase
from sqlmodel import Session, select

from amends.domain.base.errors import (
    AlreadyInLedger,
    DataDestroyed,
    DiskFull,
    KeyMissing,
    LedgerRestored,
    LedgerUnavailable,
    NotAllowed,
    NotInLedger,
    TablesDiffer,
)
from amends.domain.incident.event_kind import DESTROYED, EventKind
from amends.domain.team.member import Member
from amends.domain.team.vote import to_act, why_not_vote
from amends.ledger.store.bulk import DriverTransaction
from amends.ledger.store.cache import Memory
from amends.ledger.store.chain import Chain, Head
from amends.ledger.store.database import (
    CHAIN_LOCK,
    SCHEMA_LOCK,
    begin,
    connect,
    disk_is_full,
    file_of,
    kept_back,
    lock_exclusive,
    lock_shared,
    place_of,
    reading,
    revision_of,
    writing,
)
from amends.ledger.store.disk_reserve import SIZE, Reserve, no_room
from amends.ledger.store.encryption import Keys, Seal
from amends.ledger.store.marker_files import MarkNotes, ReleasedNotes, missed
from amends.ledger.store.schema import schema
from amends.ledger.store.sealing import JOURNAL, SEALER, Journal, Sealer, journal_of, note_alone, seal_alone
from amends.ledger.store.sums import SUMMER, Summer, tally_of
from amends.ledger.tables.audit import KeyCheckRow
from amends.ledger.tables.incident import EventRow, IncidentRow
from amends.ledger.tables.row import Sealed

ENGINE = "amends"
"""The actor of an audit entry about an act of no person."""
ROWS_CHANGED = "rows"
"""The act of an audit entry that only says which rows have changed."""
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
STILL_READ = (
    "{what}, but the ledger is being read, so that its file {file}-wal may still hold it as it was: do the same again, "
    "if need be while `amends up` does not run"
)
PLACE = select(KeyCheckRow.place)
WRAPPED_KEY = select(IncidentRow.wrapped_key, IncidentRow.next_key).where(IncidentRow.id == bindparam("incident"))


class Transaction:
    """An open transaction that records its acts in the audit chain."""

    def __init__(self, session: Session, chain: Chain) -> None:
        self.session = session
        self._chain = chain
        self._entries: list[tuple[datetime, str, str, str, str, dict[str, object]]] = []
        self.head: Head | None = None
        """The head of the chain after the transaction; None before, and when nothing was recorded."""

    def note(
        self, now: datetime, incident: str, act: str, subject: str = "", *, actor: str = ENGINE, **detail: object
    ) -> None:
        """Add an entry to the audit chain, which is stored or dropped together with the rest of the transaction."""
        self._entries.append((now, incident, actor, act, subject, detail))

    def end(self) -> None:
        """Write the entries, the last with the rows that have changed; an entry of its own when there is no other.

        This comes last in a transaction, because from then on all others that write to the chain wait for it.
        """
        self.session.flush()
        journal = journal_of(self.session)
        if journal.notices():
            lock_exclusive(self.session.connection(), CHAIN_LOCK)  # whoever comes later counts what was settled before
        for incident, notice in journal.notices():
            journal.rows["tally", (incident, notice)] = tally_of(self.session, incident, notice)
        rows = journal.taken()
        if rows and not self._entries:
            self._entries.append((datetime.now(UTC), "", ENGINE, ROWS_CHANGED, "", {}))
        for number, entry in enumerate(self._entries, start=1):
            self.head = self._chain.add(self.session, *entry, rows if number == len(self._entries) else "")

    def change(self, statement: UpdateBase) -> int:
        """Execute an update, and return how many rows it changed."""
        return cast("CursorResult[Any]", self.session.execute(statement)).rowcount

    def add_once(self, row: Sealed) -> None:
        """Store the row unless a row with its key exists, even one that another machine has just stored."""
        dialect = import_module(f"sqlalchemy.dialects.{self.session.get_bind().dialect.name}")  # loaded already
        seal_alone(self.session, row)
        added = self.session.connection().execute(dialect.insert(type(row)).on_conflict_do_nothing(), row.model_dump())
        if added.rowcount:
            note_alone(self.session, row)

    def incident(self, incident: str) -> IncidentRow:
        """Return the incident's row, locked until the transaction ends. Raises NotInLedger, DataDestroyed."""
        return incident_row(self.session, incident, locked=True)


class Store:
    """The database of a ledger, with its keys and the files beside it."""

    def __init__(
        self, url: str, keys: Keys, anchor: Path | None = None, *, durable: bool = True, reserve: int = SIZE
    ) -> None:
        self.engine = connect(url, durable=durable)
        self.anchor = anchor
        self.path = file_of(url)
        self.reserve = Reserve(self.path, reserve)
        self.keys = keys
        self.chain = Chain(keys.audit, anchor)
        self.released_notes, self.mark_notes = ReleasedNotes(anchor), MarkNotes(anchor)
        self.sealer, self.summer = Sealer(keys), Summer(keys)
        self._info = {SEALER: self.sealer, SUMMER: self.summer}
        self.seals: dict[str, tuple[bytes, Seal]] = {}
        """The seal of each incident, with the wrapped keys from which the seal was made."""
        self.cache = Memory()
        self._of_thread = local()

    def check_key(self) -> None:
        """Raise KeyMissing when the master key is not the one with which the ledger was written."""
        with self.read() as session:
            row = session.get(KeyCheckRow, 1)
        if row is None or not (row.place or self.path):
            row = self._first_check()
        self._use(row)

    def current_keys(self, session: Session) -> Keys:
        """Return the keys as of this transaction, for what is sealed with the master key itself.

        A process that runs since before a rotation takes the new key from its file. Raises KeyMissing.
        """
        if row := session.get(KeyCheckRow, 1):
            self._use(row)
        return self.keys

    def _use(self, row: KeyCheckRow) -> None:
        """Use the master key of this check. Raises KeyMissing when neither this process nor its key file has it."""
        if row.mac != self.keys.check() and not self.keys.renew(row.mac):
            raise KeyMissing(
                "this master key is not the one that the ledger was written with; put that one in its place: "
                "keys/master.key, or the setting master_key; after a rotation, the one of the machine that rotated it"
            )

    def _first_check(self) -> KeyCheckRow:
        """Store and return what identifies the master key and the database, when the ledger is opened first."""
        with writing(self.engine, self._info) as session:
            lock_exclusive(session.connection(), SCHEMA_LOCK)
            row = session.get(KeyCheckRow, 1) or KeyCheckRow(id=1, mac=self.keys.check())
            row.place = place_of(session.connection())
            session.add(row)
        return row

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Yield a session with one consistent view of the ledger. Raises LedgerUnavailable."""
        if shared := getattr(self._of_thread, "view", None):
            yield shared
            return
        with self.errors_in_words("read"), reading(self.engine, self._info) as session:
            yield session

    @contextmanager
    def one_view(self) -> Iterator[None]:
        """Give all reads of this thread the same session until the block ends, so that they agree and cost less.

        What is written meanwhile, also by this thread, is not seen before the block ends.
        """
        with self.read() as session:
            before, self._of_thread.view = getattr(self._of_thread, "view", None), session
            try:
                yield
            finally:
                self._of_thread.view = before

    @contextmanager
    def write(self, *, exclusive: bool = False) -> Iterator[Transaction]:
        """Yield one transaction. Raises AlreadyInLedger when a key would be stored twice, LedgerUnavailable.

        An `exclusive` one begins when all others that write have ended, and they wait for its end. Raises
        TablesDiffer when the ledger has got the tables of another Amends since it was opened.
        """
        with self.errors_in_words("written"), writing(self.engine, self._info | {JOURNAL: Journal()}) as session:
            (lock_exclusive if exclusive else lock_shared)(session.connection(), SCHEMA_LOCK)
            refuse_other_tables(revision_of(session.connection()))
            write = Transaction(session, self.chain)
            yield write
            write.end()
            to_keep = None if write.head is None or self.chain.is_behind(session) else write.head
        if to_keep:
            self.chain.keep(to_keep)

    @contextmanager
    def driver_write(self) -> Iterator[DriverTransaction]:
        """Yield one transaction on the database driver itself. Raises AlreadyInLedger, LedgerUnavailable."""
        with self.errors_in_words("written"), self.raw() as raw:
            begin(raw.driver_connection)
            yield DriverTransaction(raw.cursor(), postgresql=self.engine.dialect.name == "postgresql")
            raw.commit()

    @contextmanager
    def raw(self) -> Iterator[PoolProxiedConnection]:
        """Yield the driver's connection; changes that were not committed on it are rolled back."""
        raw = self.engine.raw_connection()
        try:
            yield raw
        except self._unavailable:
            if self.path is None:  # the server may have ended this connection, and all others
                raw.invalidate()
                self.engine.dispose()
            raise
        finally:
            raw.close()

    @cached_property
    def _unavailable(self) -> tuple[type[Exception], ...]:
        """Return the errors by which a database reports that it is unavailable.

        An InternalError comes from a server that has ended an idle transaction or is read-only.
        """
        driver = self.engine.dialect.loaded_dbapi
        ours = (OperationalError, InterfaceError, InternalError)
        return (*ours, driver.OperationalError, driver.InterfaceError, driver.InternalError)

    @contextmanager
    def errors_in_words(self, tried: str) -> Iterator[None]:
        """Raise the database's errors as Amends' own, without a statement's values, which may be personal data."""
        try:
            yield
        except (IntegrityError, self.engine.dialect.loaded_dbapi.IntegrityError) as error:
            raise AlreadyInLedger(f"the ledger refuses this: {_cause(error)}") from None
        except (DatabaseError, InterfaceError, self.engine.dialect.loaded_dbapi.Error) as error:
            cause = getattr(error, "orig", error)
            if not isinstance(error, self._unavailable) and type(cause) is not sqlite3.DatabaseError:
                raise  # a bug in Amends; sqlite3.DatabaseError itself, of no subclass, means a damaged file
            if disk_is_full(cause):
                raise DiskFull(no_room(self.reserve.size)) from None
            said = str(cause).partition(" with text ")[0]  # after it SQLite quotes the unreadable value
            then = f"; {DAMAGED}" if type(cause) is sqlite3.DatabaseError else ""
            raise LedgerUnavailable(f"{self._name} cannot be {tried}: {said}{then}") from None

    @property
    def _name(self) -> str:
        return f"the ledger {self.path}" if self.path else "the ledger"  # a server's address holds its password

    def check_writable(self) -> None:
        """Check, without writing, that the ledger can be written. Raises LedgerUnavailable, DiskFull."""
        if self.path and not os.access(self.path, os.W_OK):
            raise LedgerUnavailable("the ledger cannot be written: it is read-only")
        if not self.reserve.has_room:
            raise DiskFull(no_room(self.reserve.size))

    def seal(self, session: Session, incident: str) -> Seal:
        """Return the seal of this incident's personal data. Raises NotInLedger, DataDestroyed, KeyMissing.

        A seal made before is not reused once its key was destroyed, perhaps from another machine, or once the incident
        was opened again, with another key, after a backup was restored.
        """
        wrapped, next_key = session.exec(WRAPPED_KEY, params={"incident": incident}).first() or (b"", b"")
        if not wrapped:
            _refuse_destroyed(session, incident_row(session, incident))
        known = self.seals.get(incident)
        if known is None or known[0] != wrapped + next_key:
            known = self.seals[incident] = wrapped + next_key, self._made_seal(session, incident, wrapped, next_key)
        return known[1]

    def _made_seal(self, session: Session, incident: str, wrapped: bytes, next_key: bytes) -> Seal:
        try:
            return self.keys.seal_for(incident, wrapped, next_key)
        except KeyMissing:  # the master key was rotated while this process ran
            return self.current_keys(session).seal_for(incident, wrapped, next_key)

    def kept_back(self) -> int:
        """Return how many commits wait because the server's synchronous standby does not answer; 0 for a file."""
        with self.read() as session:
            return kept_back(session.connection())

    def refuse_if_restored(self, session: Session) -> None:
        """Raise LedgerRestored when the ledger is an older copy, which does not hold all messages that were sent.

        A caller checks this before its first write. Otherwise the head of the audit chain is written to the anchor, so
        that this machine can tell an older copy later.
        """
        if why := self.doubt_in(session):
            raise LedgerRestored(f"{why}: {THEN}")
        self._keep_newest(session)

    def doubt(self) -> str:
        """Return why the ledger may lack sent messages, as after a restore from a backup; empty without evidence."""
        with self.read() as session:
            return self.doubt_in(session)

    def doubt_in(self, session: Session) -> str:
        """Return the same as `doubt`; call this before anything else is read in the session.

        Otherwise marks that are made meanwhile would seem to be missing.
        """
        # The files beside the ledger are read first, so that marks that are added meanwhile do not seem to be missing.
        noted, behind = self.mark_notes.all(), self.chain.is_behind(session)
        if self._is_elsewhere(session):
            return COPIED
        lacking = missed(session, noted)
        if behind or lacking.marks:
            return OLDER
        self.mark_notes.drop(lacking.leases)
        return ""

    def note_newest(self) -> None:
        """Write the head of the chain to the anchor, so that this machine can tell an older copy; skip such a copy."""
        with self.read() as session:
            if not self.doubt_in(session):
                self._keep_newest(session)

    def _keep_newest(self, session: Session) -> None:
        if newest := self.chain.newest(session):
            self.chain.keep(newest)

    def _is_elsewhere(self, session: Session) -> bool:
        """Return True when the ledger is in another database than it was written in; every machine can tell that."""
        place = session.exec(PLACE).first()
        return place not in (None, "", place_of(session.connection()))

    def stays_here(self, session: Session) -> None:
        """Record the present database as the ledger's own, once the ledger was compared with the sent messages."""
        if row := session.get(KeyCheckRow, 1):
            row.place = place_of(session.connection())

    def leave_no_old_pages(self, what: str) -> None:
        """Truncate SQLite's log, which holds old pages with what was deleted. Raises LedgerUnavailable.

        `what` says in words what was done, for the error. Old row versions on PostgreSQL are left to its VACUUM, and to
        the rotation of its backups.
        """
        if self.path is None:
            return
        with self.errors_in_words("written"), self.raw() as raw:
            busy, *_ = raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise LedgerUnavailable(STILL_READ.format(what=what, file=self.path))
        with suppress(FileNotFoundError), self.path.with_name(f"{self.path.name}-wal").open("rb") as log:
            os.fsync(log.fileno())  # SQLite truncates without fsync, so a power cut would bring the old pages back

    def dispose(self) -> None:
        """Close all connections to the database."""
        self.engine.dispose()


def refuse_other_tables(revision: str) -> None:
    """Raise TablesDiffer for tables other than this program's; an empty revision stands for none."""
    if revision and revision != schema():
        raise TablesDiffer(
            f"the ledger was written by another Amends: its tables are {revision}, and this one knows {schema()}; "
            "install that one here, and start again"
        )


def _cause(error: Exception) -> str:
    return type(getattr(error, "orig", error)).__name__


def must_approve(by: Member, what: str = "decide this") -> None:
    """Raise NotAllowed for a member whose role may not approve, and who therefore may not do this either."""
    if refusal := why_not_vote(by, to_act(what)):
        raise NotAllowed(refusal)


def incident_row(session: Session, incident: str, *, locked: bool = False) -> IncidentRow:
    """Return the incident's row; `locked`, for a change, until the transaction ends.

    Raises NotInLedger, and DataDestroyed when an incident would be changed after its data was destroyed.
    """
    row = session.get(IncidentRow, incident, with_for_update={"key_share": True} if locked else None)
    if row is None:
        raise NotInLedger(f"no incident {incident} in this ledger; `amends incident list` shows those that are")
    if locked:
        _refuse_destroyed(session, row)
    return row


def _refuse_destroyed(session: Session, row: IncidentRow) -> None:
    """Raise DataDestroyed for an incident whose data key was destroyed."""
    if row.wrapped_key:
        return
    event = session.get(EventRow, (row.id, EventKind.EVENT, DESTROYED))
    when = f" on {event.at:%Y-%m-%d}" if event else ""
    raise DataDestroyed(
        f"the personal data of incident {row.id} was destroyed{when}: nobody of it can be read, found or written to "
        "any more, and nothing of it changes; its counts, its times and its audit chain are there"
    )
