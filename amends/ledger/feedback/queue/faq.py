"""Questions and answers for everybody, in the ledger: propose an entry, approve it, withdraw it, read all."""

from collections.abc import Mapping
from datetime import datetime

from sqlmodel import Session, col, func, select

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.feedback.queue.faq import FaqEntry, FaqText
from amends.ledger.feedback.queue.groups import answered_in, group_row
from amends.ledger.store.session import Store
from amends.ledger.tables.feedback import FaqRow


class FaqEntries:
    """The questions and answers of each incident that everybody can read; they hold no personal data."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def propose(self, incident: str, group: int, texts: Mapping[str, FaqText], by: str, now: datetime) -> int:
        """Store an entry about a group of which somebody was answered; nobody reads it before another member approves.

        Raises NotAllowed for a group without an answer, NotInLedger.
        """
        with self._store.write() as write:
            write.incident(incident)
            group_row(write.session, incident, group)
            if answered_in(write.session, incident, group) is None:
                raise NotAllowed(f"answer group {group} first: `amends questions answer-group {incident} {group}`")
            last = write.session.exec(select(func.max(FaqRow.id)).where(FaqRow.incident == incident)).one()
            said = {locale: text.model_dump() for locale, text in texts.items()}
            row = FaqRow(incident=incident, id=(last or 0) + 1, together=group, texts=said, by=by, at=now)
            write.session.add(row)
            write.note(now, incident, "faq proposed", f"entry {row.id}", actor=by, group=group)
            return row.id

    def approve(self, incident: str, entry: int, by: str, now: datetime) -> None:
        """Make an entry public, by another member than its writer; an earlier entry about the group is withdrawn.

        Raises NotAllowed, NotInLedger.
        """
        with self._store.write() as write:
            write.incident(incident)
            row = _row(write.session, incident, entry)
            if row.approved_at or row.withdrawn_at:
                raise NotAllowed(f"entry {entry} is {_entry(row).state} already")
            if row.by == by:
                raise NotAllowed(f"{by} wrote entry {entry}; another member must approve it")
            for earlier in _rows(write.session, incident):
                if earlier.together == row.together and _entry(earlier).is_public:
                    earlier.withdrawn_by, earlier.withdrawn_at = by, now
            row.approved_by, row.approved_at = by, now
            write.note(now, incident, "faq approved", f"entry {entry}", actor=by)

    def withdraw(self, incident: str, entry: int, by: str, now: datetime) -> None:
        """Take an entry off the page, or drop a proposed one. Raises NotAllowed, NotInLedger."""
        with self._store.write() as write:
            write.incident(incident)
            row = _row(write.session, incident, entry)
            if row.withdrawn_at:
                raise NotAllowed(f"entry {entry} is withdrawn already")
            row.withdrawn_by, row.withdrawn_at = by, now
            write.note(now, incident, "faq withdrawn", f"entry {entry}", actor=by)

    def all(self, incident: str) -> tuple[FaqEntry, ...]:
        """Return all entries of an incident, the first one first."""
        with self._store.read() as session:
            return tuple(map(_entry, _rows(session, incident)))

    def public(self, incident: str) -> tuple[FaqEntry, ...]:
        """Return the entries that everybody can read, the newest first."""
        return tuple(reversed([one for one in self.all(incident) if one.is_public]))


def _rows(session: Session, incident: str) -> list[FaqRow]:
    return list(session.exec(select(FaqRow).where(FaqRow.incident == incident).order_by(col(FaqRow.id))))


def _row(session: Session, incident: str, entry: int) -> FaqRow:
    row = session.get(FaqRow, (incident, entry))
    if row is None:
        raise NotInLedger(f"incident {incident} has no entry {entry}; `amends faq list {incident}`")
    return row


def _entry(row: FaqRow) -> FaqEntry:
    return row.as_value(FaqEntry)
