"""Senders are killed at random moments and started again, until nothing is left to send: nobody is told twice.

AMENDS_CHAOS_PEOPLE and AMENDS_CHAOS_KILLS make it as large as wanted (with --timeout 0), AMENDS_CHAOS_SEED repeats a
run.
"""

import os
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from signal import SIGKILL

import pytest

from amends.domain.channel import ChannelKind
from amends.domain.notice import DeliveryState
from amends.domain.people import Flag, Person
from amends.ledger import DeliveryLine, Ledger
from amends.world import MailServer, WebServices
from tests.builders import a_person
from tests.chaos.sender import UNFINISHED, Errand, run
from tests.databases import NEEDS_POSTGRES, fresh_database
from tests.sending import INCIDENT, NOTICE, a_ledger, approved, bodies, channel_settings, letters, sqlite_url

PEOPLE = int(os.environ.get("AMENDS_CHAOS_PEOPLE", "300"))
KILLS = int(os.environ.get("AMENDS_CHAOS_KILLS", "25"))
SEED = int(os.environ.get("AMENDS_CHAOS_SEED", time.time_ns() % 1_000_000))
CONNECTIONS = 2
SECONDS_BETWEEN_KILLS = 0.3
PROCESSES = get_context("forkserver")
"""Each sender is forked from a small process that has imported everything, so that it starts in milliseconds."""
PROCESSES.set_forkserver_preload(["tests.chaos.sender"])

REACHED = (DeliveryState.SENT, DeliveryState.DELIVERED)
NOT_REACHED = (DeliveryState.UNCERTAIN, DeliveryState.HELD, DeliveryState.UNREACHABLE, DeliveryState.FAILED)


def somebody(number: int) -> Person:
    """Most can be reached; some bounce, some are greylisted, some are held, some have no address."""
    if number % 15 == 0:
        return a_person(number=number, email=f"bounce{number}@mail.example")
    if number % 20 == 1:
        return a_person(number=number, email=f"grey{number}@mail.example")
    if number % 50 == 2:
        return a_person(number=number, flags=frozenset({Flag.DECEASED}))
    return a_person(number=number, email="", phone="") if number % 50 == 3 else a_person(number=number)


@dataclass
class Chaos:
    """Senders that come and go, and the world that sees what they send."""

    ledger: Ledger
    errand: Errand
    mail: MailServer
    web: WebServices
    chance: random.Random
    kills: int = 0
    people: dict[int, Person] = field(default_factory=dict)

    def start(self) -> BaseProcess:
        """A sender, its clock further ahead than that of any before it."""
        self.errand = replace(self.errand, ahead=self.errand.ahead + timedelta(minutes=10))
        sender = PROCESSES.Process(target=run, args=[self.errand], daemon=True)
        sender.start()
        return sender

    def kill(self, sender: BaseProcess) -> None:
        """At a random moment after its start or after its first message, unless it ends before."""
        if self.chance.random() < 0.7:
            before = self.arrived()
            while sender.is_alive() and self.arrived() == before:
                time.sleep(0.002)
        sender.join(self.chance.uniform(0.01, 0.5))
        if sender.is_alive():
            sender.kill()
            self.kills += 1
        sender.join()
        assert sender.exitcode in (0, UNFINISHED, -SIGKILL)

    def arrived(self) -> int:
        """How many messages the world has got."""
        return len(self.mail.arrived) + len(self.web.taken)

    def finish(self) -> None:
        """Senders that nobody kills, until nothing is left to send."""
        for _ in range(12):
            sender = self.start()
            sender.join(60)
            assert sender.exitcode in (0, UNFINISHED)
            if sender.exitcode == 0:
                return
            self.errand = replace(self.errand, ahead=self.errand.ahead + timedelta(hours=4))
        raise AssertionError("the notice was never finished")

    def lines(self, *states: DeliveryState) -> list[DeliveryLine]:
        """The messages in these states."""
        return [line for line in self.ledger.deliveries(INCIDENT, NOTICE) if line.state in states]

    def mailed(self) -> Counter[str]:
        """How many messages the relay took for each address."""
        return Counter(address for arrived in self.mail.arrived for address in arrived.recipients)

    def texted(self) -> Counter[str]:
        """How many the gateway took for each number."""
        return Counter(taken.fields["to"] for taken in self.web.taken if taken.service == "sms")

    def got(self, line: DeliveryLine) -> bool:
        """Whether the world has this message."""
        if line.channel is ChannelKind.EMAIL:
            return self.people[line.person].email in self.mailed()
        return self.people[line.person].phone in self.texted()


@contextmanager
def chaos(ledger_url: str, folder: Path, people: int) -> Iterator[Chaos]:
    ledger = a_ledger(ledger_url, folder).migrate()
    audience = {number: somebody(number) for number in range(1, people + 1)}
    channels = (ChannelKind.WEBSITE, ChannelKind.EMAIL, ChannelKind.SOCIAL)
    approved(ledger, audience.values(), channels=channels)
    with MailServer(folder / "mail") as mail, WebServices(folder / "web") as web:
        settings = channel_settings(mail.port, web.url, folder, connections=str(CONNECTIONS))
        errand = Errand(ledger_url, folder, settings, timedelta())
        print(f"AMENDS_CHAOS_SEED={SEED}")  # noqa: T201 - pytest shows it when the test fails
        yield Chaos(ledger, errand, mail, web, random.Random(SEED), people=audience)
    ledger.dispose()


def check(world: Chaos) -> None:
    """What must be true after any number of kills."""
    assert max((world.mailed() + world.texted()).values()) == 1, "somebody got a message twice"
    posts = Counter(taken.fields["status"] for taken in world.web.taken if taken.service == "mastodon")
    assert max(posts.values(), default=0) <= 1, "a post was made twice"
    assert [line for line in world.lines(*REACHED) if line.person and not world.got(line)] == []
    told = {line.person for line in world.lines(*REACHED, *NOT_REACHED)}
    assert world.people.keys() - told == set(), "somebody was lost"
    assert world.lines(*set(DeliveryState) - {*REACHED, *NOT_REACHED}) == []
    assert world.ledger.verify_audit() == ()


def check_words(world: Chaos) -> None:
    """Nobody reads another's name."""
    names = {person.email: person.name for person in world.people.values()}
    for address, letter in letters(world.mail).items():
        assert f"Dear {names[address]},\n" in bodies(letter).replace("\r\n", "\n")
        assert bodies(letter).count("Kim Example") == 2


def test_senders_killed_at_random_moments_tell_nobody_twice_and_lose_nobody(tmp_path: Path) -> None:
    with chaos(sqlite_url(tmp_path), tmp_path, PEOPLE) as world:
        world.mail.delay = CONNECTIONS * SECONDS_BETWEEN_KILLS * KILLS / PEOPLE
        while world.kills < KILLS:
            sender = world.start()
            world.kill(sender)
            if sender.exitcode == 0:
                break
        world.mail.delay = 0
        world.finish()
        check(world)
        check_words(world)
        uncertain = Counter(line.channel for line in world.lines(DeliveryState.UNCERTAIN))
        print(f"{world.kills} kills, {dict(uncertain)} uncertain, {world.arrived()} arrived")  # noqa: T201
        assert uncertain[ChannelKind.EMAIL] <= world.kills * CONNECTIONS
        assert uncertain[ChannelKind.WEBSITE] == 0
        assert world.kills > KILLS // 2
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("server", [pytest.param("postgresql", marks=NEEDS_POSTGRES)])
def test_two_workers_at_once_of_whom_some_are_killed_share_one_ledger(server: str, tmp_path: Path) -> None:
    with fresh_database() as url, chaos(url, tmp_path, 120) as world:
        world.mail.delay = 0.02
        for _ in range(5):
            survivor, victim = world.start(), world.start()
            world.kill(victim)
            survivor.join(60)
            assert survivor.exitcode in (0, UNFINISHED)
        world.mail.delay = 0
        world.finish()
        check(world)
