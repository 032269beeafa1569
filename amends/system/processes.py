"""Child processes, the priority of a process, and the signals that end a process."""

import gc
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")
FROZEN = threading.Event()
"""Set while objects are frozen. To count them, as gc.get_freeze_count does, takes a tenth of a second for a million."""
TERMINATION_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
"""The signals that end a process by default: its terminal was lost, Ctrl-C, a request to end."""


def process_kind() -> type[BaseProcess]:
    """Return the class of child processes: forked, which shares loaded modules, or spawned when there are threads."""
    return (get_context("fork") if threading.active_count() == 1 else get_context("spawn")).Process


@contextmanager
def few_cycles() -> Iterator[None]:
    """Search for garbage rarely in the block, and not in what was there before: searching takes a tenth of the time.

    In a process that has frozen its imports nothing more is frozen.
    """
    thresholds, was_frozen = gc.get_threshold(), FROZEN.is_set()
    gc.set_threshold(100_000, 50, 50)
    if not was_frozen:
        FROZEN.set()
        gc.freeze()  # a collection in a fork would also copy every page of memory that it looks at
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        if not was_frozen:
            gc.unfreeze()
            FROZEN.clear()


def freeze_imports() -> None:
    """Leave what was imported, which stays, out of garbage collections, each of which takes half a second with it."""
    gc.collect()
    gc.freeze()
    FROZEN.set()


def give_way(nicer: int) -> None:
    """Set the niceness of this process: 19 yields the CPU most (nice(1)). A higher niceness stays as it is.

    Linux shares the CPU among sessions first, and by niceness only within a session (autogroup, sched(7)). So a process
    that leads a session lowers the session too; a session with another leader belongs to somebody's shell.
    """
    os.setpriority(os.PRIO_PROCESS, 0, max(nicer, os.getpriority(os.PRIO_PROCESS, 0)))
    if os.getsid(0) == os.getpid():
        with suppress(OSError):  # a system without autogroup
            AUTOGROUP.write_text(str(nicer))


class Stopped(Exception):
    """The end of a command by a signal: Ctrl-C, a request to end, or a lost terminal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number
        """The exit code that a shell shows for a command that this signal ended."""


def heeded_signals() -> list[signal.Signals]:
    """Return the termination signals that this process does not ignore; nohup and shells make it ignore some."""
    return [number for number in TERMINATION_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Raise Stopped in the block on a signal that would end the process, so that the block can clean up."""

    def stop(number: int, _frame: object) -> None:
        raise Stopped(number)

    before = {number: signal.signal(number, stop) for number in heeded_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def signals_ignored() -> Iterator[None]:
    """Ignore termination signals during the block, in every thread of the process."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in heeded_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def signals_deferred() -> Iterator[None]:
    """Defer termination signals to the end of the block: Python swallows an exception that is raised during a fork."""
    signal.pthread_sigmask(signal.SIG_BLOCK, TERMINATION_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, TERMINATION_SIGNALS)
