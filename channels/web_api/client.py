"""The HTTP client of all channels: it looks up a provider's name, checks the address, and connects to that address."""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable
from enum import StrEnum
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx2

from amends.system.tls import trusted_context
from channels.base.settings import is_loopback

CONNECT_SECONDS = 10.0
"""Limit for name lookup, connection and TLS together."""
SHARES = 4
"""Parts into which CONNECT_SECONDS is divided, at most, among the addresses of a host."""
IDLE_SECONDS = 2.0
"""Seconds for which an idle connection is kept: a server that closed it first could lose the next message."""
KEEP_ADDRESS_SECONDS = 30.0
"""Seconds for which the looked-up addresses of a host are used again."""

# httpx2 would log each URL with its query, in which some gateways want the phone number and the text.
logging.getLogger("httpx2").addFilter(lambda _: False)


class NetworkReach(StrEnum):
    """The networks in which a provider may have its address."""

    PUBLIC = "public"
    PRIVATE = "private"
    """Public networks, and the organisation's own."""


NOT_THERE = {
    NetworkReach.PUBLIC: 'it has no public address; network = "private" allows one in your own network',
    NetworkReach.PRIVATE: "it has no address that is public or in your own network",
}


def open_client(seconds: float, reach: NetworkReach = NetworkReach.PUBLIC) -> httpx2.AsyncClient:
    """Return a client for one host: no redirects, cookies, compressed bodies, no proxy or login of the environment."""
    limits = httpx2.Limits(max_connections=100, max_keepalive_connections=100, keepalive_expiry=IDLE_SECONDS)
    transport = httpx2.AsyncHTTPTransport(verify=trusted_context(), trust_env=False, limits=limits)
    return httpx2.AsyncClient(
        transport=GuardedTransport(transport, reach),
        timeout=httpx2.Timeout(seconds, connect=CONNECT_SECONDS),
        follow_redirects=False,
        trust_env=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"Accept": "*/*", "Accept-Encoding": "identity"},
    )


async def resolve(host: str, port: int) -> tuple[str, ...]:
    """Return the addresses of a host, the preferred one first."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


class NotAllowedThere(httpx2.ConnectError):
    """A refusal to connect: the host has no address that a provider may have."""


class GuardedTransport(httpx2.AsyncBaseTransport):
    """A transport that looks up its host's name, checks each address, and connects to a permitted address only.

    A name that leads into our own network, by mistake or by an attack, is not connected to. An address is kept for a
    while, or until it does not answer, because a lookup for every message would be too many. When one address does not
    answer, time is left for the next one: a route for IPv6 may be broken.
    """

    def __init__(
        self,
        inner: httpx2.AsyncBaseTransport,
        reach: NetworkReach,
        lookup: Callable[[str, int], Awaitable[tuple[str, ...]]] = resolve,
    ) -> None:
        self._inner = inner
        self._reach = reach
        self._lookup = lookup
        self._kept: dict[str, tuple[float, list[str]]] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        trouble: httpx2.TransportError = NotAllowedThere(NOT_THERE[self._reach])
        addresses = await self._addresses(request.url)
        seconds = CONNECT_SECONDS / max(min(len(addresses), SHARES), 1)
        for address in addresses:
            try:
                return await self._inner.handle_async_request(_addressed(request, address, seconds))
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                self._forget(request.url.host, address)
                trouble = error
        raise trouble

    async def aclose(self) -> None:
        await self._inner.aclose()

    def _forget(self, host: str, address: str) -> None:
        until, addresses = self._kept[host]
        self._kept[host] = until, [other for other in addresses if other != address]

    async def _addresses(self, url: httpx2.URL) -> list[str]:
        now = asyncio.get_running_loop().time()
        until, addresses = self._kept.get(url.host, (now, []))
        if until <= now or not addresses:
            addresses = [found for found in await self._look_up(url) if may_stand_at(found, url.host, self._reach)]
            self._kept[url.host] = now + KEEP_ADDRESS_SECONDS, addresses
        return addresses

    async def _look_up(self, url: httpx2.URL) -> tuple[str, ...]:
        try:
            return await self._lookup(url.host, url.port or (443 if url.scheme == "https" else 80))
        except (OSError, UnicodeError) as error:
            raise httpx2.ConnectError("no such host") from error


def may_stand_at(address: str, host: str, reach: NetworkReach) -> bool:
    """Return True when a provider of this host name may have this address; loopback only for a loopback host name."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if is_loopback(host):
        return ip.is_loopback
    if ip.is_global and not ip.is_multicast:
        return True
    nowhere = ip.is_loopback or ip.is_link_local or ip.is_unspecified or ip.is_reserved or ip.is_multicast
    return reach is NetworkReach.PRIVATE and not nowhere


def _addressed(request: httpx2.Request, address: str, seconds: float) -> httpx2.Request:
    """Return the request to this address with this connect timeout; TLS still verifies the certificate of the name."""
    timeout = {**request.extensions.get("timeout", {}), "connect": seconds}
    return httpx2.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.host, "timeout": timeout},
    )
