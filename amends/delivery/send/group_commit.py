"""Group commit: the commit marks and answers of all messages in flight share one commit, and so one fsync.

The commit runs in the event loop's own thread. During the commit all other work of this process would only wait for
the commit, and handing the commit to a thread and back costs more than the commit.
"""

import asyncio
from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Generic, Protocol, TypeVar

from amends.domain.base.errors import LedgerUnavailable, StaleClaim
from amends.domain.channel.message import LOOP_ITERATIONS, Called, Receipt

GATHER_SECONDS = 0.004
"""The most seconds that the first mark or answer of a group waits for others."""
ENOUGH = 0.7
"""The share of the lanes whose marks start a commit without waiting for the other lanes."""
RETRY_SECONDS = 1.0
PATIENCE = 600.0
"""Seconds for which a ledger that cannot be written is tried again; nothing leaves meanwhile."""


class Markable(Protocol):
    """A claim on a message that gets a commit mark before it leaves."""

    @property
    def id(self) -> Hashable:
        """Return the name of the claim among those that may leave."""

    @property
    def key(self) -> str:
        """Return the key of the message."""


Claim = TypeVar("Claim", bound=Markable)
CommitMany = Callable[[Sequence[Claim], Sequence[tuple[Claim, Receipt]]], Collection[Hashable]]
"""A function that records marks and answers in one commit, and returns the ids of the messages that may leave."""


class GroupCommit(Generic[Claim]):
    """A group commit of one engine run: gathers marks and answers and writes them together."""

    def __init__(self, write: CommitMany[Claim], report: Callable[[str], None]) -> None:
        """Begin without marks; `report` gets the reason when the ledger cannot be written, and "" after each commit."""
        self._write, self._report = write, report
        self._loop = asyncio.get_running_loop()
        self._marks: list[tuple[Claim, Called]] = []
        self._answers: list[tuple[Claim, Receipt]] = []
        self._flush: asyncio.Handle | None = None
        self._soon = False
        self._unwritten_since: float | None = None
        self._failure: Exception | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self.lanes = 0
        """The number of lanes at work, and so the most marks that can wait at a time."""

    def mark(self, claim: Claim, then: Called) -> None:
        """Call `then` once the message's commit mark is recorded, or with StaleClaim if the message must not leave."""
        if self._failure:
            then(self._failure)
            return
        self._marks.append((claim, then))
        self._wake(soon=len(self._marks) >= ENOUGH * self.lanes)

    def answer(self, claim: Claim, receipt: Receipt) -> None:
        """Record this answer with the next commit."""
        self._answers.append((claim, receipt))
        self._wake(soon=False)

    async def settled(self) -> None:
        """Wait until all marks and answers are written. Raises LedgerUnavailable when they could not be written."""
        await self._idle.wait()
        if self._failure:
            raise self._failure

    def refuse(self) -> None:
        """Refuse every mark that still waits, with StaleClaim. Answers are recorded as before."""
        marks, self._marks = self._marks, []
        if not self._answers:
            self._settle()
        for claim, then in marks:
            then(StaleClaim(claim.key))

    def _settle(self) -> None:
        """Cancel the planned commit, because nothing is left to be written."""
        if self._flush:
            self._flush.cancel()
        self._flush = self._unwritten_since = None
        self._idle.set()

    def _wake(self, *, soon: bool) -> None:
        if self._unwritten_since is not None:
            return  # the next try is planned already
        self._idle.clear()
        if self._flush and soon and not self._soon:
            self._flush.cancel()
            self._flush = None
        if self._flush is None:
            now, later = self._loop.call_soon, self._loop.call_later
            self._flush = now(self._commit) if soon else later(GATHER_SECONDS, self._commit)
            self._soon = soon

    def _commit(self) -> None:
        self._flush = None
        marks, answers = self._marks, self._answers
        try:
            may_leave = self._write([claim for claim, _ in marks], answers)
        except LedgerUnavailable as error:
            self._retry_later(error)
            return
        except Exception as error:  # noqa: BLE001 - passed on to every caller that waits
            self._give_up(error)
            return
        self._marks, self._answers = [], []
        self._settle()
        self._report("")
        if marks:
            self._call_back(marks, may_leave, LOOP_ITERATIONS)

    def _call_back(self, marks: list[tuple[Claim, Called]], may_leave: Collection[Hashable], iterations: int) -> None:
        if iterations:
            self._loop.call_soon(self._call_back, marks, may_leave, iterations - 1)
            return
        for claim, then in marks:
            then(None if claim.id in may_leave else StaleClaim(claim.key))

    def _retry_later(self, error: LedgerUnavailable) -> None:
        if self._unwritten_since is None:
            self._unwritten_since = self._loop.time()
            self._report(str(error))
        if self._loop.time() - self._unwritten_since > PATIENCE:
            self._give_up(error)
        else:
            self._flush = self._loop.call_later(RETRY_SECONDS, self._commit)

    def _give_up(self, error: Exception) -> None:
        """Refuse all marks from now on; a later run finds the marks of messages whose answers were not written."""
        self._failure = error
        self._idle.set()
        marks, self._marks, self._answers = self._marks, [], []
        for _, then in marks:
            then(error)
