"""Who is written to on which channel, and what an answer of a channel means for the message."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from zlib import crc32

from amends.domain.channel.channel import ChannelKind, Receipt, Status
from amends.domain.notice.notice import DeliveryState

GIVE_UP_AFTER = timedelta(hours=72)
TRIES_AT_LEAST = 5
"""A mailbox that takes nothing for so long and so often will not take it; the next channel gets its turn."""

SHORTEST_WAIT = timedelta(seconds=30)
"""A provider that asks for less is not asked again and again in one run."""
FIRST_WAIT = timedelta(minutes=7.5)
LONGEST_WAIT = timedelta(hours=4)
SPREAD = 0.2
"""Waits differ by so much from message to message, so that not all of them come back at once."""
STRIKES = 3
"""So often a fault of ours may hit a message before it is parked for a person to look at."""
FAULT = "fault "
"""A receipt's detail begins so when the message could not be put together or its channel broke down over it."""
NOT_YET = "not yet: "
"""A receipt's detail begins so when we keep the message back ourselves: for the night, or until others have heard."""
MAY_HAVE_IT = "may have it: "
"""A receipt's detail begins so when the provider may have the message, and can be asked to take it again all the same:
it knows our key."""
AN_EARLIER_TRY = f"{MAY_HAVE_IT}from an earlier try"
CHANNEL_FAILED = "the channel failed"
"""It broke off while it had this message, and it may do so each time."""
NOT_SENT, DOMAIN_STOPPED, DOMAIN_SLOWED = "not sent", "domain stopped", "domain slowed down"
UNASKED = frozenset({NOT_SENT, DOMAIN_STOPPED, DOMAIN_SLOWED})
"""Details of receipts for messages that were put off without anybody being asked."""

NO_ADDRESS = "no_address"
OPTED_OUT = "opted_out"
BROKEN_OFF = "the sender stopped before an answer came"
NOT_KNOWN = "a backup was restored, and whether it has left is not known"


@dataclass(frozen=True, slots=True)
class Planned:
    """A message to be stored for a person: on which channel, and whether it waits or stands aside."""

    channel: ChannelKind
    state: DeliveryState
    detail: str = ""


def why_held(hold: str, *, optional: bool, opted_out: bool) -> str:
    """Why this person does not get a notice, or empty: an opt-out stops what is optional, and nothing else."""
    return hold or (OPTED_OUT if optional and opted_out else "")


def in_doubt(planned: Planned, may_have_left: Collection[ChannelKind]) -> Planned:
    """The same; but where it may have left before a backup was restored, a person decides about it."""
    begins = planned.state in (DeliveryState.WAITING, DeliveryState.TO_PRINT)
    if begins and planned.channel in may_have_left:
        return Planned(planned.channel, DeliveryState.UNCERTAIN, NOT_KNOWN)
    return planned


def first_messages(
    hold: str, addresses: Collection[ChannelKind], channels: Collection[ChannelKind], cascade: Collection[ChannelKind]
) -> tuple[Planned, ...]:
    """What is stored for one person when a notice is released; never nothing.

    Every personal channel of the step for which there is an address; else the first of the cascade that has one.
    """
    personal = [channel for channel in channels if channel.personal]
    first = (*personal, *cascade, ChannelKind.EMAIL)[0]
    if hold:
        return (Planned(first, DeliveryState.HELD, hold),)
    direct = [channel for channel in personal if channel in addresses]
    instead = [channel for channel in cascade if channel in addresses][:1]
    found = direct or instead
    if not found:
        return (Planned(first, DeliveryState.UNREACHABLE, NO_ADDRESS),)
    return tuple(Planned(channel, starts_as(channel)) for channel in found)


def starts_as(channel: ChannelKind) -> DeliveryState:
    """How a message begins: a letter waits for a person who has it printed, all else for the engine."""
    return DeliveryState.TO_PRINT if channel.printed else DeliveryState.WAITING


def next_channel(
    tried: Collection[ChannelKind], addresses: Collection[ChannelKind], cascade: Collection[ChannelKind]
) -> ChannelKind | None:
    """The channel that takes over when one has failed a person for good."""
    return next((channel for channel in cascade if channel in addresses and channel not in tried), None)


class Outcome(NamedTuple):
    """What a receipt means: the message's new state, why, and when to try again."""

    state: DeliveryState
    detail: str
    provider_id: str = ""
    next_try_at: datetime | None = None


ANSWERS = {
    Status.SENT: DeliveryState.SENT,
    Status.DELIVERED: DeliveryState.DELIVERED,
    Status.REJECTED: DeliveryState.FAILED,
    Status.UNCERTAIN: DeliveryState.UNCERTAIN,
}


def outcome(
    receipt: Receipt, attempts: int, released_at: datetime, now: datetime, *, doubtful: bool = False
) -> Outcome:
    """The message's state after this receipt.

    A deferral waits as long as the provider says, else twice as long each time. It gives up after 72 hours, but not
    before a fair number of tries: a pause or an outage is not the mailbox's fault. What a provider may have all the
    same is uncertain then, and also when it refuses a later try of what an earlier one left `doubtful`. A message that
    is at fault itself is parked, and the others go on. What we ourselves keep back for a while waits exactly so long,
    and nobody is given up over what was `untried`.
    """
    doubtful = doubtful or may_have_it(receipt.detail)
    kept = f"{MAY_HAVE_IT}{receipt.detail.removeprefix(MAY_HAVE_IT)}" if doubtful else receipt.detail
    if receipt.status is Status.REJECTED and doubtful:
        return Outcome(DeliveryState.UNCERTAIN, kept)
    if receipt.status is not Status.DEFERRED:
        return Outcome(ANSWERS[receipt.status], receipt.detail, receipt.provider_id)
    if receipt.detail.startswith(NOT_YET):
        return Outcome(DeliveryState.DEFERRED, kept, next_try_at=now + timedelta(seconds=receipt.retry_after or 0))
    if receipt.detail.startswith(FAULT) and attempts >= STRIKES:
        return Outcome(DeliveryState.PARKED, kept)
    if now - released_at >= GIVE_UP_AFTER and attempts >= TRIES_AT_LEAST and receipt.detail not in UNASKED:
        return Outcome(DeliveryState.UNCERTAIN if doubtful else DeliveryState.FAILED, f"gave up: {kept}")
    wait = _doubled(attempts, receipt.key) if receipt.retry_after is None else _as_told(receipt.retry_after)
    return Outcome(DeliveryState.DEFERRED, kept, next_try_at=now + wait)


def may_have_it(detail: str) -> bool:
    """Whether a provider may have this message, as far as what is kept of its tries says."""
    return detail.startswith(MAY_HAVE_IT)


def doubt_left(detail: str) -> str:
    """What stays of what is kept of its tries when it is tried afresh: nothing but that it may have left."""
    return AN_EARLIER_TRY if may_have_it(detail) else ""


def untried(receipt: Receipt) -> bool:
    """Whether nobody was asked to take this message: it was put off by ourselves, and that counts as no try."""
    return receipt.status is Status.DEFERRED and (receipt.detail in UNASKED or receipt.detail.startswith(NOT_YET))


def _doubled(attempts: int, key: str) -> timedelta:
    doublings = min(max(attempts - 1, 0), 10)
    return min(FIRST_WAIT * (1 << doublings) * _spread(key), LONGEST_WAIT)


def _spread(key: str) -> float:
    """Between 1 - SPREAD and 1 + SPREAD, always the same for the same message."""
    return 1 - SPREAD + 2 * SPREAD * (crc32(key.encode()) % 1000) / 999


def _as_told(seconds: float) -> timedelta:
    bounded = min(max(SHORTEST_WAIT.total_seconds(), seconds), LONGEST_WAIT.total_seconds())
    return timedelta(seconds=bounded)
