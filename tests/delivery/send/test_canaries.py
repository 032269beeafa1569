"""Everybody gets their own name, link and data, and nothing of anybody else's, whatever happens meanwhile.

AMENDS_CHAOS_PEOPLE sets how many people there are.
"""

import os
import re
from itertools import compress
from pathlib import Path

import pytest

from amends.domain.incident.facts import DataCategory
from amends.domain.notice.notice import Slot
from amends.domain.notice.wording import say_data
from amends.domain.people.person import Person
from amends.sandbox.mail import Faults, SmtpStage
from tests.builders import a_person, a_wording
from tests.chaos.killing import Chaos, chaos, check
from tests.delivery.sending import INCIDENT, LINKS, bodies, letters, sqlite_url
from tests.message_kinds import KINDS
from tests.playbooks.rendering import phrases

PEOPLE = int(os.environ.get("AMENDS_CHAOS_PEOPLE", "1500"))
FEW = 30
"""The readers of a kind that leaves one by one."""
CONNECTIONS, KILLS = 16, 2
RETRIES = Faults({SmtpStage.RECIPIENT: 0.05, SmtpStage.DATA: 0.02, SmtpStage.BODY: 0.02, SmtpStage.DOT: 0.02})
LINK = re.compile(re.escape(LINKS.personal.removesuffix(Slot.PERSONAL_LINK.mark)) + r"([\w-]{27})(?![\w-])")
NUMBERED = re.compile(r"Canary-(\d+)-Example|canary(\d+)@mail\.example|[Cc]ard (\d+) |member-(\d+)")
"""Each value of one reader alone: the name, the address, what was asked and answered, the name of a member."""


def a_canary(number: int) -> Person:
    """Somebody whose every value is theirs alone; only the kinds of data repeat, in every combination."""
    kinds = tuple(a_wording().phrases["en"].data)
    bits = [bool(number & 1 << place) for place in range(len(kinds))]
    data = tuple(compress(kinds, bits)) or (DataCategory.CONTACT,)
    return a_person(number=number, name=f"Canary-{number}-Example", email=f"canary{number}@mail.example", data=data)


@pytest.mark.parametrize("kind", KINDS)
def test_no_message_holds_a_value_of_another_person(tmp_path: Path, kind: str) -> None:
    people = PEOPLE if kind == "notice" else FEW
    told = {"faults": RETRIES, "connections": CONNECTIONS, "person": a_canary}
    with chaos(sqlite_url(tmp_path), tmp_path, people, kind, **told) as world:
        world.mail.delay, world.desks.delay = 30 / people, 0.1
        world.kill_some(KILLS)
        world.finish()
        check(world, CONNECTIONS)
        check_values(world)
        if kind == "notice":
            assert world.kills == KILLS
            check_data(world)


def check_values(world: Chaos) -> None:
    """No text that arrived has a value of anybody but its reader."""
    links = {number: world.ledger.people.link_of(INCIDENT, number) for number in world.people}
    assert len(set(links.values())) == len(links)
    texts = world.texts()
    assert len({number for number, _ in texts}) > len(world.people) * 3 // 4 or world.kind.to_team
    for number, text in texts:
        values = {value for values in NUMBERED.findall(text) for value in values if value}
        assert values <= {str(number)}
        assert values or world.kind.to_team
        assert set(LINK.findall(text)) <= {links[number]}


def check_data(world: Chaos) -> None:
    """Every email of the notice has its reader's own name, link and data, in its text and its HTML."""
    shipped = phrases("en")
    for address, letter in letters(world.mail).items():
        person = world.people[int(address.removeprefix("canary").partition("@")[0])]
        text = bodies(letter)
        assert text.count(person.name) == 2
        assert len(LINK.findall(text)) >= 2
        assert text.count(f"it was your {say_data(shipped, person.data)}.") == 2
