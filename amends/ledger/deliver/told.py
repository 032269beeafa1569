"""Texts that were sent, and the people who were told otherwise than is known now."""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import groupby
from typing import Any

from sqlalchemy import and_, or_, text
from sqlalchemy import select as sql
from sqlmodel import Session, col, func, select

from amends.domain.channel.channel import ChannelKind
from amends.domain.incident.incident import Incident, StatementKey
from amends.domain.notice.notice import Draft
from amends.domain.notice.statement import Statement, contradicts, in_order, stated_by
from amends.domain.notice.told import Saying, saying, told_otherwise
from amends.ledger.notice.audience import TELLS
from amends.ledger.notice.notices import PUBLIC, Notices
from amends.ledger.store.tables import (
    DATA_CHANGED,
    DeliveryRow,
    ElementSetRow,
    NoticeRow,
    PersonRow,
    ReleaseRow,
)

TEXT = (
    *(col(getattr(DeliveryRow, name)) for name in ("notice", "version", "channel", "variant")),
    func.coalesce(DeliveryRow.elements, 0),
)
"""The columns that say what a message says; the set of elements is 0 where it is not known."""
IS_PUBLIC = col(DeliveryRow.person) == PUBLIC
PAGE = 5_000
"""The number of messages that are read from the database at a time."""

Wrong = frozenset[str]
"""The keys of statements that a person was told and that are wrong."""


class SentTexts:
    """The texts of an incident's notices, looked up during one read."""

    def __init__(self, session: Session, notices: Notices, incident: str, default_locale: str) -> None:
        self._session, self._notices, self._incident, self._default = session, notices, incident, default_locale
        self._elements = element_sets(session, incident)
        self.saying = cache(self._saying)

    def _saying(self, notice: str, version: int, channel: str, name: str, elements: int, public: bool) -> Saying:
        """Return what the messages with this text say."""
        row = self._session.get_one(NoticeRow, (self._incident, notice, version))
        draft, own = self._notices.drafted(row), self._elements.get(elements, "")
        return saying(draft, version, ChannelKind(channel), name, own, self._default, public=public)


def telling(incident: str) -> tuple[Any, ...]:
    """Return the conditions for the messages of an incident that tell."""
    return col(DeliveryRow.incident) == incident, col(DeliveryRow.state).in_(TELLS)


def element_sets(session: Session, incident: str) -> dict[int, str]:
    """Return the sets of data elements of an incident by their numbers."""
    query = sql(col(ElementSetRow.id), col(ElementSetRow.elements)).where(col(ElementSetRow.incident) == incident)
    return dict(session.execute(query).all())


def people_told_otherwise(
    session: Session, notices: Notices, file: Incident, listed: int
) -> Iterator[tuple[int, Wrong]]:
    """Yield each person in the list who was told otherwise than is known now, with the keys of what is wrong.

    What a person was told last about a thing counts. `listed` is the number of people in the list.
    """
    known = stated_by(file, listed)
    suspects = _suspects(session, notices, file.id, known)
    if suspects is None:
        return
    texts = SentTexts(session, notices, file.id, file.default_locale)
    wrong = cache(lambda sent, own: frozenset(told_otherwise([texts.saying(*one) for one in sent], _for(known, own))))
    for (person, own), rows in groupby(_messages(session, file.id, suspects), key=lambda row: (row[0], row[1])):
        if found := wrong(tuple((*row[2:], False) for row in rows), own):
            yield person, found


def public_told_otherwise(session: Session, notices: Notices, file: Incident, listed: int) -> Wrong:
    """Return the keys of what the pages and posts say, or said last, and that is wrong by what is known now."""
    texts = SentTexts(session, notices, file.id, file.default_locale)
    rows = session.execute(sql(*TEXT).where(*telling(file.id), IS_PUBLIC)).all()
    return frozenset(told_otherwise([texts.saying(*row, True) for row in rows], stated_by(file, listed)))


def _for(known: dict[str, Statement], own: str) -> dict[str, Statement]:
    """Return what is known about a person with these data elements, which are all those of the incident if empty."""
    if not own:
        return known
    return known | {StatementKey.ELEMENTS: Statement(key=StatementKey.ELEMENTS, value=in_order(own))}


def _suspects(session: Session, notices: Notices, incident: str, known: dict[str, Statement]) -> Any | None:
    """Return a condition for messages that may tell something wrong, or None when there can be none.

    Nearly always there are none, and that is found out without reading the messages.
    """
    released = session.exec(select(ReleaseRow).where(ReleaseRow.incident == incident)).all()
    rows = [session.get_one(NoticeRow, (incident, one.notice, one.version)) for one in released]
    wrong = [row for row in rows if _says_something_wrong(notices.drafted(row), known)]
    suspect = [and_(col(DeliveryRow.notice) == row.notice, col(DeliveryRow.version) == row.version) for row in wrong]
    changed = select(PersonRow.number).where(PersonRow.incident == incident, text(DATA_CHANGED))
    if session.exec(changed.limit(1)).first():
        in_notices = col(DeliveryRow.notice).in_(sorted({row.notice for row in rows}))
        other = and_(col(ElementSetRow.elements) != PersonRow.data, col(ElementSetRow.elements) != "")
        suspect.append(and_(in_notices, col(PersonRow.data_changed_at).is_not(None), other))
    return or_(*suspect) if suspect else None


def _says_something_wrong(draft: Draft, known: dict[str, Statement]) -> bool:
    return any(contradicts(one, known.get(one.key)) for one in draft.statements)


def _messages(session: Session, incident: str, suspect: Any) -> Iterator[Sequence[Any]]:
    """Yield person, present data elements and text of each message that tells a person with a suspect message."""
    lives = and_(col(PersonRow.incident) == DeliveryRow.incident, col(PersonRow.number) == DeliveryRow.person)
    named = col(ElementSetRow.id) == DeliveryRow.elements
    chosen = (
        sql(col(DeliveryRow.person))
        .join(PersonRow, and_(lives, col(PersonRow.gone_at).is_(None)))
        .join(ElementSetRow, named, isouter=True)
        .where(*telling(incident), suspect)
    )
    query = (
        sql(col(DeliveryRow.person), col(PersonRow.data), *TEXT)
        .join(PersonRow, lives)
        .where(*telling(incident), col(DeliveryRow.person).in_(chosen))
        .order_by(col(DeliveryRow.person), col(DeliveryRow.id))
    )
    yield from session.execute(query, execution_options={"yield_per": PAGE})
