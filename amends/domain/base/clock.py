"""Whether the wall clock of a machine can be believed, from what was seen of it before."""

from datetime import datetime, timedelta
from typing import NamedTuple

from amends.domain.base.text import minute

MOST = timedelta(minutes=10)
"""By so much a clock may be corrected without anybody being asked."""
MINUTE = timedelta(minutes=1)
UNITS = ((24 * 60, "day"), (60, "hour"), (1, "minute"))


class Seen(NamedTuple):
    """A machine's clocks at one moment."""

    host: str
    boot: str
    """Another after each start of the machine."""
    elapsed: float
    """Seconds since it started, which nobody can set."""
    at: datetime
    """What its wall clock showed."""


def jump(before: Seen, after: Seen) -> timedelta:
    """By how much the wall clock moved away from the time that has really passed; zero when nothing speaks for it.

    Of a machine that was started anew only a clock that went back can be told from one that stood still.
    """
    if before.boot == after.boot:
        return after.at - before.at - timedelta(seconds=after.elapsed - before.elapsed)
    return min(after.at - before.at, timedelta())


def doubt(before: Seen, after: Seen) -> str:
    """Why the clock is not believed; empty when it is."""
    by = jumped(jump(before, after))
    return f"the clock of {after.host} {by}, to {minute(after.at)}" if by else ""


def apart(seen: Seen, server: datetime | None) -> str:
    """Why a clock is not believed that shows another time than the ledger's server; empty when there is none."""
    by = seen.at - server if server else timedelta()
    if abs(by) <= MOST:
        return ""
    off = f"{about(abs(by))} {'ahead of' if by > timedelta() else 'behind'} that of the ledger's server"
    return f"the clock of {seen.host} is {off}, at {minute(seen.at)}"


def jumped(by: timedelta) -> str:
    """Which way and how far; empty for what may be a correction."""
    return f"jumped {'ahead' if by > timedelta() else 'back'} by {about(abs(by))}" if abs(by) > MOST else ""


def about(span: timedelta) -> str:
    """A span of a minute or more as people say it."""
    minutes = round(span / MINUTE)
    length, name = next(unit for unit in UNITS if minutes >= unit[0])
    count = round(minutes / length)
    return f"about {count} {name}{'s' * (count > 1)}"
