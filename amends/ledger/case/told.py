"""The record of what people were told, which follows from the messages sent and the statements of their texts."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import case, tuple_
from sqlalchemy import select as sql
from sqlmodel import Session, col, func

from amends.domain.channel.channel import ChannelKind
from amends.domain.notice.notice import PERSON_STATE, DeliveryState
from amends.domain.notice.told import COUNTS_AS_TOLD, Heard, SaidTo, Saying, saying
from amends.ledger.case.case import Cases
from amends.ledger.notice.notices import PUBLIC, Notices
from amends.ledger.store.session import Store
from amends.ledger.store.tables import DeliveryRow, ElementSetRow, NoticeRow

TELLS = tuple(state for state, person in PERSON_STATE.items() if person in COUNTS_AS_TOLD)
"""The states of messages that tell."""
TEXT = (
    *(col(getattr(DeliveryRow, name)) for name in ("notice", "version", "channel", "variant")),
    func.coalesce(DeliveryRow.elements, 0),
)
"""The columns that say what a message says; the set of elements is 0 where it is not known."""
IS_PUBLIC = col(DeliveryRow.person) == PUBLIC


class ToldRecord:
    """The record of what people were told. Only texts are stored, so that a million people cost a count."""

    def __init__(self, store: Store, notices: Notices, cases: Cases) -> None:
        self._store = store
        self._notices = notices
        self._cases = cases

    def people(self, incident: str, texts: Collection[Saying]) -> tuple[int, int]:
        """Count the people who were told by one of these texts, and those of them who may not have any such message.

        A person with several of the messages counts once.
        """
        with self._store.read() as session:
            numbers = {elements: number for number, elements in _element_sets(session, incident).items()}
            keys = [
                (one.notice, one.version, one.channel.value, one.name, numbers.get(one.elements, 0)) for one in texts
            ]
            best = func.min(case((col(DeliveryRow.state) == DeliveryState.UNCERTAIN, 1), else_=0)).label("doubt")
            here = sql(best).where(*_telling(incident), tuple_(*TEXT).in_(keys)).group_by(col(DeliveryRow.person))
            each = here.subquery()
            people, uncertain = session.execute(sql(func.count(), func.sum(each.c.doubt)).select_from(each)).one()
        return people, uncertain or 0

    def sayings(self, incident: str) -> tuple[SaidTo, ...]:
        """Return what was said to people and to the public, in the order in which it was written. Raises NotInLedger.

        A page or a post counts as said to one.
        """
        default = self._cases.incident_file(incident).default_locale
        with self._store.read() as session:
            counted: defaultdict[tuple[Any, ...], list[Any]] = defaultdict(list)
            for *text, state, people, first, last in session.execute(_texts(incident)):
                counted[tuple(text)].append((DeliveryState(state), people, first, last))
            texts = _Texts(session, self._notices, incident, default)
            found = [_said_to(texts.saying(*text), parts) for text, parts in counted.items()]
        return tuple(sorted(found, key=lambda one: (one.saying.written_at, one.first)))

    def person(self, incident: str, number: int) -> tuple[Heard, ...]:
        """Return what this person was told, in the order in which it was written. Raises NotInLedger."""
        return self._heard(incident, number)

    def public(self, incident: str) -> tuple[Heard, ...]:
        """Return what stands, or stood, on pages and in posts, in the order in which it was written.

        Raises NotInLedger.
        """
        return self._heard(incident, PUBLIC)

    def _heard(self, incident: str, person: int) -> tuple[Heard, ...]:
        query = sql(*TEXT, IS_PUBLIC, col(DeliveryRow.state), col(DeliveryRow.updated_at))
        theirs = query.where(*_telling(incident), col(DeliveryRow.person) == person)
        default = self._cases.incident_file(incident).default_locale
        with self._store.read() as session:
            texts = _Texts(session, self._notices, incident, default)
            rows = session.execute(theirs.order_by(col(DeliveryRow.id))).all()
            found = [Heard(texts.saying(*text), DeliveryState(state), at) for *text, state, at in rows]
        return tuple(sorted(found, key=lambda one: one.saying.written_at))


class _Texts:
    """The texts of an incident's notices, looked up during one read."""

    def __init__(self, session: Session, notices: Notices, incident: str, default_locale: str) -> None:
        self._session, self._notices, self._incident, self._default = session, notices, incident, default_locale
        self._elements = _element_sets(session, incident)
        self._known: dict[tuple[Any, ...], Saying] = {}

    def saying(self, notice: str, version: int, channel: str, name: str, elements: int, public: bool) -> Saying:
        """Return what the messages with this text say."""
        key = (notice, version, channel, name, elements, public)
        if key not in self._known:
            row = self._session.get_one(NoticeRow, (self._incident, notice, version))
            draft, own = self._notices.drafted(row), self._elements.get(elements, "")
            kind = ChannelKind(channel)
            self._known[key] = saying(draft, version, kind, name, own, self._default, public=public)
        return self._known[key]


def _telling(incident: str) -> tuple[Any, ...]:
    return col(DeliveryRow.incident) == incident, col(DeliveryRow.state).in_(TELLS)


def _texts(incident: str) -> Any:
    """Return a query that counts the messages that tell, by text and state, with the times of the first and last."""
    at, by = col(DeliveryRow.updated_at), (*TEXT, IS_PUBLIC, col(DeliveryRow.state))
    return sql(*by, func.count(), func.min(at), func.max(at)).where(*_telling(incident)).group_by(*by)


def _element_sets(session: Session, incident: str) -> dict[int, str]:
    query = sql(col(ElementSetRow.id), col(ElementSetRow.elements)).where(col(ElementSetRow.incident) == incident)
    return dict(session.execute(query).all())


def _said_to(text: Saying, parts: Sequence[tuple[DeliveryState, int, datetime, datetime]]) -> SaidTo:
    states: Counter[DeliveryState] = Counter()
    for state, people, _, _ in parts:
        states[state] += people
    first, last = min(one[2] for one in parts), max(one[3] for one in parts)
    return SaidTo(text, states.total(), states[DeliveryState.UNCERTAIN], first, last)
