"""What a corrected list changes, what looks like an accident, and where each message goes after it."""

from dataclasses import replace

import pytest

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import ReceiptCause
from amends.domain.deliver.cascade import Planned
from amends.domain.deliver.correction import (
    Ask,
    Course,
    Difference,
    DifferenceKind,
    PersonChange,
    Stored,
    changed_fields,
    course,
    objections,
    stands_otherwise,
)
from amends.domain.notice.notice import DeliveryState
from amends.domain.people.person import Flag, Hold
from tests.builders import a_person

EMAIL, SMS, LETTER = ChannelKind.EMAIL, ChannelKind.SMS, ChannelKind.LETTER
WAITING, HELD, FAILED, BOUNCED = (DeliveryState(word) for word in ("waiting", "held", "failed", "bounced"))
OLD, NEW, PHONE = b"old", b"new", b"phone"
LEFT = ("sent", "delivered", "complained", "uncertain", "claimed")
OPEN = ("waiting", "deferred", "parked")


def a_message(
    state: str,
    channel: ChannelKind = EMAIL,
    address: bytes = OLD,
    cause: ReceiptCause = ReceiptCause.NONE,
    number: int = 1,
) -> Stored:
    return Stored(number, channel, address, DeliveryState(state), cause)


def a_doubtful_message() -> Stored:
    return Stored(1, EMAIL, OLD, DeliveryState.DEFERRED, detail="no answer", doubtful=True)


def after(*messages: Stored, hold: str = "", why_not: ReceiptCause = ReceiptCause.NONE, **addresses: bytes) -> Course:
    """For a notice by email that falls back on SMS and on paper."""
    known = {ChannelKind(kind): address for kind, address in addresses.items()}
    return course(messages, hold, known, (ChannelKind.WEBSITE, EMAIL), (EMAIL, SMS, LETTER), why_not)


@pytest.mark.parametrize(("lawful", "added"), [({LETTER}, [LETTER]), ({EMAIL, LETTER}, []), ({SMS}, [])])
def test_whoever_was_told_unlawfully_gets_a_letter_once_possible(
    lawful: set[ChannelKind], added: list[ChannelKind]
) -> None:
    """Whoever was told only by an email that does not count is written to on paper by the corrected list."""
    known = {EMAIL: OLD, LETTER: NEW}
    found = course([a_message("sent")], "", known, (EMAIL,), (EMAIL, SMS, LETTER), ReceiptCause.NONE, lawful)
    assert [(one.channel, one.state, address) for one, address in found.new] == [
        (kind, DeliveryState.TO_PRINT, NEW) for kind in added
    ]


def difference(before: int = 100, **counts: int) -> Difference:
    changes = [PersonChange(kind, number) for kind in DifferenceKind for number in range(counts.get(kind, 0))]
    changes += [
        PersonChange(DifferenceKind.CHANGED, number, taken_over=("email",))
        for number in range(counts.get("swapped", 0))
    ]
    return Difference(before, 0, tuple(changes))


# What differs.


def test_the_same_person_in_another_row_is_not_changed() -> None:
    assert changed_fields(a_person(number=1), a_person(number=1)._replace(number=9)) == ()


def test_each_field_that_changed_is_named() -> None:
    old = a_person()
    new = old._replace(name="Kim B", postal_address="1 Road", flags=frozenset({Flag.MINOR}))
    assert changed_fields(old, new) == ("name", "postal_address", "flags")


@pytest.mark.parametrize(
    ("old", "new", "fields"),
    [
        ("anna@mail.example", "Anna@Mail.example", ()),
        ("ANNA@MAIL.EXAMPLE", "anna@mail.example", ()),
        ("anna@mail.example", "anne@mail.example", ("email",)),
        ("anna@mail.example", "", ("email",)),
    ],
)
def test_an_email_with_other_capitals_is_no_change(old: str, new: str, fields: tuple[str, ...]) -> None:
    person = a_person(number=1)
    assert changed_fields(person._replace(email=old), person._replace(email=new)) == fields
    assert changed_fields(person._replace(email=old), person._replace(email=new, name="Anne")) == ("name", *fields)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"name": "Kim B", "email": "b@mail.example"}, False),
        ({"flags": frozenset({Flag.DECEASED})}, True),
        ({"guardian_of": "C-00009"}, True),
        ({"data": ()}, False),
        ({"guardian_of": "C-00009", "data": ()}, True),
    ],
)
def test_only_what_decides_about_holding_calls_for_a_new_decision(change: dict[str, object], expected: bool) -> None:
    assert stands_otherwise(a_person(), a_person(**change)) is expected


def test_a_guardian_whose_data_was_not_touched_is_decided_about_anew() -> None:
    """A guardian whose own data, after all, was not touched is decided about anew."""
    guardian = a_person(guardian_of="C-00009")
    assert stands_otherwise(guardian, guardian._replace(data=()))


def test_the_numbers_add_up() -> None:
    counted = difference(before=10, new=3, back=1, gone=4)
    assert (counted.after, counted.counts["new"], counted.counts["gone"]) == (10, 3, 4)


# What looks like an accident.


@pytest.mark.parametrize(
    ("counts", "asked"),
    [
        ({"gone": 20}, ()),
        ({"gone": 21}, ("21 people are gone",)),
        ({"changed": 21}, ("21 people are changed",)),
        ({"swapped": 1}, ("1 person has an address that was another's",)),
        ({"new": 500}, ()),
    ],
)
def test_many_changes_or_another_persons_address_must_be_confirmed(
    counts: dict[str, int], asked: tuple[str, ...]
) -> None:
    """A correction must be confirmed when many people (here more than 20) are gone or changed, and when any person has
    an address that was another person's. New people need no confirmation.
    """
    found = objections(difference(**counts), {})
    assert tuple(words.partition(":")[0] for words in found) == asked


def test_who_says_how_many_it_is_has_looked() -> None:
    assert objections(difference(gone=40), {Ask.GONE: 40}) == ()


@pytest.mark.parametrize("said", [39, 0])
def test_another_number_than_it_is_stops_it(said: int) -> None:
    assert objections(difference(gone=40), {Ask.GONE: said}) == (f"40 people are gone, and not {said}",)


def test_a_wrong_number_stops_it_even_where_nobody_had_to_say_one() -> None:
    assert objections(difference(gone=3), {Ask.GONE: 2}) == ("3 people are gone, and not 2",)


# Where messages go.


@pytest.mark.parametrize("state", OPEN)
def test_what_has_not_left_goes_to_the_corrected_address(state: str) -> None:
    assert after(a_message(state), email=NEW) == Course((a_message("waiting", address=NEW),))


def test_a_letter_that_was_not_printed_goes_to_the_corrected_address() -> None:
    (moved,) = after(a_message("to_print", LETTER), letter=NEW).changed
    assert (moved.address, moved.state) == (NEW, DeliveryState.TO_PRINT)


@pytest.mark.parametrize("state", OPEN)
def test_what_goes_to_the_right_address_stays_as_it_is(state: str) -> None:
    assert after(replace(a_message(state), detail="450 later"), email=OLD) == Course()


@pytest.mark.parametrize("state", LEFT)
def test_who_was_told_or_may_have_been_gets_nothing_new(state: str) -> None:
    assert after(a_message(state), email=NEW, sms=PHONE) == Course()


@pytest.mark.parametrize("state", ["bounced", "failed"])
def test_whom_nothing_reached_is_written_to_at_the_corrected_address(state: str) -> None:
    assert after(a_message(state), email=NEW) == Course(new=((Planned(EMAIL, WAITING), NEW),))


def test_an_address_that_was_tried_is_not_tried_again() -> None:
    back = after(a_message("bounced"), a_message("failed", address=NEW, number=2), email=OLD)
    assert back == Course()


def test_whoever_was_told_by_another_channel_is_not_told_again() -> None:
    assert after(a_message("bounced"), a_message("sent", SMS, PHONE, number=2), email=NEW, sms=PHONE) == Course()


def test_while_another_channel_is_on_its_way_nothing_is_added() -> None:
    assert after(a_message("bounced"), a_message("waiting", SMS, PHONE, number=2), email=NEW, sms=PHONE) == Course()


def test_who_had_no_address_is_written_to_at_the_one_they_have_now() -> None:
    taken = after(a_message("unreachable", address=b"", cause=ReceiptCause.NO_ADDRESS), sms=PHONE)
    assert taken == Course(dropped=(1,), new=((Planned(SMS, WAITING), PHONE),))


def test_who_has_no_address_still_stays_unreachable() -> None:
    assert after(a_message("unreachable", address=b"", cause=ReceiptCause.NO_ADDRESS)) == Course()


def test_when_the_address_is_taken_away_the_next_channel_takes_over() -> None:
    taken = after(replace(a_message("waiting"), detail="450 later"), sms=PHONE)
    assert [(one.state, one.cause, one.detail) for one in taken.changed] == [(FAILED, ReceiptCause.ADDRESS_GONE, "")]
    assert taken.new == ((Planned(SMS, WAITING), PHONE),)


def test_two_messages_never_go_to_one_address() -> None:
    taken = after(a_message("waiting"), a_message("bounced", address=NEW, number=2), email=NEW, sms=PHONE)
    assert [(one.state, one.cause) for one in taken.changed] == [(FAILED, ReceiptCause.ADDRESS_GONE)]
    assert taken.new == ((Planned(SMS, WAITING), PHONE),)


def test_of_two_messages_only_one_goes_to_the_corrected_address() -> None:
    taken = after(a_message("deferred"), a_message("waiting", address=b"older", number=2), email=NEW)
    assert [(one.id, one.state, one.address) for one in taken.changed] == [(1, WAITING, NEW), (2, FAILED, b"older")]


@pytest.mark.parametrize("email", [NEW, b""])
def test_a_doubtful_message_is_uncertain_when_its_address_changes(email: bytes) -> None:
    """A message that the provider may have becomes uncertain when its address is replaced or taken away, and no other
    message takes its place.
    """
    taken = after(a_doubtful_message(), email=email, sms=PHONE)
    assert [(one.state, one.address) for one in taken.changed] == [(DeliveryState.UNCERTAIN, OLD)]
    assert taken.new == ()


@pytest.mark.parametrize("hold", [Hold.GONE, Hold.DECEASED, Hold.MINOR_WITHOUT_GUARDIAN])
@pytest.mark.parametrize("state", [*OPEN, "to_print"])
def test_whoever_is_held_now_gets_nothing_more(state: str, hold: Hold) -> None:
    (held,) = after(a_message(state), hold=hold, email=NEW).changed
    assert (held.state, held.cause, held.detail, held.address) == (HELD, ReceiptCause(hold), "", OLD)


def test_a_doubtful_message_is_uncertain_when_its_person_is_held() -> None:
    """A message that the provider may have becomes uncertain when its person is held."""
    (held,) = after(a_doubtful_message(), hold=Hold.GONE).changed
    assert held == replace(a_doubtful_message(), state=DeliveryState.UNCERTAIN)


@pytest.mark.parametrize("state", [*LEFT, "bounced"])
def test_what_became_of_a_message_stays_when_its_person_is_gone(state: str) -> None:
    assert after(a_message(state), hold=Hold.GONE) == Course()


def test_whoever_is_held_no_more_is_written_to() -> None:
    taken = after(a_message("held", cause=ReceiptCause.DECEASED), email=OLD)
    assert taken == Course(dropped=(1,), new=((Planned(EMAIL, WAITING), OLD),))


def test_whoever_is_held_no_more_and_has_no_address_is_unreachable() -> None:
    taken = after(a_message("held", cause=ReceiptCause.DECEASED))
    assert [planned.state for planned, _ in taken.new] == [DeliveryState.UNREACHABLE]


def test_an_opt_out_outlives_a_correction() -> None:
    assert after(a_message("held", cause=ReceiptCause.OPTED_OUT), why_not=ReceiptCause.OPTED_OUT, email=NEW) == Course()
    assert after(a_message("bounced"), why_not=ReceiptCause.OPTED_OUT, email=OLD) == Course()


def test_a_new_address_of_an_opted_out_person_is_kept_for_later() -> None:
    """A person who has opted out gets a held message for a new address, so that a version that all must get can use
    this address.
    """
    taken = after(a_message("bounced"), why_not=ReceiptCause.OPTED_OUT, email=NEW)
    assert taken == Course(new=((Planned(EMAIL, HELD, ReceiptCause.OPTED_OUT), NEW),))


def test_each_reason_to_hold_a_person_is_a_cause() -> None:
    assert {hold.value for hold in Hold} <= set(ReceiptCause)
