"""Connections to the ledger's database, SQLite or PostgreSQL, on which a commit survives a crash."""

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, create_engine, event, make_url
from sqlalchemy.exc import DisconnectionError, NotSupportedError, ProgrammingError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import LRUCache
from sqlmodel import Session

from amends.domain.base.errors import DiskFull, LedgerUnavailable
from amends.ledger.store.disk_reserve import no_room

BUSY_SECONDS = 15
"""The time for which a transaction waits for others that write."""
NO_IDLING = "-c idle_in_transaction_session_timeout=60000"
"""The server ends an idle transaction after a minute, so that a halted worker delays the others no longer than that."""
ON_DISK = "-c synchronous_commit=on"
"""Overrides the server's setting: if a crash of the server undid a commit mark, its message would be sent twice."""
DEAD_LINE = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""A silent loss of the server is noticed within half a minute; by default the system waits for two hours."""
FRESH_SECONDS = 1.0
"""A connection that was used within this time is taken to be alive without a ping."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.0002, 0.01

MUST_WRITE = "whoever reads it must be able to write it, its folder, and the files -wal and -shm beside it"

PRAGMAS = (
    *("synchronous=FULL", "fullfsync=ON", "checkpoint_fullfsync=ON"),
    *("foreign_keys=ON", "secure_delete=ON", "cache_size=-4000", "wal_autocheckpoint=1000"),
)
"""SQLite's settings. Every commit is on disk, also on macOS, where an fsync alone leaves it in the drive's own memory.
Replaced and deleted content is overwritten in the file, above all a key that was destroyed. The cache has 4 MB.
The log is reused after 4 MB, because a file that grows takes twice as long to reach the disk."""
CHAIN_LOCK, SCHEMA_LOCK = 7_036_373, 7_036_374
"""Arbitrary numbers that name PostgreSQL's advisory locks around the audit chain and around the tables themselves."""
SERVER = """
SELECT concat_ws(' ', (SELECT system_identifier FROM pg_control_system()),
                 (SELECT oid FROM pg_database WHERE datname = current_database()))
"""
"""PostgreSQL's identifiers of a server's data and of a database."""
TIMELINE = "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)"
"""PostgreSQL's timeline, which changes at each point-in-time recovery and at each failover."""
TABLE = "SELECT to_regclass('key_check')::oid"
"""PostgreSQL's identifier of a table, which changes when a dump is restored, even under running processes."""
KEPT_BACK = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event = 'SyncRep' AND query_start < clock_timestamp() - interval '5 seconds'
"""
"""Commits that have waited for a synchronous standby longer than any commit waits for a standby that answers."""
NO_ANSWER = "?"
SQL_FEATURES = ("server_version_info", "default_schema_name", "paramstyle", "_backslash_escapes")
"""The attributes of a dialect that differ between two servers, or two connections, and change the SQL for them."""


class CompiledStatements(LRUCache[Any, Any]):
    """The compiled statements of all ledgers of a process; safe for use by several threads.

    SQLAlchemy's key begins with the dialect object, and each engine has one of its own. Here the key begins with what
    the dialect makes of a statement: its class, and the features that it found in the database's version.
    """

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_by_features(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(_by_features(key), compiled)


def _by_features(key: Any) -> Any:
    dialect, *rest = key
    features = (getattr(dialect, name, None) for name in SQL_FEATURES)
    return (type(dialect), *features, *rest)


SHARED = {"compiled_cache": CompiledStatements(2000)}
"""The options of every engine."""


def connect(url: str, *, durable: bool = True) -> Engine:
    """Return an engine for this ledger; on SQLite in WAL mode, with every commit on disk before the commit returns.

    The engine's errors do not show the values of a statement, which may be personal data.
    """
    file = file_of(url)
    if file is None:
        server = create_engine(
            url,
            hide_parameters=True,
            execution_options=SHARED,
            connect_args={**DEAD_LINE, "options": f"{NO_IDLING} {ON_DISK} -c lock_timeout={BUSY_SECONDS * 1000:.0f}"},
        )
        event.listen(server, "checkin", _note_use)
        event.listen(server, "checkout", partial(_ping_when_idle, server.dialect))
        return server
    _create_private(file)
    connect_args = {"timeout": BUSY_SECONDS, "check_same_thread": False}
    engine = create_engine(url, connect_args=connect_args, hide_parameters=True, execution_options=SHARED)
    event.listen(engine, "connect", partial(_prepare_sqlite, file))
    event.listen(engine, "begin", _begin_sqlite)
    if not durable:
        event.listen(engine, "connect", _without_fsync)
    return engine


def _without_fsync(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")


def _note_use(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["used"] = time.monotonic()


def _ping_when_idle(dialect: Dialect, connection: Any, record: ConnectionPoolEntry, _: Any) -> None:
    """Replace a connection that the server has ended.

    Only an idle connection is pinged: a ping before each of many commits would take as long as a commit.
    """
    if time.monotonic() - record.info.get("used", time.monotonic()) < FRESH_SECONDS:
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        raise DisconnectionError from error


def file_of(url: str) -> Path | None:
    """Return the real path of the ledger's file, or None for a ledger on a server."""
    return named.resolve() if (named := named_file(url)) else None


def named_file(url: str) -> Path | None:
    """Return the path of the ledger's file as the URL names it, links included, or None for a ledger on a server."""
    parsed = make_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def disk_is_full(error: object) -> bool:
    """Return True when SQLite's driver reports with this error that the disk is full."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def _create_private(path: Path) -> None:
    """Create the ledger's file before SQLite does, because SQLite would let others read it.

    SQLite gives the mode of the file to its WAL and its journal. Raises LedgerUnavailable.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise LedgerUnavailable(f"the ledger {path} cannot be opened: {error.strerror}") from error


def _prepare_sqlite(file: Path, connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # _begin_sqlite executes BEGIN itself
    cursor = connection.cursor()
    _switch_to_wal(cursor, file)
    for pragma in (*PRAGMAS, f"busy_timeout={BUSY_SECONDS * 1000}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _switch_to_wal(cursor: sqlite3.Cursor, file: Path) -> None:
    """Switch to WAL mode. Raises LedgerUnavailable when SQLite cannot open its files, as in a read-only folder."""
    # Two processes that open a new file at once lock each other out briefly; only here SQLite does not wait by itself.
    latest = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if disk_is_full(error) or (_is_locked(error) and time.monotonic() > latest):
                raise
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_IOERR and not shutil.disk_usage(file.parent).free:
                raise DiskFull(no_room()) from None
            if not _is_locked(error):
                raise LedgerUnavailable(f"the ledger {file} cannot be opened: {error}; {MUST_WRITE}") from None
            time.sleep(0.02)


def _is_locked(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later can fail at its first write, so it must declare that it writes.
    if not connection.get_execution_options().get("writes", False):
        connection.exec_driver_sql("BEGIN")
        return
    begin(connection.connection.driver_connection)


def begin(database: object) -> None:
    """Begin a transaction that writes, on the driver's own connection.

    On PostgreSQL nothing is executed: there a transaction begins with its first statement.
    """
    if isinstance(database, sqlite3.Connection):
        _begin_immediate(database)


def _begin_immediate(database: sqlite3.Connection) -> None:
    """Begin to write as soon as no other transaction does. Raises sqlite3.OperationalError after BUSY_SECONDS.

    SQLite's own wait begins with a whole millisecond and grows, while another commit takes a third of a millisecond.
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


def lock_exclusive(connection: Connection, lock: int) -> None:
    """Take an exclusive lock, on PostgreSQL, until the transaction ends; wait for all others that hold the lock.

    On SQLite only one transaction writes at a time anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({lock})")


def lock_shared(connection: Connection, lock: int) -> None:
    """Share a lock, on PostgreSQL, with other callers until the transaction ends; a caller of `alone` excludes them."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock_shared({lock})")


def revision_of(connection: Connection) -> str:
    """Return the identifier of the tables, as `schema` in tables.py gives it; empty when there is none."""
    return str(connection.exec_driver_sql("SELECT version_num FROM amends_schema").scalar() or "")


def place_of(connection: Connection) -> str:
    """Return an identifier of the database that no restored copy shares; empty for a file, whose copies look alike."""
    if connection.dialect.name != "postgresql":
        return ""
    if "server" not in connection.info:  # a connection never changes its server
        connection.info["server"] = f"{_answer(connection, SERVER)} {_answer(connection, TIMELINE)}"
    return f"{connection.info['server']} {connection.exec_driver_sql(TABLE).scalar_one()}"


def kept_back(connection: Connection) -> int:
    """Return how many commits wait because the server's synchronous standby is silent; 0 for a file."""
    answer = _answer(connection, KEPT_BACK) if connection.dialect.name == "postgresql" else NO_ANSWER
    return 0 if answer == NO_ANSWER else int(answer)


def _answer(connection: Connection, query: str) -> str:
    """Return the query's one value, or NO_ANSWER where a hosting provider's PostgreSQL does not allow the query."""
    try:
        with connection.begin_nested():
            return str(connection.exec_driver_sql(query).scalar_one())
    except (NotSupportedError, ProgrammingError):
        return NO_ANSWER


@contextmanager
def reading(engine: Engine, info: Mapping[str, Any]) -> Iterator[Session]:
    """Yield a session with one consistent view of the database; changes are not stored."""
    options = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with Session(engine.execution_options(**options), info=dict(info)) as session:
        yield session


@contextmanager
def writing(engine: Engine, info: Mapping[str, Any]) -> Iterator[Session]:
    """Yield a session whose changes are stored together, or not at all."""
    with Session(engine.execution_options(writes=True), expire_on_commit=False, info=dict(info)) as session:
        yield session
        session.commit()
