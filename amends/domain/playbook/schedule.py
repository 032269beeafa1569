"""When the turns of a step fall due: delays in hours or business days, and times of day on the organisation's clock.

Hours and minutes are counted as they pass. Whole days of a series, business days and times of day are read off the
organisation's clock, so that a weekly message comes at the same hour after the clocks have changed. A time of day that
a change of the clock leaves out comes an hour later, and one that comes twice is meant the first time.
"""

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, GetCoreSchemaHandler, PlainSerializer, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from amends.domain.base.value import Span

DAY = timedelta(days=1)
AT_ONCE = Span(0)
WORKING_WEEK = SATURDAY = 5
FRIDAY = 4
BUSINESS_DAYS = re.compile(r"(\d{1,3})\s+business\s+days?")
CLOCK_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True)
class Calendar:
    """The organisation's clock, and on which days it works."""

    zone: ZoneInfo
    days_off: frozenset[date] = frozenset()
    """Public holidays, beside Saturdays and Sundays."""

    def works_on(self, day: date) -> bool:
        """Whether this is a business day."""
        return day.weekday() < SATURDAY and day not in self.days_off

    def at(self, day: date, clock: time) -> datetime:
        """The moment, in UTC, at which the organisation's clock shows this on that day."""
        return datetime.combine(day, clock, self.zone).astimezone(UTC)

    def shown(self, moment: datetime) -> datetime:
        """The moment as the organisation's clock shows it."""
        return moment.astimezone(self.zone)

    def working_day(self, day: date, later: int) -> date:
        """So many business days later; the day of the event does not count."""
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
        """The next time that the clock shows this, at this moment or later."""
        day = self.shown(moment).date()
        today = self.at(day, clock)
        return today if today >= moment else self.at(day + DAY, clock)


@dataclass(frozen=True)
class Delay:
    """How long after an event, or from turn to turn: `72h`, `3d`, `5 business days`. Never negative."""

    span: Span = AT_ONCE
    business_days: int = 0

    @classmethod
    def parse(cls, text: object, read: Callable[[object], Span] = Span.parse) -> "Delay":
        """Read a delay, a span in it in this way. Raises ValueError, with the forms that are understood."""
        if isinstance(text, Delay):
            return text
        if isinstance(text, str) and (match := BUSINESS_DAYS.fullmatch(text.strip())):
            if not 1 <= int(match[1]) <= LONGEST_IN_BUSINESS_DAYS:
                raise ValueError(f"give 1 to {LONGEST_IN_BUSINESS_DAYS} business days")
            return cls(business_days=int(match[1]))
        try:
            return cls(read(text))
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
        """How many calendar days, when it is a whole number of them; else 0."""
        return self.span // DAY if not self.span % DAY else 0

    def after(self, moment: datetime, calendar: Calendar) -> datetime:
        """So long after this moment, in UTC."""
        if not self.business_days:
            return moment + self.span
        shown = calendar.shown(moment)
        return calendar.at(calendar.working_day(shown.date(), self.business_days), shown.time())

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            lambda text, info: cls.parse(text, Span.reader(info)),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
            json_schema_input_schema=core_schema.str_schema(
                pattern=r"^\s*(\d+\s*(min|h|d|w)|P.+|\d{1,3}\s+business\s+days?)\s*$"
            ),
        )


LONGEST_IN_BUSINESS_DAYS = 400


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
    """The times of a step's turns, from the event on; a step that comes once is a series of one."""

    base: datetime
    """When the event happened."""
    after: Delay
    every: Delay | None
    at_most: int
    at: time | None
    """The time of day, on the organisation's clock, that each turn waits for."""
    calendar: Calendar

    def occurrence(self, number: int) -> datetime:
        """When this turn is due; later turns are due later."""
        return self._later(self.every, number - 1) if self.every and number > 1 else self._first

    def come_due(self, now: datetime, at_least: int = 0) -> int:
        """How many turns have come due by now, or these when it is fewer."""
        low, ahead = at_least, 1
        while low + ahead <= self.at_most and self.occurrence(low + ahead) <= now:
            low, ahead = low + ahead, 2 * ahead
        last = min(low + ahead, self.at_most)
        return low + bisect_right(range(low + 1, last + 1), now, key=self.occurrence)

    @cached_property
    def _first(self) -> datetime:
        moment = self.after.after(self.base, self.calendar)
        if self.at is None:
            return moment
        if self.after.business_days:
            return self.calendar.at(self.calendar.shown(moment).date(), self.at)
        return self.calendar.next_at(moment, self.at)

    def _later(self, every: Delay, turns: int) -> datetime:
        if not every.business_days and not every.whole_days:
            return self._first + turns * every.span
        shown = self.calendar.shown(self._first)
        clock = self.at or shown.time()
        if every.business_days:
            return self.calendar.at(self.calendar.working_day(shown.date(), turns * every.business_days), clock)
        return self.calendar.at(shown.date() + turns * every.whole_days * DAY, clock)
