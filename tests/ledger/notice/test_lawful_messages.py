"""Messages that a law counts: who gets a letter beside the rest, and what takes over when a lawful message fails."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col

from amends.domain.case.filings import statuses
from amends.domain.case.lawfully import LawfullyTold, told_in_all
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.deliver.correction import Ask
from amends.domain.law.duty import Addressee
from amends.domain.law.means import ChannelRule, Means
from amends.domain.notice.notice import DeliveryState
from amends.domain.people.person import Flag, Person
from amends.domain.playbook.playbook import Event
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from amends.ledger.deliver.letters import reference_of
from amends.ledger.store.sums import settle
from amends.ledger.tables.deliver import DeliveryRow
from tests.builders import NOW, a_duty, a_person, an_assessment
from tests.delivery.sending import INCIDENT, NOTICE, approved

EMAIL, SMS, LETTER, WEBSITE = ChannelKind.EMAIL, ChannelKind.SMS, ChannelKind.LETTER, ChannelKind.WEBSITE
E_SIGN = ChannelRule(duty="us-ca.individuals", places=("US-CA",), means=(Means.WRITTEN, Means.ELECTRONIC_WITH_CONSENT))
SHIPPED = {"channels": (WEBSITE, EMAIL, SMS), "cascade": (EMAIL, SMS, LETTER), "channel_rules": (E_SIGN,)}
LATER = NOW + timedelta(hours=1)
CONSENT = date(2025, 3, 31)
HOME = "Example Street 1\nSpringfield, CA 90001"
OMAR = Member(name="omar", role=TeamRole.LEGAL)


def in_california(number: int, **changes: object) -> Person:
    return a_person(number=number, **({"country": "US", "region": "CA", "postal_address": HOME} | changes))


def people() -> list[Person]:
    return [
        in_california(1),
        in_california(2, consents_to_email=CONSENT),
        in_california(3, email=""),
        in_california(4, email="", postal_address=""),
        a_person(number=5, postal_address=HOME),
        in_california(6, flags=frozenset({Flag.MINOR}), email="", phone="", postal_address=""),
        in_california(7, guardian_of="C-00006", data=(), consents_to_email=CONSENT),
        in_california(8, region="TX"),
        in_california(9, consents_to_email=CONSENT, phone="", postal_address=""),
    ]


def released(ledger: Ledger, audience: Iterable[Person] | None = None) -> Ledger:
    approved(ledger, people() if audience is None else audience, **SHIPPED)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    return ledger


def messages(ledger: Ledger) -> dict[int, dict[str, str]]:
    """The state of each person's message on each channel."""
    found: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for line in ledger.statistics.lines(INCIDENT, NOTICE):
        if line.person:
            found[line.person][line.channel.value] = line.state.value
    return dict(found)


def answer(ledger: Ledger, status: Status, *channels: ChannelKind) -> None:
    while claims := ledger.deliveries.claim(INCIDENT, NOTICE, channels, 100, LATER):
        ledger.deliveries.record(claims, (), INCIDENT, NOTICE, LATER)
        ledger.deliveries.record(
            (), [(claim, Receipt(claim.key, status, "x")) for claim in claims], INCIDENT, NOTICE, LATER
        )


def corrected(ledger: Ledger, *audience: Person) -> None:
    found = ledger.corrections.compare(INCIDENT, audience)
    said = {ask: found.difference.counts[ask.value] for ask in Ask}
    ledger.corrections.apply(found, said, "", "lena", LATER + timedelta(hours=1))  # when no lease is left


def test_whom_no_planned_message_tells_lawfully_gets_a_letter(ledger: Ledger) -> None:
    """Only people who live where a law asks for it get a letter, and none who consented to email; a child's message
    goes by the consent of the guardian.
    """
    quick, letter = {"email": "waiting", "sms": "waiting"}, {"letter": "to_print"}
    found = messages(released(ledger))
    assert found == {
        1: quick | letter,
        2: quick,
        3: {"sms": "waiting"} | letter,
        4: {"sms": "waiting"},
        5: quick,
        6: quick,
        7: {"email": "held"},
        8: quick,
        9: {"email": "waiting"},
    }


def test_a_release_that_is_repeated_adds_no_second_letter(ledger: Ledger) -> None:
    before = messages(released(ledger))
    ledger.notices.release(INCIDENT, NOTICE, LATER)
    assert messages(ledger) == before and not ledger.audit.verify()


def test_what_is_expected_is_what_a_release_makes(ledger: Ledger) -> None:
    """A preview counts the letters, and those whom nothing tells lawfully, by the place where they live."""
    draft = approved(ledger, people(), **SHIPPED)
    expected = ledger.previews.expected(draft)
    assert (expected.letters, expected.not_lawfully) == (2, {"US-CA": 1})
    looked = ledger.notices.preflight(draft)
    assert looked and looked.not_lawfully == expected.not_lawfully
    foreseen = {(claim.about.number, claim.channel) for claim in ledger.previews.first_claims(draft) if claim.about}
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    waiting = {"waiting", "to_print"}
    stored = {(who, kind) for who, by in messages(ledger).items() for kind, state in by.items() if state in waiting}
    assert {(who, kind.value) for who, kind in foreseen} == stored


def test_when_a_lawful_email_fails_a_letter_takes_over(ledger: Ledger) -> None:
    """An SMS that has arrived does not end the cascade where an SMS is no notice."""
    released(ledger, [in_california(1, consents_to_email=CONSENT)])
    answer(ledger, Status.SENT, SMS)
    answer(ledger, Status.REJECTED, EMAIL)
    assert messages(ledger) == {1: {"email": "failed", "sms": "sent", "letter": "to_print"}}


def test_when_a_lawful_email_fails_first_both_channels_take_over(ledger: Ledger) -> None:
    """Where the next channel of the cascade is not lawful, the next lawful one takes over too."""
    approved(ledger, [in_california(1, consents_to_email=CONSENT)], **(SHIPPED | {"channels": (WEBSITE, EMAIL)}))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    answer(ledger, Status.REJECTED, EMAIL)
    assert messages(ledger) == {1: {"email": "failed", "sms": "waiting", "letter": "to_print"}}


def test_an_email_that_does_not_count_adds_nothing_when_it_fails(ledger: Ledger) -> None:
    released(ledger, [in_california(1)])
    answer(ledger, Status.REJECTED, EMAIL)
    assert messages(ledger) == {1: {"email": "failed", "sms": "waiting", "letter": "to_print"}}


def test_a_letter_that_comes_back_leaves_no_lawful_channel(ledger: Ledger) -> None:
    released(ledger, [in_california(1)])
    answer(ledger, Status.SENT, EMAIL, SMS)
    ledger.letters.take(INCIDENT, NOTICE, OMAR, LATER)
    (letter,) = ledger.letters.of_batch(INCIDENT, NOTICE, 1)
    ledger.letters.returned(INCIDENT, NOTICE, reference_of(letter.key), LATER)
    assert messages(ledger) == {1: {"email": "sent", "sms": "sent", "letter": "bounced"}}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"postal_address": ""}, {}, {"email": "sent", "sms": "sent", "letter": "to_print"}),
        ({"consents_to_email": CONSENT}, {}, {"email": "sent", "sms": "sent", "letter": "to_print"}),
        (
            {"postal_address": ""},
            {"postal_address": "", "consents_to_email": CONSENT},
            {"email": "sent", "sms": "sent"},
        ),
        ({}, {"consents_to_email": CONSENT}, {"email": "sent", "sms": "sent", "letter": "to_print"}),
    ],
)
def test_a_corrected_list_brings_the_letter_that_is_missing(
    ledger: Ledger, before: dict[str, object], after: dict[str, object], expected: dict[str, str]
) -> None:
    """A corrected list that adds a postal address, or takes a consent away, brings a letter to whoever was told by
    messages that do not count. A letter that waits already stays.
    """
    released(ledger, [in_california(1, **before)])
    answer(ledger, Status.SENT, EMAIL, SMS)
    corrected(ledger, in_california(1, **after))
    assert messages(ledger) == {1: expected} and not ledger.audit.verify()


def lawfully_told(ledger: Ledger) -> LawfullyTold:
    found = told_in_all(ledger.cases.read(INCIDENT, LATER))
    assert found
    return found


def with_a_duty(ledger: Ledger) -> Ledger:
    """People of California were told, by everything but letters."""
    released(ledger)
    duty = a_duty(
        id="us-ca.individuals", addressee=Addressee.PEOPLE, places=("US-CA",), channels=E_SIGN.means, due_at=LATER
    )
    ledger.assessments.record(INCIDENT, an_assessment(duties=(duty,)), NOW)
    answer(ledger, Status.SENT, EMAIL, SMS)
    ledger.incidents.note_event(INCIDENT, Event.NOTIFIED, NOW)
    return ledger


def test_people_are_counted_by_what_told_them(ledger: Ledger) -> None:
    """Of those in California two consented and a child's guardian did; two wait for letters; one had an SMS alone. A
    guardian of whom nothing was touched is held. In Germany and Texas every message counts here.
    """
    found = lawfully_told(with_a_duty(ledger))
    assert (found.people, found.lawfully, found.waiting, found.only_by) == (9, 5, 2, {"SMS": 1})
    (duty,) = statuses(ledger.cases.read(INCIDENT, LATER), LATER)
    assert str(duty.told) == "3 of 7 (1 only by SMS; 2 wait)"
    assert duty.missing == "2 people there wait for a message or a letter"


def test_a_letter_that_is_handed_over_counts(ledger: Ledger) -> None:
    with_a_duty(ledger).letters.take(INCIDENT, NOTICE, OMAR, LATER)
    assert (lawfully_told(ledger).lawfully, lawfully_told(ledger).waiting) == (7, 0)
    (duty,) = statuses(ledger.cases.read(INCIDENT, LATER), LATER)
    assert duty.missing == "1 of 7 was told only by SMS, which this law does not count"


def test_an_email_that_bounces_later_counts_no_more(ledger: Ledger) -> None:
    """The numbers follow each message, also where the state of the person stays the same."""
    before = lawfully_told(with_a_duty(ledger))
    assert before.lawfully == 5
    with ledger.store.write() as write:
        here = (col(DeliveryRow.person) == 2, col(DeliveryRow.channel) == EMAIL.value)
        settle(write.session, update(DeliveryRow).where(*here).values(state=DeliveryState.BOUNCED))
    assert lawfully_told(ledger).only_by == {"SMS": 2}
