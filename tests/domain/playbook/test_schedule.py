"""Delays, business days and times of day, across nights, weekends, holidays and changes of the clock."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amends.domain.playbook.schedule import Calendar, Delay, Series

BERLIN = Calendar(ZoneInfo("Europe/Berlin"))
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Cairo",
)
"""Zones north and south, with changes at midnight, by half an hour, and none."""
BEFORE_SPRING = datetime(2026, 3, 27, 12, 0, tzinfo=UTC)
"""The Friday before the clocks of Berlin go forward on Sunday at 2:00."""
BEFORE_AUTUMN = datetime(2026, 10, 23, 12, 0, tzinfo=UTC)


def a_series(base: datetime, **changes: object) -> Series:
    given = {"after": "0h", "every": None, "at_most": 1, "at": None, "calendar": BERLIN} | changes
    every = Delay.parse(given["every"]) if given["every"] else None
    return Series(base, Delay.parse(given["after"]), every, given["at_most"], given["at"], given["calendar"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "said"),
    [("72h", "3d"), ("3d", "3d"), ("90min", "90min"), ("5 business days", "5 business days"), ("1 business day", None)],
)
def test_a_delay_is_read_and_written(text: str, said: str | None) -> None:
    assert str(Delay.parse(text)) == (said or text)
    assert Delay.parse(str(Delay.parse(text))) == Delay.parse(text)


@pytest.mark.parametrize(
    "text", ["1 month", "2 months", "1y", "P1M", "P1Y", "-3d", "3", 3, True, None, "0 business days"]
)
def test_a_delay_without_a_fixed_length_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="business days"):
        Delay.parse(text)


def test_months_are_refused_with_a_reason() -> None:
    with pytest.raises(ValueError, match="months and years have no fixed length"):
        Delay.parse("1 month")


def test_a_business_day_skips_the_weekend_and_keeps_the_hour() -> None:
    friday = datetime(2026, 11, 27, 16, 0, tzinfo=UTC)
    assert Delay.parse("1 business day").after(friday, BERLIN) == datetime(2026, 11, 30, 16, 0, tzinfo=UTC)


def test_a_public_holiday_is_no_business_day() -> None:
    christmas = Calendar(ZoneInfo("Europe/Berlin"), frozenset({date(2026, 12, 25)}))
    thursday = datetime(2026, 12, 24, 9, 0, tzinfo=UTC)
    assert Delay.parse("1 business day").after(thursday, christmas) == datetime(2026, 12, 28, 9, 0, tzinfo=UTC)


def test_a_business_day_is_one_where_the_organisation_is() -> None:
    tokyo = Calendar(ZoneInfo("Asia/Tokyo"))
    friday_evening = datetime(2026, 11, 27, 16, 0, tzinfo=UTC)  # Saturday in Tokyo
    assert Delay.parse("1 business day").after(friday_evening, tokyo) == datetime(2026, 11, 29, 16, 0, tzinfo=UTC)


def test_a_time_of_day_is_waited_for() -> None:
    assert a_series(BEFORE_SPRING, at=time(17, 0)).occurrence(1) == datetime(2026, 3, 27, 16, 0, tzinfo=UTC)
    assert a_series(BEFORE_SPRING, at=time(9, 0)).occurrence(1) == datetime(2026, 3, 28, 8, 0, tzinfo=UTC)


def test_a_business_day_with_a_time_of_day_stays_on_its_day() -> None:
    assert a_series(BEFORE_SPRING, after="1 business day", at=time(9, 0)).occurrence(1).date() == date(2026, 3, 30)


def test_a_daily_turn_keeps_its_hour_when_the_clocks_change() -> None:
    daily = a_series(BEFORE_SPRING, every="1d", at_most=5)
    assert [BERLIN.shown(daily.occurrence(number)).hour for number in range(1, 6)] == [13] * 5


def test_hours_are_counted_as_they_pass() -> None:
    hourly = a_series(BEFORE_SPRING, every="47h", at_most=2)
    assert hourly.occurrence(2) - hourly.occurrence(1) == timedelta(hours=47)


def test_an_hour_that_does_not_exist_comes_an_hour_later() -> None:
    nightly = a_series(BEFORE_SPRING, every="1d", at_most=3, at=time(2, 30))
    assert [nightly.occurrence(number) for number in (1, 2, 3)] == [
        datetime(2026, 3, 28, 1, 30, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 30, tzinfo=UTC),  # 3:30 in Berlin: there is no 2:30
        datetime(2026, 3, 30, 0, 30, tzinfo=UTC),
    ]


def test_an_hour_that_comes_twice_is_meant_the_first_time() -> None:
    nightly = a_series(BEFORE_AUTUMN, every="1d", at_most=3, at=time(2, 30))
    assert nightly.occurrence(2) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert nightly.occurrence(3) - nightly.occurrence(2) == timedelta(hours=25)


minutes = st.integers(0, 2 * 365 * 24 * 60)
days_off = st.frozensets(st.dates(date(2026, 11, 20), date(2027, 1, 20)), max_size=12)


@given(st.dates(date(2026, 11, 20), date(2026, 12, 20)), st.integers(1, 40), days_off)
def test_business_days_are_those_that_one_counts_on_a_calendar(day: date, later: int, off: frozenset[date]) -> None:
    calendar = Calendar(ZoneInfo("Europe/Berlin"), off)
    counted, left = day, later
    while left:
        counted += timedelta(days=1)
        left -= calendar.works_on(counted)
    assert calendar.working_day(day, later) == counted


moments = minutes.map(lambda count: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=count))
clocks = st.none() | st.times().map(lambda clock: clock.replace(second=0, microsecond=0))
delays = st.integers(1, 9).flatmap(lambda n: st.sampled_from([f"{n}d", f"{n}w", f"{n} business days"]))


@given(moments, delays, st.none() | delays, clocks, st.sampled_from(ZONES))
def test_each_turn_comes_once_and_later_than_the_one_before(
    base: datetime, after: str, every: str | None, at: time | None, zone: str
) -> None:
    calendar = Calendar(ZoneInfo(zone))
    times = a_series(base, after=after, every=every, at_most=12 if every else 1, at=at, calendar=calendar)
    turns = [times.occurrence(number) for number in range(1, times.at_most + 1)]
    assert turns == sorted(set(turns))
    for number, due_at in enumerate(turns, start=1):
        assert times.come_due(due_at) == number
        assert times.come_due(due_at - timedelta(microseconds=1)) == number - 1


@given(moments, clocks.filter(bool), st.sampled_from(ZONES))
def test_a_time_of_day_is_never_missed_and_never_in_the_past(base: datetime, at: time, zone: str) -> None:
    calendar = Calendar(ZoneInfo(zone))
    found = calendar.next_at(base, at)
    assert base <= found <= base + timedelta(hours=26)
