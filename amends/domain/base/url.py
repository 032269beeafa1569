"""Whether two addresses lead to the same site."""

from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443}
"""Those that no browser writes down."""


def same_site(one: str, other: str) -> bool:
    """Whether scheme, host and port are the same, however they are spelled; what is no address is on no site."""
    site = _site(one)
    return site is not None and site == _site(other)


def _site(url: str) -> tuple[str, bytes, int | None] | None:
    try:
        parts = urlsplit(url)
        if not (parts.scheme and parts.hostname):
            return None
        return parts.scheme, parts.hostname.encode("idna"), parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return None
