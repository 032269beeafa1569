"""When a send stops by itself, and what goes first."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Status
from amends.domain.deliver.cascade import first_messages, next_channels
from amends.domain.deliver.limits import (
    Approved,
    ChannelCounts,
    Limits,
    SendCounts,
    alarm,
    approved,
    canary_size,
    canary_verdict,
    complaints,
    nothing_taken,
    warning,
)
from amends.domain.law.means import EVERY_CHANNEL, ChannelRule, Means
from amends.domain.notice.notice import DeliveryState, Reader
from tests.builders import a_draft, a_variant

EMAIL, SMS, SOCIAL, WEBSITE = ChannelKind.EMAIL, ChannelKind.SMS, ChannelKind.SOCIAL, ChannelKind.WEBSITE
SENT, REJECTED, UNCERTAIN, DEFERRED = Status.SENT, Status.REJECTED, Status.UNCERTAIN, Status.DEFERRED


def test_a_law_may_add_a_message_to_those_of_the_step() -> None:
    rule = ChannelRule(duty="us-ca.individuals", places=("US-CA",), means=(Means.ELECTRONIC_WITH_CONSENT,))
    step = {"channels": (ChannelKind.WEBSITE, ChannelKind.SMS), "cascade": (ChannelKind.EMAIL, ChannelKind.LETTER)}
    assert approved(a_draft(**step)).at_first == 1
    assert approved(a_draft(**step, channel_rules=(rule,))).at_first == 2


def counts(people: int = 1000, most_times_sent: int = 1, **of_email: int) -> SendCounts:
    """An email to each of these people, by SMS where it fails, and a page; all of them sent unless said otherwise."""
    given_ = {"sent": people - of_email.get("rejected", 0) - of_email.get("uncertain", 0)}
    on = {EMAIL: ChannelCounts(**(given_ | of_email)), WEBSITE: ChannelCounts(sent=1)}
    return SendCounts(Approved(people, 1, {EMAIL: people, SMS: people, WEBSITE: 1}), on, most_times_sent)


def with_channel(of: SendCounts, kind: ChannelKind, **numbers: int) -> SendCounts:
    return replace(of, on={**of.on, kind: ChannelCounts(**numbers)})


# What may leave at most.


def test_an_approval_covers_one_message_per_person_and_channel() -> None:
    """An approval covers one message for each person on each personal channel and on each channel of the cascade, and
    one public message for each text.
    """
    assert approved(a_draft(people=3)) == Approved(3, 2, {EMAIL: 3, SMS: 3, WEBSITE: 2, SOCIAL: 2})


def test_without_personal_channels_the_cascade_gives_one_message_each() -> None:
    """Where a step has no personal channel, the approval covers one message for each person through the cascade, on any
    of its channels.
    """
    draft = a_draft(people=3, channels=(WEBSITE,), cascade=(SMS, EMAIL))
    assert approved(draft) == Approved(3, 1, {SMS: 3, EMAIL: 3, WEBSITE: 2})


def test_without_personal_channel_and_cascade_nobody_gets_a_message() -> None:
    assert approved(a_draft(channels=(WEBSITE,), cascade=())) == Approved(3, 0, {WEBSITE: 2})


def test_the_public_reads_no_text_for_guardians() -> None:
    variants = (a_variant(channel=WEBSITE), a_variant(channel=WEBSITE, reader=Reader.GUARDIAN))
    assert approved(a_draft(variants=variants, channels=(WEBSITE,))).on[WEBSITE] == 1


some_channels = st.sets(st.sampled_from((EMAIL, SMS)))


@given(
    st.data(),
    some_channels,
    st.permutations((EMAIL, SMS)),
    st.integers(0, 2),
    st.integers(1, 6),
    st.sampled_from((EVERY_CHANNEL, frozenset((EMAIL,)), frozenset((SMS,)), frozenset())),
)
def test_what_the_cascade_really_plans_is_never_an_alarm(
    data: st.DataObject,
    channels: set[ChannelKind],
    order: list[ChannelKind],
    length: int,
    people: int,
    lawful: frozenset[ChannelKind],
) -> None:
    means = () if lawful is EVERY_CHANNEL else tuple(Means(kind.value) for kind in lawful)
    rules = () if lawful is EVERY_CHANNEL else (ChannelRule(duty="us-ca.individuals", places=("US-CA",), means=means),)
    draft = a_draft(people=people, channels=(WEBSITE, *channels), cascade=tuple(order[:length]), channel_rules=rules)
    on: dict[ChannelKind, dict[str, int]] = {}
    for _ in range(people):
        addresses, tried, good = data.draw(some_channels), set(), set()
        planned = first_messages("", addresses, draft.channels, draft.cascade, lawful)
        waiting = [plan.channel for plan in planned if plan.state is DeliveryState.WAITING]
        while waiting:
            channel = waiting.pop()
            tried |= {channel, *waiting}
            ends = data.draw(st.sampled_from((("sent",), ("rejected",), ("sent", "bounced"))))
            for end in ends:
                numbers = on.setdefault(channel, {})
                numbers[end] = numbers.get(end, 0) + 1
            standing = {WEBSITE, *waiting, *good}
            if ends == ("sent",):
                good.add(channel)
            else:
                waiting += next_channels(tried, standing, addresses, draft.cascade, lawful)
    counted = {kind: ChannelCounts(**numbers) for kind, numbers in on.items()}
    assert alarm(SendCounts(approved(draft), counted, most_times_sent=1)) == ""


# What stops everything.


def test_a_send_that_goes_well_is_no_alarm() -> None:
    assert alarm(counts()) == ""


def test_before_anything_has_left_there_is_no_alarm() -> None:
    assert alarm(SendCounts(approved(a_draft()), {})) == ""


def test_a_message_that_was_sent_twice_stops_everything() -> None:
    assert alarm(counts(most_times_sent=2)) == "a message was sent 2 times, and none may be sent twice"


def test_one_message_more_than_was_approved_stops_everything() -> None:
    assert "1001 messages were sent on email, and 1000 were approved" in alarm(counts(sent=1001))


def test_a_message_on_an_unapproved_channel_stops_everything() -> None:
    """A message that was sent on a channel that was not approved stops everything."""
    assert "social, and 0 were approved" in alarm(with_channel(counts(), SOCIAL, sent=1))


def test_a_second_message_without_a_failed_first_stops_everything() -> None:
    """A second message to a person whose first message did not fail stops everything, because more messages were sent
    than there are people.
    """
    assert "1001 messages were sent to 1000 people" in alarm(with_channel(counts(), SMS, sent=1))


@pytest.mark.parametrize("failed", [{"rejected": 1}, {"bounced": 1}])
def test_a_message_by_the_cascade_for_one_that_failed_is_no_alarm(failed: dict[str, int]) -> None:
    assert alarm(with_channel(counts(**failed), SMS, sent=1)) == ""


def test_a_broken_promise_is_named_before_a_bad_rate() -> None:
    assert "sent 2 times" in alarm(counts(most_times_sent=2, rejected=500))


@pytest.mark.parametrize(
    ("people", "failed", "stops"),
    [
        (200, {"rejected": 10}, True),
        (200, {"bounced": 10}, True),
        (200, {"rejected": 5, "bounced": 5}, True),
        (200, {"rejected": 9}, False),
        (199, {"rejected": 199}, False),
        (220, {"rejected": 11}, True),
        (10_000, {"bounced": 500}, True),
        (10_000, {"bounced": 499}, False),
    ],
)
def test_five_percent_wrong_addresses_of_200_stop_everything(people: int, failed: dict[str, int], stops: bool) -> None:
    """Everything stops when at least 5 % of at least 200 messages were rejected or bounced, because the list looks old
    or wrong. Fewer messages than 200 never stop it.
    """
    assert ("the list looks old or wrong" in alarm(counts(people, **failed))) == stops


@pytest.mark.parametrize(
    ("people", "uncertain", "stops"), [(200, 4, True), (200, 3, False), (199, 199, False), (10_000, 200, True)]
)
def test_two_in_a_hundred_answers_left_open_stop_everything(people: int, uncertain: int, stops: bool) -> None:
    assert ("left open" in alarm(counts(people, uncertain=uncertain))) == stops


def test_rates_are_those_of_each_channel() -> None:
    bad_numbers = with_channel(counts(1_000, rejected=40), SMS, sent=20, rejected=20)
    assert alarm(bad_numbers) == ""
    assert "on sms" in alarm(bad_numbers, Limits(useless_among=40))


def test_a_limit_above_one_switches_its_rule_off() -> None:
    assert alarm(counts(rejected=1000), Limits(useless=1.1)) == ""


# Complaints.


@pytest.mark.parametrize(
    ("people", "complained", "warns", "stops"),
    [
        (1000, 0, False, False),
        (1000, 1, True, False),
        (1000, 2, True, False),
        (1000, 3, True, True),
        (999, 999, False, False),
        (10_000, 9, False, False),
        (10_000, 29, True, False),
    ],
)
def test_complaints_warn_at_1_and_stop_optional_mail_at_3_in_1000(
    people: int, complained: int, warns: bool, stops: bool
) -> None:
    """From 1000 messages on, complaints warn at one in a thousand and stop optional messages at three in a thousand."""
    counted = counts(people, complained=complained)
    assert (bool(warning(counted)), bool(complaints(counted))) == (warns, stops)


def test_complaints_do_not_stop_what_the_law_wants_told() -> None:
    assert alarm(counts(complained=500)) == ""


def test_a_notice_without_email_has_no_complaints() -> None:
    assert complaints(SendCounts(approved(a_draft()), {})) == ""


numbers = st.integers(0, 10**7)


@given(st.builds(ChannelCounts, *[numbers] * 5), st.builds(ChannelCounts, *[numbers] * 5), numbers, st.integers(0, 3))
def test_any_counts_have_a_verdict_and_too_many_sent_is_an_alarm(
    email: ChannelCounts, sms: ChannelCounts, people: int, times: int
) -> None:
    """Any counts have a verdict, and it is always an alarm when more messages were sent than were approved, or when one
    message was sent more than once.
    """
    counted = SendCounts(Approved(people, 2, {EMAIL: people, SMS: people}), {EMAIL: email, SMS: sms}, times)
    reason: Any = alarm(counted)
    assert reason or (max(email.sent, sms.sent) <= people and times <= 1)


# What goes first.


@pytest.mark.parametrize(
    ("total", "first"), [(0, 0), (1, 1), (4, 4), (5, 5), (6, 5), (500, 5), (501, 6), (2000, 20), (10**6, 20)]
)
def test_a_few_messages_go_first(total: int, first: int) -> None:
    assert canary_size(total) == first


@given(st.integers(0, 10**9))
def test_no_more_go_first_than_there_are_and_never_more_than_twenty(total: int) -> None:
    assert min(total, 5) <= canary_size(total) <= min(total, 20)


@pytest.mark.parametrize(
    "answers",
    [
        [SENT] * 5,
        [SENT, SENT, DEFERRED, DEFERRED, DEFERRED],
        [SENT, SENT, SENT, REJECTED, UNCERTAIN],
        [SENT, REJECTED],
        [Status.DELIVERED],
    ],
)
def test_the_rest_follows_when_the_first_met_no_surprise(answers: list[Status]) -> None:
    assert canary_verdict(answers) == ""


@pytest.mark.parametrize(
    "answers", [[REJECTED] * 5, [UNCERTAIN, UNCERTAIN, REJECTED, SENT, SENT], [REJECTED, UNCERTAIN, DEFERRED]]
)
def test_the_rest_waits_when_more_than_half_were_refused_or_left_open(answers: list[Status]) -> None:
    assert "refused or left open" in canary_verdict(answers)


@pytest.mark.parametrize(
    ("answers", "nothing"),
    [
        ([REJECTED] * 5, True),
        ([REJECTED, UNCERTAIN, DEFERRED], True),
        ([REJECTED, REJECTED, SENT], False),
        ([Status.DELIVERED], False),
    ],
)
def test_whether_any_of_the_first_was_taken_over(answers: list[Status], nothing: bool) -> None:
    assert nothing_taken(answers) is nothing


@pytest.mark.parametrize("answers", [[DEFERRED] * 5, [DEFERRED, REJECTED], []])
def test_that_all_of_the_first_are_put_off_is_no_surprise(answers: list[Status]) -> None:
    assert canary_verdict(answers) == ""
