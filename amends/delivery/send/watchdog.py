"""Looks every half second whether what was promised still holds while a notice leaves; if not, all of it stops.

Each share is of one set. What this process sent itself is judged each time: earlier runs sent other messages, and other
processes are sending theirs, so what comes back of those says nothing here. When five in a hundred come back of what
several processes sent, then five in a hundred come back of what one of them sent. What was ever sent of the notice is
judged when the run begins and now and then, because it takes long to count; so an earlier wave stops the next one.
"""

from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta

from amends.domain.base.errors import NotAllowed
from amends.domain.base.text import minute
from amends.domain.channel.channel import ChannelKind, Receipt, Status
from amends.domain.deliver.limits import ChannelCounts, Limits, SendCounts, alarm, approved, complaints, rates, warning
from amends.domain.deliver.pace import STOP_AFTER
from amends.domain.notice.notice import DeliveryState, Draft
from amends.ledger import Claim, Ledger
from amends.ledger.deliver.statistics import CAME_BACK
from amends.ledger.store.session import ENGINE

PAGE_BITS = 32_768
"""A page of the map of what was sent: a bit for each message, four kilobytes."""
COUNT_PER_SECOND = 10_000
"""For so many people all is counted once a second, for a million every hundred: a hundredth of the time."""


class Watch:
    """Counts for itself what this run sends, and asks the ledger what came back."""

    def __init__(self, ledger: Ledger, draft: Draft, limits: Limits) -> None:
        self._ledger, self._draft, self._limits = ledger, draft, limits
        self._approved = approved(draft)
        self._answers: Counter[tuple[ChannelKind, Status]] = Counter()
        self._sent: dict[int, bytearray] = {}
        """A bit for each message that was sent, in pages."""
        self._twice = 0
        self._back: Counter[DeliveryState] = Counter()
        """How many messages of the notice have come back, whoever sent them."""
        self._looked: Counter[DeliveryState] = Counter()
        """How many had, when somebody last looked which of them are ours."""
        self._ours: Counter[tuple[ChannelKind, DeliveryState]] = Counter()
        """How many of those were."""
        self._counted: Counter[DeliveryState] = Counter()
        """How many had come back when all was counted last."""
        self._count_again: datetime | None = None
        self._warned = ""

    def note(self, claim: Claim, receipt: Receipt) -> None:
        """An answer, as it is written down."""
        self._answers[claim.channel, receipt.status] += 1
        if receipt.status is Status.SENT:
            number, place = divmod(claim.id, PAGE_BITS)
            page = self._sent.get(number)
            if page is None:
                page = self._sent[number] = bytearray(PAGE_BITS // 8)
            bit = 1 << place % 8
            self._twice += bool(page[place // 8] & bit)
            page[place // 8] |= bit

    def alarm(self, now: datetime) -> str:
        """Why all of it was stopped just now, or empty; then the incident is paused, so that every process stops."""
        found = self._ledger.statistics.troubles(*self._named)
        self._back = Counter({state: found[state] for state in CAME_BACK if state in found})
        counts = self._own()
        if why := self._trouble(counts) or self._trouble_in_all(now):
            self._stop(why, now)
            return why
        self._warn(warning(counts, self._limits), now)
        return ""

    def stops_surprised(self, kind: ChannelKind, why: str, now: datetime) -> bool:
        """Whether all of it was stopped because those who went first were refused or left open.

        So it is where this channel has never taken a message of the notice, or nothing since as many as stop a run:
        each run would fail the next few people.
        """
        taken = self._ledger.statistics.taken_over(*self._named).get(kind)
        in_vain = self._ledger.statistics.taken_nothing(*self._named, kind)
        if taken and taken.sent and in_vain < STOP_AFTER[Status.REJECTED]:
            return False
        self._stop(f"{kind}: {why}", now)
        return True

    def _stop(self, why: str, now: datetime) -> None:
        incident = self._draft.incident
        # With its time: the same trouble once more, after a person has looked, is another alert.
        self._ledger.incidents.alert(incident, f"stopped by itself at {minute(now)}: {why}", now)
        with suppress(NotAllowed):  # somebody else was faster
            self._ledger.incidents.pause(incident, ENGINE, now)

    @property
    def _named(self) -> tuple[str, str]:
        return self._draft.incident, self._draft.notice

    def _warn(self, what: str, now: datetime) -> None:
        if what and not self._warned:
            self._ledger.incidents.alert(self._draft.incident, what, now)
            self._warned = what

    def _trouble(self, counts: SendCounts) -> str:
        return alarm(counts, self._limits) or self._unwanted(counts)

    def _unwanted(self, counts: SendCounts) -> str:
        return complaints(counts, self._limits) if self._draft.optional else ""

    # What this run sent.

    def _own(self) -> SendCounts:
        """Which messages came back is looked up only where it matters: when there were trouble if all were ours."""
        at_worst = self._counts()
        if self._trouble(at_worst) or (warning(at_worst, self._limits) and not self._warned):
            self._look()
        return self._counts()

    def _look(self) -> None:
        """Look which of the messages that came back this run sent."""
        came_back, self._looked = self._ledger.statistics.came_back(*self._named), self._back
        self._ours = Counter((one.channel, one.state) for one in came_back if self._has_sent(one.id))

    def _has_sent(self, message: int) -> bool:
        number, place = divmod(message, PAGE_BITS)
        page = self._sent.get(number)
        return page is not None and bool(page[place // 8] & 1 << place % 8)

    def _counts(self) -> SendCounts:
        on = {kind: self._on(kind) for kind in self._approved.on}
        return SendCounts(self._approved, on, most_times_sent=1 + bool(self._twice))

    def _on(self, kind: ChannelKind) -> ChannelCounts:
        rejected, uncertain = self._answers[kind, Status.REJECTED], self._answers[kind, Status.UNCERTAIN]
        return ChannelCounts(
            sent=self._sent_on(kind),
            rejected=rejected,
            bounced=self._came_back(kind, DeliveryState.BOUNCED),
            complained=self._came_back(kind, DeliveryState.COMPLAINED),
            uncertain=uncertain,
        )

    def _sent_on(self, kind: ChannelKind) -> int:
        return self._answers[kind, Status.SENT] + self._answers[kind, Status.DELIVERED]

    def _came_back(self, kind: ChannelKind, state: DeliveryState) -> int:
        """At worst: all that came back since anybody looked was sent by this run, on this channel."""
        return self._ours[kind, state] + self._back[state] - self._looked[state]

    # What was ever sent.

    def _trouble_in_all(self, now: datetime) -> str:
        """Counted anew when more has come back, but not at once where many messages must be read for it."""
        if self._back == self._counted or (self._count_again and now < self._count_again):
            return ""
        counts = SendCounts(self._approved, self._ledger.statistics.taken_over(*self._named))
        if why := rates(counts, self._limits) or self._unwanted(counts):
            return why
        self._counted = self._back
        self._count_again = now + timedelta(seconds=self._approved.people / COUNT_PER_SECOND)
        return ""
