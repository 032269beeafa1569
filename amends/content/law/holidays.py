"""The days on which offices work: weekends, public holidays and days that are worked in exchange, for each place.

Only what is free by law for everybody is free here. A day that many take but the law leaves open, as Carnival in
Brazil, counts as worked: a term that ends earlier is never late.
"""

from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holidays import HolidayBase

SATURDAY = 5


def works_on(place: str, day: date) -> bool:
    """Whether offices of a country (CN) or a state (US-VT) work on this day; a state keeps its country's days too.

    A place that is not known works from Monday to Friday and has no holidays.
    """
    calendars = _calendars(place, day.year)
    return all(calendar.is_working_day(day) for calendar in calendars) if calendars else day.weekday() < SATURDAY


def is_estimated(place: str, year: int) -> bool:
    """Whether days of this year may still move: nothing is known, a moon is awaited, or a yearly decree is.

    A decree counts as awaited where days are swapped by decree and the last one known is for an earlier year. What a
    state decrees out of its turn, as a day of mourning, cannot be told.
    """
    calendars = _calendars(place, year)
    return not calendars or any(_may_move(calendar, year) for calendar in calendars)


@lru_cache(maxsize=512)
def _calendars(place: str, year: int) -> "tuple[HolidayBase, ...]":
    """The country's and the state's for one year; a calendar of all years would grow while other threads read it."""
    from holidays import country_holidays

    country, _, part = place.partition("-")
    try:
        nation = country_holidays(country)
    except NotImplementedError:
        return ()
    known = [year] if nation.start_year <= year <= nation.end_year else []
    parts = [None, part] if part in nation.subdivisions else [None]
    return tuple(country_holidays(country, subdiv=name, years=known, expand=False) for name in parts)


def _may_move(calendar: "HolidayBase", year: int) -> bool:
    decreed = getattr(calendar, "special_public_holidays", {})
    awaits_decree = calendar.has_substituted_holidays and year > max(decreed, default=0)
    return not calendar.years or awaits_decree or _awaits_moon(calendar)


def _awaits_moon(calendar: "HolidayBase") -> bool:
    """The library says it only in a holiday's name, in words of its own."""
    labels = (getattr(calendar, name, "") for name in ("estimated_label", "observed_estimated_label"))
    marks = [calendar.tr(label).replace("%s", "").strip() for label in labels if label]
    return any(mark in name for mark in marks for name in calendar.values())
