"""One process for each core, all at the same notice: any number of runs of the engine may be at it at once."""

import asyncio
import gc
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

import uvloop

from amends.delivery.channels import ChannelSettings, Pace, connected, paces
from amends.delivery.send.clock import MonotonicClock, seen
from amends.delivery.send.engine import ROUNDS, Begun, Clock, Rounds, Tally, begin, conclude, deliver, parked
from amends.delivery.send.shutdown import answered_first, cancel_once
from amends.domain.base.errors import AmendsError, ChannelMisconfigured
from amends.domain.channel.channel import ChannelKind, is_kept_here, kept_here
from amends.domain.deliver.limits import DEFAULT, Limits
from amends.domain.draft.draft import Links
from amends.domain.notice.notice import Draft
from amends.ledger import Ledger
from amends.system.processes import (
    TERMINATION_SIGNALS,
    expect_few_cycles,
    heeded_signals,
    process_kind,
    signals_deferred,
)

SHARE = 5_000
"""Fewer people than this are not worth a process of their own."""
FIRST, TO_PEOPLE = ROUNDS[:1], ROUNDS[1:2]
LOOK_SECONDS = 0.003
TELL_SECONDS = 0.2
"""How often a process tells how far it is."""
ANSWERS_SECONDS = 4_800.0
"""A process that is to stop may take so long: a relay has an hour for its answer at most (final_timeout), and a ledger
that cannot be written is tried again for ten minutes. Who is killed before that leaves messages in doubt."""
HALTED_SECONDS = 10.0
"""One that somebody has halted hears no answer, so there is nothing to wait for."""

ENDED = (EOFError, OSError)
"""What a pipe raises when its other side has ended; OSError where that was killed in the middle of telling."""

Shares = Mapping[ChannelKind, int]
"""How many processes use each channel."""
UNSHARED: Shares = {}
Told = Callable[[Tally], None]
Part = Callable[[], Awaitable[Tally]]
"""One process's part of the work, to be begun."""


def wall_clock() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Work:
    """One notice to be sent, with all that a process needs for it. Holds secrets: never log or print it."""

    ledger: Ledger = field(repr=False)
    channels: ChannelSettings = field(repr=False)
    incident: str
    notice: str
    links: Links
    clock: Clock = wall_clock
    limits: Limits = DEFAULT
    begun: Begun | None = field(default=None, repr=False)
    """What was found when it began, once it has."""

    @property
    def named(self) -> tuple[str, str]:
        """The incident and the notice."""
        return self.incident, self.notice


async def _as_it_is(_number: int, part: Part) -> Tally:
    return await part()


async def send(
    work: Work,
    told: Told = lambda _: None,
    cores: int | None = None,
    each: Callable[[int, Part], Awaitable[Tally]] = _as_it_is,
    ending: Callable[[], None] = lambda: None,
) -> Tally:
    """Send the notice with as many processes as help. See `deliver` for what is raised, and for being cancelled.

    `each` carries out one numbered part; flows make a task of it. A signal that would end this process stops the send,
    which is told by `ending`, and takes effect when what is under way has its answers.
    """
    return await answered_first(_send(work, told, cores, each), ending)


async def _send(work: Work, told: Told, cores: int | None, each: Callable[[int, Part], Awaitable[Tally]]) -> Tally:
    if work.clock is not wall_clock:
        return await _alone(work, ROUNDS, told)
    work.ledger.clocks.observe(seen(), work.ledger.clocks.server_time())
    draft = work.ledger.notices.latest_draft(*work.named)
    shares = await _shares(work.channels, draft, min(cores or os.cpu_count() or 1, draft.people // SHARE))
    if max(shares.values(), default=1) < 2:
        return await _alone(replace(work, begun=await _begun(work)), ROUNDS, told)
    gc.freeze()  # what is loaded stays; looking it over takes a while, and in a fork every look copies it
    work.ledger.dispose()  # a connection must not be in two processes
    async with _crew(work, shares) as workers:
        begun = await _begun(work)
        parts = [await _first(work, begun, told)]
        if not parts[0].trouble:
            board, theirs = _Board(parts[0], told), replace(begun, uncertain=0)
            under_way = [each(number, board.part(worker, theirs)) for number, worker in enumerate(workers, 1)]
            parts += _tallies(await asyncio.gather(*under_way, return_exceptions=True))
    if any(part.trouble for part in parts):
        standing, aside = work.ledger.statistics.people(*work.named), parked(work.ledger, *work.named)
        return replace(_sum(parts), people=standing, parked=aside)
    end = conclude(work.ledger, *work.named, work.clock(), Tally())
    if not end.finished and work.ledger.deliveries.pending(*work.named):
        return _sum([*parts, await _alone(work, ROUNDS, lambda tally: told(_sum([*parts, tally])))])
    return _sum([*parts, end])


async def _begun(work: Work) -> Begun:
    """Begin it, in a thread: to store what is to leave takes a while for very many people."""
    return await asyncio.to_thread(_begin, work)


def _begin(work: Work) -> Begun:
    """Raises as `begin` does, and ChannelMisconfigured where one writes files that has a provider elsewhere."""
    draft = work.ledger.notices.latest_draft(*work.named)
    needed = work.channels.keys() & {*draft.channels, *draft.cascade}
    if wrong := kept_here(work.channels, sorted(needed & work.ledger.channels.used())):
        raise ChannelMisconfigured(
            f"{wrong}; messages of this ledger have left there by a provider: set it up as on the other machines, "
            "or rehearse in a home of its own"
        )
    begun = begin(work.ledger, work.channels, *work.named, work.clock())
    work.ledger.channels.note_used({kind for kind in needed if not is_kept_here(work.channels[kind])})
    return begun


async def _shares(settings: ChannelSettings, draft: Draft, processes: int) -> Shares:
    """How many of so many processes use each channel on which people are written to: none without a connection.

    Those that only follow where another channel has failed are not worth a process. All channels are connected, so that
    a fault in their settings is found before anything leaves.
    """
    needed = {*draft.channels, *draft.cascade}.intersection(*TO_PEOPLE)
    async with connected(settings) as channels:
        at_once = {kind: channel.at_once for kind, channel in channels.items() if kind in needed}
    first = [most for kind, most in at_once.items() if kind in draft.channels] or at_once.values()
    processes = min(processes, max(first, default=1))
    return {kind: max(min(processes, most), 1) for kind, most in at_once.items()}


def _paces(settings: ChannelSettings, shares: Shares) -> dict[ChannelKind, Pace]:
    return {kind: paces({kind: own}, shares.get(kind, 1))[kind] for kind, own in settings.items()}


async def _alone(work: Work, rounds: Rounds, told: Told, shares: Shares = UNSHARED) -> Tally:
    """One run of the engine, here; one of those that share connections and rate."""
    clock = MonotonicClock(work.clock) if work.clock is wall_clock else work.clock
    async with connected(work.channels) as channels:
        return await deliver(
            work.ledger, channels, *work.named, work.links, clock, told,
            _paces(work.channels, shares), rounds, work.limits, work.begun,
        )  # fmt: skip


async def _first(work: Work, begun: Begun, told: Told) -> Tally:
    """The page, which is there before anybody gets a link to it, unless it is up already or there is none."""
    if work.ledger.deliveries.published(*work.named):
        return Tally(messages=begun.messages, uncertain_after_crash=begun.uncertain)
    return await _alone(replace(work, begun=begun), FIRST, told)


def _tallies(ends: Sequence[Tally | BaseException]) -> list[Tally]:
    for end in ends:
        if isinstance(end, BaseException):
            raise end
    return [end for end in ends if isinstance(end, Tally)]


def _sum(parts: Sequence[Tally]) -> Tally:
    """All of them as one; the first one knows how much there was, the last one how it ended."""
    return Tally(
        messages=parts[0].messages,
        answers=sum((part.answers for part in parts), Counter()),
        trouble={kind: why for part in parts for kind, why in part.trouble.items()},
        uncertain_after_crash=sum(part.uncertain_after_crash for part in parts),
        finished=parts[-1].finished,
        parked=max(part.parked for part in parts),
        people=parts[-1].people,
    )


class _Board:
    """What each part last told, added up."""

    def __init__(self, first: Tally, told: Told) -> None:
        self._parts, self._told = [first], told

    def part(self, worker: "_Worker", begun: Begun) -> Part:
        """This one's part of the work, to be begun; it tells the board how far it is."""
        number = len(self._parts)
        self._parts.append(Tally())

        def heard(tally: Tally) -> None:
            self._parts[number] = tally
            self._told(_sum(self._parts))

        return lambda: worker.carry_out(begun, heard)


class _Worker:
    """A process of its own, which makes itself ready and waits for the work to begin. It ends when we are killed."""

    def __init__(self, work: Work, shares: Shares, ends: list[Connection]) -> None:
        """`ends` are our ends of the pipes to all of them, which a fork inherits."""
        self._pipe, theirs = Pipe()
        ends.append(self._pipe)
        self._process = process_kind()(target=_work, args=(work, shares, theirs, ends), daemon=True)
        with signals_deferred():  # until it can stop in good order
            self._process.start()
        theirs.close()
        self._has_ended = False

    async def carry_out(self, begun: Begun, heard: Told) -> Tally:
        """Messages to people; with its share of connections and rate. Cancelled, it ends as `deliver` does."""
        tally = Tally()
        with suppress(ConnectionError):  # it has ended
            self._pipe.send(begun)
        while news := await _news(self._pipe):
            heard(tally := news)
        self._has_ended = True
        return tally

    async def dismissed(self) -> None:
        """It is gone; one still at work waits for the answers to what is under way, if it can hear them."""
        if not self._has_ended:
            self._process.terminate()
        began = runs_at = time.monotonic()
        while self._process.is_alive():
            now = time.monotonic()
            runs_at = runs_at if self._is_halted() else now
            if now - began > ANSWERS_SECONDS or now - runs_at > HALTED_SECONDS:
                self._process.kill()
            with suppress(AmendsError, *ENDED):
                while self._pipe.poll():
                    _listen(self._pipe)  # it would wait for ever to tell what nobody hears
            await asyncio.sleep(LOOK_SECONDS)
        self._process.join()
        self._pipe.close()

    def _is_halted(self) -> bool:
        """Whether it stands still (SIGSTOP), where the system tells; macOS does from Python 3.13 on."""
        if not hasattr(os, "waitid"):
            return False
        look = os.WSTOPPED | os.WNOHANG | os.WNOWAIT  # without taking the news away
        with suppress(ChildProcessError):  # it has just ended
            return os.waitid(os.P_PID, self._process.pid or 0, look) is not None
        return False


@asynccontextmanager
async def _crew(work: Work, shares: Shares) -> AsyncIterator[list[_Worker]]:
    """As many processes as the channel takes that takes most; at the end none is left.

    A channel that takes fewer is used by the first of them only, so that nowhere more connections open than are set.
    """
    ends: list[Connection] = []
    workers = [
        _Worker(replace(work, channels=_channels_of(work, shares, number)), shares, ends)
        for number in range(max(shares.values()))
    ]
    try:
        yield workers
    finally:
        await asyncio.shield(asyncio.gather(*(worker.dismissed() for worker in workers)))


def _channels_of(work: Work, shares: Shares, number: int) -> ChannelSettings:
    return {kind: own for kind, own in work.channels.items() if number < shares.get(kind, 0)}


async def _readable(pipe: Connection) -> None:
    """Until something is said over it, or it ends."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(pipe.fileno(), readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(pipe.fileno())


async def _news(pipe: Connection) -> Tally | None:
    """What is told next; None when the other side has ended. Raises what went wrong there."""
    await _readable(pipe)
    with suppress(*ENDED):
        return _listen(pipe)
    return None


def _listen(pipe: Connection) -> Tally:
    """What is told next. Raises what went wrong there, and one of ENDED at its end."""
    heard: Tally | AmendsError = pipe.recv()
    if isinstance(heard, AmendsError):
        raise heard
    return heard


# In the process of its own.


def _work(work: Work, shares: Shares, pipe: Connection, ends: Sequence[Connection]) -> None:
    for end in ends:
        end.close()  # as long as it is open here, a pipe does not end when the other side is killed
    signal.set_wakeup_fd(-1)  # a fork has that of the other's event loop, which would take our signals for its own
    expect_few_cycles()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_stoppable(_part(work, shares, pipe)))
        except AmendsError as error:
            pipe.send(error)


async def _stoppable(sending: Coroutine[Any, Any, None]) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.create_task(sending)
    for number in heeded_signals():
        loop.add_signal_handler(number, cancel_once, task)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, TERMINATION_SIGNALS)
    with suppress(asyncio.CancelledError):
        await task


async def _part(work: Work, shares: Shares, pipe: Connection) -> None:
    try:
        work.ledger.notices.latest_draft(*work.named)  # its connection to the ledger is open before it is needed
        if begun := await _begins(pipe):
            _stop_when_alone(pipe)
            pipe.send(await _alone(replace(work, begun=begun), TO_PEOPLE, _Told(pipe), shares))
    finally:
        work.ledger.dispose()


async def _begins(pipe: Connection) -> Begun | None:
    """What was found when the send began; None when it does not begin."""
    await _readable(pipe)
    with suppress(*ENDED):
        begun: Begun = pipe.recv()
        return begun
    return None


def _stop_when_alone(pipe: Connection) -> None:
    """Have this task end as if it was asked to, when nobody is there any more who could stop it."""
    gone = asyncio.create_task(_readable(pipe))
    if task := asyncio.current_task():
        gone.add_done_callback(lambda _: cancel_once(task))


class _Told:
    """Passes on how far it is, not more often than anybody looks; another trouble at once."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._next, self._trouble = pipe, 0.0, dict[str, str]()

    def __call__(self, tally: Tally) -> None:
        if (now := time.monotonic()) >= self._next or tally.trouble != self._trouble:
            self._next, self._trouble = now + TELL_SECONDS, dict(tally.trouble)
            with suppress(ConnectionError):  # nobody hears it any more; it is about to be stopped
                self._pipe.send(tally)
