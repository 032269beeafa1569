"""Looks every second whether what was promised still holds while a notice leaves; when it does not, all of it stops."""

from collections import Counter
from contextlib import suppress
from datetime import datetime

from amends.domain.channel import ChannelKind, Receipt, Status
from amends.domain.errors import NotAllowed
from amends.domain.guard import Counts, Limits, OnChannel, alarm, approved, complaints, warning
from amends.domain.notice import DeliveryState, Draft
from amends.ledger import Claim, Ledger

PAGE_BITS = 32_768
"""A page of the map of what was sent: a bit for each message, four kilobytes."""


class Watch:
    """Counts for itself what this run sends, and asks the ledger what came back."""

    def __init__(self, ledger: Ledger, draft: Draft, limits: Limits) -> None:
        self._ledger, self._draft, self._limits = ledger, draft, limits
        self._approved = approved(draft)
        self._answers: Counter[tuple[ChannelKind, Status]] = Counter()
        self._sent: dict[int, bytearray] = {}
        """A bit for each message that was sent, in pages."""
        self._twice = 0
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
        counts = self._counts()
        unwanted = complaints(counts, self._limits) if self._draft.optional else ""
        if why := alarm(counts, self._limits) or unwanted:
            incident = self._draft.incident
            self._ledger.alert(incident, f"stopped by itself: {why}", now)
            with suppress(NotAllowed):  # somebody else was faster
                self._ledger.pause_incident(incident, "amends", now)
            return why
        self._warn(warning(counts, self._limits), now)
        return ""

    def _warn(self, what: str, now: datetime) -> None:
        if what and not self._warned:
            self._ledger.alert(self._draft.incident, what, now)
            self._warned = what

    def _counts(self) -> Counts:
        came_back = self._ledger.troubles(self._draft.incident, self._draft.notice)
        return Counts(
            self._approved,
            {kind: self._on(kind, came_back if kind is ChannelKind.EMAIL else {}) for kind in self._approved.on},
            most_times_sent=1 + bool(self._twice),
        )

    def _on(self, kind: ChannelKind, came_back: dict[DeliveryState, int]) -> OnChannel:
        sent = self._answers[kind, Status.SENT] + self._answers[kind, Status.DELIVERED]
        rejected, uncertain = self._answers[kind, Status.REJECTED], self._answers[kind, Status.UNCERTAIN]
        return OnChannel(
            attempted=sent + rejected + uncertain,
            sent=sent,
            rejected=rejected,
            bounced=min(came_back.get(DeliveryState.BOUNCED, 0), sent),
            complained=min(came_back.get(DeliveryState.COMPLAINED, 0), sent),
            uncertain=uncertain,
        )
