"""Somebody sets the clock of the machine while a notice leaves: all stops, nobody is lost, and nobody is told twice."""

import asyncio
import pickle
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from amends.delivery.channels import Channels, connected
from amends.delivery.send import engine, workers
from amends.delivery.send.clock import MOST, MonotonicClock, seen
from amends.delivery.send.engine import Tally, deliver
from amends.delivery.send.workers import Work, send
from amends.domain.base.errors import NotAllowed
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Status
from amends.domain.notice.notice import PersonState
from amends.domain.people.person import Person
from amends.ledger import Ledger
from amends.ledger.store.leases import CLOCKS_APART, LEASE
from tests.builders import NOW, a_person
from tests.delivery.send.test_engine import Gated
from tests.delivery.sending import INCIDENT, LINKS, NOTICE, Rig, approved
from tests.ledger.conftest import ledger, made_on_postgres, made_on_sqlite  # noqa: F401 - fixtures, of both databases

EMAIL = ChannelKind.EMAIL
EMAIL_FIRST = (ChannelKind.WEBSITE, EMAIL)
HOUR, MONTH = timedelta(hours=1), timedelta(days=30)
SECOND = timedelta(seconds=1)
PEOPLE = 40
LOOK_SECONDS = 0.02
ON_SQLITE = pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
"""For what does not depend on the database."""


def people(count: int, address: str = "kim{}@mail.example", first: int = 1) -> list[Person]:
    return [a_person(number=number, email=address.format(number)) for number in range(first, first + count)]


def names(persons: list[Person]) -> Counter[str]:
    return Counter(person.email for person in persons)


def by(jump: timedelta) -> str:
    return f"{jump / HOUR:+.0f} h"


# The clock of a run.


@dataclass
class Set:
    """Two clocks of one machine: one that can be set, and the seconds since its start."""

    wall: datetime = NOW
    seconds: float = 1000.0

    def passes(self, span: timedelta) -> None:
        self.wall += span
        self.seconds += span.total_seconds()

    def steady(self) -> MonotonicClock:
        return MonotonicClock(lambda: self.wall, lambda: self.seconds)


@pytest.mark.parametrize("correction", [timedelta(), MOST, -MOST, SECOND], ids=str)
def test_a_clock_that_is_corrected_a_little_is_followed(correction: timedelta) -> None:
    machine = Set()
    clock = machine.steady()
    machine.passes(7 * MONTH)
    machine.wall += correction
    assert (clock(), clock.trouble()) == (machine.wall, "")


@pytest.mark.parametrize(
    ("jump", "words"),
    [
        (HOUR, "jumped ahead by about 1 hour;"),
        (-HOUR + SECOND, "jumped back by about 1 hour;"),
        (MONTH, "jumped ahead by about 30 days;"),
        (-MONTH, "jumped back by about 30 days;"),
        (MOST + SECOND, "jumped ahead by about 10 minutes;"),
        (-25 * SECOND * 60, "jumped back by about 25 minutes;"),
    ],
    ids=str,
)
def test_a_clock_jump_is_named_plainly_and_the_old_time_goes_on(jump: timedelta, words: str) -> None:
    """A jump of the machine's clock is named in plain words, with its direction and size.

    The run's clock goes on from the time before the jump.
    """
    machine = Set()
    clock = machine.steady()
    machine.passes(HOUR)
    machine.wall += jump
    machine.passes(SECOND)
    assert clock() == NOW + HOUR + SECOND
    assert clock.trouble() == f"the clock of this machine {words} set it right and run it again"


# A jump during a send.


@dataclass
class Stepped:
    """The clock of a machine, until it jumps."""

    jump: timedelta
    jumped: bool = False
    began: float = 0.0

    def __post_init__(self) -> None:
        self.began = time.monotonic()

    def __call__(self) -> datetime:
        return NOW + timedelta(seconds=time.monotonic() - self.began) + self.jump * self.jumped

    def steps(self, tally: Tally) -> None:
        """Let it jump once some messages have left."""
        if tally.answers[Status.SENT] >= 10:
            self.jumped = True


@pytest.fixture
def slowly(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """A send by email takes half a second, and the clock is looked at often."""
    monkeypatch.setattr(engine, "LOOK_SECONDS", LOOK_SECONDS)
    rig.settings[EMAIL] |= {"rate": "80/s"}
    return rig


def sending(rig: Rig, clock: Stepped) -> Tally:
    work = Work(rig.ledger, rig.settings, INCIDENT, NOTICE, LINKS, clock)
    return asyncio.run(send(work, clock.steps, cores=1))


def later(rig: Rig) -> Tally:
    """A run after the clock was set right, an hour later."""
    rig.clock.now = NOW + HOUR
    return rig.run()


def alerts(kept: Ledger) -> list[str]:
    return [entry.subject for entry in kept.audit.entries(INCIDENT) if entry.act == "alert"]


@pytest.mark.parametrize("jump", [HOUR, -MONTH], ids=by)
def test_a_clock_jump_stops_a_send_and_the_next_run_tells_the_rest(
    slowly: Rig, jump: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the clock jumps, the send stops with an alert, and the next run tells everybody who was not told yet.

    Nobody is told twice, and the public hears last.
    """
    clock = Stepped(jump)
    monkeypatch.setattr(workers, "wall_clock", clock)
    approved(slowly.ledger, people(PEOPLE), channels=EMAIL_FIRST)
    tally = sending(slowly, clock)
    assert set(tally.trouble) == {"clock"}
    assert ("ahead by about 1 hour" if jump == HOUR else "back by about 30 days") in tally.trouble["clock"]
    assert 10 <= len(slowly.mailed()) < PEOPLE
    assert slowly.posts() == [], "the public hears last"
    (alert,) = alerts(slowly.ledger)
    assert alert == f"{NOTICE} was stopped at {NOW:%Y-%m-%d %H:%M} UTC: {tally.trouble['clock']}"
    assert later(slowly).finished
    assert Counter(slowly.mailed()) == names(people(PEOPLE))


@ON_SQLITE
def test_a_clock_that_was_set_since_the_last_send_lets_nothing_leave(rig: Rig) -> None:
    approved(rig.ledger, people(1), channels=EMAIL_FIRST)
    now = seen()
    rig.ledger.clocks.observe(now._replace(at=now.at - MONTH))
    with pytest.raises(NotAllowed, match="jumped ahead by about 30 days"):
        asyncio.run(send(Work(rig.ledger, rig.settings, INCIDENT, NOTICE, LINKS)))
    assert rig.mailed() == []


@ON_SQLITE
def test_each_process_of_a_large_send_has_the_machines_clock(rig: Rig) -> None:
    """Each process of a large send knows that its clock is that of the machine."""
    work = Work(rig.ledger, rig.settings, INCIDENT, NOTICE, LINKS)
    assert pickle.loads(pickle.dumps(work)).clock is workers.wall_clock


@ON_SQLITE
def test_nobody_is_given_up_while_the_clock_is_a_month_ahead(slowly: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person whose email is deferred while the clock is a month ahead is not given up.

    The next run, with the right time, tells the person by email.
    """
    monkeypatch.setattr(engine, "LOOK_SECONDS", 60)  # worse than ever: nobody looks while the answers come
    clock = Stepped(MONTH)
    monkeypatch.setattr(workers, "wall_clock", clock)
    put_off = people(10, "grey{}@mail.example", first=21)
    approved(slowly.ledger, [*people(20), *put_off], channels=EMAIL_FIRST)
    sending(slowly, clock)
    assert [slowly.states()[person.number] for person in put_off] == ["deferred"] * 10
    assert later(slowly).finished
    assert (Counter(slowly.mailed()), slowly.texted()) == (names([*people(20), *put_off]), [])


@ON_SQLITE
def test_a_clock_moved_at_will_as_in_a_rehearsal_stops_nothing(slowly: Rig) -> None:
    """A clock that is moved at will, as in a rehearsal, stops no send."""
    approved(slowly.ledger, people(20), channels=EMAIL_FIRST)
    tally = sending(slowly, Stepped(MONTH))
    assert (tally.finished, tally.trouble) == (True, {})


# What a worker held when the clock was set.


def left_behind(rig: Rig, count: int, marked: int) -> None:
    """A worker that has died: it held so many messages, and so many of them may have left."""
    approved(rig.ledger, people(count), channels=EMAIL_FIRST)
    rig.ledger.notices.release(INCIDENT, NOTICE, rig.clock())
    claims = rig.ledger.deliveries.claim(INCIDENT, NOTICE, [EMAIL], count, rig.clock())
    assert len(rig.ledger.deliveries.record(claims[:marked], (), INCIDENT, NOTICE, rig.clock())) == marked


@pytest.mark.parametrize("jump", [HOUR, -MONTH], ids=by)
def test_a_dead_workers_messages_go_on_however_the_clock_was_set(rig: Rig, jump: timedelta) -> None:
    """The messages of a dead worker are taken up at once, whichever way the clock was set.

    Marked messages are uncertain, and all others are sent.
    """
    left_behind(rig, 5, marked=2)
    assert rig.ledger.deliveries.busy(INCIDENT, rig.clock())
    rig.clock.forward(jump)
    assert not rig.ledger.deliveries.busy(INCIDENT, rig.clock())
    tally = rig.run()
    assert (tally.uncertain_after_crash, tally.people) == (2, {PersonState.UNCERTAIN: 2, PersonState.SENT: 3})
    assert Counter(rig.states().values()) == {"uncertain": 2, "sent": 3}
    assert len(rig.mailed()) == 3


@pytest.mark.parametrize("apart", [-CLOCKS_APART, CLOCKS_APART, LEASE - SECOND], ids=str)
def test_machines_with_clocks_that_differ_leave_each_other_alone(rig: Rig, apart: timedelta) -> None:
    left_behind(rig, 5, marked=2)
    other = rig.clock() + apart
    assert rig.ledger.deliveries.busy(INCIDENT, other)
    assert rig.ledger.deliveries.recover(INCIDENT, NOTICE, other) == 0
    assert set(rig.states().values()) == {"claimed"}


async def set_while_under_way(rig: Rig, worker: Gated, jump: timedelta) -> tuple[Tally, Tally]:
    """The clock is set while all messages of a living worker are at its gate; another run begins, then the gate opens.

    How the worker and the other run ended.
    """
    behind = asyncio.create_task(through(rig, worker))
    while len(worker.waiting) < 3:
        await asyncio.sleep(0.005)
    rig.clock.forward(jump)
    other = await rig.send()
    worker.gate.set()
    return await behind, other


async def through(rig: Rig, worker: Gated) -> Tally:
    async with connected(rig.settings) as channels:
        own: Channels = {**channels, EMAIL: worker}
        return await deliver(rig.ledger, own, INCIDENT, NOTICE, LINKS, rig.clock)


@pytest.mark.parametrize("jump", [-HOUR, MONTH], ids=by)
async def test_a_living_worker_sends_nothing_taken_over_by_a_set_clock(rig: Rig, jump: timedelta) -> None:
    """When the clock was set and another run took over its messages, a living worker sends none of them."""
    approved(rig.ledger, people(3), channels=EMAIL_FIRST)
    worker = Gated()
    tally, other = await set_while_under_way(rig, worker, jump)
    assert other.finished
    assert (worker.sent, tally.answers[Status.SENT]) == ([], 0)
    assert Counter(rig.mailed()) == names(people(3))


@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=by)
async def test_late_answers_of_a_living_worker_count_after_a_set_clock(rig: Rig, jump: timedelta) -> None:
    """When the clock was set and another run took over, the late answers of a living worker still count.

    No other run sends what may have been sent already.
    """
    approved(rig.ledger, people(3), channels=EMAIL_FIRST)
    worker = Gated(after_the_call=True)
    tally, other = await set_while_under_way(rig, worker, jump)
    assert other.people == {PersonState.UNCERTAIN: 3}, "no other run sends what may have left"
    assert (tally.people, len(worker.sent), rig.mailed()) == ({PersonState.SENT: 3}, 3, [])


@ON_SQLITE
async def test_a_worker_that_renewed_its_lease_keeps_its_messages(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A living worker keeps its messages after the clock was set back, once the worker has renewed its lease."""
    monkeypatch.setattr(engine, "RENEW_SECONDS", 0.05)
    approved(rig.ledger, people(3), channels=EMAIL_FIRST)
    worker = Gated()
    behind = asyncio.create_task(through(rig, worker))
    await until(lambda: len(worker.waiting) == 3)
    rig.clock.forward(-HOUR)
    await until(lambda: rig.ledger.deliveries.busy(INCIDENT, rig.clock()))
    assert rig.ledger.deliveries.recover(INCIDENT, NOTICE, rig.clock()) == 0
    worker.gate.set()
    assert ((await behind).people, len(worker.sent)) == ({PersonState.SENT: 3}, 3)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


def test_the_clock_of_the_machine_and_the_time_since_its_start_agree() -> None:
    clock = MonotonicClock(workers.wall_clock)
    assert clock.trouble() == ""
    assert abs(clock() - workers.wall_clock()) < MOST
