"""Legal terms: hours, calendar days, business days and months from a moment to the last moment in time.

Hours run from the moment itself, across nights, weekends and changes of the clock. Days and months leave out the day
of the event and end with the last minute of the last day, in the recipient's time zone (Regulation (EEC) 1182/71,
Art. 3, says so for the Union, and most laws count alike). A day that does not exist, such as 31 February, becomes the
last day of its month. No end is moved from a holiday to the next working day, because an earlier end is always safe.
"""

from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from amends.domain.base.value import LAST_MINUTE, Value

WorksOn = Callable[[str, date], bool]
"""A function that returns True when offices of a place work on a day: neither a weekend nor a public holiday."""


class Term(Value):
    """A legal term in one unit."""

    hours: int | None = Field(default=None, gt=0)
    days: int | None = Field(default=None, gt=0)
    """Calendar days."""
    business_days: int | None = Field(default=None, gt=0, le=400)
    months: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one_unit(self) -> "Term":
        if len(self.model_fields_set) != 1 or None in (getattr(self, name) for name in self.model_fields_set):
            raise ValueError("give one of hours, days, business_days and months")
        return self

    def __str__(self) -> str:
        unit, amount = next((name, value) for name, value in self if value is not None)
        words = {"days": "calendar days"}.get(unit, unit.replace("_", " "))
        return f"{amount} {words.removesuffix('s') if amount == 1 else words}"

    def after(self, start: datetime, zone: str, place: str, works_on: WorksOn) -> datetime:
        """Return the last moment in time, in UTC; `zone` is the recipient's, `place` decides about holidays."""
        if self.hours is not None:
            return start.astimezone(UTC) + timedelta(hours=self.hours)
        first = start.astimezone(ZoneInfo(zone)).date()
        return end_of(self._last_day(first, place, works_on), zone)

    def _last_day(self, first: date, place: str, works_on: WorksOn) -> date:
        if self.days is not None:
            return first + timedelta(days=self.days)
        if self.months is not None:
            return _months_later(first, self.months)
        return _business_days_later(first, self.business_days or 0, place, works_on)


def end_of(day: date, zone: str) -> datetime:
    """Return the last minute of a day in this zone, in UTC."""
    return datetime.combine(day, LAST_MINUTE, ZoneInfo(zone)).astimezone(UTC)


def end_of_year(moment: datetime, zone: str) -> datetime:
    """Return the last minute, in UTC, of the calendar year in which this moment lies in the zone."""
    return end_of(date(moment.astimezone(ZoneInfo(zone)).year, 12, 31), zone)


def _months_later(first: date, months: int) -> date:
    count = first.year * 12 + first.month - 1 + months
    year, month = divmod(count, 12)
    return date(year, month + 1, min(first.day, monthrange(year, month + 1)[1]))


def _business_days_later(first: date, days: int, place: str, works_on: WorksOn) -> date:
    """Return the day so many business days later, not counting the day of the event."""
    day = first
    while days:
        day += timedelta(days=1)
        days -= works_on(place, day)
    return day
