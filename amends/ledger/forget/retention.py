"""Retention: what of a case goes when, and the forgetting of each kind of data whose time is over."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlmodel import Session, col, func, select

from amends.domain.base.errors import NotAllowed
from amends.domain.case.states import IncidentState
from amends.domain.case.views.closing import ClosingView
from amends.domain.closing.closing import still_needed
from amends.domain.forget.hold import LegalHold, people_held, whole_case_held
from amends.domain.forget.plan import Forgotten, PlannedForgetting, plan_of
from amends.domain.forget.retention import DataKind, Retention
from amends.domain.incident.event_kind import DESTROYED, EventKind
from amends.domain.people.person import Hold
from amends.domain.team.member import Member
from amends.ledger.feedback.survey.surveys import Surveys
from amends.ledger.forget.destruction import Destruction
from amends.ledger.forget.people import forget_people, message_keys
from amends.ledger.forget.personal import PeopleFilter
from amends.ledger.forget.rows import files_of, forget_rows
from amends.ledger.incident.legal_holds import LegalHolds
from amends.ledger.incident.tombstones import KindTombstone, TombstoneLines, Tombstones
from amends.ledger.store.session import Store, must_approve
from amends.ledger.tables.audit import AuditRow
from amends.ledger.tables.incident import EventRow, ForgottenRow, RetentionDateRow
from amends.ledger.tables.people import PersonRow

PAGE = 1_000
"""The number of people who are forgotten in one transaction."""
LONGEST_REASON = 300


class Retentions:
    """The retention of all incidents."""

    def __init__(
        self, store: Store, destruction: Destruction, surveys: Surveys, holds: LegalHolds, tombstones: Tombstones
    ) -> None:
        self._store = store
        self._destruction = destruction
        self._surveys = surveys
        self._holds = holds
        self._tombstones = tombstones

    def plan(self, case: ClosingView, now: datetime) -> tuple[PlannedForgetting, ...]:
        """Return what of this case goes when, and what is kept and why."""
        incident, retention = case.incident.id, case.playbook.retention if case.playbook else Retention()
        with self._store.read() as session:
            closed = _closed_at(session, incident) if case.state is IncidentState.CLOSED else None
            own = session.get(RetentionDateRow, incident)
            done, holds = forgotten(session, incident), self._holds.all_in(session, incident)
        needed = still_needed(case, now) if closed and not case.destroyed_at else ()
        return plan_of(retention, closed, own.until if own else None, _with_destroyed(done, case), holds, needed)

    def set_date(self, incident: str, until: datetime, reason: str, by: Member, now: datetime) -> None:
        """Set the incident's own day for all of its personal data, in place of an earlier one.

        Raises NotAllowed for a member who may not approve, for a day that is past and for a reason that is empty or too
        long; NotInLedger, DataDestroyed.
        """
        must_approve(by, "say how long personal data is kept")
        if until <= now:
            raise NotAllowed(f"{until:%Y-%m-%d} is past: two people destroy a case at once (`amends incident destroy`)")
        if not reason.strip() or len(reason) > LONGEST_REASON:
            raise NotAllowed(f"say why in 1 to {LONGEST_REASON} characters")
        with self._store.write() as write:
            write.incident(incident)
            row = write.session.get(RetentionDateRow, incident, with_for_update=True)
            row = row or RetentionDateRow(incident=incident, until=until, reason="", by="", at=now)
            row.until, row.reason, row.by, row.at = until, reason.strip(), by.name, now
            write.session.add(row)
            write.note(now, incident, "retention set", actor=by.name, until=until.isoformat())

    def files_to_keep(self, incident: str) -> frozenset[str]:
        """Return the keys of messages to people under hold, whose files in outboxes stay."""
        with self._store.read() as session:
            held = sorted(people_held(self._holds.all_in(session, incident)))
            return frozenset(message_keys(session, self._store.keys, incident, held))

    def files(self, incident: str, kind: DataKind) -> tuple[str, ...]:
        """Return the paths in the home of the sealed files of this kind, which the caller deletes first."""
        with self._store.read() as session:
            held = people_held(self._holds.all_in(session, incident))
            kinds = tuple(DataKind) if kind is DataKind.WHOLE_CASE else (kind,)
            return tuple(files_of(session, PeopleFilter(incident, but=held), *kinds))

    def files_listed(self, incident: str, kind: DataKind) -> frozenset[str]:
        """Return the paths in the home of the sealed files of this kind that are not forgotten."""
        with self._store.read() as session:
            return frozenset(files_of(session, PeopleFilter(incident), kind))

    def forget(self, incident: str, kind: DataKind, now: datetime, *, again: bool = False) -> None:
        """Forget this kind of data of a case, except of people under hold; a call after a crash finishes the work.

        `again` says that a restored backup has brought the data back. Raises NotAllowed while the whole case is under
        hold or its data is needed, and LedgerUnavailable as a destruction does.
        """
        if kind is DataKind.WHOLE_CASE:
            (self._destruction.again if again else self._destruction.by_retention)(incident, now)
        else:
            held = self._held(incident)
            self._forget_kind(PeopleFilter(incident, but=held), kind, now)
            self._record(incident, kind, held, now)
        self._tombstones.add(TombstoneLines(kinds=frozenset({KindTombstone(incident, kind.value, now)})))
        self._store.leave_no_old_pages(f"{kind} of {incident} are forgotten")

    def refuse_held(self, incident: str, kind: DataKind) -> None:
        """Raise NotAllowed while a hold keeps all data of this kind."""
        with self._store.read() as session:
            if kind is DataKind.WHOLE_CASE:
                self._holds.refuse_held(session, incident)
            _refuse_whole(incident, self._holds.all_in(session, incident))

    def _held(self, incident: str) -> frozenset[int]:
        """Return the people under hold. Raises NotAllowed while the whole case is under hold."""
        with self._store.read() as session:
            holds = self._holds.all_in(session, incident)
        _refuse_whole(incident, holds)
        return people_held(holds)

    def _forget_kind(self, whose: PeopleFilter, kind: DataKind, now: datetime) -> None:
        forget_rows(self._store, whose, kind, now)
        if kind is DataKind.CONTACTS:
            for page in self._people(whose):
                self._forget_people(whose, page, now)
        if kind is DataKind.SURVEY_TEXTS:
            self._surveys.forget(whose.incident)

    def _people(self, whose: PeopleFilter) -> Iterator[Sequence[int]]:
        """Yield the people who are not forgotten yet, page by page."""
        known, last = PersonRow.incident == whose.incident, 0
        while True:
            with self._store.read() as session:
                left = (col(PersonRow.number) > last, PersonRow.hold != Hold.ERASED.value)
                query = select(PersonRow.number).where(known, *left, whose.where(PersonRow.number))
                page = session.exec(query.order_by(col(PersonRow.number)).limit(PAGE)).all()
            if not page:
                return
            yield page
            last = page[-1]

    def _forget_people(self, whose: PeopleFilter, page: Sequence[int], now: datetime) -> None:
        """Forget a page of people, without those who have come under hold meanwhile."""
        with self._store.write() as write:
            write.incident(whose.incident)
            holds = self._holds.all_in(write.session, whose.incident)
            _refuse_whole(whose.incident, holds)
            left = [number for number in page if number not in people_held(holds)]
            seal = self._store.seal(write.session, whose.incident)
            forget_people(write, self._store.keys, seal, whose.incident, left, now)

    def _record(self, incident: str, kind: DataKind, held: frozenset[int], now: datetime) -> None:
        with self._store.write() as write:
            write.incident(incident)
            row = write.session.get(ForgottenRow, (incident, kind.value), with_for_update=True)
            if row and row.kept == sorted(held):
                return
            row = row or ForgottenRow(incident=incident, kind=kind.value, at=now, kept=[])
            row.at, row.kept = now, sorted(held)
            write.session.add(row)
            write.note(now, incident, "forgotten", kind.value, kept=len(held))

    def noted(self, session: Session) -> TombstoneLines:
        """Return the forgotten kinds of the ledger as lines of the file of tombstones."""
        rows = session.exec(select(ForgottenRow)).all()
        of_incidents = (EventRow.kind == EventKind.EVENT.value, EventRow.name == DESTROYED)
        destroyed = session.exec(select(EventRow.incident, EventRow.at).where(*of_incidents))
        whole = {KindTombstone(incident, DataKind.WHOLE_CASE.value, at) for incident, at in destroyed}
        return TombstoneLines(
            kinds=frozenset({*(KindTombstone(row.incident, row.kind, row.at) for row in rows), *whole})
        )


def forgotten(session: Session, incident: str) -> tuple[Forgotten, ...]:
    """Return the kinds of data of a case that were forgotten."""
    rows = session.exec(select(ForgottenRow).where(ForgottenRow.incident == incident).order_by(col(ForgottenRow.kind)))
    return tuple(Forgotten(kind=DataKind(row.kind), at=row.at, kept=tuple(row.kept)) for row in rows)


def _with_destroyed(done: Sequence[Forgotten], case: ClosingView) -> Sequence[Forgotten]:
    return (*done, Forgotten(kind=DataKind.WHOLE_CASE, at=case.destroyed_at)) if case.destroyed_at else done


def _refuse_whole(incident: str, holds: Sequence[LegalHold]) -> None:
    """Raise NotAllowed while the whole case is under hold."""
    if hold := whole_case_held(holds):
        raise NotAllowed(f"{incident} is kept: {hold.in_words}")


def _closed_at(session: Session, incident: str) -> datetime | None:
    """Return when the case was closed last: a case may have been reopened since it was closed first."""
    closed = (col(AuditRow.incident) == incident, col(AuditRow.act) == IncidentState.CLOSED.value)
    return session.exec(select(func.max(AuditRow.at)).where(*closed)).one()
