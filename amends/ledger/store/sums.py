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
from itertools import groupby, repeat
from operator import itemgetter
from struct import Struct
from typing import Any, NamedTuple

from sqlalchemy import Connection, Update, event, inspect
from sqlmodel import Session, col

from amends.domain.codes.code import CodeState
from amends.ledger.store.bulk import DELIVERY, among, listed, on_postgresql, stamp, statement, store_rows
from amends.ledger.store.encryption import Keys
from amends.ledger.store.sealing import JOURNAL, SETTLED, Group, journal_of
from amends.ledger.store.tables import DeliveryRow, PersonRow

SUMMER = "summer"
"""The name of a session's `Summer` among its `info`."""
BLOCK_BYTES = 16
CODE_BLOCK = Struct(">II1s7s")
"""The block of a code, as the queries for table `code` spell it: which, whose, how it stands, the end of its text."""
PAGE = 10_000
"""The number of rows whose blocks are put together at a time."""

ON_SQLITE = {
    "delivery": """
SELECT group_concat(printf('%08x', person) || substr(hex(channel) || '000000', 1, 6)
                    || substr(hex(address_index) || '000000000000000000', 1, 18), '') FROM delivery WHERE {where}
""",
    "person": "SELECT group_concat(printf('%08x', number) || hex(substr(sealed, -12)), '') FROM person WHERE {where}",
    "code": """
SELECT group_concat(printf('%08x%08x', id, coalesce(person, 0)) || substr(hex(state), 1, 2)
                    || substr(hex(substr(sealed, -7)) || '00000000000000', 1, 14), '') FROM code WHERE {where}
""",
}
ON_POSTGRESQL = {
    "delivery": """
SELECT string_agg(lpad(to_hex(person), 8, '0')
                  || substr(encode(convert_to(channel, 'UTF8'), 'hex') || '000000', 1, 6)
                  || substr(encode(address_index, 'hex') || '000000000000000000', 1, 18), '')
FROM delivery WHERE {where}
""",
    "person": """
SELECT string_agg(lpad(to_hex(number), 8, '0') || encode(substr(sealed, length(sealed) - 11), 'hex'), '')
FROM person WHERE {where}
""",
    "code": """
SELECT string_agg(lpad(to_hex(id), 8, '0') || lpad(to_hex(coalesce(person, 0)), 8, '0')
                  || substr(encode(convert_to(state, 'UTF8'), 'hex'), 1, 2)
                  || substr(encode(substr(sealed, greatest(length(sealed) - 6, 1)), 'hex') || '00000000000000', 1, 14),
                  '') FROM code WHERE {where}
""",
}
"""By table, the query for one block a row, in hex: who, on which channel and where; or who, and the end of the sealed
contact data, which is a tag over everything that the list says of the person; or which code, whose, how it stands, and
the end of its sealed text, which is a tag over everything that the import says of the code."""
DECIDED_COLUMNS = ("number", "hold", "guardian", "link_version", "opted_out_at", "data_changed_at", "gone_at")
DECIDED = f"""
SELECT {", ".join(DECIDED_COLUMNS)} FROM person
WHERE {{where}} AND (hold <> '' OR guardian > 0 OR link_version > 1 OR opted_out_at IS NOT NULL
                   OR data_changed_at IS NOT NULL OR gone_at IS NOT NULL)
"""
"""Decisions of Amends about people since; most people have none."""
ENDED = """
SELECT id, given_at, ended_at, told_in, sealed_reason FROM code
WHERE {where} AND (ended_at IS NOT NULL OR told_in <> '' OR sealed_reason IS NOT NULL)
"""
"""The ends of codes that were redeemed or became void."""
SINCE = {"person": DECIDED, "code": ENDED}
"""By table, the query for what a few rows mean beside their block."""
ROWS = {
    "told_otherwise": "SELECT person, cohort, elements FROM told_otherwise WHERE {where}",
    "element_set": "SELECT id, elements, country, region FROM element_set WHERE {where}",
    "commitment_person": "SELECT person FROM commitment_person WHERE {where}",
    "remedy": "SELECT person, state, word, changed_at, settled_by FROM remedy WHERE {where}",
    "survey_sample": "SELECT person FROM survey_sample WHERE {where}",
    "logged_message": "SELECT key, unclear FROM logged_message WHERE {where}",
}
"""By table, the query for what rows mean that are summed up one by one."""
GROUPED_BY = {
    "delivery": ("incident", "notice"),
    "person": ("incident",),
    "code": ("incident", "commitment"),
    "told_otherwise": ("incident", "notice"),
    "element_set": ("incident",),
    "commitment_person": ("incident", "commitment"),
    "remedy": ("incident", "commitment"),
    "survey_sample": ("incident", "notice"),
    "logged_message": (),
}
"""By table, the columns that make a group of its rows."""


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
NUMBERED_BY = {"delivery": "person", "person": "number", "code": "id"}
"""By table, the column by which the rows of a large group are summed up page by page."""


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
        if table in ROWS:
            return self._one_by_one(connection, ROWS[table], where, asked)
        queries = ON_POSTGRESQL if on_postgresql(connection) else ON_SQLITE
        found = connection.execute(statement(queries[table].format(where=where)), asked).scalar_one_or_none()
        summed = self._of_blocks(bytes.fromhex(found or ""))
        if table not in SINCE:
            return summed
        return RowSum(summed.rows, summed.total ^ self._one_by_one(connection, SINCE[table], where, asked).total)

    def _one_by_one(self, connection: Connection, query: str, where: str, asked: dict[str, Any]) -> RowSum:
        rows = connection.execute(statement(query.format(where=where)), asked).all()
        total = 0
        for row in rows:
            total ^= self._digest(query.split(" FROM ")[1].split(maxsplit=1)[0], row)
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
    here = dict(zip(GROUPED_BY[table], group, strict=True))
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
) -> None:  # fmt: skip
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
    columns = (col(getattr(DeliveryRow, name)) for name in SETTLES.split(", "))
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
    connection, names = session.connection(), GROUPED_BY[table]
    groups = connection.execute(statement(f"SELECT DISTINCT {', '.join(names)} FROM {table}")).all() if names else [()]
    for group in groups:
        yield (table, *group), _sum_of_group(summer, connection, table, group)


def _sum_of_group(summer: Summer, connection: Connection, table: str, group: Sequence[str]) -> RowSum:
    column, first, last = NUMBERED_BY.get(table, ""), 0, 0
    if column:
        ends = statement(f"SELECT min({column}), max({column}) FROM {table} WHERE {_here(table)}")
        asked = dict(zip(GROUPED_BY[table], group, strict=True))
        first, last = connection.execute(ends, asked).one()
    total = RowSum(0, 0)
    for page in _in_pages(summer, connection, table, group, column, first or 0, last if first is not None else -1):
        total = RowSum(total.rows + page.rows, total.total ^ page.total)
    return total


def _in_pages(
    summer: Summer, connection: Connection, table: str, group: Sequence[str], column: str, first: int, last: int
) -> Iterator[RowSum]:
    asked = dict(zip(GROUPED_BY[table], group, strict=True))
    if not column:
        yield summer.of(connection, table, _here(table), asked)
        return
    within = f"{_here(table)} AND {column} BETWEEN :first AND :last"
    for start in range(first, last + 1, PAGE):
        ends = {"first": start, "last": min(start + PAGE - 1, last)}
        yield summer.of(connection, table, within, asked | ends)


def _here(table: str) -> str:
    return " AND ".join(f"{name} = :{name}" for name in GROUPED_BY[table]) or "true"


def summer_of(session: Session) -> Summer:
    """Return the maker of sums of the session's ledger."""
    summer: Summer = session.info[SUMMER]
    return summer


# Rows that are changed one by one are noted as they are written.


@event.listens_for(DeliveryRow, "before_update")
def _note_message(_mapper: Any, _connection: Connection, row: DeliveryRow) -> None:
    session: Any = inspect(row).session
    if (journal := session.info.get(JOURNAL)) is None:
        return
    if inspect(row).attrs.state.history.has_changes():
        journal.settle(row.incident, row.notice, [(row.state, row.id or 0, row.id or 0)])
    before, after = _twice(row, NAMED_BY)
    if before != after:
        summer = summer_of(session)
        changed = summer.of_messages([before]).total ^ summer.of_messages([after]).total
        journal.add(("delivery", row.incident, row.notice), 0, changed)


@event.listens_for(PersonRow, "before_update")
def _note_person(_mapper: Any, _connection: Connection, row: PersonRow) -> None:
    session: Any = inspect(row).session
    if (journal := session.info.get(JOURNAL)) is not None:
        before, after = map(summer_of(session).of_decided, _twice(row, DECIDED_COLUMNS))
        journal.add(("person", row.incident), 0, before ^ after)


def _twice(row: Any, names: Sequence[str]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the values of these columns as they are in the database, and as they will be."""
    states = inspect(row).attrs
    histories = [(getattr(row, name), getattr(states, name).history.deleted) for name in names]
    return tuple(was[0] if was else now for now, was in histories), tuple(now for now, _ in histories)
