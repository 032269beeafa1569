"""Statements about many rows at once, in the form that each database executes fastest.

SQLAlchemy needs more time for a row than the database does, and an incident may have a million rows.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, TextClause, bindparam, text

DELIVERY = (
    "incident",
    "notice",
    "version",
    "person",
    "channel",
    "address_index",
    "variant",
    "state",
    "cause",
    "one_of_several",
    "provider_id",
    "attempts",
    "updated_at",
)
"""Columns of a new message; all other columns have their defaults."""
KEEP_MARK = """
INSERT INTO mark (lease, messages)
SELECT lease.id, ? FROM lease JOIN incident ON incident.id = lease.incident
WHERE lease.id = ? AND incident.state <> 'paused' AND incident.version = lease.facts
    AND (incident.embargo_until IS NULL OR incident.embargo_until <= ?)
"""
KEEP_MARK_POSTGRESQL = KEEP_MARK.replace("?", "%s::json", 1).replace("?", "%s") + "FOR UPDATE OF lease"
KEEP = """
UPDATE delivery
SET state = ?, cause = ?, detail = ?, doubtful = ?, next_try_at = ?, updated_at = ?, provider_id = kept.value
FROM json_each(?) AS kept
WHERE delivery.id = CAST(kept.key AS INTEGER) AND lease = ? AND state IN ('claimed', 'uncertain')
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

SEVERAL = """
UPDATE delivery SET one_of_several = true
WHERE incident = :incident AND notice = :notice AND person > 0 AND NOT one_of_several AND EXISTS (
    SELECT 1 FROM delivery AS other
    WHERE other.incident = :incident AND other.notice = :notice AND other.person = delivery.person
    AND other.id <> delivery.id
) AND """
NOT_TRIED = """
UPDATE delivery SET attempts = attempts - 1 WHERE id = ? AND lease = ? AND state IN ('claimed', 'uncertain')
"""
FEW_MORE = 1.5
"""The size of a range that is read whole for the numbers in it, as a multiple of how many they are."""


Item = TypeVar("Item")


def pages(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield the items in lists of this size, the last one shorter; a database takes only so many values at once."""
    rest = iter(items)
    while page := list(islice(rest, size)):
        yield page


def on_postgresql(connection: Connection) -> bool:
    """Return True when the database is PostgreSQL, False when it is SQLite."""
    return connection.dialect.name == "postgresql"


def spelled(connection: Connection, moment: datetime | None) -> Any:
    """Return the time in the form in which a bare statement stores it."""
    return moment if on_postgresql(connection) else stamp(moment)


@cache
def statement(spelled_out: str, *lists: str) -> TextClause:
    """Return a bare statement, made once for each text; `lists` are the parameters whose values are lists."""
    return text(spelled_out).bindparams(*(bindparam(name, expanding=True) for name in lists))


def among(connection: Connection, column: str, name: str = "ids") -> str:
    """Return the condition that a column is one of many numbers; the parameter's value comes from `listed`."""
    return f"{column} = ANY(:{name})" if on_postgresql(connection) else f"{column} IN ({numbers_in(connection, name)})"


def numbers_in(connection: Connection, name: str = "ids") -> str:
    """Return a query for many numbers, one a row; the parameter's value comes from `listed`."""
    return f"SELECT unnest(:{name})" if on_postgresql(connection) else f"SELECT value FROM json_each(:{name})"


def listed(connection: Connection, numbers: Iterable[Any]) -> Any:
    """Return many numbers as the one parameter value that `among` or `numbers_in` takes."""
    return list(numbers) if on_postgresql(connection) else json.dumps(list(numbers))


def around(connection: Connection, column: str, numbers: Collection[int]) -> tuple[str, dict[str, Any]]:
    """Return a condition that holds for these numbers in a column, and the values of its parameters.

    The condition may hold for a few numbers between them too: SQLite reads a range in half the time of a list.
    """
    first, last = min(numbers), max(numbers)
    condition, asked = f"{column} BETWEEN :first AND :last", {"first": first, "last": last}
    if last - first < FEW_MORE * len(numbers):
        return condition, asked
    # Without the range PostgreSQL compares every row of the incident with the list.
    return f"{condition} AND {among(connection, column)}", asked | {"ids": listed(connection, numbers)}


def take_stock(connection: Connection, table: str) -> None:
    """Update PostgreSQL's statistics of a table that has just received very many rows.

    PostgreSQL updates them by itself within a minute. Until then its plans assume a handful of rows for an incident,
    and a query that joins a list of people with itself compares each person with all others.
    """
    if on_postgresql(connection):
        connection.exec_driver_sql(f"ANALYZE {table}")


def make_room(connection: Connection) -> None:
    """Let SQLite cache 64 MB of pages from now on; pages of a long list that do not fit would be written twice."""
    if not on_postgresql(connection):
        connection.exec_driver_sql("PRAGMA cache_size=-64000")


class Kept(NamedTuple):
    """An outcome that messages of one lease share, in the order of KEEP's parameters; times as `spelled` returns them.

    A statement for each outcome takes half the time of one for each message.
    """

    state: str
    cause: str
    detail: str
    doubtful: bool
    next_try_at: Any
    at: Any
    messages: dict[int, str]
    """The provider's own name of each message, by the message's id."""
    lease: int

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the values of KEEP_POSTGRESQL for each message."""
        for message, name in self.messages.items():
            yield *self[:4], name, self.next_try_at, self.at, message, self.lease


class DriverTransaction:
    """A transaction on the database driver itself, for writes that happen many times a second."""

    def __init__(self, cursor: Any, *, postgresql: bool) -> None:
        self._cursor, self._postgresql = cursor, postgresql

    def spelled(self, moment: datetime | None) -> Any:
        """Return the time in the form in which the database stores it."""
        return moment if self._postgresql else stamp(moment)

    def keep_mark(self, lease: int, messages: Sequence[int], now: datetime) -> bool:
        """Store the mark that these messages of a lease may have left; return True when they may be sent.

        Return False, without a mark, when the lease was taken over or recalled, or the incident was paused, amended or
        put under an embargo.
        """
        asked = (json.dumps(messages), lease, self.spelled(now))
        self._cursor.execute(KEEP_MARK_POSTGRESQL if self._postgresql else KEEP_MARK, asked)
        kept: int = self._cursor.rowcount
        return kept == 1

    def lock(self, lease: int) -> None:
        """Lock the lease until the transaction ends; on SQLite only one transaction writes at a time anyway."""
        if self._postgresql:
            self._cursor.execute("SELECT id FROM lease WHERE id = %s FOR UPDATE", (lease,))

    def ended(self, leases: Iterable[int]) -> frozenset[int]:
        """Return those of these leases that have ended."""
        asked = list(leases)
        if not asked:
            return frozenset()
        mark = "%s" if self._postgresql else "?"
        self._cursor.execute(f"SELECT id FROM lease WHERE id IN ({', '.join([mark] * len(asked))})", asked)
        return frozenset(asked).difference(number for (number,) in self._cursor.fetchall())

    def keep_answers(self, answers: Sequence[Kept]) -> None:
        """Store the outcomes, except for messages that another lease holds by now or whose outcome is known already."""
        if answers and self._postgresql:
            rows = (row for kept in answers for row in kept.rows())
            self._cursor.execute(KEEP_POSTGRESQL, [list(column) for column in zip(*rows, strict=True)])
        elif answers:
            listed_each = ((*kept[:6], json.dumps(kept.messages), kept.lease) for kept in answers)
            self._cursor.executemany(KEEP, listed_each)

    def not_tried(self, messages: Sequence[tuple[int, int]]) -> None:
        """Subtract the attempt that the claim of each (message, lease) counted; to be called before `keep_answers`."""
        if messages:
            self._cursor.executemany(NOT_TRIED.replace("?", "%s") if self._postgresql else NOT_TRIED, messages)


def stamp(moment: datetime | None) -> str | None:
    """Return the time, in UTC, in the form in which SQLite stores it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f") if moment else None


def store_rows(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Store new messages of one notice; each row holds the values of the columns in DELIVERY.

    All messages of a person who has several by now are marked as such.
    """
    columns = ", ".join(DELIVERY)
    if on_postgresql(connection):
        cursor = connection.connection.cursor()
        with cursor.copy(f"COPY delivery ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    else:
        marks = ", ".join("?" * len(DELIVERY))
        connection.exec_driver_sql(f"INSERT INTO delivery ({columns}) VALUES ({marks})", list(rows))
    incident, notice = rows[0][:2]
    people = {row[DELIVERY.index("person")] for row in rows}
    asked = {"incident": incident, "notice": notice, "ids": listed(connection, people)}
    connection.execute(statement(SEVERAL + among(connection, "person")), asked)
