"""One email after another over one connection, with the next envelope sent behind the end of the last (RFC 2920).

The relay's replies drive a lane: each step ends by setting the callback for the next reply. Where the relay takes
content in chunks (RFC 3030), the envelope carries the content too, without its end: an email then costs one exchange
and one write. Content without an end, which is a last chunk or a dot, is not delivered.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Protocol

from amends.domain.base.errors import ChannelMisconfigured, ChannelUnavailable, StaleClaim
from amends.domain.channel.identifiers import bounce_address
from amends.domain.channel.message import Called, Receipt, Status
from channels.smtp.connection import CLOSES, Connection, Disconnected, Relay, Reply
from channels.smtp.mime import Email
from channels.smtp.replies import after_dot, refusal

ENVELOPE = 3
"""Number of commands in an envelope: MAIL, RCPT, and DATA or BDAT."""
TOO_MANY = "4.5.3"
"""Enhanced code (RFC 3463) with which OpenSMTPD refuses MAIL over a connection that has carried its maximum."""
NOT_KNOWN = (500, 502)
"""Replies to a command that the relay does not know."""
FLUSH_SECONDS = 0.005
"""Interval at which a lane checks whether the system has accepted all bytes of the content."""


class EmailSource(Protocol):
    """The source of a lane's emails, which takes the receipts for them."""

    def next_at_once(self) -> Email | None:
        """Return the next email if one may be sent without waiting, else None."""

    def last_call(self, key: str, then: Called) -> None:
        """Make the last call as `MessagesInFlight.last_call` does."""

    def answer(self, receipt: Receipt) -> None:
        """Take a receipt as `MessagesInFlight.answer` does."""


class Lane:
    """A lane of one connection, which carries one email at a time and connects when it has no connection."""

    def __init__(
        self, relay: Relay, bounce_domain: str, final_seconds: float, source: EmailSource, kept: Connection | None
    ) -> None:
        self.connection = kept
        self._relay, self._bounce_domain, self._final_seconds = relay, bounce_domain, final_seconds
        self._source = source
        self._loop = asyncio.get_running_loop()
        self._email: Email | None = None
        self._following: Email | None = None
        """The email whose envelope is sent ahead, or that is sent next."""
        self._used = kept is not None
        """True when a transaction has ended over this connection."""
        self._carried = self._used
        """True when the relay has accepted an email over this connection."""
        self._latest = 0.0
        """Loop time by which the system must have accepted the content before its end."""
        self._end: asyncio.Future[None] | None = None

    async def carry(self, email: Email) -> None:
        """Send this email, and behind it every email that may be sent without waiting.

        Raises ChannelDown, ChannelUnavailable or ChannelMisconfigured, or the error of a last call.
        """
        self._email = email
        while self._email:
            if self.connection is None:
                self.connection, self._used, self._carried = await Connection.open(self._relay), False, False
            self._end = self._loop.create_future()
            self._announce(self.connection, self._email)
            try:
                await self._end
            except Disconnected as error:
                self.hang_up()
                # Relays close connections that idled or carried their maximum; a new connection may work.
                if not self._used:
                    raise ChannelUnavailable(f"{self._relay}: {error}") from error

    def hang_up(self) -> None:
        """Close the connection: content without an end is not delivered, and an envelope sent ahead is void."""
        if self.connection:
            self.connection.abort()
        self.connection = None

    # Steps, each called with a reply.

    def _announce(self, connection: Connection, email: Email) -> None:
        """Send the envelope. Raises ChannelMisconfigured for an email that is too long for the relay."""
        if connection.too_long(email.content):
            raise ChannelMisconfigured(
                f"{self._relay} takes no message of more than {connection.longest} bytes, and this one has "
                f"{len(email.content)}: raise the relay's limit or shorten the notice"
            )
        connection.converse(self._envelope(connection, email), partial(self._step, self._announced))

    def _announced(self, connection: Connection, email: Email, replies: list[Reply]) -> None:
        """Send the content and make the last call after the replies to the envelope, or handle a refusal."""
        received = replies or connection.left_over()
        for reply in received:
            if reply.code >= 400:
                self._refused(connection, email, received)
                return
        if not replies:
            raise Disconnected(connection.lost)
        if replies[-1].code != (250 if connection.chunking else 354):
            raise Disconnected(f"answered {'BDAT' if connection.chunking else 'DATA'} with {replies[-1].codes}")
        if not connection.chunking:
            connection.say(email.content)
        self._following = self._source.next_at_once()
        self._source.last_call(email.key, self._called)

    def _called(self, error: Exception | None) -> None:
        """End the email when its commit mark is written, or give it up when the mark was refused."""
        if error is None:
            self._latest = self._loop.time() + self._relay.command_seconds
            self._step(self._finish, [])
        elif isinstance(error, StaleClaim):
            self._break_off()  # content without an end is not delivered
        else:
            self._fail(error)

    def _finish(self, connection: Connection, email: Email, _: list[Reply]) -> None:
        """Send the end once the system has accepted the content, and behind it the next envelope with pipelining."""
        if connection.lost or (connection.unsent and self._loop.time() > self._latest):
            why = connection.lost or "connection lost"
            self._source.answer(Receipt(email.key, Status.DEFERRED, why, retry_after=0))
            self._break_off()
        elif connection.unsent:
            self._loop.call_later(FLUSH_SECONDS, self._step, self._finish, [])
        else:
            end = b"BDAT 0 LAST\r\n" if connection.chunking else b".\r\n"
            ahead = self._to_send_ahead(connection)
            envelope = self._envelope(connection, ahead) if ahead else ()
            connection.say(b"".join((end, *envelope)), 1 + len(envelope))
            connection.expect(1, partial(self._step, self._judged), self._final_seconds)

    def _judged(self, connection: Connection, email: Email, replies: list[Reply]) -> None:
        """Answer with the receipt for the reply to the whole email; silence leaves it in doubt."""
        if not replies:
            self._source.answer(Receipt(email.key, Status.UNCERTAIN, connection.lost))
            self._break_off()
            return
        (reply,) = replies
        self._source.answer(after_dot(email.key, reply))
        self._carried = self._carried or not reply.refused
        if reply.code == CLOSES or 300 <= reply.code < 400:
            self._break_off()
        else:
            self._go_on(connection, sent_ahead=self._to_send_ahead(connection) is not None)

    def _to_send_ahead(self, connection: Connection) -> Email | None:
        """Return the email whose envelope may be sent ahead, or None; one that is too long fails by itself later."""
        email = self._following
        return email if email and connection.pipelining and not connection.too_long(email.content) else None

    def _go_on(self, connection: Connection, *, sent_ahead: bool = False) -> None:
        self._used = True
        self._email, self._following = self._following or self._source.next_at_once(), None
        if self._email is None:
            self._stop()
        elif sent_ahead:
            connection.expect(ENVELOPE, partial(self._step, self._announced))
        else:
            self._announce(connection, self._email)

    def _refused(self, connection: Connection, email: Email, replies: list[Reply]) -> None:
        """Answer with the receipt for a refused email, or raise the error of a relay that refuses all emails."""
        closing = next((reply for reply in replies if reply.code == CLOSES), None)
        if closing and (self._used or closing is replies[0]):
            raise Disconnected(f"closes with {closing.codes}")
        if self._carried and replies[0].enhanced == TOO_MANY:
            raise Disconnected(f"takes no more with {replies[0].codes}")
        *before, last = replies
        if connection.chunking and last.code in NOT_KNOWN and not any(reply.refused for reply in before):
            raise ChannelMisconfigured(f"{self._relay} offers CHUNKING and does not know BDAT: set chunking to false")
        self._source.answer(refusal(email.key, replies, self._relay, chunking=connection.chunking))
        self._email = None
        if last.code == 354 or closing or connection.lost:
            self._break_off()  # the relay still waits for content, or has closed the connection
        else:
            connection.converse([b"RSET\r\n"], partial(self._step, self._ready_again))

    def _ready_again(self, connection: Connection, _: Email | None, replies: list[Reply]) -> None:
        if replies and replies[0].code != CLOSES:
            self._go_on(connection)
        else:
            self._break_off()

    # Ends.

    def _step(self, step: Callable[..., None], replies: list[Reply]) -> None:
        """Run a step, and pass its error to `carry`, which waits for the end: a callback's error would reach nobody."""
        if self._end is None or self._end.done() or self.connection is None:
            return
        try:
            step(self.connection, self._email, replies)
        except Exception as error:  # noqa: BLE001 - raised again in `carry`
            self._fail(error)

    def _break_off(self) -> None:
        """Close the connection, so that the next email opens another one."""
        self.hang_up()
        self._email, self._following = self._following, None
        self._stop()

    def _fail(self, error: Exception) -> None:
        if self._end and not self._end.done():
            self._end.set_exception(error)

    def _stop(self) -> None:
        if self._end and not self._end.done():
            self._end.set_result(None)

    def _envelope(self, connection: Connection, email: Email) -> tuple[bytes, bytes, bytes]:
        sender = f"MAIL FROM:<{bounce_address(email.bounce, self._bounce_domain)}>"
        recipient = f"RCPT TO:<{email.to}>"
        if connection.dsn:
            sender, recipient = f"{sender} RET=HDRS ENVID={email.bounce}", f"{recipient} NOTIFY=FAILURE,DELAY"
        content = b"BDAT %d\r\n%b" % (len(email.content), email.content) if connection.chunking else b"DATA\r\n"
        return f"{sender}\r\n".encode(), f"{recipient}\r\n".encode(), content
