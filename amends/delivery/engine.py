"""Sends what is approved: claim, mark, deliver, record, in pages. May be killed and repeated at any moment."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from amends.delivery.compose import Composer
from amends.delivery.connect import Channels
from amends.delivery.group import Group
from amends.domain.channel import Channel, ChannelKind, Receipt, Status
from amends.domain.drafting import Links
from amends.domain.errors import ChannelError, ChannelMisconfigured, StaleClaim
from amends.domain.notice import PersonState
from amends.ledger import Claim, Ledger

PAGE = 500
"""How many messages are claimed at once; a stop is obeyed between pages."""
AT_ONCE = 64
"""How many of them are under way side by side."""
RENEW_SECONDS = 20
TRIP_AFTER = 5
"""So many troubles of a channel in a row stop it for this run."""
ROUNDS = (
    (ChannelKind.WEBSITE,),  # the page is there before anybody gets a link to it
    (ChannelKind.EMAIL, ChannelKind.SMS),
    (ChannelKind.SOCIAL,),  # those concerned hear of it before the public does
)

Clock = Callable[[], datetime]


@dataclass
class Tally:
    """What one run of the engine did, in numbers."""

    messages: int = 0
    """How many were pending when the run began."""
    answers: Counter[Status] = field(default_factory=Counter)
    trouble: dict[ChannelKind, str] = field(default_factory=dict)
    """Channels that were stopped, and why."""
    uncertain_after_crash: int = 0
    finished: bool = False
    """Nothing of the notice is pending any more."""
    people: dict[PersonState, int] = field(default_factory=dict)


async def deliver(
    ledger: Ledger,
    channels: Channels,
    incident: str,
    notice: str,
    links: Links,
    clock: Clock,
    progress: Callable[[Tally], None] = lambda _: None,
) -> Tally:
    """Send an approved notice to everybody it has not reached yet.

    Raises ApprovalMissing when exactly this is not approved, ChannelMisconfigured before anything leaves when the
    installation lacks one of its channels, NotAllowed when the incident is paused.
    """
    draft = await asyncio.to_thread(ledger.release, incident, notice, clock())
    _require(channels, (*draft.channels, *draft.cascade))
    uncertain = await asyncio.to_thread(ledger.recover, incident, notice, clock())
    case = await asyncio.to_thread(ledger.case, incident)
    status = case.notice(notice)
    tally = Tally(messages=status.pending if status else 0, uncertain_after_crash=uncertain)
    wording = await asyncio.to_thread(ledger.wording, incident)
    composer = Composer(case.incident, draft, wording, links)
    run = _Run(ledger, channels, incident, notice, composer, clock, tally, progress)
    for kinds in ROUNDS:
        await run.round([kind for kind in kinds if kind in channels])
        if ChannelKind.WEBSITE in tally.trouble:
            break  # every other message leads to the page, so it waits for it
    tally.finished = await asyncio.to_thread(ledger.finish, incident, notice, clock())
    status = (await asyncio.to_thread(ledger.case, incident)).notice(notice)
    tally.people = status.people if status else {}
    return tally


def _require(channels: Channels, kinds: Sequence[ChannelKind]) -> None:
    missing = [kind for kind in dict.fromkeys(kinds) if kind not in channels]
    if missing:
        raise ChannelMisconfigured(
            f"this notice needs {', '.join(missing)}; add [channels.{missing[0]}] to amends.toml"
        )


class _Run:
    """One run of the engine over one notice."""

    def __init__(
        self, ledger: Ledger, channels: Channels, incident: str, notice: str, composer: Composer, clock: Clock,
        tally: Tally, progress: Callable[[Tally], None],
    ) -> None:  # fmt: skip
        self._ledger, self._channels, self._composer = ledger, channels, composer
        self._incident, self._notice, self._clock = incident, notice, clock
        self._tally, self._progress = tally, progress
        self._mark = Group(self._commit_marks)
        self._record = Group(self._commit_receipts)
        self._in_a_row: Counter[ChannelKind] = Counter()

    async def round(self, kinds: list[ChannelKind]) -> None:
        """Everything that is due on these channels, page by page."""
        while running := [kind for kind in kinds if kind not in self._tally.trouble]:
            claims = await asyncio.to_thread(
                self._ledger.claim, self._incident, self._notice, running, PAGE, self._clock()
            )
            if not claims:
                return
            await self._page(claims)
            self._progress(self._tally)

    async def _page(self, claims: Sequence[Claim]) -> None:
        open_claims = {claim.id: claim for claim in claims}
        renewing = asyncio.create_task(self._renew(open_claims))
        gate = asyncio.Semaphore(AT_ONCE)
        try:
            # All of them come to their end, even when one brings the run down: none is cut off after its mark.
            ends = await asyncio.gather(
                *(self._one(claim, gate, open_claims) for claim in claims), return_exceptions=True
            )
        finally:
            renewing.cancel()
            with suppress(asyncio.CancelledError):
                await renewing
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        if open_claims:
            await asyncio.to_thread(self._ledger.give_back, list(open_claims.values()), self._clock())

    async def _renew(self, open_claims: dict[int, Claim]) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            await asyncio.to_thread(self._ledger.renew, list(open_claims.values()), self._clock())

    async def _one(self, claim: Claim, gate: asyncio.Semaphore, open_claims: dict[int, Claim]) -> None:
        """One message. Stays among the open claims when nothing of it has left and nothing was answered."""
        async with gate:
            if claim.channel in self._tally.trouble:
                return
            receipt = await self._receipt(claim, self._channels[claim.channel])
        if receipt is not None and await self._record((claim, receipt)):
            del open_claims[claim.id]
            self._tally.answers[receipt.status] += 1

    async def _receipt(self, claim: Claim, channel: Channel) -> Receipt | None:
        left = False

        async def last_call() -> None:
            nonlocal left
            if not await self._mark(claim):
                raise StaleClaim(claim.key)
            left = True

        try:
            receipt = await channel.deliver(self._composer.message(claim), last_call)
        except StaleClaim:
            return None
        except ChannelError as error:
            self._trip(claim.channel, error)
            return Receipt(claim.key, Status.UNCERTAIN, "the channel failed late") if left else None
        except Exception as error:  # noqa: BLE001 - one person's trouble must not stop the others
            fault = f"fault {type(error).__name__}"
            return Receipt(claim.key, Status.UNCERTAIN if left else Status.DEFERRED, fault)
        self._in_a_row[claim.channel] = 0
        return receipt

    def _trip(self, kind: ChannelKind, error: ChannelError) -> None:
        self._in_a_row[kind] += 1
        if isinstance(error, ChannelMisconfigured) or self._in_a_row[kind] >= TRIP_AFTER:
            self._tally.trouble[kind] = str(error)

    def _commit_marks(self, claims: Sequence[Claim]) -> list[bool]:
        held = self._ledger.mark_in_doubt(claims, self._clock())
        return [claim.id in held for claim in claims]

    def _commit_receipts(self, answers: Sequence[tuple[Claim, Receipt]]) -> list[bool]:
        self._ledger.record(answers, self._incident, self._notice, self._clock())
        return [True] * len(answers)
