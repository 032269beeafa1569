"""Connections of the portal, which cut off unclear requests, slow senders, slow readers and crowds, without a proxy."""

import asyncio
import time

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from amends.settings import ConnectionLimits
from amends.web.http.limits import network_of

TICKS = 4
"""The number of looks at a body until its time is over. A body may be silent until the first."""
BACKLOG = 128
"""The most connections that are taken at a time, before any of them is counted: each takes a file."""
TOO_SLOW = (
    b"HTTP/1.1 408 Request Timeout\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: 31\r\nConnection: close\r\n\r\nThe request came in too slowly."
)
TOO_MANY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: 41\r\nRetry-After: 10\r\nConnection: close\r\n\r\nToo many requests are being answered now."
)
NO_TRANSFER_ENCODING = b"1.0"
"""The version of HTTP in which nobody knows where a body with a Transfer-Encoding ends (RFC 9112, 6.1)."""


class StrictParser(h11.Connection):
    """A parser that refuses a request which a proxy in front may end elsewhere (RFC 9112, 6.1 and 6.3).

    Different Content-Lengths are refused by h11 itself, which takes a Transfer-Encoding beside a Content-Length.
    """

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Return what has arrived next. Raises h11.RemoteProtocolError."""
        event = super().next_event()
        if isinstance(event, h11.Request) and _ambiguous(event):
            raise h11.RemoteProtocolError("the end of this request is not certain")
        return event


def _ambiguous(request: h11.Request) -> bool:
    names = {name for name, _ in request.headers}
    return b"transfer-encoding" in names and (
        b"content-length" in names or request.http_version == NO_TRANSFER_ENCODING
    )


class GuardedConnection(H11Protocol):
    """A connection that is closed when its request or its reader is too slow, or to make room for others."""

    limits = ConnectionLimits()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, and begin to wait for its first request."""
        self.conn = StrictParser(h11.SERVER)
        self._phase: tuple[object, object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reading: asyncio.TimerHandle | None = None
        self._received = 0
        super().connection_made(transport)
        self.network = network_of(self.client[0]) if self.client else ""
        self._watch()
        self._make_room()

    def data_received(self, data: bytes) -> None:
        """Take what has arrived, and begin to wait for what is still missing."""
        self._received += len(data)
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request, and for the reader of a response that has not left yet."""
        super().on_response_complete()
        if self.transport.get_write_buffer_size():
            self._await_reader()
        self._watch()

    def pause_writing(self) -> None:
        """Stop writing, and begin to wait for the reader."""
        super().pause_writing()
        self._await_reader()

    def resume_writing(self) -> None:
        """Go on writing, because the reader has taken what was written."""
        super().resume_writing()
        self._stop_waiting_for_reader()

    def connection_lost(self, exc: Exception | None) -> None:
        """End all waiting."""
        self._end(self._timer)
        self._stop_waiting_for_reader()
        super().connection_lost(exc)

    @property
    def can_go(self) -> bool:
        """Return True while nobody works on a request of this connection: it is incomplete, or its reader is slow."""
        return self.conn.their_state in (h11.IDLE, h11.SEND_BODY) or self._reading is not None

    def cut(self) -> None:
        """End the connection at once, whatever still waits to be read."""
        self.connections.discard(self)
        self.transport.abort()

    def _watch(self) -> None:
        """Begin a new time limit when the connection has come to another phase, or to another request."""
        phase = (self.conn.their_state, self.cycle)
        if phase == self._phase or self.transport.is_closing():
            return
        self._phase, self.since = phase, time.monotonic()
        self._end(self._timer)
        if self.conn.their_state is h11.IDLE:
            self._timer = self.loop.call_later(self.limits.head_seconds, self._give_up_head)
        elif self.conn.their_state is h11.SEND_BODY:
            self._received = 0
            self._timer = self.loop.call_later(self.limits.body_seconds / TICKS, self._look_at_body)

    def _give_up_head(self) -> None:
        """Close the connection; a sender who has begun a request is told why, unless nothing is read there."""
        if self.conn.trailing_data[0] and not self.transport.get_write_buffer_size():
            self.transport.write(TOO_SLOW)
            self.transport.close()
        else:
            self.cut()

    def _look_at_body(self) -> None:
        """Close the connection when its body takes too long, or came too slowly since the first look."""
        tick = self.limits.body_seconds / TICKS
        took = time.monotonic() - self.since
        if took > self.limits.body_seconds or self._received < self.limits.least_rate * (took - tick):
            self.cut()
        else:
            self._timer = self.loop.call_later(tick, self._look_at_body)

    def _await_reader(self) -> None:
        if self._reading is None:
            self._reading = self.loop.call_later(self.limits.answer_seconds, self._look_at_reader)

    def _look_at_reader(self) -> None:
        self._reading = None
        if self.transport.get_write_buffer_size():
            self.cut()

    def _stop_waiting_for_reader(self) -> None:
        self._end(self._reading)
        self._reading = None

    def _make_room(self) -> None:
        """Close the connection that has been incomplete for longest when there are too many, of one address or in all.

        An honest request is complete at once, so slow ones go in its place. When all requests are complete and being
        worked on, the new connection is refused.
        """
        everybody = [connection for connection in self.connections if isinstance(connection, GuardedConnection)]
        neighbours = [one for one in everybody if one.network == self.network]
        if self.limits.per_address and len(neighbours) > self.limits.per_address:
            self._let_one_go(neighbours)
        elif len(everybody) > self.limits.most:
            self._let_one_go(everybody)

    def _let_one_go(self, crowd: "list[GuardedConnection]") -> None:
        others = [one for one in crowd if one is not self and one.can_go]
        if others:
            min(others, key=lambda one: one.since).cut()
        else:
            self.transport.write(TOO_MANY)
            self.transport.close()
            self.connections.discard(self)

    @staticmethod
    def _end(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()


def guarded(limits: ConnectionLimits, trusted_proxies: int = 0) -> type[GuardedConnection]:
    """Return the connections that keep these limits; behind a proxy of ours, all come from one address."""
    own = limits.model_copy(update={"per_address": 0}) if trusted_proxies else limits

    class PortalConnection(GuardedConnection):
        limits = own

    return PortalConnection
