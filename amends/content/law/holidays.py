"""The days on which the offices of a place work: weekends, public holidays and days that are worked in exchange.

Only a day that is free by law for everybody counts as free. A day that many take off without such a law, as Carnival in
Brazil, counts as worked, because a term that ends earlier is never late.
"""

from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holidays import HolidayBase

SATURDAY = 5


def works_on(place: str, day: date) -> bool:
    """Return True when offices of a country (CN) or a state (US-VT) work on this day.

    A state has its country's holidays too. An unknown place works from Monday to Friday and has no holidays.
    """
    calendars = _calendars(place, day.year)
    return all(calendar.is_working_day(day) for calendar in calendars) if calendars else day.weekday() < SATURDAY


def is_estimated(place: str, year: int) -> bool:
    """Return True when holidays of this year may still move.

    Holidays may move when none is known, when one waits for a sighting of the moon, or when a yearly decree is due. A
    decree is due in a country that swaps days by decree when the last known decree is for an earlier year. Days that a
    country decrees without warning, as a day of mourning, cannot be foreseen.
    """
    calendars = _calendars(place, year)
    return not calendars or any(_may_move(calendar, year) for calendar in calendars)


@lru_cache(maxsize=512)
def _calendars(place: str, year: int) -> "tuple[HolidayBase, ...]":
    """Return the calendars of the country and of the state for one year, or () for an unknown country.

    A calendar of all years would grow while other threads read it.
    """
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
    """Return True when a holiday is estimated; `holidays` marks such a holiday only by a label in its name."""
    labels = (getattr(calendar, name, "") for name in ("estimated_label", "observed_estimated_label"))
    marks = [calendar.tr(label).replace("%s", "").strip() for label in labels if label]
    return any(mark in name for mark in marks for name in calendar.values())
