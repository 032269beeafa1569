"""Senders of messages of each kind are killed at random moments and started again, until nothing is left to send.

Nobody is told twice, and nobody is lost.

`make chaos` runs this at full size. AMENDS_CHAOS_PEOPLE and AMENDS_CHAOS_KILLS make it as large as wanted (with
--timeout 0), AMENDS_CHAOS_SEED repeats a run.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

import psycopg
import pytest

from amends.domain.notice.notice import DeliveryState
from amends.sandbox.mail import FAULTS
from tests.chaos.killing import Chaos, chaos, check, somebody, with_mailbox
from tests.chaos.sender import UNFINISHED
from tests.databases import NEEDS_POSTGRES, fresh_database
from tests.delivery.sending import bodies, letters, sqlite_url
from tests.message_kinds import KINDS, TO_PEOPLE

PEOPLE = int(os.environ.get("AMENDS_CHAOS_PEOPLE", "150"))
KILLS = int(os.environ.get("AMENDS_CHAOS_KILLS", "8"))
FULL_SIZE = KILLS >= 50
MESSAGES_BETWEEN_KILLS = 0.3
ON_POSTGRESQL = [pytest.param("postgresql", marks=NEEDS_POSTGRES)]


def stretch(world: Chaos, kills: int = KILLS) -> None:
    """So slow a world that there is something to send until the last kill."""
    world.mail.delay = 2 * MESSAGES_BETWEEN_KILLS * kills / len(world.people)
    world.desks.delay = MESSAGES_BETWEEN_KILLS


def over(faults: Iterable[str], *marks: pytest.MarkDecorator) -> list[object]:
    """Each kind of message over a relay with each of these faults; members are not reached by the relay."""
    return [
        pytest.param(kind, fault, id=f"{kind}-{fault}", marks=marks)
        for kind in KINDS
        for fault in (faults if kind in TO_PEOPLE else ["clean"])
    ]


@pytest.mark.parametrize(("kind", "faults"), over(FAULTS))
def test_senders_killed_at_random_tell_nobody_twice_and_lose_nobody(tmp_path: Path, kind: str, faults: str) -> None:
    """When senders are killed at random moments and started again until nothing is left, everybody is told, nobody is
    told twice, and the ledger's database is intact.
    """
    with killed(tmp_path, kind, faults) as world:
        assert world.kills > (0 if world.kind.to_team else of_kind(kind, KILLS) // 2)


@pytest.mark.parametrize("faults", FAULTS)
def test_a_relay_that_takes_no_chunks_tells_nobody_twice(tmp_path: Path, faults: str) -> None:
    with killed(tmp_path, "notice", faults, chunking=False) as world:
        check_words(world)


@contextmanager
def killed(folder: Path, kind: str, faults: str, *, chunking: bool = True) -> Iterator[Chaos]:
    """A world after all kills, in which everything has come to its end as it must."""
    people, kills = of_kind(kind, PEOPLE), of_kind(kind, KILLS)
    person = somebody if kind == "notice" else with_mailbox
    with chaos(
        sqlite_url(folder), folder, people, kind, faults=FAULTS[faults], person=person, chunking=chunking
    ) as world:
        stretch(world, kills)
        world.kill_some(kills)
        world.finish()
        check(world)
        yield world
    with closing(sqlite3.connect(folder / "ledger.sqlite3")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def of_kind(kind: str, number: int) -> int:
    """So many people or kills of a notice; few of a kind that leaves one by one, within the hours in which it is due."""
    return number if kind == "notice" else min(number // 4 + 6, 40)


def check_words(world: Chaos) -> None:
    """Nobody reads another's name."""
    names = {person.email: person.name for person in world.people.values()}
    for address, letter in letters(world.mail).items():
        assert f"Dear {names[address]},\n" in bodies(letter).replace("\r\n", "\n")
        assert bodies(letter).count("Kim Example") == 2


@pytest.mark.parametrize("faults", FAULTS if FULL_SIZE else ["clean", "refusals"])
@pytest.mark.parametrize("server", ON_POSTGRESQL)
def test_two_workers_at_once_of_whom_some_are_killed_share_one_ledger(server: str, tmp_path: Path, faults: str) -> None:
    with fresh_database() as url, chaos(url, tmp_path, PEOPLE, faults=FAULTS[faults]) as world:
        stretch(world)
        while world.kills < KILLS // 2:
            survivor, victim = world.start_together(2)
            world.kill(victim)
            ended(world, survivor)
            if survivor.exitcode == 0:
                break
        world.finish()
        check(world)


@pytest.mark.parametrize("server", ON_POSTGRESQL)
def test_a_worker_stalled_beyond_its_lease_sends_nothing_taken_over(server: str, tmp_path: Path) -> None:
    """A worker that stood still beyond its lease sends nothing that a successor has taken over, except what it had
    marked before; its late answers settle what was in doubt.
    """
    with fresh_database() as url, chaos(url, tmp_path, PEOPLE) as world:
        stretch(world)
        sleeper = world.start()
        world.stop(sleeper, between_writes=lambda: nobody_writes(url))
        world.mail.delay = 0
        before = world.mailed()
        successor = world.start()  # its clock is ahead by more than a lease
        ended(world, successor)
        reached, in_doubt = world.mailed(), {line.person for line in world.lines(DeliveryState.UNCERTAIN)}
        assert len(reached - before) > PEOPLE // 10, "the successor had to take over"
        world.go_on(sleeper)
        ended(world, sleeper)
        assert (world.mailed() - reached).keys() <= in_doubt, "only what it had marked before may still leave"
        world.finish()
        check(world)
        assert world.lines(DeliveryState.UNCERTAIN) == [], "the late answers settle what was in doubt"


@pytest.mark.parametrize("server", ON_POSTGRESQL)
def test_workers_stalling_beyond_their_lease_tell_nobody_twice(server: str, tmp_path: Path) -> None:
    """When one worker after another stands still beyond its lease, and its successor is killed, nobody is told twice
    and nobody is lost.
    """
    with fresh_database() as url, chaos(url, tmp_path, PEOPLE, faults=FAULTS["refusals"]) as world:
        stretch(world)
        for _ in range(max(KILLS // 3, 2)):
            sleeper = world.start()
            world.stop(sleeper, between_writes=lambda: nobody_writes(url))
            successor = world.start()
            world.kill(successor)
            world.go_on(sleeper)
            ended(world, sleeper)
        world.finish()
        check(world)


def ended(world: Chaos, sender: BaseProcess) -> None:
    sender.join(60)
    assert sender.exitcode in (0, UNFINISHED), world.alerts()


def nobody_writes(url: str) -> bool:
    """Whether no transaction is open: a worker halted within one holds up the others, and they cannot help it."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as server:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state ~ 'transaction'"
        open_ones = server.execute(query).fetchone()
    return open_ones == (0,)
