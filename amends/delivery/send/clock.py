"""The clocks of this machine, and a clock for one run that does not follow jumps of the wall clock."""

import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from amends.domain.base.clock import MOST, Seen, jumped

SINCE_START = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""The monotonic clock that also runs while the machine sleeps, on systems that have one; else CLOCK_MONOTONIC."""


def since_start() -> float:
    """Return the seconds of the monotonic clock, which nobody can set."""
    return time.clock_gettime(SINCE_START)


def seen() -> Seen:
    """Read this machine's clocks."""
    return Seen(socket.gethostname(), _boot(), since_start(), datetime.now(UTC))


@cache
def _boot() -> str:
    """Return the id of the machine's boot; on a system without such ids each process has an id of its own."""
    file = Path("/proc/sys/kernel/random/boot_id")
    return file.read_text(encoding="ascii").strip() if file.exists() else f"{time.monotonic()}"


class MonotonicClock:
    """A clock that shows the wall clock's time, or, while the wall clock is off by a jump, the time without the jump.

    So the answers to messages in flight are recorded with the right time even after a jump.
    """

    def __init__(self, wall: Callable[[], datetime], elapsed: Callable[[], float] = since_start) -> None:
        self._wall, self._elapsed = wall, elapsed
        self._began, self._at = wall(), elapsed()

    def __call__(self) -> datetime:
        """Return the wall clock's time, or the time by the monotonic clock when the two differ by more than MOST."""
        wall, monotonic = self._wall(), self._monotonic()
        return wall if abs(wall - monotonic) <= MOST else monotonic

    def trouble(self) -> str:
        """Return by how much the wall clock has jumped since the run began, in words, or "" without a jump."""
        by = jumped(self._wall() - self._monotonic())
        return f"the clock of this machine {by}; set it right and run it again" if by else ""

    def _monotonic(self) -> datetime:
        return self._began + timedelta(seconds=self._elapsed() - self._at)
