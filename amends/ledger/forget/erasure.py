"""Erasure of one person on request: nobody can tell any more who it was, and that the person was told stays proven."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from amends.domain.base.errors import NotAllowed
from amends.domain.claim.claim import ClaimState
from amends.domain.people.access_request import RequestState
from amends.domain.people.report import PageReportState
from amends.domain.team.member import Member
from amends.domain.team.vote import to_act, why_not_together
from amends.ledger.deliver.deliveries import Deliveries
from amends.ledger.forget.people import forget_people, in_hand, message_keys
from amends.ledger.forget.personal import PeopleFilter, kinds_of_persons
from amends.ledger.forget.rows import files_of, forget_all
from amends.ledger.incident.legal_holds import LegalHolds
from amends.ledger.incident.tombstones import ErasedTombstone, TombstoneLines, Tombstones
from amends.ledger.outbox.outbox import key_of, name_of
from amends.ledger.people.people import person_row
from amends.ledger.store.session import ENGINE, Store, Transaction
from amends.ledger.tables.claim import CompensationClaimRow
from amends.ledger.tables.deliver import DeliveryRow, LeaseRow
from amends.ledger.tables.feedback import OutgoingRow
from amends.ledger.tables.incident import ErasedPersonRow
from amends.ledger.tables.people import AccessRequestRow, PersonReportRow, PersonRow

BEING_SENT = "a message to person {person} is being sent right now: do the same again in two minutes"


@dataclass(frozen=True, slots=True)
class PersonFiles:
    """The files of a person outside the database."""

    messages: frozenset[str]
    """The keys of the person's messages, by which outboxes name their files."""
    attachments: tuple[str, ...]
    """The paths in the home of the person's sealed files."""


class Erasure:
    """The erasure of single persons."""

    def __init__(self, store: Store, deliveries: Deliveries, holds: LegalHolds, tombstones: Tombstones) -> None:
        self._store = store
        self._deliveries = deliveries
        self._holds = holds
        self._tombstones = tombstones

    def files_of(self, incident: str, person: int) -> PersonFiles:
        """Return the person's files outside the database, which whoever erases the person deletes first."""
        with self._store.read() as session:
            keys = set(message_keys(session, self._store.keys, incident, [person]))
            theirs = (OutgoingRow.incident == incident, OutgoingRow.person == person)
            for row in session.exec(select(OutgoingRow).where(*theirs)):
                keys.add(key_of(self._store.keys, name_of(row)))
            return PersonFiles(
                frozenset(keys), tuple(files_of(session, PeopleFilter(incident, person), *kinds_of_persons()))
            )

    def refuse(self, incident: str, person: int, first: Member, second: Member) -> None:
        """Raise NotAllowed when these two may not erase the person, or when a hold or an open request keeps them.

        Raises NotInLedger, LedgerRestored.
        """
        if refusal := why_not_together(first, second, to_act("erase a person")):
            raise NotAllowed(refusal)
        with self._store.read() as session:
            self._store.refuse_if_restored(session)
            self._refuse_kept(session, incident, person)

    def erase(self, incident: str, person: int, first: Member, second: Member, now: datetime) -> None:
        """Erase a person whom two members want erased; for a person who was erased before, nothing changes.

        What stays is that somebody was told: notice, version, time, channel and state of each message. Raises as
        `refuse` does, NotAllowed while a message to the person is in hand, and LedgerUnavailable when the person is
        erased, but old pages of the ledger's file may still hold them.
        """
        self.refuse(incident, person, first, second)
        self._recover(incident, now)
        self._erase(incident, person, now, first.name, second.name)

    def _recover(self, incident: str, now: datetime) -> None:
        """Take back the messages of workers that have died."""
        with self._store.read() as session:
            notices = session.exec(select(LeaseRow.notice).where(LeaseRow.incident == incident).distinct()).all()
        for notice in notices:
            self._deliveries.recover(incident, notice, now)

    def _erase(self, incident: str, person: int, now: datetime, by: str, second: str) -> None:
        with self._store.write() as write:
            write.incident(incident)
            self._refuse_kept(write.session, incident, person)
            if second and in_hand(write.session, incident, [person]):
                raise NotAllowed(BEING_SENT.format(person=person))
            row = person_row(write.session, incident, person)
            known = write.session.get(ErasedPersonRow, (incident, person))
            if known is None:
                known = self._erase_in(write, row, now, by, second)
        self._tombstones.add(TombstoneLines(erased=frozenset({_tombstone(known)})))
        self._store.leave_no_old_pages(f"person {person} of {incident} is erased")

    def _erase_in(self, write: Transaction, row: PersonRow, now: datetime, by: str, second: str) -> ErasedPersonRow:
        """Erase the person in this transaction, and return the line of the suppression list."""
        incident, person = row.incident, row.number
        line = ErasedPersonRow(incident=incident, person=person, ref_index=row.ref_index, by=by, second=second, at=now)
        write.session.expunge(row)
        write.session.add(line)
        seal, whose = self._store.seal(write.session, incident), PeopleFilter(incident, person)
        rows = sum(forget_all(write, seal, whose, kind, now, by) for kind in sorted(kinds_of_persons()))
        forget_people(write, self._store.keys, seal, incident, [person], now)
        sent = select(func.count()).where(DeliveryRow.incident == incident, DeliveryRow.person == person)
        kept = write.session.exec(sent).one()
        write.note(now, incident, "person erased", f"person {person}", actor=by, second=second, rows=rows, kept=kept)
        return line

    def _refuse_kept(self, session: Session, incident: str, person: int) -> None:
        """Raise NotAllowed when the person is under hold, or waits for a decision; NotInLedger."""
        person_row(session, incident, person)
        self._holds.refuse_held(session, incident, person)
        self._refuse_undecided(session, incident, person)

    @staticmethod
    def _refuse_undecided(session: Session, incident: str, person: int) -> None:
        """Raise NotAllowed while a report, a request or a claim of the person is open: the person is owed a word."""
        report = (PersonReportRow.incident == incident, PersonReportRow.person == person)
        request = (AccessRequestRow.incident == incident, AccessRequestRow.person == person)
        open_report = select(PersonReportRow.id).where(*report, PersonReportRow.state == PageReportState.OPEN)
        open_request = select(AccessRequestRow.id).where(*request, AccessRequestRow.state == RequestState.OPEN)
        open_claim = select(CompensationClaimRow.id).where(
            CompensationClaimRow.incident == incident,
            CompensationClaimRow.person == person,
            col(CompensationClaimRow.state).in_([state.value for state in ClaimState if state.is_open]),
        )
        for what, query in (("reports", open_report), ("requests", open_request), ("claims", open_claim)):
            if (number := session.exec(query.limit(1)).first()) is not None:
                listed = f"`amends {what} list {incident} --open`"
                raise NotAllowed(f"decide first on {what[:-1]} {number} of this person: {listed}")

    def refuse_kept(self, incident: str, person: int) -> None:
        """Raise NotAllowed when the person is under hold, or waits for a decision; NotInLedger."""
        with self._store.read() as session:
            self._refuse_kept(session, incident, person)

    def erased(self, incident: str) -> dict[int, datetime]:
        """Return the people who were erased on request, each with the time, by number."""
        with self._store.read() as session:
            query = select(ErasedPersonRow.person, ErasedPersonRow.at).where(ErasedPersonRow.incident == incident)
            return dict(session.exec(query.order_by(col(ErasedPersonRow.person))).all())

    def number_of(self, incident: str, ref: str) -> int | None:
        """Return the number of the erased person who had this reference of the company's, or None."""
        wanted = self._store.keys.index(incident, "ref", ref)
        with self._store.read() as session:
            here = (ErasedPersonRow.incident == incident, ErasedPersonRow.ref_index == wanted)
            return session.exec(select(ErasedPersonRow.person).where(*here)).first()

    def again(self, incident: str, person: int, at: datetime) -> None:
        """Erase again a person whom a restored backup has brought back. Raises NotAllowed while a hold keeps them.

        Messages that a worker had in hand at the backup stay so; without an address none of them leaves.
        """
        self._erase(incident, person, at, ENGINE, "")

    def noted(self, session: Session) -> TombstoneLines:
        """Return the erased persons of the ledger as lines of the file of tombstones."""
        return TombstoneLines(erased=frozenset(map(_tombstone, session.exec(select(ErasedPersonRow)))))


def _tombstone(row: ErasedPersonRow) -> ErasedTombstone:
    return ErasedTombstone(row.incident, row.person, row.ref_index.hex(), row.at)
