"""Workers that Hypothesis kills between any two verbs of the ledger, for messages of each kind: nobody hears twice.

A notice has a machine of its own besides for what only notices have: corrections, cascades, letters and backups
(tests/ledger/deliver/machine).
"""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from amends.domain.base.errors import NotAllowed
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.channel.outgoing import LEASE, OutgoingKind, OutgoingName
from amends.ledger import Ledger
from tests.builders import NOW, a_person
from tests.delivery.sending import INCIDENT, NOTICE, a_ledger, sqlite_url
from tests.message_kinds import KINDS, begin, member

pytestmark = pytest.mark.timeout(0)
READERS = range(1, 5)
FEW, MANY, STEPS = 6, 300 if os.environ.get("AMENDS_SOAK") else 20, 40
ARRIVED, EXPLAINED = {"sent", "delivered"}, {"uncertain", "failed", "unreachable", "parked"}
HOUR = timedelta(hours=1)
WAITS = [timedelta(minutes=1), timedelta(minutes=5), LEASE + timedelta(minutes=1), 4 * HOUR]
VERDICTS: Mapping[str, tuple[Status, bool]] = {
    "taken": (Status.SENT, True),
    "lost": (Status.UNCERTAIN, True),
    "lost before": (Status.UNCERTAIN, False),
    "refused": (Status.REJECTED, False),
    "later": (Status.DEFERRED, False),
}
"""What a worker hears of a message, and whether the message arrived."""
SOME = st.integers(0, 20)


class Verbs(Protocol):
    """The verbs of the ledger by which a worker sends messages of one kind."""

    def claim(self, ledger: Ledger, most: int, now: datetime) -> Sequence[Any]: ...
    def record(
        self, ledger: Ledger, marks: Sequence[Any], answers: Sequence[Any], now: datetime
    ) -> Collection[Any]: ...
    def recover(self, ledger: Ledger, now: datetime) -> object: ...


class NoticeVerbs:
    def claim(self, ledger: Ledger, most: int, now: datetime) -> Sequence[Any]:
        return ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.EMAIL], most, now)

    def record(self, ledger: Ledger, marks: Sequence[Any], answers: Sequence[Any], now: datetime) -> Collection[Any]:
        return ledger.deliveries.record(marks, answers, INCIDENT, NOTICE, now)

    def recover(self, ledger: Ledger, now: datetime) -> object:
        return ledger.deliveries.recover(INCIDENT, NOTICE, now)


class OutboxVerbs:
    def __init__(self, kind: OutgoingKind) -> None:
        self._kind = kind

    def claim(self, ledger: Ledger, most: int, now: datetime) -> Sequence[Any]:
        if not self._kind.traits.to_team:
            return ledger.outbox.claim(INCIDENT, self._kind, ChannelKind.EMAIL.value, now, most)
        names = [OutgoingName(INCIDENT, self._kind, "it", "", member(reader)) for reader in READERS]
        return ledger.outbox.claim_named(dict.fromkeys(sorted(ledger.outbox.unsent(names))[:most], "look"), now)

    def record(self, ledger: Ledger, marks: Sequence[Any], answers: Sequence[Any], now: datetime) -> Collection[Any]:
        return ledger.outbox.record(marks, answers, now)

    def recover(self, ledger: Ledger, now: datetime) -> object:
        return ledger.outbox.recover(INCIDENT, now)


VERBS: Mapping[str, Verbs] = {"notice": NoticeVerbs(), **{kind.value: OutboxVerbs(kind) for kind in OutgoingKind}}


@dataclass
class Worker:
    """A worker, what it has claimed, and what it has heard."""

    claims: dict[str, Any]
    until: datetime
    marked: set[str] = field(default_factory=set)
    heard: dict[str, Receipt] = field(default_factory=dict)
    alive: bool = True


class KillMachine(RuleBasedStateMachine):
    """Workers of one kind over one ledger, and the world that counts what arrives."""

    def __init__(self, place: Path, kind: str) -> None:
        super().__init__()
        self.place, self.kind, self.verbs = place, KINDS[kind], VERBS[kind]
        self.folder = Path(tempfile.mkdtemp(dir=place))
        shutil.copytree(made(place, kind), self.folder, dirs_exist_ok=True)
        self.ledger = a_ledger(sqlite_url(self.folder), self.folder)

    @initialize()
    def all_messages_wait(self) -> None:
        self.now, self.paused = NOW, False
        self.workers: list[Worker] = []
        self.arrived: Counter[str] = Counter()

    def held(self) -> set[str]:
        return {key for worker in self.workers if worker.until > self.now for key in worker.claims}

    def alive(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.alive]

    def worker(self, which: int) -> Worker:
        return self.alive()[which % len(self.alive())]

    @rule(most=st.integers(1, 4))
    def a_worker_claims(self, most: int) -> None:
        try:
            claims = self.verbs.claim(self.ledger, most, self.now)
        except NotAllowed:
            assert self.paused and not self.kind.to_team
            return
        assert not self.paused or self.kind.to_team or not claims
        keys = {claim.key: claim for claim in claims}
        assert not keys.keys() & self.held(), "in other hands"
        assert self.kind.repeats or not keys.keys() & self.arrived.keys(), "claimed although it has arrived"
        if keys:
            self.workers.append(Worker(keys, self.now + LEASE))

    @precondition(lambda self: self.alive())
    @rule(which=SOME)
    def a_worker_marks(self, which: int) -> None:
        worker = self.worker(which)
        fresh = [claim for key, claim in worker.claims.items() if key not in worker.marked]
        may = self.verbs.record(self.ledger, fresh, (), self.now)
        for claim in fresh:
            if claim.id in may:
                assert not self.paused or self.kind.to_team, "it leaves in a pause"
                worker.marked.add(claim.key)
            else:
                del worker.claims[claim.key]

    @precondition(lambda self: self.alive())
    @rule(which=SOME, verdict=st.sampled_from(sorted(VERDICTS)))
    def a_worker_sends(self, which: int, verdict: str) -> None:
        """Send what is marked; nothing of it is written down yet."""
        worker = self.worker(which)
        status, arrives = VERDICTS[verdict]
        for key in worker.marked - worker.heard.keys():
            self.arrived[key] += arrives
            assert self.kind.repeats or self.arrived[key] <= 1, "somebody is told twice"
            worker.heard[key] = Receipt(key, status, verdict)

    @precondition(lambda self: self.alive())
    @rule(which=SOME, twice=st.booleans())
    def a_worker_records(self, which: int, twice: bool) -> None:
        """Twice when it did not hear that the first time was written down."""
        worker = self.worker(which)
        answers = [(worker.claims[key], receipt) for key, receipt in worker.heard.items()]
        for _ in range(1 + twice):
            self.verbs.record(self.ledger, (), answers, self.now)
        for key in tuple(worker.heard):
            worker.marked.discard(key)
            del worker.claims[key], worker.heard[key]

    @precondition(lambda self: self.alive())
    @rule(which=SOME)
    def a_worker_is_killed(self, which: int) -> None:
        """What it has claimed is nobody else's until the lease has run out."""
        self.worker(which).alive = False

    @precondition(lambda self: self.alive() and not self.paused)
    @rule(which=SOME)
    def a_pause_comes_before_the_mark(self, which: int) -> None:
        self.the_lead_pauses_or_resumes()
        self.a_worker_marks(which)
        self.the_lead_pauses_or_resumes()

    @precondition(lambda self: self.alive())
    @rule(which=SOME)
    def a_stalled_worker_is_overtaken(self, which: int) -> None:
        """Another worker takes over what a worker has that stood still beyond its lease, and both go on."""
        stalled = self.worker(which)
        self.now += LEASE + timedelta(minutes=1)
        self.what_is_left_of_the_dead_is_taken_up()
        self.a_worker_claims(4)
        for worker in (self.alive()[-1], stalled):
            self.a_worker_marks(place := self.alive().index(worker))
            self.a_worker_sends(place, "taken")

    @rule(wait=st.sampled_from(WAITS))
    def time_passes(self, wait: timedelta) -> None:
        self.now += wait

    @rule()
    def what_is_left_of_the_dead_is_taken_up(self) -> None:
        self.verbs.recover(self.ledger, self.now)

    @rule()
    def the_lead_pauses_or_resumes(self) -> None:
        act = self.ledger.incidents.resume if self.paused else self.ledger.incidents.pause
        act(INCIDENT, "lena", self.now)
        self.paused = not self.paused

    @invariant()
    def nobody_counts_as_told_who_is_not(self) -> None:
        told = {reader for reader, state in self.kind.states(self.ledger) if state in ARRIVED}
        assert len(told) <= len(+self.arrived)

    def teardown(self) -> None:
        if hasattr(self, "now"):
            self.until_nothing_is_left()
        self.ledger.dispose()
        shutil.rmtree(self.folder)

    def until_nothing_is_left(self) -> None:
        if self.paused:
            self.the_lead_pauses_or_resumes()
        self.workers.clear()
        for _ in range(4):
            self.now += 7 * HOUR
            self.what_is_left_of_the_dead_is_taken_up()
            self.a_worker_claims(50)
            if self.workers:
                self.a_worker_marks(0)
                self.a_worker_sends(0, "taken")
                self.a_worker_records(0, twice=False)
                self.workers.clear()
        self.nobody_counts_as_told_who_is_not()
        useless = {"waiting"} if self.kind is KINDS["hour_reminder"] else set()
        states = self.kind.states(self.ledger)
        assert {reader for reader, _ in states} == set(READERS), "somebody is lost"
        assert {state for _, state in states} <= ARRIVED | EXPLAINED | useless
        assert self.ledger.audit.verify() == ()


def made(place: Path, kind: str) -> Path:
    """Where a ledger with messages of this kind stands, to be copied."""
    folder = place / kind
    if not folder.exists():
        folder.mkdir()
        ledger = a_ledger(sqlite_url(folder), folder).migrate()
        begin(ledger, [a_person(number=reader, phone="") for reader in READERS], {}, NOW)
        if not KINDS[kind].to_team:
            KINDS[kind].prepare(ledger, READERS, NOW)
        if kind == "notice":
            ledger.notices.release(INCIDENT, NOTICE, NOW)
        ledger.dispose()
    return folder


@pytest.mark.parametrize("runs", [FEW, pytest.param(MANY, marks=pytest.mark.full)])
@pytest.mark.parametrize("kind", KINDS)
def test_killed_workers_tell_nobody_twice_and_lose_nobody(tmp_path: Path, kind: str, runs: int) -> None:
    of = settings(max_examples=runs, stateful_step_count=STEPS, deadline=None, derandomize=True)
    run_state_machine_as_test(lambda: KillMachine(tmp_path, kind), settings=of)
