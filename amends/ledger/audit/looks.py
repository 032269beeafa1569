"""Looks in the ledger: record who was shown personal data or questions, and list such looks."""

from sqlalchemy import select as sql
from sqlmodel import col

from amends.domain.team.look import LOOKED, SHOWING, Look, look_of
from amends.ledger.audit.audit import as_entry, entry_columns
from amends.ledger.store.chain import IN_PAGES
from amends.ledger.store.session import Store
from amends.ledger.tables.audit import AuditRow


class Looks:
    """The looks at personal data of the ledger, each an entry of the audit chain with ids and numbers alone."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def note(self, incident: str, look: Look) -> None:
        """Record a look before its data is shown. Raises LedgerUnavailable: then nothing may be shown."""
        person = {} if look.person is None else {"person": look.person}
        with self._store.write() as write:
            write.note(look.at, incident, LOOKED, look.about, actor=look.by, verb=look.verb, count=look.count, **person)

    def all(self, incident: str) -> tuple[Look, ...]:
        """Return every look at people of the incident, the oldest first; with an empty name, those at no incident."""
        wanted = (col(AuditRow.incident) == incident, col(AuditRow.act).in_(SHOWING))
        query = sql(*entry_columns()).where(*wanted).order_by(col(AuditRow.seq))
        with self._store.read() as session:
            found = [as_entry(*row) for row in session.execute(query, execution_options=IN_PAGES)]
        return tuple(look_of(one.at, one.actor, one.act, one.subject, one.detail) for one in found)
