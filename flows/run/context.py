"""The context of a flow: ledger, clock, links. Only this module of flows/ reads the settings and the time."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from amends.delivery.forget import DataPlaces, forget_again
from amends.delivery.send.clock import seen
from amends.delivery.send.workers import wall_clock
from amends.domain.channel.channel import ChannelKind
from amends.domain.deliver.limits import DEFAULT, Limits
from amends.domain.draft.writer import Links
from amends.ledger import Ledger
from amends.rehearsal_clock import RehearsalClock, rehearsal_clock
from amends.settings import open_ledger, read_settings

OWN_PLAYBOOKS = "playbooks"
"""The folder in the home whose playbooks the forms in Prefect offer beside those that come with Amends."""


@dataclass(frozen=True)
class Context:
    """The ledger, channels, clock and limits that a flow works with."""

    ledger: Ledger
    links: Links
    channels: Mapping[ChannelKind, Mapping[str, str]] = field(repr=False)
    clock: Callable[[], datetime] = wall_clock
    limits: Limits = DEFAULT
    mirrored: bool = True
    """True when upcoming occurrences are shown as scheduled runs in Prefect."""
    own_playbooks: Path | None = None
    """The folder with playbooks of the installation's own, which the forms in Prefect offer."""
    home: Path | None = None
    """The home with files that came with mails."""

    @property
    def ahead(self) -> timedelta:
        """Return how far the context's clock is ahead of Prefect's, the machine's clock; zero outside a rehearsal."""
        return self.clock.ahead() if isinstance(self.clock, RehearsalClock) else timedelta()


_passed: ContextVar[Context | None] = ContextVar("context", default=None)


@contextmanager
def using(context: Context) -> Iterator[Context]:
    """Have flows that are called inside the with block work with this context instead of the installation's."""
    token = _passed.set(context)
    try:
        yield context
    finally:
        _passed.reset(token)


@contextmanager
def opened() -> Iterator[Context]:
    """Yield the context that was passed by `using`, or that of the installation whose home AMENDS_HOME names."""
    if passed := _passed.get():
        yield passed
        return
    settings = read_settings()
    ledger = open_ledger(settings)
    try:
        clock = rehearsal_clock(settings) or wall_clock
        ledger.store.note_newest()
        forget_again(ledger, DataPlaces(settings.channels, settings.home))
        if clock is wall_clock:
            ledger.clocks.observe(seen(), ledger.clocks.server_time())
        links, own = Links(settings.public_url), settings.home / OWN_PLAYBOOKS
        yield Context(ledger, links, settings.channels, clock, settings.limits, own_playbooks=own, home=settings.home)
    finally:
        ledger.dispose()
