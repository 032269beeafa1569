"""The queue of one channel: which due message of a notice is next, on how many lanes, how fast, and when to stop."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from amends.delivery.channels import Pace
from amends.delivery.compose import Composer
from amends.delivery.send.group_commit import PATIENCE, RETRY_SECONDS, GroupCommit
from amends.delivery.send.lane import LaneMessages
from amends.delivery.send.postpone import Postponed
from amends.domain.base.errors import (
    AmendsError,
    ChannelDown,
    ChannelError,
    ChannelMisconfigured,
    LedgerUnavailable,
    StaleClaim,
    TablesDiffer,
)
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Called, Channel, CostlyChannel, Message, Receipt, ReceiptCause, Status
from amends.domain.deliver.limits import FEWEST_FIRST, Canaries, canary_size, nothing_taken
from amends.domain.deliver.pace import (
    PER_DOMAIN,
    Breaker,
    Domains,
    Lanes,
    PageSizes,
    SameAnswer,
    is_about_channel,
    slows_channel,
)
from amends.ledger import Claim

FIRST_LANES = 4
TICK_SECONDS = 0.05
GROWING_SECONDS = 0.005
"""The tick while more lanes may be allowed at any moment."""
SET_ASIDE = 1000
"""The most messages set aside for their domains; no page is claimed while there are so many."""
SLOW_ASIDE = 100
"""The most messages set aside for one domain that asked us to slow down; further ones are put off, so that they do not
keep other domains waiting."""
COME_BACK = 300.0
"""Seconds until the next try when a domain takes nothing now."""
FOR_A_PERSON = 4 * 3600.0
"""Seconds until a stopped domain is looked at again; a person who lets it go on makes its messages due at once."""
UNHEARD = frozenset({ReceiptCause.CHANNEL_FAILED, ReceiptCause.NOT_SENT})
"""Causes of receipts that no provider gave."""


@dataclass(frozen=True)
class ClaimSource:
    """The functions of one engine run that its queues call."""

    claim: Callable[[ChannelKind, int], tuple[Claim, ...]]
    """Claims the next page of at most this many messages; empty when nothing is due."""
    give_back: Callable[[list[Claim]], None]
    domain_stopped: Callable[[str, str], None]
    """Called with a domain to which nothing is sent any more, and the reason; other domains go on."""
    stopped_domains: Callable[[], frozenset[str]]
    """Returns the domains to which nothing is sent until a person lets them go on."""
    composer: Composer
    group_commit: GroupCommit[Claim]
    progress: Callable[[], None]
    """Called at each tick, because answers may have come."""
    canary_refused: Callable[[ChannelKind, str], None]
    """Called with the reason when the channel took none of the canary messages."""
    not_yet: Callable[[Claim], Postponed | None] | None = None
    """Returns why a message that is due is postponed; None when no message of the notice can be postponed."""


class ChannelQueue:
    """The queue of one channel for one notice in one engine run."""

    def __init__(self, kind: ChannelKind, channel: Channel, source: ClaimSource, pace: Pace, messages: int) -> None:
        """Begin empty; `messages` is the number of pending messages of the notice, on all channels and processes."""
        self.kind, self.answers, self.trouble = kind, Counter[Status](), ""
        self._channel, self._source, self._pace = channel, source, pace
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Claim] = deque()
        self._aside: dict[str, deque[Claim]] = {}
        """Messages set aside until their domain takes another one, by domain."""
        self._in_flight: dict[str, int] = {}
        """The number of messages in flight, by domain."""
        self._left_over: list[Claim] = []
        """Claims to give back at the end, untried."""
        self._recalled: list[Claim] = []
        """Claims of pages that may not leave as they are; given back before the next page is claimed."""
        self._lanes: set[asyncio.Task[None]] = set()
        self._surplus = 0
        self._exhausted = False
        self._halted = asyncio.Event()
        self._no_ledger: float | None = None
        """The time since which no page could be claimed because the ledger cannot be written."""
        self._width, self._breaker, self._domains, self._same = (
            Lanes(channel.at_once // pace.processes, FIRST_LANES),
            Breaker(),
            Domains(),
            SameAnswer(),
        )
        self._first = max(canary_size(messages) // pace.processes, 1)
        self._pages = PageSizes(messages, pace.processes, self._first)
        self._canary: Canaries | None = None
        self._stopped = False
        self._waits_for_ledger = True
        self._failure: AmendsError | None = None
        self._down: tuple[float, str] | None = None
        """The time since which the channel does not work, and the reason."""

    async def send_all(self) -> None:
        """Send every due message. Raises ApprovalMissing or NotAllowed when the notice may not leave any more."""
        self._fill()
        here = len(self._queue)  # fewer than were asked for means that the channel has no more
        self._canary = Canaries(here if here == self._first else canary_size(here), min(FEWEST_FIRST, self._first))
        try:
            while self._lanes or self._more():
                self._set_lanes()
                await self._wait()
                self._review()
        finally:
            await self._end()
        if self._failure:
            raise self._failure

    def halt(self, why: str = "") -> None:
        """Hand out no more messages; messages in flight still get their answers."""
        self.trouble, self._stopped = self.trouble or why, True
        self._halted.set()

    def call_off(self) -> None:
        """Halt without waiting for a ledger that cannot be written.

        Claims that cannot be given back stay with their lease. Once this process has ended, the next run frees them.
        """
        self._waits_for_ledger = False
        self.halt()

    async def _end(self) -> None:
        """Halt, wait for the answers to messages in flight, and give back the other claims."""
        self.halt()
        while self._lanes:
            await self._wait()
        if self._down:
            self.halt(self._down[1])
        self._left_over += [*self._recalled, *self._queue]
        for aside in self._aside.values():
            self._left_over += aside
        while self._left_over and not await self._gave_back():
            pass

    async def _gave_back(self) -> bool:
        try:
            self._source.give_back(self._left_over)
        except LedgerUnavailable as error:
            if not self._waits_for_ledger:
                return True
            self._wait_for_ledger(error)
            await asyncio.sleep(RETRY_SECONDS)
            return self._failure is not None
        return True

    # Lanes.

    def _set_lanes(self) -> None:
        wanted = self._width.allowed if self._breaker.may_go else 1
        self._surplus = max(len(self._lanes) - wanted, 0)
        while self._may_hand_out() and len(self._lanes) < wanted:
            if not self._breaker.may_try(self._loop.time()):
                break
            self._lanes.add(asyncio.create_task(self._lane()))
            self._source.group_commit.lanes += 1

    def _may_hand_out(self) -> bool:
        return bool(self._queue) and not self._stopped and (self._canary is None or self._canary.left > 0)

    async def _wait(self) -> None:
        """Wait until a lane ends, but one tick at most."""
        if not self._lanes:
            await asyncio.sleep(RETRY_SECONDS if self._no_ledger else TICK_SECONDS)
            return
        seconds = TICK_SECONDS if self._width.full or not self._may_hand_out() else GROWING_SECONDS
        ended, self._lanes = await asyncio.wait(self._lanes, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        self._source.group_commit.lanes -= len(ended)
        for lane in ended:
            lane.result()

    async def _lane(self) -> None:
        messages = LaneMessages(self)
        try:
            await self._channel.carry(messages)
        except ChannelError as error:
            self._failed(error)
            if isinstance(error, (ChannelDown, ChannelMisconfigured)):
                messages.give_back()
            messages.end(ReceiptCause.CHANNEL_FAILED, now=True)
        except AmendsError as error:
            self._failure = error
            self.halt()
        except Exception as error:  # noqa: BLE001 - a fault in one message must not stop the others
            messages.end(ReceiptCause.FAULT, type(error).__name__, now=False)
        messages.end(ReceiptCause.NOT_SENT, now=True)

    def _failed(self, error: ChannelError) -> None:
        now = self._loop.time()
        self._breaker.failed(now)
        self._down = self._down or (now, str(error))
        if isinstance(error, ChannelMisconfigured):
            self.halt(str(error))

    def _review(self) -> None:
        """Halt a channel that has not worked for too long, or whose canary messages say that the rest must wait."""
        if self._down and not self._breaker.may_go and self._loop.time() - self._down[0] >= self._pace.patience:
            self.halt(self._down[1])
        if self._canary and not self._lanes:
            self._review_canary(self._canary, rest=self._fill())
        self._source.progress()

    def _review_canary(self, canary: Canaries, *, rest: bool) -> None:
        """Halt the channel when the canary says that the `rest` must wait; end the canary after its last answer.

        A queue that began with fewer messages, because other workers held the rest, sends more of them alone first.
        """
        if rest and not canary.left and (why := canary.review()):
            self.halt(why)
            if nothing_taken(canary.answers):
                self._source.canary_refused(self.kind, why)
        if not rest or not canary.left:
            self._canary = None

    # The next message.

    def _more(self) -> bool:
        """Return True when messages are left; called when all lanes have ended, as more may have become due since."""
        self._exhausted = False
        for aside in self._aside.values():
            self._queue += aside  # no message is in flight whose end would call them
        self._aside.clear()
        return not self._stopped and self._fill()

    def _fill(self) -> bool:
        """Claim the next page when the queue is empty; return True when there is something to send or to wait for."""
        if not (self._queue or self._exhausted or self._stopped) and sum(map(len, self._aside.values())) < SET_ASIDE:
            try:
                self._give_back_recalled()
                claims = self._source.claim(self.kind, self._pages.size)
                self._domains.follow(self._source.stopped_domains())
            except LedgerUnavailable as error:
                self._wait_for_ledger(error)
            except AmendsError as error:
                self._failure = error
                self.halt()
            else:
                self._queue.extend(claims)
                self._pages.claimed(len(claims))
                self._exhausted, self._no_ledger = not claims, None
        return bool(self._queue or self._no_ledger or any(self._aside.values()))

    def _give_back_recalled(self) -> None:
        if self._recalled:
            self._source.give_back(self._recalled)
            self._recalled = []

    def _wait_for_ledger(self, error: LedgerUnavailable) -> None:
        """Plan the next try of a ledger that cannot be written, up to PATIENCE; then halt with the error.

        A ledger that has got the tables of another Amends is not tried again.
        """
        now = self._loop.time()
        self._exhausted, self._no_ledger = True, self._no_ledger or now
        if isinstance(error, TablesDiffer) or now - self._no_ledger > PATIENCE:
            self._failure = error
            self.halt()

    def take(self) -> Claim | None:
        if self._surplus:
            self._surplus -= 1
            return None
        if self._canary:
            if not self._canary.left:
                return None
            self._canary.left -= 1
        while not self._stopped and (self._queue or self._fill()) and self._queue:
            claim = self._queue.popleft()
            if self._may_start(claim):
                return claim
        if self._canary:
            self._canary.left += 1
        return None

    def _may_start(self, claim: Claim) -> bool:
        """Return True when the message may be sent now; else put the message off, or set it aside for its domain."""
        if self._source.not_yet and (postponed := self._source.not_yet(claim)):
            why, seconds = postponed
            self._put_off(claim, ReceiptCause.POSTPONED, why, seconds)
            self._call_next_to(claim.domain)
            return False
        domain = claim.domain
        if self._domains.stopped(domain):
            self._put_off(claim, ReceiptCause.DOMAIN_STOPPED, seconds=FOR_A_PERSON)
            self._call_next_to(domain)
        elif (in_flight := self._in_flight.get(domain, 0)) < self._domains.allowed(domain) or not domain:
            self._in_flight[domain] = in_flight + 1
            return True
        elif self._domains.allowed(domain) == PER_DOMAIN or len(self._aside.get(domain, ())) < SLOW_ASIDE:
            self._aside.setdefault(domain, deque()).append(claim)
        else:
            self._put_off(claim, ReceiptCause.DOMAIN_SLOWED)
        return False

    def _put_off(self, claim: Claim, cause: ReceiptCause, why: str = "", seconds: float = COME_BACK) -> None:
        receipt = Receipt(claim.key, Status.DEFERRED, why, retry_after=seconds, cause=cause)
        self.answers[receipt.status] += 1
        self._source.group_commit.answer(claim, receipt)

    def put_back(self, claim: Claim) -> None:
        self._undo_take(claim)
        self._queue.appendleft(claim)

    def message(self, claim: Claim) -> Message:
        return self._source.composer.message(claim)

    async def may_go(self, message: Message) -> bool:
        bucket = self._pace.bucket
        if bucket and (seconds := bucket.wait(self._cost(message), self._loop.time())):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._halted.wait(), seconds)
        return not self._stopped

    def may_go_now(self, message: Message) -> bool:
        bucket = self._pace.bucket
        return bucket is None or bucket.at_once(self._cost(message), self._loop.time())

    def _cost(self, message: Message) -> int:
        return self._channel.cost(message) if isinstance(self._channel, CostlyChannel) else 1

    # Marks and answers.

    def mark(self, claim: Claim, then: Called) -> None:
        if self._stopped:
            then(StaleClaim(claim.key))
        else:
            self._source.group_commit.mark(claim, then)

    def stale(self, claim: Claim) -> None:
        """Recall the whole page: another worker holds its lease, or the page may not leave.

        The ledger decides about each message when the page is given back.
        """
        self._undo_take(claim)
        self._recalled += [claim, *(other for other in self._queue if other.lease == claim.lease)]
        self._queue = deque(other for other in self._queue if other.lease != claim.lease)

    def untried(self, claim: Claim) -> None:
        self._undo_take(claim)
        self._left_over.append(claim)

    def answered(self, claim: Claim, receipt: Receipt) -> None:
        self._end_flight(claim)
        self.answers[receipt.status] += 1
        self._source.group_commit.answer(claim, receipt)
        if self._canary:
            self._canary.answers.append(receipt.status)
        if receipt.cause not in UNHEARD:
            self._adjust_to(claim, receipt)

    def _adjust_to(self, claim: Claim, receipt: Receipt) -> None:
        """Adjust the lanes, the circuit breaker and the domain to the answer, and halt when the channel is at fault."""
        now = self._loop.time()
        self._breaker.worked()
        self._down = None
        if receipt.status is Status.SENT:
            self._width.went_well(now)
        elif slows_channel(receipt):
            self._width.slow_down(now)
            self._surplus = max(len(self._lanes) - self._width.allowed, 0)  # before a refused lane takes the next claim
        if why := self._domains.note(claim.domain, receipt, now):
            self._source.domain_stopped(claim.domain, why)
        if is_about_channel(receipt) and (why := self._same.note(receipt)):
            self.halt(why)

    def _undo_take(self, claim: Claim) -> None:
        """Count a taken claim as not taken; among the canary messages another one takes its place."""
        self._end_flight(claim)
        if self._canary:
            self._canary.left += 1

    def _end_flight(self, claim: Claim) -> None:
        """Count the claim's message as in flight no longer, and call the next message to the same domain."""
        domain = claim.domain
        if left := self._in_flight.pop(domain, 1) - 1:
            self._in_flight[domain] = left
        self._call_next_to(domain)

    def _call_next_to(self, domain: str) -> None:
        """Move the next message that was set aside for this domain to the front of the queue, if there is one."""
        if aside := self._aside.get(domain):
            self._queue.appendleft(aside.popleft())
