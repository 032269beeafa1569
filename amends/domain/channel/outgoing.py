"""Outgoing messages other than those of notices: their kinds, their states, and what a receipt makes of one."""

import math
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from amends.domain.channel.message import Receipt, Status

LEASE = timedelta(minutes=15)
"""The time after which a worker that has not recorded a message counts as dead; longer than a relay's final reply."""
MOST_TRIES = 14
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=5), timedelta(hours=6)
"""The waits before a message is tried again, each three times as long as the one before; in all about three days."""


class OutgoingTraits(NamedTuple):
    """All that differs from one kind of outgoing message to another before it leaves."""

    to_team: bool = False
    """True for messages to members, which no pause, embargo or doubt holds back."""
    keeps_quiet_hours: bool = False
    """True unless the message was asked for at its very time, or goes to a member."""
    repeats: bool = False
    """True when a message that was refused or may have left is sent again: a second copy of an alert harms nobody."""


class OutgoingKind(StrEnum):
    """A kind of outgoing message; `amends/ledger/outbox/effects.py` has its effects."""

    ANSWER = "answer"
    """An answer on its way to the person who asked."""
    HOUR_REMINDER = "hour_reminder"
    """A reminder of a question hour for a person who asked for reminders."""
    APPROVAL_REMINDER = "approval_reminder"
    """A reminder for a member whose approval is missing."""
    ALERT = "alert"
    """An alert to a member."""

    @property
    def traits(self) -> OutgoingTraits:
        """Return all that differs from one kind to another before a message leaves."""
        return TRAITS[self]

    @property
    def words(self) -> str:
        """Return the name of such messages in words."""
        return f"{self.value.replace('_', ' ')}s"


TRAITS = {
    OutgoingKind.ANSWER: OutgoingTraits(keeps_quiet_hours=True),
    OutgoingKind.HOUR_REMINDER: OutgoingTraits(),
    OutgoingKind.APPROVAL_REMINDER: OutgoingTraits(to_team=True),
    OutgoingKind.ALERT: OutgoingTraits(to_team=True, repeats=True),
}


class OutgoingState(StrEnum):
    """The state of an outgoing message."""

    WAITING = "waiting"
    SENDING = "sending"
    """A worker has the message, which has not left."""
    IN_DOUBT = "in_doubt"
    """A worker has the message, which may have left."""
    SENT = "sent"
    DELIVERED = "delivered"
    """The person has the message: it came, stands on their page, or was told them by telephone."""
    BOUNCED = "bounced"
    FAILED = "failed"
    """The channel cannot bring the message, so that somebody calls the person."""
    UNCERTAIN = "uncertain"
    """Nobody knows whether the message has left; only a person may send it again."""
    WITHDRAWN = "withdrawn"
    """The message turned out to be wrong before it left."""


IN_HAND = (OutgoingState.SENDING, OutgoingState.IN_DOUBT)
"""The states of messages that a worker has."""
TAKES_RECEIPT = (*IN_HAND, OutgoingState.UNCERTAIN)
"""The states in which a receipt counts; a worker that counted as dead may still bring one."""


class OutgoingName(NamedTuple):
    """The name of an outgoing message; no two messages have the same."""

    incident: str
    kind: OutgoingKind
    subject: str
    """The number of an answer, or the id of a question hour, of a notice or of an alert."""
    window: str
    """The occasion or the day for which the message is sent; empty for the only message about a subject."""
    reader: str
    """The number of the question whose asker reads the message, the number of the person, or the member's name."""


def outcome(
    kind: OutgoingKind, receipt: Receipt, tries: int, *, by_hand: bool = False
) -> tuple[OutgoingState, timedelta | None]:
    """Return the state to which a receipt leads after so many tries, and the wait before the next try, or None.

    A message that a member has sent `by_hand` waits for the member when it is refused.
    """
    if receipt.status is Status.UNCERTAIN:
        return (OutgoingState.WAITING, timedelta(0)) if kind.traits.repeats else (OutgoingState.UNCERTAIN, None)
    if receipt.status not in (Status.DEFERRED, Status.REJECTED):
        return OutgoingState(receipt.status.value), None
    if by_hand or kind.traits.repeats:
        return OutgoingState.WAITING, None if by_hand else timedelta(0)
    wait = next_try(tries, receipt.retry_after) if receipt.status is Status.DEFERRED else None
    return (OutgoingState.WAITING if wait else OutgoingState.FAILED), wait


def next_try(tries: int, retry_after: float | None) -> timedelta | None:
    """Return the time to wait before a message is tried again after so many tries; None when it is given up."""
    if tries >= MOST_TRIES:
        return None
    own = min(FIRST_WAIT * math.pow(3, tries - 1), LONGEST_WAIT)
    return max(own, timedelta(seconds=retry_after or 0))
