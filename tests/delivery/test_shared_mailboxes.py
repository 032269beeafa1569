"""One copy for a mailbox, through a real relay: one email that names all, and others where the mailbox takes none."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from amends.domain.channel.channel import ChannelKind
from amends.domain.incident.facts import DataCategory
from amends.domain.notice.notice import PersonState
from amends.domain.people.person import MailboxRuling, Person
from tests.builders import NOW, a_person
from tests.delivery.sending import APPROVERS, INCIDENT, NOTICE, Rig, approved, approved_again, bodies, letters

BY_MAIL: dict[str, Any] = {"channels": (ChannelKind.EMAIL,), "cascade": (ChannelKind.EMAIL, ChannelKind.SMS)}
HOUSE = "house@mail.example"


def rule_one(rig: Rig, *people: Person) -> None:
    """The first notice is approved after the decision for one copy."""
    approved(rig.ledger, people, **BY_MAIL)
    rig.ledger.mailboxes.rule(INCIDENT, MailboxRuling.ONE, APPROVERS[0], NOW)
    approved_again(rig.ledger, **BY_MAIL)
    rig.ledger.notices.release(INCIDENT, NOTICE, NOW)


def test_one_email_reaches_the_mailbox_and_names_all(rig: Rig) -> None:
    rule_one(rig, *(a_person(number=number, email=HOUSE) for number in (1, 2, 3)), a_person(number=4))
    rig.run()
    assert rig.mailed() == [HOUSE, "kim4@mail.example"]
    copy: EmailMessage = letters(rig.mail)[HOUSE]
    assert "Dear Kim Example 1, Kim Example 2, Kim Example 3," in bodies(copy)
    assert rig.ledger.statistics.people(INCIDENT, NOTICE) == {PersonState.SENT: 2, PersonState.HELD: 2}


def test_who_has_other_data_gets_an_email_of_their_own(rig: Rig) -> None:
    """The copy names only those whose data it lists; the other email in the mailbox names its own person alone."""
    rule_one(
        rig,
        a_person(number=1, email=HOUSE),
        a_person(number=2, email=HOUSE),
        a_person(number=3, email=HOUSE, data=(DataCategory.CONTACT,)),
    )
    rig.run()
    assert rig.mailed() == [HOUSE, HOUSE]
    mails = [message_from_bytes(one.content, _class=EmailMessage, policy=policy.default) for one in rig.mail.arrived]
    assert sorted("Dear Kim Example 1, Kim Example 2," in bodies(mail) for mail in mails) == [False, True]
    assert sorted("Dear Kim Example 3," in bodies(mail) for mail in mails) == [False, True]


def test_a_mailbox_that_takes_none_costs_nobody_the_notice(rig: Rig) -> None:
    rule_one(rig, *(a_person(number=number, email="bounce-house@mail.example") for number in (1, 2)))
    rig.run()
    assert rig.mailed() == []
    assert rig.texted() == ["+493055500001", "+493055500002"]
    assert rig.ledger.statistics.people(INCIDENT, NOTICE) == {PersonState.SENT: 2}


def test_each_email_goes_out_without_a_decision(rig: Rig) -> None:
    approved(rig.ledger, [a_person(number=number, email=HOUSE) for number in (1, 2)], **BY_MAIL)
    rig.ledger.notices.release(INCIDENT, NOTICE, NOW)
    rig.run()
    assert rig.mailed() == [HOUSE, HOUSE]


def test_a_damaged_name_in_a_copy_holds_nobody_up(rig: Rig) -> None:
    """The copy goes out without the name that does not open, and everybody else is told."""
    rule_one(rig, *(a_person(number=number, email=HOUSE) for number in (1, 2, 3)), a_person(number=4))
    with rig.ledger.store.engine.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql("UPDATE person SET sealed = x'01020304' WHERE number = 2")
    rig.run()
    assert rig.mailed() == [HOUSE, "kim4@mail.example"]
    assert "Dear Kim Example 1, Kim Example 3," in bodies(letters(rig.mail)[HOUSE])
