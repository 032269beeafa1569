"""How fast messages leave and when a channel or a domain is left alone.

Each of these remembers what one run of the engine has seen; one thread uses it, and seconds come from a clock that
never goes back.
"""

import re
from collections import OrderedDict, deque
from enum import StrEnum

from amends.domain.channel.channel import Receipt, Status

RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*/\s*(s|min|h)")
SECONDS = {"s": 1, "min": 60, "h": 3600}

POLICY = "policy "
"""A receipt's detail begins so when a server blocks us, not the person."""
CONTENT = "content "
"""A receipt's detail begins so when the text was refused after it was handed over."""
CROWDED = re.compile(r"(?:421|429)\b|452(?! [45]\.2\.)")
"""Closing down, too many requests, no room, but not the room of one mailbox (RFC 5321, RFC 6585, RFC 3463)."""
TEMPORARY_POLICY = re.compile(r"4\d\d 4\.7\.")
"""Too fast for this server, or greylisting; never about the others."""

SETTLING = 1.0
"""Seconds after a slowing down in which answers are still about the pace before it."""
PATIENCE = 660.0
"""Seconds until a probe without an answer counts for nothing: a command's 60, and 600 for the dot (RFC 5321)."""

WINDOW, BLOCKS = 20, 3
"""So many policy blocks among so many answers stop a domain."""
PER_DOMAIN = 16
"""So few at once that, with the blocks that stop a domain, no more than twenty messages run into them."""
TRACKED = 4096
"""How many domains in trouble are kept in mind."""

STOP_AFTER = {Status.UNCERTAIN: 5, Status.DEFERRED: 20, Status.REJECTED: 20}
"""So many of the same answer in a row are not about the people."""
STOP_AFTER_CONTENT = 3
"""So many texts refused in a row are about our template."""

PAGE, LAST_PAGE = 2_000, 250
"""How many messages a process claims at once, and toward the end of a notice that several send."""

SENT, DEFERRED, REJECTED = Status.SENT, Status.DEFERRED, Status.REJECTED


def rate_of(text: str) -> float | None:
    """Messages, or SMS parts, a second, from 100/s, 50/min or 2000/h; None for an empty text, which sets no limit.

    Raises ValueError, with the forms that are understood.
    """
    if not text.strip():
        return None
    found = RATE.fullmatch(text.strip())
    if not found or not float(found[1]):
        raise ValueError("a rate is written 100/s, 50/min or 2000/h, and is more than 0; leave it empty for no limit")
    return float(found[1]) / SECONDS[found[2]]


def domain_of(address: str) -> str:
    """What stands behind the last @, in small letters. As personal as the address: keep it out of logs and reasons."""
    return address.rpartition("@")[2].lower()


def slows_channel(receipt: Receipt) -> bool:
    """Fewer of all messages should be under way: the provider has too much to do."""
    return receipt.status is DEFERRED and CROWDED.match(receipt.detail) is not None


def slows_domain(receipt: Receipt) -> bool:
    """Fewer messages to this domain should be under way."""
    return slows_channel(receipt) or (receipt.status is DEFERRED and TEMPORARY_POLICY.match(receipt.detail) is not None)


class PageSizes:
    """How many messages a process claims at once: first those that go alone, toward the end fewer and fewer.

    So the first one leaves without waiting for a page, and processes that share a notice come to its end together. The
    others are taken to be as fast as this one.
    """

    __slots__ = ("_left", "_processes", "size")

    def __init__(self, messages: int, processes: int, first: int) -> None:
        self._left, self._processes = messages, processes
        self.size = first
        """Of the next page."""

    def claimed(self, count: int) -> None:
        """So many were there."""
        self._left -= count * self._processes
        shared = min(max(self._left // (2 * self._processes), LAST_PAGE), PAGE)
        self.size = PAGE if self._processes == 1 else shared


class Bucket:
    """A rate that is never exceeded: over any time, no more than the burst and what the rate allows in that time.

    A message that alone costs more than the burst waits for the rest of its cost, and then leaves in one piece.
    """

    __slots__ = ("_burst_seconds", "_full_at", "_per_second", "_whole")

    def __init__(self, per_second: float, burst: float) -> None:
        self._whole = per_second, burst
        self._per_second = per_second
        self._burst_seconds = burst / per_second
        self._full_at = float("-inf")

    def share(self, among: int, at: float) -> None:
        """From now on so many use this rate, each as much of it; what has gone counts as before."""
        per_second, burst = (whole / among for whole in self._whole)
        gone = max(self._full_at - at, 0.0) * self._per_second
        self._full_at = at + gone / per_second
        self._per_second, self._burst_seconds = per_second, max(burst, 1.0) / per_second

    def wait(self, cost: float, at: float) -> float:
        """Seconds until this may go, in the order of asking; it counts as gone."""
        self._full_at = max(self._full_at, at) + cost / self._per_second
        return max(self._full_at - self._burst_seconds - at, 0.0)

    def at_once(self, cost: float, at: float) -> bool:
        """Whether this may go now; only then it counts as gone."""
        if max(self._full_at, at) + cost / self._per_second > at + self._burst_seconds:
            return False
        self.wait(cost, at)
        return True


class Lanes:
    """How many messages may be under way at once: more while it goes well, half as many when asked to slow down.

    As in TCP (RFC 5681): slow start, one more for each success, up to half of what was too much; from there on one
    more each time that all lanes have had a success.
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
        """As many as ever are allowed."""
        return self.allowed == self._most

    def went_well(self, at: float) -> None:
        """A message was taken over."""
        if self.allowed == self._most or at < self._settled_at:
            return
        self._successes += 1
        if self.allowed < self._half or self._successes >= self.allowed:
            self.allowed += 1
            self._successes = 0
            self._grown = True

    def slow_down(self, at: float) -> None:
        """Halve, once for all that was under way; when that was not enough, the goal of the slow start stays."""
        if at < self._settled_at:
            return
        halved = max(self.allowed // 2, 1)
        if self._grown:
            self._half = halved
        self.allowed = halved
        self._grown = False
        self._successes = 0
        self._settled_at = at + SETTLING


class _Gate(StrEnum):
    OPEN = "open"
    SHUT = "shut"
    PROBING = "probing"


class Breaker:
    """Leaves a channel alone that fails, and finds out with one message whether it works again.

    Only the channel's own failures count: any answer about a message, a refusal too, shows that the channel works.
    """

    __slots__ = ("_failures", "_first_wait", "_gate", "_in_a_row", "_longest", "_probed_at", "_wait", "opens_at")

    def __init__(self, failures: int = 5, first_wait: float = 5.0, longest: float = 300.0) -> None:
        self._failures = failures
        self._first_wait = first_wait
        self._longest = longest
        self._gate = _Gate.OPEN
        self._in_a_row = 0
        self._wait = first_wait
        self._probed_at = 0.0
        self.opens_at = 0.0
        """While nothing may go: from when on one message may, to find out."""

    def may_try(self, at: float) -> bool:
        """Whether a message may go now; who hears yes says later how it went. After a wait one hears yes: the probe."""
        if self._gate is _Gate.OPEN:
            return True
        lost = self._gate is _Gate.PROBING and at >= self._probed_at + PATIENCE
        if lost or (self._gate is _Gate.SHUT and at >= self.opens_at):
            self._gate, self._probed_at = _Gate.PROBING, at
            return True
        return False

    @property
    def may_go(self) -> bool:
        """Nothing keeps messages from going."""
        return self._gate is _Gate.OPEN

    def failed(self, at: float) -> None:
        """The channel failed. What was still under way when the gate shut says nothing new."""
        if self._gate is _Gate.SHUT:
            return
        self._in_a_row += 1
        if self._gate is _Gate.PROBING:
            self._wait = min(2 * self._wait, self._longest)
            self._shut(at + self._wait)
        elif self._in_a_row >= self._failures:
            self._shut(at + self._wait)

    def worked(self) -> None:
        """The channel answered."""
        if self._gate is _Gate.SHUT:
            return
        self._gate, self._in_a_row, self._wait = _Gate.OPEN, 0, self._first_wait

    def _shut(self, until: float) -> None:
        self._gate, self.opens_at = _Gate.SHUT, until


class Domains:
    """Watches the answers for each recipient domain: leaves one alone that blocks us, slows down where asked to.

    Keeps in mind only domains in trouble, the latest some thousands of them; one that was stopped is never forgotten.
    """

    __slots__ = ("_most", "_stopped", "_tracked", "_troubled")

    def __init__(self, most: int = PER_DOMAIN, tracked: int = TRACKED) -> None:
        self._most = most
        self._tracked = tracked
        self._troubled: OrderedDict[str, _Trouble] = OrderedDict()
        self._stopped: dict[str, str] = {}

    def note(self, domain: str, receipt: Receipt, at: float) -> str:
        """Take note of an answer for somebody of this domain; why nothing more goes there from now on, or empty."""
        trouble = self._troubled.get(domain)
        if trouble is None:
            # What came before the first trouble changes nothing, so a domain that does well costs nothing.
            if receipt.status is SENT or not _troubles(receipt) or domain in self._stopped:
                return ""
            trouble = self._keep_in_mind(domain)
        return self._weigh(domain, trouble, receipt, at)

    def stopped(self, domain: str) -> str:
        """Why nothing more goes to this domain in this run, without its name; or empty."""
        return self._stopped.get(domain, "")

    def allowed(self, domain: str) -> int:
        """How many messages to this domain may be under way at once."""
        trouble = self._troubled.get(domain)
        return self._most if trouble is None else trouble.lanes.allowed

    def _keep_in_mind(self, domain: str) -> "_Trouble":
        if len(self._troubled) >= self._tracked:
            self._troubled.popitem(last=False)
        trouble = self._troubled[domain] = _Trouble(self._most)
        return trouble

    def _weigh(self, domain: str, trouble: "_Trouble", receipt: Receipt, at: float) -> str:
        trouble.note(receipt, at)
        if trouble.blocked:
            self._stopped[domain] = f"{BLOCKS} of the last {WINDOW} answers of a domain were blocks: {receipt.detail}"
            del self._troubled[domain]
        elif trouble.over:
            del self._troubled[domain]
        else:
            self._troubled.move_to_end(domain)
        return self.stopped(domain)


def _troubles(receipt: Receipt) -> bool:
    return receipt.detail.startswith(POLICY) or slows_domain(receipt)


class _Trouble:
    """What is known of a domain since it gave trouble."""

    __slots__ = ("_answers", "_blocks", "lanes")

    def __init__(self, most: int) -> None:
        self.lanes = Lanes(most, most)
        self._answers = 0
        self._blocks: deque[int] = deque(maxlen=BLOCKS)
        """Which answers were the latest blocks."""

    def note(self, receipt: Receipt, at: float) -> None:
        self._answers += 1
        if receipt.status is SENT:
            self.lanes.went_well(at)
        elif receipt.detail.startswith(POLICY):
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
    """Watches one channel for the same bad answer again and again, which is about us and not about the people."""

    __slots__ = ("_count", "_last", "_texts")

    def __init__(self) -> None:
        self._last = SENT
        self._count = 0
        self._texts: set[str] = set()

    def note(self, receipt: Receipt) -> str:
        """Take note of the channel's next answer; why it must be stopped now, or empty."""
        status = receipt.status
        if status not in STOP_AFTER:
            self._last = status
            return ""
        self._count = self._count + 1 if status is self._last else 1
        self._last = status
        if self._refused_texts(receipt) >= STOP_AFTER_CONTENT:
            return f"{len(self._texts)} people in a row were refused this text, so it is the template: {receipt.detail}"
        if self._count >= STOP_AFTER[status]:
            return f"{self._count} answers in a row were {status}: {receipt.detail}"
        return ""

    def _refused_texts(self, receipt: Receipt) -> int:
        """How many different messages in a row were refused for their text."""
        if self._count == 1 or not receipt.detail.startswith(CONTENT):
            self._texts.clear()
        if receipt.status is REJECTED and receipt.detail.startswith(CONTENT):
            self._texts.add(receipt.key)
        return len(self._texts)
