"""A list that is corrected while a notice is on its way: everybody in it is told, each of them once."""

import asyncio
from collections import Counter
from datetime import timedelta

from amends.delivery.channels import connected
from amends.delivery.send.engine import deliver
from amends.domain.channel.channel import ChannelKind
from amends.domain.deliver.correction import Ask
from amends.domain.notice.notice import PersonState
from amends.domain.people.person import Person
from tests.builders import a_person
from tests.delivery.sending import IMPATIENT, INCIDENT, LINKS, NOTICE, Rig, approved, approved_again

BY_EMAIL = {"channels": (ChannelKind.WEBSITE, ChannelKind.EMAIL), "cascade": (ChannelKind.EMAIL,)}
LONG = timedelta(hours=1)


def with_mail(number: int, local: str) -> Person:
    return a_person(number=number, email=f"{local}{number}@mail.example")


def correct(rig: Rig, *listed: Person) -> None:
    correction = rig.ledger.corrections.compare(INCIDENT, listed)
    said = {ask: correction.difference.counts[ask] for ask in Ask}
    rig.ledger.corrections.apply(correction, said, "", "lena", rig.clock())


def test_after_a_correction_in_mid_send_everybody_is_told_once(rig: Rig) -> None:
    """After a list was corrected in the middle of a send, everybody on it is told once, at the right address.

    The message of a person who is no longer on the list is held.
    """
    told, wrong, late, leaves = (
        with_mail(1, "kim"),
        with_mail(2, "bounce"),
        with_mail(3, "grey"),
        with_mail(4, "greyed"),
    )
    approved(rig.ledger, [told, wrong, late, leaves], **BY_EMAIL)
    assert rig.run().people == {PersonState.SENT: 1, PersonState.UNREACHABLE: 1, PersonState.WAITING: 2}
    found, moved = a_person(number=9), told._replace(email="moved@mail.example")
    correct(rig, moved, wrong._replace(email="right2@mail.example"), late._replace(email="right3@mail.example"), found)
    rig.clock.forward(LONG)
    approved_again(rig.ledger, **BY_EMAIL)
    assert rig.run().finished
    assert rig.run().answers == {}
    assert rig.mailed() == ["kim1@mail.example", "kim9@mail.example", "right2@mail.example", "right3@mail.example"]
    assert rig.ledger.cases.read(INCIDENT).notices[0].not_told == 0
    assert rig.states()[4] == "held"


def test_who_is_found_when_all_was_sent_is_told_and_nobody_else_is(rig: Rig) -> None:
    first = [a_person(number=number) for number in range(1, 41)]
    approved(rig.ledger, first, **BY_EMAIL)
    assert rig.run().finished
    correct(rig, *first, *(a_person(number=number) for number in range(41, 61)))
    assert rig.ledger.cases.read(INCIDENT).notices[0].not_told == 20
    approved_again(rig.ledger, **BY_EMAIL)
    assert rig.run().people == {PersonState.SENT: 60}
    assert Counter(rig.mailed()) == Counter(f"kim{number}@mail.example" for number in range(1, 61))


def test_a_cut_off_run_and_a_later_correction_tell_nobody_twice(rig: Rig) -> None:
    """A run that is cut off and a correction of the list after it tell everybody once and nobody twice."""
    first = [with_mail(number, "old") for number in range(1, 31)]
    approved(rig.ledger, first, **BY_EMAIL)
    rig.mail.delay = 0.02

    async def cut_off() -> None:
        async with connected(rig.settings) as channels:
            sending = asyncio.create_task(
                deliver(rig.ledger, channels, INCIDENT, NOTICE, LINKS, rig.clock, paces=IMPATIENT)
            )
            while len(rig.mail.arrived) < 8:
                await asyncio.sleep(0.005)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    asyncio.run(cut_off())
    rig.mail.delay = 0
    early = rig.mailed()
    rig.clock.forward(LONG)
    correct(rig, *(with_mail(person.number, "new") for person in first))
    approved_again(rig.ledger, **BY_EMAIL)
    assert rig.run().finished
    reached = [address.partition("@")[0][3:] for address in rig.mailed()]
    assert 8 <= len(early) < 30
    assert Counter(reached) == Counter(str(person.number) for person in first)
