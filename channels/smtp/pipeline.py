"""One email after another over one connection, with the next envelope said behind the end of the last (RFC 2920).

A lane is driven by the relay's replies: each step ends with what is to be done with the next reply. Where the relay
takes content in chunks (RFC 3030), the envelope carries the content too, without its end: a message then costs one
exchange and one write. What is not ended, by a last chunk or by a dot, is not delivered.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Protocol

from amends.domain.base.errors import ChannelMisconfigured, ChannelUnavailable, StaleClaim
from amends.domain.channel.channel import Called, Receipt, Status
from amends.domain.channel.identifiers import bounce_address
from channels.smtp.connection import CLOSES, Connection, Disconnected, Relay, Reply
from channels.smtp.mime import Email
from channels.smtp.replies import after_dot, refusal

ENVELOPE = 3
"""MAIL, RCPT, and DATA or BDAT."""
TOO_MANY = "4.5.3"
"""What OpenSMTPD answers to MAIL over a connection that has carried enough: it takes no more there (RFC 3463)."""
NOT_KNOWN = (500, 502)
"""A command that the relay does not know."""
FLUSH_SECONDS = 0.005


class EmailSource(Protocol):
    """Where a lane gets its letters from, and where it says what becomes of them."""

    def next_at_once(self) -> Email | None:
        """The next letter, if one may go without waiting."""

    def last_call(self, key: str, then: Called) -> None:
        """See `Errands.last_call`."""

    def answer(self, receipt: Receipt) -> None:
        """See `Errands.answer`."""


class Lane:
    """Carries one letter at a time; opens a connection when it has none."""

    def __init__(
        self, relay: Relay, bounce_domain: str, final_seconds: float, letters: EmailSource, kept: Connection | None
    ) -> None:
        self.connection = kept
        self._relay, self._bounce_domain, self._final_seconds = relay, bounce_domain, final_seconds
        self._letters = letters
        self._loop = asyncio.get_running_loop()
        self._letter: Email | None = None
        self._following: Email | None = None
        """What is said ahead, or will be next."""
        self._used = kept is not None
        """A transaction came to its end over this connection."""
        self._carried = self._used
        """A letter was taken over it."""
        self._latest = 0.0
        """By when the relay must have taken what comes before the end."""
        self._end: asyncio.Future[None] | None = None

    async def carry(self, letter: Email) -> None:
        """Carry this letter, and behind it all that may go without waiting.

        Raises ChannelDown, ChannelUnavailable or ChannelMisconfigured, and whatever a last call raised.
        """
        self._letter = letter
        while self._letter:
            if self.connection is None:
                self.connection, self._used, self._carried = await Connection.open(self._relay), False, False
            self._end = self._loop.create_future()
            self._announce(self.connection, self._letter)
            try:
                await self._end
            except Disconnected as error:
                self.hang_up()
                # Relays hang up on connections that idled or carried enough; that says nothing about a fresh one.
                if not self._used:
                    raise ChannelUnavailable(f"{self._relay}: {error}") from error

    def hang_up(self) -> None:
        """What was not ended is not delivered, and what was said ahead is void."""
        if self.connection:
            self.connection.abort()
        self.connection = None

    # The steps, each begun by a reply.

    def _announce(self, connection: Connection, letter: Email) -> None:
        """Raises ChannelMisconfigured for a letter that the relay would only refuse."""
        if connection.too_long(letter.content):
            raise ChannelMisconfigured(
                f"{self._relay} takes no message of more than {connection.longest} bytes, and this one has "
                f"{len(letter.content)}: raise the relay's limit or shorten the notice"
            )
        connection.converse(self._envelope(connection, letter), partial(self._step, self._announced))

    def _announced(self, connection: Connection, letter: Email, replies: list[Reply]) -> None:
        """The relay has heard of sender and recipient."""
        heard = replies or connection.left_over()
        for reply in heard:
            if reply.code >= 400:
                self._refused(connection, letter, heard)
                return
        if not replies:
            raise Disconnected(connection.lost)
        if replies[-1].code != (250 if connection.chunking else 354):
            raise Disconnected(f"answered {'BDAT' if connection.chunking else 'DATA'} with {replies[-1].codes}")
        if not connection.chunking:
            connection.say(letter.content)
        self._following = self._letters.next_at_once()
        self._letters.last_call(letter.key, self._called)

    def _called(self, error: Exception | None) -> None:
        """The mark that the letter may leave is kept, or refused."""
        if error is None:
            self._latest = self._loop.time() + self._relay.command_seconds
            self._step(self._finish, [])
        elif isinstance(error, StaleClaim):
            self._break_off()  # what has no end is not delivered
        else:
            self._fail(error)

    def _finish(self, connection: Connection, letter: Email, _: list[Reply]) -> None:
        """The letter's end, as soon as all before it is on its way, and the next envelope where the server allows."""
        if connection.lost or (connection.unsent and self._loop.time() > self._latest):
            why = connection.lost or "connection lost"
            self._letters.answer(Receipt(letter.key, Status.DEFERRED, why, retry_after=0))
            self._break_off()
        elif connection.unsent:
            self._loop.call_later(FLUSH_SECONDS, self._step, self._finish, [])
        else:
            end = b"BDAT 0 LAST\r\n" if connection.chunking else b".\r\n"
            ahead = self._ahead(connection)
            envelope = self._envelope(connection, ahead) if ahead else ()
            connection.say(b"".join((end, *envelope)), 1 + len(envelope))
            connection.expect(1, partial(self._step, self._judged), self._final_seconds)

    def _judged(self, connection: Connection, letter: Email, replies: list[Reply]) -> None:
        """What the relay says to the whole letter; silence leaves us in doubt."""
        if not replies:
            self._letters.answer(Receipt(letter.key, Status.UNCERTAIN, connection.lost))
            self._break_off()
            return
        (reply,) = replies
        self._letters.answer(after_dot(letter.key, reply))
        self._carried = self._carried or not reply.refused
        if reply.code == CLOSES or 300 <= reply.code < 400:
            self._break_off()
        else:
            self._go_on(connection, said_ahead=self._ahead(connection) is not None)

    def _ahead(self, connection: Connection) -> Email | None:
        """What may be said behind the end of the letter under way; one that is too long comes by itself, and fails."""
        letter = self._following
        return letter if letter and connection.pipelining and not connection.too_long(letter.content) else None

    def _go_on(self, connection: Connection, *, said_ahead: bool = False) -> None:
        self._used = True
        self._letter, self._following = self._following or self._letters.next_at_once(), None
        if self._letter is None:
            self._stop()
        elif said_ahead:
            connection.expect(ENVELOPE, partial(self._step, self._announced))
        else:
            self._announce(connection, self._letter)

    def _refused(self, connection: Connection, letter: Email, replies: list[Reply]) -> None:
        """The relay does not want this letter, or none at all."""
        closing = next((reply for reply in replies if reply.code == CLOSES), None)
        if closing and (self._used or closing is replies[0]):
            raise Disconnected(f"closes with {closing.codes}")
        if self._carried and replies[0].enhanced == TOO_MANY:
            raise Disconnected(f"takes no more with {replies[0].codes}")
        *before, last = replies
        if connection.chunking and last.code in NOT_KNOWN and not any(reply.refused for reply in before):
            raise ChannelMisconfigured(f"{self._relay} offers CHUNKING and does not know BDAT: set chunking to false")
        self._letters.answer(refusal(letter.key, replies, self._relay, chunking=connection.chunking))
        self._letter = None
        if last.code == 354 or closing or connection.lost:
            self._break_off()  # it waits for content all the same, or for nothing any more
        else:
            connection.converse([b"RSET\r\n"], partial(self._step, self._ready_again))

    def _ready_again(self, connection: Connection, _: Email | None, replies: list[Reply]) -> None:
        if replies and replies[0].code != CLOSES:
            self._go_on(connection)
        else:
            self._break_off()

    # How it ends.

    def _step(self, step: Callable[..., None], replies: list[Reply]) -> None:
        """Whatever goes wrong in a step is heard of by who waits for the end, for nobody else would."""
        if self._end is None or self._end.done() or self.connection is None:
            return
        try:
            step(self.connection, self._letter, replies)
        except Exception as error:  # noqa: BLE001 - raised again in `carry`
            self._fail(error)

    def _break_off(self) -> None:
        """The next letter needs another connection."""
        self.hang_up()
        self._letter, self._following = self._following, None
        self._stop()

    def _fail(self, error: Exception) -> None:
        if self._end and not self._end.done():
            self._end.set_exception(error)

    def _stop(self) -> None:
        if self._end and not self._end.done():
            self._end.set_result(None)

    def _envelope(self, connection: Connection, letter: Email) -> tuple[bytes, bytes, bytes]:
        sender = f"MAIL FROM:<{bounce_address(letter.bounce, self._bounce_domain)}>"
        recipient = f"RCPT TO:<{letter.to}>"
        if connection.dsn:
            sender, recipient = f"{sender} RET=HDRS ENVID={letter.bounce}", f"{recipient} NOTIFY=FAILURE,DELAY"
        content = b"BDAT %d\r\n%b" % (len(letter.content), letter.content) if connection.chunking else b"DATA\r\n"
        return f"{sender}\r\n".encode(), f"{recipient}\r\n".encode(), content
