"""Shutdown of a process that is sending: delayed until every message in flight has its answer."""

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from amends.system.processes import heeded_signals

T = TypeVar("T")


async def delay_shutdown(sending: Coroutine[Any, Any, T], on_signal: Callable[[], None]) -> T:
    """Run the coroutine to its end, and only then let a termination signal take effect.

    A signal of TERMINATION_SIGNALS cancels the coroutine and calls `on_signal`, each time. However often signals come
    and the caller is cancelled, the coroutine is cancelled once. Outside the main thread no signal is heard.
    """
    task = asyncio.create_task(sending)
    received: list[int] = []

    def receive(number: int) -> None:
        received.append(number)
        cancel_once(task)
        on_signal()

    try:
        with _signals_go_to(receive):
            return await _cancelled_once(task)
    finally:
        if received:
            signal.raise_signal(received[0])


async def _cancelled_once(task: "asyncio.Task[T]") -> T:
    """Await the end of the task, which is cancelled once however often the caller is."""
    while True:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.done():
                raise
            cancel_once(task)


def cancel_once(task: "asyncio.Task[Any]") -> None:
    """Cancel the task unless it was cancelled already: a second time would break off its wait for an answer."""
    if not task.cancelling():
        task.cancel()


@contextmanager
def _signals_go_to(receive: Callable[[int], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in heeded_signals()}
    for number in before:
        loop.add_signal_handler(number, receive, number)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
