"""The counts of messages agree with the messages, whoever changes them, and every difference is named."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from amends.domain.channel.channel import ChannelKind
from amends.domain.notice.notice import PersonState
from amends.domain.people.person import Person
from amends.ledger import Ledger
from amends.ledger.deliver.statistics import message_states
from tests.builders import NOW, a_person
from tests.delivery.sending import INCIDENT, NOTICE, approved

EMAIL, SMS = ChannelKind.EMAIL, ChannelKind.SMS
ONE_MESSAGE = [a_person(number=number, phone="") for number in range(1, 5)]
TWO_MESSAGES = [a_person(number=number) for number in range(1, 5)]
LISTED = f"of {INCIDENT}, {NOTICE}, "
BY_HAND = ": somebody has changed the tables by other means than Amends"
SENT = "UPDATE delivery SET state = 'sent' WHERE channel = 'email'"


def released(ledger: Ledger, people: Sequence[Person] = ONE_MESSAGE) -> Ledger:
    """By email, and by SMS to those with a phone; there are pages and posts too."""
    approved(ledger, people, channels=(EMAIL, SMS), cascade=(EMAIL, SMS))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    return ledger


def changed(ledger: Ledger, *statements: str) -> None:
    with ledger.store.write() as write:
        for statement in statements:
            write.session.execute(text(statement))


def agrees(ledger: Ledger) -> bool:
    """The counts, with those by state, are those of the messages one by one."""
    with ledger.store.read() as session:
        counted = message_states(session, INCIDENT)[NOTICE]
    return counted == ledger.statistics.states(INCIDENT, NOTICE) and not ledger.audit.miscounted()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE delivery SET state = 'sent' WHERE person = 1",
        "UPDATE delivery SET state = 'deferred'",
        "UPDATE delivery SET state = 'bounced', variant = 'de/self', elements = 7",
        "DELETE FROM delivery WHERE person = 1",
    ],
)
def test_a_change_is_counted(ledger: Ledger, change: str) -> None:
    assert agrees(released(ledger))
    changed(ledger, change)
    assert agrees(ledger)


def test_a_settled_message_is_counted_anew(ledger: Ledger) -> None:
    released(ledger)
    for step in ("state = 'sent'", "state = 'delivered'", "variant = 'de/self'", "elements = 7", "state = 'waiting'"):
        changed(ledger, f"UPDATE delivery SET {step} WHERE person <> 2")
        assert agrees(ledger)
    changed(ledger, "UPDATE delivery SET state = 'held'", "DELETE FROM delivery WHERE person > 2")
    assert agrees(ledger)


def test_a_change_that_is_undone_is_not_counted(ledger: Ledger) -> None:
    released(ledger)
    with ledger.store.write() as write:
        write.session.execute(text(SENT))
        write.session.rollback()
    assert agrees(ledger)
    assert ledger.statistics.people(INCIDENT, NOTICE) == {PersonState.WAITING: 4}


def test_a_person_with_several_messages_counts_once(ledger: Ledger) -> None:
    released(ledger, TWO_MESSAGES)
    changed(ledger, "UPDATE delivery SET state = 'bounced' WHERE channel = 'email'")
    changed(ledger, "UPDATE delivery SET state = 'sent' WHERE channel = 'sms' AND person < 3")
    assert ledger.statistics.people(INCIDENT, NOTICE) == {PersonState.SENT: 2, PersonState.WAITING: 2}


@pytest.mark.parametrize(
    ("forgery", "found"),
    [
        ("UPDATE tally SET messages = messages + 1", "5 messages count as sent, and there are 4"),
        ("UPDATE tally SET variant = 'de/self'", "4 messages count as sent, and there are 4"),
        ("DELETE FROM tally", "0 messages count as sent, and there are 4"),
        ("UPDATE delivery SET state = 'claimed' WHERE channel = 'email'", "4 messages are claimed by no lease"),
    ],
)
def test_a_difference_is_named(ledger: Ledger, forgery: str, found: str) -> None:
    changed(released(ledger), SENT, forgery)
    assert ledger.audit.miscounted() == (LISTED + found + BY_HAND,)


def test_people_who_would_count_twice_are_named(ledger: Ledger) -> None:
    changed(released(ledger, TWO_MESSAGES), "UPDATE delivery SET one_of_several = false WHERE person = 2")
    assert ledger.audit.miscounted() == (f"{LISTED}1 people with several messages count more than once{BY_HAND}",)


def test_two_workers_count_without_waiting(ledger: Ledger) -> None:
    """Two transactions count messages of one text and state; neither waits for the other, and no count is lost."""
    if ledger.store.path:
        pytest.skip("on SQLite one transaction writes at a time")
    released(ledger)
    with ThreadPoolExecutor(1) as pool, ledger.store.write() as write:
        write.session.execute(text(f"{SENT} AND person <= 2"))
        pool.submit(changed, ledger, f"{SENT} AND person > 2").result(timeout=10)
    assert agrees(ledger)
    assert ledger.statistics.people(INCIDENT, NOTICE) == {PersonState.SENT: 4}
