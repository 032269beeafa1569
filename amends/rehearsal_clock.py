"""The clock of a home for rehearsals, which differs from the wall clock by the offset in a file of the home.

A real installation has no such clock: its processes read the wall clock, and no file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from amends.domain.channel.channel import WITHOUT_PROVIDER, ChannelKind, is_kept_here
from amends.settings import SETTINGS_FILE, Settings, SettingsError, is_local

MARK = "this-is-a-rehearsal"
"""The file that marks a home whose time may be moved. Only a person who makes such a home creates the file."""
OFFSET_FILE = "rehearsal-clock"
"""The file with the seconds by which the home's time is ahead of the wall clock. The file is read each time, so that
the time can be moved while processes run.

A negative number is behind the wall clock, so that a story keeps its dates, whenever it is rehearsed.
"""

ADDRESSES = ("url", "base_url", "status_url")
"""The settings of a channel that hold the address of a provider, beside `host` and `port`."""
FIRST_UNPRIVILEGED_PORT = 1024
"""The lowest port of a simulated provider. Below it a machine's own services listen, such as a relay that passes email
on to the world."""


@dataclass(frozen=True)
class RehearsalClock:
    """The clock of a rehearsal home."""

    home: Path

    def __call__(self) -> datetime:
        """Return the current time of this home, in UTC."""
        return datetime.now(UTC) + self.ahead()

    def ahead(self) -> timedelta:
        """Return how far this home is ahead of the wall clock. Raises SettingsError when the file holds no number."""
        file = self.home / OFFSET_FILE
        try:
            said = file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return timedelta()
        if not re.fullmatch(r"-?[0-9]{1,10}", said):
            raise SettingsError(f"{file}: it must hold a whole number of seconds, and nothing else")
        return timedelta(seconds=int(said))


def rehearsal_clock(settings: Settings) -> RehearsalClock | None:
    """Return the clock of a rehearsal home, or None for a real home.

    Raises SettingsError when the home has the mark of a rehearsal, but customers can reach it, or its channels can
    reach customers. One of the two is a mistake, and no process may go on with a time that somebody can move.
    """
    mark = settings.home / MARK
    if not mark.exists():
        return None
    if not is_local(settings.public_url):
        raise SettingsError(f"{mark} marks a rehearsal, but people reach {settings.public_url}; one of them is wrong")
    if real := [(kind, own) for kind, own in settings.channels.items() if _may_reach_people(own)]:
        raise SettingsError(_refusal(settings.home, *real[0]))
    return RehearsalClock(settings.home)


def _refusal(home: Path, kind: ChannelKind, own: Mapping[str, str]) -> str:
    simulated = f"what is simulated on this machine at a port from {FIRST_UNPRIVILEGED_PORT} on"
    instead = f"{' or '.join(WITHOUT_PROVIDER)}, or {simulated}"
    return (
        f"{home / SETTINGS_FILE}: channels.{kind}.use: {own.get('use', '')} could reach people, but {home / MARK} "
        f"marks a rehearsal: use {instead}; to tell people, make a new home"
    )


def _may_reach_people(own: Mapping[str, str]) -> bool:
    """Return True when a channel with these settings may reach more than a provider simulated on this machine."""
    if is_kept_here(own):
        return False
    places = [own[name] for name in ADDRESSES if name in own]
    places += [f"//{own['host']}:{own.get('port', '')}"] if "host" in own else []
    return not places or not all(map(_may_be_simulated, places))


def _may_be_simulated(place: str) -> bool:
    try:
        return is_local(place) and (urlsplit(place).port or 0) >= FIRST_UNPRIVILEGED_PORT
    except ValueError:  # not an address, which the channel itself reports in a real home
        return False
