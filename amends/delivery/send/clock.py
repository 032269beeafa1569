"""The time within one run: nobody who sets the clock of the machine meanwhile can move it."""

import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from amends.domain.base.clock import MOST, Seen, jumped

SINCE_START = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Where there is one, a clock that goes on while the machine sleeps."""


def since_start() -> float:
    """Seconds that nobody can set, counted from any moment."""
    return time.clock_gettime(SINCE_START)


def seen() -> Seen:
    """This machine's clocks now."""
    return Seen(socket.gethostname(), _boot(), since_start(), datetime.now(UTC))


@cache
def _boot() -> str:
    """Names this start of the machine; where the system does not name it, each process counts as another start."""
    file = Path("/proc/sys/kernel/random/boot_id")
    return file.read_text(encoding="ascii").strip() if file.exists() else f"{time.monotonic()}"


class MonotonicClock:
    """The wall clock, and its time from before once it has jumped: then answers under way are still told rightly."""

    def __init__(self, wall: Callable[[], datetime], elapsed: Callable[[], float] = since_start) -> None:
        self._wall, self._elapsed = wall, elapsed
        self._began, self._at = wall(), elapsed()

    def __call__(self) -> datetime:
        """The wall clock's time, as long as it has not moved away from the time that has really passed."""
        wall, steady = self._wall(), self._steady()
        return wall if abs(wall - steady) <= MOST else steady

    def trouble(self) -> str:
        """That the wall clock jumped since the run began, and by how much; empty when it did not."""
        by = jumped(self._wall() - self._steady())
        return f"the clock of this machine {by}; set it right and run it again" if by else ""

    def _steady(self) -> datetime:
        return self._began + timedelta(seconds=self._elapsed() - self._at)
