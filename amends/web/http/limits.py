"""Limits on forms: how many are accepted from one sender and in all, and how many are written at the same time."""

import math
import time
from ipaddress import IPv6Address, ip_address, ip_network

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.datastructures import Headers

PER_LINK = RateLimitItemPerHour(10)
PER_ADDRESS = RateLimitItemPerHour(60)
IN_ALL = RateLimitItemPerMinute(600)
AT_ONCE = RateLimitItemPerSecond(20)
"""A flood must not use up the limit per minute within seconds: each accepted form delays the writes of a send."""

WRITERS = 8
"""The number of forms that are written at a time. While another process writes to the ledger for long, each form holds
one of the ledger's fifteen connections, and requests that only read need the others."""
RETRY_SECONDS = 60
"""The seconds after which a client may try again when the ledger is not available."""


class PostLimits:
    """Counters of form posts, in memory. They have no more keys than IN_ALL admits posts, however large a flood is."""

    def __init__(self) -> None:
        self._counts = FixedWindowRateLimiter(MemoryStorage())

    def seconds_to_wait(self, address: str, link: str) -> int:
        """Count an admitted post and return 0, or return the seconds until the next may come and count nothing."""
        own_limits = ((PER_ADDRESS, address), (PER_LINK, link))
        full = (self._until_reset(limit, key) for limit, key in own_limits if not self._counts.test(limit, key))
        if seconds := self.seconds_for_all() or max(full, default=0):
            return seconds
        for limit, key in own_limits:
            self._counts.hit(limit, key)
        for common in (IN_ALL, AT_ONCE):
            self._counts.hit(common)
        return 0

    def seconds_for_all(self) -> int:
        """Return the seconds until the next post of any sender may come, 0 for at once; count nothing."""
        full = (common for common in (IN_ALL, AT_ONCE) if not self._counts.test(common))
        return max(map(self._until_reset, full), default=0)

    def _until_reset(self, limit: RateLimitItem, *keys: str) -> int:
        reset = self._counts.get_window_stats(limit, *keys).reset_time
        return max(math.ceil(reset - time.time()), 1)


def sender_address(peer: str, headers: Headers, trusted_proxies: int) -> str:
    """Return the sender of a request: the entry of X-Forwarded-For that our outermost proxy added, else the peer.

    A proxy may add a header line of its own instead of an entry, so all lines count, in their order (RFC 9110, 5.3). An
    IPv6 address counts as its /64 network, because one household has all of it.
    """
    entries = [entry.strip() for entry in ",".join(headers.getlist("x-forwarded-for")).split(",")]
    forwarded = entries[-trusted_proxies] if 0 < trusted_proxies <= len(entries) else ""
    return network_of(forwarded) or network_of(peer) or peer


def network_of(text: str) -> str:
    """Return the address, or the /64 network of an IPv6 address; "" for a text that is no address."""
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(ip_network((address.packed, 64), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)
