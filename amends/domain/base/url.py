"""URLs on the web, and comparison of the sites that two of them lead to."""

from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443}
"""Default ports, which browsers leave out of a URL."""


def same_site(one: str, other: str) -> bool:
    """Return True when scheme, host and port are the same, however they are spelled; never for what is no URL."""
    site = _site(one)
    return site is not None and site == _site(other)


def is_on_the_web(url: str) -> bool:
    """Return True for a whole URL with http or https and a host, and nothing in it that does not belong there."""
    site = _site(url)
    return site is not None and site[0] in PORTS and url.isprintable() and " " not in url and "@" not in url


def _site(url: str) -> tuple[str, bytes, int | None] | None:
    try:
        parts = urlsplit(url)
        if not (parts.scheme and parts.hostname):
            return None
        return parts.scheme, parts.hostname.encode("idna"), parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return None
