"""The contacts of each day: all questions, by every way, counted on the organisation's calendar."""

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Date, column, values
from sqlmodel import Session, col, func, select

from amends.domain.feedback.load.load import ContactDay
from amends.domain.feedback.question import QuestionSource
from amends.ledger.store.cache import Memory
from amends.ledger.tables.feedback import QuestionRow
from amends.ledger.tables.row import UtcDateTime

MOST_DAYS = 500
"""The most days that are counted, the latest ones; whoever asks a question much earlier mistyped the date."""


def contact_days(session: Session, cache: Memory, incident: str, zone: str) -> tuple[ContactDay, ...]:
    """Return the days that had contacts, with the contacts by source; counted again only when there are others."""
    asked = col(QuestionRow.asked_at)
    query = select(func.count(), func.min(asked), func.max(asked)).where(QuestionRow.incident == incident)
    count, first, last = session.exec(query).one()
    if not count:
        return ()
    return cache.get(
        ("contacts", incident, zone, count, first, last), lambda: _counted(session, incident, zone, first, last)
    )


def _counted(session: Session, incident: str, zone: str, first: datetime, last: datetime) -> tuple[ContactDay, ...]:
    there = ZoneInfo(zone)
    days = _days(first.astimezone(there).date(), last.astimezone(there).date())
    midnights = [(day, _midnight(day, there), _midnight(day + timedelta(days=1), there)) for day in days]
    named = values(column("day", Date), column("since", UtcDateTime), column("until", UtcDateTime), name="calendar")
    bounds = named.data(midnights).cte("days")
    asked = col(QuestionRow.asked_at)
    query = (
        select(bounds.c.day, col(QuestionRow.source), func.count())
        .where(QuestionRow.incident == incident, asked >= bounds.c.since, asked < bounds.c.until)
        .group_by(bounds.c.day, col(QuestionRow.source))
        .order_by(bounds.c.day)
    )
    found: dict[date, dict[QuestionSource, int]] = defaultdict(dict)
    for day, source, contacts in session.exec(query):
        found[day][QuestionSource(source)] = contacts
    return tuple(ContactDay(day=day, by_source=sources) for day, sources in found.items())


def _days(first: date, last: date) -> list[date]:
    first = max(first, last - timedelta(days=MOST_DAYS - 1))
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the beginning of the day in UTC, which on some days is not 24 hours after the one before."""
    return datetime.combine(day, time(0), zone).astimezone(UTC)
