"""A dossier shows each message word for word as the relay and the gateway got it."""

from collections import Counter
from datetime import timedelta

import pytest

from amends.content.notice import shipped_wording
from amends.delivery.dossier import with_words
from amends.domain.case.dossier import MASK, Dossier
from amends.domain.channel.channel import ChannelKind
from amends.domain.deliver.correction import Ask
from amends.domain.incident.facts import DataCategory
from amends.domain.notice.notice import DeliveryState
from amends.domain.people.person import Flag, Person
from amends.domain.team.member import Member, TeamRole
from amends.ledger.case.person_messages import MOVED, NO_GUARDIAN
from tests.builders import NOW, a_person, a_variant
from tests.delivery.send.test_letters_sent import IN_CALIFORNIA, IN_MASSACHUSETTS, approve, drafted
from tests.delivery.sending import GUARDIAN_TEXT, INCIDENT, LINKS, NOTICE, PERSONAL_TEXT, Rig, approved, letters

LATER = NOW + timedelta(days=3)
CHILD = a_person(number=4, name="Mia Child", flags=frozenset({Flag.MINOR}), email="", phone="")
PARENT = a_person(number=5, name="Ada Parent", guardian_of=CHILD.ref, data=())


def dossier(rig: Rig, number: int) -> Dossier:
    return with_words(rig.ledger.dossiers.read(INCIDENT, number, LATER), LINKS)


def shown(rig: Rig, *numbers: int) -> Counter[tuple[str, str]]:
    """Subject and text of every message in these people's dossiers."""
    return Counter(
        (message.subject, message.text)
        for number in numbers
        for message in dossier(rig, number).messages
        if message.text
    )


def arrived(rig: Rig, *numbers: int) -> Counter[tuple[str, str]]:
    """Subject and text of every email and SMS that left, the secrets of these people's links masked."""
    mails = [
        (str(letter["subject"]), letter.get_body(("plain",)).get_content()) for letter in letters(rig.mail).values()
    ]  # type: ignore[union-attr]
    texts = [("", taken.fields["text"]) for taken in rig.web.taken if taken.service == "sms"]
    secrets = [rig.ledger.people.link_of(INCIDENT, number) for number in numbers]
    return Counter((subject, masked(text, secrets)) for subject, text in (*mails, *texts))


def masked(text: str, secrets: list[str]) -> str:
    """The text with a mask for each secret; a mail's lines end as RFC 5322 wants, and the last one ends too."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text.replace("\r\n", "\n").removesuffix("\n")


def corrected(rig: Rig, *people: Person) -> None:
    """Put this list in force."""
    correction = rig.ledger.corrections.compare(INCIDENT, people)
    said = {ask: correction.difference.counts[ask.value] for ask in Ask}
    rig.ledger.corrections.apply(correction, said, "", "lena", LATER)


def test_the_words_are_those_that_the_relay_and_the_gateway_got(rig: Rig) -> None:
    """Two locales, two states with addenda, and the guardian of a child: nothing more and nothing less was sent."""
    people = [
        a_person(number=1, **IN_MASSACHUSETTS),
        a_person(number=2, locale="zh-CN", name="李雷", **IN_CALIFORNIA),
        a_person(number=3, name="Zoë <b>&amp; *Sons*</b>"),
        CHILD,
        PARENT,
    ]
    approve(rig.ledger, drafted(rig.ledger, shipped_wording(), people))
    assert rig.run().finished
    assert shown(rig, 1, 2, 3, 4, 5) == arrived(rig, 1, 2, 3, 4, 5)
    assert {message.locale for message in dossier(rig, 2).messages} == {"zh-CN"}
    assert dossier(rig, 5).messages[0].text == ""
    assert dossier(rig, 5).person.children == (4,)


def test_a_corrected_list_changes_no_word_that_was_read(rig: Rig) -> None:
    """Other data, and another home with another addendum: the dossier keeps the words of then."""
    person = a_person(number=1, **IN_MASSACHUSETTS)
    approve(rig.ledger, drafted(rig.ledger, shipped_wording(), [person]))
    rig.run()
    before = arrived(rig, 1)
    corrected(rig, person._replace(data=(DataCategory.HEALTH,), region="CA"))
    assert shown(rig, 1) == before
    assert dossier(rig, 1).person.data_changed_at == LATER


def test_the_secret_of_the_link_is_in_no_dossier(rig: Rig) -> None:
    approved(rig.ledger, [a_person(number=1)])
    rig.run()
    text = dossier(rig, 1).model_dump_json()
    assert rig.ledger.people.link_of(INCIDENT, 1) not in text
    assert f"{LINKS.public_url}/p/{MASK}" in text


def test_a_message_to_an_earlier_address_says_so(rig: Rig) -> None:
    approved(rig.ledger, [a_person(number=1)])
    rig.run()
    corrected(rig, a_person(number=1, email="other@mail.example"))
    notes = {message.channel: message.notes for message in dossier(rig, 1).messages}
    assert notes == {ChannelKind.EMAIL: (MOVED,), ChannelKind.SMS: ()}


def test_a_guardian_who_is_gone_stays_unnamed(rig: Rig) -> None:
    """The child is in the list alone by now, so nobody knows to whom the message of then was addressed."""
    grown = CHILD._replace(flags=frozenset(), email="mia@mail.example")
    approved(rig.ledger, [CHILD, PARENT])
    rig.run()
    corrected(rig, grown)
    first = next(message for message in dossier(rig, CHILD.number).messages if message.text)
    assert (first.to, first.notes) == (MASK, (NO_GUARDIAN,))
    assert f"Dear {MASK}" in first.text
    assert PARENT.name not in first.text


def test_words_that_never_left_are_not_shown(rig: Rig) -> None:
    approved(rig.ledger, [a_person(number=1, email="reject@mail.example", phone="")])
    rig.ledger.notices.release(INCIDENT, NOTICE, NOW)
    (waiting,) = dossier(rig, 1).messages
    assert (waiting.state, waiting.text) == (DeliveryState.WAITING, "")


def test_a_letter_has_the_words_of_its_email(rig: Rig) -> None:
    person = a_person(number=1, email="", phone="", postal_address="Example Street 1, Berlin")
    variants = (a_variant(text=PERSONAL_TEXT), a_variant(text=GUARDIAN_TEXT, reader="guardian"))
    approved(rig.ledger, [person], variants=variants, channels=(ChannelKind.EMAIL,), cascade=(ChannelKind.LETTER,))
    rig.ledger.notices.release(INCIDENT, NOTICE, NOW)
    rig.ledger.letters.take(INCIDENT, NOTICE, Member(name="omar", role=TeamRole.LEGAL), NOW)
    (letter,) = dossier(rig, 1).messages
    assert letter.channel is ChannelKind.LETTER
    assert letter.text.startswith(f"Dear {person.name},")
    assert MASK in letter.text


@pytest.mark.parametrize("channel", [ChannelKind.WEBSITE, ChannelKind.SOCIAL])
def test_pages_and_posts_have_their_title_and_link(rig: Rig, channel: ChannelKind) -> None:
    approved(rig.ledger, [a_person(number=1)])
    rig.run()
    found = [one for one in dossier(rig, 1).public if one.channel is channel]
    assert {one.locale for one in found} == {"en", "zh-CN"}
    assert all(one.title and one.link == LINKS.page(INCIDENT, one.locale) for one in found)
