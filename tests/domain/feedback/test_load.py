"""The forecast adds the waves, learns from the case, and says how uncertain it is."""

from datetime import datetime, timedelta
from math import ceil
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amends.domain.feedback.load.load import (
    DEFAULT_FACTOR,
    ContactDay,
    Curve,
    ToldWave,
    WavePlan,
    forecast,
    in_range,
    own_curve,
    peak,
    phone_share,
    two_digits,
    wave_plan,
)
from amends.domain.feedback.question import QuestionSource
from tests.builders import NOW

ZONE = "Asia/Shanghai"
DAY = timedelta(days=1)
MIDNIGHT = datetime.fromisoformat("2026-11-10T00:00:00+08:00")
TRUE = Curve(rate=0.02, keep=0.6)


def seen_by(curve: Curve, waves: list[ToldWave], days: int, noise: tuple[float, ...] = (1.0,)) -> list[ContactDay]:
    """Return the contacts that this curve brings, times the noise of each day in turn."""
    expected = forecast(curve, waves, (), ZONE, NOW, waves[0].at + days * DAY)
    return [
        ContactDay(day=one.day, by_source={QuestionSource.PORTAL: round(one.expected * noise[number % len(noise)])})
        for number, one in enumerate(expected)
    ]


def test_a_wave_fades_by_the_decay_of_the_curve() -> None:
    days = forecast(Curve(), [ToldWave(MIDNIGHT, 100_000)], (), ZONE, NOW, MIDNIGHT + 3 * DAY)
    assert [day.expected for day in days] == pytest.approx([750, 562.5, 421.875, 316.40625])
    assert [day.told for day in days] == [100_000, 0, 0, 0]


def test_waves_add_up() -> None:
    waves = [ToldWave(MIDNIGHT, 1_000), ToldWave(MIDNIGHT + DAY, 1_000)]
    days = forecast(Curve(), waves, (), ZONE, NOW, MIDNIGHT + 2 * DAY)
    assert [day.expected for day in days] == pytest.approx([7.5, 7.5 + 5.625, 5.625 + 4.21875])


def test_a_wave_late_in_the_day_brings_most_contacts_the_next_day() -> None:
    days = forecast(Curve(), [ToldWave(MIDNIGHT + timedelta(hours=18), 1_000)], (), ZONE, NOW, MIDNIGHT + DAY)
    assert days[0].expected < days[1].expected
    assert sum(day.expected for day in days) < 1_000 * Curve().rate


@given(st.integers(1, 10_000_000), st.floats(0.4, 0.97), st.floats(0, 24))
def test_no_more_contacts_come_than_the_share(people: int, keep: float, hours: float) -> None:
    waves = [ToldWave(MIDNIGHT + timedelta(hours=hours), people)]
    days = forecast(Curve(keep=keep), waves, (), ZONE, NOW, MIDNIGHT + 200 * DAY)
    assert sum(day.expected for day in days) == pytest.approx(people * Curve().rate, rel=0.01)


def test_the_own_curve_is_found_again() -> None:
    waves = [ToldWave(MIDNIGHT + number * 2 * DAY, 33_000) for number in range(3)]
    found = own_curve(waves, seen_by(TRUE, waves, 9), ZONE, MIDNIGHT + 8 * DAY)
    assert found
    assert found.keep == pytest.approx(TRUE.keep, abs=0.02)
    assert found.rate == pytest.approx(TRUE.rate, rel=0.05)


@pytest.mark.parametrize(
    ("people", "passed"),
    [(100_000, timedelta(hours=47)), (1_000, 3 * DAY)],
    ids=["less than two days", "fewer than 20 contacts"],
)
def test_the_defaults_stay_until_the_case_says_enough(people: int, passed: timedelta) -> None:
    waves = [ToldWave(MIDNIGHT, people)]
    assert own_curve(waves, seen_by(TRUE, waves, 9), ZONE, MIDNIGHT + passed) is None


def test_before_anybody_is_told_nothing_is_forecast() -> None:
    assert own_curve([], [], ZONE, NOW) is None
    assert forecast(Curve(), [], [], ZONE, NOW, NOW) == ()


def test_today_is_no_part_of_the_curve() -> None:
    waves = [ToldWave(MIDNIGHT, 100_000)]
    days = seen_by(TRUE, waves, 5)
    found = own_curve(waves, days, ZONE, MIDNIGHT + 5 * DAY)
    assert found == own_curve(waves, days[:-1], ZONE, MIDNIGHT + 5 * DAY)


def test_nine_in_ten_days_to_come_lie_in_the_range() -> None:
    """Days that differ from a made-up curve by a quarter lie in the range that the days before them give."""
    chance, held = Random(32), []
    for number in range(150):
        true = Curve(rate=chance.uniform(0.01, 0.06), keep=chance.uniform(0.55, 0.88))
        waves, after = [ToldWave(MIDNIGHT, (2_000, 20_000, 200_000)[number % 3])], 2 + number % 7
        expected = forecast(true, waves, (), ZONE, NOW, MIDNIGHT + (after + 1) * DAY)
        came = [round(chance.gauss(1, 0.25) * one.expected + chance.gauss(0, one.expected**0.5)) for one in expected]
        seen = [
            ContactDay(day=one.day, by_source={QuestionSource.PORTAL: max(count, 0)})
            for one, count in zip(expected, came, strict=True)
        ]
        if curve := own_curve(waves, seen, ZONE, MIDNIGHT + after * DAY):
            last = forecast(curve, waves, seen, ZONE, MIDNIGHT, MIDNIGHT + (after + 1) * DAY)[-1]
            held.append(round(last.low) <= seen[-1].contacts <= ceil(last.high))
    assert len(held) > 100
    assert 0.85 < sum(held) / len(held) < 0.99


def test_two_days_tell_the_height_and_little_of_the_decay() -> None:
    waves = [ToldWave(MIDNIGHT, 100_000)]
    flat = [ContactDay(day=(MIDNIGHT + n * DAY).date(), by_source={QuestionSource.PORTAL: 12}) for n in range(2)]
    found = own_curve(waves, flat, ZONE, MIDNIGHT + 2 * DAY)
    assert found
    assert 0.7 < found.keep < 0.95
    assert found.first_day * 100_000 == pytest.approx(12, rel=0.3)


def test_uneven_days_widen_the_range() -> None:
    waves = [ToldWave(MIDNIGHT, 100_000)]
    now = MIDNIGHT + 8 * DAY
    even = own_curve(waves, seen_by(TRUE, waves, 9), ZONE, now)
    uneven = own_curve(waves, seen_by(TRUE, waves, 9, (0.5, 1.6)), ZONE, now)
    assert even
    assert uneven
    assert in_range(uneven, 500)[1] > in_range(even, 500)[1]


def test_the_range_of_the_defaults_is_a_factor_of_three() -> None:
    assert in_range(Curve(), 900) == (900 / DEFAULT_FACTOR, 900 * DEFAULT_FACTOR)


def test_nine_in_ten_days_lie_in_the_range_of_the_own_curve() -> None:
    curve = Curve(seen=10_000, spread=0.04)
    low, high = in_range(curve, 1_000)
    assert (low, high) == (pytest.approx(716, abs=1), pytest.approx(1_396, abs=1))


@pytest.mark.parametrize("contacts_a_day", [1, 120, 300, 500, 700, 749])
def test_no_day_of_the_waves_has_more_than_the_team_takes(contacts_a_day: int) -> None:
    plan = wave_plan(100_000, Curve(), contacts_a_day)
    assert plan
    starts = [MIDNIGHT + n * plan.pause * DAY for n in range(plan.waves)]
    waves = [ToldWave(at, min(plan.size, 100_000 - n * plan.size)) for n, at in enumerate(starts)]
    days = forecast(Curve(), waves, (), ZONE, NOW, MIDNIGHT + plan.last_after * DAY)
    assert max(day.expected for day in days) <= contacts_a_day * (1 + 1e-9)
    assert plan.size * plan.waves >= 100_000


def test_all_are_told_at_once_when_the_team_takes_it() -> None:
    assert wave_plan(100_000, Curve(), 750) == WavePlan(size=100_000, pause=1, waves=1)


def test_without_capacity_there_are_no_waves() -> None:
    assert wave_plan(100_000, Curve(), 0.001) is None


def test_the_peak_comes_with_the_last_full_wave() -> None:
    assert peak(3_000, Curve(), 1_000, 1) == pytest.approx(7.5 * (1 + 0.75 + 0.75**2))


def test_the_share_of_calls_is_known_once_enough_people_called() -> None:
    few = [ContactDay(day=NOW.date(), by_source={QuestionSource.HOTLINE: 19})]
    more = [ContactDay(day=NOW.date(), by_source={QuestionSource.HOTLINE: 5, QuestionSource.PORTAL: 15})]
    assert (phone_share(few), phone_share(more)) == (None, 0.25)


@pytest.mark.parametrize(("number", "said"), [(0.2, 0), (7.4, 7), (123, 120), (1_268, 1_300), (45_600, 46_000)])
def test_numbers_have_two_digits_that_count(number: float, said: int) -> None:
    assert two_digits(number) == said
