"""Visits to personal pages: read whether the person is still in the list, and which notices the person got."""

from datetime import datetime, timedelta

from sqlalchemy import or_
from sqlmodel import Session, col, func, select

from amends.domain.case.states import IncidentState
from amends.domain.incident.event_kind import EventKind
from amends.domain.notice.notice import Draft
from amends.domain.people.person import Left
from amends.domain.playbook.playbook import Event
from amends.ledger.entitlement.entitled import told_to
from amends.ledger.notice.notices import Notices
from amends.ledger.people.links import CAME_TO_THEM
from amends.ledger.people.people import ADDRESS_INDEXES
from amends.ledger.store.session import Store
from amends.ledger.tables.deliver import DeliveryRow
from amends.ledger.tables.incident import EventRow, IncidentRow
from amends.ledger.tables.notice import NoticeRow, ReleaseRow, StatedCommitmentRow
from amends.ledger.tables.people import LinkRenewalRow, PersonRow


class Visits:
    """The content of personal pages, beyond the row of the person."""

    def __init__(self, store: Store, notices: Notices) -> None:
        self._store = store
        self._notices = notices

    def left_the_list(self, incident: str, number: int) -> Left | None:
        """Return what is known about a person whom a corrected list no longer has; None for a person in the list."""
        with self._store.read() as session:
            row = session.get(PersonRow, (incident, number))
            if row is None or row.gone_at is None:
                return None
            # Cached by list, because the query scans all people, and only another list changes its answer.
            name = ("left", incident, session.get_one(IncidentRow, incident).audience_digest, number)
            twice = self._store.cache.get(name, lambda: _address_is_listed(session, row))
            return Left.PERHAPS_TWICE if twice else Left.NOT_TOUCHED

    def link_ends(self, incident: str, number: int, after: timedelta) -> datetime | None:
        """Return when the person's link stops working: this long after the last notice, or after its renewal.

        None while the incident is not closed.
        """
        with self._store.read() as session:
            if session.get_one(IncidentRow, incident).state != IncidentState.CLOSED:
                return None
            closed = session.get(EventRow, (incident, EventKind.EVENT, Event.CLOSED.value))
            last = session.exec(select(func.max(ReleaseRow.at)).where(ReleaseRow.incident == incident)).one()
            renewed = session.get(LinkRenewalRow, (incident, number))
            counted = [at for at in (closed and closed.at, last, renewed and renewed.at) if at]
            return max(counted) + after if counted else None

    def released_versions(self, incident: str) -> tuple[tuple[int, Draft], ...]:
        """Return number and draft of each released version of each notice, in the order of the numbers."""
        with self._store.read() as session:
            query = select(ReleaseRow).where(ReleaseRow.incident == incident).order_by(col(ReleaseRow.version))
            keys = [(incident, release.notice, release.version) for release in session.exec(query)]
            return tuple((key[-1], self._notices.drafted(session.get_one(NoticeRow, key))) for key in keys)

    def commitments_told(self, incident: str, number: int) -> frozenset[str]:
        """Return the ids of the commitments that this person was told of, or may have been."""
        with self._store.read() as session:
            query = select(StatedCommitmentRow.commitment).where(
                StatedCommitmentRow.incident == incident, told_to(number)
            )
            return frozenset(session.exec(query.distinct()).all())

    def versions_got(self, incident: str, number: int) -> dict[str, int]:
        """Return the last version of each notice that this person got, or may have got."""
        with self._store.read() as session:
            released = session.exec(select(ReleaseRow.notice).where(ReleaseRow.incident == incident).distinct()).all()
            theirs = (
                DeliveryRow.incident == incident,
                col(DeliveryRow.notice).in_(released),
                DeliveryRow.person == number,
                col(DeliveryRow.state).in_(CAME_TO_THEM),
            )
            query = select(DeliveryRow.notice, func.max(DeliveryRow.version)).where(*theirs)
            return dict(session.exec(query.group_by(col(DeliveryRow.notice))).all())


def _address_is_listed(session: Session, gone: PersonRow) -> bool:
    """Return True when a person in the list has an address of this one, and so may be the same under another id."""
    names = [name for name in ADDRESS_INDEXES if getattr(gone, name)]
    same = or_(*(col(getattr(PersonRow, name)) == getattr(gone, name) for name in names))
    listed = (PersonRow.incident == gone.incident, col(PersonRow.gone_at).is_(None))
    return bool(names) and session.exec(select(PersonRow.number).where(*listed, same).limit(1)).first() is not None
