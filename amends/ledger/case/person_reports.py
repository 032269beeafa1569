"""Reports from personal pages in the ledger: store one with its hold, and carry out a member's decision on it."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col, func, select

from amends.domain.base.errors import KeyMissing, NotAllowed, NotInLedger
from amends.domain.base.text import day
from amends.domain.channel.message import ReceiptCause
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.notice.notice import DeliveryState
from amends.domain.people.report import LONGEST_REPORT, NewReport, PageReportKind, PageReportState, PersonReport
from amends.ledger.deliver.cascade import reopen
from amends.ledger.deliver.decisions import put_in_place
from amends.ledger.incident.incidents import note_alert
from amends.ledger.notice.notices import Notices, notice_row
from amends.ledger.notice.redirects import redirect
from amends.ledger.people.holds import REPORTED_HOLDS, end_hold, hold_reader
from amends.ledger.people.links import links_held, renew_links
from amends.ledger.people.opt_outs import reader_of
from amends.ledger.people.people import PARTS, SEPARATOR, contact_indexes, contact_place, link_index, opened_row
from amends.ledger.people.shared_mailboxes import free_without_copy
from amends.ledger.store.encryption import Seal
from amends.ledger.store.session import Store, Transaction
from amends.ledger.store.sums import changing_these
from amends.ledger.tables.declared import place
from amends.ledger.tables.deliver import DeliveryRow
from amends.ledger.tables.notice import NoticeRow, ReleaseRow
from amends.ledger.tables.people import PersonReportRow, PersonRow

EMAIL, PHONE = 2, 3
"""The places of email and phone among the parts of the contact data."""
HELD_FOR = tuple(ReceiptCause(hold.value) for hold in REPORTED_HOLDS)


class PersonReports:
    """The reports of people that a message is for somebody else, or that an address is outdated."""

    def __init__(self, store: Store, notices: Notices) -> None:
        self._store, self._notices = store, notices

    def add(self, incident: str, new: NewReport, now: datetime) -> int:
        """Store a report, hold all messages to the person's reader, and return the report's id.

        The same form again, and a second report of a kind while one is open, change nothing. Raises NotInLedger, and
        NotAllowed for an overlong text.
        """
        if len(new.text) > LONGEST_REPORT:
            raise NotAllowed(f"a report has at most {LONGEST_REPORT} characters")
        with self._store.write() as write:
            write.incident(incident)
            if (known := _known(write.session, incident, new)) is not None:
                return known
            last = write.session.exec(
                select(func.max(PersonReportRow.id)).where(PersonReportRow.incident == incident)
            ).one()
            number = (last or 0) + 1
            said = json.dumps([new.text, new.email, new.phone])
            sealed = self._store.seal(write.session, incident).close(said, report_place(incident, number, "said"))
            write.session.add(
                PersonReportRow(
                    incident=incident,
                    id=number,
                    once=new.once,
                    person=new.person,
                    kind=new.kind.value,
                    locale=new.locale,
                    sealed_said=sealed,
                    state=PageReportState.OPEN.value,
                    at=now,
                )
            )
            held = hold_reader(write.session, incident, new.person, new.kind.hold, now)
            self._follow(write.session, incident, free_without_copy(write.session, incident), now)
            write.note(now, incident, "reported", f"report {number}", kind=new.kind, by_person=new.person, held=held)
            note_alert(write, incident, _waits(incident, now))
            return number

    def all(self, incident: str, *, person: int | None = None, open_only: bool = False) -> tuple[PersonReport, ...]:
        """Return the reports, the earliest first; words that were altered or moved are empty. Raises NotInLedger."""
        query = select(PersonReportRow).where(PersonReportRow.incident == incident).order_by(col(PersonReportRow.id))
        if person is not None:
            query = query.where(PersonReportRow.person == person)
        if open_only:
            query = query.where(PersonReportRow.state == PageReportState.OPEN)
        with self._store.read() as session:
            seal = self._store.seal(session, incident)
            return tuple(_report(row, seal) for row in session.exec(query))

    def get(self, incident: str, report: int) -> PersonReport:
        """Return one report. Raises NotInLedger."""
        with self._store.read() as session:
            return _report(_row(session, incident, report), self._store.seal(session, incident))

    def accept(self, incident: str, report: int, words: str, by: str, now: datetime) -> int:
        """Accept an open report, and return how many messages wait now.

        An outdated address is replaced by the new one, and what was held goes there; without a new address the hold
        stays. Of a wrong person the link stops working, and the hold stays until a corrected list says who is meant.
        The words are those for the person. Raises NotAllowed, NotInLedger.
        """
        with self._store.write() as write:
            row = self._decide(write, incident, report, PageReportState.ACCEPTED, words, by, now)
            if row.kind == PageReportKind.WRONG_PERSON:
                self._end_link(write.session, incident, row.person)
                return 0
            said = _report(row, self._store.seal(write.session, incident))
            if not (said.email or said.phone):
                return 0
            fields = self._correct(write.session, incident, row.person, said)
            write.note(now, incident, "address corrected", f"person {row.person}", actor=by, fields=fields)
            return self._let_go(write, incident, row.person, now)

    def refuse(self, incident: str, report: int, words: str, by: str, now: datetime) -> int:
        """Refuse an open report, end its hold, and return how many messages wait now; the words are for the person.

        Raises NotAllowed without words, NotInLedger.
        """
        if not words.strip():
            raise NotAllowed("a refusal needs words for the person")
        with self._store.write() as write:
            row = self._decide(write, incident, report, PageReportState.REFUSED, words, by, now)
            return self._let_go(write, incident, row.person, now)

    def _decide(
        self, write: Transaction, incident: str, report: int, state: PageReportState, words: str, by: str, now: datetime
    ) -> PersonReportRow:
        if len(words) > LONGEST_REPORT:
            raise NotAllowed(f"the words for the person have at most {LONGEST_REPORT} characters")
        write.incident(incident)
        row = _row(write.session, incident, report, locked=True)
        if row.state != PageReportState.OPEN:
            raise NotAllowed(f"report {report} was {row.state} already, by {row.decided_by}")
        seal = self._store.seal(write.session, incident)
        row.state, row.decided_by, row.decided_at = state.value, by, now
        row.sealed_words = seal.close(words.strip(), report_place(incident, report, "words")) if words.strip() else None
        write.session.flush()
        write.note(now, incident, f"report {state}", f"report {report}", actor=by)
        return row

    def _end_link(self, session: Session, incident: str, person: int) -> None:
        row = session.get_one(PersonRow, (incident, person))
        row.link_version += 1
        row.link_index = link_index(self._store.keys.link_token(incident, person, row.link_version))

    def _correct(self, session: Session, incident: str, person: int, said: PersonReport) -> list[str]:
        """Put the new addresses in place of the reader's, and renew links that somebody has at the old ones."""
        row, seal = reader_of(session, incident, person), self._store.seal(session, incident)
        number, home = row.number, (row.data, row.country, row.region, row.timezone)
        parts = opened_row(incident, number, row.sealed, seal, home)
        parts[EMAIL], parts[PHONE] = said.email or parts[EMAIL], said.phone or parts[PHONE]
        _, email, phone, *_ = contact_indexes(self._store.keys, incident, parts[:PARTS])
        sealed = seal.close(SEPARATOR.join(parts), contact_place(incident, number, *home))
        held = links_held(session, incident, [number])
        with changing_these(session, "person", (incident,), "number", {number, *held}):
            here = (col(PersonRow.incident) == incident, col(PersonRow.number) == number)
            values = {"sealed": sealed, "email_index": email, "phone_index": phone}
            session.execute(update(PersonRow).where(*here).values(**values))
            renew_links(session, self._store.keys, incident, held)
        session.expire_all()
        return [name for name, given in (("email", said.email), ("phone", said.phone)) if given]

    def _let_go(self, write: Transaction, incident: str, person: int, now: datetime) -> int:
        """End the hold, and make the messages that were held for it wait; return how many wait.

        While another report of the person is open, the hold stays.
        """
        still = (PersonReportRow.incident == incident, PersonReportRow.person == person)
        query = select(PersonReportRow.id).where(*still, PersonReportRow.state == PageReportState.OPEN)
        if write.session.exec(query).first() is not None:
            return 0
        return sum(self._release(write, incident, one, now) for one in end_hold(write.session, incident, person))

    def _release(self, write: Transaction, incident: str, person: int, now: datetime) -> int:
        session, waiting = write.session, 0
        released_ones = select(ReleaseRow.notice).where(ReleaseRow.incident == incident)
        held = (
            DeliveryRow.incident == incident,
            col(DeliveryRow.notice).in_(released_ones),
            DeliveryRow.person == person,
        )
        causes = (col(DeliveryRow.state) == DeliveryState.HELD, col(DeliveryRow.cause).in_(HELD_FOR))
        notices = session.exec(select(DeliveryRow.notice).where(*held, *causes).distinct()).all()
        for released in _released(session, incident, notices):
            addenda = self._notices.addenda(session, incident)
            try:
                waiting += put_in_place(write, released, person, addenda, now)
            except NotAllowed:
                continue  # an opt-out meanwhile holds what is optional
            reopen(session, notice_row(session, incident, released.notice) or released)
        return waiting

    def _follow(self, session: Session, incident: str, freed: Sequence[int], now: datetime) -> None:
        """Write to the people whose copy for a mailbox has lost its reader."""
        if not freed:
            return
        notices = session.exec(select(ReleaseRow.notice).where(ReleaseRow.incident == incident).distinct()).all()
        for released in _released(session, incident, notices):
            draft, addenda = self._notices.drafted(released), self._notices.addenda(session, incident)
            if redirect(session, draft, released.version, addenda, sorted(freed), now, anew=True).new:
                reopen(session, notice_row(session, incident, released.notice) or released)


def reports_open(session: Session, incident: str) -> int:
    """Return how many reports wait for a decision."""
    waits = (PersonReportRow.incident == incident, PersonReportRow.state == PageReportState.OPEN)
    return session.exec(select(func.count()).select_from(PersonReportRow).where(*waits)).one()


def _released(session: Session, incident: str, notices: Iterable[str]) -> list[NoticeRow]:
    """Return the version of each of these notices that was released last."""
    last = select(ReleaseRow.notice, func.max(ReleaseRow.version)).where(
        ReleaseRow.incident == incident, col(ReleaseRow.notice).in_(list(notices))
    )
    found = session.exec(last.group_by(col(ReleaseRow.notice)).order_by(col(ReleaseRow.notice))).all()
    return [session.get_one(NoticeRow, (incident, notice, version)) for notice, version in found]


def _known(session: Session, incident: str, new: NewReport) -> int | None:
    """Return the id of the same report, or of an open one of this kind by the person."""
    here = select(PersonReportRow.id).where(PersonReportRow.incident == incident)
    theirs = (PersonReportRow.person == new.person, PersonReportRow.kind == new.kind.value)
    still_open = here.where(*theirs, PersonReportRow.state == PageReportState.OPEN)
    same = session.exec(here.where(PersonReportRow.once == new.once)).first()
    return same if same is not None else session.exec(still_open).first()


def _row(session: Session, incident: str, report: int, *, locked: bool = False) -> PersonReportRow:
    row = session.get(PersonReportRow, (incident, report), with_for_update=locked or None)
    if row is None:
        raise NotInLedger(f"incident {incident} has no report {report}; `amends reports list {incident}`")
    return row


def _waits(incident: str, now: datetime) -> Alert:
    """Return the alert of the day, so that a lead hears of many reports once."""
    what = f"people reported on {day(now)} that a message is not for them: `amends reports list {incident} --open`"
    return Alert(AlertId(AlertKind.REPORTS, window=day(now)), what, now)


def _report(row: PersonReportRow, seal: Seal) -> PersonReport:
    said = _opened(seal, row.sealed_said, report_place(row.incident, row.id, "said"))
    text, email, phone = json.loads(said) if said else ("", "", "")
    words = _opened(seal, row.sealed_words, report_place(row.incident, row.id, "words"))
    return PersonReport(
        id=row.id,
        person=row.person,
        kind=PageReportKind(row.kind),
        locale=row.locale,
        state=PageReportState(row.state),
        at=row.at,
        text=text,
        email=email,
        phone=phone,
        words=words,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
    )


def _opened(seal: Seal, sealed: bytes | None, place: str) -> str:
    try:
        return seal.open(sealed, place) if sealed else ""
    except KeyMissing:
        return ""


def report_place(incident: str, report: int, column: str) -> str:
    """Return the place for which a column of a report is sealed."""
    return place("person_report", column, incident, report)
