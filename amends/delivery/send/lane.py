"""What one lane has in hand: messages handed out one after another, their last call, and their answers."""

from typing import Protocol

from amends.domain.base.errors import StaleClaim
from amends.domain.channel.channel import Called, Cause, Message, MessagesInFlight, Receipt, Status
from amends.ledger import Claim


class Hand(Protocol):
    """What hands out the messages, and hears what becomes of them."""

    def take(self) -> Claim | None:
        """The next claim whose turn it is now, if this lane is to go on."""

    def put_back(self, claim: Claim) -> None:
        """It was not handed to the channel after all; it is the next."""

    def message(self, claim: Claim) -> Message:
        """The claim's message. Raises when it cannot be put together."""

    async def turn(self, message: Message) -> bool:
        """Wait until this message may go; whether it may, for meanwhile all may have been stopped."""

    def may_go_now(self, message: Message) -> bool:
        """Whether this message may go at once; only then it counts as gone."""

    def mark(self, claim: Claim, then: Called) -> None:
        """See `Errands.last_call`."""

    def stale(self, claim: Claim) -> None:
        """It must not leave any more."""

    def left(self, claim: Claim) -> None:
        """Nothing was tried with it."""

    def answered(self, claim: Claim, receipt: Receipt) -> None:
        """What the channel said of it."""


class LaneMessages(MessagesInFlight):
    """The messages in flight on one lane."""

    def __init__(self, hand: Hand) -> None:
        self._hand = hand
        self._claims: dict[str, Claim] = {}
        self._marked: set[str] = set()

    async def next(self) -> Message | None:
        while claim := self._hand.take():
            if message := self._message(claim):
                if await self._hand.turn(message):
                    return message
                self._hand.put_back(self._claims.pop(message.key))
                return None
        return None

    def next_at_once(self) -> Message | None:
        while claim := self._hand.take():
            if claim.key in self._claims:
                # We stood still, and it was claimed anew since: the one in hand is found stale at its last call.
                self._hand.put_back(claim)
                return None
            if message := self._message(claim):
                if self._hand.may_go_now(message):
                    return message
                self._hand.put_back(self._claims.pop(message.key))
                return None
        return None

    def last_call(self, key: str, then: Called) -> None:
        def called(error: Exception | None) -> None:
            if error is None:
                self._marked.add(key)
            elif isinstance(error, StaleClaim) and (claim := self._claims.pop(key, None)):
                self._hand.stale(claim)
            then(error)

        self._hand.mark(self._claims[key], called)

    def answer(self, receipt: Receipt) -> None:
        self._marked.discard(receipt.key)
        self._hand.answered(self._claims.pop(receipt.key), receipt)

    def end(self, cause: Cause, detail: str = "", *, now: bool) -> None:
        """Answer for the lane's messages when the lane broke off.

        A message that may have left is uncertain; every other message is tried again, at once (`now`) or later.
        """
        for key in tuple(self._claims):
            unmarked = Receipt(key, Status.DEFERRED, detail, retry_after=0 if now else None, cause=cause)
            self.answer(Receipt(key, Status.UNCERTAIN, detail, cause=cause) if key in self._marked else unmarked)

    def leave(self) -> None:
        """The channel cannot be reached: what has not left is tried again, and it does not count as a try."""
        for key in tuple(self._claims.keys() - self._marked):
            self._hand.left(self._claims.pop(key))

    def _message(self, claim: Claim) -> Message | None:
        self._claims[claim.key] = claim
        try:
            return self._hand.message(claim)
        except Exception as error:  # noqa: BLE001 - one person's trouble must not stop the others
            self.answer(Receipt(claim.key, Status.DEFERRED, type(error).__name__, cause=Cause.FAULT))
            return None
