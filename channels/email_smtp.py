"""An email channel through an SMTP relay, with one recipient for each transaction."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Flaw, Message, MessagesInFlight, Receipt, ReceiptCause, Status, VariantForm
from channels.base.settings import ProviderSettings, is_loopback
from channels.smtp import webhook
from channels.smtp.connection import Connection, Relay, Security
from channels.smtp.dkim import CannotSign, Signer
from channels.smtp.mime import (
    Email,
    Letterhead,
    Skeleton,
    UnfitAddress,
    UnfitEmail,
    check,
    compose,
    plain_address,
    skeleton,
)
from channels.smtp.pipeline import Lane
from channels.smtp.webhook import MailEvents

REQUIRED = ("host", "sender", "bounce_domain")
OPTIONAL = {
    "port": "587",
    "security": Security.STARTTLS.value,
    "username": "",
    "password": "",
    "sender_name": "",
    "reply_to": "",
    "message_id_domain": "",
    "connections": "8",
    "command_timeout": "60",
    "final_timeout": "600",
    "chunking": "true",
    "ca_file": "",
    "dkim_key_file": "",
    "dkim_domain": "",
    "dkim_selector": "",
    **webhook.OPTIONAL,
}
DKIM = {"key": "dkim_key_file", "domain": "dkim_domain", "selector": "dkim_selector"}
"""The parts of a DKIM signature, and the settings that give them."""


def connect(settings: Mapping[str, str]) -> "EmailSmtp":
    """Return an email channel with the settings host, sender, bounce_domain, and those of OPTIONAL with their defaults.

    sender is an addr-spec; bounces go to b+TOKEN@bounce_domain; security none is for this machine only;
    final_timeout is the limit in seconds for the reply to a whole message: a short one leaves messages in doubt.
    chunking false is for a relay that offers CHUNKING (RFC 3030) and does not support it.
    With the dkim_ settings we sign every message ourselves; without them the relay does. events and events_key are for
    a provider that sends events about our mail by webhook (channels/smtp/webhook.py).
    """
    chosen = ProviderSettings("email_smtp", settings, required=REQUIRED, optional=OPTIONAL)
    reports = webhook.mail_events(chosen)
    letterhead = _letterhead(chosen, reports)
    return EmailSmtp(
        relay=_relay(chosen, letterhead.message_id_domain),
        letterhead=letterhead,
        bounce_domain=_domain(chosen, "bounce_domain"),
        connections=chosen.number("connections", most=1000),
        final_seconds=chosen.number("final_timeout", most=3600),
        signer=_signer(chosen, letterhead),
        reports=reports,
    )


class EmailSmtp:
    """An email channel that keeps its connections to the relay open from one message to the next."""

    kind = ChannelKind.EMAIL

    def __init__(
        self,
        relay: Relay,
        letterhead: Letterhead,
        bounce_domain: str,
        connections: int,
        final_seconds: float,
        signer: Signer | None = None,
        reports: MailEvents | None = None,
    ) -> None:
        self.reports = reports
        """The reader of the provider's events; None when it sends none that can be verified."""
        self._signer = signer
        self.at_once = connections
        self._places = asyncio.Semaphore(connections)
        self._relay = relay
        self._letterhead = letterhead
        self._bounce_domain = bounce_domain
        self._idle: list[Connection] = []
        self._final_seconds = final_seconds
        self._skeletons: dict[VariantForm, Skeleton] = {}

    @property
    def dns_record(self) -> tuple[str, str] | None:
        """Return name and value of the TXT record that verifies our signatures; None when the relay signs."""
        return (self._signer.record_name, self._signer.public_record()) if self._signer else None

    async def carry(self, in_flight: MessagesInFlight) -> None:
        """Send one message after another; the next envelope goes out behind the end of the last message."""
        async with self._places:
            letters = _Letters(in_flight, self._letter)
            lane = Lane(self._relay, self._bounce_domain, self._final_seconds, letters, self._kept())
            try:
                while letter := await letters.next():
                    await lane.carry(letter)
            except BaseException:
                lane.hang_up()
                raise
            if lane.connection:
                self._idle.append(lane.connection)

    def flaw(self, message: Message) -> Flaw | None:
        """Return why the message cannot become an email, or None."""
        try:
            self._checked(message)
        except UnfitEmail as unfit:
            return Flaw(str(unfit), of_address=isinstance(unfit, UnfitAddress))
        return None

    async def close(self) -> None:
        """Close all idle connections to the relay."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*(connection.quit() for connection in idle))

    def _kept(self) -> Connection | None:
        self._idle = [connection for connection in self._idle if connection.alive]
        return self._idle.pop() if self._idle else None

    def _letter(self, message: Message) -> Email:
        """Compose the email as it is sent. Raises UnfitEmail."""
        letter = self._checked(message)
        return signed(letter, self._signer, message.form.published_at) if self._signer else letter

    def _checked(self, message: Message) -> Email:
        """Compose and check the email as it is sent, but for our signature. Raises UnfitEmail."""
        bones = self._skeleton(message.form)
        letter = compose(message, self._letterhead, bones)
        check(letter, bones)
        return letter

    def _skeleton(self, form: VariantForm) -> Skeleton:
        if form not in self._skeletons:
            self._skeletons[form] = skeleton(form, self._letterhead)
        return self._skeletons[form]


class _Letters:
    """Messages in flight as emails; a message that cannot become an email is answered at once."""

    def __init__(self, in_flight: MessagesInFlight, letter: Callable[[Message], Email]) -> None:
        self._in_flight, self._make = in_flight, letter
        self.last_call, self.answer = in_flight.last_call, in_flight.answer

    async def next(self) -> Email | None:
        while message := await self._in_flight.next():
            if letter := self._letter(message):
                return letter
        return None

    def next_at_once(self) -> Email | None:
        while message := self._in_flight.next_at_once():
            if letter := self._letter(message):
                return letter
        return None

    def _letter(self, message: Message) -> Email | None:
        try:
            return self._make(message)
        except UnfitEmail as unfit:
            cause = ReceiptCause.BAD_ADDRESS if isinstance(unfit, UnfitAddress) else ReceiptCause.NONE
            self.answer(Receipt(message.key, Status.REJECTED, str(unfit), cause=cause))
            return None


def signed(letter: Email, signer: Signer, at: datetime | None) -> Email:
    """Return the email with a DKIM signature before it, which has the email's date and so is always the same."""
    head, _, body = letter.content.partition(b"\r\n\r\n")
    signature = signer.header(head, body, int(at.timestamp()) if at else 0)
    return replace(letter, content=signature + letter.content)


def _letterhead(chosen: ProviderSettings, reports: MailEvents | None) -> Letterhead:
    sender = _address(chosen, "sender")
    return Letterhead(
        sender=sender,
        sender_name=chosen.text("sender_name"),
        reply_to=_address(chosen, "reply_to") if chosen.text("reply_to") else sender,
        message_id_domain=(
            _domain(chosen, "message_id_domain") if chosen.text("message_id_domain") else sender.rpartition("@")[2]
        ),
        echoed=webhook.ECHOED.get(reports.provider) if reports else None,
    )


def _relay(chosen: ProviderSettings, hello: str) -> Relay:
    security = chosen.choice("security", Security)
    if security is Security.NONE and not is_loopback(chosen.text("host")):
        raise chosen.wrong("security", "may be none only when host is this machine")
    if bool(chosen.text("username")) != bool(chosen.text("password")):
        raise chosen.wrong("username", "and password go together")
    return Relay(
        host=chosen.text("host"),
        port=chosen.number("port", most=65535),
        security=security,
        tls=_tls(chosen, used=security is not Security.NONE),
        hello=hello,
        username=chosen.text("username"),
        password=chosen.text("password"),
        command_seconds=chosen.number("command_timeout", most=600),
        chunking=chosen.flag("chunking"),
    )


def _signer(chosen: ProviderSettings, letterhead: Letterhead) -> Signer | None:
    given = [name for name in DKIM.values() if chosen.text(name)]
    if not given:
        return None
    for name in DKIM.values():
        if name not in given:
            raise chosen.wrong(name, f"is missing, and goes together with {given[0]}")
    domain = _domain(chosen, "dkim_domain")
    if not f".{letterhead.sender.rpartition('@')[2]}".lower().endswith(f".{domain}".lower()):
        raise chosen.wrong("dkim_domain", "must be the sender's domain or one above it, or DMARC will not count it")
    try:
        return Signer.load(Path(chosen.text("dkim_key_file")), domain, chosen.text("dkim_selector"))
    except CannotSign as error:
        raise chosen.wrong(DKIM[error.part], error.why) from None


def _tls(chosen: ProviderSettings, *, used: bool) -> ssl.SSLContext:
    file = chosen.text("ca_file")
    if not used and not file:
        # It trusts no certificate; reading the certificates of the system would take a while.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cafile=file or None)
    except OSError as error:
        raise chosen.wrong("ca_file", "is not a file with certificates") from error


def _address(chosen: ProviderSettings, name: str) -> str:
    try:
        return plain_address(chosen.text(name))
    except UnfitEmail as error:
        raise chosen.wrong(name, "is not a plain email address") from error


def _domain(chosen: ProviderSettings, name: str) -> str:
    try:
        return plain_address(f"b@{chosen.text(name)}").removeprefix("b@")
    except UnfitEmail as error:
        raise chosen.wrong(name, "is not a domain") from error
