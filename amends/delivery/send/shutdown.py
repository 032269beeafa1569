"""What would end the process in the middle of a send waits until what is under way has its answers."""

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from amends.system.processes import heeded_signals

T = TypeVar("T")


async def answered_first(sending: Coroutine[Any, Any, T], ending: Callable[[], None]) -> T:
    """Carry it out. One of TERMINATION_SIGNALS cancels it, and takes effect once it is at its end.

    `ending` is called each time. Only in the main thread, which is the one that signals come to.
    """
    task = asyncio.create_task(sending)
    heard: list[int] = []

    def hear(number: int) -> None:
        heard.append(number)
        cancel_once(task)
        ending()

    try:
        with _heard_by(hear):
            return await task
    finally:
        if heard:
            signal.raise_signal(heard[0])


def cancel_once(task: "asyncio.Task[Any]") -> None:
    """Ask it to end. Who is asked twice breaks off what it waits for, and that may be the answer to a message."""
    if not task.cancelling():
        task.cancel()


@contextmanager
def _heard_by(hear: Callable[[int], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in heeded_signals()}
    for number in before:
        loop.add_signal_handler(number, hear, number)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
