"""A real relay refuses an address for good: the next notice goes straight to the next channel."""

from typing import Any

from amends.domain.channel.channel import ChannelKind
from amends.domain.people.person import Person
from amends.ledger import Ledger
from tests.builders import NOW, a_person
from tests.delivery.sending import APPROVERS, INCIDENT, NOTICE, Rig, approved, approved_again

EMAIL, SMS, LETTER, WEBSITE = ChannelKind.EMAIL, ChannelKind.SMS, ChannelKind.LETTER, ChannelKind.WEBSITE
CASCADE: dict[str, Any] = {"channels": (WEBSITE, EMAIL), "cascade": (EMAIL, SMS, LETTER)}
UPDATE = "update-1"
HOME = "Example Street 1"


def bad(number: int, **changes: object) -> Person:
    """The relay says `550 5.1.1` to this person's address."""
    return a_person(number=number, email=f"bounce{number}@mail.example", **changes)


def lines(ledger: Ledger, notice: str, person: int) -> list[tuple[str, str]]:
    found = (line for line in ledger.statistics.lines(INCIDENT, notice) if line.person == person)
    return [(line.channel.value, line.state.value) for line in found]


def second_notice(ledger: Ledger, **changes: Any) -> None:
    """Another notice to everybody is approved and released."""
    approved_again(ledger, notice=UPDATE, **(CASCADE | changes))
    ledger.notices.release(INCIDENT, UPDATE, NOW)


def test_surprise_14_a_hard_bounce_is_not_mailed_again(rig: Rig) -> None:
    """A real relay refuses two addresses for good: the next notice goes to them by SMS or letter at once."""
    people = [a_person(number=1), bad(2), bad(3, phone="", postal_address=HOME)]
    approved(rig.ledger, people, **CASCADE)
    rig.run()
    assert lines(rig.ledger, NOTICE, 2) == [("email", "failed"), ("sms", "sent")]
    second_notice(rig.ledger)
    assert lines(rig.ledger, UPDATE, 1) == [("email", "waiting")]
    assert lines(rig.ledger, UPDATE, 2) == [("sms", "waiting")]
    assert lines(rig.ledger, UPDATE, 3) == [("letter", "to_print")]


def test_by_a_persons_word_the_address_is_tried_again(rig: Rig) -> None:
    """A mailbox that was disabled by mistake works again: a member says so for a person whom nothing has reached."""
    approved(rig.ledger, [bad(1, phone="")], **CASCADE)
    rig.run()
    assert rig.ledger.decisions.send_again(INCIDENT, NOTICE, 1, APPROVERS[0], NOW) == 1
    assert lines(rig.ledger, NOTICE, 1) == [("email", "waiting")]
    second_notice(rig.ledger)
    assert lines(rig.ledger, UPDATE, 1) == [("email", "waiting")]
