"""Channels that tell nobody: their messages become files on this machine."""

from collections.abc import Iterable, Mapping

from amends.domain.channel import WITHOUT_PROVIDER, ChannelKind


def is_kept_here(settings: Mapping[str, str]) -> bool:
    """Whether nothing of a channel with these settings leaves this machine."""
    return settings.get("use") in WITHOUT_PROVIDER


def kept_here(channels: Mapping[ChannelKind, Mapping[str, str]], wanted: Iterable[ChannelKind]) -> str:
    """By which of the wanted channels nobody is told, in words; empty where each has a provider."""
    kept = [kind for kind in wanted if is_kept_here(channels.get(kind, {}))]
    return f"NOBODY IS TOLD by {', '.join(kept)}: files on this machine, as amends.toml says" if kept else ""
