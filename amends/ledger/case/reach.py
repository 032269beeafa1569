"""The people who are not told what happened, counted by the place where they live."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists
from sqlalchemy import select as sql
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, select

from amends.domain.case.states import Reach, ToldBy
from amends.domain.channel.channel import ChannelKind
from amends.domain.notice.notice import PERSON_STATE, DeliveryState, NoticeStatus, PersonState
from amends.domain.people.person import place_of
from amends.ledger.notice.audience import in_audience
from amends.ledger.notice.bad_addresses import ADDRESSED
from amends.ledger.notice.first_messages import GUARDED
from amends.ledger.notice.notices import PUBLIC
from amends.ledger.tables.audit import AuditRow
from amends.ledger.tables.deliver import PAGES, PRINTED, DeliveryRow
from amends.ledger.tables.people import PersonRow

OPEN = (*(state for state, person in PERSON_STATE.items() if person is PersonState.WAITING), DeliveryState.PARKED)
LOST = (DeliveryState.BOUNCED, DeliveryState.FAILED, DeliveryState.UNREACHABLE)
SETTLED = tuple(state for state in DeliveryState if state not in (*OPEN, *LOST))
"""The states of messages that reached the person or may have, and of people who are held: nobody owes them another."""
TOLD = (DeliveryState.DELIVERED, DeliveryState.SENT, DeliveryState.COMPLAINED, DeliveryState.UNCERTAIN)
"""The states of messages that reached the person or may have."""
PLACE = (col(PersonRow.country), col(PersonRow.region))


def reach_of(
    session: Session,
    incident: str,
    telling: Sequence[NoticeStatus],
    first: Sequence[NoticeStatus],
    counting: Sequence[NoticeStatus],
) -> Reach:
    """Count the people who are not told, by place.

    `telling` are the notices that tell people what happened; `first` are those among them with which the telling began,
    which people of a later list get too. `counting` are those whose messages are counted by channel, where a law does
    not count every message.
    """
    ids = [notice.id for notice in telling]
    waiting = _by_place(session, _people(incident, ids, OPEN, but=SETTLED))
    for notice in first:
        if notice.not_told:
            waiting += _by_place(session, _latecomers(incident, notice))
    return Reach(
        unreached=_by_place(session, _people(incident, ids, LOST, but=(*SETTLED, *OPEN))),
        waiting=waiting,
        letters_at=_letters_at(session, incident, [notice.id for notice in first]),
        told_by=_told_by(session, incident, [notice.id for notice in counting]),
        page_up_since=_page_up_since(session, incident, ids),
    )


def _by_place(session: Session, numbers: Any) -> Counter[str]:
    """Count the people with these numbers in the list by place; `numbers` is a query with the incident's id."""
    places: Counter[str] = Counter()
    for country, region, count in session.execute(numbers.add_columns(func.count()).group_by(*PLACE)):
        places[place_of(country, region)] += count
    return places


def _people(
    incident: str, notices: Sequence[str], states: Iterable[DeliveryState], but: Iterable[DeliveryState]
) -> Any:
    """Return a query for the places of people with a message in one of these states, and with none in the others."""
    other = aliased(DeliveryRow)
    here = (
        col(DeliveryRow.incident) == incident,
        col(DeliveryRow.notice).in_(notices),
        _is_one_of(DeliveryRow, states),
    )
    better = exists().where(
        col(other.incident) == incident,
        col(other.notice).in_(notices),
        col(other.person) == DeliveryRow.person,
        _is_one_of(other, but),
    )
    found = sql(col(DeliveryRow.person)).where(*here, col(DeliveryRow.person) != PUBLIC, ~better).distinct().subquery()
    in_list = and_(col(PersonRow.incident) == incident, col(PersonRow.number) == found.c.person)
    return sql(*PLACE).select_from(found).join(PersonRow, and_(in_list, col(PersonRow.gone_at).is_(None)))


def _is_one_of(row: Any, states: Iterable[DeliveryState]) -> ColumnElement[bool]:
    return col(row.state).in_([state.value for state in states])


def _told_by(session: Session, incident: str, notices: Sequence[str]) -> tuple[ToldBy, ...]:
    """Count the people with messages of these notices by place, consent, and channels that told them and may yet."""
    found: Counter[tuple[str, bool, tuple[ChannelKind, ...], tuple[ChannelKind, ...]]] = Counter()
    for country, region, consented, *has, count in session.execute(_alike(incident, notices)) if notices else ():
        told, waits = _kinds(has[: len(ADDRESSED)]), _kinds(has[len(ADDRESSED) :])
        found[place_of(country, region), bool(consented), told, waits] += count
    return tuple(
        ToldBy(place=place, consented=consented, told=told, waits=waits, people=people)
        for (place, consented, told, waits), people in sorted(found.items())
    )


def _kinds(has: Sequence[int]) -> tuple[ChannelKind, ...]:
    return tuple(kind for kind, one in zip(ADDRESSED, has, strict=True) if one)


def _alike(incident: str, notices: Sequence[str]) -> Any:
    """Return a query that counts the people of one place who have messages of these notices on the same channels."""
    reader, people = aliased(PersonRow), _by_channel(incident, notices)
    addressee = case((GUARDED, col(PersonRow.guardian)), else_=col(PersonRow.number))
    in_list = and_(col(PersonRow.incident) == incident, col(PersonRow.number) == people.c.person)
    flags = [one for one in people.c if one.name != "person"]
    kinds = (*PLACE, col(reader.consents_to_email), *flags)
    query = sql(*kinds, func.count()).select_from(people)
    query = query.join(PersonRow, and_(in_list, col(PersonRow.gone_at).is_(None)))
    query = query.join(reader, and_(col(reader.incident) == incident, col(reader.number) == addressee))
    return query.group_by(*kinds)


def _by_channel(incident: str, notices: Sequence[str]) -> Any:
    """Return a query for each person with messages of these notices: whether each channel told them, and may yet."""
    person, channel = col(DeliveryRow.person), col(DeliveryRow.channel)
    on = [
        func.max(case((and_(channel == kind.value, _is_one_of(DeliveryRow, states)), 1), else_=0)).label(name + kind)
        for name, states in (("told_", TOLD), ("waits_", OPEN))
        for kind in ADDRESSED
    ]
    here = (col(DeliveryRow.incident) == incident, col(DeliveryRow.notice).in_(notices), person != PUBLIC)
    return sql(person, *on).where(*here).group_by(person).subquery()


def _latecomers(incident: str, notice: NoticeStatus) -> Any:
    """Return a query for the places of people whom a corrected list added and who have no message of the notice."""
    theirs = (col(DeliveryRow.incident) == incident, col(DeliveryRow.notice) == notice.id)
    audience = in_audience(incident, notice.audience)
    late = sql(col(PersonRow.number)).where(*audience).except_(sql(col(DeliveryRow.person)).where(*theirs))
    return sql(*PLACE).where(col(PersonRow.incident) == incident, col(PersonRow.number).in_(late))


def _letters_at(session: Session, incident: str, notices: Sequence[str]) -> dict[str, datetime]:
    """Return by place when the last letters were handed over; no message is read before any letter was."""
    handed_over = (AuditRow.incident == incident, AuditRow.act == "letters handed over")
    if session.exec(select(AuditRow.seq).where(*handed_over).limit(1)).first() is None:
        return {}
    lives = and_(col(PersonRow.incident) == DeliveryRow.incident, col(PersonRow.number) == DeliveryRow.person)
    here = (col(DeliveryRow.incident) == incident, col(DeliveryRow.notice).in_(notices))
    letters = (col(DeliveryRow.channel).in_(PRINTED), col(DeliveryRow.state) == DeliveryState.SENT)
    last = sql(*PLACE, func.max(col(DeliveryRow.updated_at))).select_from(DeliveryRow).join(PersonRow, lives)
    found: dict[str, datetime] = {}
    for country, region, at in session.execute(last.where(*here, *letters).group_by(*PLACE)):
        place = place_of(country, region)
        found[place] = max(at, found.get(place, at))
    return found


def _page_up_since(session: Session, incident: str, notices: Sequence[str]) -> datetime | None:
    """Return when the first page of these notices was put up on the website, or None."""
    up = col(DeliveryRow.state).in_([DeliveryState.SENT, DeliveryState.DELIVERED])
    page = (col(DeliveryRow.notice).in_(notices), DeliveryRow.person == PUBLIC, col(DeliveryRow.channel).in_(PAGES))
    return session.exec(
        select(func.min(DeliveryRow.updated_at)).where(DeliveryRow.incident == incident, *page, up)
    ).one()
