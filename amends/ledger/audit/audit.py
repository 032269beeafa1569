"""The audit chain as a part of the ledger: read its entries, and check that nobody altered them."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import select as sql
from sqlmodel import Session, col

from amends.domain.base.errors import LedgerAltered
from amends.ledger.audit.agreement import disagreements
from amends.ledger.audit.anchor import AnchoredHead, not_in_chain
from amends.ledger.audit.replay import Replay
from amends.ledger.audit.tally import tally_problems
from amends.ledger.store.chain import IN_PAGES
from amends.ledger.store.session import Store
from amends.ledger.tables.audit import AuditRow


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An entry of the audit chain as people read it; the detail holds ids and numbers, never personal data."""

    seq: int
    at: datetime
    incident: str
    actor: str
    act: str
    subject: str
    detail: dict[str, object]


class Audit:
    """The audit chain, for reading and checking."""

    def __init__(self, store: Store, replay: Replay) -> None:
        self._store = store
        self._replay = replay

    def entries(self, incident: str, without: Collection[str] = ()) -> tuple[AuditEntry, ...]:
        """Return the entries of the incident except those with the acts in `without`, the oldest first."""
        with self._store.read() as session:
            return entries(session, incident, without)

    def verify(self) -> tuple[str, ...]:
        """Return in words each alteration of the chain that the ledger did not make; empty when the chain is intact."""
        with self._store.read() as session:
            return self._replay.verify(session)

    def anchor(self, now: datetime) -> AnchoredHead:
        """Return the present head of the chain, to be kept outside."""
        with self._store.read() as session:
            return AnchoredHead.of(self._store.chain.newest(session), now)

    def not_anchored(self, anchors: Iterable[AnchoredHead]) -> tuple[str, ...]:
        """Return in words each head kept outside that is not, or no longer, a part of the chain."""
        with self._store.read() as session:
            return tuple(not_in_chain(session, anchors))

    def disagreements(self) -> tuple[str, ...]:
        """Return in words each row that the chain does not know as it stands, or knows and the tables lack.

        Empty also when the chain itself does not hold, which `verify` says.
        """
        with self._store.read() as session:
            try:
                self._replay.advance(session)
            except LedgerAltered:
                return ()
            return tuple(disagreements(self._store, session, self._replay))

    def miscounted(self) -> tuple[str, ...]:
        """Return in words each difference between the counts of messages and the messages; empty when they agree.

        All messages of all incidents are read: some seconds for a million.
        """
        with self._store.read() as session:
            return tuple(tally_problems(session))


def entries(session: Session, incident: str, without: Collection[str] = ()) -> tuple[AuditEntry, ...]:
    """Return the entries of the incident except those with the acts in `without`, the oldest first.

    Only the columns are read: making a row object of each entry would take more than half of the time.
    """
    wanted = (col(AuditRow.incident) == incident, col(AuditRow.act).not_in(without))
    query = sql(*entry_columns()).where(*wanted).order_by(col(AuditRow.seq))
    return tuple(as_entry(*row) for row in session.execute(query, execution_options=IN_PAGES))


def entry_columns() -> list[Any]:
    """Return the columns of an entry, in the order in which `as_entry` takes them."""
    return [col(getattr(AuditRow, field.name)) for field in fields(AuditEntry)]


def as_entry(seq: int, at: datetime, incident: str, actor: str, act: str, subject: str, detail: str) -> AuditEntry:
    """Return the entry of a row's columns."""
    return AuditEntry(seq, at, incident, actor, act, subject, json.loads(detail))
