"""The one guarded way out: where a provider may stand, and a connection to that very address."""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable
from enum import StrEnum
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx2

from channels.base.settings import is_loopback

CONNECT_SECONDS = 10.0
"""For name, connection and TLS together."""
SHARES = 4
"""So many of a host's addresses share that time; each has its part."""
IDLE_SECONDS = 2.0
"""Shorter than what servers allow, so that none hangs up just as the next message is written."""
KEEP_ADDRESS_SECONDS = 30.0


# httpx2 would log each address with its query, where some gateways want the number and the text.
logging.getLogger("httpx2").addFilter(lambda _: False)


class NetworkReach(StrEnum):
    """Where a provider may stand."""

    PUBLIC = "public"
    PRIVATE = "private"
    """In the organisation's own network."""


NOT_THERE = {
    NetworkReach.PUBLIC: 'it has no public address; network = "private" allows one in your own network',
    NetworkReach.PRIVATE: "it has no address that is public or in your own network",
}


def open_client(seconds: float, reach: NetworkReach = NetworkReach.PUBLIC) -> httpx2.AsyncClient:
    """A client for one host: no redirects, no cookies, no packed bodies, no proxy or password from the environment."""
    limits = httpx2.Limits(max_connections=100, max_keepalive_connections=100, keepalive_expiry=IDLE_SECONDS)
    return httpx2.AsyncClient(
        transport=GuardedTransport(httpx2.AsyncHTTPTransport(trust_env=False, limits=limits), reach),
        timeout=httpx2.Timeout(seconds, connect=CONNECT_SECONDS),
        follow_redirects=False,
        trust_env=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"Accept": "*/*", "Accept-Encoding": "identity"},
    )


async def resolve(host: str, port: int) -> tuple[str, ...]:
    """The addresses of a host, the best first."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


class NotAllowedThere(httpx2.ConnectError):
    """The host has no address that a provider may have."""


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Looks its host's name up and connects to that very address, if a provider may stand there.

    A name that leads into our own network, by mistake or by a trick, leads nowhere. An address is kept for a while,
    or until it does not answer, because a name server is not asked for every message. Where nobody answers, time is
    left for the next address: a route for IPv6 may lead nowhere.
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
                return await self._inner.handle_async_request(_at(request, address, seconds))
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
            addresses = [found for found in await self._ask(url) if may_stand_at(found, url.host, self._reach)]
            self._kept[url.host] = now + KEEP_ADDRESS_SECONDS, addresses
        return addresses

    async def _ask(self, url: httpx2.URL) -> tuple[str, ...]:
        try:
            return await self._lookup(url.host, url.port or (443 if url.scheme == "https" else 80))
        except (OSError, UnicodeError) as error:
            raise httpx2.ConnectError("no such host") from error


def may_stand_at(address: str, host: str, reach: NetworkReach) -> bool:
    """Whether a provider of this host name may have this address: this machine only when it was named as such."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if is_loopback(host):
        return ip.is_loopback
    if ip.is_global and not ip.is_multicast:
        return True
    nowhere = ip.is_loopback or ip.is_link_local or ip.is_unspecified or ip.is_reserved or ip.is_multicast
    return reach is NetworkReach.PRIVATE and not nowhere


def _at(request: httpx2.Request, address: str, seconds: float) -> httpx2.Request:
    """The same request, to this address, which has so long to answer; the certificate is still the name's."""
    timeout = {**request.extensions.get("timeout", {}), "connect": seconds}
    return httpx2.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.host, "timeout": timeout},
    )
