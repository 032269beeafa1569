"""Nobody gets a message twice, whatever kind it is of, and nobody is forgotten; tests/chaos kills at random moments."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from amends.domain.channel.outgoing import LEASE
from amends.domain.team.member import Member, TeamRole
from amends.sandbox.mail import AfterDot
from tests.builders import NOW, a_person
from tests.delivery.outbox import killed_sender
from tests.delivery.sending import INCIDENT, NOTICE, Rig
from tests.desks import Desks, served
from tests.message_kinds import KINDS, TO_PEOPLE, begin

EACH = pytest.mark.parametrize("kind", KINDS)
EACH_TO_PEOPLE = pytest.mark.parametrize("kind", TO_PEOPLE)
LENA = Member(name="lena", role=TeamRole.LEAD)


class World(NamedTuple):
    rig: Rig
    desks: Desks

    def prepare(self, kind: str) -> None:
        KINDS[kind].prepare(self.rig.ledger, [1], NOW)

    def send(self, kind: str) -> None:
        KINDS[kind].send(self.rig.ledger, self.rig.settings, self.rig.clock)

    def arrived(self) -> int:
        return len(self.rig.mail.arrived) + self.desks.heard().total()

    def states(self, kind: str) -> set[str]:
        return {state for _, state in KINDS[kind].states(self.rig.ledger)}

    def kill_a_sender(self, kind: str, when: str) -> None:
        """Start a sender that is killed by SIGKILL before or after its commit mark."""
        folder = str(Path(self.rig.ledger.store.path or "").parent)
        call = [sys.executable, killed_sender.__file__, folder, kind, when, json.dumps(dict(self.rig.settings))]
        assert subprocess.run(call, check=False).returncode == -signal.SIGKILL


@pytest.fixture
def world(rig: Rig) -> Iterator[World]:
    with served() as desks:
        begin(rig.ledger, [a_person(number=1)], {1: desks.address("member-1")}, NOW)
        yield World(rig, desks)


@EACH
def test_a_message_leaves_once(world: World, kind: str) -> None:
    world.prepare(kind)
    world.send(kind)
    world.send(kind)
    assert (world.arrived(), world.states(kind)) == (1, {"sent"})


@EACH
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_killed_sender_repeats_nothing(world: World, kind: str, when: str) -> None:
    """A sender that is killed before its mark loses nothing; after it, only an alert leaves again by itself."""
    world.prepare(kind)
    world.kill_a_sender(kind, when)
    for _ in range(3):
        world.send(kind)
        world.rig.clock.forward(LEASE)
    in_doubt = when == "after" and not KINDS[kind].repeats
    assert world.arrived() == (0 if in_doubt else 1)
    assert world.states(kind) == {"uncertain" if in_doubt else "sent"}
    assert world.rig.ledger.audit.verify() == ()


@EACH_TO_PEOPLE
def test_an_open_ending_is_left_to_a_person(world: World, kind: str) -> None:
    world.prepare(kind)
    world.rig.mail.after_dot = AfterDot.KEEP_AND_DROP
    world.send(kind)
    world.rig.mail.after_dot = AfterDot.ACCEPT
    world.rig.clock.forward(LEASE)
    world.send(kind)
    assert (world.arrived(), world.states(kind)) == (1, {"uncertain"})


@EACH_TO_PEOPLE
@pytest.mark.parametrize("why", ["pause", "embargo", "domain"])
def test_a_stop_holds_back_what_goes_to_people(world: World, kind: str, why: str) -> None:
    world.prepare(kind)
    stop(world, why)
    world.send(kind)
    assert world.arrived() == 0
    assert world.states(kind) <= {"waiting", "deferred"}
    go_on(world, why)
    world.send(kind)
    assert (world.arrived(), world.states(kind)) == (1, {"sent"})


def stop(world: World, why: str) -> None:
    ledger, now = world.rig.ledger, world.rig.clock()
    if why == "pause":
        ledger.incidents.pause(INCIDENT, "lena", now)
    elif why == "embargo":
        ledger.incidents.embargo(INCIDENT, now + timedelta(hours=1), "the police asked", "omar", now)
    else:
        ledger.stops.stop_domain(INCIDENT, NOTICE, "mail.example", "blocked", now)


def go_on(world: World, why: str) -> None:
    ledger = world.rig.ledger
    world.rig.clock.forward(timedelta(hours=1))
    if why == "pause":
        ledger.incidents.resume(INCIDENT, "lena", world.rig.clock())
    elif why == "domain":
        ledger.stops.let_domain_go_on(INCIDENT, "mail.example", LENA, world.rig.clock())
