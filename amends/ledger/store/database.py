"""Connections that keep what was committed, on SQLite and PostgreSQL alike."""

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, create_engine, event, make_url
from sqlalchemy.exc import DisconnectionError, NotSupportedError, ProgrammingError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session

from amends.domain.base.errors import DiskFull, LedgerUnavailable
from amends.ledger.store.disk_reserve import no_room

BUSY_SECONDS = 15
"""So long is waited for others who write."""
NO_IDLING = "-c idle_in_transaction_session_timeout=60000"
"""A worker that was halted in the middle of a transaction does not hold up the others for longer than a minute."""
ON_DISK = "-c synchronous_commit=on"
"""Whatever the server is set to: a mark that a crash of the server takes back is a message that leaves twice."""
DEAD_LINE = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""A server that is gone without a word is missed within half a minute; by itself the system waits for two hours."""
FRESH_SECONDS = 1.0
"""A connection that was in use so lately is still one."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.0002, 0.01

MUST_WRITE = "whoever reads it must be able to write it, its folder, and the files -wal and -shm beside it"

PRAGMAS = (
    *("synchronous=FULL", "fullfsync=ON", "checkpoint_fullfsync=ON"),
    *("foreign_keys=ON", "secure_delete=ON", "cache_size=-4000", "wal_autocheckpoint=1000"),
)
"""Every commit on disk, also on macOS, where an fsync alone leaves it in the drive's own memory; what was replaced or
deleted stands in the file no more, least of all a key that was destroyed; 4 MB of pages in memory; a log that is used
again after 4 MB, because a file that grows takes twice as long to reach the disk."""

CHAIN_LOCK, SCHEMA_LOCK = 7_036_373, 7_036_374
"""Any numbers; they name PostgreSQL's advisory locks around the audit chain and around the tables themselves."""


def connect(url: str, *, durable: bool = True) -> Engine:
    """An engine for this ledger; on SQLite in WAL mode, every commit on disk before it returns.

    Its errors do not show the values of a statement, which may be personal data.
    """
    file = file_of(url)
    if file is None:
        server = create_engine(
            url,
            hide_parameters=True,
            connect_args={**DEAD_LINE, "options": f"{NO_IDLING} {ON_DISK} -c lock_timeout={BUSY_SECONDS * 1000:.0f}"},
        )
        event.listen(server, "checkin", _note_use)
        event.listen(server, "checkout", partial(_ask_when_idle, server.dialect))
        return server
    _private_file(file)
    connect_args = {"timeout": BUSY_SECONDS, "check_same_thread": False}
    engine = create_engine(url, connect_args=connect_args, hide_parameters=True)
    event.listen(engine, "connect", partial(_prepare_sqlite, file))
    event.listen(engine, "begin", _begin_sqlite)
    if not durable:
        event.listen(engine, "connect", _without_waiting_for_the_disk)
    return engine


def _without_waiting_for_the_disk(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")


def _note_use(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["used"] = time.monotonic()


def _ask_when_idle(dialect: Dialect, connection: Any, record: ConnectionPoolEntry, _: Any) -> None:
    """Replace a connection that the server has ended. To ask before each of many commits would cost as much as one."""
    if time.monotonic() - record.info.get("used", time.monotonic()) < FRESH_SECONDS:
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        raise DisconnectionError from error


def file_of(url: str) -> Path | None:
    """The file that the ledger is in, where it really lies; None when it is on a server."""
    parsed = make_url(url)
    return Path(parsed.database or "").resolve() if parsed.get_backend_name() == "sqlite" else None


def disk_is_full(error: object) -> bool:
    """Whether this is how SQLite's driver says so."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def _private_file(path: Path) -> None:
    """Made before SQLite makes it, because SQLite would let others read it; WAL and journal take over its mode."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise LedgerUnavailable(f"the ledger {path} cannot be opened: {error.strerror}") from error


def _prepare_sqlite(file: Path, connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see below
    cursor = connection.cursor()
    _turn_to_wal(cursor, file)
    for pragma in (*PRAGMAS, f"busy_timeout={BUSY_SECONDS * 1000}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _turn_to_wal(cursor: sqlite3.Cursor, file: Path) -> None:
    """Raises LedgerUnavailable when SQLite cannot open its files, such as in a folder that it may not write."""
    # Two who open a new file at once lock each other out for a moment, and only here SQLite does not wait by itself.
    latest = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if disk_is_full(error) or (_others_are_in_the_way(error) and time.monotonic() > latest):
                raise
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_IOERR and not shutil.disk_usage(file.parent).free:
                raise DiskFull(no_room()) from None
            if not _others_are_in_the_way(error):
                raise LedgerUnavailable(f"the ledger {file} cannot be opened: {error}; {MUST_WRITE}") from None
            time.sleep(0.02)


def _others_are_in_the_way(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later can fail when it wants to write; one that will write says so.
    if not connection.get_execution_options().get("writes", False):
        connection.exec_driver_sql("BEGIN")
        return
    begin(connection.connection.driver_connection)


def begin(database: object) -> None:
    """Begin a transaction that writes, on the driver's own connection; PostgreSQL's begins with its first statement."""
    if isinstance(database, sqlite3.Connection):
        _wait_for_turn(database)


def _wait_for_turn(database: sqlite3.Connection) -> None:
    """Begin to write as soon as nobody else does. Raises sqlite3.OperationalError after BUSY_SECONDS.

    SQLite itself waits a whole millisecond and then longer and longer, while another commit takes a third of one.
    """
    latest, pause = time.monotonic() + BUSY_SECONDS, SHORTEST_PAUSE
    database.execute("PRAGMA busy_timeout=0")
    try:
        while True:
            try:
                database.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > latest:
                    raise
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)
    finally:
        database.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")


def alone(connection: Connection, lock: int) -> None:
    """Wait until no other transaction has passed here with the same lock; SQLite's write transactions are alone anyway.

    It holds until the transaction ends.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({lock})")


def together(connection: Connection, lock: int) -> None:
    """Let others pass here with the same lock, but nobody who is alone with it; until the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock_shared({lock})")


def revision_of(connection: Connection) -> str:
    """The last migration of the tables; empty when there was none."""
    return str(connection.exec_driver_sql("SELECT version_num FROM amends_schema").scalar() or "")


SERVER = """
SELECT concat_ws(' ', (SELECT system_identifier FROM pg_control_system()),
                 (SELECT oid FROM pg_database WHERE datname = current_database()))
"""
"""PostgreSQL's names for a server's data and for a database."""
TIMELINE = "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)"
"""Another one after each recovery to a time and each fail-over."""
TABLE = "SELECT to_regclass('key_check')::oid"
"""A table is made anew when a dump is restored, be it under those who are at work."""
NOT_TOLD = "?"


def place_of(connection: Connection) -> str:
    """Which database this is; a copy that was restored is another one. Empty for a file, which is like its copies."""
    if connection.dialect.name != "postgresql":
        return ""
    if "server" not in connection.info:  # it stays as long as the connection does
        connection.info["server"] = f"{_told(connection, SERVER)} {_told(connection, TIMELINE)}"
    return f"{connection.info['server']} {connection.exec_driver_sql(TABLE).scalar_one()}"


KEPT_BACK = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event = 'SyncRep' AND query_start < clock_timestamp() - interval '5 seconds'
"""
"""Commits that wait for a synchronous standby for longer than any does that one answers."""


def kept_back(connection: Connection) -> int:
    """How many commits the server keeps back because its synchronous standby is silent; none for a file."""
    told = _told(connection, KEPT_BACK) if connection.dialect.name == "postgresql" else NOT_TOLD
    return 0 if told == NOT_TOLD else int(told)


def _told(connection: Connection, query: str) -> str:
    """The answer, or NOT_TOLD where a provider's own PostgreSQL has none."""
    try:
        with connection.begin_nested():
            return str(connection.exec_driver_sql(query).scalar_one())
    except (NotSupportedError, ProgrammingError):
        return NOT_TOLD


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """One consistent view; nothing is kept."""
    options = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with Session(engine.execution_options(**options)) as session:
        yield session


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """All of it is kept, or nothing."""
    with Session(engine.execution_options(writes=True), expire_on_commit=False) as session:
        yield session
        session.commit()
