"""The watchdog of a send: checks every half second that the limits hold, and stops the whole send when one does not.

Each rate is a share of one set of messages. The messages that this process sent are judged at each check, without the
messages of earlier runs and of other processes: when five in a hundred of all messages come back, then about five in a
hundred of this process's messages come back too. All messages of the notice, whoever sent them, are judged at the first
check and then now and then, because counting them takes long; so an earlier wave can stop the next one.
"""

from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta

from amends.domain.base.errors import NotAllowed
from amends.domain.base.text import day, minute
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.deliver.limits import (
    ChannelCounts,
    Limits,
    SendCounts,
    alarm,
    approved,
    complaints,
    has_worked,
    rates,
    warning,
)
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.notice.notice import DeliveryState, Draft
from amends.ledger import Claim, Ledger
from amends.ledger.deliver.statistics import CAME_BACK
from amends.ledger.store.session import ENGINE

PAGE_BITS = 32_768
"""Messages in one page of the bitmap of sent messages: a bit for each, four kilobytes."""
COUNT_PER_SECOND = 10_000
"""People for each second between two counts of all messages: every hundred seconds for a million people, so that
counting takes a hundredth of the time."""


def stop_all(ledger: Ledger, incident: str, subject: str, why: str, now: datetime) -> None:
    """Alert the team and pause the incident, which stops every process until a person has looked."""
    # The minute makes it a new alert when the same trouble returns after a person has looked.
    stopped = AlertId(AlertKind.SEND_PAUSED, subject, minute(now))
    ledger.alerts.record(incident, Alert(stopped, f"stopped by itself at {minute(now)}: {why}", now))
    with suppress(NotAllowed):  # the incident is paused already
        ledger.incidents.pause(incident, ENGINE, now)


class Watch:
    """A watchdog of one engine run: counts the messages that the run sends, and asks the ledger which came back."""

    def __init__(self, ledger: Ledger, draft: Draft, limits: Limits) -> None:
        self._ledger, self._draft, self._limits = ledger, draft, limits
        self._approved = approved(draft)
        self._answers: Counter[tuple[ChannelKind, Status]] = Counter()
        self._sent: dict[int, bytearray] = {}
        """A bitmap of the messages that this run sent, in pages."""
        self._twice = 0
        """The number of messages that were sent a second time."""
        self._back: Counter[DeliveryState] = Counter()
        """Messages of the notice that have come back, whoever sent them."""
        self._looked: Counter[DeliveryState] = Counter()
        """Messages that had come back at the last look-up of those that this run sent."""
        self._ours: Counter[tuple[ChannelKind, DeliveryState]] = Counter()
        """Messages that this run sent and that had come back at that look-up."""
        self._counted: Counter[DeliveryState] = Counter()
        """Messages that had come back at the last count of all messages."""
        self._count_again: datetime | None = None
        self._warned = ""

    def note(self, claim: Claim, receipt: Receipt) -> None:
        """Count an answer that was recorded in the ledger."""
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
        """Return why a limit is passed, and pause the incident, which stops every process; "" when the limits hold."""
        found = self._ledger.statistics.troubles(*self._named)
        self._back = Counter({state: found[state] for state in CAME_BACK if state in found})
        counts = self._own()
        if why := self._trouble(counts) or self._trouble_in_all(now):
            self._stop(self._draft.notice, why, now)
            return why
        self._warn(warning(counts, self._limits), now)
        return ""

    def stop_new_channel(self, kind: ChannelKind, why: str, now: datetime) -> bool:
        """Pause the incident over refused canary messages, and return True; False for a channel that has worked."""
        taken = self._ledger.statistics.taken_over(*self._named).get(kind, ChannelCounts())
        if has_worked(taken.sent, self._ledger.statistics.taken_nothing(*self._named, kind)):
            return False
        self._stop(f"{self._draft.notice} {kind}", f"{kind}: {why}", now)
        return True

    def _stop(self, subject: str, why: str, now: datetime) -> None:
        stop_all(self._ledger, self._draft.incident, subject, why, now)

    @property
    def _named(self) -> tuple[str, str]:
        return self._draft.incident, self._draft.notice

    def _warn(self, what: str, now: datetime) -> None:
        if what and not self._warned:
            near = AlertId(AlertKind.SEND_CLOSE_TO_LIMIT, self._draft.notice, day(now))
            self._ledger.alerts.record(self._draft.incident, Alert(near, what, now))
            self._warned = what

    def _trouble(self, counts: SendCounts) -> str:
        return alarm(counts, self._limits) or self._unwanted(counts)

    def _unwanted(self, counts: SendCounts) -> str:
        return complaints(counts, self._limits) if self._draft.optional else ""

    # The messages of this run.

    def _own(self) -> SendCounts:
        """Return the counts of this run's messages.

        The messages that came back are looked up only when there would be trouble if this run had sent all of them.
        """
        at_worst = self._counts()
        if self._trouble(at_worst) or (warning(at_worst, self._limits) and not self._warned):
            self._look()
        return self._counts()

    def _look(self) -> None:
        """Look up which of the messages that came back were sent by this run."""
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
        """Return the most messages of this run that can have come back on this channel.

        Every message that came back since the last look-up counts as sent by this run on this channel.
        """
        return self._ours[kind, state] + self._back[state] - self._looked[state]

    # All messages of the notice.

    def _trouble_in_all(self, now: datetime) -> str:
        """Return why the rates over all messages of the notice are an alarm, or "".

        The messages are counted anew when more have come back, but not before `_count_again`: counting reads them all.
        """
        if self._back == self._counted or (self._count_again and now < self._count_again):
            return ""
        counts = SendCounts(self._approved, self._ledger.statistics.taken_over(*self._named))
        if why := rates(counts.on, self._limits) or self._unwanted(counts):
            return why
        self._counted = self._back
        self._count_again = now + timedelta(seconds=self._approved.people / COUNT_PER_SECOND)
        return ""
