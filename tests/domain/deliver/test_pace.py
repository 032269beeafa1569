"""How fast messages leave, and when a channel or a domain is left alone."""

from collections import deque
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amends.domain.channel.message import Receipt, ReceiptCause, Status
from amends.domain.deliver.pace import (
    BLOCKS,
    LAST_PAGE,
    PAGE,
    PATIENCE,
    SETTLING,
    WINDOW,
    Breaker,
    Bucket,
    Domains,
    Lanes,
    PageSizes,
    SameAnswer,
    domain_of,
    rate_of,
    slows_channel,
    slows_domain,
)

HERE, THERE = "mail.example", "post.example"


def a_receipt(status: Status = Status.SENT, detail: str = "250 2.0.0", key: str = "key") -> Receipt:
    return Receipt(key, status, detail)


def deferred(detail: str, cause: ReceiptCause = ReceiptCause.NONE) -> Receipt:
    return Receipt("key", Status.DEFERRED, detail, cause=cause)


SENT, BLOCKED, SLOWER = a_receipt(), deferred("554 5.7.1", ReceiptCause.POLICY), deferred("421 4.7.0")
GREYLISTED, UNKNOWN = deferred("450 4.2.0"), a_receipt(Status.REJECTED, "550 5.1.1")


# Pages.


def claimed_by(processes: int, messages: int, first: int) -> list[list[int]]:
    """The pages of processes that are equally fast, each by its own account."""
    left, shares = messages, [PageSizes(messages, processes, first) for _ in range(processes)]
    taken: list[list[int]] = [[] for _ in shares]
    while left:
        for share, mine in zip(shares, taken, strict=True):
            mine.append(min(share.size, left))
            left -= mine[-1]
            share.claimed(mine[-1])
    return taken


def test_those_that_go_first_are_claimed_alone() -> None:
    assert claimed_by(1, 10_000, first=20) == [[20, PAGE, PAGE, PAGE, PAGE, 1980]]


@given(st.integers(2, 16), st.integers(1, 200_000))
def test_processes_that_share_a_notice_come_to_its_end_together(processes: int, messages: int) -> None:
    *_, last = taken = claimed_by(processes, messages, first=10)
    assert sum(map(sum, taken)) == messages
    assert max(map(sum, taken)) - sum(last) <= LAST_PAGE
    assert all(size <= PAGE for mine in taken for size in mine)


def test_a_process_faster_than_it_thinks_goes_on_with_small_pages() -> None:
    """A process that claims more messages than its share, because it is faster than the others, goes on with pages of
    the smallest size.
    """
    pages = PageSizes(1_000, 2, 10)
    for _ in range(50):
        pages.claimed(pages.size)
    assert pages.size == LAST_PAGE


# Rates.


@pytest.mark.parametrize(
    ("text", "per_second"),
    [("100/s", 100), ("0.5/s", 0.5), ("50/min", 50 / 60), (" 2000 / h ", 2000 / 3600), ("", None), ("  ", None)],
)
def test_a_rate_is_read_as_people_write_it(text: str, per_second: float | None) -> None:
    assert rate_of(text) == per_second


@pytest.mark.parametrize(
    "text", ["100", "0/s", "0.000/h", "-1/s", "1e9/s", "100/sec", "ten/s", "inf/s", "1/s 2/s", "١/s"]
)
def test_a_rate_that_is_none_is_refused_with_the_forms_that_are(text: str) -> None:
    with pytest.raises(ValueError, match="100/s, 50/min or 2000/h"):
        rate_of(text)


def test_a_burst_leaves_at_once_and_the_next_ones_in_step() -> None:
    bucket = Bucket(per_second=2, burst=3)
    assert [bucket.wait(1, at=10) for _ in range(5)] == [0, 0, 0, 0.5, 1.0]


def test_a_bucket_refills_while_idle_but_never_above_its_burst() -> None:
    """A token bucket fills again while nothing is sent, but never holds more than its burst."""
    bucket = Bucket(per_second=2, burst=2)
    assert [bucket.wait(1, at) for at in (0, 0, 0.5, 100, 100, 100)] == [0, 0, 0, 0, 0, 0.5]


def test_a_text_of_many_parts_waits_until_it_is_paid_for() -> None:
    bucket = Bucket(per_second=1, burst=2)
    assert [bucket.wait(cost, at=0) for cost in (5, 1)] == [3, 4]


def test_a_message_that_may_not_wait_goes_within_the_burst_only() -> None:
    """A message that may not wait is sent only within the burst of the token bucket.

    When it is refused, it takes no tokens.
    """
    bucket = Bucket(per_second=2, burst=3)
    assert [bucket.at_once(1, at=0) for _ in range(6)] == [True, True, True, False, False, False]
    assert [bucket.at_once(1, at=0.5), bucket.at_once(1, at=0.5), bucket.wait(1, at=0.5)] == [True, False, 0.5]


def test_what_costs_more_than_the_burst_never_goes_without_waiting() -> None:
    assert not Bucket(per_second=2, burst=3).at_once(4, at=100)


def test_a_shared_rate_is_divided_and_tokens_taken_still_count() -> None:
    """A rate that several processes use is divided by their number.

    Tokens that were taken before the number changed still count.
    """
    bucket = Bucket(per_second=4, burst=4)
    assert [bucket.wait(1, at=0) for _ in range(6)] == [0, 0, 0, 0, 0.25, 0.5]
    bucket.share(2, at=0)
    assert [bucket.wait(1, at=0), bucket.wait(1, at=0)] == [2.5, 3.0], "six are owed, at two a second after two at once"
    bucket.share(1, at=4)
    assert [bucket.wait(1, at=4) for _ in range(5)] == [0, 0, 0, 0, 0.25]


def test_whoever_shares_a_rate_can_send_one_at_a_time() -> None:
    bucket = Bucket(per_second=1, burst=1)
    bucket.share(100, at=0)
    assert [bucket.at_once(1, at) for at in (0, 99, 100)] == [True, False, True]


asks = st.lists(st.tuples(st.floats(0, 5), st.sampled_from((0.5, 1.0, 2.0, 7.0))), min_size=1, max_size=40)


@given(asks, st.floats(0.1, 50), st.floats(0, 10))
def test_no_more_is_sent_in_any_time_than_burst_and_rate_allow(
    pauses: list[tuple[float, float]], per_second: float, burst: float
) -> None:
    """In any time window, no more is sent than the burst (or the costliest single message) and the amount that the rate
    allows in this time.
    """
    bucket, now, left = Bucket(per_second, burst), 0.0, []
    for pause, cost in pauses:
        now += pause
        left.append((now + bucket.wait(cost, now), cost))
    most_at_once = max(burst, *(cost for _, cost in left), 0.0)
    for first, (start, _) in enumerate(left):
        for last in range(first, len(left)):
            window = left[last][0] - start
            assert sum(cost for _, cost in left[first : last + 1]) <= most_at_once + per_second * window + 1e-6


@given(asks, st.floats(0.1, 50), st.floats(0, 10))
def test_messages_leave_in_the_order_of_asking(
    pauses: list[tuple[float, float]], per_second: float, burst: float
) -> None:
    bucket, now, left = Bucket(per_second, burst), 0.0, []
    for pause, cost in pauses:
        now += pause
        left.append(now + bucket.wait(cost, now))
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(left))


# How many at once.


def test_where_only_one_may_be_under_way_it_stays_one() -> None:
    lanes = Lanes(1, 5)
    for second in range(9):
        lanes.went_well(float(second))
    assert (lanes.allowed, lanes.full) == (1, True)


def test_lanes_start_slowly_and_double_with_each_round_of_success() -> None:
    lanes = Lanes(most=64, first=4)
    for _ in range(4):
        lanes.went_well(0)
    assert lanes.allowed == 8


def test_a_slow_down_halves() -> None:
    lanes = Lanes(most=64, first=64)
    lanes.slow_down(0)
    assert lanes.allowed == 32


def test_what_was_under_way_at_the_time_halves_once_only() -> None:
    lanes = Lanes(most=64, first=64)
    for _ in range(30):
        lanes.slow_down(SETTLING / 2)
    assert lanes.allowed == 32


def test_messages_in_flight_at_a_slowdown_do_not_add_lanes_again() -> None:
    """Messages that were in flight at a slowdown add no lanes again, however many of them are taken."""
    lanes = Lanes(most=64, first=64)
    lanes.slow_down(0)
    for _ in range(1000):
        lanes.went_well(SETTLING / 2)
    assert lanes.allowed == 32


def test_above_the_goal_one_lane_is_added_per_round_of_successes() -> None:
    """Above the goal of the slow start, which is half of the lanes that were too many, one more lane is allowed only
    after as many successes as there are lanes.
    """
    lanes = Lanes(most=64, first=64)
    lanes.slow_down(0)
    for _ in range(31):
        lanes.went_well(SETTLING)
    before = lanes.allowed
    lanes.went_well(SETTLING)
    assert (before, lanes.allowed) == (32, 33)


def test_after_long_trouble_slow_start_leads_to_half_of_what_failed() -> None:
    """After several slowdowns in a row, the slow start leads to half of the lanes that were too many at the first
    slowdown, and not quickly beyond.
    """
    lanes = Lanes(most=64, first=64)
    for second in range(4):
        lanes.slow_down(second * SETTLING)
    assert lanes.allowed == 4
    for _ in range(28):
        lanes.went_well(100)
    assert lanes.allowed == 32
    lanes.went_well(100)
    assert lanes.allowed == 32


def test_trouble_after_growth_sets_a_lower_goal_for_the_slow_start() -> None:
    """A slowdown after lanes were added again sets a lower goal for the next slow start."""
    lanes = Lanes(most=64, first=64)
    lanes.slow_down(0)
    lanes.slow_down(SETTLING)
    for _ in range(4):
        lanes.went_well(2 * SETTLING)
    lanes.slow_down(2 * SETTLING)
    for _ in range(9):
        lanes.went_well(3 * SETTLING)
    assert lanes.allowed == 10


def test_lanes_may_begin_with_a_single_one() -> None:
    assert Lanes(most=64, first=1).allowed == 1


@given(
    st.integers(1, 100),
    st.integers(-5, 200),
    st.lists(st.tuples(st.floats(0, 2 * SETTLING), st.booleans()), max_size=200),
)
def test_lanes_are_never_none_and_never_above_the_most(most: int, first: int, turns: list[tuple[float, bool]]) -> None:
    lanes, now = Lanes(most, first), 0.0
    assert 1 <= lanes.allowed <= most
    for pause, well in turns:
        now += pause
        before = lanes.allowed
        (lanes.went_well if well else lanes.slow_down)(now)
        assert 1 <= lanes.allowed <= most
        assert lanes.allowed in ((before, before + 1) if well else (before, max(before // 2, 1)))


@given(st.integers(1, 40), st.lists(st.floats(0, 5), max_size=20))
def test_whatever_happened_lanes_come_back_to_the_most(most: int, trouble: list[float]) -> None:
    lanes, now = Lanes(most, most), 0.0
    for pause in trouble:
        now += pause
        lanes.slow_down(now)
    for _ in range(most * most):
        lanes.went_well(now + SETTLING)
    assert lanes.full


@pytest.mark.parametrize("detail", ["421", "421 4.7.0", "429", "452", "452 4.3.1"])
def test_a_provider_with_too_much_to_do_slows_down_everything(detail: str) -> None:
    assert slows_channel(deferred(detail))
    assert slows_domain(deferred(detail))


@pytest.mark.parametrize("detail", ["451 4.7.1", "450 4.7.0"])
def test_a_server_that_wants_less_of_us_slows_down_only_its_domain(detail: str) -> None:
    assert slows_domain(deferred(detail))
    assert not slows_channel(deferred(detail))


@pytest.mark.parametrize("detail", ["450 4.2.0", "452 4.2.2", "452 5.2.2", "552 5.2.2", "connect", "4210", "429x", ""])
def test_trouble_of_one_mailbox_or_of_the_line_slows_down_nothing(detail: str) -> None:
    assert not slows_domain(deferred(detail))


def test_a_refusal_for_good_slows_down_nothing() -> None:
    assert not slows_domain(a_receipt(Status.REJECTED, "421"))


# The breaker.


def failing(breaker: Breaker, times: int = 5, at: float = 0) -> Breaker:
    for _ in range(times):
        breaker.failed(at)
    return breaker


def test_five_failures_in_a_row_stop_a_channel() -> None:
    breaker = failing(Breaker(), times=4)
    assert breaker.may_try(0)
    breaker.failed(0)
    assert not breaker.may_try(0)


def test_an_answer_in_between_starts_the_count_anew() -> None:
    breaker = failing(Breaker(), times=4)
    breaker.worked()
    assert failing(breaker, times=4).may_try(0)


def test_after_the_wait_exactly_one_message_finds_out() -> None:
    breaker = failing(Breaker(first_wait=5))
    assert [breaker.may_try(at) for at in (4.9, 5, 5, 6)] == [False, True, False, False]


def test_a_probe_that_works_lets_everybody_through() -> None:
    breaker = failing(Breaker(first_wait=5))
    breaker.may_try(5)
    breaker.worked()
    assert all(breaker.may_try(5) for _ in range(10))


def test_each_probe_that_fails_doubles_the_wait_up_to_the_longest() -> None:
    breaker, waits, now = failing(Breaker(first_wait=5, longest=30)), [], 0.0
    for _ in range(5):
        waits.append(breaker.probe_at - now)
        now = breaker.probe_at
        assert breaker.may_try(now)
        breaker.failed(now)
    assert waits == [5, 10, 20, 30, 30]


def test_after_it_has_worked_the_wait_is_short_again() -> None:
    breaker = failing(Breaker(first_wait=5))
    breaker.may_try(5)
    breaker.failed(5)
    breaker.may_try(15)
    breaker.worked()
    assert failing(breaker, at=20).probe_at == 25


def test_failures_that_were_under_way_do_not_make_the_wait_longer() -> None:
    assert failing(failing(Breaker(first_wait=5)), times=64, at=3).probe_at == 5


def test_an_answer_that_was_under_way_lets_nobody_through() -> None:
    breaker = failing(Breaker(first_wait=5))
    breaker.worked()
    assert not breaker.may_try(4)


def test_a_probe_that_never_answers_is_followed_by_another() -> None:
    breaker = failing(Breaker(first_wait=5))
    breaker.may_try(5)
    assert [breaker.may_try(at) for at in (4 + PATIENCE, 5 + PATIENCE, 5 + PATIENCE)] == [False, True, False]


@given(st.lists(st.tuples(st.floats(0, 40), st.sampled_from(("try", "failed", "worked"))), max_size=120))
def test_the_breaker_does_what_its_plain_description_says(turns: list[tuple[float, str]]) -> None:
    breaker, model, now = Breaker(failures=3, first_wait=4, longest=30), PlainBreaker(), 0.0
    for pause, turn in turns:
        now += pause
        if turn == "try":
            assert breaker.may_try(now) == model.may_try(now)
        elif turn == "failed":
            breaker.failed(now)
            model.failed(now)
        else:
            breaker.worked()
            model.worked()


class PlainBreaker:
    """Said again, from the list of what happened since the channel last worked."""

    def __init__(self) -> None:
        self.worked()

    def worked(self) -> None:
        if getattr(self, "shut_until", None) is None:
            self.failures, self.probes, self.shut_until, self.probed_at = 0, 0, None, None

    def failed(self, at: float) -> None:
        if self.shut_until is None:
            self.failures += 1
            self.probed_at = None
            if self.failures >= 3:
                self.shut_until = at + min(4 * 2**self.probes, 30)

    def may_try(self, at: float) -> bool:
        if self.shut_until is not None and at >= self.shut_until:
            self.shut_until, self.probed_at, self.probes = None, at, self.probes + 1
            return True
        if self.probed_at is not None and at >= self.probed_at + PATIENCE:
            self.probed_at = at
            return True
        return self.shut_until is None and self.probed_at is None


# Domains.


def noted(*receipts: Receipt, domains: Domains | None = None, domain: str = HERE, at: float = 0) -> Domains:
    domains = domains or Domains()
    for receipt in receipts:
        domains.note(domain, receipt, at)
    return domains


def test_three_blocks_stop_a_domain_with_a_reason() -> None:
    assert "3 of the last 20 answers were refused by policy: 554 5.7.1" in noted(BLOCKED, BLOCKED, BLOCKED).stopped(
        HERE
    )


def test_a_reason_does_not_name_the_domain_which_may_be_a_name() -> None:
    """The reason why a domain is stopped does not name the domain, because a domain may be a person's name."""
    assert HERE not in noted(BLOCKED, BLOCKED, BLOCKED).stopped(HERE)


def test_two_blocks_stop_nothing() -> None:
    assert noted(BLOCKED, BLOCKED, *[SENT] * 100).stopped(HERE) == ""


def test_other_domains_go_on() -> None:
    assert noted(BLOCKED, BLOCKED, BLOCKED).stopped(THERE) == ""


def test_blocks_count_among_the_last_twenty_answers_only() -> None:
    assert noted(BLOCKED, *[SENT] * 9, BLOCKED, *[UNKNOWN] * 8, BLOCKED).stopped(HERE)
    assert not noted(BLOCKED, *[SENT] * 9, BLOCKED, *[UNKNOWN] * 9, BLOCKED).stopped(HERE)


def test_a_stopped_domain_stays_stopped_whatever_was_under_way() -> None:
    domains = noted(BLOCKED, BLOCKED, BLOCKED)
    reason = domains.stopped(HERE)
    other = deferred("550 5.7.26", ReceiptCause.POLICY)
    assert noted(*[SENT, SLOWER, other] * 20, domains=domains).stopped(HERE) == reason


def test_a_stop_in_the_ledger_counts_until_it_ends_there() -> None:
    domains = Domains()
    domains.follow(frozenset({HERE}))
    assert domains.stopped(HERE)
    assert not domains.stopped(THERE)
    domains.follow(frozenset())
    assert not domains.stopped(HERE)


def test_a_stop_that_the_ledger_has_not_taken_stays() -> None:
    domains = noted(BLOCKED, BLOCKED, BLOCKED)
    domains.follow(frozenset({THERE}))
    domains.follow(frozenset())
    assert domains.stopped(HERE)
    assert not domains.stopped(THERE)


def test_full_mailboxes_unknown_people_and_greylisting_are_no_blocks() -> None:
    assert not noted(*[GREYLISTED, UNKNOWN, deferred("552 5.2.2"), deferred("451 4.7.1")] * 20).stopped(HERE)


@given(st.lists(st.sampled_from((SENT, BLOCKED, UNKNOWN, GREYLISTED, SLOWER)), max_size=150))
def test_a_domain_stops_exactly_at_three_blocks_in_twenty_answers(receipts: list[Receipt]) -> None:
    """A domain is stopped exactly when at least three of its last twenty answers were blocks, and stays stopped."""
    domains, last, expected = Domains(), deque[bool](maxlen=WINDOW), False
    for at, receipt in enumerate(receipts):
        domains.note(HERE, receipt, at)
        last.append(receipt is BLOCKED)
        expected = expected or sum(last) >= BLOCKS
        assert bool(domains.stopped(HERE)) == expected


def test_at_most_twenty_messages_run_into_a_block() -> None:
    """No more than twenty messages are sent to a domain that blocks all of them, messages in flight included."""
    domains, sent, under_way = Domains(), 0, 0
    for _ in range(100):
        while not domains.stopped(HERE) and under_way < domains.allowed(HERE):
            sent, under_way = sent + 1, under_way + 1
        if under_way:
            domains.note(HERE, BLOCKED, 0)
            under_way -= 1
    assert under_way == 0
    assert sent <= 20


def test_a_domain_that_asks_for_less_gets_less_and_others_do_not() -> None:
    domains = noted(SLOWER, domains=Domains(most=16))
    assert (domains.allowed(HERE), domains.allowed(THERE)) == (8, 16)


def test_a_domain_that_takes_everything_again_gets_as_much_as_before() -> None:
    domains = noted(SLOWER, domains=Domains(most=16))
    assert noted(*[SENT] * 200, domains=domains, at=SETTLING).allowed(HERE) == 16


def test_a_domain_that_does_well_takes_no_memory() -> None:
    domains = Domains()
    for number in range(1000):
        noted(SENT, UNKNOWN, GREYLISTED, domains=domains, domain=f"d{number}.example")
    assert not domains._troubled
    assert not domains._stopped


def test_a_domain_whose_trouble_is_over_takes_no_memory() -> None:
    domains = noted(BLOCKED, SLOWER, domains=Domains(most=4))
    noted(*[SENT] * 40, domains=domains, at=SETTLING)
    assert not domains._troubled


def test_of_too_many_troubled_domains_the_oldest_is_forgotten() -> None:
    """When more domains are in trouble than are tracked, the domain whose last answer is the oldest is forgotten."""
    domains = Domains(most=16, tracked=2)
    noted(SLOWER, domains=domains, domain="a.example")
    noted(SLOWER, domains=domains, domain="b.example")
    noted(SENT, domains=domains, domain="a.example")
    noted(SLOWER, domains=domains, domain="c.example")
    assert [domains.allowed(f"{name}.example") for name in "abc"] == [8, 16, 8]


def test_a_stopped_domain_is_never_forgotten() -> None:
    domains = noted(BLOCKED, BLOCKED, BLOCKED, domains=Domains(tracked=2))
    for number in range(100):
        noted(SLOWER, domains=domains, domain=f"d{number}.example")
    assert domains.stopped(HERE)
    assert len(domains._troubled) == 2


@pytest.mark.parametrize(
    ("address", "domain"),
    [("kim@Mail.Example", HERE), ('"a@b"@mail.example', HERE), ("+4930555", "+4930555"), ("", "")],
)
def test_a_domain_is_what_stands_behind_the_last_at_sign(address: str, domain: str) -> None:
    assert domain_of(address) == domain


# The same answer again and again.


def heard(*receipts: Receipt) -> list[str]:
    watch = SameAnswer()
    return [watch.note(receipt) for receipt in receipts]


@pytest.mark.parametrize(
    ("status", "detail", "times"),
    [(Status.UNCERTAIN, "no answer", 5), (Status.REJECTED, "550 5.1.1", 20), (Status.DEFERRED, "connect", 20)],
)
def test_the_same_bad_answer_in_a_row_stops_a_channel(status: Status, detail: str, times: int) -> None:
    reasons = heard(*[a_receipt(status, detail)] * times)
    assert reasons[:-1] == [""] * (times - 1)
    assert reasons[-1] == f"{times} answers in a row were {status}: {detail}"


@pytest.mark.parametrize("other", [SENT, UNKNOWN, a_receipt(Status.DELIVERED)])
def test_another_answer_in_between_starts_the_count_anew(other: Receipt) -> None:
    bad = [deferred("connect")] * 19
    assert not any(heard(*bad, other, *bad, other, *bad))


def test_a_channel_that_takes_everything_is_never_stopped() -> None:
    assert not any(heard(*[SENT] * 100))


def refused_text(key: str) -> Receipt:
    return Receipt(key, Status.REJECTED, "554 5.6.0", cause=ReceiptCause.CONTENT)


def test_a_text_refused_for_three_people_in_a_row_stops_sending() -> None:
    """A text that is refused for three different people in a row stops the sending, because the template must be the
    cause.
    """
    reasons = heard(*map(refused_text, "abc"))
    assert reasons[:2] == ["", ""]
    assert reasons[2] == "3 people in a row were refused this text, so it is the template: content 554 5.6.0"


def test_a_text_refused_again_for_one_person_is_about_that_person() -> None:
    """A text that is refused again and again for the same person stops nothing, because that person's message is the
    cause.
    """
    assert not any(heard(*map(refused_text, "aaabbb")))


@pytest.mark.parametrize("other", [SENT, UNKNOWN, GREYLISTED])
def test_an_answer_of_another_kind_shows_that_the_template_is_well(other: Receipt) -> None:
    assert not any(heard(*map(refused_text, "ab"), other, *map(refused_text, "cd")))
