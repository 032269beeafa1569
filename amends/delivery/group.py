"""Group commit: while one commit runs, the next batch gathers, so that many messages share one fsync."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Group(Generic[T, R]):
    """Hands items to a blocking function, many at a time; each caller waits for the answer to its own."""

    def __init__(self, commit: Callable[[Sequence[T]], Sequence[R]]) -> None:
        self._commit = commit
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, item: T) -> R:
        """The answer to this item, once it is committed. Raises whatever the commit raised."""
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._running is None:
            self._running = asyncio.create_task(self._drain())
        return await answer

    async def _drain(self) -> None:
        await asyncio.sleep(0)  # lets everybody who is ready join the first batch
        while self._waiting:
            batch, self._waiting = self._waiting, []
            await self._one_commit(batch)
        self._running = None

    async def _one_commit(self, batch: list[tuple[T, "asyncio.Future[R]"]]) -> None:
        try:
            answers = await asyncio.to_thread(self._commit, [item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - handed on to everybody who waits
            for _, future in batch:
                _settle(future, error)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)


def _settle(future: "asyncio.Future[R]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
