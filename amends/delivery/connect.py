"""Channels by name: a provider is one module in the channels package, named in the settings."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from pkgutil import iter_modules

from amends.delivery.line import Pace
from amends.domain.channel import Channel, ChannelKind
from amends.domain.errors import ChannelMisconfigured
from amends.domain.pace import Bucket, rate_of

Channels = Mapping[ChannelKind, Channel]
ChannelSettings = Mapping[ChannelKind, Mapping[str, str]]
OURS = frozenset({"use", "rate"})
"""Settings that every channel may have, and that the engine reads itself."""


def providers() -> tuple[str, ...]:
    """The names that `use` may have: modules in channels/ named after a kind, and outbox."""
    package = import_module("channels")
    kinds = tuple(f"{kind}_" for kind in ChannelKind)
    names = (module.name for module in iter_modules(package.__path__))
    return tuple(name for name in names if name.startswith(kinds) or name == "outbox")


def connect(kind: ChannelKind, settings: Mapping[str, str]) -> Channel:
    """The channel that these settings describe. Raises ChannelMisconfigured."""
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
    """All channels of this installation, closed at the end. Raises ChannelMisconfigured."""
    channels = {kind: connect(kind, own) for kind, own in settings.items()}
    try:
        yield channels
    finally:
        for channel in channels.values():
            await channel.close()


def paces(settings: ChannelSettings) -> dict[ChannelKind, Pace]:
    """How fast each channel may be used: `rate` is written 100/s, 50/min or 2000/h. Raises ChannelMisconfigured."""
    return {kind: _pace(kind, own.get("rate", "")) for kind, own in settings.items()}


def _pace(kind: ChannelKind, rate: str) -> Pace:
    try:
        per_second = rate_of(rate)
    except ValueError as error:
        raise ChannelMisconfigured(f"channels.{kind}.rate: {error}") from None
    return Pace(Bucket(per_second, max(per_second / 10, 1)) if per_second else None)


def shares(settings: ChannelSettings, processes: int) -> ChannelSettings:
    """The settings for one of so many processes, which share connections and rate."""
    return {kind: _share(own, processes) for kind, own in settings.items()}


def _share(settings: Mapping[str, str], processes: int) -> Mapping[str, str]:
    shared = dict(settings)
    if settings.get("connections", "").isdecimal():
        shared["connections"] = str(max(int(settings["connections"]) // processes, 1))
    if rate := settings.get("rate"):
        number, _, unit = rate.partition("/")
        shared["rate"] = f"{float(number) / processes:.3f}/{unit}"
    return shared
