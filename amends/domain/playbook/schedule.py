"""Due times of a step's occurrences: delays in hours or business days, times of day on the organisation's clock.

Hours and minutes are counted as they pass. Whole days of a series, business days and times of day are read off the
organisation's clock, so that a weekly message comes at the same hour after the clocks have changed. A time of day that
a change of the clocks skips is read as an hour later; a time of day that comes twice means the first of the two.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, GetCoreSchemaHandler, PlainSerializer, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from amends.domain.base.value import Span

WORKING_WEEK = SATURDAY = 5
FRIDAY = 4
DAY = timedelta(days=1)
AT_ONCE = Span(0)
BUSINESS_DAYS = re.compile(r"(\d{1,3})\s+business\s+days?")
LONGEST_IN_BUSINESS_DAYS = 400
CLOCK_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True)
class Calendar:
    """The organisation's clock with its business days."""

    zone: ZoneInfo
    days_off: frozenset[date] = frozenset()
    """Public holidays, beside Saturdays and Sundays."""

    def works_on(self, day: date) -> bool:
        """Return True for a business day."""
        return day.weekday() < SATURDAY and day not in self.days_off

    def at(self, day: date, clock: time) -> datetime:
        """Return the moment, in UTC, at which the organisation's clock shows this time on this day."""
        return datetime.combine(day, clock, self.zone).astimezone(UTC)

    def shown(self, moment: datetime) -> datetime:
        """Return the moment as the organisation's clock shows it."""
        return moment.astimezone(self.zone)

    def working_day(self, day: date, later: int) -> date:
        """Return the day so many business days later; the day of the event does not count."""
        begin = day - max(day.weekday() - FRIDAY, 0) * DAY
        holidays = 0
        while True:
            weeks, days = divmod(begin.weekday() + later + holidays, WORKING_WEEK)
            end = begin - begin.weekday() * DAY + (7 * weeks + days) * DAY
            between = sum(begin < off <= end and off.weekday() < SATURDAY for off in self.days_off)
            if between == holidays:
                return end
            holidays = between

    def next_at(self, moment: datetime, clock: time) -> datetime:
        """Return the first moment, from this moment on, at which the organisation's clock shows this time."""
        day = self.shown(moment).date()
        today = self.at(day, clock)
        return today if today >= moment else self.at(day + DAY, clock)


@dataclass(frozen=True)
class Delay:
    """A time after an event, or between occurrences: `72h`, `3d`, `5 business days`. A delay is never negative."""

    span: Span = AT_ONCE
    business_days: int = 0

    @classmethod
    def parse(cls, text: object) -> "Delay":
        """Read a delay. Raises ValueError, with the forms that are understood."""
        if isinstance(text, Delay):
            return text
        if isinstance(text, str) and (match := BUSINESS_DAYS.fullmatch(text.strip())):
            if not 1 <= int(match[1]) <= LONGEST_IN_BUSINESS_DAYS:
                raise ValueError(f"give 1 to {LONGEST_IN_BUSINESS_DAYS} business days")
            return cls(business_days=int(match[1]))
        try:
            return cls(Span.parse(text))
        except ValueError as error:
            raise ValueError(f"{error}; or 5 business days") from None

    def __str__(self) -> str:
        if self.business_days:
            return f"{self.business_days} business day{'s' * (self.business_days > 1)}"
        return str(self.span)

    def __bool__(self) -> bool:
        return bool(self.span or self.business_days)

    @property
    def whole_days(self) -> int:
        """Return the number of calendar days when it is a whole number, else 0."""
        return self.span // DAY if not self.span % DAY else 0

    def after(self, moment: datetime, calendar: Calendar) -> datetime:
        """Return the moment, in UTC, that lies the delay after this moment."""
        if not self.business_days:
            return moment + self.span
        shown = calendar.shown(moment)
        return calendar.at(calendar.working_day(shown.date(), self.business_days), shown.time())

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse,
            serialization=core_schema.plain_serializer_function_ser_schema(str),
            json_schema_input_schema=core_schema.str_schema(
                pattern=r"^\s*(\d+\s*(min|h|d|w)|P.+|\d{1,3}\s+business\s+days?)\s*$"
            ),
        )


def _clock_time(text: object) -> time:
    if isinstance(text, time):
        return text
    if isinstance(text, str) and (match := CLOCK_TIME.fullmatch(text.strip())):
        return time(int(match[1]), int(match[2]))
    raise ValueError('a time of day is written "09:00" or "17:30"')


ClockTime = Annotated[
    time,
    BeforeValidator(_clock_time),
    PlainSerializer(lambda clock: f"{clock:%H:%M}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{CLOCK_TIME.pattern}$"}),
]
"""A time of day, without a zone."""


@dataclass(frozen=True)
class Series:
    """The due times of a step's occurrences after an event; a step that comes once is a series of one."""

    base: datetime
    """The time of the event."""
    after: Delay
    every: Delay | None
    at_most: int
    at: time | None
    """The time of day, on the organisation's clock, for which each occurrence waits."""
    calendar: Calendar

    def occurrence(self, number: int) -> datetime:
        """Return when this occurrence is due; later occurrences are due later."""
        return self._later(self.every, number - 1) if self.every and number > 1 else self._first

    def come_due(self, now: datetime, at_least: int = 0) -> int:
        """Return how many occurrences have come due by now, and `at_least` when that is more."""
        low, step = at_least, 1
        while low + step <= self.at_most and self.occurrence(low + step) <= now:
            low, step = low + step, 2 * step
        last = min(low + step, self.at_most)
        return low + bisect_right(range(low + 1, last + 1), now, key=self.occurrence)

    @cached_property
    def _first(self) -> datetime:
        moment = self.after.after(self.base, self.calendar)
        if self.at is None:
            return moment
        if self.after.business_days:
            return self.calendar.at(self.calendar.shown(moment).date(), self.at)
        return self.calendar.next_at(moment, self.at)

    def _later(self, every: Delay, intervals: int) -> datetime:
        if not every.business_days and not every.whole_days:
            return self._first + intervals * every.span
        shown = self.calendar.shown(self._first)
        clock = self.at or shown.time()
        if every.business_days:
            return self.calendar.at(self.calendar.working_day(shown.date(), intervals * every.business_days), clock)
        return self.calendar.at(shown.date() + intervals * every.whole_days * DAY, clock)
