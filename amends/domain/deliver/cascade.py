"""The channels on which one person gets a notice, and the state of a message after an answer of its channel."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from zlib import crc32

from amends.domain.channel.channel import ChannelKind, Receipt, Status
from amends.domain.notice.notice import DeliveryState

# Details of messages, and beginnings of details.

OPTED_OUT = "opted_out"
NOT_KNOWN = "a backup was restored, and whether it has left is not known"
NO_ADDRESS = "no_address"
BROKEN_OFF = "the sender stopped before an answer came"
CHANNEL_FAILED = "the channel failed"
"""The channel broke off while it had this message, and may break off at each try."""
MAY_HAVE_IT = "may have it: "
"""The beginning of a receipt's detail when the provider may have the message already. The message can be handed over
again all the same, because the provider knows our idempotency key."""
AN_EARLIER_TRY = f"{MAY_HAVE_IT}from an earlier try"
NOT_YET = "not yet: "
"""The beginning of a receipt's detail when we postpone the message ourselves: for quiet hours, or until other people
have been told."""
FAULT = "fault "
"""The beginning of a receipt's detail when the message could not be composed, or its channel broke down over it."""
NOT_SENT, DOMAIN_STOPPED, DOMAIN_SLOWED = "not sent", "domain stopped", "domain slowed down"
UNASKED = frozenset({NOT_SENT, DOMAIN_STOPPED, DOMAIN_SLOWED})
"""Details of receipts for messages that were put off before any provider was asked."""

# Tries and waits.

ANSWERS = {
    Status.SENT: DeliveryState.SENT,
    Status.DELIVERED: DeliveryState.DELIVERED,
    Status.REJECTED: DeliveryState.FAILED,
    Status.UNCERTAIN: DeliveryState.UNCERTAIN,
}
STRIKES = 3
"""The number of faults of ours after which a message is parked for a person to look at."""
GIVE_UP_AFTER = timedelta(hours=72)
TRIES_AT_LEAST = 5
"""A mailbox that took nothing for so long and at so many tries will take nothing; the next channel takes over."""
FIRST_WAIT = timedelta(minutes=7.5)
LONGEST_WAIT = timedelta(hours=4)
SPREAD = 0.2
"""The share by which waits differ from message to message, so that the messages are not all tried again at once."""
SHORTEST_WAIT = timedelta(seconds=30)
"""The least wait even when a provider asks for less, so that one run does not ask it again and again."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A message to be stored for a person: its channel, its first state and the reason for that state."""

    channel: ChannelKind
    state: DeliveryState
    detail: str = ""


def why_held(hold: str, *, optional: bool, opted_out: bool) -> str:
    """Return why this person does not get a notice, or "": an opt-out stops optional notices only."""
    return hold or (OPTED_OUT if optional and opted_out else "")


def in_doubt(planned: Planned, may_have_left: Collection[ChannelKind]) -> Planned:
    """Return the planned message, as uncertain when it may have left before a backup was restored.

    A person decides about an uncertain message.
    """
    would_leave = planned.state in (DeliveryState.WAITING, DeliveryState.TO_PRINT)
    if would_leave and planned.channel in may_have_left:
        return Planned(planned.channel, DeliveryState.UNCERTAIN, NOT_KNOWN)
    return planned


def first_messages(
    hold: str, addresses: Collection[ChannelKind], channels: Collection[ChannelKind], cascade: Collection[ChannelKind]
) -> tuple[Planned, ...]:
    """Return the messages to store for one person when a notice is released; at least one.

    The person gets a message on every personal channel of the step for which there is an address, else on the first
    such channel of the cascade. A held or unreachable person gets one message that records the reason.
    """
    personal = [channel for channel in channels if channel.personal]
    first = (*personal, *cascade, ChannelKind.EMAIL)[0]
    if hold:
        return (Planned(first, DeliveryState.HELD, hold),)
    reachable = [channel for channel in personal if channel in addresses]
    fallback = [channel for channel in cascade if channel in addresses][:1]
    chosen = reachable or fallback
    if not chosen:
        return (Planned(first, DeliveryState.UNREACHABLE, NO_ADDRESS),)
    return tuple(Planned(channel, starts_as(channel)) for channel in chosen)


def starts_as(channel: ChannelKind) -> DeliveryState:
    """Return the first state of a message: a letter waits for a person to have it printed, others for the engine."""
    return DeliveryState.TO_PRINT if channel.printed else DeliveryState.WAITING


def next_channel(
    tried: Collection[ChannelKind], addresses: Collection[ChannelKind], cascade: Collection[ChannelKind]
) -> ChannelKind | None:
    """Return the channel that takes over when one has failed a person for good, or None when no address is left."""
    return next((channel for channel in cascade if channel in addresses and channel not in tried), None)


class Outcome(NamedTuple):
    """The consequence of a receipt: the message's new state, the reason, and when to try again."""

    state: DeliveryState
    detail: str
    provider_id: str = ""
    next_try_at: datetime | None = None


def outcome(
    receipt: Receipt, attempts: int, released_at: datetime, now: datetime, *, doubtful: bool = False
) -> Outcome:
    """Return the message's state after this receipt.

    A deferred message waits as long as the provider says, else twice as long at each try. It is given up after 72
    hours, but not before TRIES_AT_LEAST tries: a pause or an outage is not the mailbox's fault. It is never given up
    over an `untried` receipt. A message that the provider may have is uncertain, not failed, when it is given up, and
    also when the provider refuses a later try after an earlier one left the message `doubtful`. A message that is at
    fault itself is parked, and the others go on. A message that we postpone ourselves waits exactly as long as the
    receipt says.
    """
    doubtful = doubtful or may_have_it(receipt.detail)
    detail = f"{MAY_HAVE_IT}{receipt.detail.removeprefix(MAY_HAVE_IT)}" if doubtful else receipt.detail
    if receipt.status is Status.REJECTED and doubtful:
        return Outcome(DeliveryState.UNCERTAIN, detail)
    if receipt.status is not Status.DEFERRED:
        return Outcome(ANSWERS[receipt.status], receipt.detail, receipt.provider_id)
    if receipt.detail.startswith(NOT_YET):
        return Outcome(DeliveryState.DEFERRED, detail, next_try_at=now + timedelta(seconds=receipt.retry_after or 0))
    if receipt.detail.startswith(FAULT) and attempts >= STRIKES:
        return Outcome(DeliveryState.PARKED, detail)
    if now - released_at >= GIVE_UP_AFTER and attempts >= TRIES_AT_LEAST and receipt.detail not in UNASKED:
        return Outcome(DeliveryState.UNCERTAIN if doubtful else DeliveryState.FAILED, f"gave up: {detail}")
    wait = _doubled(attempts, receipt.key) if receipt.retry_after is None else _bounded(receipt.retry_after)
    return Outcome(DeliveryState.DEFERRED, detail, next_try_at=now + wait)


def may_have_it(detail: str) -> bool:
    """Return True when the message's detail says that a provider may have the message."""
    return detail.startswith(MAY_HAVE_IT)


def doubt_left(detail: str) -> str:
    """Return the detail of a message that is tried afresh: only the doubt that it may have left stays, else ""."""
    return AN_EARLIER_TRY if may_have_it(detail) else ""


def untried(receipt: Receipt) -> bool:
    """Return True when we put the message off ourselves before any provider was asked, which counts as no try."""
    return receipt.status is Status.DEFERRED and (receipt.detail in UNASKED or receipt.detail.startswith(NOT_YET))


def _doubled(attempts: int, key: str) -> timedelta:
    doublings = min(max(attempts - 1, 0), 10)
    return min(FIRST_WAIT * (1 << doublings) * _spread(key), LONGEST_WAIT)


def _spread(key: str) -> float:
    """Return a factor between 1 - SPREAD and 1 + SPREAD, always the same for the same message."""
    return 1 - SPREAD + 2 * SPREAD * (crc32(key.encode()) % 1000) / 999


def _bounded(seconds: float) -> timedelta:
    return timedelta(seconds=min(max(SHORTEST_WAIT.total_seconds(), seconds), LONGEST_WAIT.total_seconds()))
