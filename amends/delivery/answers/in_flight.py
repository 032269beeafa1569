"""The replies in flight on one channel, one after another: claimed, marked before they may leave, and recorded."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from amends.delivery.answers.compose import ReplyComposer, TooLong
from amends.delivery.send.postpone import QUIET, zones
from amends.domain.base.errors import AmendsError, StaleClaim
from amends.domain.channel.channel import (
    LOOP_ITERATIONS,
    Called,
    Message,
    MessagesInFlight,
    Receipt,
    ReceiptCause,
    Status,
)
from amends.domain.deliver.pace import Bucket, domain_of
from amends.domain.deliver.quiet_hours import quiet_until
from amends.domain.feedback.answer import ReplyChannel, ReplyState
from amends.domain.playbook.playbook import QuietHours
from amends.ledger import Ledger
from amends.ledger.feedback.replies import ReplyClaim

STOPPED = "mail to this domain has stopped"
LOOK_AGAIN = timedelta(hours=1)


class ReplyRules(NamedTuple):
    """The rules of one incident by which a reply waits."""

    quiet: QuietHours | None
    home: str
    """The organisation's time zone, for people of whom none is known."""
    stopped_domains: frozenset[str] = frozenset()


class RepliesInFlight(MessagesInFlight):
    """The replies of one incident on one channel; one is on its way at a time."""

    def __init__(
        self, ledger: Ledger, incident: str, channel: ReplyChannel, composer: ReplyComposer, rules: ReplyRules,
        bucket: Bucket | None, clock: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self._ledger, self._incident, self._channel = ledger, incident, channel
        self._composer, self._rules, self._bucket, self._clock = composer, rules, bucket, clock
        self._claims: dict[str, ReplyClaim] = {}
        self._marked: set[str] = set()
        self.states: Counter[ReplyState] = Counter()
        self.trouble = ""
        """The reason why no further reply is claimed; empty while there is none."""

    async def next(self) -> Message | None:
        while not self.trouble and (claim := self._claim()):
            if message := self._message(claim):
                await asyncio.sleep(self._bucket.wait(1, asyncio.get_running_loop().time()) if self._bucket else 0)
                return message
        return None

    def next_at_once(self) -> Message | None:
        return None

    def last_call(self, key: str, then: Called) -> None:
        claim, error = self._claims[key], None
        try:
            if self._ledger.replies.leave(claim, self._clock()):
                self._marked.add(key)
            else:
                error = StaleClaim(key)
                self._give_back(self._claims.pop(key))
        except AmendsError as found:
            self.trouble, error = str(found), StaleClaim(key)
            self._claims.pop(key)  # the claim runs out, and the reply waits again
        _call_back(then, error, LOOP_ITERATIONS)

    def answer(self, receipt: Receipt) -> None:
        self._marked.discard(receipt.key)
        self._record(self._claims.pop(receipt.key), receipt)

    def end(self, why: str) -> None:
        """Record what the channel has not answered: a marked reply is uncertain, any other one waits."""
        self.trouble = self.trouble or why
        for key in tuple(self._claims):
            status = Status.UNCERTAIN if key in self._marked else Status.DEFERRED
            self.answer(Receipt(key, status, why, cause=ReceiptCause.BROKEN_OFF))

    def _claim(self) -> ReplyClaim | None:
        try:
            claim = self._ledger.replies.claim(self._incident, (self._channel,), self._clock())
        except AmendsError as error:
            self.trouble = str(error)
            return None
        if claim:
            self._claims[claim.key] = claim
        return claim

    def _message(self, claim: ReplyClaim) -> Message | None:
        """Return the reply as a message; None when it must wait, or cannot be composed."""
        if waits := self._waits(claim):
            self._claims.pop(claim.key)
            self._postpone(claim, *waits)
            return None
        try:
            return self._composer.message(claim)
        except TooLong as error:
            self.answer(Receipt(claim.key, Status.REJECTED, str(error), cause=ReceiptCause.CONTENT))
        except Exception as error:  # noqa: BLE001 - a fault in one reply must not stop the others
            self.answer(Receipt(claim.key, Status.DEFERRED, type(error).__name__, cause=ReceiptCause.FAULT))
        return None

    def _waits(self, claim: ReplyClaim) -> tuple[datetime, str] | None:
        """Return until when and why this reply waits, or None when it may leave now."""
        now, hours = self._clock(), self._rules.quiet
        if self._channel is ReplyChannel.EMAIL and domain_of(claim.to.address) in self._rules.stopped_domains:
            return now + LOOK_AGAIN, STOPPED
        if hours is None or self._channel.kind not in hours.channels:
            return None
        own = zones(claim.to.timezone, claim.to.country) or (self._rules.home,)
        until = quiet_until(hours, own, now)
        return (until, QUIET) if until else None

    def _postpone(self, claim: ReplyClaim, until: datetime, why: str) -> None:
        try:
            self._ledger.replies.postpone(claim, until, why, self._clock())
        except AmendsError as error:
            self.trouble = str(error)

    def _give_back(self, claim: ReplyClaim) -> None:
        self._postpone(claim, self._clock(), "")

    def _record(self, claim: ReplyClaim, receipt: Receipt) -> None:
        """Record a receipt; a ledger that cannot be written leaves the reply in doubt, and later uncertain."""
        try:
            self.states[self._ledger.replies.record(claim, receipt, self._clock())] += 1
        except AmendsError as error:
            self.trouble = str(error)


def _call_back(then: Called, error: Exception | None, iterations: int) -> None:
    """Call `then` after some iterations of the event loop, in which the channel learns of a connection's end."""
    if iterations:
        asyncio.get_running_loop().call_soon(_call_back, then, error, iterations - 1)
    else:
        then(error)
