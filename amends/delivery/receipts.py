"""Polling: asking an SMS gateway for receipts that the gateway does not report by itself."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from amends.domain.base.errors import ChannelError
from amends.domain.base.value import LARGEST_NUMBER
from amends.domain.deliver.pace import Bucket
from amends.domain.receipt.webhook import ProviderReceipt
from amends.ledger import Ledger
from amends.ledger.receipt.receipts import Effect

SOONEST, LATEST = timedelta(minutes=10), timedelta(days=3)
"""The age at which an SMS is asked for, counted from when the gateway took the SMS: a younger one may still be on its
way, and of an older one no gateway knows more."""
PAGE = 200
AT_ONCE = 8


@runtime_checkable
class Askable(Protocol):
    """A channel whose provider can be asked for the receipt of one message."""

    @property
    def can_be_asked(self) -> bool:
        """Return True when the settings name the address for such requests."""

    async def poll(self, provider_id: str) -> ProviderReceipt | None:
        """Return the message's final receipt, or None while the outcome is open. Raises ChannelError."""


@dataclass
class PollResult:
    """The result of polling one gateway."""

    messages: int = 0
    """The number of messages whose receipt was requested."""
    effects: Counter[Effect] = field(default_factory=Counter)
    handed_over: int = 0
    """The number of people who now get a message on the next channel."""
    waiting: set[tuple[str, str]] = field(default_factory=set)
    """The incident and the notice of each of these new messages."""
    trouble: str = ""
    """The reason why polling stopped early; empty when every message was polled."""


async def ask(
    ledger: Ledger, channel: Askable, bucket: Bucket | None, clock: Callable[[], datetime], share: float = 0
) -> PollResult:
    """Ask for every SMS without a final receipt, and record each final receipt. Safe to repeat.

    Polling stops when the gateway does not answer; receipts until then are recorded. Polling begins behind this share
    (0 to 1) of the messages and continues from the last to the first: a gateway that answers only a few requests a run
    is asked for all messages in time when each run begins at another share. Raises LedgerRestored.
    """
    asked = PollResult()
    begin = ledger.polling.number_at(share, clock() - LATEST, clock() - SOONEST)
    await _ask_between(ledger, channel, bucket, clock, begin, LARGEST_NUMBER, asked)
    await _ask_between(ledger, channel, bucket, clock, 0, begin, asked)
    return asked


async def _ask_between(
    ledger: Ledger,
    channel: Askable,
    bucket: Bucket | None,
    clock: Callable[[], datetime],
    after: int,
    upto: int,
    asked: PollResult,
) -> None:
    """Ask for the messages whose numbers are above `after` and at most `upto`."""
    while not asked.trouble and (page := ledger.polling.to_ask(after, upto, PAGE, clock() - LATEST, clock() - SOONEST)):
        after = page[-1][0]
        receipts = await _ask_page(channel, bucket, [name for _, name in page], asked)
        reported = await asyncio.to_thread(ledger.receipts.take, receipts, clock())
        asked.effects.update(reported.counts)
        asked.handed_over += reported.handed_over
        asked.waiting |= reported.waiting


async def _ask_page(
    channel: Askable, bucket: Bucket | None, names: Sequence[str], asked: PollResult
) -> list[ProviderReceipt]:
    """Return the final receipts of these messages; AT_ONCE requests run at a time, at the rate of the channel."""
    left, receipts, loop = list(reversed(names)), list[ProviderReceipt](), asyncio.get_running_loop()

    async def lane() -> None:
        while left and not asked.trouble:
            name = left.pop()
            await asyncio.sleep(bucket.wait(1, loop.time()) if bucket else 0)
            try:
                found = await channel.poll(name)
            except ChannelError as error:
                asked.trouble = str(error)
                return
            asked.messages += 1
            receipts.extend([found] if found else [])

    await asyncio.gather(*(lane() for _ in range(AT_ONCE)))
    return receipts
