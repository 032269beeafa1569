"""Asks a gateway what became of the SMS that it took, where it does not tell of its own accord."""

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

AT_ONCE = 8
PAGE = 200
SOONEST, LATEST = timedelta(minutes=10), timedelta(days=3)
"""When an SMS is asked for, from when it was taken: before, it is under way, and after that no gateway knows more."""


@runtime_checkable
class Askable(Protocol):
    """A channel whose provider answers questions about one message."""

    @property
    def can_be_asked(self) -> bool:
        """Whether the settings say where."""

    async def poll(self, provider_id: str) -> ProviderReceipt | None:
        """What became of it, or None while there is no last word. Raises ChannelError."""


@dataclass
class PollResult:
    """What came of the questions."""

    messages: int = 0
    """How many were asked for."""
    effects: Counter[Effect] = field(default_factory=Counter)
    handed_over: int = 0
    """How many people are written to on another channel now."""
    waiting: set[tuple[str, str]] = field(default_factory=set)
    """Incident and notice of those messages."""
    trouble: str = ""
    """Why it stopped before the end."""


async def ask(
    ledger: Ledger, channel: Askable, bucket: Bucket | None, clock: Callable[[], datetime], share: float = 0
) -> PollResult:
    """Ask for every SMS of which nothing was told yet, and keep what is a last word. Safe to repeat.

    It stops when the gateway does not answer; what it said before that is kept. It begins behind this share of them,
    from 0 to 1, and goes on from the last to the first: a gateway that answers only a few questions a run is asked for
    all of them in time when each run begins somewhere else. Raises LedgerRestored.
    """
    asked = PollResult()
    begin = ledger.polling.number_at(share, clock() - LATEST, clock() - SOONEST)
    await _ask_between(ledger, channel, bucket, clock, begin, LARGEST_NUMBER, asked)
    await _ask_between(ledger, channel, bucket, clock, 0, begin, asked)
    return asked


async def _ask_between(
    ledger: Ledger, channel: Askable, bucket: Bucket | None, clock: Callable[[], datetime],
    after: int, upto: int, asked: PollResult,
) -> None:  # fmt: skip
    """Ask for those with numbers after the one and up to the other."""
    while not asked.trouble and (page := ledger.polling.to_ask(after, upto, PAGE, clock() - LATEST, clock() - SOONEST)):
        after = page[-1][0]
        told = await _ask_page(channel, bucket, [name for _, name in page], asked)
        reported = await asyncio.to_thread(ledger.receipts.take, told, clock())
        asked.effects.update(reported.counts)
        asked.handed_over += reported.handed_over
        asked.waiting |= reported.waiting


async def _ask_page(
    channel: Askable, bucket: Bucket | None, names: Sequence[str], asked: PollResult
) -> list[ProviderReceipt]:
    """The last words on these, a few questions at once and as fast as the channel may be used."""
    left, told, loop = list(reversed(names)), list[ProviderReceipt](), asyncio.get_running_loop()

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
            told.extend([found] if found else [])

    await asyncio.gather(*(lane() for _ in range(AT_ONCE)))
    return told
