"""Texts that were sent, and the people who were told otherwise than is known now."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, false, or_, text
from sqlalchemy import select as sql
from sqlalchemy.orm import aliased, defer
from sqlmodel import Session, col, func, select

from amends.domain.channel.channel import ChannelKind
from amends.domain.incident.incident import Incident, StatementKey
from amends.domain.notice.notice import Draft
from amends.domain.notice.statement import CAN_BE_WRONG, Statement, contradicts, in_order, stated_by
from amends.domain.notice.told import Saying, last_told, saying, told_otherwise
from amends.ledger.audit.tally import texts_to_people
from amends.ledger.entitlement.entitled import TELLS
from amends.ledger.notice.notices import PUBLIC, Notices
from amends.ledger.people.people import ADDRESS_INDEXES
from amends.ledger.store.bulk import among, listed, pages
from amends.ledger.tables.deliver import DeliveryRow
from amends.ledger.tables.notice import NoticeRow, ReleaseRow
from amends.ledger.tables.people import DATA_CHANGED, GONE, ElementSetRow, PersonRow


def text_of(row: Any) -> tuple[Any, ...]:
    """Return the columns that say what a message says; the set of elements is 0 where it is not known."""
    return row.notice, row.version, row.channel, row.variant, func.coalesce(row.elements, 0)


TEXT = text_of(DeliveryRow)
IS_PUBLIC = col(DeliveryRow.person) == PUBLIC
Known = Mapping[str, Statement]
"""Statements by their keys."""
MOST_ASKED = 500
"""The most addresses in one query."""
PAGE = 500
"""The number of people whose messages are read at a time."""

Text = tuple[Any, ...]
"""The values of the columns of TEXT."""

Wrong = Mapping[str, Statement]
"""The statements that a person was told and that are wrong, by their keys."""


class SentTexts:
    """The texts of an incident's notices, looked up during one read."""

    def __init__(self, session: Session, notices: Notices, incident: str, default_locale: str) -> None:
        self._session, self._notices, self._incident, self._default = session, notices, incident, default_locale
        self._elements = {number: one.elements for number, one in element_sets(session, incident).items()}
        self.saying, self._draft = cache(self._saying), cache(self._drafted)

    def _saying(self, notice: str, version: int, channel: str, name: str, elements: int, public: bool) -> Saying:
        """Return what the messages with this text say."""
        draft, own = self._draft(notice, version), self._elements.get(elements, "")
        return saying(draft, version, ChannelKind(channel), name, own, self._default, public=public)

    def _drafted(self, notice: str, version: int) -> Draft:
        """Return the draft of this version; its row is read without the texts, which are often in memory already."""
        without_texts = [defer(NoticeRow.draft)]  # type: ignore[arg-type]
        row = self._session.get_one(NoticeRow, (self._incident, notice, version), options=without_texts)
        return self._notices.drafted(row)


def telling(incident: str) -> tuple[Any, ...]:
    """Return the conditions for the messages of an incident that tell."""
    return col(DeliveryRow.incident) == incident, col(DeliveryRow.state).in_(TELLS)


def messages_to(session: Session, incident: str, person: int) -> tuple[Any, ...]:
    """Return the conditions for all messages of one person, or of the public, in a form that an index answers."""
    released = session.exec(select(ReleaseRow.notice).where(ReleaseRow.incident == incident).distinct()).all()
    return (
        col(DeliveryRow.incident) == incident,
        col(DeliveryRow.notice).in_(released),
        col(DeliveryRow.person) == person,
    )


class ElementSet(NamedTuple):
    """The data elements of some people in one place."""

    elements: str
    country: str
    region: str


def element_sets(session: Session, incident: str) -> dict[int, ElementSet]:
    """Return the sets of data elements of an incident by their numbers."""
    columns = (ElementSetRow.id, ElementSetRow.elements, ElementSetRow.country, ElementSetRow.region)
    query = sql(*map(col, columns)).where(col(ElementSetRow.incident) == incident)
    return {number: ElementSet(*said) for number, *said in session.execute(query)}


def people_told_otherwise(
    session: Session, notices: Notices, file: Incident, listed: int
) -> Iterator[tuple[int, Wrong]]:
    """Yield each person in the list who was told otherwise than is known now, with what is wrong.

    What a person was told last about a thing counts. `listed` is the number of people in the list. The people come as
    they are found, so that a caller who needs few of them need not wait for all.
    """
    known = stated_by(file, listed)
    texts = SentTexts(session, notices, file.id, file.default_locale)
    suspects = _suspects(session, texts, file.id, known)
    if not suspects.keys:
        return
    wrong = cache(lambda sent, own: told_otherwise([texts.saying(*one) for one in sent], known_about(known, own)))
    messages = _messages_of(session, file.id, suspects.notices, _candidates(session, file.id, suspects))
    for (person, own), rows in groupby(messages, key=lambda row: (row[0], row[1])):
        if found := wrong(tuple((*row[3:], False) for row in rows if row[2] is None), own):
            yield person, found


def keys_told_otherwise(session: Session, notices: Notices, file: Incident, listed: int) -> frozenset[str]:
    """Return the keys of statements that somebody was told last and that are wrong by now.

    The search ends once every statement that can be wrong was found to be.
    """
    texts = SentTexts(session, notices, file.id, file.default_locale)
    possible = _suspects(session, texts, file.id, stated_by(file, listed)).keys
    found = frozenset[str]()
    for _, wrong in people_told_otherwise(session, notices, file, listed):
        found |= wrong.keys()
        if found >= possible:
            break
    return found


def people_no_longer_affected(session: Session, notices: Notices, file: Incident) -> Iterator[int]:
    """Yield each person who was told that their data was affected and whom the list in force lacks.

    Somebody who shares an address with a person in the list is left out: they may be the same person under another id.
    """
    gone = _gone_alone(session, file.id)
    if not gone:
        return
    texts = SentTexts(session, notices, file.id, file.default_locale)
    told = {text[0] for text in texts_to_people(session, file.id, TELLS)}
    for person, rows in groupby(_messages_of(session, file.id, told, gone), lambda row: row[0]):
        last = last_told([texts.saying(*row[3:], False) for row in rows]).get(StatementKey.ELEMENTS)
        if last is None or last.value:
            yield person


def _gone_alone(session: Session, incident: str) -> list[int]:
    """Return the people whom the list in force lacks and whose addresses are nobody else's in it."""
    here = (col(PersonRow.incident) == incident, text(GONE))
    gone = session.execute(
        sql(col(PersonRow.number), *(col(getattr(PersonRow, name)) for name in ADDRESS_INDEXES)).where(*here)
    ).all()
    if not gone:
        return []
    shared = {index for page in pages(gone, MOST_ASKED) for index in _listed_among(session, incident, page)}
    return [row[0] for row in gone if not shared & set(row[1:])]


def _listed_among(session: Session, incident: str, gone: Sequence[Any]) -> Iterator[bytes]:
    """Yield those of these people's addresses that somebody in the list in force has."""
    for name in ADDRESS_INDEXES:
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
    """Yield each person in the list with what they were told last, when texts say something else than is known now.

    Whoever has no message that states such a thing was told nothing about it. Their own data elements are left out.
    Nobody is yielded, and nothing is read of the messages, when all texts that were sent say what is known now.
    """
    texts = SentTexts(session, notices, file.id, file.default_locale)
    said = {text: texts.saying(*text, False) for text in texts_to_people(session, file.id, TELLS)}
    mixed = _mixed(said.values(), known)
    if not mixed:
        return
    stating = {text[:2] for text, one in said.items() if mixed & one.statements.keys()}
    versions = or_(
        *(and_(col(DeliveryRow.notice) == one, col(DeliveryRow.version) == version) for one, version in stating)
    )
    named = {notice for notice, _ in stating}
    chosen = sql(col(DeliveryRow.person)).where(*telling(file.id), col(DeliveryRow.notice).in_(named), versions)
    chosen = chosen.where(~IS_PUBLIC)
    people = _once(session, [chosen])
    same = {key: one for key, one in last_told(said.values()).items() if key not in mixed}
    last = cache(lambda sent: same | _only(mixed, last_told([texts.saying(*one, False) for one in sent])))
    for (person, gone), rows in groupby(
        _messages_of(session, file.id, named, people), key=lambda row: (row[0], row[2])
    ):
        if gone is None:
            yield person, last(tuple(tuple(row[3:]) for row in rows))
    listed = sql(col(PersonRow.number)).where(col(PersonRow.incident) == file.id, col(PersonRow.gone_at).is_(None))
    for person in session.scalars(listed.except_(chosen)).all():
        yield person, same


def told_by_all(session: Session, notices: Notices, file: Incident) -> Known:
    """Return what the messages to people say last about each thing, as somebody was told who got all of them."""
    texts = SentTexts(session, notices, file.id, file.default_locale)
    return last_told([texts.saying(*one, False) for one in texts_to_people(session, file.id, TELLS)])


def _mixed(sayings: Iterable[Saying], known: Known) -> frozenset[str]:
    """Return the keys of what some of these texts say otherwise than is known now."""
    asked = {key: known[key] for key in CAN_BE_WRONG - {StatementKey.ELEMENTS} if key in known}
    made = (statement for text in sayings for statement in text.statements.values() if statement.key in asked)
    return frozenset(one.key for one in made if _differs(one, asked[one.key]))


def _differs(told: Statement, known: Statement) -> bool:
    """Return True when the two have other values, or the value that was told is ruled out by now."""
    return told.value != known.value or contradicts(told, known)


def _only(keys: frozenset[str], told: Known) -> dict[str, Statement]:
    return {key: one for key, one in told.items() if key in keys}


def known_about(known: dict[str, Statement], own: str) -> dict[str, Statement]:
    """Return what is known now, where these data elements are the person's own; all of the incident when empty."""
    if not own:
        return known
    return known | {StatementKey.ELEMENTS: Statement(key=StatementKey.ELEMENTS, value=in_order(own))}


class Suspects(NamedTuple):
    """The texts by which somebody may have been told something that is wrong by now."""

    told: dict[Text, Saying]
    """All texts that people were told."""
    wrong: dict[Text, frozenset[str]]
    """The texts that say something wrong to each of their readers, with the keys of it."""
    changed: bool
    """True when a corrected list gives somebody other data elements, so that what they were told of these is wrong."""

    @property
    def keys(self) -> frozenset[str]:
        """Return the keys of the statements that may be wrong; empty when nothing is."""
        return frozenset[str]().union(*self.wrong.values(), [StatementKey.ELEMENTS] if self.changed else [])

    @property
    def notices(self) -> set[str]:
        """Return the notices that state any of these things, rightly or wrongly."""
        keys = self.keys
        return {text[0] for text, one in self.told.items() if keys & one.statements.keys()}

    @property
    def settling(self) -> list[Text]:
        """Return the texts that undo all wrong ones: they are written later than these, and state all of it rightly."""
        if not self.wrong:
            return []
        keys, last = frozenset().union(*self.wrong.values()), max(self.told[text].written_at for text in self.wrong)
        return [text for text, one in self.told.items() if one.written_at > last and keys <= one.statements.keys()]


def _suspects(session: Session, texts: SentTexts, incident: str, known: dict[str, Statement]) -> Suspects:
    """Return what may have been told wrongly, from the tally and the texts; no message is read."""
    told = {text: texts.saying(*text, False) for text in texts_to_people(session, incident, TELLS)}
    wrong = {text: keys for text, one in told.items() if (keys := _wrong_in(one, known))}
    changed = select(PersonRow.number).where(PersonRow.incident == incident, text(DATA_CHANGED)).limit(1)
    return Suspects(told, wrong, changed=session.exec(changed).first() is not None)


def _wrong_in(one: Saying, known: dict[str, Statement]) -> frozenset[str]:
    """Return the keys of what the text says wrongly to each of its readers.

    A text that names the readers' own data elements is right in that as long as no corrected list has changed them.
    """
    wrong = [stated for key, stated in one.statements.items() if contradicts(stated, known.get(key))]
    own = in_order(one.elements) if one.elements else None
    return frozenset(stated.key for stated in wrong if stated.key != StatementKey.ELEMENTS or stated.value != own)


def _candidates(session: Session, incident: str, suspects: Suspects) -> Iterator[int]:
    """Yield each person who may have been told something wrong last."""
    queries = [_told_wrong_texts(incident, suspects)] if suspects.wrong else []
    queries += [_told_other_elements(incident, suspects)] if suspects.changed else []
    return _once(session, queries)


def _once(session: Session, queries: Iterable[Any]) -> Iterator[int]:
    """Yield each person that any of these queries finds, once."""
    seen: set[int] = set()
    for query in queries:
        for (person,) in session.execute(query, execution_options={"yield_per": PAGE}):
            if person not in seen:
                seen.add(person)
                yield person


def _told_wrong_texts(incident: str, suspects: Suspects) -> Any:
    """Return a query for the person of each message with a wrong text, unless a later message undoes it."""
    wrong = _with_texts(DeliveryRow, suspects.wrong, suspects.told)
    query = sql(col(DeliveryRow.person)).where(*telling(incident), wrong)
    settling = suspects.settling
    return query.where(~_has_one_of(settling, suspects.told)) if settling else query


def _told_other_elements(incident: str, suspects: Suspects) -> Any:
    """Return a query for the people of a corrected list, by each message that told them other data elements."""
    lives = and_(col(PersonRow.incident) == DeliveryRow.incident, col(PersonRow.number) == DeliveryRow.person)
    named = col(ElementSetRow.id) == DeliveryRow.elements
    theirs = (col(PersonRow.incident) == incident, text(DATA_CHANGED), col(DeliveryRow.notice).in_(suspects.notices))
    other = and_(col(ElementSetRow.elements) != PersonRow.data, col(ElementSetRow.elements) != "")
    query = sql(col(DeliveryRow.person)).join(PersonRow, lives).join(ElementSetRow, named)
    return query.where(*telling(incident), *theirs, other)


def _has_one_of(settling: Collection[Text], told: Collection[Text]) -> Any:
    """Return the condition that the person of a message has another message, with one of these texts, that tells."""
    other = aliased(DeliveryRow)
    same = (other.incident == DeliveryRow.incident, other.person == DeliveryRow.person)
    texts = _with_texts(other, settling, told)
    return sql(col(other.id)).where(*same, texts, col(other.state).in_(TELLS)).exists()  # type: ignore[arg-type]


def _with_texts(row: Any, texts: Collection[Text], told: Collection[Text]) -> ColumnElement[bool]:
    """Return the condition that a message has one of these texts, by version alone where all texts of it are meant."""
    rest = {text[:2] for text in told if text not in texts}
    whole = {text[:2] for text in texts} - rest
    parts = [and_(row.notice == notice, row.version == version) for notice, version in sorted(whole)]
    columns, single = text_of(row), [one for one in texts if one[:2] in rest]
    parts += [and_(*(column == value for column, value in zip(columns, one, strict=True))) for one in single]
    return and_(row.notice.in_({one[0] for one in texts}), or_(false(), *parts))


def _messages_of(
    session: Session, incident: str, notices: Collection[str], people: Iterable[int]
) -> Iterator[Sequence[Any]]:
    """Yield what these people were told by these notices, one person after another and in the order of the messages.

    Each row has the person, their present data elements, the time since when they are gone from the list, and the text.
    """
    for page in pages(people, PAGE):
        yield from session.execute(_told_to(session, incident, notices, page)).all()


def _told_to(session: Session, incident: str, notices: Collection[str], people: Sequence[int]) -> Any:
    connection = session.connection()
    lives = and_(col(PersonRow.incident) == DeliveryRow.incident, col(PersonRow.number) == DeliveryRow.person)
    theirs = text(among(connection, "delivery.person")).bindparams(ids=listed(connection, people))
    query = sql(col(DeliveryRow.person), col(PersonRow.data), col(PersonRow.gone_at), *TEXT).join(PersonRow, lives)
    said = query.where(*telling(incident), col(DeliveryRow.notice).in_(notices), theirs)
    return said.order_by(col(DeliveryRow.person), col(DeliveryRow.id))
