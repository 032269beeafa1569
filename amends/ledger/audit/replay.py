"""The replay of the audit chain: which rows there are, which messages have left, and how many of everything."""

import hmac
import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import RLock
from typing import Any

from sqlalchemy import Select, Table, bindparam
from sqlalchemy import select as sql
from sqlmodel import Session

from amends.domain.base.errors import LedgerAltered
from amends.domain.team.vote import VoteKind
from amends.ledger.store.chain import START, Head
from amends.ledger.store.sealing import ALTERED, OPEN, Group, name_in, named, value_of
from amends.ledger.store.session import Store
from amends.ledger.store.sums import RowSum
from amends.ledger.tables.declared import bound_columns
from amends.ledger.tables.incident import IncidentRow, IncidentVersionRow
from amends.ledger.tables.notice import NoticeRow, ReleaseRow
from amends.ledger.tables.playbook import PinRow
from amends.ledger.tables.row import Sealed
from amends.ledger.tables.team import MemberRow, VoteRow

OF_THE_NOTICE = (NoticeRow, ReleaseRow)
VOTES_ON_A_NOTICE = (VoteKind.NOTICE, VoteKind.EMERGENCY)
OF_THE_CASE = (IncidentVersionRow, PinRow)
MOST_NAMED = 3
"""The most rows that a refusal names."""


class Spans:
    """States of messages by id, kept for whole runs of ids: a million messages of one send make a few runs."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self._states: list[str] = []

    def set(self, first: int, last: int, state: str) -> None:
        """Give all ids from `first` to `last` this state."""
        low, high = bisect_left(self._lasts, first), bisect_right(self._firsts, last)
        runs = [(first, last, state)] if state != OPEN else []
        if low < high:
            before, after = (self._firsts[low], first - 1), (last + 1, self._lasts[high - 1])
            runs = [
                *([(*before, self._states[low])] if before[0] <= before[1] else []),
                *runs,
                *([(*after, self._states[high - 1])] if after[0] <= after[1] else []),
            ]
        self._put(low, high, runs)

    def _put(self, low: int, high: int, runs: list[tuple[int, int, str]]) -> None:
        """Replace these runs, and join the new ones with neighbours of the same state."""
        if low > 0:
            low, runs = low - 1, [self._run(low - 1), *runs]
        if high < len(self._firsts):
            high, runs = high + 1, [*runs, self._run(high)]
        joined: list[tuple[int, int, str]] = []
        for first, last, state in runs:
            if joined and joined[-1][1] == first - 1 and joined[-1][2] == state:
                joined[-1] = joined[-1][0], last, state
            else:
                joined.append((first, last, state))
        self._firsts[low:high] = [first for first, _, _ in joined]
        self._lasts[low:high] = [last for _, last, _ in joined]
        self._states[low:high] = [state for _, _, state in joined]

    def _run(self, place: int) -> tuple[int, int, str]:
        return self._firsts[place], self._lasts[place], self._states[place]

    def state_of(self, number: int) -> str:
        """Return the state of the message with this id; OPEN when it has none."""
        place = bisect_left(self._lasts, number)
        return self._states[place] if place < len(self._lasts) and self._firsts[place] <= number else OPEN

    def __iter__(self) -> Iterator[tuple[int, int, str]]:
        return zip(self._firsts, self._lasts, self._states, strict=True)


class Replay:
    """The audit chain as far as it was read here; the next reading begins where this one stopped."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = RLock()
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._head = Head(0, START.hex())
        self.rows: dict[str, dict[Group, str]] = defaultdict(dict)
        """The seal of each row, in hex, by table and name."""
        self.sums: dict[Group, RowSum] = {}
        self.messages: dict[tuple[str, str], Spans] = defaultdict(Spans)
        """The states of the messages that have settled, by incident and notice."""

    def advance(self, session: Session) -> None:
        """Read the entries that were added since. Raises LedgerAltered when the chain does not hold."""
        with self._alone(session):
            if not self._go_on(session):  # an older copy of the ledger has taken its place
                self._begin_anew()
                self._go_on(session)

    @contextmanager
    def _alone(self, session: Session) -> Iterator[None]:
        """Take the lock once the session has its connection.

        Whoever holds the lock must not wait for a connection: all of them may be with those who wait for the lock.
        """
        session.connection()
        with self._lock:
            yield

    def _go_on(self, session: Session) -> bool:
        """Read on from the known head; return False when the chain does not have that head any more."""
        chain, previous = self._store.chain, bytes.fromhex(self._head.mac)
        entries = chain.entries(session, self._head.seq)
        if self._head.seq and ((known := next(entries, None)) is None or known[1] != previous):
            return False
        for seq, mac, rows, spelled in entries:
            if seq != self._head.seq + 1 or not hmac.compare_digest(chain.seal_of(previous, spelled), mac):
                raise LedgerAltered(f"entry {seq} of the audit chain does not follow the one before: {ALTERED}")
            self._take(rows)
            previous = bytes(mac)
            self._head = Head(seq, previous.hex())
        return True

    def verify(self, session: Session) -> tuple[str, ...]:
        """Read the whole chain anew, and return in words what is wrong with it; empty when it is intact."""
        with self._alone(session):
            self._begin_anew()
            found, head = self._store.chain.problems(session, self._take)
            if found:
                self._begin_anew()
            else:
                self._head = head
            return found

    def _take(self, said: str) -> None:
        changed: dict[str, list[list[Any]]] = json.loads(said) if said else {}
        for table, *name, seal in changed.get("rows", ()):
            self.rows[table][tuple(name)] = seal
        for *group, count, total in changed.get("sums", ()):
            known = self.sums.get(tuple(group), RowSum(0, 0))
            self.sums[tuple(group)] = RowSum(known.rows + count, known.total ^ int(total, 16))
        for incident, notice, state, runs in changed.get("messages", ()):
            spans = self.messages[incident, notice]
            for run in runs.split(","):
                first, _, last = run.partition("-")
                spans.set(int(first), int(last or first), state)

    def refuse_altered(self, incident: str, notice: str) -> None:
        """Raise LedgerAltered when a row on which a send of this notice rests is not what the chain knows.

        Looked at are the incident with its facts and its playbook, the notice with its approvals and its release, and
        the team: altered, forged, copied and deleted rows, and rows that were put back as they stood before. A view of
        its own shows chain and rows as they were at one moment.
        """
        with self._store.read() as session, self._alone(session):
            self.advance(session)
            of_case, of_notice = {"incident": incident}, {"incident": incident, "notice": notice}
            wrong = [
                *self._wrong(session, MemberRow),
                *self._wrong(session, IncidentRow, id=incident),
                *(one for table in OF_THE_CASE for one in self._wrong(session, table, **of_case)),
                *(one for table in OF_THE_NOTICE for one in self._wrong(session, table, **of_notice)),
                *(
                    wrong_vote
                    for kind in VOTES_ON_A_NOTICE
                    for wrong_vote in self._wrong_votes(session, incident, kind, notice)
                ),
            ]
        if wrong:
            raise LedgerAltered(f"{'; '.join(wrong[:MOST_NAMED])}: {ALTERED}")

    def _wrong_votes(self, session: Session, incident: str, kind: VoteKind, about: str) -> Iterator[str]:
        return self._wrong(session, VoteRow, incident=incident, kind=kind.value, about=about)

    def _wrong(self, session: Session, of: type[Sealed], **here: str) -> Iterator[str]:
        """Yield in words each row of these that the chain does not know as it stands, or knows and the table lacks."""
        table = of.__table__
        stored: dict[Group, str] = {}
        for row in session.connection().execute(_rows(table, *here), here).mappings():
            name = name_in(table.name, row)
            whole = self._store.sealer.seal_of(table.name, row) == row["seal"]
            stored[name] = value_of(table.name, row) if whole else ""
        yield from differences(table.name, stored, self.rows[table.name], tuple(here.values()))

    def settled(self, incident: str, notice: str, numbers: Iterable[int]) -> list[int]:
        """Return those of these messages that the chain knows as settled, so that they must not leave again."""
        with self._lock:
            spans = self.messages.get((incident, notice))
            return [number for number in numbers if spans.state_of(number) != OPEN] if spans else []


@cache
def _rows(table: Table, *names: str) -> Select[Any]:
    """Return the query for the sealed columns of the rows that have given values in these columns."""
    columns = [column for column in table.columns if column.name not in bound_columns(table)]
    return sql(*columns).where(*(table.c[name] == bindparam(name) for name in names))


def differences(table: str, stored: dict[Group, str], known: dict[Group, str], scope: Group = ()) -> Iterator[str]:
    """Yield in words how the rows of a table differ from those of the chain, whose names begin with `scope`."""
    for name, seal in stored.items():
        if known.get(name, "") != seal:
            how = "is not what the audit chain knows" if known.get(name) else "is not in the audit chain"
            yield f"{named(table, name)} {how}"
    for name, seal in known.items():
        if seal and name not in stored and name[: len(scope)] == scope:
            yield f"{named(table, name)} is gone, and the audit chain knows of no deletion"
