"""Legal holds in the ledger: give one, lift it, and refuse to forget what is under one."""

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, col, func, select

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.forget.hold import LONGEST_REASON, LegalHold, why_kept
from amends.domain.team.member import Member
from amends.ledger.incident.tombstones import HoldTombstone, TombstoneLines, Tombstones
from amends.ledger.people.people import person_row
from amends.ledger.store.session import Store, must_approve
from amends.ledger.tables.incident import LegalHoldRow


class LegalHolds:
    """The legal holds of all incidents."""

    def __init__(self, store: Store, tombstones: Tombstones) -> None:
        self._store = store
        self._tombstones = tombstones

    def give(self, incident: str, person: int | None, reason: str, by: Member, now: datetime) -> int:
        """Put a person, or with None the whole case, under hold, and return the hold's id.

        Raises NotAllowed for a member who may not approve and for a reason that is empty or too long, NotInLedger,
        DataDestroyed.
        """
        must_approve(by, "put anything under hold")
        reason = _checked(reason)
        with self._store.write() as write:
            write.incident(incident)
            if person is not None:
                person_row(write.session, incident, person)
            lost = [hold.id for hold in self._tombstones.read().holds if hold.incident == incident]
            number = max((_last(write.session, incident), *lost)) + 1
            write.session.add(
                LegalHoldRow(incident=incident, id=number, person=person, reason=reason, by=by.name, at=now)
            )
            write.note(now, incident, "hold given", f"hold {number}", actor=by.name, of_person=person)
        self._tombstones.add(TombstoneLines(holds=frozenset({HoldTombstone(incident, number, person or 0)})))
        return number

    def lift(self, incident: str, hold: int, reason: str, by: Member, now: datetime) -> None:
        """Lift a hold. A hold that only the file beside the ledger knows is recorded as lifted, too.

        Raises NotAllowed as `give` does and when the hold was lifted before, NotInLedger.
        """
        must_approve(by, "lift a hold")
        reason = _checked(reason)
        with self._store.write() as write:
            write.incident(incident)
            row = write.session.get(LegalHoldRow, (incident, hold), with_for_update=True)
            row = row or self._lost(write.session, incident, hold, now)
            if row.lifted_at is not None:
                raise NotAllowed(f"hold {hold} was lifted on {row.lifted_at:%Y-%m-%d} by {row.lifted_by}")
            row.lifted_by, row.lifted_at, row.lifted_why = by.name, now, reason
            write.note(now, incident, "hold lifted", f"hold {hold}", actor=by.name, of_person=row.person)
        self._tombstones.add(TombstoneLines(lifted=frozenset({(incident, hold)})))

    def _lost(self, session: Session, incident: str, hold: int, now: datetime) -> LegalHoldRow:
        """Store and return the row of a hold that the ledger lacks since a backup was restored. Raises NotInLedger."""
        known = {one.id: one for one in self._tombstones.read().holds_of(incident)}
        if hold not in known:
            raise NotInLedger(f"incident {incident} has no hold {hold}; `amends forget holds {incident}` lists them")
        person = known[hold].person or None
        row = LegalHoldRow(incident=incident, id=hold, person=person, reason="", by="", at=now)
        session.add(row)
        return row

    def all(self, incident: str) -> tuple[LegalHold, ...]:
        """Return the holds of an incident, lifted ones too, the first one first."""
        with self._store.read() as session:
            return self.all_in(session, incident)

    def all_in(self, session: Session, incident: str) -> tuple[LegalHold, ...]:
        """Return the same in the caller's view of the ledger."""
        noted = self._tombstones.read()
        query = select(LegalHoldRow).where(LegalHoldRow.incident == incident).order_by(col(LegalHoldRow.id))
        known = [LegalHold.model_validate(row, from_attributes=True) for row in session.exec(query)]
        ids = {hold.id for hold in known}
        lost = [one for one in noted.holds_of(incident) if one.id not in ids]
        return (*known, *(LegalHold(id=one.id, person=one.person or None) for one in lost))

    def refuse_held(self, session: Session, incident: str, person: int | None = None) -> None:
        """Raise NotAllowed when the person, or for None anything of the case, is under hold."""
        if hold := why_kept(self.all_in(session, incident), person):
            because = f": {hold.reason}" if hold.reason else ""
            raise NotAllowed(
                f"{incident} is kept: {hold.in_words}{because}; `amends forget lift {incident} {hold.id}` ends the hold"
            )

    def noted(self, session: Session) -> TombstoneLines:
        """Return the holds of the ledger as lines of the file of tombstones."""
        rows = session.exec(select(LegalHoldRow)).all()
        return TombstoneLines(
            holds=frozenset(_line(rows)), lifted=frozenset((r.incident, r.id) for r in rows if r.lifted_at)
        )


def _line(rows: Iterable[LegalHoldRow]) -> Iterable[HoldTombstone]:
    return (HoldTombstone(row.incident, row.id, row.person or 0) for row in rows)


def _checked(reason: str) -> str:
    """Return the reason without blanks around it. Raises NotAllowed when it is empty or too long."""
    if not (said := reason.strip()) or len(said) > LONGEST_REASON:
        raise NotAllowed(f"say why in 1 to {LONGEST_REASON} characters, without naming the person")
    return said


def _last(session: Session, incident: str) -> int:
    return session.exec(select(func.max(LegalHoldRow.id)).where(LegalHoldRow.incident == incident)).one() or 0
