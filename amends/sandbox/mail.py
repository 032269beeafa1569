"""A mail relay that stores messages in a folder and fails on request."""

import asyncio
import random
import ssl
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

REFUSED_RECIPIENTS = {
    "bounce": "550 5.1.1 No such user",
    "full": "452 4.2.2 Mailbox full",
    "policy": "550 5.7.1 Blocked",
}
"""The reply to a recipient, by a word in the local part of its address."""
GREYLISTED = "451 4.7.1 Come back later"
REFUSED_CONTENT = {"content": "554 5.6.0 Not acceptable", "busy": "451 4.3.0 Try again"}
"""The reply to the final dot, by a word in the local part of the first recipient's address."""
CREDENTIALS = ("amends", "rehearsal")
"""The login that a server with passwords accepts."""


class AfterDot(StrEnum):
    """A behaviour of the server after a whole message has arrived."""

    ACCEPT = "accept"
    KEEP_AND_DROP = "keep_and_drop"
    """Store the message, then close the connection without a reply."""
    LOSE_AND_DROP = "lose_and_drop"
    """Close the connection without having stored the message."""
    KEEP_AND_BABBLE = "keep_and_babble"
    """Store the message, then send a line that is not an SMTP reply."""


OPEN_ENDS = (AfterDot.KEEP_AND_DROP, AfterDot.LOSE_AND_DROP, AfterDot.KEEP_AND_BABBLE)


class SmtpStage(StrEnum):
    """A stage of a transaction at which a fault can strike."""

    SENDER = "sender"
    RECIPIENT = "recipient"
    DATA = "data"
    BODY = "body"
    """Closes the connection in the middle of the content."""
    DOT = "dot"
    """Refuses the whole message after the final dot."""
    ENDING = "ending"
    """Leaves open whether the message was accepted."""


REFUSALS = {
    SmtpStage.SENDER: ("451 4.3.0 Try again", "421 4.3.2 Closing", "550 5.7.1 Not from you"),
    SmtpStage.RECIPIENT: (
        "450 4.2.0 Try again",
        "451 4.3.0 Try again",
        "452 4.2.2 Mailbox full",
        "550 5.1.1 No such user",
    ),
    SmtpStage.DATA: ("451 4.3.0 Try again", "452 4.3.1 No room"),
    SmtpStage.DOT: ("451 4.3.0 Try again", "452 4.3.1 No room", "554 5.6.0 Not acceptable"),
}


@dataclass(frozen=True, slots=True)
class Faults:
    """The random faults of a server, which can strike any message."""

    share: Mapping[SmtpStage, float] = field(default_factory=dict)
    """The share of all messages that fail, for each stage: 0.1 is one in ten."""
    greylists: bool = False
    """True when every recipient is refused the first time (RFC 6647)."""
    slowest: float = 0.0
    """The longest time in seconds that a reply may take."""


FAULTS = {
    "clean": Faults(),
    "drops": Faults({SmtpStage.BODY: 0.15}),
    "open-ends": Faults({SmtpStage.ENDING: 0.1}),
    "refusals": Faults({SmtpStage.SENDER: 0.05, SmtpStage.RECIPIENT: 0.1, SmtpStage.DATA: 0.05, SmtpStage.DOT: 0.1}),
    "greylisting": Faults(greylists=True),
    "slow": Faults(slowest=0.03),
}
"""Faults of one kind each, by name."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message as it arrived over the wire."""

    envelope_sender: str
    recipients: tuple[str, ...] = field(repr=False)
    content: bytes = field(repr=False)


class MailServer:
    """A mail relay that runs in a thread of its own from `with` to the end of the block, on a port the system chose.

    A word in the local part of an address makes the server fail: bounce, full, policy, content, busy. An address with
    grey is accepted the second time. `faults` are the random faults.
    """

    def __init__(
        self,
        folder: Path,
        *,
        tls: ssl.SSLContext | None = None,
        passwords: bool = False,
        pipelining: bool = True,
        chunking: bool = True,
        faults: Faults = FAULTS["clean"],
        seed: int = 0,
    ) -> None:
        """Require STARTTLS with `tls`, then CREDENTIALS with `passwords`; the same `seed` gives the same faults."""
        self.faults = faults
        self.gone_wrong: Counter[SmtpStage] = Counter()
        """The number of random faults at each stage."""
        self.after_dot = AfterDot.ACCEPT
        self.delay = 0.0
        """The seconds before the reply to the final dot."""
        self.arrived: list[Arrived] = []
        self.connections = 0
        self._folder = folder
        self._offers = [f"250-{name}" for name, has in {"PIPELINING": pipelining, "CHUNKING": chunking}.items() if has]
        self._chance = random.Random(seed)  # noqa: S311 - no secret is derived from it
        self._greylisted: Counter[str] = Counter()
        self._open: set[SMTP] = set()
        self._controller = _Controller(self, tls=tls, passwords=passwords)

    @property
    def port(self) -> int:
        """Return the port at which the server listens, on 127.0.0.1."""
        return self._controller.port

    def hang_up(self) -> None:
        """Close every open connection, as relays do with idle ones."""
        self._controller.loop.call_soon_threadsafe(self._drop_all)

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._controller.start()
        self.connections = 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hang_up()
        self._controller.stop()

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, _envelope: Envelope, hostname: str, offers: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self._open.add(server)
        self.connections += 1
        return [*offers[:-1], *self._offers, *offers[-1:]]

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refusal := await self.refusal(SmtpStage.SENDER):
            return refusal
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Ok"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        local = address.rpartition("@")[0]
        if refusal := _named_in(local, REFUSED_RECIPIENTS) or await self.refusal(SmtpStage.RECIPIENT):
            return refusal
        if ("grey" in local or self.faults.greylists) and not self._greylisted[address]:
            self._greylisted[address] += 1
            return GREYLISTED
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        await asyncio.sleep(self.delay)
        local = envelope.rcpt_tos[0].rpartition("@")[0]
        if refusal := _named_in(local, REFUSED_CONTENT) or await self.refusal(SmtpStage.DOT):
            return refusal
        ending = self._chance.choice(OPEN_ENDS) if self.happens(SmtpStage.ENDING) else self.after_dot
        number = self._store(envelope) if ending is not AfterDot.LOSE_AND_DROP else 0
        if ending in (AfterDot.KEEP_AND_DROP, AfterDot.LOSE_AND_DROP):
            _hang_up(server)
        return "hm?" if ending is AfterDot.KEEP_AND_BABBLE else f"250 2.0.0 Ok: queued as LOOP{number:06}"

    def happens(self, stage: SmtpStage) -> bool:
        """Return True when a random fault strikes at this stage now, and count the fault."""
        strikes = self._chance.random() < self.faults.share.get(stage, 0)
        self.gone_wrong[stage] += strikes
        return strikes

    async def refusal(self, stage: SmtpStage) -> str:
        """Return the reply of a random refusal at this stage, or "" for none, after a random delay."""
        await asyncio.sleep(self._chance.uniform(0, self.faults.slowest))
        return self._chance.choice(REFUSALS[stage]) if self.happens(stage) else ""

    def _store(self, envelope: Envelope) -> int:
        content = envelope.original_content or b""
        self.arrived.append(Arrived(envelope.mail_from or "", tuple(envelope.rcpt_tos), content))
        number = len(self.arrived)
        (self._folder / f"{number:06}.eml").write_bytes(content)
        return number

    def _drop_all(self) -> None:
        for server in self._open:
            _hang_up(server)
        self._open.clear()


class _Smtp(SMTP):
    """An SMTP session that can also fail within the content, and that accepts content in chunks (RFC 3030)."""

    async def smtp_BDAT(self, arg: str) -> None:  # noqa: N802
        """Accept or refuse a chunk, which is read in either case, because its bytes are not commands."""
        world: MailServer = self.event_handler
        size, _, last = arg.upper().partition(" ")
        envelope = self._addressed
        goes_wrong = envelope and int(size) and world.happens(SmtpStage.BODY)
        chunk = await self._reader.readexactly(int(size))
        if goes_wrong:
            await self.push("250 2.0.0 Ok")
            await self._hang_up()
        elif envelope is None:
            await self.push("503 5.5.1 Nobody to take it")
        elif int(size) and (refusal := await world.refusal(SmtpStage.DATA)):
            await self.push(refusal)
        else:
            await self._take(envelope, chunk, is_last=last == "LAST")

    async def _take(self, envelope: Envelope, chunk: bytes, *, is_last: bool) -> None:
        envelope.original_content = (envelope.original_content or b"") + chunk
        await self.push(await self._call_handler_hook("DATA") if is_last else "250 2.0.0 Ok")
        if is_last:
            self.envelope = self._create_envelope()

    @property
    def _addressed(self) -> Envelope | None:
        """Return the envelope of the current message, or None while no recipient was accepted."""
        return self.envelope if self.envelope and self.envelope.rcpt_tos else None

    async def _hang_up(self) -> None:
        _hang_up(self)
        while await self._reader.read(65_536):
            pass  # the rest of the content must not be read as commands

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        world: MailServer = self.event_handler
        if self._addressed is None:
            await super().smtp_DATA(arg)
        elif refusal := await world.refusal(SmtpStage.DATA):
            await self.push(refusal)
        elif world.happens(SmtpStage.BODY):
            await self.push("354 Go on")
            await self._reader.readline()
            await self._hang_up()
        else:
            await super().smtp_DATA(arg)


class _Controller(Controller):
    """The thread of aiosmtpd, on a port of the system's choice."""

    def __init__(self, world: MailServer, *, tls: ssl.SSLContext | None, passwords: bool) -> None:
        super().__init__(
            world,
            hostname="127.0.0.1",
            port=0,
            ident="amends rehearsal",
            tls_context=tls,
            require_starttls=tls is not None,
            auth_required=passwords,
            auth_require_tls=True,
            authenticator=_check_login,
        )

    def factory(self) -> SMTP:
        return _Smtp(self.handler, **self.SMTP_kwargs)

    async def _create_server(self) -> asyncio.Server:
        server = await self.loop.create_server(self._factory_invoker, host=self.hostname, port=0)
        self.port = server.sockets[0].getsockname()[1]
        return server


def _check_login(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: Any) -> AuthResult:
    given = (login.login.decode(), login.password.decode()) if isinstance(login, LoginPassword) else ()
    return AuthResult(success=given == CREDENTIALS, handled=False)


def _hang_up(server: SMTP) -> None:
    if isinstance(server.transport, asyncio.WriteTransport):
        server.transport.abort()


def _named_in(local: str, answers: dict[str, str]) -> str:
    return next((answer for word, answer in answers.items() if word in local), "")
