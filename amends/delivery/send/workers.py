"""Workers: several processes send one notice, one for each core; any number of engine runs may share a notice."""

import asyncio
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
from amends.delivery.send.engine import (
    ROUNDS,
    Begun,
    Clock,
    During,
    Rounds,
    Tally,
    begin,
    conclude,
    deliver,
    parked,
    undisturbed,
)
from amends.delivery.send.shutdown import cancel_once, delay_shutdown
from amends.delivery.send.stops import WHOLE_SEND, note_stops
from amends.domain.base.errors import AmendsError, ChannelError, ChannelMisconfigured, LedgerAltered
from amends.domain.channel.channel import ChannelKind, is_kept_here, kept_here
from amends.domain.deliver.limits import DEFAULT, Limits
from amends.domain.draft.writer import Links
from amends.domain.notice.notice import Draft
from amends.ledger import Ledger
from amends.system.processes import TERMINATION_SIGNALS, few_cycles, heeded_signals, process_kind, signals_deferred

SHARE = 5_000
"""The fewest people that are worth a process of their own."""
FIRST, TO_PEOPLE = ROUNDS[:1], ROUNDS[1:2]
ANSWERS_SECONDS = 4_800.0
"""The most seconds that a process may take to stop: a relay has an hour for its answer at most (final_timeout), and a
ledger that cannot be written is tried again for ten minutes. A process killed earlier leaves messages in doubt."""
HALTED_SECONDS = 10.0
"""Seconds until a halted process is killed: it receives no answers, so waiting longer would bring none."""
LOOK_SECONDS = 0.003
PROGRESS_SECONDS = 0.2
"""The least time between two tallies of one process."""

ENDED = (EOFError, OSError)
"""The errors of a pipe whose other side has ended; OSError when the other side was killed while writing."""

Shares = Mapping[ChannelKind, int]
"""The number of processes that use each channel."""
UNSHARED: Shares = {}
Progress = Callable[[Tally], None]
"""A function that is called with each new tally of a send."""
Part = Callable[[], Awaitable[Tally]]
"""A function that runs one process's part of the send."""


def wall_clock() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Work:
    """A notice to be sent, with all that a process needs to send the notice. Holds secrets: never log or print it."""

    ledger: Ledger = field(repr=False)
    channels: ChannelSettings = field(repr=False)
    incident: str
    notice: str
    links: Links
    clock: Clock = wall_clock
    limits: Limits = DEFAULT
    begun: Begun | None = field(default=None, repr=False)
    """The begun send that the process takes part in; None before the send has begun."""
    during: During = field(default=undisturbed, repr=False)
    """A function that each channel of this process sends within; a worker's process has none."""

    @property
    def named(self) -> tuple[str, str]:
        """Return the ids of the incident and of the notice."""
        return self.incident, self.notice


async def _run_directly(_number: int, part: Part) -> Tally:
    return await part()


async def send(
    work: Work,
    progress: Progress = lambda _: None,
    cores: int | None = None,
    each: Callable[[int, Part], Awaitable[Tally]] = _run_directly,
    on_signal: Callable[[], None] = lambda: None,
    during: During = undisturbed,
) -> Tally:
    """Send the notice with as many processes as make it faster. Raises and may be cancelled as `deliver`.

    `each` runs one numbered part, and `during` the sending on one channel in this process; flows make tasks of these. A
    signal that would end this process stops the send,
    calls `on_signal`, and takes effect when every message in flight has its answer.
    """
    try:
        return await delay_shutdown(_send(replace(work, during=during), progress, cores, each), on_signal)
    except (ChannelError, LedgerAltered) as error:
        note_stops(work.ledger, *work.named, {WHOLE_SEND: str(error)}, work.clock())
        raise


async def _send(
    work: Work, progress: Progress, cores: int | None, each: Callable[[int, Part], Awaitable[Tally]]
) -> Tally:
    if work.clock is not wall_clock:
        return await _run_engine(work, ROUNDS, progress)
    with few_cycles():
        work.ledger.clocks.observe(seen(), work.ledger.clocks.server_time())
        draft = work.ledger.notices.latest_draft(*work.named)
        shares = await _shares(work.channels, draft, min(cores or os.cpu_count() or 1, draft.people // SHARE))
        if max(shares.values(), default=1) < 2:
            return await _run_engine(replace(work, begun=await _begun(work)), ROUNDS, progress)
        return await _send_together(work, shares, progress, each)


async def _send_together(
    work: Work, shares: Shares, progress: Progress, each: Callable[[int, Part], Awaitable[Tally]]
) -> Tally:
    """Send with workers, then what is left over in this process."""
    work.ledger.dispose()  # a connection must not be in two processes
    async with _started_workers(work, shares) as workers:
        begun = await _begun(work)
        parts = [await _put_up_page(work, begun, progress)]
        if not parts[0].trouble:
            total, theirs = _Total(parts[0], progress), replace(begun, uncertain=0)
            running = [each(number, total.part(worker, theirs)) for number, worker in enumerate(workers, 1)]
            parts += _tallies(await asyncio.gather(*running, return_exceptions=True))
    if any(part.trouble for part in parts):
        people, for_a_person = work.ledger.statistics.people(*work.named), parked(work.ledger, *work.named)
        return replace(_sum(parts), people=people, parked=for_a_person)
    end = conclude(work.ledger, *work.named, work.clock(), Tally())
    if not end.finished and work.ledger.deliveries.pending(*work.named):
        return _sum([*parts, await _run_engine(work, ROUNDS, lambda tally: progress(_sum([*parts, tally])))])
    return _sum([*parts, end])


async def _begun(work: Work) -> Begun:
    """Begin the send in a thread, because storing the messages of very many people takes a while."""
    return await asyncio.to_thread(_begin, work)


def _begin(work: Work) -> Begun:
    """Begin the send, unless a channel writes files here but has a provider on other machines.

    Raises as `begin` does, and ChannelMisconfigured for such a channel.
    """
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
    """Return how many of at most this many processes use each channel to people, at most one for each connection.

    A channel that is only in the cascade is not worth more processes. All channels are connected, so that a fault in
    their settings is found before anything leaves.
    """
    needed = {*draft.channels, *draft.cascade}.intersection(*TO_PEOPLE)
    async with connected(settings) as channels:
        at_once = {kind: channel.at_once for kind, channel in channels.items() if kind in needed}
    first = [most for kind, most in at_once.items() if kind in draft.channels] or at_once.values()
    processes = min(processes, max(first, default=1))
    return {kind: max(min(processes, most), 1) for kind, most in at_once.items()}


def _paces(settings: ChannelSettings, shares: Shares) -> dict[ChannelKind, Pace]:
    return {kind: paces({kind: own}, shares.get(kind, 1))[kind] for kind, own in settings.items()}


async def _run_engine(work: Work, rounds: Rounds, progress: Progress, shares: Shares = UNSHARED) -> Tally:
    """Run the engine in this process, with this process's share of the connections and of the rate."""
    clock = MonotonicClock(work.clock) if work.clock is wall_clock else work.clock
    async with connected(work.channels) as channels:
        return await deliver(
            work.ledger,
            channels,
            *work.named,
            work.links,
            clock,
            progress,
            _paces(work.channels, shares),
            rounds,
            work.limits,
            work.begun,
            work.during,
        )


async def _put_up_page(work: Work, begun: Begun, progress: Progress) -> Tally:
    """Put up the page before any message links to the page; do nothing when it is up, or when there is none."""
    if work.ledger.deliveries.published(*work.named):
        return Tally(messages=begun.messages, uncertain_after_crash=begun.uncertain)
    return await _run_engine(replace(work, begun=begun), FIRST, progress)


def _tallies(ends: Sequence[Tally | BaseException]) -> list[Tally]:
    for end in ends:
        if isinstance(end, BaseException):
            raise end
    return [end for end in ends if isinstance(end, Tally)]


def _sum(parts: Sequence[Tally]) -> Tally:
    """Add the tallies up: the first knows how many messages there were, the last how the send ended."""
    return Tally(
        messages=parts[0].messages,
        answers=sum((part.answers for part in parts), Counter()),
        trouble={kind: why for part in parts for kind, why in part.trouble.items()},
        uncertain_after_crash=sum(part.uncertain_after_crash for part in parts),
        finished=parts[-1].finished,
        parked=max(part.parked for part in parts),
        people=parts[-1].people,
    )


class _Total:
    """The sum of the latest tallies of all parts."""

    def __init__(self, first: Tally, progress: Progress) -> None:
        self._parts, self._progress = [first], progress

    def part(self, worker: "_Worker", begun: Begun) -> Part:
        """Return the part of this worker, whose tallies are added to the total."""
        number = len(self._parts)
        self._parts.append(Tally())

        def update(tally: Tally) -> None:
            self._parts[number] = tally
            self._progress(_sum(self._parts))

        return lambda: worker.carry_out(begun, update)


class _Worker:
    """A child process that prepares itself, waits until the send begins, and ends when this process is killed."""

    def __init__(self, work: Work, shares: Shares, ends: list[Connection]) -> None:
        """Start the process; `ends` are this process's ends of the pipes to all workers, which a fork inherits."""
        self._pipe, theirs = Pipe()
        ends.append(self._pipe)
        self._process = process_kind()(target=_work, args=(work, shares, theirs, ends), daemon=True)
        with signals_deferred():  # until the worker has its own signal handlers
            self._process.start()
        theirs.close()
        self._has_ended = False

    async def carry_out(self, begun: Begun, progress: Progress) -> Tally:
        """Have the worker send its part of the messages to people, and return its last tally."""
        tally = Tally()
        with suppress(ConnectionError):  # the worker has ended
            self._pipe.send(begun)
        while latest := await _next_tally(self._pipe):
            progress(tally := latest)
        self._has_ended = True
        return tally

    async def stop(self) -> None:
        """Terminate the worker and wait for its end, which comes when every message in flight has its answer.

        A halted worker receives no answers and is killed after HALTED_SECONDS, any other one after ANSWERS_SECONDS.
        """
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
                    _receive(self._pipe)  # a worker would block for ever on a full pipe
            await asyncio.sleep(LOOK_SECONDS)
        self._process.join()
        self._pipe.close()

    def _is_halted(self) -> bool:
        """Return True when the process is halted (SIGSTOP); False where Python cannot tell (macOS before 3.13)."""
        if not hasattr(os, "waitid"):
            return False
        look = os.WSTOPPED | os.WNOHANG | os.WNOWAIT  # WNOWAIT leaves the state to be read again
        with suppress(ChildProcessError):  # the process has just ended
            return os.waitid(os.P_PID, self._process.pid or 0, look) is not None
        return False


@asynccontextmanager
async def _started_workers(work: Work, shares: Shares) -> AsyncIterator[list[_Worker]]:
    """Start as many workers as the largest share asks for, yield them, and stop all of them at the end.

    A channel with a smaller share is used by the first workers only, so that no more connections are opened to the
    channel than its settings allow.
    """
    ends: list[Connection] = []
    workers = [
        _Worker(replace(work, channels=_channels_of(work, shares, number), during=undisturbed), shares, ends)
        for number in range(max(shares.values()))
    ]
    try:
        yield workers
    finally:
        await asyncio.shield(asyncio.gather(*(worker.stop() for worker in workers)))


def _channels_of(work: Work, shares: Shares, number: int) -> ChannelSettings:
    return {kind: own for kind, own in work.channels.items() if number < shares.get(kind, 0)}


async def _readable(pipe: Connection) -> None:
    """Wait until something can be read from the pipe, or its other side has ended."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(pipe.fileno(), readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(pipe.fileno())


async def _next_tally(pipe: Connection) -> Tally | None:
    """Wait for the worker's next tally, and return it, or None when the worker has ended. Raises the worker's error."""
    await _readable(pipe)
    with suppress(*ENDED):
        return _receive(pipe)
    return None


def _receive(pipe: Connection) -> Tally:
    """Return the worker's next tally. Raises the worker's error, and one of ENDED when the worker has ended."""
    received: Tally | AmendsError = pipe.recv()
    if isinstance(received, AmendsError):
        raise received
    return received


# In the worker's process.


def _work(work: Work, shares: Shares, pipe: Connection, ends: Sequence[Connection]) -> None:
    for end in ends:
        end.close()  # while a copy is open here, a pipe does not end when the parent is killed
    signal.set_wakeup_fd(-1)  # a fork inherits the parent's, so the parent's event loop would get this one's signals
    with few_cycles(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
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
        work.ledger.notices.latest_draft(*work.named)  # opens the connection to the ledger before it is needed
        if begun := await _receive_begun(pipe):
            _stop_when_orphaned(pipe)
            pipe.send(await _run_engine(replace(work, begun=begun), TO_PEOPLE, _ProgressPipe(pipe), shares))
    finally:
        work.ledger.dispose()


async def _receive_begun(pipe: Connection) -> Begun | None:
    """Wait until the send has begun, and return the begun send, or None when the parent has ended before."""
    await _readable(pipe)
    with suppress(*ENDED):
        begun: Begun = pipe.recv()
        return begun
    return None


def _stop_when_orphaned(pipe: Connection) -> None:
    """Cancel the current task when the parent has ended, because nobody else could stop this process then."""
    parent_ended = asyncio.create_task(_readable(pipe))
    if task := asyncio.current_task():
        parent_ended.add_done_callback(lambda _: cancel_once(task))


class _ProgressPipe:
    """A progress function that sends tallies to the parent: every PROGRESS_SECONDS, and at once on new trouble."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._next, self._trouble = pipe, 0.0, dict[str, str]()

    def __call__(self, tally: Tally) -> None:
        if (now := time.monotonic()) >= self._next or tally.trouble != self._trouble:
            self._next, self._trouble = now + PROGRESS_SECONDS, dict(tally.trouble)
            with suppress(ConnectionError):  # the parent has ended, so this process is about to stop
                self._pipe.send(tally)
