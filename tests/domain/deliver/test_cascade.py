"""Who is written to on which channel, and what a channel's answer means."""

import math
from datetime import timedelta

import pytest

from amends.domain.channel.channel import ChannelKind, Receipt, Status
from amends.domain.deliver.cascade import (
    GIVE_UP_AFTER,
    MAY_HAVE_IT,
    NOT_KNOWN,
    NOT_YET,
    OPTED_OUT,
    Outcome,
    Planned,
    first_messages,
    in_doubt,
    next_channel,
    outcome,
    untried,
    why_held,
)
from amends.domain.notice.notice import DeliveryState
from tests.builders import NOW

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
def test_everybody_gets_messages_where_there_is_an_address_and_never_nothing(
    addresses: set[ChannelKind],
    channels: tuple[ChannelKind, ...],
    cascade: tuple[ChannelKind, ...],
    expected: list[tuple[ChannelKind, DeliveryState]],
) -> None:
    planned = first_messages("", addresses, channels, cascade)
    assert [(message.channel, message.state) for message in planned] == expected


def test_a_held_person_has_one_message_that_stands_aside_with_the_reason() -> None:
    assert first_messages("deceased", {EMAIL, SMS}, (EMAIL, SMS), ()) == (Planned(EMAIL, HELD, "deceased"),)


@pytest.mark.parametrize(
    ("hold", "optional", "opted_out", "why"),
    [
        ("", False, True, ""),
        ("", True, False, ""),
        ("", True, True, OPTED_OUT),
        ("protected", True, True, "protected"),
        ("protected", False, False, "protected"),
    ],
)
def test_an_opt_out_stops_what_is_optional_and_a_hold_everything(
    hold: str, optional: bool, opted_out: bool, why: str
) -> None:
    assert why_held(hold, optional=optional, opted_out=opted_out) == why


@pytest.mark.parametrize("begins", [Planned(EMAIL, WAITING), Planned(LETTER, TO_PRINT)])
def test_what_may_have_left_before_a_backup_was_restored_waits_for_a_person(begins: Planned) -> None:
    uncertain = Planned(begins.channel, DeliveryState.UNCERTAIN, NOT_KNOWN)
    assert in_doubt(begins, {EMAIL, LETTER}) == uncertain
    assert in_doubt(begins, {SMS}) == begins


def test_what_stands_aside_does_so_whatever_may_have_left() -> None:
    aside = Planned(EMAIL, HELD, "protected")
    assert in_doubt(aside, {EMAIL}) == aside


def test_an_unreachable_person_is_kept_with_the_reason() -> None:
    (message,) = first_messages("", set(), (EMAIL,), (SMS,))
    assert message.detail == "no_address"


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
    assert next_channel(tried, addresses, cascade) is expected


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
    assert an_outcome(status) == Outcome(state, "450", "queue-1")


@pytest.mark.parametrize(
    ("attempts", "minutes"),
    [(0, 7.5), (1, 7.5), (2, 15), (3, 30), (4, 60), (5, 120), (6, 240), (7, 240), (1000, 240)],
)
def test_a_deferred_message_waits_about_twice_as_long_each_time_up_to_four_hours(attempts: int, minutes: float) -> None:
    answer = an_outcome(Status.DEFERRED, attempts=attempts)
    assert answer.state is DeliveryState.DEFERRED
    waits = (answer.next_try_at - NOW) / timedelta(minutes=1)
    assert 0.8 * minutes <= waits <= min(1.2 * minutes, 240)


def test_messages_that_were_deferred_together_do_not_all_come_back_together() -> None:
    keys = [f"{number:032x}" for number in range(100)]
    tries = {outcome(Receipt(key, Status.DEFERRED, "451 4.7.1"), 1, NOW, NOW).next_try_at for key in keys}
    assert len(tries) > 50


@pytest.mark.parametrize(("attempts", "state"), [(1, DeliveryState.DEFERRED), (3, DeliveryState.PARKED)])
def test_a_message_that_is_at_fault_itself_is_parked_after_three_tries(attempts: int, state: DeliveryState) -> None:
    answer = outcome(Receipt("key", Status.DEFERRED, "fault KeyError"), attempts, NOW, NOW)
    assert answer.state is state


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(90, 90), (0, 30), (-5, 30), (1, 30), (math.nan, 30), (math.inf, 4 * 3600), (10**9, 4 * 3600)],
)
def test_a_providers_own_wait_is_kept_within_reason(said: float, seconds: int) -> None:
    assert an_outcome(Status.DEFERRED, attempts=4, wait=said).next_try_at == NOW + timedelta(seconds=seconds)


def test_after_three_days_of_deferral_the_next_channel_gets_its_turn() -> None:
    assert an_outcome(Status.DEFERRED, attempts=20, after=GIVE_UP_AFTER - timedelta(seconds=1)).state == "deferred"
    assert an_outcome(Status.DEFERRED, attempts=20, after=GIVE_UP_AFTER) == Outcome(
        DeliveryState.FAILED, "gave up: 450"
    )


def test_what_a_provider_may_have_all_the_same_is_uncertain_and_not_sent_elsewhere() -> None:
    receipt = Receipt("key", Status.DEFERRED, f"{MAY_HAVE_IT}no answer")
    assert outcome(receipt, 20, NOW, NOW).state is DeliveryState.DEFERRED
    assert outcome(receipt, 20, NOW, NOW + GIVE_UP_AFTER).state is DeliveryState.UNCERTAIN


@pytest.mark.parametrize("detail", ["429", f"{MAY_HAVE_IT}429", "not yet: quiet hours", "not sent"])
def test_a_doubt_of_an_earlier_try_is_kept_whatever_comes_after_it(detail: str) -> None:
    answer = outcome(Receipt("key", Status.DEFERRED, detail), 2, NOW, NOW, doubtful=True)
    assert answer.detail == f"{MAY_HAVE_IT}{detail.removeprefix(MAY_HAVE_IT)}"


def test_a_refusal_of_what_an_earlier_try_may_have_brought_is_uncertain_and_not_sent_elsewhere() -> None:
    answer = outcome(Receipt("key", Status.REJECTED, "550 5.1.1"), 2, NOW, NOW, doubtful=True)
    assert (answer.state, answer.detail) == (DeliveryState.UNCERTAIN, f"{MAY_HAVE_IT}550 5.1.1")


def test_what_a_provider_may_have_from_an_earlier_try_is_not_sent_elsewhere() -> None:
    receipt = Receipt("key", Status.DEFERRED, "429")
    assert outcome(receipt, 20, NOW, NOW + GIVE_UP_AFTER, doubtful=True).state is DeliveryState.UNCERTAIN
    assert outcome(receipt, 20, NOW, NOW + GIVE_UP_AFTER).state is DeliveryState.FAILED


@pytest.mark.parametrize("why", ["domain stopped", "domain slowed down", "not sent", f"{NOT_YET}quiet hours"])
def test_nobody_is_given_up_whom_nobody_was_asked_to_take_a_message_for(why: str) -> None:
    receipt = Receipt("key", Status.DEFERRED, why, retry_after=300)
    assert untried(receipt)
    assert outcome(receipt, 99, NOW, NOW + 9 * GIVE_UP_AFTER).state is DeliveryState.DEFERRED


def test_an_answer_of_a_mailbox_is_a_try() -> None:
    assert not untried(Receipt("key", Status.DEFERRED, "451 4.7.1"))
    assert not untried(Receipt("key", Status.SENT, "not sent"))
    assert not untried(Receipt("key", Status.DEFERRED, "the channel failed", retry_after=0))


def test_a_message_that_was_hardly_tried_is_not_given_up_because_of_a_long_pause() -> None:
    assert an_outcome(Status.DEFERRED, attempts=1, after=30 * GIVE_UP_AFTER).state is DeliveryState.DEFERRED
