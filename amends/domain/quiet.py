"""Quiet hours: until when somebody is not disturbed, by the clock of where they live."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from amends.domain.playbook import QuietHours
from amends.domain.timing import DAY, Calendar

MOST_MOVES = 8
"""Zones of one country that are so far apart that no hour suits all of them are not waited for any longer."""


def quiet_until(hours: QuietHours, zones: Sequence[str], now: datetime) -> datetime | None:
    """The first moment at which it is not quiet in any of these zones; None when that is now.

    A country can have several zones, and then nobody knows in which of them a person lives.
    """
    moment = now
    for _ in range(MOST_MOVES):
        ends = [end for zone in zones if (end := _end(hours, Calendar(ZoneInfo(zone)), moment))]
        if not ends:
            break
        moment = max(ends)
    return moment if moment > now else None


def _end(hours: QuietHours, calendar: Calendar, moment: datetime) -> datetime | None:
    """When the quiet hours end that it is in; None when it is in none."""
    today = calendar.shown(moment).date()
    for day in (today - DAY, today):
        begin = calendar.at(day, hours.from_)
        end = calendar.at(day if hours.from_ < hours.until else day + DAY, hours.until)
        if begin <= moment < end:
            return end
    return None
