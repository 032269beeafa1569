"""An event loop in virtual time: a sleeping task is woken at once, and the loop's clock moves on by the time slept."""

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in which waiting takes no real time; all work runs in one thread, in the same order always."""

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)
        self.set_default_executor(_AtOnce())

    def time(self) -> float:
        """Return the loop's virtual time in seconds."""
        return super().time() + self._skipping.skipped


class _Skipping(selectors.DefaultSelector):
    """A selector that does not wait for the next timer when nothing else is ready."""

    skipped = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = super().select(0)
        if not ready:
            self.skipped += timeout
        return ready


class _AtOnce(ThreadPoolExecutor):
    """An executor without threads, which does the work in the calling thread."""

    def submit(self, work: Callable[..., Result], /, *args: Any, **kwargs: Any) -> "Future[Result]":
        done: Future[Result] = Future()
        try:
            done.set_result(work(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - raised for the caller that asks for the result
            done.set_exception(error)
        return done
