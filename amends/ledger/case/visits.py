"""Verbs about somebody who looks at their personal page: whether they are in the list, and what they were told."""

from sqlalchemy import or_
from sqlmodel import Session, col, func, select

from amends.domain.notice.notice import Draft
from amends.domain.people.person import Left
from amends.ledger.notice.notices import Notices
from amends.ledger.people.links import CAME_TO_THEM
from amends.ledger.store.session import Store
from amends.ledger.store.tables import DeliveryRow, IncidentRow, NoticeRow, PersonRow, ReleaseRow


class Visits:
    """What a personal page shows of its person, beside what stands in their row."""

    def __init__(self, store: Store, notices: Notices) -> None:
        self._store = store
        self._notices = notices

    def left_the_list(self, incident: str, number: int) -> Left | None:
        """Whether a corrected list does not have this person any more, and what is known of that; None when it has."""
        with self._store.read() as session:
            row = session.get(PersonRow, (incident, number))
            if row is None or row.gone_at is None:
                return None
            # All people are looked through for it, and only another list changes the answer.
            name = ("left", incident, session.get_one(IncidentRow, incident).audience_digest, number)
            twice = self._store.cache.get(name, lambda: _address_is_listed(session, row))
            return Left.PERHAPS_TWICE if twice else Left.NOT_TOUCHED

    def released_versions(self, incident: str) -> tuple[tuple[int, Draft], ...]:
        """Every version of every notice that was let go, the first of each before the next."""
        with self._store.read() as session:
            query = select(ReleaseRow).where(ReleaseRow.incident == incident).order_by(col(ReleaseRow.version))
            keys = [(incident, release.notice, release.version) for release in session.exec(query)]
            return tuple((key[-1], self._notices.drafted(session.get_one(NoticeRow, key))) for key in keys)

    def versions_got(self, incident: str, number: int) -> dict[str, int]:
        """Of each notice that came to this person, or may have, which version that was; the last one of several."""
        with self._store.read() as session:
            released = session.exec(select(ReleaseRow.notice).where(ReleaseRow.incident == incident).distinct()).all()
            theirs = (
                DeliveryRow.incident == incident, col(DeliveryRow.notice).in_(released), DeliveryRow.person == number,
                col(DeliveryRow.state).in_(CAME_TO_THEM),
            )  # fmt: skip
            query = select(DeliveryRow.notice, func.max(DeliveryRow.version)).where(*theirs)
            return dict(session.exec(query.group_by(col(DeliveryRow.notice))).all())


def _address_is_listed(session: Session, gone: PersonRow) -> bool:
    """Whether somebody who is in the list has an address of theirs: it may be they, under another id."""
    names = [name for name in ("email_index", "phone_index", "postal_index") if getattr(gone, name)]
    same = or_(*(col(getattr(PersonRow, name)) == getattr(gone, name) for name in names))
    listed = (PersonRow.incident == gone.incident, col(PersonRow.gone_at).is_(None))
    return bool(names) and session.exec(select(PersonRow.number).where(*listed, same).limit(1)).first() is not None
