"""Refused attempts in the ledger: record who called what is not for their role, and list such calls."""

from datetime import UTC, datetime, time, timedelta

from sqlalchemy import select as sql
from sqlmodel import Session, col, select

from amends.domain.team.refused import REFUSED, RefusedAttempt
from amends.ledger.audit.audit import as_entry, entry_columns
from amends.ledger.store.chain import IN_PAGES
from amends.ledger.store.database import CHAIN_LOCK, lock_exclusive
from amends.ledger.store.session import Store
from amends.ledger.tables.audit import AuditRow
from amends.ledger.tables.incident import IncidentRow


class RefusedAttempts:
    """The refused attempts of the ledger, each an entry of the audit chain."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def note(self, attempt: RefusedAttempt) -> None:
        """Record an attempt, once for each member, verb and day, so that repeating it fills no disk.

        An incident that the ledger does not know is left out: the word may be anything. Raises LedgerUnavailable.
        """
        with self._store.read() as session:
            if _is_known(session, attempt):
                return
        with self._store.write() as write:
            lock_exclusive(write.session.connection(), CHAIN_LOCK)  # two calls at once give one entry
            if not _is_known(write.session, attempt):
                incident = attempt.incident if write.session.get(IncidentRow, attempt.incident) else ""
                write.note(attempt.at, incident, REFUSED, attempt.verb, actor=attempt.by, role=attempt.role)

    def all(self, incident: str = "") -> tuple[RefusedAttempt, ...]:
        """Return the refused attempts at one incident, or without a name all there are, the oldest first."""
        wanted = (col(AuditRow.act) == REFUSED, *((col(AuditRow.incident) == incident,) if incident else ()))
        query = sql(*entry_columns()).where(*wanted).order_by(col(AuditRow.seq))
        with self._store.read() as session:
            found = [as_entry(*row) for row in session.execute(query, execution_options=IN_PAGES)]
        return tuple(
            RefusedAttempt(
                at=one.at, incident=one.incident, by=one.actor, role=str(one.detail["role"]), verb=one.subject
            )
            for one in found
        )


def _is_known(session: Session, attempt: RefusedAttempt) -> bool:
    """Return True when the chain has an attempt of this member at this verb on the same day in UTC."""
    begin = datetime.combine(attempt.at.astimezone(UTC), time(), UTC)
    same = (AuditRow.act == REFUSED, AuditRow.actor == attempt.by, AuditRow.subject == attempt.verb)
    that_day = (AuditRow.at >= begin, AuditRow.at < begin + timedelta(days=1))
    return session.exec(select(AuditRow.seq).where(*same, *that_day).limit(1)).first() is not None
