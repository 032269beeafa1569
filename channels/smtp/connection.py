"""One SMTP connection: the dialogue with a relay, encrypted and verified, with a time limit for every reply.

Nothing here knows of messages. smtplib and similar libraries hide the moment between the content and its end, when the
ledger writes the commit mark.
"""

import asyncio
import base64
import re
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, cast

from amends.domain.base.errors import ChannelDown, ChannelMisconfigured

REPLY_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])([^\r\n]*))?\r?")
"""A line of a reply: "250-SIZE 35882577", "250 2.1.5 Ok" or "354"."""
ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
LIMIT_NAMED = re.compile(r"[0-9]{1,20}")
LONGEST_REPLY = 100
"""Most lines of a reply; a server that sends more does not speak SMTP."""
LONGEST_LINE = 16_384
"""Most bytes that may arrive without a line end."""
CLOSES = 421
"""Reply to any command by which the server ends the connection (RFC 5321, 3.8)."""
FAREWELL_SECONDS = 2.0
WATCH_SECONDS = 0.1
"""Interval at which a connection checks whether a reply is overdue."""


class Security(StrEnum):
    """The encryption of a connection: by STARTTLS, from the first byte, or none (this machine only)."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Relay:
    """The server that takes our mail, and how we connect to it."""

    host: str
    port: int
    security: Security
    tls: ssl.SSLContext = field(repr=False)
    hello: str
    """The name with which we greet."""
    username: str = ""
    password: str = field(default="", repr=False)
    command_seconds: float = 60
    chunking: bool = True
    """True when content may be sent in chunks, if the relay offers that."""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Disconnected(Exception):
    """An end of the connection, or a reply after which the connection cannot be used."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply of the server. Its text may hold an address, so only the codes go into receipts."""

    code: int
    text: str = field(repr=False)
    lines: tuple[str, ...] = field(default=(), repr=False)

    @property
    def refused(self) -> bool:
        """Return True for a 4xx or 5xx code."""
        return self.code >= 400

    @property
    def enhanced(self) -> str:
        """Return the enhanced status code, such as 5.1.1, or an empty string."""
        found = ENHANCED.match(self.text)
        return found[0] if found else ""

    @property
    def codes(self) -> str:
        """Return both codes, such as 550 5.1.1."""
        return f"{self.code} {self.enhanced}".strip()


Then = Callable[[list[Reply]], None]
"""A callback that receives the expected replies, or none when the connection ended before."""


class Connection(asyncio.Protocol):
    """A dialogue with the relay, one transaction after another.

    Replies go to a callback as soon as they arrive: waking a task for each reply would take as long as all other work
    on a message.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._offers: dict[str, str] = {}
        self.pipelining = self.chunking = self.dsn = False
        """True when the server offers pipelining (RFC 2920), content in chunks (RFC 3030), which needs pipelining here,
        and delivery reports (RFC 3461)."""
        self.longest = 0
        """Bytes of the longest message that the server takes (RFC 1870); 0 when the server names no limit."""
        self._rest = b""
        self._lines: list[Reply] = []
        self._received: deque[Reply] = deque()
        self._owed = 1
        """Replies that the server has not sent yet; the first is its greeting."""
        self.lost = ""
        """The reason why the connection cannot be used any more; empty while it can."""
        self._then: Then | None = None
        self._wanted = 0
        self._due = 0.0
        self._overdue = False
        self._tick: asyncio.TimerHandle | None = None

    @classmethod
    async def open(cls, relay: Relay) -> "Connection":
        """Connect, encrypt, greet and log in.

        Raises ChannelDown, or ChannelMisconfigured for a certificate or a login that is not accepted.
        """
        try:
            async with asyncio.timeout(relay.command_seconds):
                connection = await cls._dial(relay)
        except ssl.SSLCertVerificationError as error:
            raise ChannelMisconfigured(f"{relay}: certificate not accepted: {error.verify_message}") from error
        except (OSError, UnicodeError) as error:
            raise ChannelDown(f"{relay} cannot be reached: {type(error).__name__}") from error
        try:
            await connection.introduce(relay)
        except Disconnected as error:
            connection.abort()
            raise ChannelDown(f"{relay}: {error}") from error
        except BaseException:
            connection.abort()
            raise
        return connection

    async def introduce(self, relay: Relay) -> None:
        """Read the greeting, encrypt, log in. Raises Disconnected or ChannelMisconfigured."""
        (greeting,) = await self.replies(1)
        if greeting.code != 220:
            raise Disconnected(f"greeted us with {greeting.codes}")
        await self._greet(relay)
        if relay.security is Security.STARTTLS:
            await self._encrypt(relay)
            await self._greet(relay)
        if relay.username:
            await self._log_in(relay)

    @property
    def alive(self) -> bool:
        """Return True while neither side is known to have closed the connection."""
        return not self.lost

    @property
    def unsent(self) -> bool:
        """Return True while the system has not accepted all bytes that were written."""
        return self._transport is not None and self._transport.get_write_buffer_size() > 0

    def offers(self, extension: str) -> bool:
        """Return True when the server named this extension in its reply to EHLO."""
        return extension in self._offers

    def too_long(self, content: bytes) -> bool:
        """Return True when the content exceeds the limit that the server announced."""
        return 0 < self.longest < len(content)

    def left_over(self) -> list[Reply]:
        """Return the replies received before the end that no callback got, because it waited for more of them."""
        return list(self._received)

    def say(self, content: bytes, replies: int = 0) -> None:
        """Write something that calls for this number of replies; only the replies show whether it arrived."""
        if self._transport and not self.lost:
            self._owed += replies
            self._transport.write(content)

    def expect(self, count: int, then: Then, seconds: float = 0) -> None:
        """Call `then` with the next replies, all within this time, or with none for silence, an end, or no SMTP."""
        self._wanted, self._due, self._then = count, self._loop.time() + (seconds or self._seconds), then
        if self.lost or len(self._received) >= count:
            self._wake()

    def converse(self, commands: Sequence[bytes], then: Then) -> None:
        """Send these commands all at once with pipelining, else one by one up to the first refusal."""
        if self.pipelining:
            self.say(b"".join(commands), len(commands))
            self.expect(len(commands), then)
        else:
            self._one_by_one(commands, [], then)

    async def replies(self, count: int) -> list[Reply]:
        """Wait for the next replies and return them. Raises Disconnected for silence, an end, or no SMTP."""
        heard: asyncio.Future[list[Reply]] = self._loop.create_future()

        def then(replies: list[Reply]) -> None:
            if not heard.done():
                heard.set_result(replies)

        self.expect(count, then)
        replies = await heard
        if not replies:
            raise Disconnected(self.lost)
        return replies

    async def command(self, command: str) -> Reply:
        """Send one command and return the reply. Raises Disconnected."""
        self.say(f"{command}\r\n".encode(), 1)
        (reply,) = await self.replies(1)
        return reply

    def abort(self) -> None:
        """Close the connection at once; content without its end is not delivered."""
        self._then = None
        self._end("we hung up")

    async def quit(self) -> None:
        """Send QUIT and close the connection; an error here has no consequence."""
        self._seconds = FAREWELL_SECONDS
        try:
            await self.command("QUIT")
        except Disconnected:
            pass
        finally:
            self.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._receive(line)
        if len(self._rest) > LONGEST_LINE:
            self._end("not an SMTP reply")
        if len(self._received) >= self._wanted:
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("connection lost")

    def _receive(self, line: bytes) -> None:
        said = _line(line)
        if said is None or (self._lines and not self._continues(said.reply)):
            self._end("not an SMTP reply")
        elif not self._owed:
            # Kept, the reply would be taken for the answer to the next command.
            self._end(f"closes with {said.reply.codes}" if said.reply.code == CLOSES else "answered what nobody asked")
        elif said.more:
            self._lines.append(said.reply)
        else:
            self._owed -= 1
            self._received.append(self._whole(said.reply) if self._lines else said.reply)

    def _continues(self, line: Reply) -> bool:
        """Return True when this can be the next line of the reply that has begun."""
        return len(self._lines) < LONGEST_REPLY and self._lines[0].code == line.code

    def _whole(self, last: Reply) -> Reply:
        """Return the reply of several lines that ends with this line."""
        before, self._lines = self._lines, []
        return replace(last, lines=(*(line.text for line in before), last.text))

    def _end(self, why: str) -> None:
        self.lost = self.lost or why
        if self._tick:
            self._tick.cancel()
        if self._transport:
            self._transport.abort()
        self._wake()

    def _wake(self) -> None:
        then, self._then = self._then, None
        if then is None:
            return
        heard = self._received
        then([heard.popleft() for _ in range(self._wanted)] if len(heard) >= self._wanted else [])

    def _one_by_one(self, commands: Sequence[bytes], replies: list[Reply], then: Then) -> None:
        def heard(reply: list[Reply]) -> None:
            replies.extend(reply)
            if not reply or not rest or reply[0].refused:
                then(replies if reply else [])
            else:
                self._one_by_one(rest, replies, then)

        first, *rest = commands
        self.say(first, 1)
        self.expect(1, heard)

    def _watch(self) -> None:
        # One timer that is set again and again costs less than one for each reply.
        overdue = self._then is not None and self._loop.time() > self._due
        if overdue and self._overdue:  # checked twice, because an arrived reply may be unread at the first check
            self._end("no reply in time")
        self._overdue = overdue
        if not self.lost:
            self._tick = self._loop.call_later(WATCH_SECONDS, self._watch)

    @classmethod
    async def _dial(cls, relay: Relay) -> "Connection":
        encrypted = relay.tls if relay.security is Security.TLS else None
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: cls(relay.command_seconds), relay.host, relay.port, ssl=encrypted
        )
        return connection

    async def _greet(self, relay: Relay) -> None:
        reply = await self.command(f"EHLO {relay.hello}")
        if reply.refused:
            raise Disconnected(f"refused EHLO with {reply.codes}")
        named = (line.upper().partition(" ") for line in reply.lines[1:])
        self._offers = {extension: parameters for extension, _, parameters in named}
        self.pipelining, self.dsn = self.offers("PIPELINING"), self.offers("DSN")
        self.chunking = relay.chunking and self.pipelining and self.offers("CHUNKING")
        limit = self._offers.get("SIZE", "").strip()
        self.longest = int(limit) if LIMIT_NAMED.fullmatch(limit) else 0

    async def _encrypt(self, relay: Relay) -> None:
        if not self.offers("STARTTLS"):
            raise Disconnected("does not offer STARTTLS, and nothing goes in clear text")
        reply = await self.command("STARTTLS")
        if reply.code != 220:
            raise Disconnected(f"refused STARTTLS with {reply.codes}")
        try:
            async with asyncio.timeout(self._seconds):
                await self._start_tls(relay)
        except ssl.SSLCertVerificationError as error:
            raise ChannelMisconfigured(f"{relay}: certificate not accepted: {error.verify_message}") from error
        except OSError as error:
            raise Disconnected(f"TLS failed ({type(error).__name__})") from error

    async def _start_tls(self, relay: Relay) -> None:
        # Bytes that an attacker injects before the encryption must not be read as if they came after it.
        if self.lost or self._rest or self._lines or self._transport is None:
            raise Disconnected("said more than the reply to STARTTLS")
        encrypted = await self._loop.start_tls(self._transport, self, relay.tls, server_hostname=relay.host)
        if encrypted is None:
            raise ConnectionResetError
        self._transport = encrypted

    async def _log_in(self, relay: Relay) -> None:
        offered = self._offers.get("AUTH", "").split()
        if "PLAIN" in offered:
            secret = f"\x00{relay.username}\x00{relay.password}"
            reply = await self.command(f"AUTH PLAIN {_base64(secret)}")
        elif "LOGIN" in offered:
            reply = await self._log_in_by_steps(relay)
        else:
            raise ChannelMisconfigured(f"{relay} offers neither PLAIN nor LOGIN, so username is of no use")
        if reply.code >= 500:
            raise ChannelMisconfigured(f"{relay} refused username or password with {reply.codes}")
        if reply.code != 235:
            raise Disconnected(f"refused the login with {reply.codes}")

    async def _log_in_by_steps(self, relay: Relay) -> Reply:
        reply = await self.command("AUTH LOGIN")
        for secret in (relay.username, relay.password):
            if reply.code != 334:
                break
            reply = await self.command(_base64(secret))
        return reply


class _Line(NamedTuple):
    reply: Reply
    more: bool
    """True when another line of the same reply follows."""


@lru_cache(256)
def _line(line: bytes) -> _Line | None:
    """Parse one line of a reply, or return None when it is not SMTP; cached, as a relay repeats the same few lines."""
    found = REPLY_LINE.fullmatch(line)
    if not found:
        return None
    code, more, said = found.groups()
    text = (said or b"").decode("ascii", "replace")
    return _Line(Reply(int(code), text, (text,)), more == b"-")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
