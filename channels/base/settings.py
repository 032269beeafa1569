"""The settings of a channel: names are checked at once, and each value is read as its type."""

import ipaddress
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import TypeVar, cast
from urllib.parse import SplitResult, parse_qsl, urlsplit

from amends.domain.base.errors import ChannelMisconfigured
from amends.domain.channel.channel import ChannelKind

Choice = TypeVar("Choice", bound=StrEnum | ChannelKind)


def is_loopback(host: str) -> bool:
    """Return True when this host name or address is the machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class ProviderSettings:
    """The settings that one channel was given; the repr shows no value, because some are secret."""

    def __init__(
        self, channel: str, given: Mapping[str, str], *, required: Iterable[str], optional: Mapping[str, str]
    ) -> None:
        """Take the settings. Raises ChannelMisconfigured for an unknown name, and for all names that are missing."""
        self._channel = channel
        needed = tuple(required)
        for name in given:
            self._must_be_known(name, (*needed, *optional))
        if missing := [name for name in needed if not given.get(name)]:
            raise ChannelMisconfigured(f"channel {channel}: missing {', '.join(missing)}")
        self._values = {**optional, **{name: value for name, value in given.items() if value}}

    def text(self, name: str) -> str:
        """Return the setting as written; empty when it is optional, has no default and was not given."""
        return self._values[name]

    def secret(self, name: str) -> str:
        """Return a token for a header: printable ASCII without spaces around it."""
        value = self._values[name]
        if not value.isascii() or not value.isprintable() or value != value.strip():
            raise self.wrong(name, "must be plain ASCII without line breaks, or spaces around it")
        return value

    def number(self, name: str, least: int = 1, most: int = 100_000) -> int:
        """Return a whole number within these bounds."""
        value = self._values[name]
        if not value.isascii() or not value.isdecimal() or not least <= int(value) <= most:
            raise self.wrong(name, f"must be a number from {least} to {most}")
        return int(value)

    def flag(self, name: str) -> bool:
        """Return the bool that is written true or false."""
        if self._values[name] not in ("true", "false"):
            raise self.wrong(name, "must be true or false")
        return self._values[name] == "true"

    def choice(self, name: str, offered: type[Choice]) -> Choice:
        """Return one of the offered words."""
        try:
            return offered(self._values[name])
        except ValueError:
            raise self.wrong(name, f"must be one of {', '.join(cast(Iterable[str], offered))}") from None

    def query(self, name: str) -> dict[str, str]:
        """Return fields written as in a query, from=Example&unicode=1; a plus stays a plus, as in phone numbers."""
        text = self._values[name].replace("+", "%2B")
        try:
            return dict(parse_qsl(text, keep_blank_values=True, strict_parsing=True)) if text else {}
        except ValueError:
            raise self.wrong(name, "must be written as in a query: from=Example&unicode=1") from None

    def url(self, name: str) -> str:
        """Return an https URL without a slash at its end; http is allowed to this machine only."""
        url = self._values[name].rstrip("/")
        try:
            parts = _parts(url)
        except ValueError:
            raise self.wrong(name, "is no address") from None
        if not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))):
            raise self.wrong(name, "must be an https address; http is for this machine only")
        if not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
            raise self.wrong(name, "must be an address with a host, and without a login, ? or #")
        return url

    def folder(self, name: str) -> Path:
        """Return an absolute path, which need not exist yet."""
        folder = Path(self._values[name])
        if not folder.is_absolute():
            raise self.wrong(name, "must be an absolute path")
        return folder

    def wrong(self, name: str, why: str) -> ChannelMisconfigured:
        """Return the error to raise for this setting; its text never shows the value."""
        return ChannelMisconfigured(f"channel {self._channel}: {name} {why}")

    def _must_be_known(self, name: str, known: tuple[str, ...]) -> None:
        if name in known:
            return
        near = get_close_matches(name, known, n=1)
        advice = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"
        raise self.wrong(name, f"is not a setting{advice}")


def _parts(url: str) -> SplitResult:
    """Split a URL. Raises ValueError for a space, a character that is not printable, or an invalid port or bracket."""
    parts = urlsplit(url)
    if " " in url or not url.isprintable() or parts.port == 0:
        raise ValueError
    return parts
