"""The outgoing messages in flight on one channel: claimed, marked before they may leave, and recorded."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple, Protocol

from amends.delivery.outbox.watch import OutgoingWatch
from amends.delivery.send.group_commit import GroupCommit
from amends.delivery.send.postpone import QUIET, zones
from amends.domain.base.errors import AmendsError
from amends.domain.base.text import minute
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Called, Message, MessagesInFlight, Receipt, ReceiptCause, Status
from amends.domain.channel.outgoing import OutgoingKind, OutgoingState, outcome
from amends.domain.deliver.limits import Canaries, canary_size, nothing_taken
from amends.domain.deliver.pace import OUR_TROUBLE, Bucket, SameAnswer, domain_of, is_about_channel
from amends.domain.deliver.quiet_hours import quiet_until
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.playbook.playbook import QuietHours
from amends.ledger import Ledger
from amends.ledger.outbox.outbox import OutgoingClaim

STOPPED = "mail to this domain has stopped"
LOOK_AGAIN = timedelta(hours=1)
"""The time after which a message to a stopped domain, or on a channel that has stopped, is looked at again."""


class NotComposed(Exception):
    """A message that cannot be composed, and so does not leave."""


class Composed(NamedTuple):
    """A complete message, with what is known of the reader's clock. Holds personal data: never log or print it."""

    message: Message
    timezone: str = ""
    country: str = ""


class OutgoingComposer(Protocol):
    """A composer of the messages of one kind of one incident."""

    def why_not(self) -> str:
        """Return why no message can be composed, or ""."""

    def composed(self, claim: OutgoingClaim) -> Composed:
        """Return the message of this claim. Raises NotComposed."""


class WaitRules(NamedTuple):
    """The rules of one incident by which a message waits."""

    quiet: QuietHours | None
    home: str
    """The organisation's time zone, for people of whom none is known."""
    stopped_domains: frozenset[str] = frozenset()


@dataclass
class OutgoingInFlight(MessagesInFlight):
    """The messages of one kind of one incident on one channel, the first few of which are canaries."""

    ledger: Ledger
    incident: str
    kind: OutgoingKind
    channel: ChannelKind
    composer: OutgoingComposer
    rules: WaitRules
    watch: OutgoingWatch
    clock: Callable[[], datetime]
    due: int
    """The messages that are due on the channel as the run begins."""
    bucket: Bucket | None = None
    states: Counter[OutgoingState] = field(default_factory=Counter)
    trouble: str = ""
    """The reason why no further message is claimed; empty while there is none."""

    def __post_init__(self) -> None:
        self._page: deque[OutgoingClaim] = deque()
        self._claims: dict[str, OutgoingClaim] = {}
        self._marked: set[str] = set()
        self._untried: list[OutgoingClaim] = []
        self._canary: Canaries | None = Canaries(canary_size(self.due))
        self._same = SameAnswer()
        self._stopped = False
        """True when the channel waits an hour; a paused incident waits for a person instead."""
        self._commit: GroupCommit[OutgoingClaim] = GroupCommit(self._write, self._report)
        self._commit.lanes = 1

    async def next(self) -> Message | None:
        while claim := self._claim():
            self._claims[claim.key] = claim
            if message := self._message(claim):
                await asyncio.sleep(self.bucket.wait(1, asyncio.get_running_loop().time()) if self.bucket else 0)
                return message
        return None

    def next_at_once(self) -> Message | None:
        return None

    def last_call(self, key: str, then: Called) -> None:
        self._commit.mark(self._claims[key], partial(self._called, key, then))

    def answer(self, receipt: Receipt) -> None:
        claim = self._claims.pop(receipt.key)
        self._marked.discard(receipt.key)
        self.states[outcome(self.kind, receipt, claim.tries)[0]] += 1
        self._commit.answer(claim, receipt)
        self._judge(receipt)

    async def end(self, why: str = "") -> None:
        """Record all answers and give back what was not tried; a marked message without an answer is uncertain."""
        self.trouble = self.trouble or why
        for key in self._marked & self._claims.keys():
            self.answer(Receipt(key, Status.UNCERTAIN, why, cause=ReceiptCause.BROKEN_OFF))
        self._untried += [*self._claims.values(), *self._page]
        self._claims.clear()
        self._page.clear()
        try:
            await self._commit.settled()
            self._give_back()
        except AmendsError as error:
            self.trouble = self.trouble or str(error)

    def _give_back(self) -> None:
        """Let what was not tried wait: an hour for a channel that has stopped, together with all that is due on it."""
        now = self.clock()
        if not self._stopped:
            self.ledger.outbox.postpone(self._untried, now, "", now)
            return
        while self._untried:
            self.ledger.outbox.postpone(self._untried, now + LOOK_AGAIN, self.trouble, now)
            self._untried = list(self.ledger.outbox.claim(self.incident, self.kind, self.channel.value, now))

    def _claim(self) -> OutgoingClaim | None:
        if self.trouble:
            return None
        if not self._page:
            try:
                self._fill()
            except AmendsError as error:
                self.trouble = str(error)
        return self._page.popleft() if self._page else None

    def _fill(self) -> None:
        """Claim the next page, unless the watchdog has paused the incident."""
        now = self.clock()
        self.trouble = self.watch.alarm(now)
        if not self.trouble:
            self._page += self.ledger.outbox.claim(self.incident, self.kind, self.channel.value, now)

    def _message(self, claim: OutgoingClaim) -> Message | None:
        """Return the message of a claim; None when the message must wait, or cannot be composed."""
        try:
            composed = self.composer.composed(claim)
        except NotComposed as error:
            self.answer(Receipt(claim.key, Status.REJECTED, str(error), cause=ReceiptCause.FAULT))
        except Exception as error:  # noqa: BLE001 - a fault in one message must not stop the others
            self.answer(Receipt(claim.key, Status.DEFERRED, type(error).__name__, cause=ReceiptCause.FAULT))
        else:
            if (waits := self._waits(composed)) is None:
                return composed.message
            self._postpone(self._claims.pop(claim.key), *waits)
        return None

    def _waits(self, composed: Composed) -> tuple[datetime, str] | None:
        """Return until when and why this message waits, or None when it may leave now."""
        now, hours = self.clock(), self.rules.quiet if self.kind.traits.keeps_quiet_hours else None
        if self.channel.mail and domain_of(composed.message.to) in self.rules.stopped_domains:
            return now + LOOK_AGAIN, STOPPED
        if hours is None or self.channel not in hours.channels:
            return None
        own = zones(composed.timezone, composed.country) or (self.rules.home,)
        until = quiet_until(hours, own, now)
        return (until, QUIET) if until else None

    def _postpone(self, claim: OutgoingClaim, until: datetime, why: str) -> None:
        try:
            self.ledger.outbox.postpone((claim,), until, why, self.clock())
        except AmendsError as error:
            self.trouble = str(error)

    def _called(self, key: str, then: Called, error: Exception | None) -> None:
        if error is None:
            self._marked.add(key)
        else:
            self._untried.append(self._claims.pop(key))
        then(error)

    def _judge(self, receipt: Receipt) -> None:
        """Stop the channel after answers in a row whose cause is ours, or when its canaries say that the rest waits."""
        if self.trouble or receipt.cause in OUR_TROUBLE:
            return
        same = self._same.note(receipt) if is_about_channel(receipt) else ""
        if (canary := self._canary) and (why := self._review(canary, receipt.status)):
            self._stop(why, is_new=nothing_taken(canary.answers))
        elif same:
            self._stop(same, is_new=False)

    def _review(self, canary: Canaries, status: Status) -> str:
        """Return why the rest must not follow the canary messages, one of which has this answer; "" when it may.

        Messages leave one by one, so that the last canary message has its answer before any other message leaves.
        """
        canary.answers.append(status)
        canary.left -= 1
        if canary.left:
            return ""
        why = canary.review() if self.due > len(canary.answers) else ""
        if not canary.left:
            self._canary = None
        return why

    def _stop(self, why: str, *, is_new: bool) -> None:
        self.trouble, now = why, self.clock()
        if is_new and self.watch.stop_new_channel(self.channel, why, now):
            return
        self._stopped = True
        what = f"{self.kind.words} by {self.channel.words} stopped by themselves at {minute(now)}: {why}"
        stopped = AlertId(AlertKind.CHANNEL_STOPPED, f"{self.kind} {self.channel}", minute(now))
        self.ledger.alerts.record(self.incident, Alert(stopped, what, now))

    def _write(
        self, marks: Sequence[OutgoingClaim], answers: Sequence[tuple[OutgoingClaim, Receipt]]
    ) -> frozenset[str]:
        return self.ledger.outbox.record(marks, answers, self.clock())

    def _report(self, why: str) -> None:
        """Pass over a ledger that cannot be written just now: the group commit tries again."""
