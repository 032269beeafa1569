"""Marks and answers share commits; nothing leaves before its mark is kept, however long the ledger takes."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import pytest

from amends.delivery.send import group_commit
from amends.delivery.send.group_commit import GroupCommit
from amends.domain.base.errors import LedgerUnavailable, StaleClaim
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import LOOP_ITERATIONS, Receipt, Status
from amends.domain.notice.notice import TextName
from amends.ledger import Claim
from amends.ledger.deliver.claims import Released
from channels.base.one_by_one import settle
from tests.builders import NOW

Answers = Sequence[tuple[Claim, Receipt]]
SOON = 20.0
"""The seconds after which a busy machine has done what it does at once; less than any wait that is set here."""


def a_claim(number: int) -> Claim:
    return Claim(
        id=number,
        lease=1,
        key=f"key-{number}",
        bounce="",
        released=Released("first-notice", NOW),
        attempts=1,
        channel=ChannelKind.EMAIL,
        text=TextName("en", "self"),
        about=None,
        to=None,
    )


async def marked(group_commit: GroupCommit, claim: Claim) -> None:
    """Wait until the mark is kept. Raises what the group_commit says."""
    called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    group_commit.mark(claim, partial(settle, called))
    await called


def sent(claim: Claim) -> Receipt:
    return Receipt(claim.key, Status.SENT)


@dataclass
class Book:
    """What a ledger would do: keeps each commit, as long as nothing is wrong with it."""

    commits: list[tuple[list[int], list[int]]] = field(default_factory=list)
    """The numbers of the messages that were marked and of those that were answered."""
    tries: int = 0
    wrong: Exception | None = None
    refused: set[int] = field(default_factory=set)
    told: list[str] = field(default_factory=list)

    def write(self, leaving: Sequence[Claim], answers: Answers) -> frozenset[int]:
        self.tries += 1
        if self.wrong:
            raise self.wrong
        self.commits.append(([claim.id for claim in leaving], [claim.id for claim, _ in answers]))
        return frozenset(claim.id for claim in leaving) - self.refused

    def group_commit(self, company: int = 1) -> GroupCommit:
        opened = GroupCommit(self.write, self.told.append)
        opened.lanes = company
        return opened


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def patiently(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def set_times(*, gather: float = 0.001, retry: float = 0.01, patience: float = 60.0) -> None:
        monkeypatch.setattr(group_commit, "GATHER_SECONDS", gather)
        monkeypatch.setattr(group_commit, "RETRY_SECONDS", retry)
        monkeypatch.setattr(group_commit, "PATIENCE", patience)

    set_times()
    return set_times


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON):
        while not condition():
            await asyncio.sleep(0.001)


# Together.


async def test_each_mark_is_called_back_once_however_long_it_waits(book: Book) -> None:
    """Each mark calls back exactly once, however many iterations of the event loop its message waits."""
    opened, called = book.group_commit(company=3), []
    for number in range(3):
        opened.mark(a_claim(number), lambda error, number=number: called.append((number, error)))
    await until(lambda: len(called) >= 3)
    for _ in range(2 * LOOP_ITERATIONS):
        await asyncio.sleep(0)
    assert called == [(0, None), (1, None), (2, None)]


async def test_the_marks_of_many_lanes_share_one_commit(book: Book) -> None:
    opened = book.group_commit(company=50)
    await asyncio.gather(*(marked(opened, a_claim(number)) for number in range(50)))
    assert book.commits == [(list(range(50)), [])]


async def test_when_all_lanes_wait_nobody_else_is_waited_for(book: Book, patiently: Callable[..., None]) -> None:
    patiently(gather=60.0)
    opened = book.group_commit(company=3)
    async with asyncio.timeout(SOON):
        await asyncio.gather(*(marked(opened, a_claim(number)) for number in range(3)))
    assert len(book.commits) == 1


async def test_lanes_that_are_busy_elsewhere_do_not_hold_up_the_others(book: Book) -> None:
    opened = book.group_commit(company=100)
    async with asyncio.timeout(SOON):
        await marked(opened, a_claim(1))
    assert book.commits == [([1], [])]


async def test_an_answer_alone_is_written_down_soon(book: Book) -> None:
    book.group_commit(company=100).answer(a_claim(1), sent(a_claim(1)))
    await until(lambda: book.commits == [([], [1])])


async def test_an_answer_is_kept_with_the_next_mark_of_its_lane(book: Book) -> None:
    opened = book.group_commit()
    opened.answer(a_claim(1), sent(a_claim(1)))
    await marked(opened, a_claim(2))
    assert book.commits == [([2], [1])]


async def test_everything_is_written_down_once_it_is_settled(book: Book) -> None:
    opened = book.group_commit(company=100)
    for number in range(7):
        opened.answer(a_claim(number), sent(a_claim(number)))
    await opened.settled()
    assert [number for _, answered in book.commits for number in answered] == list(range(7))
    assert book.told == [""] * len(book.commits)


async def test_who_must_not_send_any_more_is_told_and_the_others_go_on(book: Book) -> None:
    book.refused = {2}
    opened = book.group_commit(company=3)
    marks = await asyncio.gather(*(marked(opened, a_claim(number)) for number in range(1, 4)), return_exceptions=True)
    assert [type(mark) for mark in marks] == [type(None), StaleClaim, type(None)]


async def test_who_no_longer_waits_for_a_mark_keeps_nobody_else_from_theirs(book: Book) -> None:
    opened = book.group_commit(company=2)
    gone, stays = (asyncio.create_task(marked(opened, a_claim(number))) for number in (1, 2))
    await asyncio.sleep(0)
    gone.cancel()
    async with asyncio.timeout(SOON):
        await stays
    assert gone.cancelled()


# The ledger cannot be written.


async def test_nothing_is_sent_while_marks_fail_and_the_reason_is_told(
    book: Book, patiently: Callable[..., None]
) -> None:
    """While the ledger cannot be written no mark is kept, so nothing is sent, and the reason is told once.

    Once the ledger can be written, the mark is kept and the trouble is over.
    """
    book.wrong = LedgerUnavailable("the disk is full")
    opened = book.group_commit()
    mark = asyncio.create_task(marked(opened, a_claim(1)))
    await until(lambda: book.tries > 3)
    assert not mark.done()
    assert book.told == ["the disk is full"]
    book.wrong = None
    await mark
    assert book.commits == [([1], [])]
    assert book.told == ["the disk is full", ""]


async def test_marks_made_while_the_ledger_fails_are_kept_with_the_rest(
    book: Book, patiently: Callable[..., None]
) -> None:
    """Marks and answers that come while the ledger cannot be written are kept in one commit with the rest."""
    book.wrong = LedgerUnavailable("locked")
    opened = book.group_commit()
    marks = [asyncio.create_task(marked(opened, a_claim(number))) for number in range(3)]
    await until(lambda: book.tries > 1)
    opened.answer(a_claim(7), sent(a_claim(7)))
    marks.append(asyncio.create_task(marked(opened, a_claim(3))))
    await asyncio.sleep(0)
    book.wrong = None
    await asyncio.gather(*marks)
    assert book.commits == [([0, 1, 2, 3], [7])]


async def test_a_failing_ledger_is_not_tried_more_often_for_more_marks(
    book: Book, patiently: Callable[..., None]
) -> None:
    """A ledger that cannot be written is not tried more often because more marks wait for it.

    Each try can stop everything for fifteen seconds, and with it the answers of the messages in flight.
    """
    patiently(retry=60.0)
    book.wrong = LedgerUnavailable("locked")
    opened = book.group_commit()
    opened.answer(a_claim(7), sent(a_claim(7)))
    await until(lambda: book.tries > 0)
    marks = [asyncio.create_task(marked(opened, a_claim(number))) for number in range(5)]
    await asyncio.sleep(0.05)
    assert book.tries == 1
    opened.refuse()
    assert {type(mark) for mark in await asyncio.gather(*marks, return_exceptions=True)} == {StaleClaim}


async def test_a_run_ends_only_when_the_ledger_can_be_written_again(book: Book, patiently: Callable[..., None]) -> None:
    book.wrong = LedgerUnavailable("locked")
    opened = book.group_commit()
    opened.answer(a_claim(1), sent(a_claim(1)))
    end = asyncio.create_task(opened.settled())
    await until(lambda: book.tries > 3)
    assert not end.done()
    book.wrong = None
    await end
    assert book.commits == [([], [1])]


async def test_when_nothing_more_is_to_leave_nobody_waits_for_a_mark(
    book: Book, patiently: Callable[..., None]
) -> None:
    book.wrong = LedgerUnavailable("locked")
    opened = book.group_commit()
    mark = asyncio.create_task(marked(opened, a_claim(1)))
    await until(lambda: book.tries > 1)
    opened.refuse()
    async with asyncio.timeout(SOON):
        with pytest.raises(StaleClaim):
            await mark
        await opened.settled()
    assert book.commits == []


async def test_a_failing_ledger_is_not_tried_when_nothing_is_left_to_write(
    book: Book, patiently: Callable[..., None]
) -> None:
    """Once every mark was refused and nothing is left to be written, the ledger is not tried again.

    The person who called off the send would hear of its trouble for another ten minutes, although there is none left.
    """
    book.wrong = LedgerUnavailable("locked")
    opened = book.group_commit()
    mark = asyncio.create_task(marked(opened, a_claim(1)))
    await until(lambda: book.tries > 0)
    opened.refuse()
    with pytest.raises(StaleClaim):
        await mark
    tries, told = book.tries, list(book.told)
    await asyncio.sleep(0.1)
    await opened.settled()
    assert (book.tries, book.told) == (tries, told)


async def test_when_nothing_more_is_to_leave_answers_are_kept_all_the_same(
    book: Book, patiently: Callable[..., None]
) -> None:
    book.wrong = LedgerUnavailable("locked")
    opened = book.group_commit()
    mark = asyncio.create_task(marked(opened, a_claim(1)))
    opened.answer(a_claim(2), sent(a_claim(2)))
    await until(lambda: book.tries > 1)
    opened.refuse()
    with pytest.raises(StaleClaim):
        await mark
    end = asyncio.create_task(opened.settled())
    tries = book.tries
    await until(lambda: book.tries > tries + 1)
    assert not end.done()
    book.wrong = None
    await end
    assert book.commits == [([], [2])]


async def test_an_answer_that_comes_after_nothing_more_is_to_leave_is_kept(
    book: Book, patiently: Callable[..., None]
) -> None:
    book.wrong = LedgerUnavailable("locked")
    opened = book.group_commit()
    mark = asyncio.create_task(marked(opened, a_claim(1)))
    await until(lambda: book.tries > 1)
    opened.refuse()
    with pytest.raises(StaleClaim):
        await mark
    book.wrong = None
    opened.answer(a_claim(2), sent(a_claim(2)))
    async with asyncio.timeout(SOON):
        await opened.settled()
    assert book.commits == [([], [2])]


async def test_after_long_enough_nothing_leaves_any_more_and_the_run_fails(
    book: Book, patiently: Callable[..., None]
) -> None:
    patiently(patience=0.05)
    book.wrong = LedgerUnavailable("gone")
    opened = book.group_commit(company=2)
    marks = await asyncio.gather(*(marked(opened, a_claim(number)) for number in range(2)), return_exceptions=True)
    assert [type(mark) for mark in marks] == [LedgerUnavailable] * 2
    with pytest.raises(LedgerUnavailable, match="gone"):
        await opened.settled()
    assert book.commits == []


async def test_a_lane_that_comes_after_it_was_given_up_is_not_kept_waiting(
    book: Book, patiently: Callable[..., None]
) -> None:
    patiently(patience=0.05)
    book.wrong = LedgerUnavailable("gone")
    opened = book.group_commit()
    with pytest.raises(LedgerUnavailable):
        await marked(opened, a_claim(1))
    async with asyncio.timeout(SOON):
        with pytest.raises(LedgerUnavailable):
            await marked(opened, a_claim(2))


async def test_any_other_trouble_with_the_ledger_fails_all_marks_at_once(book: Book) -> None:
    book.wrong = RuntimeError("a fault of ours")
    opened = book.group_commit(company=2)
    marks = await asyncio.gather(*(marked(opened, a_claim(number)) for number in range(2)), return_exceptions=True)
    assert [type(mark) for mark in marks] == [RuntimeError] * 2
    with pytest.raises(RuntimeError):
        await opened.settled()
