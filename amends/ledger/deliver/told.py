"""Texts that were sent, and the people who were told otherwise than is known now."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import Any

from sqlalchemy import and_, or_, text
from sqlalchemy import select as sql
from sqlmodel import Session, col, func, select

from amends.domain.channel.channel import ChannelKind
from amends.domain.incident.incident import Incident, StatementKey
from amends.domain.notice.notice import DeliveryState, Draft
from amends.domain.notice.statement import CAN_BE_WRONG, Statement, contradicts, in_order, stated_by
from amends.domain.notice.told import Saying, last_told, saying, told_otherwise
from amends.ledger.notice.audience import TELLS
from amends.ledger.notice.notices import PUBLIC, Notices
from amends.ledger.store.tables import (
    DATA_CHANGED,
    GONE,
    DeliveryRow,
    ElementSetRow,
    NoticeRow,
    PersonRow,
    ReleaseRow,
)

LEFT = (*TELLS, DeliveryState.BOUNCED)
"""The states of messages whose words somebody may have read: those that tell, and those that came back later."""
TEXT = (
    *(col(getattr(DeliveryRow, name)) for name in ("notice", "version", "channel", "variant")),
    func.coalesce(DeliveryRow.elements, 0),
)
"""The columns that say what a message says; the set of elements is 0 where it is not known."""
IS_PUBLIC = col(DeliveryRow.person) == PUBLIC
Known = Mapping[str, Statement]
"""Statements by their keys."""
ADDRESSES = ("email_index", "phone_index", "postal_index")
MOST_ASKED = 500
"""The most addresses in one query."""
PAGE = 5_000
"""The number of messages that are read from the database at a time."""

Wrong = Mapping[str, Statement]
"""The statements that a person was told and that are wrong, by their keys."""


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


def messages_to(session: Session, incident: str, person: int) -> tuple[Any, ...]:
    """Return the conditions for all messages of one person, or of the public, in a form that an index answers."""
    released = session.exec(select(ReleaseRow.notice).where(ReleaseRow.incident == incident).distinct()).all()
    return (
        col(DeliveryRow.incident) == incident, col(DeliveryRow.notice).in_(released), col(DeliveryRow.person) == person,
    )  # fmt: skip


def element_sets(session: Session, incident: str) -> dict[int, str]:
    """Return the sets of data elements of an incident by their numbers."""
    query = sql(col(ElementSetRow.id), col(ElementSetRow.elements)).where(col(ElementSetRow.incident) == incident)
    return dict(session.execute(query).all())


def people_told_otherwise(
    session: Session, notices: Notices, file: Incident, listed: int
) -> Iterator[tuple[int, Wrong]]:
    """Yield each person in the list who was told otherwise than is known now, with what is wrong.

    What a person was told last about a thing counts. `listed` is the number of people in the list.
    """
    known = stated_by(file, listed)
    suspects = _suspects(session, notices, file.id, known)
    if suspects is None:
        return
    texts = SentTexts(session, notices, file.id, file.default_locale)
    wrong = cache(lambda sent, own: told_otherwise([texts.saying(*one) for one in sent], known_about(known, own)))
    for (person, own), rows in groupby(_messages(session, file.id, suspects), key=lambda row: (row[0], row[1])):
        if found := wrong(tuple((*row[2:], False) for row in rows), own):
            yield person, found


def people_no_longer_affected(session: Session, notices: Notices, file: Incident) -> Iterator[int]:
    """Yield each person who was told that their data was affected and whom the list in force lacks.

    Somebody who shares an address with a person in the list is left out: they may be the same person under another id.
    """
    gone = _gone_alone(session, file.id)
    if not gone:
        return
    texts = SentTexts(session, notices, file.id, file.default_locale)
    for person, rows in groupby(_messages_of(session, file.id, col(DeliveryRow.person).in_(gone)), lambda row: row[0]):
        last = last_told([texts.saying(*row[2:], False) for row in rows]).get(StatementKey.ELEMENTS)
        if last is None or last.value:
            yield person


def _gone_alone(session: Session, incident: str) -> list[int]:
    """Return the people whom the list in force lacks and whose addresses are nobody else's in it."""
    here = (col(PersonRow.incident) == incident, text(GONE))
    gone = session.execute(
        sql(col(PersonRow.number), *(col(getattr(PersonRow, name)) for name in ADDRESSES)).where(*here)
    ).all()
    if not gone:
        return []
    shared = {
        index
        for start in range(0, len(gone), MOST_ASKED)
        for index in _listed_among(session, incident, gone[start : start + MOST_ASKED])
    }
    return [row[0] for row in gone if not shared & set(row[1:])]


def _listed_among(session: Session, incident: str, gone: Sequence[Any]) -> Iterator[bytes]:
    """Yield those of these people's addresses that somebody in the list in force has."""
    for name in ADDRESSES:
        column, asked = col(getattr(PersonRow, name)), [getattr(row, name) for row in gone]
        listed = (PersonRow.incident == incident, col(PersonRow.gone_at).is_(None), column.in_(filter(None, asked)))
        yield from session.exec(select(column).where(*listed).distinct()).all()


def public_told_otherwise(session: Session, notices: Notices, file: Incident, listed: int) -> Wrong:
    """Return what the pages and posts say, or said last, and that is wrong by what is known now."""
    return told_otherwise(public_sayings(session, notices, file), stated_by(file, listed))


def public_sayings(session: Session, notices: Notices, file: Incident) -> list[Saying]:
    """Return what stands, or stood, on pages and in posts."""
    texts = SentTexts(session, notices, file.id, file.default_locale)
    rows = session.execute(sql(*TEXT).where(*telling(file.id), *messages_to(session, file.id, PUBLIC))).all()
    return [texts.saying(*row, True) for row in rows]


def told_differently(session: Session, notices: Notices, file: Incident, known: Known) -> Iterator[tuple[int, Known]]:
    """Yield each person in the list who was told something of which others were told something else, with what it is.

    Their own data elements are left out. Nothing is read of the messages when all texts that were sent say the same.
    """
    texts = SentTexts(session, notices, file.id, file.default_locale)
    said = session.execute(sql(*TEXT).where(*telling(file.id), ~IS_PUBLIC).distinct()).all()
    mixed = _mixed([texts.saying(*one, False) for one in said], known)
    if not mixed:
        return
    those = {(text[0], text[1]) for text in said if mixed & texts.saying(*text, False).statements.keys()}
    chosen = or_(*(and_(col(DeliveryRow.notice) == one, col(DeliveryRow.version) == version) for one, version in those))
    last = cache(lambda sent: _only(mixed, last_told([texts.saying(*one, False) for one in sent])))
    for person, rows in groupby(_messages(session, file.id, chosen), key=lambda row: row[0]):
        yield person, last(tuple(tuple(row[2:]) for row in rows))


def told_by_all(session: Session, notices: Notices, file: Incident) -> Known:
    """Return what the messages to people say last about each thing, as somebody was told who got all of them."""
    texts = SentTexts(session, notices, file.id, file.default_locale)
    said = session.execute(sql(*TEXT).where(*telling(file.id), ~IS_PUBLIC).distinct()).all()
    return last_told([texts.saying(*one, False) for one in said])


def _mixed(sayings: Sequence[Saying], known: Known) -> frozenset[str]:
    """Return the keys of what some of these texts say otherwise than is known now."""
    asked = {key: known[key].value for key in CAN_BE_WRONG - {StatementKey.ELEMENTS} if key in known}
    made = (one for text in sayings for one in text.statements.values())
    return frozenset(one.key for one in made if one.value != asked.get(one.key, one.value))


def _only(keys: frozenset[str], told: Known) -> Known:
    return {key: one for key, one in told.items() if key in keys}


def known_about(known: dict[str, Statement], own: str) -> dict[str, Statement]:
    """Return what is known now, where these data elements are the person's own; all of the incident when empty."""
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
    yield from _messages_of(session, incident, col(DeliveryRow.person).in_(chosen))


def _messages_of(session: Session, incident: str, people: Any) -> Iterator[Sequence[Any]]:
    """Yield person, present data elements and text of each message that tells one of these people."""
    lives = and_(col(PersonRow.incident) == DeliveryRow.incident, col(PersonRow.number) == DeliveryRow.person)
    query = (
        sql(col(DeliveryRow.person), col(PersonRow.data), *TEXT)
        .join(PersonRow, lives)
        .where(*telling(incident), people)
        .order_by(col(DeliveryRow.person), col(DeliveryRow.id))
    )
    yield from session.execute(query, execution_options={"yield_per": PAGE})
