"""Everybody's message is put together as for sending, by real channels that reach no server, before anybody approves."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from amends.domain.base.errors import ChannelMisconfigured, NotAllowed
from amends.domain.channel.channel import ChannelKind
from amends.domain.deliver.correction import Ask
from amends.domain.deliver.preflight import MOST_NAMED, Preflight, Trouble
from amends.domain.incident.facts import DataCategory
from amends.domain.notice.notice import Draft, Reader, Slot
from amends.domain.people.person import Flag, Person
from amends.domain.team.approval import Decision
from amends.ledger import Ledger
from amends.ledger.tables.people import PersonRow
from tests.builders import NOW, a_draft, a_person, a_playbook, a_variant, a_wording, an_incident
from tests.delivery.sending import (
    APPROVERS,
    INCIDENT,
    ChannelSettings,
    bound,
    channel_settings,
    looked_over,
    personal_variants,
)

EMAIL, SMS, LETTER, WEBSITE = ChannelKind.EMAIL, ChannelKind.SMS, ChannelKind.LETTER, ChannelKind.WEBSITE
NOWHERE = "1"
"""A port at which nobody listens: whoever tries to send would fail."""
BY_EMAIL: dict[str, Any] = {"channels": (EMAIL,), "cascade": (EMAIL, SMS, LETTER)}

TWICE = (a_variant(), a_variant(channel=SMS, text=f"It was your {Slot.YOUR_DATA.mark}."))
"""Both name the person's own data, which the words of the tests know only three kinds of."""


@pytest.fixture
def real(tmp_path: Path) -> ChannelSettings:
    return channel_settings(int(NOWHERE), f"http://127.0.0.1:{NOWHERE}", tmp_path)


def drafted(ledger: Ledger, *people: Person, **changes: Any) -> Draft:
    """The first notice for these people, by email unless another way is said; nobody has looked at it."""
    ledger.incidents.open(an_incident(), people, "lena", NOW)
    ledger.playbooks.pin(INCIDENT, a_playbook(), a_wording(), "lena", NOW)
    draft = a_draft(**(bound(ledger) | BY_EMAIL | changes))
    ledger.notices.draft(draft, NOW)
    return draft


def wrong(why: str, *first: int, people: int = 0) -> tuple[Trouble, ...]:
    """The same trouble with one message of each of these, and of more people when it says so."""
    number = people or len(first)
    return (Trouble(why=why, messages=number, people=number, first=first),)


def test_when_everybodys_message_can_be_put_together_all_are_counted(ledger: Ledger, real: ChannelSettings) -> None:
    people = [
        a_person(number=1),
        a_person(number=2, locale="zh-CN", name="李雷"),
        a_person(number=3, flags=frozenset({Flag.MINOR})),
        a_person(number=4, guardian_of="C-00003"),
        a_person(number=5, flags=frozenset({Flag.DECEASED})),
        a_person(number=6, email="", phone=""),
    ]
    found = looked_over(ledger, drafted(ledger, *people, channels=(WEBSITE, EMAIL, SMS)), real)
    assert found == Preflight(messages=8), "two for each but for who is held and who cannot be reached"


# What would be printed wrongly.


def test_a_name_that_would_be_printed_wrongly_is_found(ledger: Ledger, real: ChannelSettings) -> None:
    names = ["Kim", "", "  ", "None", "Kim\x00Example", "Kim\u2028Example"]
    draft = drafted(ledger, *(a_person(number=number, name=name) for number, name in enumerate(names, 1)))
    assert looked_over(ledger, draft, real) == Preflight(
        messages=6,
        wrong=(
            *wrong("name is empty", 2, 3),
            *wrong("name is a word for nothing, such as null", 4),
            *wrong("unsafe message", 5, 6),
        ),
    )


def test_a_name_may_be_empty_where_no_text_greets_by_name(ledger: Ledger, real: ChannelSettings) -> None:
    draft = drafted(ledger, a_person(number=1, name=""), variants=(a_variant(),))
    assert looked_over(ledger, draft, real) == Preflight(messages=1)


def test_a_slot_in_the_subject_counts(ledger: Ledger, real: ChannelSettings) -> None:
    subject = f"News for {Slot.NAME.mark}"
    draft = drafted(ledger, a_person(number=1, name=""), variants=(a_variant(subject=subject),))
    assert looked_over(ledger, draft, real).wrong == wrong("name is empty", 1)


def test_a_child_without_a_name_is_found(ledger: Ledger, real: ChannelSettings) -> None:
    child, guardian = a_person(number=1, name="", flags=frozenset({Flag.MINOR})), a_person(number=2)
    draft = drafted(ledger, child, guardian._replace(guardian_of=child.ref))
    assert looked_over(ledger, draft, real) == Preflight(messages=2, wrong=wrong("child is empty", 1))


def test_a_reader_for_whom_nothing_was_written_is_found(ledger: Ledger, real: ChannelSettings) -> None:
    child, guardian = a_person(number=1, flags=frozenset({Flag.MINOR})), a_person(number=2)
    only_self = tuple(each for each in personal_variants("en") if each.reader is Reader.SELF)
    draft = drafted(ledger, child, guardian._replace(guardian_of=child.ref), variants=only_self)
    assert looked_over(ledger, draft, real).wrong == wrong("no text for reader guardian by email", 1)


def test_an_sms_without_its_signature_is_found(ledger: Ledger, real: ChannelSettings) -> None:
    person = a_person(number=1, locale="zh-CN", email="")
    unsigned = a_variant(locale="zh-CN", channel=SMS, text="客户数据被复制。")
    draft = drafted(ledger, person, channels=(SMS,), variants=(unsigned,))
    assert looked_over(ledger, draft, real).wrong == wrong("signature missing", 1)


def test_a_letter_is_put_together_and_needs_a_name_for_its_envelope(ledger: Ledger, real: ChannelSettings) -> None:
    by_post = {"email": "", "phone": "", "postal_address": "Example Street 1\n10115 Berlin"}
    people = (a_person(number=1, **by_post), a_person(number=2, name="", **by_post))
    draft = drafted(ledger, *people, variants=(a_variant(),))
    assert looked_over(ledger, draft, real) == Preflight(messages=2, wrong=wrong("name is empty", 2))


def test_a_letter_that_no_list_can_hold_is_found(ledger: Ledger, real: ChannelSettings) -> None:
    person = a_person(number=1, email="", phone="", postal_address="Example Street 1\n10115 Berlin")
    draft = drafted(ledger, person, variants=(a_variant(text="Long. " * 6_000),))
    assert looked_over(ledger, draft, real).wrong == wrong("too long for a list of letters", 1)


# Only the address is of no use.


def test_an_address_that_is_of_no_use_is_counted_and_stops_nobody(ledger: Ledger, real: ChannelSettings) -> None:
    addresses = ["kim@mail.example", "kim@example@example", "kïm@mail.example", "kim@-"]
    draft = drafted(ledger, *(a_person(number=number, email=address) for number, address in enumerate(addresses, 1)))
    unusable = (*wrong("unsafe address", 2, 4), *wrong("needs SMTPUTF8", 3))
    assert looked_over(ledger, draft, real) == Preflight(messages=4, unusable=unusable)
    approve(ledger, draft)


def test_a_number_that_is_of_no_use_is_counted_too(ledger: Ledger, real: ChannelSettings) -> None:
    draft = drafted(ledger, a_person(number=1, email="", phone="110"), channels=(SMS,))
    assert looked_over(ledger, draft, real) == Preflight(messages=1, unusable=wrong("not an E.164 number", 1))


def test_data_that_does_not_open_is_found_and_hides_no_trouble(ledger: Ledger, real: ChannelSettings) -> None:
    """Stored data that does not open is found, and hides no trouble of the other people."""
    draft = drafted(ledger, a_person(number=1), a_person(number=2, name=""), a_person(number=3))
    with ledger.store.write() as write:
        write.change(update(PersonRow).where(col(PersonRow.number) == 1).values(sealed=b"\1\2\3\4"))
    assert looked_over(ledger, draft, real) == Preflight(
        messages=3, wrong=wrong("name is empty", 2), unusable=wrong("stored data that cannot be opened", 1)
    )


# What is said and kept of it.


def test_only_the_first_people_are_named_and_nothing_personal(ledger: Ledger, real: ChannelSettings) -> None:
    """When many messages are wrong, only the first people are named, and nothing personal is said."""
    draft = drafted(ledger, *(a_person(number=number, name="None", email=f"a{number}@x@y") for number in range(1, 31)))
    found = looked_over(ledger, draft, real)
    assert found.wrong == wrong("name is a word for nothing, such as null", *range(1, MOST_NAMED + 1), people=30)
    assert "x@y" not in found.model_dump_json() + str(found)


def test_somebody_with_two_messages_is_one_person(ledger: Ledger, real: ChannelSettings) -> None:
    draft = drafted(ledger, a_person(number=1, data=(DataCategory.GENETIC,)), channels=(EMAIL, SMS), variants=TWICE)
    trouble = Trouble(why="your_data is empty", messages=2, people=1, first=(1,))
    assert looked_over(ledger, draft, real).wrong == (trouble,)


def test_it_is_done_once_for_a_draft(ledger: Ledger, real: ChannelSettings) -> None:
    draft = drafted(ledger, a_person(number=1))
    first = looked_over(ledger, draft, real)
    with ledger.store.write() as write:
        write.change(update(PersonRow).values(email_index=None))
    assert looked_over(ledger, draft, real) == first


def test_what_was_wrong_is_looked_at_again(ledger: Ledger, real: ChannelSettings) -> None:
    draft = drafted(ledger, a_person(number=1), variants=personal_variants("zh-CN"), channels=(SMS,))
    ledger.notices.keep_preflight(draft, Preflight(messages=1, wrong=wrong("signature missing", 1)), NOW)
    assert looked_over(ledger, draft, real) == Preflight(messages=1)


def test_without_a_channel_that_the_notice_needs_nobody_can_look(ledger: Ledger, real: ChannelSettings) -> None:
    draft = drafted(ledger, a_person(number=1))
    del real[EMAIL]
    with pytest.raises(ChannelMisconfigured, match=r"\[channels\.email\]"):
        looked_over(ledger, draft, real)
    assert ledger.notices.preflight(draft) is None


def test_a_wrong_message_blocks_the_approval_until_a_corrected_list(ledger: Ledger, real: ChannelSettings) -> None:
    """A person whose message would be wrong blocks the approval until the list is corrected."""
    others = [a_person(number=number) for number in range(2, 6)]
    draft = drafted(ledger, a_person(number=1, name=""), *others)
    looked_over(ledger, draft, real)
    with pytest.raises(NotAllowed, match=r"1 message of first-notice .*name is empty \(person 1\).*correct"):
        approve(ledger, draft)
    list_of_all = ledger.corrections.compare(INCIDENT, [a_person(number=1), *others])
    ledger.corrections.apply(list_of_all, {Ask.CHANGED: 1}, "corrected.csv", "mei", NOW)
    afresh = draft.model_copy(update={"audience_digest": ledger.notices.audience(INCIDENT, "everyone").digest})
    ledger.notices.draft(afresh, NOW)
    assert looked_over(ledger, afresh, real) == Preflight(messages=5)
    approve(ledger, afresh)


def approve(ledger: Ledger, draft: Draft) -> None:
    for member in APPROVERS:
        if member.name not in {known.name for known in ledger.team.members()}:
            ledger.team.add(member.name, member.role, "lena", NOW)
        ledger.approvals.decide(INCIDENT, draft.notice, member, Decision.APPROVE, draft.binding, "", NOW)
