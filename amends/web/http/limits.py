"""How many forms may be sent, and from where, and how many are kept at the same time."""

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
"""A flood may not use up its minute within seconds: each form that is taken keeps a send from writing for a moment."""

WRITERS = 8
"""So many forms are kept at a time. While somebody else writes to the ledger for long, each of them holds one of its
fifteen connections, and those who only read need the others."""


class PostLimits:
    """Counts form posts in memory. Keeps no more keys than IN_ALL lets in, however many addresses a flood has."""

    def __init__(self) -> None:
        self._counts = FixedWindowRateLimiter(MemoryStorage())

    def seconds_to_wait(self, address: str, link: str) -> int:
        """Count one post that may go on, and give 0; else the seconds until the next may come, and count nothing."""
        theirs = ((PER_ADDRESS, address), (PER_LINK, link))
        full = (self._until_reset(limit, key) for limit, key in theirs if not self._counts.test(limit, key))
        if seconds := self.seconds_for_all() or max(full, default=0):
            return seconds
        for limit, key in theirs:
            self._counts.hit(limit, key)
        for common in (IN_ALL, AT_ONCE):
            self._counts.hit(common)
        return 0

    def seconds_for_all(self) -> int:
        """Seconds until anybody's next post may come, 0 when it may at once; counts nothing."""
        full = (common for common in (IN_ALL, AT_ONCE) if not self._counts.test(common))
        return max(map(self._until_reset, full), default=0)

    def _until_reset(self, limit: RateLimitItem, *keys: str) -> int:
        reset = self._counts.get_window_stats(limit, *keys).reset_time
        return max(math.ceil(reset - time.time()), 1)


def sender_address(peer: str, headers: Headers, trusted_proxies: int) -> str:
    """Where a request comes from: the entry of X-Forwarded-For that our outermost proxy added, else the peer.

    A proxy may add a line of its own instead of an entry, so all lines count, in their order (RFC 9110, 5.3). An IPv6
    address counts as its /64, because one household has all of it.
    """
    entries = [entry.strip() for entry in ",".join(headers.getlist("x-forwarded-for")).split(",")]
    forwarded = entries[-trusted_proxies] if 0 < trusted_proxies <= len(entries) else ""
    return _network(forwarded) or _network(peer) or peer


def _network(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(ip_network((address.packed, 64), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)


RETRY_SECONDS = 60
