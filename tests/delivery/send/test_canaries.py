"""Everybody gets their own name, link and data, and nothing of anybody else's, whatever happens meanwhile.

AMENDS_CHAOS_PEOPLE sets how many people there are.
"""

import os
import re
from collections import Counter
from email.message import EmailMessage
from itertools import compress
from pathlib import Path
from urllib.parse import unquote

from amends.domain.incident.facts import DataCategory
from amends.domain.notice.notice import Slot
from amends.domain.notice.wording import Phrases, say_data
from amends.domain.people.person import Person
from amends.sandbox.mail import Faults, SmtpStage
from tests.builders import a_person, a_wording
from tests.chaos.killing import Chaos, chaos, check
from tests.delivery.sending import INCIDENT, LINKS, bodies, letters, sqlite_url

PEOPLE = int(os.environ.get("AMENDS_CHAOS_PEOPLE", "1500"))
CONNECTIONS, KILLS = 16, 2
RETRIES = Faults({SmtpStage.RECIPIENT: 0.05, SmtpStage.DATA: 0.02, SmtpStage.BODY: 0.02, SmtpStage.DOT: 0.02})
NAME, ADDRESS = re.compile(r"Canary-(\d+)-Example"), re.compile(r"[\w.]+@mail\.example")
LINK = re.compile(re.escape(LINKS.personal.removesuffix(Slot.PERSONAL_LINK.mark)) + r"([\w-]{27})(?![\w-])")


def a_canary(number: int) -> Person:
    """Somebody whose every value is theirs alone; only the kinds of data repeat, in every combination."""
    kinds = tuple(a_wording().phrases["en"].data)
    bits = [bool(number & 1 << place) for place in range(len(kinds))]
    data = tuple(compress(kinds, bits)) or (DataCategory.CONTACT,)
    return a_person(number=number, name=f"Canary-{number}-Example", email=f"canary{number}@mail.example", data=data)


def test_no_message_holds_a_value_of_another_person(tmp_path: Path) -> None:
    with chaos(
        sqlite_url(tmp_path), tmp_path, PEOPLE, faults=RETRIES, connections=CONNECTIONS, person=a_canary
    ) as world:
        world.mail.delay = 0.02
        world.kill_some(KILLS)
        world.finish()
        check(world, CONNECTIONS)
        assert world.kills == KILLS
        assert len(world.mail.arrived) > PEOPLE * 3 // 4
        check_values(world)


def check_values(world: Chaos) -> None:
    """Every message that arrived, decoded: in its headers, its text and its HTML."""
    links = {number: world.ledger.people.link_of(INCIDENT, number) for number in world.people}
    assert len(set(links.values())) == len(links)
    phrases = a_wording().phrases["en"]
    for address, letter in letters(world.mail).items():
        person = world.people[int(address.removeprefix("canary").partition("@")[0])]
        check_letter(letter, person, links[person.number], phrases)


def check_letter(letter: EmailMessage, person: Person, link: str, phrases: Phrases) -> None:
    headers, text = "\n".join(map(str, letter.values())), bodies(letter)
    both = headers + unquote(text)
    assert set(NAME.findall(both)) == {str(person.number)}
    assert set(LINK.findall(text)) == {link}
    assert Counter(ADDRESS.findall(both)).keys() == {person.email}
    assert text.count(f"it was your {say_data(phrases, person.data)}.") == 2
