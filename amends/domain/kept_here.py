"""Channels that tell nobody: their messages become files on this machine."""

from collections.abc import Iterable, Mapping

from amends.domain.channel import WITHOUT_PROVIDER, ChannelKind


def kept_here(channels: Mapping[ChannelKind, Mapping[str, str]], wanted: Iterable[ChannelKind]) -> str:
    """Which of the wanted channels tell nobody, and where that is changed; empty where each has a provider."""
    kept = [kind for kind in wanted if channels.get(kind, {}).get("use") in WITHOUT_PROVIDER]
    if not kept:
        return ""
    return (
        f"NOBODY IS TOLD by {', '.join(kept)}: files on this machine; amends.toml names a channel that reaches people"
    )
