"""The clock of the commands, which read the time nowhere else."""

from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path

_home: ContextVar[Path | None] = ContextVar("home", default=None)


def use_home(home: Path | None) -> None:
    """Set the home whose time `now` returns from now on; None means the machine's time."""
    _home.set(home)


def now() -> datetime:
    """Return the time in UTC; in a home made for rehearsals, by the rehearsal clock. Raises SettingsError."""
    home = _home.get()
    if home is not None:
        from amends.rehearsal_clock import MARK, rehearsal_clock
        from amends.settings import read_settings

        if (home / MARK).exists() and (clock := rehearsal_clock(read_settings(home))):
            return clock()
    return datetime.now(UTC)
