"""The messages in flight on one lane, which is one connection: their claims, last calls and answers."""

from typing import Protocol

from amends.domain.base.errors import StaleClaim
from amends.domain.channel.message import Called, Message, MessagesInFlight, Receipt, ReceiptCause, Status
from amends.ledger import Claim


class Hand(Protocol):
    """A queue as a lane uses it: hands out claims, and records the answers to their messages."""

    def take(self) -> Claim | None:
        """Return the next claim that may be sent now, or None when there is none or this lane must end."""

    def put_back(self, claim: Claim) -> None:
        """Put a claim that was not given to the channel back to the front of the queue."""

    def message(self, claim: Claim) -> Message:
        """Return the claim's message. Raises an error when the message cannot be composed."""

    async def may_go(self, message: Message) -> bool:
        """Wait until the rate allows this message; return False when the queue was stopped meanwhile."""

    def may_go_now(self, message: Message) -> bool:
        """Return True when the rate allows this message now, and count the message in the rate; else count nothing."""

    def mark(self, claim: Claim, then: Called) -> None:
        """Record the claim's commit mark, as `MessagesInFlight.last_call`."""

    def stale(self, claim: Claim) -> None:
        """Drop a claim whose message must not leave any more."""

    def untried(self, claim: Claim) -> None:
        """Give a claim back whose message was not tried."""

    def answered(self, claim: Claim, receipt: Receipt) -> None:
        """Record the channel's answer to the claim's message."""


class LaneMessages(MessagesInFlight):
    """The messages in flight on one lane."""

    def __init__(self, hand: Hand) -> None:
        self._hand = hand
        self._claims: dict[str, Claim] = {}
        self._marked: set[str] = set()

    async def next(self) -> Message | None:
        while claim := self._hand.take():
            if message := self._message(claim):
                if await self._hand.may_go(message):
                    return message
                self._hand.put_back(self._claims.pop(message.key))
                return None
        return None

    def next_at_once(self) -> Message | None:
        while claim := self._hand.take():
            if claim.key in self._claims:
                # This process was halted and the message claimed anew: the older claim is refused at its last call.
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

    def end(self, cause: ReceiptCause, detail: str = "", *, now: bool) -> None:
        """Record a receipt for each message that the channel has not answered.

        A message with a commit mark may have left and is uncertain; every other one is tried again, at once (`now`) or
        later.
        """
        for key in tuple(self._claims):
            unmarked = Receipt(key, Status.DEFERRED, detail, retry_after=0 if now else None, cause=cause)
            self.answer(Receipt(key, Status.UNCERTAIN, detail, cause=cause) if key in self._marked else unmarked)

    def give_back(self) -> None:
        """Give back, as untried, each claim without a commit mark, because the channel cannot be reached."""
        for key in tuple(self._claims.keys() - self._marked):
            self._hand.untried(self._claims.pop(key))

    def _message(self, claim: Claim) -> Message | None:
        self._claims[claim.key] = claim
        try:
            return self._hand.message(claim)
        except Exception as error:  # noqa: BLE001 - a fault in one message must not stop the others
            self.answer(Receipt(claim.key, Status.DEFERRED, type(error).__name__, cause=ReceiptCause.FAULT))
            return None
