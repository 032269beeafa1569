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
from amends.domain.errors import ApprovalMissing, ChannelError, ChannelMisconfigured, StaleClaim
from amends.domain.notice import Draft, PersonState
from amends.ledger import Claim, Ledger

PAGE = 500
"""How many messages are claimed at once."""
AT_ONCE = 64
"""How many of them are under way side by side."""
RENEW_SECONDS = 20
STOP_AFTER = {Status.UNCERTAIN: 5, Status.DEFERRED: 20, Status.REJECTED: 20}
"""So many of the same answer in a row are not about the people; they stop the channel for this run."""
FAILURES = 5
"""So often in a row a channel may fail before it is stopped for this run."""
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

    Who cancels it waits until the messages that are under way have their answers.
    Raises ApprovalMissing when exactly this is not approved (any more), ChannelMisconfigured before anything leaves
    when the installation lacks one of its channels, NotAllowed when the incident is paused.
    """
    drafted = await asyncio.to_thread(ledger.draft, incident, notice)
    _require(channels, (*drafted.channels, *drafted.cascade))  # before the promises in it are given
    draft = await asyncio.to_thread(ledger.release, incident, notice, clock())
    uncertain = await asyncio.to_thread(ledger.recover, incident, notice, clock())
    case = await asyncio.to_thread(ledger.case, incident)
    status = case.notice(notice)
    tally = Tally(messages=status.pending if status else 0, uncertain_after_crash=uncertain)
    wording = await asyncio.to_thread(ledger.wording, incident)
    composer = Composer(case.incident, draft, wording, links)
    run = _Run(ledger, channels, draft, composer, clock, tally, progress)
    for kinds in ROUNDS:
        await run.round([kind for kind in kinds if kind in channels])
        if ChannelKind.WEBSITE in kinds and not await asyncio.to_thread(ledger.published, incident, notice):
            tally.trouble.setdefault(ChannelKind.WEBSITE, "the page, to which every message leads, is not up yet")
        if tally.trouble:
            break  # whoever comes later waits for those who come first
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
        self, ledger: Ledger, channels: Channels, draft: Draft, composer: Composer, clock: Clock, tally: Tally,
        progress: Callable[[Tally], None],
    ) -> None:  # fmt: skip
        self._ledger, self._channels, self._composer = ledger, channels, composer
        self._incident, self._notice, self._binding = draft.incident, draft.notice, draft.binding
        self._clock, self._tally, self._progress = clock, tally, progress
        self._write_down = Group(self._commit)
        self._in_a_row: dict[ChannelKind, tuple[Status | None, int]] = {}
        self._failing: dict[ChannelKind, str] = {}
        self._cancelled = False

    async def round(self, kinds: list[ChannelKind]) -> None:
        """Everything that is due on these channels, page by page."""
        while running := [kind for kind in kinds if kind not in self._tally.trouble]:
            claims = await asyncio.to_thread(
                self._ledger.claim, self._incident, self._notice, running, PAGE, self._clock()
            )
            if not claims:
                break
            await self._page(claims)
            self._progress(self._tally)
        self._tally.trouble |= self._failing

    async def _page(self, claims: Sequence[Claim]) -> None:
        open_claims = {claim.id: claim for claim in claims}
        renewing = asyncio.create_task(self._renew(open_claims))
        try:
            self._check_binding(claims)
            await self._all(claims, open_claims)
        finally:
            renewing.cancel()
            with suppress(asyncio.CancelledError):
                await renewing
            if open_claims:
                await asyncio.to_thread(self._ledger.give_back, list(open_claims.values()), self._clock())

    def _check_binding(self, claims: Sequence[Claim]) -> None:
        if any(claim.binding != self._binding for claim in claims):
            raise ApprovalMissing(f"{self._notice} was released anew meanwhile; the next run sends that")

    async def _all(self, claims: Sequence[Claim], open_claims: dict[int, Claim]) -> None:
        gate = asyncio.Semaphore(AT_ONCE)
        # All of them come to their end, even when one brings the run down: none is cut off after its mark.
        under_way = asyncio.gather(*(self._one(claim, gate, open_claims) for claim in claims), return_exceptions=True)
        try:
            ends = await asyncio.shield(under_way)
        except asyncio.CancelledError:
            self._cancelled = True
            await under_way
            raise
        for end in ends:
            if isinstance(end, BaseException):
                raise end

    async def _renew(self, open_claims: dict[int, Claim]) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            await asyncio.to_thread(self._ledger.renew, list(open_claims.values()), self._clock())

    async def _one(self, claim: Claim, gate: asyncio.Semaphore, open_claims: dict[int, Claim]) -> None:
        """One message. Stays among the open claims when nothing of it has left and nothing was answered."""
        async with gate:
            receipt = None if self._stopped(claim) else await self._receipt(claim, self._channels[claim.channel])
        if receipt is None:
            return
        if await self._write_down((claim, receipt)):
            self._tally.answers[receipt.status] += 1
        del open_claims[claim.id]

    def _stopped(self, claim: Claim) -> bool:
        return self._cancelled or claim.channel in self._tally.trouble

    async def _receipt(self, claim: Claim, channel: Channel) -> Receipt | None:
        left = False

        async def last_call() -> None:
            nonlocal left
            if self._stopped(claim) or not await self._write_down(claim):
                raise StaleClaim(claim.key)
            left = True

        try:
            receipt = await channel.deliver(self._composer.message(claim), last_call)
        except StaleClaim:
            return None
        except ChannelError as error:
            return self._failed(claim, error, left=left)
        except Exception as error:  # noqa: BLE001 - one person's trouble must not stop the others
            receipt = Receipt(claim.key, Status.UNCERTAIN if left else Status.DEFERRED, f"fault {type(error).__name__}")
        self._watch(claim.channel, receipt)
        return receipt

    def _failed(self, claim: Claim, error: ChannelError, *, left: bool) -> Receipt:
        """Unless it has left, the message goes out as soon as the channel works again."""
        self._failing[claim.channel] = str(error)
        if isinstance(error, ChannelMisconfigured) or self._count(claim.channel, None) >= FAILURES:
            self._tally.trouble[claim.channel] = str(error)
        if left:
            return Receipt(claim.key, Status.UNCERTAIN, "the channel failed late")
        return Receipt(claim.key, Status.DEFERRED, "the channel failed", retry_after=0)

    def _watch(self, kind: ChannelKind, receipt: Receipt) -> None:
        """Stop a channel that gives everybody the same bad answer."""
        self._failing.pop(kind, None)
        count = self._count(kind, receipt.status)
        if receipt.status in STOP_AFTER and count == STOP_AFTER[receipt.status]:
            self._tally.trouble[kind] = f"{count} answers in a row were {receipt.status}: {receipt.detail}"

    def _count(self, kind: ChannelKind, answer: Status | None) -> int:
        """How often in a row the channel has answered so; None stands for a failure of its own."""
        last, count = self._in_a_row.get(kind, (None, 0))
        self._in_a_row[kind] = (answer, count + 1 if answer == last else 1)
        return self._in_a_row[kind][1]

    def _commit(self, entries: Sequence[Claim | tuple[Claim, Receipt]]) -> list[bool]:
        """Marks and receipts in one commit; of each, whether the message was still ours."""
        marks = [entry for entry in entries if isinstance(entry, Claim)]
        answers = [entry for entry in entries if not isinstance(entry, Claim)]
        ours = self._ledger.write_down(marks, answers, self._incident, self._notice, self._clock())
        return [(entry if isinstance(entry, Claim) else entry[0]).id in ours for entry in entries]
