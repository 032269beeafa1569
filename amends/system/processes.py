"""Processes of our own, beside the one that was asked; and what ends a process."""

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
ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
"""What ends a process unless it knows better: its terminal was lost, Ctrl-C, somebody asks it to end."""


def process_kind() -> type[BaseProcess]:
    """How another process begins: a fork shares what is loaded, but only one without other threads may be forked."""
    return (get_context("fork") if threading.active_count() == 1 else get_context("spawn")).Process


def expect_few_cycles() -> None:
    """Have Python look for cycles of objects only now and then: few are made, and looking takes a tenth of the time."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


def give_way(nicer: int) -> None:
    """Have this process take the processor only as far as others leave it: 19 yields most (nice(1)).

    One that yields more already goes on so. Linux shares the processor out among sessions first, and only within one by
    how nice a process is (autogroup, sched(7)): who leads a session has that yield too; another's is somebody's shell.
    """
    os.setpriority(os.PRIO_PROCESS, 0, max(nicer, os.getpriority(os.PRIO_PROCESS, 0)))
    if os.getsid(0) == os.getpid():
        with suppress(OSError):  # a system without it
            AUTOGROUP.write_text(str(nicer))


class Stopped(Exception):
    """Somebody pressed Ctrl-C, asked us to end, or the terminal was lost; told by the number of the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number
        """What a shell makes of a command that such a signal ended."""


def heeded() -> list[signal.Signals]:
    """The signals of ENDING that would end this process; nohup and shells have some ignored."""
    return [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """What would end the process ends the block in good order. Raises Stopped."""

    def stop(number: int, _frame: object) -> None:
        raise Stopped(number)

    before = {number: signal.signal(number, stop) for number in heeded()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def deaf() -> Iterator[None]:
    """What would end the process is not heard at all before the end of the block, whatever threads there are."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in heeded()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """What would end the block is heard behind it: what is raised in the middle of a fork, Python swallows."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
