"""Counts of a case by day. The database counts by the minute, so that no row of a message or a question is loaded."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, String, text
from sqlalchemy import select as sql
from sqlmodel import Session, col, func

from amends.domain.export.over_time import AskedOn, CountsByDay, ReachedOn
from amends.domain.notice.notice import PERSON_STATE, PersonState
from amends.ledger.store.bulk import on_postgresql
from amends.ledger.store.session import Store, incident_row
from amends.ledger.tables.deliver import ONE_OF_SEVERAL, DeliveryRow
from amends.ledger.tables.feedback import QuestionRow

REACHED = tuple(
    state.value for state, person in PERSON_STATE.items() if person in (PersonState.DELIVERED, PersonState.SENT)
)
"""The states of a message that has reached its person, as far as the channel can tell."""
MINUTE = text("minute")
"""The column of the minute; bound values in it would make PostgreSQL take one expression for two."""
PAGE = 5_000
"""Rows that are read from the database at a time."""


class CountsOverTime:
    """The counts of the incidents by day."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, incident: str, zone: str) -> CountsByDay:
        """Return the people reached, and the questions asked and answered, by day in the zone. Raises NotInLedger.

        Every message is read once by the database: a second of CPU for a million.
        """
        there = ZoneInfo(zone)
        with self._store.read() as session:
            incident_row(session, incident)
            return CountsByDay(reached=_reached(session, incident, there), questions=_asked(session, incident, there))


def _reached(session: Session, incident: str, zone: ZoneInfo) -> tuple[ReachedOn, ...]:
    found: defaultdict[str, Counter[date]] = defaultdict(Counter)
    for query in (_single(session, incident), _of_several(session, incident)):
        for notice, minute, people in session.execute(query, execution_options={"yield_per": PAGE}):
            found[notice][_day(minute, zone)] += people
    return tuple(
        ReachedOn(notice=notice, day=day, people=people)
        for notice, days in sorted(found.items())
        for day, people in sorted(days.items())
    )


def _single(session: Session, incident: str) -> Select[*tuple[Any, ...]]:
    """Return a query that counts, by notice and minute, the people who have one message of it that reached them."""
    several = text(f"NOT {ONE_OF_SEVERAL}")
    by = (col(DeliveryRow.notice), _minute(session, col(DeliveryRow.updated_at)))
    return sql(*by, func.count()).where(*_that_reached(incident), several).group_by(by[0], MINUTE)


def _of_several(session: Session, incident: str) -> Select[*tuple[Any, ...]]:
    """Return the same for people who have several messages of a notice; the first that reached them counts."""
    whose = (col(DeliveryRow.notice), col(DeliveryRow.person))
    first = (
        sql(*whose, func.min(col(DeliveryRow.updated_at)).label("at"))
        .where(*_that_reached(incident), text(ONE_OF_SEVERAL))
        .group_by(*whose)
        .subquery()
    )
    by = (first.c.notice, _minute(session, first.c.at))
    return sql(*by, func.count()).group_by(by[0], MINUTE)


def _that_reached(incident: str) -> tuple[ColumnElement[bool], ...]:
    person = col(DeliveryRow.person) > 0
    return col(DeliveryRow.incident) == incident, person, col(DeliveryRow.state).in_(REACHED)


def _asked(session: Session, incident: str, zone: ZoneInfo) -> tuple[AskedOn, ...]:
    asked = _by_day(session, incident, col(QuestionRow.asked_at), zone)
    answered = _by_day(session, incident, col(QuestionRow.answered_at), zone)
    days = sorted({*asked, *answered})
    return tuple(AskedOn(day=day, asked=asked[day], answered=answered[day]) for day in days)


def _by_day(session: Session, incident: str, moment: Any, zone: ZoneInfo) -> Counter[date]:
    query = sql(_minute(session, moment), func.count())
    of_it = query.where(col(QuestionRow.incident) == incident, moment.is_not(None)).group_by(MINUTE)
    return _days(session.execute(of_it, execution_options={"yield_per": PAGE}), zone)


def _days(counted: Iterable[Any], zone: ZoneInfo) -> Counter[date]:
    days: Counter[date] = Counter()
    for minute, count in counted:
        days[_day(minute, zone)] += count
    return days


def _minute(session: Session, moment: Any) -> ColumnElement[str]:
    """Return the column `minute`: the minute of a time in UTC, as text."""
    if on_postgresql(session.connection()):
        return func.to_char(func.timezone("UTC", moment), "YYYY-MM-DD HH24:MI", type_=String()).label("minute")
    return func.substr(moment, 1, len("2026-12-01 15:04"), type_=String()).label("minute")


def _day(minute: str, zone: ZoneInfo) -> date:
    return datetime.fromisoformat(minute).replace(tzinfo=UTC).astimezone(zone).date()
