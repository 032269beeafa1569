"""What people were told follows from the messages sent and from the statements of their texts."""

from datetime import timedelta
from typing import Any

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.deliver.correction import Ask
from amends.domain.notice.statement import Statement
from amends.domain.notice.told import by_statement, last_told
from amends.domain.people.person import DataCategory
from amends.ledger import Ledger
from tests.builders import NOW, a_person, a_variant
from tests.delivery.sending import INCIDENT, NOTICE, approved

CAUSE = Statement(key="cause", value="theft")
ELEMENTS = Statement(key="elements", value="contact|health")
BOTH = (DataCategory.CONTACT, DataCategory.HEALTH)
LATER = NOW + timedelta(hours=1)


STATING: dict[str, Any] = {
    "variants": (a_variant(states=("cause", "elements")), a_variant(channel=ChannelKind.SMS, states=("cause",))),
    "channels": (ChannelKind.EMAIL,),
    "statements": (CAUSE, ELEMENTS),
}
"""An email that states the cause and the person's own data, and an SMS that states the cause alone."""


def sent(ledger: Ledger, *answers: Status) -> Ledger:
    """The notice goes to one person for each of these answers; odd ones have one kind of data, even ones two."""
    people = [
        a_person(number=number, data=(DataCategory.CONTACT,) if number % 2 else BOTH)
        for number in range(1, len(answers) + 1)
    ]
    approved(ledger, people, **STATING)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.EMAIL], 99, LATER)
    receipts = [(claim, Receipt(claim.key, status)) for claim, status in zip(claims, answers, strict=True)]
    ledger.deliveries.record(claims, receipts, INCIDENT, NOTICE, LATER)
    return ledger


def test_each_text_is_counted_by_the_data_of_its_readers(ledger: Ledger) -> None:
    said = sent(ledger, Status.SENT, Status.SENT, Status.DELIVERED).told.sayings(INCIDENT)
    assert {(one.saying.elements, one.people) for one in said} == {("contact", 2), ("contact|health", 1)}
    assert {one.saying.statements["elements"].value for one in said} == {"contact", "contact|health"}
    assert {one.saying.statements["cause"] for one in said} == {CAUSE}


def test_a_message_that_may_have_arrived_tells_and_says_so(ledger: Ledger) -> None:
    said = sent(ledger, Status.UNCERTAIN, Status.SENT, Status.SENT).told.sayings(INCIDENT)
    assert {(one.saying.elements, one.people, one.uncertain) for one in said} == {
        ("contact", 2, 1),
        ("contact|health", 1, 0),
    }


def test_a_message_that_was_refused_tells_nobody(ledger: Ledger) -> None:
    sent(ledger, Status.REJECTED)
    assert ledger.told.sayings(INCIDENT) == ()
    assert ledger.told.person(INCIDENT, 1) == ()


def test_a_message_that_still_waits_tells_nobody(ledger: Ledger) -> None:
    sent(ledger, Status.DEFERRED, Status.SENT)
    assert [saying.people for saying in ledger.told.sayings(INCIDENT)] == [1]


def test_a_person_was_told_their_own_data(ledger: Ledger) -> None:
    sent(ledger, Status.SENT, Status.SENT)
    (heard,) = ledger.told.person(INCIDENT, 2)
    assert {key: one.value for key, one in heard.saying.statements.items()} == {
        "cause": "theft",
        "elements": "contact|health",
    }


def test_a_value_counts_each_person_once(ledger: Ledger) -> None:
    """Two texts that say the same to different people add up, and what is uncertain is counted beside."""
    sent(ledger, Status.UNCERTAIN, Status.SENT, Status.SENT)
    values = {one.statement.key: one for one in by_statement(ledger.told.sayings(INCIDENT)) if one.statement == CAUSE}
    assert ledger.told.people(INCIDENT, [text.saying for text in values["cause"].personal]) == (3, 1)


def test_what_a_text_says_is_as_it_was_sent_not_as_the_list_is_now(ledger: Ledger) -> None:
    sent(ledger, Status.SENT)
    correction = ledger.corrections.compare(INCIDENT, [a_person(number=1, data=BOTH)])
    ledger.corrections.apply(correction, {Ask.CHANGED: 1}, "", "lena", LATER + timedelta(hours=1))
    (heard,) = ledger.told.person(INCIDENT, 1)
    assert last_told([heard.saying])["elements"].value == "contact"
