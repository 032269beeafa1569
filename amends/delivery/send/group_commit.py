"""Group commit: the marks and answers of all messages under way share one commit, and so one fsync.

The commit runs in the event loop's own thread. While it runs, nothing else of this process could do more than wait for
it, and handing it to a thread and back costs more than the commit.
"""

import asyncio
from collections.abc import Callable, Sequence

from amends.domain.base.errors import LedgerUnavailable, StaleClaim
from amends.domain.channel.channel import LOOP_ITERATIONS, Called, Receipt
from amends.ledger import Claim

GATHER_SECONDS = 0.004
"""How long the first of a group waits for the others at most."""
ENOUGH = 0.7
"""When the marks of so many of the lanes are there, the others are not waited for."""
RETRY_SECONDS = 1.0
PATIENCE = 600.0
"""So long a ledger that cannot be written is tried again; nothing leaves meanwhile."""

Write = Callable[[Sequence[Claim], Sequence[tuple[Claim, Receipt]]], frozenset[int]]
"""Keeps marks and answers in one commit; the numbers of the messages that may leave."""


class GroupCommit:
    """Gathers what is to be written down, and writes it down together."""

    def __init__(self, write: Write, told: Callable[[str], None]) -> None:
        """`told` hears why the ledger cannot be written, or an empty text when it can again."""
        self._write, self._told = write, told
        self._loop = asyncio.get_running_loop()
        self._marks: list[tuple[Claim, Called]] = []
        self._answers: list[tuple[Claim, Receipt]] = []
        self._flush: asyncio.Handle | None = None
        self._soon = False
        self._unwritten_since: float | None = None
        self._failure: Exception | None = None
        self._quiet = asyncio.Event()
        self._quiet.set()
        self.company = 0
        """How many lanes are at work: when as many marks wait, nobody else will come."""

    def mark(self, claim: Claim, then: Called) -> None:
        """Call back when the mark that this message may leave is kept, or with StaleClaim when it must not leave."""
        if self._failure:
            then(self._failure)
            return
        self._marks.append((claim, then))
        self._wake(soon=len(self._marks) >= ENOUGH * self.company)

    def answer(self, claim: Claim, receipt: Receipt) -> None:
        """Keep this answer with the next commit."""
        self._answers.append((claim, receipt))
        self._wake(soon=False)

    async def settled(self) -> None:
        """Return when everything is written down. Raises LedgerUnavailable when that could not be done."""
        await self._quiet.wait()
        if self._failure:
            raise self._failure

    def refuse(self) -> None:
        """Nothing more is to leave: whoever still waits for a mark hears so at once. Answers are kept as before."""
        marks, self._marks = self._marks, []
        if not self._answers:
            self._settle()
        for claim, then in marks:
            then(StaleClaim(claim.key))

    def _settle(self) -> None:
        """Nothing is left to be written down."""
        if self._flush:
            self._flush.cancel()
        self._flush = self._unwritten_since = None
        self._quiet.set()

    def _wake(self, *, soon: bool) -> None:
        if self._unwritten_since is not None:
            return  # the next try is set up already
        self._quiet.clear()
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
            self._later(error)
            return
        except Exception as error:  # noqa: BLE001 - handed on to everybody who waits
            self._give_up(error)
            return
        self._marks, self._answers = [], []
        self._settle()
        self._told("")
        if marks:
            self._let_go(marks, may_leave, LOOP_ITERATIONS)

    def _let_go(self, marks: list[tuple[Claim, Called]], may_leave: frozenset[int], turns: int) -> None:
        if turns:
            self._loop.call_soon(self._let_go, marks, may_leave, turns - 1)
            return
        for claim, then in marks:
            then(None if claim.id in may_leave else StaleClaim(claim.key))

    def _later(self, error: LedgerUnavailable) -> None:
        if self._unwritten_since is None:
            self._unwritten_since = self._loop.time()
            self._told(str(error))
        if self._loop.time() - self._unwritten_since > PATIENCE:
            self._give_up(error)
        else:
            self._flush = self._loop.call_later(RETRY_SECONDS, self._commit)

    def _give_up(self, error: Exception) -> None:
        """Nothing leaves any more; what was sent and is not written down, a later run finds marked."""
        self._failure = error
        self._quiet.set()
        marks, self._marks, self._answers = self._marks, [], []
        for _, then in marks:
            then(error)
