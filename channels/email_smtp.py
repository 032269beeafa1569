"""Email through an SMTP relay, one recipient for each transaction."""

import asyncio
import re
import ssl
from collections.abc import Mapping

from amends.domain.channel import ChannelKind, LastCall, Message, Receipt, Status
from amends.domain.errors import ChannelMisconfigured, ChannelUnavailable
from amends.domain.marks import bounce_address, bounce_token
from channels.mime import Letter, Letterhead, Unfit, check, compose, plain_address
from channels.settings import Settings, is_loopback
from channels.smtp import Connection, Disconnected, Relay, Reply, Security

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
    "ca_file": "",
}
NO_SUCH_ADDRESS = frozenset({501, 550, 551, 553, 556})
NO_SUCH_ADDRESS_ENHANCED = ("5.1.", "5.2.1")
QUEUE_ID = re.compile(r"(?:queued as |id=|^(?:2\.\d\.\d )?ok:? )((?=\S*\d)[A-Za-z0-9-]{5,80})\b", re.IGNORECASE)


def connect(settings: Mapping[str, str]) -> "EmailSmtp":
    """Settings: host, sender, bounce_domain; see OPTIONAL for the others and what they are when left out.

    sender is an addr-spec; bounces go to b+TOKEN@bounce_domain; security none is for this machine only;
    final_timeout is how long the reply to the final dot may take, in seconds: a short one makes doubt, not speed.
    """
    chosen = Settings("email_smtp", settings, required=REQUIRED, optional=OPTIONAL)
    letterhead = _letterhead(chosen)
    return EmailSmtp(
        relay=_relay(chosen, letterhead.message_id_domain),
        letterhead=letterhead,
        bounce_domain=_domain(chosen, "bounce_domain"),
        connections=chosen.number("connections", most=1000),
        final_seconds=chosen.number("final_timeout", most=3600),
    )


class EmailSmtp:
    """Keeps connections to the relay open from one message to the next."""

    kind = ChannelKind.EMAIL

    def __init__(
        self, relay: Relay, letterhead: Letterhead, bounce_domain: str, connections: int, final_seconds: float
    ) -> None:
        self._relay = relay
        self._letterhead = letterhead
        self._bounce_domain = bounce_domain
        self._places = asyncio.Semaphore(connections)
        self._idle: list[Connection] = []
        self._final_seconds = final_seconds

    async def deliver(self, message: Message, last_call: LastCall) -> Receipt:
        """See the protocol: the mark is made between the content and the final dot."""
        try:
            letter = compose(message, self._letterhead)
            check(letter)
        except Unfit as unfit:
            return Receipt(message.key, Status.REJECTED, str(unfit))
        async with self._places:
            return await self._send(letter, last_call)

    async def close(self) -> None:
        """Take leave of the relay."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*(connection.quit() for connection in idle))

    async def _send(self, letter: Letter, last_call: LastCall) -> Receipt:
        if self._idle and (kept := self._idle.pop()).alive:
            try:
                return await self._send_through(kept, letter, last_call)
            except Disconnected:
                pass  # Relays hang up on idle connections; that says nothing about a fresh one.
        try:
            return await self._send_through(await Connection.open(self._relay), letter, last_call)
        except Disconnected as error:
            raise ChannelUnavailable(f"{self._relay}: {error}") from error

    async def _send_through(self, connection: Connection, letter: Letter, last_call: LastCall) -> Receipt:
        """Raises Disconnected only while nothing has left."""
        try:
            receipt = await self._transact(connection, letter, last_call)
        except BaseException:
            connection.abort()
            raise
        if connection.alive:
            self._idle.append(connection)
        return receipt

    async def _transact(self, connection: Connection, letter: Letter, last_call: LastCall) -> Receipt:
        if refusal := await self._offer(connection, letter):
            return refusal
        await connection.write(_dot_stuffed(letter.content))
        await last_call()
        try:
            (reply,) = await connection.exchange(b".\r\n", self._final_seconds)
        except Disconnected as error:
            connection.abort()
            return Receipt(letter.key, Status.UNCERTAIN, str(error))
        if reply.code == 421 or 300 <= reply.code < 400:
            connection.abort()
        return after_dot(letter.key, reply)

    async def _offer(self, connection: Connection, letter: Letter) -> Receipt | None:
        """Announce sender and recipient; None when the server waits for the content."""
        replies = await connection.converse(*self._envelope(connection, letter), "DATA")
        sender, *others = replies
        if sender.refused:
            return await self._withdraw(connection, replies, before_recipient(letter.key, sender, self._relay))
        if refused := next((reply for reply in others if reply.refused), None):
            return await self._withdraw(connection, replies, before_content(letter.key, refused, self._relay))
        if replies[-1].code != 354:
            raise Disconnected(f"answered DATA with {replies[-1].codes}")
        return None

    def _envelope(self, connection: Connection, letter: Letter) -> tuple[str, str]:
        mail = f"MAIL FROM:<{bounce_address(letter.key, self._bounce_domain)}>"
        recipient = f"RCPT TO:<{letter.to}>"
        if not connection.offers("DSN"):
            return mail, recipient
        return f"{mail} RET=HDRS ENVID={bounce_token(letter.key)}", f"{recipient} NOTIFY=FAILURE,DELAY"

    @staticmethod
    async def _withdraw(connection: Connection, replies: list[Reply], receipt: Receipt) -> Receipt:
        """Make the connection ready for another message; hang up where the server waits for content all the same."""
        if replies[-1].code == 354:
            connection.abort()
            return receipt
        try:
            await connection.command("RSET")
        except Disconnected:
            connection.abort()
        return receipt


def before_recipient(key: str, reply: Reply, relay: Relay) -> Receipt:
    """What a refusal of our envelope sender means; it is never about the person.

    Raises ChannelMisconfigured or ChannelUnavailable when it is for good.
    """
    if reply.code == 530:
        raise ChannelMisconfigured(f"{relay} wants username and password, or encryption ({reply.codes})")
    if reply.code >= 500:
        raise ChannelUnavailable(f"{relay} refused our sender with {reply.codes}")
    return Receipt(key, Status.DEFERRED, reply.codes)


def before_content(key: str, reply: Reply, relay: Relay) -> Receipt:
    """What a refusal of the recipient or of DATA means; only a bad address is the person's."""
    if reply.code == 530:
        raise ChannelMisconfigured(f"{relay} wants username and password, or encryption ({reply.codes})")
    if reply.code < 500 or reply.code == 552 or reply.enhanced == "5.2.2":
        return Receipt(key, Status.DEFERRED, reply.codes)
    if _names_no_one(reply):
        return Receipt(key, Status.REJECTED, reply.codes)
    return Receipt(key, Status.DEFERRED, f"policy {reply.codes}")


def after_dot(key: str, reply: Reply) -> Receipt:
    """What the reply to the whole message means; what is neither yes nor no leaves us in doubt."""
    if 200 <= reply.code < 300:
        queue_id = QUEUE_ID.search(reply.text)
        return Receipt(key, Status.SENT, reply.codes, provider_id=queue_id[1] if queue_id else "")
    if reply.code < 400:
        return Receipt(key, Status.UNCERTAIN, reply.codes)
    if reply.code < 500 or reply.enhanced == "5.2.2":
        return Receipt(key, Status.DEFERRED, reply.codes)
    if reply.enhanced.startswith("5.7."):
        return Receipt(key, Status.DEFERRED, f"policy {reply.codes}")
    if reply.enhanced.startswith(NO_SUCH_ADDRESS_ENHANCED):
        return Receipt(key, Status.REJECTED, reply.codes)
    return Receipt(key, Status.REJECTED, f"content {reply.codes}")


def _names_no_one(reply: Reply) -> bool:
    if reply.enhanced.startswith("5.7."):
        return False
    return reply.code in NO_SUCH_ADDRESS or reply.enhanced.startswith(NO_SUCH_ADDRESS_ENHANCED)


def _dot_stuffed(content: bytes) -> bytes:
    return content.replace(b"\r\n.", b"\r\n..")


def _letterhead(chosen: Settings) -> Letterhead:
    sender = _address(chosen, "sender")
    return Letterhead(
        sender=sender,
        sender_name=chosen.text("sender_name"),
        reply_to=_address(chosen, "reply_to") if chosen.text("reply_to") else sender,
        message_id_domain=(
            _domain(chosen, "message_id_domain") if chosen.text("message_id_domain") else sender.rpartition("@")[2]
        ),
    )


def _relay(chosen: Settings, hello: str) -> Relay:
    security = chosen.choice("security", Security)
    if security is Security.NONE and not is_loopback(chosen.text("host")):
        raise chosen.wrong("security", "may be none only when host is this machine")
    if bool(chosen.text("username")) != bool(chosen.text("password")):
        raise chosen.wrong("username", "and password go together")
    return Relay(
        host=chosen.text("host"),
        port=chosen.number("port", most=65535),
        security=security,
        tls=_tls(chosen),
        hello=hello,
        username=chosen.text("username"),
        password=chosen.text("password"),
        command_seconds=chosen.number("command_timeout", most=600),
    )


def _tls(chosen: Settings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=chosen.text("ca_file") or None)
    except OSError as error:
        raise chosen.wrong("ca_file", "is not a file with certificates") from error


def _address(chosen: Settings, name: str) -> str:
    try:
        return plain_address(chosen.text(name))
    except Unfit as error:
        raise chosen.wrong(name, "is not a plain email address") from error


def _domain(chosen: Settings, name: str) -> str:
    try:
        return plain_address(f"b@{chosen.text(name)}").removeprefix("b@")
    except Unfit as error:
        raise chosen.wrong(name, "is not a domain") from error
