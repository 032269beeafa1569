"""Quiet hours: the end of the hours in which a person is not disturbed, in the person's own time zone."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from amends.domain.playbook.playbook import QuietHours
from amends.domain.playbook.schedule import DAY, Calendar

LOOKED_AHEAD = 2 * DAY
"""The time searched for a moment that is quiet in no zone: such a moment comes every day, or never."""


def quiet_until(hours: QuietHours, zones: Sequence[str], now: datetime) -> datetime | None:
    """Return the first moment outside the quiet hours of all these zones, or None when that moment is now.

    A country can have several zones, and then nobody knows in which of them a person lives. When no moment suits all
    zones, the first and the last that a day reaches are left out.
    """
    moment = now
    while moment < now + LOOKED_AHEAD:
        ends = [end for zone in zones if (end := _end(hours, Calendar(ZoneInfo(zone)), moment))]
        if not ends:
            return moment if moment > now else None
        moment = max(ends)
    return quiet_until(hours, _without_outermost(zones, now), now)


def _without_outermost(zones: Sequence[str], now: datetime) -> Sequence[str]:
    """Return the zones without the first and the last by local time, so that no person waits for ever."""
    by_clock = sorted({now.astimezone(ZoneInfo(zone)).replace(tzinfo=None): zone for zone in zones}.items())
    return [zone for _, zone in by_clock[1:-1] or by_clock[:1]]


def _end(hours: QuietHours, calendar: Calendar, moment: datetime) -> datetime | None:
    """Return the end of the quiet hours around this moment, or None when the moment is in none."""
    today = calendar.shown(moment).date()
    for day in (today - DAY, today):
        begin = calendar.at(day, hours.from_)
        end = calendar.at(day if hours.from_ < hours.until else day + DAY, hours.until)
        if begin <= moment < end:
            return end
    return None
