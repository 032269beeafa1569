"""Senders of codes are killed at random moments: no code reaches two people, and nobody gets two, by the relay's log."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from amends.domain.channel.channel import ChannelKind
from amends.sandbox.mail import FAULTS, MailServer
from amends.sandbox.web import WebServices
from tests.builders import a_person
from tests.chaos.killing import CONNECTIONS, SEED, Chaos, check
from tests.chaos.sender import Errand
from tests.databases import NEEDS_POSTGRES, fresh_database
from tests.delivery.sending import INCIDENT, a_ledger, bodies, channel_settings, letters, sqlite_url
from tests.desks import served
from tests.ledger.entitlement.stocked import new_codes, stocked

PEOPLE = int(os.environ.get("AMENDS_CHAOS_PEOPLE", "150"))
KILLS = int(os.environ.get("AMENDS_CHAOS_KILLS", "8"))
CODE = re.compile(r"CANARY-\d{6}")


@contextmanager
def sending_codes(url: str, folder: Path, faults: str = "clean") -> Iterator[Chaos]:
    """An approved notice that brings each person a code of their own, and a relay with these faults."""
    ledger = a_ledger(url, folder).migrate()
    people = {number: a_person(number=number) for number in range(1, PEOPLE + 1)}
    channels = (ChannelKind.WEBSITE, ChannelKind.EMAIL, ChannelKind.SOCIAL)
    stocked(ledger, list(people.values()), new_codes(*range(PEOPLE + 10)), channels=channels)
    print(f"AMENDS_CHAOS_SEED={SEED}")  # noqa: T201 - pytest shows it when the test fails
    relay = MailServer(folder / "mail", faults=FAULTS[faults], seed=SEED)
    with relay as mail, WebServices(folder / "web") as web, served() as desks:
        mail.delay = 0.6 * KILLS / PEOPLE
        settings = channel_settings(mail.port, web.url, folder, connections=str(CONNECTIONS))
        yield Chaos(ledger, Errand(url, folder, settings, timedelta()), mail, web, people, desks)
    ledger.dispose()


def check_codes(world: Chaos) -> None:
    """By what the relay took, each person has one code, which is the one in the ledger and nobody else's."""
    numbers = {person.email: number for number, person in world.people.items()}
    told = {numbers[address]: set(CODE.findall(bodies(letter))) for address, letter in letters(world.mail).items()}
    assert len(told) > PEOPLE // 2
    assert {len(codes) for codes in told.values()} == {1}, "somebody was told two codes, or none"
    shared = [code for code, people in Counter(min(codes) for codes in told.values()).items() if people > 1]
    assert shared == [], "a code went to two people"
    for number, codes in told.items():
        assert [one.code for one in world.ledger.codes.of_person(INCIDENT, number)] == [*codes]
    assert [*world.ledger.audit.verify(), *world.ledger.audit.disagreements()] == []


@pytest.mark.parametrize("faults", ["clean", "refusals"])
def test_killed_senders_give_each_person_one_code(tmp_path: Path, faults: str) -> None:
    with sending_codes(sqlite_url(tmp_path), tmp_path, faults) as world:
        world.kill_some(KILLS)
        world.finish()
        check(world)
        check_codes(world)
        assert world.kills > KILLS // 2


@pytest.mark.parametrize("server", [pytest.param("postgresql", marks=NEEDS_POSTGRES)])
def test_two_workers_of_whom_one_is_killed_share_a_stock(server: str, tmp_path: Path) -> None:
    with fresh_database() as url, sending_codes(url, tmp_path) as world:
        while world.kills < KILLS // 2:
            survivor, victim = world.start_together(2)
            world.kill(victim)
            survivor.join(60)
            if survivor.exitcode == 0:
                break
        world.finish()
        check(world)
        check_codes(world)
