"""What a flow works with: the ledger, the clock, the links. The only place in flows/ that reads settings and time."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from amends.delivery.send.clock import seen
from amends.delivery.send.workers import wall_clock
from amends.domain.channel.channel import ChannelKind
from amends.domain.deliver.limits import DEFAULT, Limits
from amends.domain.draft.draft import Links
from amends.ledger import Ledger
from amends.rehearsal_clock import RehearsalClock, rehearsal_clock
from amends.settings import open_ledger, read_settings


@dataclass(frozen=True)
class Context:
    """One installation at work."""

    ledger: Ledger
    links: Links
    channels: Mapping[ChannelKind, Mapping[str, str]] = field(repr=False)
    clock: Callable[[], datetime] = wall_clock
    limits: Limits = DEFAULT
    mirrored: bool = True
    """Whether upcoming turns are shown as scheduled runs in Prefect."""

    @property
    def ahead(self) -> timedelta:
        """How far our time is ahead of Prefect's, which is the machine's; only a rehearsal's ever is."""
        return self.clock.ahead() if isinstance(self.clock, RehearsalClock) else timedelta()


_passed: ContextVar[Context | None] = ContextVar("context", default=None)


@contextmanager
def using(context: Context) -> Iterator[Context]:
    """Flows called inside work with this context instead of the installation's own."""
    token = _passed.set(context)
    try:
        yield context
    finally:
        _passed.reset(token)


@contextmanager
def opened() -> Iterator[Context]:
    """The context that was passed, or that of the installation whose home AMENDS_HOME names."""
    if passed := _passed.get():
        yield passed
        return
    settings = read_settings()
    ledger = open_ledger(settings)
    try:
        clock = rehearsal_clock(settings) or wall_clock
        ledger.store.note_newest()
        if clock is wall_clock:
            ledger.clocks.observe(seen(), ledger.clocks.server_time())
        yield Context(ledger, Links(settings.public_url), settings.channels, clock, settings.limits)
    finally:
        ledger.dispose()
