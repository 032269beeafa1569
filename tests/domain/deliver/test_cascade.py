"""Who is written to on which channel, and what a channel's answer means."""

import math
from datetime import timedelta

import pytest

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, ReceiptCause, Status
from amends.domain.deliver.cascade import (
    GIVE_UP_AFTER,
    UNTRIED,
    Outcome,
    Planned,
    first_messages,
    hold_within,
    in_doubt,
    next_channels,
    outcome,
    untried,
    why_held,
)
from amends.domain.deliver.reason import reason
from amends.domain.law.means import EVERY_CHANNEL
from amends.domain.notice.notice import DeliveryState
from amends.domain.people.person import Hold
from tests.builders import NOW, a_draft, a_variant

EMAIL, SMS, SOCIAL, WEBSITE = ChannelKind.EMAIL, ChannelKind.SMS, ChannelKind.SOCIAL, ChannelKind.WEBSITE
LETTER, TO_PRINT = ChannelKind.LETTER, DeliveryState.TO_PRINT
WAITING, HELD, UNREACHABLE = DeliveryState.WAITING, DeliveryState.HELD, DeliveryState.UNREACHABLE


@pytest.mark.parametrize(
    ("addresses", "channels", "cascade", "expected"),
    [
        ({EMAIL, SMS}, (WEBSITE, EMAIL, SMS, SOCIAL), (EMAIL, SMS), [(EMAIL, WAITING), (SMS, WAITING)]),
        ({EMAIL, SMS}, (WEBSITE, EMAIL), (EMAIL, SMS), [(EMAIL, WAITING)]),
        ({SMS}, (WEBSITE, EMAIL), (EMAIL, SMS), [(SMS, WAITING)]),
        ({SMS}, (WEBSITE, EMAIL), (), [(EMAIL, UNREACHABLE)]),
        ({EMAIL, SMS}, (WEBSITE,), (SMS, EMAIL), [(SMS, WAITING)]),
        (set(), (WEBSITE, SMS), (EMAIL,), [(SMS, UNREACHABLE)]),
        (set(), (WEBSITE,), (), [(EMAIL, UNREACHABLE)]),
        (set(), (WEBSITE,), (SMS, EMAIL), [(SMS, UNREACHABLE)]),
        ({LETTER}, (WEBSITE, EMAIL), (EMAIL, SMS, LETTER), [(LETTER, TO_PRINT)]),
        ({SMS, LETTER}, (WEBSITE, EMAIL), (EMAIL, SMS, LETTER), [(SMS, WAITING)]),
        ({LETTER}, (WEBSITE, EMAIL), (EMAIL, SMS), [(EMAIL, UNREACHABLE)]),
    ],
)
def test_everybody_gets_a_message_or_an_unreachable_mark(
    addresses: set[ChannelKind],
    channels: tuple[ChannelKind, ...],
    cascade: tuple[ChannelKind, ...],
    expected: list[tuple[ChannelKind, DeliveryState]],
) -> None:
    """Each person gets a message on each channel of the step for which they have an address, else on the first channel
    of the cascade for which they have one. A person without any usable address gets one message marked unreachable,
    never nothing.
    """
    planned = first_messages(ReceiptCause.NONE, addresses, channels, cascade)
    assert [(message.channel, message.state) for message in planned] == expected


@pytest.mark.parametrize(
    ("addresses", "channels", "lawful", "expected"),
    [
        ({EMAIL, SMS, LETTER}, (WEBSITE, EMAIL, SMS), {LETTER}, [(EMAIL, WAITING), (SMS, WAITING), (LETTER, TO_PRINT)]),
        ({EMAIL, SMS, LETTER}, (WEBSITE, EMAIL, SMS), {LETTER, EMAIL}, [(EMAIL, WAITING), (SMS, WAITING)]),
        ({SMS, LETTER}, (WEBSITE, EMAIL, SMS), {LETTER, EMAIL}, [(SMS, WAITING), (LETTER, TO_PRINT)]),
        ({SMS}, (WEBSITE, EMAIL, SMS), {LETTER}, [(SMS, WAITING)]),
        ({SMS, LETTER}, (WEBSITE, SMS), {WEBSITE, LETTER}, [(SMS, WAITING)]),
        ({SMS, LETTER}, (WEBSITE, EMAIL), {LETTER}, [(SMS, WAITING), (LETTER, TO_PRINT)]),
        (set(), (WEBSITE, EMAIL), {LETTER}, [(EMAIL, UNREACHABLE)]),
    ],
)
def test_a_lawful_message_is_added_where_none_is_planned(
    addresses: set[ChannelKind],
    channels: tuple[ChannelKind, ...],
    lawful: set[ChannelKind],
    expected: list[tuple[ChannelKind, DeliveryState]],
) -> None:
    planned = first_messages(ReceiptCause.NONE, addresses, channels, (EMAIL, SMS, LETTER), lawful)
    assert [(message.channel, message.state) for message in planned] == expected


def test_whom_a_copy_names_gets_a_letter_where_email_is_no_notice() -> None:
    found = first_messages(ReceiptCause.SHARED_MAILBOX, {EMAIL, LETTER}, (EMAIL,), (EMAIL, LETTER), {LETTER})
    assert [(message.channel, message.state) for message in found] == [(LETTER, TO_PRINT), (EMAIL, HELD)]


@pytest.mark.parametrize(
    ("tried", "standing", "lawful", "expected"),
    [
        ({EMAIL}, set(), {EMAIL, LETTER}, (SMS, LETTER)),
        ({EMAIL}, set(), EVERY_CHANNEL, (SMS,)),
        ({EMAIL, SMS}, {SMS}, {EMAIL, LETTER}, (LETTER,)),
        ({EMAIL, LETTER}, {LETTER}, {LETTER}, (SMS,)),
        ({EMAIL, SMS, LETTER}, {SMS}, {LETTER}, ()),
        ({SMS, LETTER}, set(), {LETTER}, (EMAIL,)),
    ],
)
def test_an_sms_alone_ends_no_cascade_where_it_is_no_notice(
    tried: set[ChannelKind],
    standing: set[ChannelKind],
    lawful: frozenset[ChannelKind],
    expected: tuple[ChannelKind, ...],
) -> None:
    assert next_channels(tried, standing, {EMAIL, SMS, LETTER}, (EMAIL, SMS, LETTER), lawful) == expected


def test_a_held_person_has_one_held_message_with_the_reason() -> None:
    """A person who is held has exactly one message, which is not sent and says why."""
    held = Planned(EMAIL, HELD, ReceiptCause.DECEASED)
    assert first_messages(ReceiptCause.DECEASED, {EMAIL, SMS}, (EMAIL, SMS), ()) == (held,)


@pytest.mark.parametrize(
    ("hold", "optional", "opted_out", "why"),
    [
        ("", False, True, ReceiptCause.NONE),
        ("", True, False, ReceiptCause.NONE),
        ("", True, True, ReceiptCause.OPTED_OUT),
        ("protected", True, True, ReceiptCause.PROTECTED),
        ("protected", False, False, ReceiptCause.PROTECTED),
    ],
)
def test_an_opt_out_stops_what_is_optional_and_a_hold_everything(
    hold: str, optional: bool, opted_out: bool, why: ReceiptCause
) -> None:
    assert why_held(hold, optional=optional, opted_out=opted_out) is why


@pytest.mark.parametrize("begins", [Planned(EMAIL, WAITING), Planned(LETTER, TO_PRINT)])
def test_what_may_have_been_sent_before_a_restore_waits_for_a_person(begins: Planned) -> None:
    """After a restored backup, a message on a channel on which messages may have been sent is uncertain and waits for a
    person's decision. A message on any other channel stays as it was planned.
    """
    uncertain = Planned(begins.channel, DeliveryState.UNCERTAIN, ReceiptCause.NOT_KNOWN)
    assert in_doubt(begins, {EMAIL, LETTER}) == uncertain
    assert in_doubt(begins, {SMS}) == begins


def test_what_stands_aside_does_so_whatever_may_have_left() -> None:
    aside = Planned(EMAIL, HELD, ReceiptCause.PROTECTED)
    assert in_doubt(aside, {EMAIL}) == aside


def test_an_unreachable_person_is_kept_with_the_reason() -> None:
    (message,) = first_messages(ReceiptCause.NONE, set(), (EMAIL,), (SMS,))
    assert message.cause is ReceiptCause.NO_ADDRESS


@pytest.mark.parametrize(
    ("tried", "addresses", "cascade", "expected"),
    [
        ({EMAIL}, {EMAIL, SMS}, (EMAIL, SMS), SMS),
        ({EMAIL}, {EMAIL}, (EMAIL, SMS), None),
        ({EMAIL, SMS}, {EMAIL, SMS}, (EMAIL, SMS), None),
        ({SMS}, {EMAIL, SMS}, (EMAIL, SMS), EMAIL),
        ({EMAIL}, {EMAIL, SMS}, (), None),
        ({EMAIL, SMS}, {EMAIL, SMS, LETTER}, (EMAIL, SMS, LETTER), LETTER),
        ({EMAIL, SMS, LETTER}, {EMAIL, SMS, LETTER}, (EMAIL, SMS, LETTER), None),
    ],
)
def test_the_next_channel_has_an_address_and_was_not_tried(
    tried: set[ChannelKind], addresses: set[ChannelKind], cascade: tuple[ChannelKind, ...], expected: ChannelKind | None
) -> None:
    assert next_channels(tried, (), addresses, cascade) == ((expected,) if expected else ())


def an_outcome(
    status: Status, *, attempts: int = 1, after: timedelta = timedelta(), wait: float | None = None
) -> Outcome:
    receipt = Receipt("key", status, "450", "queue-1", retry_after=wait)
    return outcome(receipt, attempts, NOW - after, NOW)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (Status.SENT, DeliveryState.SENT),
        (Status.DELIVERED, DeliveryState.DELIVERED),
        (Status.REJECTED, DeliveryState.FAILED),
        (Status.UNCERTAIN, DeliveryState.UNCERTAIN),
    ],
)
def test_an_answer_that_decides_is_kept_as_it_is(status: Status, state: DeliveryState) -> None:
    assert an_outcome(status) == Outcome(state, detail="450", provider_id="queue-1")


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(0, 7.5), (1, 7.5), (2, 15), (3, 30), (4, 60), (5, 120), (6, 240), (7, 240), (1000, 240)]
)
def test_a_deferred_message_waits_twice_as_long_up_to_four_hours(attempts: int, minutes: float) -> None:
    """A deferred message waits about twice as long after each try, from 7.5 minutes up to four hours, with up to 20 %
    of jitter.
    """
    answer = an_outcome(Status.DEFERRED, attempts=attempts)
    assert answer.state is DeliveryState.DEFERRED
    waits = (answer.next_try_at - NOW) / timedelta(minutes=1)
    assert 0.8 * minutes <= waits <= min(1.2 * minutes, 240)


def test_messages_deferred_together_come_back_at_different_times() -> None:
    """Messages that were deferred at the same moment do not all come back at the same moment."""
    keys = [f"{number:032x}" for number in range(100)]
    tries = {outcome(Receipt(key, Status.DEFERRED, "451 4.7.1"), 1, NOW, NOW).next_try_at for key in keys}
    assert len(tries) > 50


@pytest.mark.parametrize(("attempts", "state"), [(1, DeliveryState.DEFERRED), (3, DeliveryState.PARKED)])
def test_a_message_at_fault_itself_is_parked_after_three_tries(attempts: int, state: DeliveryState) -> None:
    """A message that is itself the cause of an error is parked after three tries."""
    answer = outcome(Receipt("key", Status.DEFERRED, "KeyError", cause=ReceiptCause.FAULT), attempts, NOW, NOW)
    assert answer.state is state


@pytest.mark.parametrize(
    ("said", "seconds"), [(90, 90), (0, 30), (-5, 30), (1, 30), (math.nan, 30), (math.inf, 4 * 3600), (10**9, 4 * 3600)]
)
def test_a_providers_own_wait_is_kept_within_reason(said: float, seconds: int) -> None:
    assert an_outcome(Status.DEFERRED, attempts=4, wait=said).next_try_at == NOW + timedelta(seconds=seconds)


def test_after_three_days_of_deferral_the_next_channel_gets_its_turn() -> None:
    assert an_outcome(Status.DEFERRED, attempts=20, after=GIVE_UP_AFTER - timedelta(seconds=1)).state == "deferred"
    assert an_outcome(Status.DEFERRED, attempts=20, after=GIVE_UP_AFTER) == Outcome(
        DeliveryState.FAILED, ReceiptCause.GAVE_UP, "450"
    )


def test_a_doubtful_message_ends_uncertain_and_is_not_sent_elsewhere() -> None:
    """A deferred message that the provider may have taken all the same becomes uncertain when it is given up, and is
    not sent on another channel.
    """
    receipt = Receipt("key", Status.DEFERRED, "no answer", doubtful=True)
    assert outcome(receipt, 20, NOW, NOW).state is DeliveryState.DEFERRED
    assert outcome(receipt, 20, NOW, NOW + GIVE_UP_AFTER).state is DeliveryState.UNCERTAIN


@pytest.mark.parametrize(
    "cause", [ReceiptCause.NONE, ReceiptCause.FAULT, ReceiptCause.POSTPONED, ReceiptCause.NOT_SENT]
)
@pytest.mark.parametrize("doubtful", [False, True])
def test_a_doubt_of_an_earlier_try_is_kept_whatever_comes_after_it(cause: ReceiptCause, doubtful: bool) -> None:
    receipt = Receipt("key", Status.DEFERRED, "429", cause=cause, doubtful=doubtful)
    answer = outcome(receipt, 2, NOW, NOW, doubtful=True)
    assert (answer.cause, answer.detail, answer.doubtful) == (cause, "429", True)


@pytest.mark.parametrize("status", [Status.SENT, Status.DELIVERED, Status.UNCERTAIN])
def test_an_answer_that_decides_ends_the_doubt(status: Status) -> None:
    assert not outcome(Receipt("key", status), 2, NOW, NOW, doubtful=True).doubtful


def test_a_refusal_after_a_doubtful_try_is_uncertain() -> None:
    """A refusal of a message that an earlier try may have delivered makes the message uncertain, and it is not sent on
    another channel.
    """
    answer = outcome(Receipt("key", Status.REJECTED, "550 5.1.1"), 2, NOW, NOW, doubtful=True)
    assert answer == Outcome(DeliveryState.UNCERTAIN, detail="550 5.1.1", doubtful=True)


def test_a_message_in_doubt_since_an_earlier_try_goes_nowhere_else() -> None:
    """A message that the provider may have from an earlier try becomes uncertain when it is given up.

    Without this doubt it fails, and the next channel takes over.
    """
    receipt = Receipt("key", Status.DEFERRED, "429")
    assert outcome(receipt, 20, NOW, NOW + GIVE_UP_AFTER, doubtful=True).state is DeliveryState.UNCERTAIN
    assert outcome(receipt, 20, NOW, NOW + GIVE_UP_AFTER).state is DeliveryState.FAILED


def test_what_is_said_of_a_try_that_was_given_up_stays_readable() -> None:
    blocked = Receipt("key", Status.DEFERRED, "554 5.7.1", cause=ReceiptCause.POLICY)
    _, cause, detail, *_ = outcome(blocked, 20, NOW, NOW + GIVE_UP_AFTER)
    assert reason(cause, detail) == "gave up: refused by policy: 554 5.7.1"


@pytest.mark.parametrize("why", sorted(UNTRIED))
def test_nobody_is_given_up_whose_mailbox_was_never_asked(why: ReceiptCause) -> None:
    """A message is never given up while no server was asked to take it, however many tries and days have passed."""
    receipt = Receipt("key", Status.DEFERRED, retry_after=300, cause=why)
    assert untried(receipt)
    assert outcome(receipt, 99, NOW, NOW + 9 * GIVE_UP_AFTER).state is DeliveryState.DEFERRED


def test_an_answer_of_a_mailbox_is_a_try() -> None:
    assert not untried(Receipt("key", Status.DEFERRED, "451 4.7.1"))
    assert not untried(Receipt("key", Status.SENT, cause=ReceiptCause.NOT_SENT))
    assert not untried(Receipt("key", Status.DEFERRED, retry_after=0, cause=ReceiptCause.CHANNEL_FAILED))


def test_a_hardly_tried_message_is_not_given_up_after_a_long_pause() -> None:
    """A message that was tried only once is not given up because of a long pause before."""
    assert an_outcome(Status.DEFERRED, attempts=1, after=30 * GIVE_UP_AFTER).state is DeliveryState.DEFERRED


@pytest.mark.parametrize(
    ("audience", "counts"),
    [
        ("everyone", True),
        ("shop", True),
        ("place:US-WA", True),
        ("told-otherwise:first-notice", False),
        ("no-longer-affected:first-notice", False),
        ("promised:fix", False),
        ("persons:fix", False),
    ],
)
def test_a_copy_is_for_audiences_that_part_nobody(audience: str, counts: bool) -> None:
    """A copy could otherwise go to somebody outside of the audience, and so reach nobody whom it names."""
    assert bool(hold_within(a_draft(audience=audience), Hold.SHARED_MAILBOX)) == counts


def test_texts_for_cohorts_are_in_no_copy() -> None:
    draft = a_draft(variants=(*a_draft().variants, a_variant(cohort="1")))
    assert draft.has_cohorts
    assert not hold_within(draft, Hold.SHARED_MAILBOX)


@pytest.mark.parametrize(
    ("addresses", "channels", "planned"),
    [
        ((EMAIL, SMS), (EMAIL,), [("email", "held")]),
        ((EMAIL, SMS), (SMS, EMAIL), [("sms", "waiting"), ("email", "held")]),
        ((SMS,), (EMAIL,), [("sms", "waiting")]),
        ((), (EMAIL,), [("email", "unreachable")]),
        ((EMAIL, SMS), (SMS,), [("sms", "waiting")]),
    ],
)
def test_a_copy_takes_the_place_of_an_email_alone(
    addresses: tuple[ChannelKind, ...], channels: tuple[ChannelKind, ...], planned: list[tuple[str, str]]
) -> None:
    found = first_messages(ReceiptCause.SHARED_MAILBOX, addresses, channels, (EMAIL, SMS))
    assert [(one.channel.value, one.state.value) for one in found] == planned
