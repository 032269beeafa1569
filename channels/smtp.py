"""One SMTP connection: encrypted and verified or not at all, and every reply within its time.

It knows the dialogue and nothing of messages. smtplib and its kin hide the moment between the content and the
final dot, which is where the ledger makes its mark.
"""

import asyncio
import base64
import re
import ssl
from dataclasses import dataclass, field
from enum import StrEnum

from amends.domain.errors import ChannelMisconfigured, ChannelUnavailable

REPLY_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])([^\r\n]*))?\r?\n")
ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
LONGEST_REPLY = 100
"""Lines; a server that says more is not talking SMTP."""
LIMIT = 16_384
FAREWELL_SECONDS = 2.0


class Security(StrEnum):
    """How a connection is encrypted: on demand, from the first byte, or not at all (this machine only)."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Relay:
    """The server that takes our mail, and how we come to it."""

    host: str
    port: int
    security: Security
    tls: ssl.SSLContext = field(repr=False)
    hello: str
    """The name that we greet with."""
    username: str = ""
    password: str = field(default="", repr=False)
    command_seconds: float = 60

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Disconnected(Exception):
    """The connection is of no more use."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered. The text may hold an address, so only the codes go into receipts."""

    code: int
    text: str = field(repr=False)
    lines: tuple[str, ...] = field(default=(), repr=False)

    @property
    def refused(self) -> bool:
        """A 4xx or 5xx."""
        return self.code >= 400

    @property
    def enhanced(self) -> str:
        """The enhanced status code, such as 5.1.1, or empty."""
        found = ENHANCED.match(self.text)
        return found[0] if found else ""

    @property
    def codes(self) -> str:
        """Both codes, such as 550 5.1.1."""
        return f"{self.code} {self.enhanced}".strip()


class Connection:
    """A dialogue with the relay, one transaction after another."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
        self._reader = reader
        self._writer = writer
        self._seconds = seconds
        self._offers: dict[str, str] = {}
        self._beneath: asyncio.StreamWriter | None = None

    @classmethod
    async def open(cls, relay: Relay) -> "Connection":
        """Connect, encrypt, greet and log in.

        Raises ChannelUnavailable, or ChannelMisconfigured for a certificate or a login that is not accepted.
        """
        try:
            async with asyncio.timeout(relay.command_seconds):
                connection = await cls._dial(relay)
        except ssl.SSLCertVerificationError as error:
            raise ChannelMisconfigured(f"{relay}: certificate not accepted: {error.verify_message}") from error
        except (OSError, UnicodeError) as error:
            raise ChannelUnavailable(f"{relay} cannot be reached: {type(error).__name__}") from error
        try:
            await connection.introduce(relay)
        except Disconnected as error:
            connection.abort()
            raise ChannelUnavailable(f"{relay}: {error}") from error
        except BaseException:
            connection.abort()
            raise
        return connection

    async def introduce(self, relay: Relay) -> None:
        """Hear the greeting, encrypt, log in. Raises Disconnected or ChannelMisconfigured."""
        (greeting,) = await self.exchange(b"", self._seconds)
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
        """Neither side has hung up, as far as we know."""
        return not (self._writer.is_closing() or self._reader.at_eof())

    def offers(self, extension: str) -> bool:
        """The server named this extension when it was greeted."""
        return extension in self._offers

    async def converse(self, *commands: str) -> list[Reply]:
        """Say these commands, all at once when the server allows it; the replies end with the first refusal.

        Raises Disconnected.
        """
        if not self.offers("PIPELINING"):
            return await self._one_by_one(commands)
        lines = "".join(f"{command}\r\n" for command in commands)
        replies = await self.exchange(lines.encode(), self._seconds, len(commands))
        return [_still_there(reply) for reply in replies]

    async def command(self, command: str) -> Reply:
        """Say one command and hear the reply. Raises Disconnected."""
        (reply,) = await self.exchange(f"{command}\r\n".encode(), self._seconds)
        return _still_there(reply)

    async def write(self, content: bytes) -> None:
        """Say something that is not answered yet. Raises Disconnected."""
        await self.exchange(content, self._seconds, count=0)

    async def exchange(self, content: bytes, seconds: float, count: int = 1) -> list[Reply]:
        """Say something and hear so many replies, all within this time.

        Raises Disconnected for silence, an end, or what is no SMTP.
        """
        try:
            async with asyncio.timeout(seconds):
                self._writer.write(content)
                await self._writer.drain()
                return [await self._read_reply() for _ in range(count)]
        except TimeoutError as error:
            raise Disconnected("no reply in time") from error
        except (OSError, EOFError) as error:
            raise Disconnected("connection lost") from error
        except asyncio.LimitOverrunError as error:
            raise Disconnected("not an SMTP reply") from error

    def abort(self) -> None:
        """Hang up at once; what was not ended with a dot is not delivered."""
        self._writer.transport.abort()

    async def quit(self) -> None:
        """Take leave; whatever goes wrong here has no meaning any more."""
        self._seconds = FAREWELL_SECONDS
        try:
            await self.command("QUIT")
        except Disconnected:
            pass
        finally:
            self.abort()

    @classmethod
    async def _dial(cls, relay: Relay) -> "Connection":
        encrypted = relay.tls if relay.security is Security.TLS else None
        reader, writer = await asyncio.open_connection(relay.host, relay.port, ssl=encrypted, limit=LIMIT)
        return cls(reader, writer, relay.command_seconds)

    async def _greet(self, relay: Relay) -> None:
        reply = await self.command(f"EHLO {relay.hello}")
        if reply.refused:
            raise Disconnected(f"refused EHLO with {reply.codes}")
        named = (line.upper().partition(" ") for line in reply.lines[1:])
        self._offers = {extension: parameters for extension, _, parameters in named}

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
        # A new reader, so that nothing which somebody put in before the encryption is read as if it came after.
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=LIMIT)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport = await loop.start_tls(self._writer.transport, protocol, relay.tls, server_hostname=relay.host)
        if transport is None:
            raise ConnectionResetError
        protocol.connection_made(transport)
        self._beneath = self._writer  # a writer that nobody holds closes the socket that the encryption runs on
        self._reader, self._writer = reader, asyncio.StreamWriter(transport, protocol, reader, loop)

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

    async def _one_by_one(self, commands: tuple[str, ...]) -> list[Reply]:
        replies: list[Reply] = []
        for command in commands:
            replies.append(await self.command(command))
            if replies[-1].refused:
                break
        return replies

    async def _read_reply(self) -> Reply:
        lines: list[str] = []
        for _ in range(LONGEST_REPLY):
            found = REPLY_LINE.fullmatch(await self._reader.readuntil(b"\n"))
            if not found:
                raise Disconnected("not an SMTP reply")
            lines.append((found[3] or b"").decode("ascii", "replace"))
            if found[2] != b"-":
                return Reply(int(found[1]), lines[-1], tuple(lines))
        raise Disconnected("not an SMTP reply")


def _still_there(reply: Reply) -> Reply:
    if reply.code == 421:
        raise Disconnected(f"closes with {reply.codes}")
    return reply


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
