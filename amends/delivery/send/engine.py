"""The engine that sends approved notices in pages: claim, mark, deliver, record. A run may be killed and repeated."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

from amends.delivery.channels import Channels, Pace, require
from amends.delivery.compose import Composer
from amends.delivery.send.clock import MonotonicClock
from amends.delivery.send.group_commit import GroupCommit
from amends.delivery.send.postpone import NotYet
from amends.delivery.send.queue import ChannelQueue, ClaimSource
from amends.delivery.send.stops import SendStops, note_stops
from amends.delivery.send.watchdog import Watch
from amends.domain.base.errors import ApprovalMissing, DiskFull, LedgerUnavailable, NotAllowed
from amends.domain.base.text import minute
from amends.domain.channel.channel import ChannelKind, Round, to_people
from amends.domain.channel.message import Receipt, Status
from amends.domain.deliver.limits import DEFAULT, Limits
from amends.domain.draft.writer import Links
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.notice.notice import DeliveryState, Draft, PersonState
from amends.domain.plan.gates import shut
from amends.domain.playbook.playbook import Gate
from amends.ledger import Claim, Ledger
from amends.ledger.store.disk_reserve import no_room

RENEW_SECONDS = 5
"""Seconds between renewals of leases. Finished leases end as often: each claim reads the marker files of all leases."""
LOOK_SECONDS = 0.5
PAGE_SECONDS = 15.0
"""The most seconds that a run waits for another worker that is putting up the page."""
CLAIM_SECONDS = 1.0
"""The most seconds that another worker may take to claim the page; until the commit PostgreSQL shows neither the
message as claimed nor the lease."""
ROUNDS = tuple(tuple(kind for kind in ChannelKind if kind.round is one) for one in Round)
Rounds = Sequence[Collection[ChannelKind]]
NO_PAGE = "the page, to which every message leads, is not up yet"

Clock = Callable[[], datetime]
During = Callable[[ChannelKind, Awaitable[None]], Awaitable[None]]
"""A function within which a channel sends what is due on it."""


async def undisturbed(_kind: ChannelKind, sending: Awaitable[None]) -> None:
    """Wait until the channel has sent what is due, and do nothing else."""
    await sending


@dataclass
class Tally:
    """The counts of one engine run."""

    messages: int = 0
    """The number of messages that were pending when the run began."""
    answers: Counter[Status] = field(default_factory=Counter)
    trouble: dict[str, str] = field(default_factory=dict)
    """The reason for each stop: by channel; under `ledger` while the ledger cannot be written; under `guard`, `clock`
    or `disk` when all channels were stopped."""
    uncertain_after_crash: int = 0
    finished: bool = False
    """True when no message of the notice is pending or parked any more."""
    parked: int = 0
    """The number of messages on which a person must decide."""
    people: dict[PersonState, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Begun:
    """A send that has begun: the released draft, and counts of its messages."""

    draft: Draft
    messages: int
    """The number of pending messages."""
    uncertain: int = 0
    """The number of messages that a crash left uncertain."""


def begin(ledger: Ledger, channels: Collection[ChannelKind], incident: str, notice: str, now: datetime) -> Begun:
    """Release the notice, and free the messages that a crash left claimed. Raises as `deliver` does."""
    drafted = ledger.notices.latest_draft(incident, notice)
    require(channels, drafted)  # before the release records the commitments of the draft
    require_open(ledger, drafted, now)
    draft = ledger.notices.release(incident, notice, now)
    uncertain = ledger.deliveries.recover(incident, notice, now)
    return Begun(draft, ledger.deliveries.pending(incident, notice), uncertain)


async def deliver(
    ledger: Ledger,
    channels: Channels,
    incident: str,
    notice: str,
    links: Links,
    clock: Clock,
    progress: Callable[[Tally], None] = lambda _: None,
    paces: Mapping[ChannelKind, Pace] | None = None,
    rounds: Rounds = ROUNDS,
    limits: Limits = DEFAULT,
    begun: Begun | None = None,
    during: During = undisturbed,
) -> Tally:
    """Send an approved notice to everybody who was not reached yet. Any number of runs may send a notice at once.

    A cancelled run first waits for the answers to messages in flight. A wall clock that jumps under a MonotonicClock
    stops the run. Only a run of all rounds finishes the notice. A run that is given a `begun` send does not begin one.

    Raises ApprovalMissing when exactly this notice is not approved (any more), NotAllowed when the incident is paused,
    and ChannelMisconfigured, before anything leaves, when the installation lacks a channel of the notice.
    """
    begun = begun or begin(ledger, channels, incident, notice, clock())
    draft, tally = begun.draft, Tally(messages=begun.messages, uncertain_after_crash=begun.uncertain)
    composer = Composer(ledger.cases.incident_file(incident), draft, ledger.playbooks.wording(incident), links)
    run = EngineRun(
        ledger, channels, draft, composer, clock, tally, progress, paces or {}, Watch(ledger, draft, limits), during
    )
    if ledger.store.reserve.keep():
        await run.rounds(rounds)
    else:
        tally.trouble["disk"] = no_room(ledger.store.reserve.size)
    note_stops(ledger, incident, notice, tally.trouble, clock())
    return conclude(ledger, incident, notice, clock(), tally) if rounds is ROUNDS else tally


def conclude(ledger: Ledger, incident: str, notice: str, now: datetime, tally: Tally) -> Tally:
    """Finish the notice if nothing more is to be tried, and return the tally with the final counts."""
    tally.parked = parked(ledger, incident, notice)
    tally.finished = ledger.deliveries.finish(incident, notice, now)
    if tally.finished and (stopped := ledger.stops.sends(incident, notice)):
        ledger.stops.send_goes_on(incident, notice, stopped, now)
    tally.people = ledger.statistics.people(incident, notice)
    return tally


def parked(ledger: Ledger, incident: str, notice: str) -> int:
    """Return the number of messages on which a person must decide."""
    return ledger.statistics.troubles(incident, notice).get(DeliveryState.PARKED, 0)


def require_open(ledger: Ledger, draft: Draft, now: datetime) -> None:
    """Raise NotAllowed when a gate of the notice is shut or the clock is in doubt, whatever its approvals.

    The ledger itself checks for an embargo at each claim. Reading a whole case counts every message, so the case is
    read only when one of these reasons is possible.
    """
    if not (Gate.AUTHORITIES in draft.waits_for or ledger.clocks.doubts()):
        return
    if why := shut(ledger.cases.read(draft.incident), draft.waits_for, now):
        raise NotAllowed(f"{draft.notice} waits: {'; '.join(why)}")


class EngineRun:
    """One run of the engine over one notice."""

    def __init__(
        self,
        ledger: Ledger,
        channels: Channels,
        draft: Draft,
        composer: Composer,
        clock: Clock,
        tally: Tally,
        progress: Callable[[Tally], None],
        paces: Mapping[ChannelKind, Pace],
        watch: Watch,
        during: During = undisturbed,
    ) -> None:
        self._during = during
        self._watch = watch
        self._ledger, self._channels, self._paces = ledger, channels, paces
        self._incident, self._notice, self._binding = draft.incident, draft.notice, draft.binding
        self._clock, self._tally, self._progress = clock, tally, progress
        group_commit = GroupCommit(self._write_down, self._ledger_trouble)
        not_yet = NotYet(ledger, draft, clock)
        self._source = ClaimSource(
            self._claim,
            self._give_back,
            self._domain_stopped,
            lambda: ledger.stops.domains(draft.incident),
            composer,
            group_commit,
            self._report,
            self._canary_refused,
            not_yet if not_yet.decides else None,
        )
        self._leases: Counter[int] = Counter()
        """The number of messages of each lease whose answers are not in the ledger yet."""
        self._answered: Counter[str] = Counter()
        self._queues: list[ChannelQueue] = []
        self._stops = SendStops(ledger, draft.incident, draft.notice)

    async def rounds(self, rounds: Rounds) -> None:
        """Send one round after another until there is trouble; nothing is posted while another run sends to people."""
        tasks = [asyncio.create_task(self._renew()), asyncio.create_task(self._guard())]
        for task in tasks:
            task.add_done_callback(self._halt_when_broken)
        try:
            for kinds in rounds:
                if any(kind.posts for kind in kinds) and self._others_at_work():
                    break
                while await self._round([kind for kind in kinds if kind in self._channels]):
                    pass  # the cascade may have given messages to a channel whose queue was empty already
                pages = [kind for kind in kinds if kind.page]
                if pages and not await self._page_is_up(pages):
                    self._tally.trouble.setdefault(pages[0], NO_PAGE)
                if self._tally.trouble:
                    break
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with suppress(LedgerUnavailable):  # the next run ends them
                self._end_leases()

    async def _round(self, kinds: Sequence[ChannelKind]) -> bool:
        """Send all that is due on these channels; return True when the cascade may have made more messages for them."""
        before = self._tally.answers.total()
        self._queues = [
            ChannelQueue(kind, self._channels[kind], self._source, self._paces.get(kind, Pace()), self._tally.messages)
            for kind in kinds
        ]
        each = (self._during(queue.kind, queue.send_all()) for queue in self._queues)
        sending = asyncio.gather(*each, return_exceptions=True)
        try:
            ends = await asyncio.shield(sending)
        except asyncio.CancelledError:
            for queue in self._queues:
                queue.call_off()  # no queue is cancelled, so every message with a commit mark gets its answer
            self._source.group_commit.refuse()
            await sending
            raise
        finally:
            await self._source.group_commit.settled()
            self._report()
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        self._tally.trouble |= {queue.kind: queue.trouble for queue in self._queues if queue.trouble}
        return len(kinds) > 1 and self._tally.answers.total() > before and not self._tally.trouble

    async def _page_is_up(self, pages: Sequence[ChannelKind]) -> bool:
        """Return True when the page is up; wait while another worker is putting the page up."""
        time = asyncio.get_running_loop().time
        latest, at_work = time() + PAGE_SECONDS, time()
        while not self._ledger.deliveries.published(self._incident, self._notice):
            if self._ledger.deliveries.at_work(self._incident, self._notice, pages):
                at_work = time()
            if time() > min(latest, at_work + CLAIM_SECONDS):
                return False
            await asyncio.sleep(0.05)
        return True

    def _others_at_work(self) -> bool:
        """Return True while another run holds messages to people, so that the public has to wait."""
        return self._ledger.deliveries.at_work(self._incident, self._notice, to_people())

    # Calls of the queues to the ledger.

    @contextmanager
    def _stopping_when_full(self) -> Iterator[None]:
        """Free the disk reserve when the disk is full, for the answers to messages in flight, and halt the run."""
        reserve = self._ledger.store.reserve
        try:
            yield
        except DiskFull:
            reserve.give_up()
            raise
        finally:
            if reserve.gone:
                self._halt("disk", no_room(reserve.size))

    def _claim(self, kind: ChannelKind, limit: int) -> tuple[Claim, ...]:
        with self._stopping_when_full():
            claims = self._ledger.deliveries.claim(self._incident, self._notice, [kind], limit, self._clock())
        self._leases.update([claim.lease for claim in claims])
        if claims and claims[0].released.binding != self._binding:  # all claims of a page have the same binding
            self._give_back(list(claims))
            raise ApprovalMissing(f"{self._notice} was released anew meanwhile; the next run sends that")
        self._share_rates()
        return claims

    def _give_back(self, claims: list[Claim]) -> None:
        with self._stopping_when_full():
            self._ledger.deliveries.give_back(claims, self._clock())
        self._no_longer_held(claims)

    def _domain_stopped(self, domain: str, why: str) -> None:
        with suppress(LedgerUnavailable):  # this run sends nothing there anyway, and the next run finds it out again
            self._ledger.stops.stop_domain(self._incident, self._notice, domain, why, self._clock())

    def _alert_of_jump(self, jumped: str) -> None:
        now = self._clock()
        what = f"{self._notice} was stopped at {minute(now)}: {jumped}"
        stopped = AlertId(AlertKind.CLOCK_JUMPED, self._notice, minute(now))
        self._ledger.alerts.record(self._incident, Alert(stopped, what, now))

    def _write_down(self, leaving: Sequence[Claim], answers: Sequence[tuple[Claim, Receipt]]) -> frozenset[int]:
        with self._stopping_when_full():
            may_leave = () if self._ledger.store.reserve.gone else leaving
            ours = self._ledger.deliveries.record(may_leave, answers, self._incident, self._notice, self._clock())
        self._no_longer_held([claim for claim, _ in answers])
        for claim, receipt in answers:
            self._answered[receipt.status.value] += 1
            self._watch.note(claim, receipt)
        self._stops.answered(answers, self._clock())
        return ours

    def _share_rates(self) -> None:
        """Divide each channel's rate among all processes that use the channel, for any notice and on any machine."""
        for kind, pace in self._paces.items():
            with suppress(LedgerUnavailable):  # nobody can claim messages, so no further process joins
                if pace.bucket:
                    senders = self._ledger.deliveries.senders(kind, self._clock())
                    pace.bucket.share(max(senders, pace.processes), asyncio.get_running_loop().time())

    def _no_longer_held(self, claims: Sequence[Claim]) -> None:
        for claim in claims:
            self._leases[claim.lease] -= 1

    async def _guard(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            jumped = self._clock.trouble() if isinstance(self._clock, MonotonicClock) else ""
            if jumped:
                self._halt("clock", jumped)
            with suppress(LedgerUnavailable):  # nothing leaves meanwhile, and the next pass of the loop looks again
                if jumped:
                    self._alert_of_jump(jumped)
                    return
                if why := self._watch.alarm(self._clock()):
                    self._halt("guard", why)
                    return
                self._share_rates()

    def _canary_refused(self, kind: ChannelKind, why: str) -> None:
        with suppress(LedgerUnavailable):
            if self._watch.stop_new_channel(kind, why, self._clock()):
                self._halt("guard", f"{kind}: {why}")

    def _halt_when_broken(self, task: "asyncio.Task[None]") -> None:
        """Halt when the watchdog or the renewal of leases has failed: nothing may leave without them."""
        if not task.cancelled() and (error := task.exception()):
            why = f"what looks after the send broke off: {type(error).__name__}"
            self._halt("guard", why)
            self._stops.stopped("guard", why, self._clock())

    def _halt(self, who: str, why: str) -> None:
        self._tally.trouble[who] = why
        for queue in self._queues:
            queue.halt()

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            with suppress(LedgerUnavailable):  # the group commit reports this, and the next pass renews the leases
                self._end_leases()
                self._ledger.deliveries.renew([lease for lease, held in self._leases.items() if held], self._clock())

    def _end_leases(self) -> None:
        ended = [lease for lease, held in self._leases.items() if not held]
        if not ended:
            return
        self._ledger.deliveries.end_leases(ended, dict(self._answered), self._incident, self._notice, self._clock())
        self._answered.clear()
        for lease in ended:
            del self._leases[lease]

    # Progress.

    def _report(self) -> None:
        for queue in self._queues:
            self._tally.answers.update(queue.answers)
            queue.answers.clear()
            if queue.trouble and "guard" not in self._tally.trouble:  # a stop by the guard is a pause
                self._stops.stopped(queue.kind, queue.trouble, self._clock())
        self._progress(self._tally)

    def _ledger_trouble(self, why: str) -> None:
        if why:
            self._tally.trouble["ledger"] = why
            self._progress(self._tally)
        else:
            self._tally.trouble.pop("ledger", None)
