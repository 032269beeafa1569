"""The channels on which one person gets a notice, and the state of a message after an answer of its channel."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from zlib import crc32

from amends.domain.base.audience import Audience, NoLonger
from amends.domain.channel.channel import ChannelKind, to_people
from amends.domain.channel.message import Receipt, ReceiptCause, Status
from amends.domain.deliver.lawful import lawful_addition
from amends.domain.deliver.reason import reason
from amends.domain.law.means import EVERY_CHANNEL
from amends.domain.notice.notice import DeliveryState, Draft
from amends.domain.people.person import Hold

UNTRIED = frozenset(
    {ReceiptCause.POSTPONED, ReceiptCause.NOT_SENT, ReceiptCause.DOMAIN_STOPPED, ReceiptCause.DOMAIN_SLOWED}
)
"""Causes of messages that were put off before any provider was asked."""
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
    cause: ReceiptCause = ReceiptCause.NONE


def hold_within(draft: Draft, hold: str) -> str:
    """Return the hold as far as it counts for this notice.

    Whoever is gone from the list still hears of just that, and a copy for a mailbox exists of some notices only: not of
    one that says something else to each reader.
    """
    if hold == Hold.SHARED_MAILBOX:
        alike = not (draft.has_cohorts or draft.has_codes)
        return hold if in_one_copy(draft.audience, draft.channels) and alike else ""
    return "" if hold == Hold.GONE and isinstance(draft.audience, NoLonger) else hold


def in_one_copy(audience: Audience, channels: Collection[ChannelKind]) -> bool:
    """Return True for a notice whose audience never parts people of one copy, and which goes out by email."""
    return any(channel.mail for channel in channels) and audience.by_list


def why_held(hold: str, *, optional: bool, opted_out: bool) -> ReceiptCause:
    """Return why this person does not get a notice, or ReceiptCause.NONE: an opt-out stops optional notices only."""
    return ReceiptCause(hold) if hold else ReceiptCause.OPTED_OUT if optional and opted_out else ReceiptCause.NONE


def in_doubt(planned: Planned, may_have_left: Collection[ChannelKind]) -> Planned:
    """Return the planned message, as uncertain when it may have left before a backup was restored.

    A person decides about an uncertain message.
    """
    would_leave = planned.state in (DeliveryState.WAITING, DeliveryState.TO_PRINT)
    if would_leave and planned.channel in may_have_left:
        return Planned(planned.channel, DeliveryState.UNCERTAIN, ReceiptCause.NOT_KNOWN)
    return planned


def first_messages(
    hold: ReceiptCause,
    addresses: Collection[ChannelKind],
    channels: Collection[ChannelKind],
    cascade: Collection[ChannelKind],
    lawful: Collection[ChannelKind] = EVERY_CHANNEL,
) -> tuple[Planned, ...]:
    """Return the messages to store for one person when a notice is released; at least one.

    The person gets a message on every personal channel of the step for which there is an address, else on the first
    such channel of the cascade; and where none of these is `lawful`, one on the first channel that is. A held or
    unreachable person gets one message that records the reason. A person whom the copy for their mailbox names gets no
    email, but all else; without a good mailbox there is no copy.
    """
    personal = [channel for channel in channels if channel.personal]
    first = (*personal, *cascade, *to_people())[0]
    reachable = [channel for channel in personal if channel in addresses]
    mail = [channel for channel in reachable if channel.mail]
    if hold is ReceiptCause.SHARED_MAILBOX and mail:
        wanted = _with_lawful(reachable, addresses, channels, cascade, lawful)
        others = (Planned(channel, starts_as(channel)) for channel in wanted if not channel.mail)
        return (*others, Planned(mail[0], DeliveryState.HELD, hold))
    if hold and hold is not ReceiptCause.SHARED_MAILBOX:
        return (Planned(first, DeliveryState.HELD, hold),)
    fallback = [channel for channel in cascade if channel in addresses][:1]
    chosen = reachable or fallback
    if not chosen:
        return (Planned(first, DeliveryState.UNREACHABLE, ReceiptCause.NO_ADDRESS),)
    wanted = _with_lawful(chosen, addresses, channels, cascade, lawful)
    return tuple(Planned(channel, starts_as(channel)) for channel in wanted)


def _with_lawful(
    chosen: list[ChannelKind],
    addresses: Collection[ChannelKind],
    channels: Collection[ChannelKind],
    cascade: Collection[ChannelKind],
    lawful: Collection[ChannelKind],
) -> list[ChannelKind]:
    """Return the chosen channels, and the channel of a lawful message where neither these nor the page are lawful."""
    public = (channel for channel in channels if not channel.personal)
    added = lawful_addition((*chosen, *public), (channel for channel in cascade if channel in addresses), lawful)
    return [*chosen, added] if added else chosen


def starts_as(channel: ChannelKind) -> DeliveryState:
    """Return the first state of a message: a letter waits for a person to have it printed, others for the engine."""
    return DeliveryState.TO_PRINT if channel.printed else DeliveryState.WAITING


def next_channels(
    tried: Collection[ChannelKind],
    standing: Collection[ChannelKind],
    addresses: Collection[ChannelKind],
    cascade: Collection[ChannelKind],
    lawful: Collection[ChannelKind] = EVERY_CHANNEL,
) -> tuple[ChannelKind, ...]:
    """Return the channels that take over when one has failed a person for good.

    These are the next one of the cascade and, when neither this one nor a message that stands is lawful, the next
    lawful one. So an SMS alone ends no cascade where an SMS is no notice.
    """
    left = [channel for channel in cascade if channel in addresses and channel not in tried]
    added = lawful_addition((*standing, *left[:1]), left, lawful)
    return (*left[:1], added) if added else tuple(left[:1])


class Outcome(NamedTuple):
    """The consequence of a receipt: the message's new state, the reason, and when to try again."""

    state: DeliveryState
    cause: ReceiptCause = ReceiptCause.NONE
    detail: str = ""
    doubtful: bool = False
    """True when a provider may have the message from a try whose answer was lost."""
    provider_id: str = ""
    next_try_at: datetime | None = None


def outcome(
    receipt: Receipt, attempts: int, released_at: datetime, now: datetime, *, doubtful: bool = False
) -> Outcome:
    """Return the message's state after this receipt.

    A deferred message waits as long as the provider says, else twice as long at each try. The message is given up
    after 72 hours, but not before TRIES_AT_LEAST tries: a pause or an outage is not the mailbox's fault. No message is
    given up over an `untried` receipt. A message that the provider may have is uncertain, not failed, when it is given
    up, and also when the provider refuses a later try after an earlier one left the message `doubtful`. A message that
    is at fault itself is parked, and the others go on. A message that we postpone ourselves waits exactly as long as
    the receipt says.
    """
    doubtful = doubtful or receipt.doubtful
    why = (receipt.cause, receipt.detail, doubtful)
    if receipt.status is Status.REJECTED and doubtful:
        return Outcome(DeliveryState.UNCERTAIN, *why)
    if receipt.status is not Status.DEFERRED:
        return Outcome(ANSWERS[receipt.status], receipt.cause, receipt.detail, provider_id=receipt.provider_id)
    if receipt.cause is ReceiptCause.POSTPONED:
        return Outcome(DeliveryState.DEFERRED, *why, next_try_at=now + timedelta(seconds=receipt.retry_after or 0))
    if receipt.cause is ReceiptCause.FAULT and attempts >= STRIKES:
        return Outcome(DeliveryState.PARKED, *why)
    if now - released_at >= GIVE_UP_AFTER and attempts >= TRIES_AT_LEAST and receipt.cause not in UNTRIED:
        given_up = DeliveryState.UNCERTAIN if doubtful else DeliveryState.FAILED
        return Outcome(given_up, ReceiptCause.GAVE_UP, reason(receipt.cause, receipt.detail), doubtful)
    wait = _doubled(attempts, receipt.key) if receipt.retry_after is None else _bounded(receipt.retry_after)
    return Outcome(DeliveryState.DEFERRED, *why, next_try_at=now + wait)


def untried(receipt: Receipt) -> bool:
    """Return True when we put the message off ourselves before any provider was asked, which counts as no try."""
    return receipt.status is Status.DEFERRED and receipt.cause in UNTRIED


def _doubled(attempts: int, key: str) -> timedelta:
    doublings = min(max(attempts - 1, 0), 10)
    return min(FIRST_WAIT * (1 << doublings) * _spread(key), LONGEST_WAIT)


def _spread(key: str) -> float:
    """Return a factor between 1 - SPREAD and 1 + SPREAD, always the same for the same message."""
    return 1 - SPREAD + 2 * SPREAD * (crc32(key.encode()) % 1000) / 999


def _bounded(seconds: float) -> timedelta:
    return timedelta(seconds=min(max(SHORTEST_WAIT.total_seconds(), seconds), LONGEST_WAIT.total_seconds()))
