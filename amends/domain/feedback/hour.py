"""A question hour: a time at which people may ask and somebody answers at once, and what is published of it."""

import re
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field

from amends.domain.base.errors import Refusal
from amends.domain.base.value import Moment, Slug, Texts, Value

MOST_ANSWERS = 100
MOST_ZONES = 6
"""The time zones of one country that a page shows."""
PHONE = re.compile(r"\+?[0-9][0-9 ()/.-]{5,40}")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


class HourAnswer(Value):
    """A question that was asked for a question hour, with the answer that is published, by locale."""

    question: Texts = Field(min_length=1, max_length=20)
    answer: Texts = Field(min_length=1, max_length=20)


class HourState(StrEnum):
    """The state of a question hour."""

    PLANNED = "planned"
    ANNOUNCED = "announced"
    UNDER_WAY = "under way"
    OVER = "over"
    """The hour has ended, and its answers are not published."""
    ANSWERED = "answered"


class QuestionHour(Value):
    """A question hour. All of it may be public, once it is announced; the answers once they are published."""

    id: Slug
    title: Texts = Field(min_length=1, max_length=20)
    where: Texts = Field(min_length=1, max_length=20)
    """The URL or the telephone number, by locale."""
    begins_at: Moment
    minutes: int = Field(ge=5, le=24 * 60)
    announced_at: Moment | None = None
    announced_by: str = ""
    answers: tuple[HourAnswer, ...] = Field(default=(), max_length=MOST_ANSWERS)
    answers_by: str = ""
    approved_by: str = ""
    published_at: Moment | None = None

    @property
    def ends_at(self) -> datetime:
        return self.begins_at + timedelta(minutes=self.minutes)

    def state(self, now: datetime) -> HourState:
        """Return the state at this time."""
        if self.announced_at is None:
            return HourState.PLANNED
        if self.published_at:
            return HourState.ANSWERED
        if now < self.begins_at:
            return HourState.ANNOUNCED
        return HourState.UNDER_WAY if now < self.ends_at else HourState.OVER


class HourReminder(StrEnum):
    """A reminder of a question hour for a person who asked for reminders."""

    DAY_BEFORE = "day_before"
    HOUR_BEFORE = "hour_before"

    def due(self, begins: datetime, asked_at: datetime) -> tuple[datetime, datetime] | None:
        """Return from when and until when the reminder is sent, or None for the day before when a person asked later.

        A reminder that was missed is not sent late, because the next one or none says more.
        """
        if self is HourReminder.DAY_BEFORE:
            return (begins - DAY, begins - HOUR) if asked_at <= begins - DAY else None
        return begins - HOUR, begins


def why_not_there(where: str, own_domains: tuple[str, ...]) -> Refusal | None:
    """Return why people may not be sent to this place, or None for a telephone number and a URL of our own."""
    if PHONE.fullmatch(where):
        return None
    parts = urlsplit(where)
    host = (parts.hostname or "").casefold()
    own = any(host == domain or host.endswith(f".{domain}") for domain in map(str.casefold, own_domains))
    if parts.scheme != "https" or not host or "@" in where or not where.isprintable() or " " in where:
        return Refusal("say where: a telephone number, or a URL that begins with https://")
    return None if own else Refusal(f"{host} is none of the own_domains of the incident; people are led only there")


def clocks(moment: datetime, zones: tuple[str, ...]) -> tuple[str, ...]:
    """Return the zones of which no two show the same time at this moment, the first of each kept."""
    shown: dict[timedelta | None, str] = {}
    for zone in zones:
        shown.setdefault(moment.astimezone(ZoneInfo(zone)).utcoffset(), zone)
    return tuple(shown.values())[:MOST_ZONES]
