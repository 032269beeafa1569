"""The clock of a home made for rehearsals: apart from the wall clock by what stands in a file of that home.

A real installation has no such clock: its processes read the wall clock and look at no file.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from amends.settings import Settings, SettingsError, is_local

MARK = "this-is-a-rehearsal"
"""Lies in a home whose time may be moved; nothing but a person who makes such a home puts it there."""
AHEAD = "rehearsal-clock"
"""How many seconds that home's time is ahead of the wall clock; read each time, so that it moves while all runs.

With a minus it is behind: a story has its date, whenever it is told.
"""


@dataclass(frozen=True)
class RehearsalClock:
    """The time in a rehearsal home."""

    home: Path

    def __call__(self) -> datetime:
        """Now, in this home, in UTC."""
        return datetime.now(UTC) + self.ahead()

    def ahead(self) -> timedelta:
        """How far this home's time is ahead of everybody's. Raises SettingsError when the file says nothing clear."""
        file = self.home / AHEAD
        try:
            said = file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return timedelta()
        if not re.fullmatch(r"-?[0-9]{1,10}", said):
            raise SettingsError(f"{file}: it must hold a whole number of seconds, and nothing else")
        return timedelta(seconds=int(said))


def rehearsal_clock(settings: Settings) -> RehearsalClock | None:
    """The clock of a rehearsal home; None for every real one.

    Raises SettingsError when the mark of a rehearsal lies in a home that customers can reach: whichever of the two
    was a mistake, nothing must go on with a time that somebody can move.
    """
    mark = settings.home / MARK
    if not mark.exists():
        return None
    if not is_local(settings.public_url):
        raise SettingsError(f"{mark} marks a rehearsal, but people reach {settings.public_url}; one of them is wrong")
    return RehearsalClock(settings.home)
