"""What all verbs of the ledger stand on: one transaction, its audit entries, and the seal of an incident."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from sqlalchemy import CursorResult
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.dml import UpdateBase
from sqlmodel import Session

from amends.domain.errors import AlreadyInLedger, KeyMissing, NotInLedger
from amends.ledger.audit import Chain, Head
from amends.ledger.database import SCHEMA_LOCK, alone, connect, reading, writing
from amends.ledger.memory import Memory
from amends.ledger.sealing import Keys, Seal
from amends.ledger.tables import IncidentRow, KeyCheckRow

ENGINE = "amends"
"""The actor of what no person did."""


class Write:
    """An open transaction that notes its acts in the audit chain as it goes."""

    def __init__(self, session: Session, chain: Chain) -> None:
        self.session = session
        self._chain = chain
        self.head: Head | None = None

    def note(
        self, now: datetime, incident: str, act: str, subject: str = "", *, actor: str = ENGINE, **detail: object
    ) -> None:
        """Add to the audit chain; kept or dropped together with the rest of the transaction."""
        self.head = self._chain.add(self.session, now, incident, actor, act, subject, detail)

    def change(self, statement: UpdateBase) -> int:
        """Carry out an update; how many rows it changed."""
        return cast("CursorResult[Any]", self.session.execute(statement)).rowcount

    def incident(self, incident: str) -> IncidentRow:
        """The incident's row, locked until the transaction ends. Raises NotInLedger."""
        return _found(self.session.get(IncidentRow, incident, with_for_update=True), incident)


class Store:
    """A ledger database with the keys to it."""

    def __init__(self, url: str, keys: Keys, anchor: Path | None = None) -> None:
        self.engine = connect(url)
        self.keys = keys
        self._chain = Chain(keys.audit, anchor)
        self._seals: dict[str, Seal] = {}
        self._memory = Memory()

    def check_key(self) -> None:
        """Refuse to work with another master key than the ledger's own. Raises KeyMissing."""
        with self.read() as session:
            row = session.get(KeyCheckRow, 1) or self._first_check()
        if row.mac != self.keys.check():
            raise KeyMissing("this master key is not the one that the ledger was written with")

    def _first_check(self) -> KeyCheckRow:
        """What tells the key is stored by whoever opens the ledger first."""
        with writing(self.engine) as session:
            alone(session.connection(), SCHEMA_LOCK)
            row = session.get(KeyCheckRow, 1) or KeyCheckRow(id=1, mac=self.keys.check())
            session.add(row)
        return row

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One consistent view of the ledger."""
        with reading(self.engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Write]:
        """One transaction. Raises AlreadyInLedger when it would store a key twice."""
        try:
            with writing(self.engine) as session:
                write = Write(session, self._chain)
                yield write
        except IntegrityError as error:
            # The statement's values are personal data; only the constraint may be told.
            raise AlreadyInLedger(f"the ledger refuses this: {type(error.orig).__name__}") from None
        if write.head:
            self._chain.keep(write.head)

    def seal(self, session: Session, incident: str) -> Seal:
        """The seal that this incident's personal data is written with. Raises NotInLedger, KeyMissing."""
        if incident not in self._seals:
            row = _found(session.get(IncidentRow, incident), incident)
            self._seals[incident] = self.keys.seal_for(incident, row.wrapped_key)
        return self._seals[incident]

    def verify_audit(self) -> tuple[str, ...]:
        """What was done to the audit chain behind the ledger's back; empty when it holds."""
        with self.read() as session:
            return self._chain.problems(session)

    def dispose(self) -> None:
        """Give back the connections."""
        self.engine.dispose()


def _found(row: IncidentRow | None, incident: str) -> IncidentRow:
    if row is None:
        raise NotInLedger(f"no incident {incident} in this ledger; `amends incident list` shows those that are")
    return row
