"""Quiet hours: until when somebody is not disturbed, by the clock of where they live."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from amends.domain.playbook.playbook import QuietHours
from amends.domain.playbook.schedule import DAY, Calendar

LOOKED_AHEAD = 2 * DAY
"""An hour that suits everybody comes every day, or never."""


def quiet_until(hours: QuietHours, zones: Sequence[str], now: datetime) -> datetime | None:
    """The first moment at which it is not quiet in any of these zones; None when that is now.

    A country can have several zones, and then nobody knows in which of them a person lives.
    """
    moment = now
    while moment < now + LOOKED_AHEAD:
        ends = [end for zone in zones if (end := _end(hours, Calendar(ZoneInfo(zone)), moment))]
        if not ends:
            return moment if moment > now else None
        moment = max(ends)
    return quiet_until(hours, _closer_together(zones, now), now)


def _closer_together(zones: Sequence[str], now: datetime) -> Sequence[str]:
    """Without the first and the last that a day reaches: no hour suits all of them, and nobody may wait for ever."""
    by_clock = sorted({now.astimezone(ZoneInfo(zone)).replace(tzinfo=None): zone for zone in zones}.items())
    return [zone for _, zone in by_clock[1:-1] or by_clock[:1]]


def _end(hours: QuietHours, calendar: Calendar, moment: datetime) -> datetime | None:
    """When the quiet hours end that it is in; None when it is in none."""
    today = calendar.shown(moment).date()
    for day in (today - DAY, today):
        begin = calendar.at(day, hours.from_)
        end = calendar.at(day if hours.from_ < hours.until else day + DAY, hours.until)
        if begin <= moment < end:
            return end
    return None
