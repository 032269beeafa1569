"""Requests of people for their data in the ledger: store one, approve it with a dossier, or refuse it with a reason."""

from datetime import datetime

from sqlmodel import Session, col, func, select

from amends.domain.base.errors import KeyMissing, NotAllowed, NotInLedger
from amends.domain.base.text import day
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.people.access_request import OFFERED_FOR, AccessRequest, RequestCounts, RequestState, one_month_after
from amends.domain.people.report import LONGEST_REPORT, PageReportKind, PageReportState
from amends.domain.team.member import Member
from amends.ledger.incident.incidents import note_alert
from amends.ledger.people.people import person_row
from amends.ledger.store.encryption import Seal
from amends.ledger.store.session import Store, must_approve
from amends.ledger.tables.declared import place
from amends.ledger.tables.people import AccessRequestRow, PersonReportRow


class AccessRequests:
    """The requests of people for their data."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, incident: str, person: int, locale: str, once: str, now: datetime) -> int:
        """Store a request, and return its id; the same form again, and a second open request, change nothing.

        Raises NotInLedger.
        """
        with self._store.write() as write:
            write.incident(incident)
            person_row(write.session, incident, person)
            if (known := _known(write.session, incident, person, once)) is not None:
                return known
            query = select(func.max(AccessRequestRow.id)).where(AccessRequestRow.incident == incident)
            number = (write.session.exec(query).one() or 0) + 1
            due = one_month_after(now)
            write.session.add(
                AccessRequestRow(
                    incident=incident,
                    id=number,
                    once=once,
                    person=person,
                    locale=locale,
                    state=RequestState.OPEN.value,
                    at=now,
                    due_at=due,
                )
            )
            write.note(now, incident, "data requested", f"request {number}", by_person=person, due=due.isoformat())
            note_alert(write, incident, _waits(incident, now))
            return number

    def all(self, incident: str, *, person: int | None = None, open_only: bool = False) -> tuple[AccessRequest, ...]:
        """Return the requests, the one due first in front; a reason that was altered or moved is empty."""
        query = select(AccessRequestRow).where(AccessRequestRow.incident == incident)
        if person is not None:
            query = query.where(AccessRequestRow.person == person)
        if open_only:
            query = query.where(AccessRequestRow.state == RequestState.OPEN)
        with self._store.read() as session:
            seal = self._store.seal(session, incident)
            rows = session.exec(query.order_by(col(AccessRequestRow.due_at), col(AccessRequestRow.id)))
            return tuple(_request(row, seal) for row in rows)

    def get(self, incident: str, request: int) -> AccessRequest:
        """Return one request. Raises NotInLedger."""
        with self._store.read() as session:
            return _request(_row(session, incident, request), self._store.seal(session, incident))

    def why_not_approve(self, incident: str, request: int) -> str:
        """Return why nobody may approve the request now, or ""; raises NotInLedger."""
        with self._store.read() as session:
            return _why_not(session, _row(session, incident, request))

    def approve(self, incident: str, request: int, file: str, by: Member, now: datetime) -> datetime:
        """Approve an open request with the file of the dossier, and return until when the person's page offers it.

        Raises NotAllowed, also while somebody says that the link has reached a wrong person; NotInLedger.
        """
        must_approve(by, "hand out a dossier")
        with self._store.write() as write:
            write.incident(incident)
            row = _row(write.session, incident, request, locked=True)
            if why := _why_not(write.session, row):
                raise NotAllowed(why)
            seal = self._store.seal(write.session, incident)
            row.sealed_file = seal.close(file, request_place(incident, request, "file"))
            row.state, row.decided_by, row.decided_at = RequestState.APPROVED.value, by.name, now
            row.offered_until = until = now + OFFERED_FOR
            write.note(now, incident, "data request approved", f"request {request}", actor=by.name)
            return until

    def refuse(self, incident: str, request: int, words: str, by: Member, now: datetime) -> None:
        """Refuse an open request with a reason in words for the person. Raises NotAllowed, NotInLedger."""
        must_approve(by, "refuse a request for data")
        if not words.strip() or len(words) > LONGEST_REPORT:
            raise NotAllowed(f"a refusal needs a reason of 1 to {LONGEST_REPORT} characters")
        with self._store.write() as write:
            write.incident(incident)
            row = _row(write.session, incident, request, locked=True)
            if row.state != RequestState.OPEN:
                raise NotAllowed(_decided(row))
            seal = self._store.seal(write.session, incident)
            row.sealed_words = seal.close(words.strip(), request_place(incident, request, "words"))
            row.state, row.decided_by, row.decided_at = RequestState.REFUSED.value, by.name, now
            write.note(now, incident, "data request refused", f"request {request}", actor=by.name)

    def offered(self, incident: str, person: int, now: datetime) -> str:
        """Return the file of the person's latest dossier as long as it is offered, or "". Raises KeyMissing."""
        query = select(AccessRequestRow).where(
            AccessRequestRow.incident == incident,
            AccessRequestRow.person == person,
            AccessRequestRow.state == RequestState.APPROVED,
        )
        with self._store.read() as session:
            row = session.exec(query.order_by(col(AccessRequestRow.id).desc()).limit(1)).first()
            if row is None or row.sealed_file is None or row.offered_until is None or now >= row.offered_until:
                return ""
            return self._store.seal(session, incident).open(row.sealed_file, request_place(incident, row.id, "file"))

    def clear(self, incident: str, now: datetime) -> int:
        """Delete the dossiers that are not offered any more, and return how many."""
        over = (
            AccessRequestRow.incident == incident,
            col(AccessRequestRow.sealed_file).is_not(None),
            col(AccessRequestRow.offered_until) <= now,
        )
        with self._store.read() as session:
            if session.exec(select(AccessRequestRow.id).where(*over).limit(1)).first() is None:
                return 0
        with self._store.write() as write:
            write.incident(incident)
            rows = write.session.exec(select(AccessRequestRow).where(*over).with_for_update()).all()
            for row in rows:
                row.sealed_file = None
                write.note(now, incident, "dossier removed", f"request {row.id}")
            return len(rows)


def request_counts(session: Session, incident: str, now: datetime | None) -> RequestCounts:
    """Return the open requests in numbers; without `now`, none counts as overdue."""
    waits = (AccessRequestRow.incident == incident, AccessRequestRow.state == RequestState.OPEN)
    due = session.exec(select(AccessRequestRow.due_at).where(*waits)).all()
    late = sum(one < now for one in due) if now else 0
    return RequestCounts(open=len(due), overdue=late, due_at=min(due, default=None))


def _why_not(session: Session, row: AccessRequestRow) -> str:
    if row.state != RequestState.OPEN:
        return _decided(row)
    here = (PersonReportRow.incident == row.incident, PersonReportRow.person == row.person)
    wrong = (PersonReportRow.kind == PageReportKind.WRONG_PERSON, PersonReportRow.state == PageReportState.OPEN)
    if session.exec(select(PersonReportRow.id).where(*here, *wrong)).first() is None:
        return ""
    return (
        f"the reader of person {row.person}'s page says that it is somebody else's: decide on that first, "
        f"`amends reports list {row.incident} --open`"
    )


def _decided(row: AccessRequestRow) -> str:
    return f"request {row.id} was {row.state} already, by {row.decided_by}"


def _known(session: Session, incident: str, person: int, once: str) -> int | None:
    here = select(AccessRequestRow.id).where(AccessRequestRow.incident == incident)
    still_open = here.where(AccessRequestRow.person == person, AccessRequestRow.state == RequestState.OPEN)
    same = session.exec(here.where(AccessRequestRow.once == once)).first()
    return same if same is not None else session.exec(still_open).first()


def _row(session: Session, incident: str, request: int, *, locked: bool = False) -> AccessRequestRow:
    row = session.get(AccessRequestRow, (incident, request), with_for_update=locked or None)
    if row is None:
        raise NotInLedger(f"incident {incident} has no request {request}; `amends requests list {incident}`")
    return row


def _waits(incident: str, now: datetime) -> Alert:
    """Return the alert of the day, so that a lead hears of many requests once."""
    what = f"people asked for their data on {day(now)}: `amends requests list {incident} --open`"
    return Alert(AlertId(AlertKind.DATA_REQUESTS, window=day(now)), what, now)


def _request(row: AccessRequestRow, seal: Seal) -> AccessRequest:
    return AccessRequest(
        id=row.id,
        person=row.person,
        locale=row.locale,
        state=RequestState(row.state),
        at=row.at,
        due_at=row.due_at,
        words=_opened(seal, row),
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        offered_until=row.offered_until if row.sealed_file else None,
    )


def _opened(seal: Seal, row: AccessRequestRow) -> str:
    try:
        return seal.open(row.sealed_words, request_place(row.incident, row.id, "words")) if row.sealed_words else ""
    except KeyMissing:
        return ""


def request_place(incident: str, request: int, column: str) -> str:
    """Return the place for which a column of a request is sealed."""
    return place("access_request", column, incident, request)
