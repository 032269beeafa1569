"""Sums over many rows, by which the audit chain knows messages, people and other long lists row by row.

The sum of a group of rows is the exclusive-or of one encrypted block for each row, as in the multiset hashes of Clarke
and others (2003): it changes with any row, does not depend on their order, and is brought up to date from the rows that
change alone. The database puts the blocks together, so that a row costs a fraction of a microsecond.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from itertools import groupby, repeat
from operator import itemgetter
from struct import Struct
from typing import Any, NamedTuple

from sqlalchemy import Connection, LargeBinary, Table, Update, event, inspect
from sqlmodel import Session

from amends.domain.entitlement.code import CodeState
from amends.ledger.store.bulk import DELIVERY, among, listed, stamp, statement, store_rows
from amends.ledger.store.encryption import Keys
from amends.ledger.store.schema import table_named
from amends.ledger.store.sealing import JOURNAL, SETTLED, Group, journal_of
from amends.ledger.tables.declared import Bytes, Summed, summed
from amends.ledger.tables.row import Row

SUMMER = "summer"
"""The name of a session's `Summer` among its `info`."""
BLOCK_BYTES = 16
CODE_BLOCK = Struct(">II1s7s")
"""The block of a code, as table `code` declares it: which, whose, how it stands, the end of its text."""
PAGE = 10_000
"""The number of rows whose blocks are put together at a time."""

NUMBER = {"sqlite": "printf('%08x', {})", "postgresql": "lpad(to_hex({}), 8, '0')"}
TEXT = {"sqlite": "hex({})", "postgresql": "encode(convert_to({}, 'UTF8'), 'hex')"}
BYTES = {"sqlite": "hex({})", "postgresql": "encode({}, 'hex')"}
LAST = {
    "sqlite": "substr({column}, -{size})",
    "postgresql": "substr({column}, greatest(length({column}) - {size} + 1, 1))",
}
BLOCKS = {
    "sqlite": "SELECT group_concat({block}, '') FROM {table} WHERE ",
    "postgresql": "SELECT string_agg({block}, '') FROM {table} WHERE ",
}
"""By database: the parts of a block of 16 bytes in hex, and the query for the blocks of rows, one after the other."""


SETTLES = "incident, notice, id, state"
"""The columns from which the states of messages are noted."""
BEGUN_SETTLED = f"""
SELECT {SETTLES} FROM delivery
WHERE incident = :incident AND notice = :notice AND person BETWEEN :first AND :last AND state IN :states
AND attempts = 0 AND lease IS NULL
"""
NAMED_BY = ("person", "channel", "address_index")
"""The columns that name a message within its notice."""
TALLY = """
SELECT version, channel, variant, elements, state, CAST(sum(messages) AS INTEGER) FROM tally
WHERE incident = :incident AND notice = :notice
GROUP BY version, channel, variant, elements, state HAVING sum(messages) <> 0
"""


class RowSum(NamedTuple):
    """The number of some rows, and their sum."""

    rows: int
    total: int


class Summer:
    """A maker of sums with one ledger's key."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def of(self, connection: Connection, table: str, where: str, asked: dict[str, Any]) -> RowSum:
        """Return the sum over the rows of this table that meet a condition in SQL."""
        if not _declared(table).block:
            return self._one_by_one(connection, table, _columns_query(table) + where, asked)
        query = _blocks_query(table, connection.dialect.name) + where
        blocks = connection.execute(statement(query), asked).scalar_one_or_none()
        summed = self._of_blocks(bytes.fromhex(blocks or ""))
        if not _declared(table).since:
            return summed
        since = self._one_by_one(connection, table, _since_query(table) + where, asked)
        return RowSum(summed.rows, summed.total ^ since.total)

    def _one_by_one(self, connection: Connection, table: str, query: str, asked: dict[str, Any]) -> RowSum:
        rows = connection.execute(statement(query), asked).all()
        total = 0
        for row in rows:
            total ^= self._digest(table, row)
        return RowSum(len(rows), total)

    def _digest(self, table: str, row: Sequence[Any]) -> int:
        spelled = "\x1f".join([table, *map(_spelled, row)])
        return int.from_bytes(hashlib.blake2b(spelled.encode(), key=self._keys.rows, digest_size=BLOCK_BYTES).digest())

    def of_decided(self, values: Sequence[Any]) -> int:
        """Return the part of a person in the sum that comes from what Amends has decided about the person."""
        _, hold, guardian, version, *times = values
        return self._digest("person", values) if hold or guardian or version > 1 or any(times) else 0

    def of_messages(self, rows: Iterable[tuple[int, str, bytes]]) -> RowSum:
        """Return the sum over messages that are known by person, channel and keyed index of the address."""
        blocks = b"".join(
            person.to_bytes(4, "big") + channel.encode()[:3].ljust(3, b"\0") + address[:9].ljust(9, b"\0")
            for person, channel, address in rows
        )
        return self._of_blocks(blocks)

    def of_codes(self, codes: Sequence[tuple[int, bytes]], people: Iterable[int], state: CodeState) -> RowSum:
        """Return the sum over codes in this state, each with its sealed text, that these people have; 0 is nobody."""
        ids, tails = (code for code, _ in codes), (sealed[-7:] for _, sealed in codes)
        return self._of_blocks(b"".join(map(CODE_BLOCK.pack, ids, people, repeat(state[:1].encode()), tails)))

    def _of_blocks(self, blocks: bytes) -> RowSum:
        return RowSum(len(blocks) // BLOCK_BYTES, _folded(self._keys.blocks(blocks)))


def _declared(table: str) -> Summed:
    return summed(table_named(table))


@cache
def _columns_query(table: str) -> str:
    """Return the query for what rows mean that are summed up one by one; a condition is to follow."""
    columns = [column.name for column in table_named(table).columns if column.name not in _declared(table).by]
    return f"SELECT {', '.join(columns)} FROM {table} WHERE "


@cache
def _since_query(table: str) -> str:
    """Return the query for what a few rows mean beside their block; a condition is to follow."""
    means = " OR ".join(f"{name} {meaning}" for name, meaning in _declared(table).since.items() if meaning)
    return f"SELECT {', '.join(since_columns(table))} FROM {table} WHERE ({means}) AND "


def since_columns(table: str) -> tuple[str, ...]:
    """Return the columns of what a few rows mean beside their block, the number of the row first."""
    return (_numbered_by(table), *_declared(table).since)


@cache
def _blocks_query(table: str, database: str) -> str:
    """Return the query for the blocks of rows in hex; a condition is to follow."""
    block = " || ".join(_spelled_part(table_named(table), part, database) for part in _declared(table).block)
    return BLOCKS[database].format(block=block, table=table)


def _spelled_part(table: Table, part: str | Bytes, database: str) -> str:
    """Return a part of the block in SQL; a number that is null is 0, and what is too short is filled up with zeros."""
    if isinstance(part, str):
        return NUMBER[database].format(f"coalesce({part}, 0)" if table.columns[part].nullable else part)
    chosen = LAST[database].format(column=part.column, size=part.size) if part.last else part.column
    spelled = (BYTES if isinstance(table.columns[part.column].type, LargeBinary) else TEXT)[database].format(chosen)
    return f"substr({spelled} || '{'00' * part.size}', 1, {2 * part.size})"


def _numbered_by(table: str) -> str:
    """Return the number by which the rows of a large group are summed up page by page; empty for others."""
    return str(next(iter(_declared(table).block), ""))


def _spelled(value: Any) -> str:
    """Return a value as text, the same on both databases; SQLite has numbers for true and false, and text for times."""
    if isinstance(value, datetime):
        return str(stamp(value))
    if value is None or isinstance(value, str):
        return value or ""
    return value.hex() if isinstance(value, bytes) else str(int(value))


def _folded(data: bytes) -> int:
    """Return the exclusive-or of all blocks; whole halves at a time, because Python adds long numbers fast."""
    size = BLOCK_BYTES
    while size < len(data):
        size *= 2
    total = int.from_bytes(data.ljust(size, b"\0"))
    while size > BLOCK_BYTES:
        size //= 2
        total = (total >> (8 * size)) ^ (total & ((1 << (8 * size)) - 1))
    return total


@contextmanager
def changing(session: Session, table: str, group: Sequence[str], where: str = "", **asked: Any) -> Iterator[None]:
    """Note how the sum of a group changes within the block, by the rows that meet a further condition in SQL."""
    before = _sum_now(session, table, group, where, asked)
    yield
    after = _sum_now(session, table, group, where, asked)
    journal_of(session).add((table, *group), after.rows - before.rows, after.total ^ before.total)


def _sum_now(session: Session, table: str, group: Sequence[str], where: str, asked: dict[str, Any]) -> RowSum:
    session.flush()
    summer, connection = summer_of(session), session.connection()
    if not where:
        return _sum_of_group(summer, connection, table, group)
    here = dict(zip(_declared(table).by, group, strict=True))
    return summer.of(connection, table, f"{_here(table)} AND {where}", here | asked)


def changing_these(session: Session, table: str, group: Sequence[str], column: str, numbers: Iterable[Any]) -> Any:
    """Note the change as `changing` does, for the rows with these numbers in a column."""
    connection, these = session.connection(), list(numbers)
    return changing(session, table, group, among(connection, column), ids=listed(connection, these))


def add_up(session: Session, table: str, group: Sequence[str]) -> None:
    """Note the rows of a group that are all new."""
    summed = _sum_of_group(summer_of(session), session.connection(), table, group)
    journal_of(session).add((table, *group), *summed)


def store_messages(session: Session, rows: Sequence[tuple[Any, ...]]) -> None:
    """Store new messages of one notice; each row holds the values of the columns in DELIVERY."""
    if not rows:
        return
    store_rows(session.connection(), rows)
    incident, notice = rows[0][:2]
    settle_stored(session, incident, notice, {row[DELIVERY.index("person")] for row in rows})
    named = [tuple(row[DELIVERY.index(name)] for name in NAMED_BY) for row in rows]
    journal_of(session).add(("delivery", incident, notice), *summer_of(session).of_messages(named))


def note_given(
    session: Session, stock: tuple[str, str], codes: Sequence[tuple[int, bytes]], people: Sequence[int]
) -> None:
    """Note that these codes, free until now and each with its sealed text, are given to these people, in this order."""
    summer = summer_of(session)
    before, after = summer.of_codes(codes, repeat(0), CodeState.FREE), summer.of_codes(codes, people, CodeState.GIVEN)
    journal_of(session).add(("code", *stock), 0, before.total ^ after.total)


def settle_stored(session: Session, incident: str, notice: str, people: Collection[int]) -> None:
    """Note the new messages to these people that are settled from the beginning: without an address, or in doubt."""
    connection, ends = session.connection(), {"first": min(people), "last": max(people)}
    asked = {"incident": incident, "notice": notice, "states": sorted(SETTLED), **ends}
    settle_rows(session, connection.execute(statement(BEGUN_SETTLED, "states"), asked))


def settle(session: Session, changed: Update) -> int:
    """Change the state of messages by this update, note the states, and return how many messages changed."""
    columns = (table_named("delivery").c[name] for name in SETTLES.split(", "))
    return settle_rows(session, session.execute(changed.returning(*columns)))


def settle_rows(session: Session, rows: Iterable[Any]) -> int:
    """Note the states of messages, of which each row has the columns SETTLES, and return how many there are."""
    found = sorted(map(tuple, rows))
    for (incident, notice), here in groupby(found, itemgetter(0, 1)):
        journal_of(session).settle(incident, notice, ((state, number, number) for _, _, number, state in here))
    return len(found)


def tally_of(session: Session, incident: str, notice: str) -> str:
    """Return a digest of how many messages of a notice have each text and each settled state."""
    rows = session.connection().execute(statement(TALLY), {"incident": incident, "notice": notice}).all()
    spelled = json.dumps(sorted([*map(str, row)] for row in rows))
    return hashlib.blake2b(spelled.encode(), digest_size=BLOCK_BYTES).hexdigest()


def sums_of(session: Session, summer: Summer, table: str) -> Iterator[tuple[Group, RowSum]]:
    """Yield the sum of each group of this table, as its rows are now."""
    connection, names = session.connection(), _declared(table).by
    groups = connection.execute(statement(f"SELECT DISTINCT {', '.join(names)} FROM {table}")).all() if names else [()]
    for group in groups:
        yield (table, *group), _sum_of_group(summer, connection, table, group)


def _sum_of_group(summer: Summer, connection: Connection, table: str, group: Sequence[str]) -> RowSum:
    column, first, last = _numbered_by(table), 0, 0
    if column:
        ends = statement(f"SELECT min({column}), max({column}) FROM {table} WHERE {_here(table)}")
        asked = dict(zip(_declared(table).by, group, strict=True))
        first, last = connection.execute(ends, asked).one()
    total = RowSum(0, 0)
    for page in _in_pages(summer, connection, table, group, column, first or 0, last if first is not None else -1):
        total = RowSum(total.rows + page.rows, total.total ^ page.total)
    return total


def _in_pages(
    summer: Summer, connection: Connection, table: str, group: Sequence[str], column: str, first: int, last: int
) -> Iterator[RowSum]:
    asked = dict(zip(_declared(table).by, group, strict=True))
    if not column:
        yield summer.of(connection, table, _here(table), asked)
        return
    within = f"{_here(table)} AND {column} BETWEEN :first AND :last"
    for start in range(first, last + 1, PAGE):
        ends = {"first": start, "last": min(start + PAGE - 1, last)}
        yield summer.of(connection, table, within, asked | ends)


def _here(table: str) -> str:
    return " AND ".join(f"{name} = :{name}" for name in _declared(table).by) or "true"


def summer_of(session: Session) -> Summer:
    """Return the maker of sums of the session's ledger."""
    summer: Summer = session.info[SUMMER]
    return summer


# Rows that are changed one by one are noted as they are written.


@event.listens_for(Row, "before_update", propagate=True)
def _note(_mapper: Any, _connection: Connection, row: Row) -> None:
    session: Any = inspect(row).session
    if row.__table__.name in NOTED and JOURNAL in session.info:
        NOTED[row.__table__.name](session, row)


def _note_message(session: Session, row: Any) -> None:
    journal = journal_of(session)
    if inspect(row).attrs.state.history.has_changes():
        journal.settle(row.incident, row.notice, [(row.state, row.id or 0, row.id or 0)])
    before, after = _twice(row, NAMED_BY)
    if before != after:
        summer = summer_of(session)
        changed = summer.of_messages([before]).total ^ summer.of_messages([after]).total
        journal.add(("delivery", row.incident, row.notice), 0, changed)


def _note_person(session: Session, row: Any) -> None:
    before, after = map(summer_of(session).of_decided, _twice(row, since_columns("person")))
    journal_of(session).add(("person", row.incident), 0, before ^ after)


NOTED = {"delivery": _note_message, "person": _note_person}


def _twice(row: Any, names: Sequence[str]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the values of these columns as they are in the database, and as they will be."""
    states = inspect(row).attrs
    histories = [(getattr(row, name), getattr(states, name).history.deleted) for name in names]
    return tuple(was[0] if was else now for now, was in histories), tuple(now for now, _ in histories)
