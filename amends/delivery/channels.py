"""The channels of an installation: each provider is one module of the channels package, named in the settings."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules

from amends.domain.base.errors import ChannelMisconfigured
from amends.domain.channel.channel import WITHOUT_PROVIDER, ChannelKind
from amends.domain.channel.message import Channel
from amends.domain.deliver.pace import Bucket, rate_of
from amends.domain.notice.notice import Draft

Channels = Mapping[ChannelKind, Channel]
ChannelSettings = Mapping[ChannelKind, Mapping[str, str]]
OURS = frozenset({"use", "rate"})
"""Settings that every channel may have, and that the engine reads instead of the channel."""


@dataclass(frozen=True)
class Pace:
    """The pace at which one process may use a channel."""

    bucket: Bucket | None = None
    """The token bucket, which counts messages or SMS parts; None when the channel has no rate."""
    patience: float = 60.0
    """Seconds for which one run keeps trying a channel that does not work."""
    processes: int = 1
    """The number of processes that share the channel's connections."""


def providers() -> tuple[str, ...]:
    """Return the names that `use` may have: modules of channels/ named after a kind, outbox, and simulated."""
    package = import_module("channels")
    kinds = tuple(f"{kind}_" for kind in ChannelKind)
    names = (module.name for module in iter_modules(package.__path__))
    return tuple(name for name in names if name.startswith(kinds) or name in WITHOUT_PROVIDER)


def connect(kind: ChannelKind, settings: Mapping[str, str]) -> Channel:
    """Return the channel that these settings describe. Raises ChannelMisconfigured."""
    rest = {key: value for key, value in settings.items() if key not in OURS}
    name = settings.get("use", "")
    if name not in providers():
        raise ChannelMisconfigured(f"channels.{kind}.use: {name!r} is none of {', '.join(providers())}")
    channel: Channel = import_module(f"channels.{name}").connect(rest)
    if channel.kind is not kind:
        raise ChannelMisconfigured(f"channels.{kind}.use: {name} is a channel for {channel.kind}")
    return channel


@asynccontextmanager
async def connected(settings: ChannelSettings) -> AsyncIterator[Channels]:
    """Yield all channels of these settings, and close them at the end. Raises ChannelMisconfigured."""
    channels = {kind: connect(kind, own) for kind, own in settings.items()}
    try:
        yield channels
    finally:
        for channel in channels.values():
            await channel.close()


def paces(settings: ChannelSettings, processes: int = 1) -> dict[ChannelKind, Pace]:
    """Return the pace of each channel for one of this many processes; a rate is written 100/s, 50/min or 2000/h.

    Raises ChannelMisconfigured.
    """
    return {kind: _pace(kind, own.get("rate", ""), processes) for kind, own in settings.items()}


def _pace(kind: ChannelKind, rate: str, processes: int) -> Pace:
    try:
        all_together = rate_of(rate)
    except ValueError as error:
        raise ChannelMisconfigured(f"channels.{kind}.rate: {error}") from None
    if all_together is None:
        return Pace(processes=processes)
    bucket = Bucket(all_together, max(all_together / 10, 1))
    bucket.share(processes, at=0.0)
    return Pace(bucket, processes=processes)


def require(channels: Collection[ChannelKind], draft: Draft) -> None:
    """Raise ChannelMisconfigured when a channel that the notice needs is not set up; paper needs no channel."""
    kinds = dict.fromkeys((*draft.channels, *draft.cascade))
    missing = [kind for kind in kinds if kind not in channels and not kind.printed]
    if missing:
        raise ChannelMisconfigured(
            f"this notice needs {', '.join(missing)}; add [channels.{missing[0]}] to amends.toml"
        )
