"""One connection after another to the relay, with the next envelope said behind the final dot (RFC 2920)."""

from amends.domain.errors import ChannelUnavailable
from amends.domain.marks import bounce_address
from channels.mime import Letter
from channels.smtp import Connection, Disconnected, Relay, Reply

ENVELOPE = 3
"""MAIL, RCPT and DATA."""


class Lane:
    """Carries one letter at a time; opens a connection when it has none."""

    def __init__(self, relay: Relay, bounce_domain: str, kept: Connection | None) -> None:
        self.connection = kept
        self._relay = relay
        self._bounce_domain = bounce_domain
        self._said_ahead = False

    async def offer(self, letter: Letter) -> list[Reply]:
        """Announce sender and recipient, unless that was said ahead; what the relay replies to it.

        Raises ChannelUnavailable or ChannelMisconfigured.
        """
        while True:
            used = self.connection is not None
            try:
                return await self._announce(letter)
            except Disconnected as error:
                self.hang_up()
                # Relays hang up on connections that idled or carried enough; that says nothing about a fresh one.
                if not used:
                    raise ChannelUnavailable(f"{self._relay}: {error}") from error

    def say(self, letter: Letter) -> None:
        """The content, up to the final dot."""
        if self.connection:
            self.connection.say(letter.content)

    async def all_said(self) -> bool:
        """Whether all of the content is under way; false when the connection ended before, so nothing is delivered."""
        return self.connection is not None and await self.connection.all_said()

    def end(self, following: Letter | None) -> None:
        """The final dot, and behind it the next envelope where the server allows that."""
        if self.connection is None:
            return
        self._said_ahead = following is not None and self.connection.offers("PIPELINING")
        ahead = "".join(f"{command}\r\n" for command in self._envelope(following)) if following else ""
        self.connection.say(b".\r\n" + (ahead.encode() if self._said_ahead else b""))

    async def verdict(self, seconds: float) -> Reply:
        """What the relay says to the final dot. Raises Disconnected when it says nothing."""
        if self.connection is None:
            raise Disconnected("connection lost")
        (reply,) = await self.connection.replies(1, seconds)
        return reply

    async def reset(self) -> None:
        """Make the connection ready for another letter."""
        try:
            if self.connection:
                await self.connection.command("RSET")
        except Disconnected:
            self.hang_up()

    def hang_up(self) -> None:
        """What was not ended with a dot is not delivered, and what was said ahead is void."""
        if self.connection:
            self.connection.abort()
        self.connection, self._said_ahead = None, False

    async def _announce(self, letter: Letter) -> list[Reply]:
        if self.connection is None:
            self.connection = await Connection.open(self._relay)
        ahead, self._said_ahead = self._said_ahead, False
        connection = self.connection
        replies = await (connection.answers(ENVELOPE) if ahead else connection.converse(*self._envelope(letter)))
        if not any(reply.refused for reply in replies) and replies[-1].code != 354:
            raise Disconnected(f"answered DATA with {replies[-1].codes}")
        return replies

    def _envelope(self, letter: Letter) -> tuple[str, str, str]:
        mail = f"MAIL FROM:<{bounce_address(letter.bounce, self._bounce_domain)}>"
        recipient = f"RCPT TO:<{letter.to}>"
        if not (self.connection and self.connection.offers("DSN")):
            return mail, recipient, "DATA"
        return f"{mail} RET=HDRS ENVID={letter.bounce}", f"{recipient} NOTIFY=FAILURE,DELAY", "DATA"
