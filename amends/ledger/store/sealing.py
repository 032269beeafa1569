"""Seals of rows and the journal of a transaction: what the engine acts on is what Amends has written.

A sealed row holds a MAC over everything that it means. The MAC is made when the row is written and checked whenever it
is read, so a row that was altered, moved or made by other means than Amends stops whoever reads it. The same MAC goes
into the audit chain, which so knows each row that there is, and each that was deleted or replaced.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, RowMapping, event, inspect
from sqlmodel import Session, SQLModel

from amends.domain.base.errors import LedgerAltered
from amends.domain.notice.notice import DeliveryState
from amends.ledger.store.encryption import Keys
from amends.ledger.store.schema import table_named
from amends.ledger.tables.declared import bound_columns, closed_columns, name_columns
from amends.ledger.tables.row import Sealed

SEALER, JOURNAL = "sealer", "journal"
"""The names of a session's sealer and journal among its `info`."""
SEAL_BYTES = 16
SETTLED = frozenset(
    {
        DeliveryState.DELIVERED,
        DeliveryState.SENT,
        DeliveryState.COMPLAINED,
        DeliveryState.UNCERTAIN,
        DeliveryState.BOUNCED,
        DeliveryState.FAILED,
        DeliveryState.UNREACHABLE,
    }
)
"""The states of messages that no worker may send, as the audit chain knows them."""
OPEN = ""
"""The word of the audit chain for a message that may leave, perhaps once more."""
ALTERED = "somebody has changed the tables by other means than Amends; `amends audit verify` says what else is wrong"

Values = Mapping[str, Any] | RowMapping
"""The values of a row by column."""
Group = tuple[str, ...]
"""A table and the ids by which its rows are summed up."""


class Sealer:
    """The maker and checker of the seals of one ledger's rows."""

    def __init__(self, keys: Keys) -> None:
        self._key = keys.rows

    def seal_of(self, table: str, values: Values) -> bytes:
        """Return the seal of a row of this table with these values by column."""
        spelled = SPELL([table, *(values.get(name) for name in _meant(table))])
        return hmac.digest(self._key, spelled.encode(), "sha256")[:SEAL_BYTES]

    def check(self, row: Sealed) -> None:
        """Raise LedgerAltered when the row is not what Amends has written in its place."""
        if not hmac.compare_digest(row.seal or b"", self.seal_of(table_of(row), row.__dict__)):
            raise LedgerAltered(f"{named(table_of(row), name_of(row))} was altered, moved or forged: {ALTERED}")


Run = tuple[str, int, int]
"""A state, and the first and the last id of messages that have it."""


@dataclass(slots=True)
class Journal:
    """The rows that a transaction has changed since its last entry in the audit chain."""

    rows: dict[tuple[str, Group], str] = field(default_factory=dict)
    """The seal, in hex, of each sealed row by table and name; empty for a row that was deleted."""
    sums: dict[Group, tuple[int, int]] = field(default_factory=dict)
    """By table and group of rows: how many more rows there are, and the change of their sum; see `sums.py`."""
    messages: dict[tuple[str, str], list[Run]] = field(default_factory=dict)
    """Messages that have settled or are open again, by incident and notice; a later run counts."""

    def add(self, group: Group, count: int, total: int) -> None:
        """Count rows of a group that were added, or deleted with a negative count; `total` is the sum of both."""
        before, was = self.sums.get(group, (0, 0))
        self.sums[group] = before + count, was ^ total

    def settle(self, incident: str, notice: str, runs: Iterable[Run]) -> None:
        """Note the present states of messages."""
        known = self.messages.setdefault((incident, notice), [])
        for state, first, last in runs:
            word = state if state in SETTLED else OPEN
            if known and known[-1][0] == word and known[-1][2] == first - 1:
                known[-1] = word, known[-1][1], last
            else:
                known.append((word, first, last))

    def notices(self) -> set[tuple[str, str]]:
        """Return incident and notice of all messages that were stored, deleted or settled."""
        stored = {(group[1], group[2]) for group in self.sums if group[0] == "delivery"}
        return stored | self.messages.keys()

    def taken(self) -> str:
        """Return the journal as text for the audit chain, and begin anew; empty when nothing has changed."""
        rows = [[table, *name, seal] for (table, name), seal in sorted(self.rows.items())]
        changes = sorted((*group, *change) for group, change in self.sums.items() if any(change))
        sums = [[*group, count, f"{total:032x}"] for *group, count, total in changes]
        parts = {"rows": rows, "sums": sums, "messages": list(self._runs())}
        self.rows, self.sums, self.messages = {}, {}, {}
        said = {name: part for name, part in parts.items() if part}
        return json.dumps(said, separators=(",", ":"), ensure_ascii=False) if said else ""

    def _runs(self) -> Iterator[list[str]]:
        """Yield incident, notice, state and ids of messages, as in 1-2000,2005."""
        for notice, runs in sorted(self.messages.items()):
            for state, ids in groupby(runs, itemgetter(0)):
                spelled = (str(first) if first == last else f"{first}-{last}" for _, first, last in ids)
                yield [*notice, state, ",".join(spelled)]


def journal_of(session: Session) -> Journal:
    """Return the journal of the session's transaction."""
    journal: Journal = session.info[JOURNAL]
    return journal


def table_of(row: SQLModel) -> str:
    """Return the name of the row's table."""
    return str(row.__tablename__)


def name_of(row: SQLModel) -> Group:
    """Return what names the row in its table."""
    return name_in(table_of(row), row.__dict__)


def name_in(table: str, values: Values) -> Group:
    """Return what names a row with these values by column."""
    return tuple(str(values[name]) for name in name_columns(table_named(table)))


def value_of(table: str, values: Values) -> str:
    """Return what the audit chain keeps of a row: its seal, and a hash of its encrypted columns, in hex."""
    closed = b"\0".join(values[name] or b"" for name in closed_columns(table_named(table)))
    seal: bytes = values["seal"]
    return seal.hex() + (hashlib.blake2b(closed, digest_size=SEAL_BYTES).hexdigest() if closed.strip(b"\0") else "")


def named(table: str, name: Group) -> str:
    """Return a row in words."""
    return f"the row {', '.join(name)} of table {table}"


@cache
def _meant(table: str) -> tuple[str, ...]:
    """Return the columns that a seal of this table covers."""
    left_out = {"seal", *bound_columns(table_named(table)), *closed_columns(table_named(table))}
    return tuple(column.name for column in table_named(table).columns if column.name not in left_out)


def _spelled(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(type(value).__name__)


SPELL = json.JSONEncoder(sort_keys=True, default=_spelled).encode

# Rows are sealed as they are written, and checked as they are read, wherever that happens.


@event.listens_for(Sealed, "load", propagate=True)
def _loaded(row: Sealed, context: Any) -> None:
    if context and (sealer := context.session.info.get(SEALER)):  # no context: a copy made by Session.merge
        sealer.check(row)


@event.listens_for(Sealed, "refresh", propagate=True)
def _refreshed(row: Sealed, context: Any, names: Iterable[str] | None) -> None:
    if context and (names is None or "seal" in names) and (sealer := context.session.info.get(SEALER)):
        sealer.check(row)


@event.listens_for(Sealed, "before_insert", propagate=True)
@event.listens_for(Sealed, "before_update", propagate=True)
def _seal(_mapper: Any, _connection: Connection, row: Sealed) -> None:
    session = _session(row)
    if SEALER in session.info and session.is_modified(row):
        seal_alone(session, row)
        note_alone(session, row)


def seal_alone(session: Session, row: Sealed) -> None:
    """Seal a row that is stored without the session's help."""
    row.seal = session.info[SEALER].seal_of(table_of(row), row.__dict__)


def note_alone(session: Session, row: Sealed) -> None:
    """Note a sealed row in the journal, unless its table is not in the audit chain."""
    if "unchained" not in table_named(table_of(row)).info:
        journal_of(session).rows[table_of(row), name_of(row)] = value_of(table_of(row), row.__dict__)


@event.listens_for(Sealed, "after_delete", propagate=True)
def _deleted(_mapper: Any, _connection: Connection, row: Sealed) -> None:
    if journal := _session(row).info.get(JOURNAL):
        journal.rows[table_of(row), name_of(row)] = ""


def _session(row: SQLModel) -> Session:
    found: Session = inspect(row).session
    return found
