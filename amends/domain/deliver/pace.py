"""The pace of sending: rates, pages, lanes, and stops of a channel or of a recipient domain.

An object of these classes remembers what one run of the engine has seen. One thread uses the object, and its times are
seconds of a monotonic clock.
"""

import re
from collections import OrderedDict, deque
from enum import StrEnum

from amends.domain.channel.message import Receipt, ReceiptCause, Status
from amends.domain.deliver.reason import receipt_reason

RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*/\s*(s|min|h)")
SECONDS = {"s": 1, "min": 60, "h": 3600}

SENT, DEFERRED, REJECTED = Status.SENT, Status.DEFERRED, Status.REJECTED

CROWDED = re.compile(r"(?:421|429)\b|452(?! [45]\.2\.)")
"""A server that closes down, has too many requests or no room, but not a mailbox that is full (RFC 5321, RFC 6585,
RFC 3463)."""
TEMPORARY_POLICY = re.compile(r"4\d\d 4\.7\.")
"""Too fast for this server, or greylisting; says nothing about other servers."""

PAGE, LAST_PAGE = 2_000, 250
"""Messages that a process claims at once, and the least toward the end of a notice that several processes send."""
GREYLISTED = re.compile(r"45[01]\b(?! 4\.[34]\.)")
"""The reply codes of greylisting (RFC 6647), which many servers give to the mail of one person after another."""
OUR_TROUBLE = frozenset(
    {ReceiptCause.FAULT, ReceiptCause.BROKEN_OFF, ReceiptCause.DOMAIN_STOPPED, ReceiptCause.DOMAIN_SLOWED}
)
"""Causes that say nothing about the channel."""

SETTLING = 1.0
"""Seconds after a slowdown in which answers are still about the pace before it."""
PATIENCE = 660.0
"""Seconds until a probe without an answer is taken for lost: 60 for a command, 600 for the final dot (RFC 5321)."""

PER_DOMAIN = 16
"""Messages in flight to one domain: few enough that at most twenty meet the blocks that stop the domain."""
TRACKED = 4096
"""The number of domains in trouble that are remembered."""
WINDOW, BLOCKS = 20, 3
"""A domain is stopped after BLOCKS policy blocks among its last WINDOW answers."""
STOPPED_BEFORE = "it was stopped before"
STOP_AFTER_CONTENT = 3
"""The number of texts refused in a row after which our template is to blame."""
STOP_AFTER = {Status.UNCERTAIN: 5, Status.DEFERRED: 20, Status.REJECTED: 20}
"""The number of answers of one status in a row after which the cause is ours and not the people's."""


def rate_of(text: str) -> float | None:
    """Return the messages, or SMS parts, a second that a text such as 100/s, 50/min or 2000/h allows.

    An empty text sets no limit and gives None. Raises ValueError, which names the forms that are understood.
    """
    if not text.strip():
        return None
    found = RATE.fullmatch(text.strip())
    if not found or not float(found[1]):
        raise ValueError("a rate is written 100/s, 50/min or 2000/h, and is more than 0; leave it empty for no limit")
    return float(found[1]) / SECONDS[found[2]]


def domain_of(address: str) -> str:
    """Return the part of the address behind the last @, in lower case.

    The domain is as personal as the address: keep it out of logs and reasons; only the alert to its stop names it.
    """
    return address.rpartition("@")[2].lower()


def slows_channel(receipt: Receipt) -> bool:
    """Return True when the provider is overloaded, so that fewer messages of the channel should be in flight."""
    return receipt.status is DEFERRED and CROWDED.match(receipt.detail) is not None


def slows_domain(receipt: Receipt) -> bool:
    """Return True when fewer messages to this recipient domain should be in flight."""
    return slows_channel(receipt) or (receipt.status is DEFERRED and TEMPORARY_POLICY.match(receipt.detail) is not None)


def is_about_channel(receipt: Receipt) -> bool:
    """Return False when the answer is only about one person's mail, or about trouble of our own."""
    if receipt.status is SENT:
        return True
    return receipt.cause not in OUR_TROUBLE and not GREYLISTED.match(receipt.detail)


class PageSizes:
    """The sizes of the pages that a process claims: first the canary messages, toward the end of a notice ever fewer.

    The first message thus leaves without waiting for a whole page, and processes that share a notice come to its end
    together. The other processes are assumed to be as fast as this one.
    """

    __slots__ = ("_left", "_processes", "size")

    def __init__(self, messages: int, processes: int, first: int) -> None:
        self._left, self._processes = messages, processes
        self.size = first
        """Messages of the next page."""

    def claimed(self, count: int) -> None:
        """Choose the size of the next page after this process has claimed `count` messages."""
        self._left -= count * self._processes
        shared = min(max(self._left // (2 * self._processes), LAST_PAGE), PAGE)
        self.size = PAGE if self._processes == 1 else shared


class Bucket:
    """A token bucket: over any time, no more leaves than the burst and the amount that the rate allows in that time.

    A message that alone costs more than the burst waits for the rest of its cost, and then leaves in one piece.
    """

    __slots__ = ("_burst_seconds", "_full_at", "_per_second", "_unshared")

    def __init__(self, per_second: float, burst: float) -> None:
        self._unshared = per_second, burst
        self._per_second = per_second
        self._burst_seconds = burst / per_second
        self._full_at = float("-inf")

    def share(self, among: int, at: float) -> None:
        """Divide the rate and the burst by the number of processes that use them; tokens already taken still count."""
        per_second, burst = (unshared / among for unshared in self._unshared)
        taken = max(self._full_at - at, 0.0) * self._per_second
        self._full_at = at + taken / per_second
        self._per_second, self._burst_seconds = per_second, max(burst, 1.0) / per_second

    def wait(self, cost: float, at: float) -> float:
        """Take the tokens of a message and return the seconds until it may leave, in the order of the calls."""
        self._full_at = max(self._full_at, at) + cost / self._per_second
        return max(self._full_at - self._burst_seconds - at, 0.0)

    def at_once(self, cost: float, at: float) -> bool:
        """Return True when a message of this cost may leave now, and take its tokens; else take none."""
        if max(self._full_at, at) + cost / self._per_second > at + self._burst_seconds:
            return False
        self.wait(cost, at)
        return True


class Lanes:
    """The number of messages that may be in flight: more while sending goes well, half as many after a slowdown.

    The number follows TCP (RFC 5681): in slow start one more for each success, up to half of what was too much; from
    there on one more each time that all lanes have had a success.
    """

    __slots__ = ("_grown", "_half", "_most", "_settled_at", "_successes", "allowed")

    def __init__(self, most: int, first: int) -> None:
        self._most = max(most, 1)
        self.allowed = min(max(first, 1), self._most)
        self._half = self._most
        self._grown = True
        self._successes = 0
        self._settled_at = float("-inf")

    @property
    def full(self) -> bool:
        """Return True when no more lanes will ever be allowed."""
        return self.allowed == self._most

    def went_well(self, at: float) -> None:
        """Count a message that was taken over, and allow another lane when there were enough of them."""
        if self.allowed == self._most or at < self._settled_at:
            return
        self._successes += 1
        if self.allowed < self._half or self._successes >= self.allowed:
            self.allowed += 1
            self._successes = 0
            self._grown = True

    def slow_down(self, at: float) -> None:
        """Halve the lanes, once for all messages in flight.

        The halved number becomes the goal of the next slow start, unless no lane was added since the last slowdown.
        """
        if at < self._settled_at:
            return
        halved = max(self.allowed // 2, 1)
        if self._grown:
            self._half = halved
        self.allowed = halved
        self._grown = False
        self._successes = 0
        self._settled_at = at + SETTLING


class _Circuit(StrEnum):
    CLOSED = "closed"
    """Messages leave."""
    OPEN = "open"
    """No message leaves until the wait is over."""
    HALF_OPEN = "half open"
    """One message, the probe, is in flight."""


class Breaker:
    """A circuit breaker: it keeps messages from a channel that fails, and probes with one message after each wait.

    Only the channel's own failures count: any answer about a message, even a refusal, shows that the channel works.
    """

    __slots__ = ("_circuit", "_failures", "_first_wait", "_in_a_row", "_longest", "_probed_at", "_wait", "probe_at")

    def __init__(self, failures: int = 5, first_wait: float = 5.0, longest: float = 300.0) -> None:
        self._failures = failures
        self._first_wait = first_wait
        self._longest = longest
        self._circuit = _Circuit.CLOSED
        self._in_a_row = 0
        self._wait = first_wait
        self._probed_at = 0.0
        self.probe_at = 0.0
        """The time from which one message may probe the channel, while the circuit is open."""

    def may_try(self, at: float) -> bool:
        """Return True when a message may leave now: any while the channel works, and one, the probe, after each wait.

        A caller that gets True must report the result with `worked` or `failed`.
        """
        if self._circuit is _Circuit.CLOSED:
            return True
        lost = self._circuit is _Circuit.HALF_OPEN and at >= self._probed_at + PATIENCE
        if lost or (self._circuit is _Circuit.OPEN and at >= self.probe_at):
            self._circuit, self._probed_at = _Circuit.HALF_OPEN, at
            return True
        return False

    @property
    def may_go(self) -> bool:
        """Return True when the circuit is closed, so that messages may leave."""
        return self._circuit is _Circuit.CLOSED

    def failed(self, at: float) -> None:
        """Count a failure of the channel; failures of messages in flight do not count while the circuit is open."""
        if self._circuit is _Circuit.OPEN:
            return
        self._in_a_row += 1
        if self._circuit is _Circuit.HALF_OPEN:
            self._wait = min(2 * self._wait, self._longest)
            self._open(at + self._wait)
        elif self._in_a_row >= self._failures:
            self._open(at + self._wait)

    def worked(self) -> None:
        """Close the circuit because the channel answered; answers that come while the circuit is open do not count."""
        if self._circuit is _Circuit.OPEN:
            return
        self._circuit, self._in_a_row, self._wait = _Circuit.CLOSED, 0, self._first_wait

    def _open(self, until: float) -> None:
        self._circuit, self.probe_at = _Circuit.OPEN, until


class Domains:
    """A watch over the answers of each recipient domain: it stops a domain that blocks us, and slows down on request.

    Only domains in trouble are remembered, the latest TRACKED of them; a stopped domain stays so until `follow` is told
    that a person lets it go on.
    """

    __slots__ = ("_followed", "_most", "_stopped", "_tracked", "_troubled")

    def __init__(self, most: int = PER_DOMAIN, tracked: int = TRACKED) -> None:
        self._most = most
        self._tracked = tracked
        self._troubled: OrderedDict[str, _Trouble] = OrderedDict()
        self._stopped: dict[str, str] = {}
        self._followed: frozenset[str] = frozenset()

    def follow(self, stopped: frozenset[str]) -> None:
        """Stop the domains that have stopped by the ledger, and no longer those that the ledger lets go on."""
        for domain in self._followed - stopped:
            self._stopped.pop(domain, None)
        for domain in stopped:
            self._stopped.setdefault(domain, STOPPED_BEFORE)
        self._followed = stopped

    def note(self, domain: str, receipt: Receipt, at: float) -> str:
        """Note an answer for a person of this domain; return why no more messages go to this domain, or ""."""
        trouble = self._troubled.get(domain)
        if trouble is None:
            # Answers before the first trouble change nothing, so a domain without trouble takes no memory.
            if receipt.status is SENT or not _is_trouble(receipt) or domain in self._stopped:
                return ""
            trouble = self._remember(domain)
        return self._weigh(domain, trouble, receipt, at)

    def stopped(self, domain: str) -> str:
        """Return why no more messages go to this domain, or ""; the reason does not name the domain."""
        return self._stopped.get(domain, "")

    def allowed(self, domain: str) -> int:
        """Return how many messages to this domain may be in flight."""
        trouble = self._troubled.get(domain)
        return self._most if trouble is None else trouble.lanes.allowed

    def _remember(self, domain: str) -> "_Trouble":
        if len(self._troubled) >= self._tracked:
            self._troubled.popitem(last=False)
        trouble = self._troubled[domain] = _Trouble(self._most)
        return trouble

    def _weigh(self, domain: str, trouble: "_Trouble", receipt: Receipt, at: float) -> str:
        trouble.note(receipt, at)
        if trouble.blocked:
            why = receipt_reason(receipt)
            self._stopped[domain] = f"{BLOCKS} of the last {WINDOW} answers were {why}"
            del self._troubled[domain]
        elif trouble.over:
            del self._troubled[domain]
        else:
            self._troubled.move_to_end(domain)
        return self.stopped(domain)


def _is_trouble(receipt: Receipt) -> bool:
    return receipt.cause is ReceiptCause.POLICY or slows_domain(receipt)


class _Trouble:
    """The answers of a domain since its first trouble."""

    __slots__ = ("_answers", "_blocks", "lanes")

    def __init__(self, most: int) -> None:
        self.lanes = Lanes(most, most)
        self._answers = 0
        self._blocks: deque[int] = deque(maxlen=BLOCKS)
        """The numbers of the latest answers that were blocks."""

    def note(self, receipt: Receipt, at: float) -> None:
        self._answers += 1
        if receipt.status is SENT:
            self.lanes.went_well(at)
        elif receipt.cause is ReceiptCause.POLICY:
            self._blocks.append(self._answers)
        elif slows_domain(receipt):
            self.lanes.slow_down(at)

    @property
    def blocked(self) -> bool:
        return len(self._blocks) == BLOCKS and self._answers - self._blocks[0] < WINDOW

    @property
    def over(self) -> bool:
        recent = bool(self._blocks) and self._answers - self._blocks[-1] < WINDOW
        return self.lanes.full and not recent


class SameAnswer:
    """A watch over one channel for equal bad answers in a row, whose cause is ours and not the people's."""

    __slots__ = ("_count", "_last", "_texts")

    def __init__(self) -> None:
        self._last = SENT
        self._count = 0
        self._texts: set[str] = set()

    def note(self, receipt: Receipt) -> str:
        """Note the channel's next answer; return why the channel must be stopped now, or ""."""
        status = receipt.status
        if status not in STOP_AFTER:
            self._last = status
            return ""
        self._count = self._count + 1 if status is self._last else 1
        self._last = status
        if self._refused_texts(receipt) >= STOP_AFTER_CONTENT:
            why = receipt_reason(receipt)
            return f"{len(self._texts)} people in a row were refused this text, so it is the template: {why}"
        if self._count >= STOP_AFTER[status]:
            return f"{self._count} answers in a row were {status}: {receipt_reason(receipt)}"
        return ""

    def _refused_texts(self, receipt: Receipt) -> int:
        """Count the different messages in a row that were refused for their text."""
        if self._count == 1 or receipt.cause is not ReceiptCause.CONTENT:
            self._texts.clear()
        if receipt.status is REJECTED and receipt.cause is ReceiptCause.CONTENT:
            self._texts.add(receipt.key)
        return len(self._texts)
