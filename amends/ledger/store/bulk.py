"""Statements about many rows at once, written as each database does them fastest.

What SQLAlchemy does for each row takes longer than the database does, and these rows are a million.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, TextClause, bindparam, text

DELIVERY = (
    "incident", "notice", "version", "person", "channel", "address_index", "variant", "state", "cause", "provider_id",
    "attempts", "updated_at",
)  # fmt: skip
"""Columns of a new message; the others have their defaults."""
KEEP_MARK = """
INSERT INTO mark (lease, messages)
SELECT lease.id, ? FROM lease JOIN incident ON incident.id = lease.incident
WHERE lease.id = ? AND incident.state <> 'paused' AND incident.version = lease.facts
    AND (incident.embargo_until IS NULL OR incident.embargo_until <= ?)
"""
KEEP_MARK_POSTGRESQL = KEEP_MARK.replace("?", "%s::json", 1).replace("?", "%s") + "FOR UPDATE OF lease"
KEEP = """
UPDATE delivery
SET state = ?, cause = ?, detail = ?, doubtful = ?, provider_id = ?, next_try_at = ?, updated_at = ?
WHERE id = ? AND lease = ? AND state IN ('claimed', 'uncertain')
"""
KEEP_POSTGRESQL = """
UPDATE delivery AS d
SET state = a.state, cause = a.cause, detail = a.detail, doubtful = a.doubtful, provider_id = a.provider_id,
    next_try_at = a.next_try_at, updated_at = a.updated_at
FROM unnest(
    %s::text[], %s::text[], %s::text[], %s::boolean[], %s::text[], %s::timestamptz[], %s::timestamptz[],
    %s::bigint[], %s::bigint[]
) AS a(state, cause, detail, doubtful, provider_id, next_try_at, updated_at, id, lease)
WHERE d.id = a.id AND d.lease = a.lease AND d.state IN ('claimed', 'uncertain')
"""

NOT_TRIED = """
UPDATE delivery SET attempts = attempts - 1 WHERE id = ? AND lease = ? AND state IN ('claimed', 'uncertain')
"""


def on_postgresql(connection: Connection) -> bool:
    """Whether this is PostgreSQL; else it is SQLite."""
    return connection.dialect.name == "postgresql"


def spelled(connection: Connection, moment: datetime | None) -> Any:
    """The time as a bare statement stores it."""
    return moment if on_postgresql(connection) else stamp(moment)


@cache
def statement(spelled_out: str, *lists: str) -> TextClause:
    """A bare statement, made once; the values of these names are lists."""
    return text(spelled_out).bindparams(*(bindparam(name, expanding=True) for name in lists))


def among(connection: Connection, column: str, name: str = "ids") -> str:
    """The condition that a column is one of many numbers, which are given as `listed` makes them."""
    return (
        f"{column} = ANY(:{name})"
        if on_postgresql(connection)
        else f"{column} IN (SELECT value FROM json_each(:{name}))"
    )


def listed(connection: Connection, numbers: Iterable[int]) -> Any:
    """Many numbers as one value for `among`."""
    return list(numbers) if on_postgresql(connection) else json.dumps(list(numbers))


def take_stock(connection: Connection, table: str) -> None:
    """Let PostgreSQL look at a table that has just got very many rows.

    It does so by itself within a minute. Until then it plans as if the rows of an incident were a handful, and a query
    that joins a list of people with itself holds each of them against all.
    """
    if on_postgresql(connection):
        connection.exec_driver_sql(f"ANALYZE {table}")


def make_room(connection: Connection) -> None:
    """Let SQLite keep 64 MB of pages in memory from now on; of a long list it writes those twice that have no room."""
    if not on_postgresql(connection):
        connection.exec_driver_sql("PRAGMA cache_size=-64000")


class Kept(NamedTuple):
    """An answer as it is stored, in the order of KEEP; times as they are `spelled`."""

    state: str
    cause: str
    detail: str
    doubtful: bool
    provider_id: str
    next_try_at: Any
    at: Any
    message: int
    lease: int


class Swift:
    """A transaction on the database driver itself, for what happens many times a second."""

    def __init__(self, cursor: Any, *, postgresql: bool) -> None:
        self._cursor, self._postgresql = cursor, postgresql

    def spelled(self, moment: datetime | None) -> Any:
        """The time as it is stored."""
        return moment if self._postgresql else stamp(moment)

    def keep_mark(self, lease: int, messages: Sequence[int], now: datetime) -> bool:
        """Keep that these messages of a lease may have left; whether they may.

        They may when the lease was not taken over, and nothing was paused, amended or held back.
        """
        asked = (json.dumps(messages), lease, self.spelled(now))
        self._cursor.execute(KEEP_MARK_POSTGRESQL if self._postgresql else KEEP_MARK, asked)
        kept: int = self._cursor.rowcount
        return kept == 1

    def lock(self, lease: int) -> None:
        """Lock it until the transaction ends; SQLite's transactions are alone anyway."""
        if self._postgresql:
            self._cursor.execute("SELECT id FROM lease WHERE id = %s FOR UPDATE", (lease,))

    def keep_answers(self, answers: Sequence[Kept]) -> None:
        """A message that another lease holds by now, or of which more is known already, stays as it is."""
        if answers and self._postgresql:
            columns = [list(column) for column in zip(*answers, strict=True)]
            self._cursor.execute(KEEP_POSTGRESQL, columns)
        elif answers:
            self._cursor.executemany(KEEP, answers)

    def not_tried(self, messages: Sequence[tuple[int, int]]) -> None:
        """That these were claimed, each under its lease, counts as no try; to be said before their answers are kept."""
        if messages:
            self._cursor.executemany(NOT_TRIED.replace("?", "%s") if self._postgresql else NOT_TRIED, messages)


def stamp(moment: datetime | None) -> str | None:
    """The time as SQLite keeps it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f") if moment else None


def store_messages(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """New messages, with the values of DELIVERY."""
    columns = ", ".join(DELIVERY)
    if not rows:
        return
    if on_postgresql(connection):
        cursor = connection.connection.cursor()
        with cursor.copy(f"COPY delivery ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    else:
        marks = ", ".join("?" * len(DELIVERY))
        connection.exec_driver_sql(f"INSERT INTO delivery ({columns}) VALUES ({marks})", list(rows))
