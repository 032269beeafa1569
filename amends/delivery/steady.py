"""The time within one run: nobody who sets the clock of the machine meanwhile can move it."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

MOST = timedelta(minutes=10)
"""The wall clock may be corrected by so much while a run goes on."""
MINUTE = timedelta(minutes=1)
UNITS = ((24 * 60, "day"), (60, "hour"), (1, "minute"))
SINCE_START = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Where there is one, a clock that goes on while the machine sleeps."""


def since_start() -> float:
    """Seconds that nobody can set, counted from any moment."""
    return time.clock_gettime(SINCE_START)


class SteadyClock:
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
        jump = self._wall() - self._steady()
        if abs(jump) <= MOST:
            return ""
        way = "ahead" if jump > timedelta() else "back"
        return f"the clock of this machine jumped {way} by {about(abs(jump))}; set it right and run it again"

    def _steady(self) -> datetime:
        return self._began + timedelta(seconds=self._elapsed() - self._at)


def about(span: timedelta) -> str:
    """A span of a minute or more as people say it."""
    minutes = round(span / MINUTE)
    length, name = next(unit for unit in UNITS if minutes >= unit[0])
    count = round(minutes / length)
    return f"about {count} {name}{'s' * (count > 1)}"
