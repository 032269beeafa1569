"""A mail relay that keeps what it gets in a folder and fails to order."""

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

CREDENTIALS = ("amends", "rehearsal")
"""The login that a server with passwords takes."""
REFUSED_RECIPIENTS = {
    "bounce": "550 5.1.1 No such user",
    "full": "452 4.2.2 Mailbox full",
    "policy": "550 5.7.1 Blocked",
}
"""An address with this word in its local part gets this answer."""
REFUSED_CONTENT = {"content": "554 5.6.0 Not acceptable", "busy": "451 4.3.0 Try again"}
"""The same, after the final dot."""
GREYLISTED = "451 4.7.1 Come back later"


class AfterDot(StrEnum):
    """What the server does when a whole message has arrived."""

    ACCEPT = "accept"
    KEEP_AND_DROP = "keep_and_drop"
    """Take the message, then hang up without a word."""
    LOSE_AND_DROP = "lose_and_drop"
    """Hang up without having taken it."""
    KEEP_AND_BABBLE = "keep_and_babble"
    """Take the message, then say what is no reply."""


OPEN_ENDS = (AfterDot.KEEP_AND_DROP, AfterDot.LOSE_AND_DROP, AfterDot.KEEP_AND_BABBLE)


class SmtpStage(StrEnum):
    """Where in a transaction something can go wrong."""

    SENDER = "sender"
    RECIPIENT = "recipient"
    DATA = "data"
    BODY = "body"
    """Hangs up when some of the content is there, and not its end."""
    DOT = "dot"
    """Refuses the whole message."""
    ENDING = "ending"
    """Leaves open whether it took the message."""


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
    """What a server does at random, to any message."""

    share: Mapping[SmtpStage, float] = field(default_factory=dict)
    """How many of all messages go wrong at each stage: 0.1 is one in ten."""
    greylists: bool = False
    """Everybody comes in vain the first time (RFC 6647)."""
    slowest: float = 0.0
    """Every reply takes up to so many seconds."""


FAULTS = {
    "clean": Faults(),
    "drops": Faults({SmtpStage.BODY: 0.15}),
    "open-ends": Faults({SmtpStage.ENDING: 0.1}),
    "refusals": Faults({SmtpStage.SENDER: 0.05, SmtpStage.RECIPIENT: 0.1, SmtpStage.DATA: 0.05, SmtpStage.DOT: 0.1}),
    "greylisting": Faults(greylists=True),
    "slow": Faults(slowest=0.03),
}
"""Servers with one kind of trouble each, by name."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """One message as it came over the wire."""

    envelope_sender: str
    recipients: tuple[str, ...] = field(repr=False)
    content: bytes = field(repr=False)


class MailServer:
    """Runs in a thread of its own from `with` to the end of the block, on a port that the system chose.

    Words in an address's local part make it fail: bounce, full, policy, content, busy; grey is taken the second time.
    What it does at random stands in `faults`.
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
        """With `tls` it wants STARTTLS first, with `passwords` CREDENTIALS after that; `seed` repeats its faults."""
        self.faults = faults
        self.gone_wrong: Counter[SmtpStage] = Counter()
        """How often it did at random what it was not asked for."""
        self.after_dot = AfterDot.ACCEPT
        self.delay = 0.0
        """Seconds before the reply to the final dot."""
        self.arrived: list[Arrived] = []
        self.connections = 0
        self._folder = folder
        self._offers = [f"250-{name}" for name, has in {"PIPELINING": pipelining, "CHUNKING": chunking}.items() if has]
        self._chance = random.Random(seed)  # noqa: S311 - no secret is made of it
        self._greylisted: Counter[str] = Counter()
        self._open: set[SMTP] = set()
        self._controller = _Controller(self, tls=tls, passwords=passwords)

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
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
        number = self._keep(envelope) if ending is not AfterDot.LOSE_AND_DROP else 0
        if ending in (AfterDot.KEEP_AND_DROP, AfterDot.LOSE_AND_DROP):
            _hang_up(server)
        return "hm?" if ending is AfterDot.KEEP_AND_BABBLE else f"250 2.0.0 Ok: queued as LOOP{number:06}"

    def happens(self, stage: SmtpStage) -> bool:
        """Whether this goes wrong now."""
        wrong = self._chance.random() < self.faults.share.get(stage, 0)
        self.gone_wrong[stage] += wrong
        return wrong

    async def refusal(self, stage: SmtpStage) -> str:
        """What it refuses this with, if it does; taking its time."""
        await asyncio.sleep(self._chance.uniform(0, self.faults.slowest))
        return self._chance.choice(REFUSALS[stage]) if self.happens(stage) else ""

    def _keep(self, envelope: Envelope) -> int:
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
    """A dialogue that can also go wrong within the content, and takes it in chunks too (RFC 3030)."""

    async def smtp_BDAT(self, arg: str) -> None:  # noqa: N802
        """A chunk has to be read whatever is thought of it, for it is no command."""
        world: MailServer = self.event_handler
        size, _, last = arg.upper().partition(" ")
        envelope = self._wanted
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
    def _wanted(self) -> Envelope | None:
        """What is being sent, if there is anybody to take it."""
        return self.envelope if self.envelope and self.envelope.rcpt_tos else None

    async def _hang_up(self) -> None:
        _hang_up(self)
        while await self._reader.read(65_536):
            pass  # what is still there of the content is no command

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        world: MailServer = self.event_handler
        if self._wanted is None:
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
    """aiosmtpd's thread, listening wherever the system lets it."""

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
