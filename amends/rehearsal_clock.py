"""The clock of a home made for rehearsals: apart from the wall clock by what stands in a file of that home.

A real installation has no such clock: its processes read the wall clock and look at no file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from amends.domain.channel.channel import WITHOUT_PROVIDER, ChannelKind, is_kept_here
from amends.settings import FILE, Settings, SettingsError, is_local

MARK = "this-is-a-rehearsal"
"""Lies in a home whose time may be moved; nothing but a person who makes such a home puts it there."""
AHEAD = "rehearsal-clock"
"""How many seconds that home's time is ahead of the wall clock; read each time, so that it moves while all runs.

With a minus it is behind: a story has its date, whenever it is told.
"""

ADDRESSES = ("url", "base_url", "status_url")
"""Settings of channels that say where a provider is, beside `host` and `port`."""
ANYBODYS_PORT = 1024
"""Below it a machine's own services listen, such as a relay that passes mail on to the world."""


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

    Raises SettingsError when the mark of a rehearsal lies in a home that customers can reach, or whose channels can
    reach them: whichever of the two was a mistake, nothing must go on with a time that somebody can move.
    """
    mark = settings.home / MARK
    if not mark.exists():
        return None
    if not is_local(settings.public_url):
        raise SettingsError(f"{mark} marks a rehearsal, but people reach {settings.public_url}; one of them is wrong")
    if real := [(kind, own) for kind, own in settings.channels.items() if _leads_outside(own)]:
        raise SettingsError(_refusal(settings.home, *real[0]))
    return RehearsalClock(settings.home)


def _refusal(home: Path, kind: ChannelKind, own: Mapping[str, str]) -> str:
    instead = f"{' or '.join(WITHOUT_PROVIDER)}, or what is simulated on this machine at a port from {ANYBODYS_PORT} on"
    return (
        f"{home / FILE}: channels.{kind}.use: {own.get('use', '')} could reach people, but {home / MARK} marks a "
        f"rehearsal: use {instead}; to tell people, make a new home"
    )


def _leads_outside(own: Mapping[str, str]) -> bool:
    """Whether a channel with these settings reaches more than a provider that is simulated on this machine."""
    if is_kept_here(own):
        return False
    places = [own[name] for name in ADDRESSES if name in own]
    places += [f"//{own['host']}:{own.get('port', '')}"] if "host" in own else []
    return not places or not all(map(_may_be_simulated, places))


def _may_be_simulated(place: str) -> bool:
    try:
        return is_local(place) and (urlsplit(place).port or 0) >= ANYBODYS_PORT
    except ValueError:  # no address at all; the channel itself says so in a real home
        return False
