"""The one place where commands read the clock."""

from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path

_home: ContextVar[Path | None] = ContextVar("home", default=None)


def live_in(home: Path | None) -> None:
    """From now on, tell the time of this home; none is everybody's time."""
    _home.set(home)


def now() -> datetime:
    """Now, in UTC; in a home made for rehearsals, by its own clock. Raises SettingsError."""
    home = _home.get()
    if home is not None:
        from amends.rehearsal_clock import MARK, rehearsal_clock
        from amends.settings import read_settings

        if (home / MARK).exists() and (clock := rehearsal_clock(read_settings(home))):
            return clock()
    return datetime.now(UTC)
