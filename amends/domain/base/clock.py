"""Detection of a wall clock that jumped, or that differs from the clock of the ledger's server."""

from datetime import datetime, timedelta
from typing import NamedTuple

from amends.domain.base.text import minute

MOST = timedelta(minutes=10)
"""The largest correction of a clock that nobody has to confirm."""
MINUTE = timedelta(minutes=1)
UNITS = ((24 * 60, "day"), (60, "hour"), (1, "minute"))


class Seen(NamedTuple):
    """A reading of a machine's clocks at one moment."""

    host: str
    boot: str
    """The id of the machine's boot; each start of the machine has another one."""
    elapsed: float
    """Seconds since the machine started, by a monotonic clock that nobody can set."""
    at: datetime
    """The time that the wall clock showed."""


def jump(before: Seen, after: Seen) -> timedelta:
    """Return by how much the wall clock moved away from the time that really passed, or zero without evidence.

    After a restart of the machine only a clock that went back is evidence: a clock that is ahead may be right, because
    nobody knows how long the machine was off.
    """
    if before.boot == after.boot:
        return after.at - before.at - timedelta(seconds=after.elapsed - before.elapsed)
    return min(after.at - before.at, timedelta())


def doubt(before: Seen, after: Seen) -> str:
    """Return in words why the clock is not believed, or an empty text when it is."""
    by = jumped(jump(before, after))
    return f"the clock of {after.host} {by}, to {minute(after.at)}" if by else ""


def apart(seen: Seen, server: datetime | None) -> str:
    """Return in words how far a clock is off the server's; empty up to MOST, and for a ledger without a server."""
    by = seen.at - server if server else timedelta()
    if abs(by) <= MOST:
        return ""
    off = f"{about(abs(by))} {'ahead of' if by > timedelta() else 'behind'} that of the ledger's server"
    return f"the clock of {seen.host} is {off}, at {minute(seen.at)}"


def jumped(by: timedelta) -> str:
    """Return the direction and size of a jump in words, or an empty text for a correction of up to MOST."""
    return f"jumped {'ahead' if by > timedelta() else 'back'} by {about(abs(by))}" if abs(by) > MOST else ""


def about(span: timedelta) -> str:
    """Return a span of a minute or more in words, rounded to its largest unit."""
    minutes = round(span / MINUTE)
    length, name = next(unit for unit in UNITS if minutes >= unit[0])
    count = round(minutes / length)
    return f"about {count} {name}{'s' * (count > 1)}"
