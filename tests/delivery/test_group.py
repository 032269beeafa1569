"""Group commit: many share one commit, and everybody hears of their own."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from amends.delivery.group import Group


class Book:
    """Commits batches, each when the test lets it."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.open = threading.Event()
        self.open.set()

    def commit(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.open.wait(5)
        return [item * 10 for item in items]


async def test_those_who_are_ready_together_share_one_commit() -> None:
    book = Book()
    group = Group(book.commit)
    await asyncio.gather(*(group(item) for item in range(50)))
    assert book.batches == [list(range(50))]


async def test_those_who_come_during_a_commit_share_the_next() -> None:
    book = Book()
    book.open.clear()
    group = Group(book.commit)
    first = asyncio.create_task(group(0))
    while not book.batches:
        await asyncio.sleep(0.001)
    others = [asyncio.create_task(group(item)) for item in (1, 2, 3)]
    await asyncio.sleep(0)
    book.open.set()
    await asyncio.gather(first, *others)
    assert book.batches == [[0], [1, 2, 3]]


async def test_each_hears_the_answer_to_its_own() -> None:
    group = Group(Book().commit)
    assert await asyncio.gather(*(group(item) for item in (3, 1, 2))) == [30, 10, 20]


async def test_a_failed_commit_is_told_to_everybody_in_it() -> None:
    def fail(items: Sequence[int]) -> list[int]:
        raise OSError("disk full")

    group = Group(fail)
    ends = await asyncio.gather(*(group(item) for item in range(3)), return_exceptions=True)
    assert [type(end) for end in ends] == [OSError] * 3


async def test_after_a_failed_commit_the_next_goes_on() -> None:
    fails = [True]

    def once(items: Sequence[int]) -> Sequence[int]:
        if fails.pop() if fails else False:
            raise OSError("disk full")
        return items

    group = Group(once)
    with pytest.raises(OSError, match="disk full"):
        await group(1)
    assert await group(2) == 2


async def test_one_who_gave_up_waiting_does_not_disturb_the_others() -> None:
    book = Book()
    book.open.clear()
    group = Group(book.commit)
    impatient, patient = asyncio.create_task(group(1)), asyncio.create_task(group(2))
    while not book.batches:
        await asyncio.sleep(0.001)
    impatient.cancel()
    await asyncio.sleep(0)
    book.open.set()
    assert await patient == 20


async def test_items_are_committed_in_the_order_in_which_they_came() -> None:
    book = Book()
    group = Group(book.commit)
    for start in (0, 100, 200):
        await asyncio.gather(*(group(item) for item in range(start, start + 20)))
    committed = [item for batch in book.batches for item in batch]
    assert committed == sorted(committed)
