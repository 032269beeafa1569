"""Legal periods end when the law says: hours are real hours, days end at midnight there, holidays do not count."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from amends.content.law.holidays import works_on
from amends.domain.law.term import Term, WorksOn, end_of, end_of_year

NEW_YORK, BERLIN, UTC_ITSELF = "America/New_York", "Europe/Berlin", "UTC"


def at(zone: str, text: str) -> datetime:
    """A time as a clock on the wall shows it there."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def ends(start: datetime, zone: str, place: str = "", **term: int) -> str:
    """The end as a clock on the wall shows it there."""
    end = Term(**term).after(start, zone, place, works_on)
    assert end.tzinfo is UTC
    return f"{end.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


# Hours


@pytest.mark.parametrize(
    ("zone", "start", "end"),
    [
        (BERLIN, "2026-11-27 18:30", "2026-11-30 18:30"),
        (BERLIN, "2026-12-24 09:00", "2026-12-27 09:00"),
        (NEW_YORK, "2026-03-06 12:00", "2026-03-09 13:00"),
        (NEW_YORK, "2026-10-30 12:00", "2026-11-02 11:00"),
        (BERLIN, "2026-03-27 12:00", "2026-03-30 13:00"),
        (BERLIN, "2026-10-23 12:00", "2026-10-26 11:00"),
    ],
    ids=["weekend", "holidays", "spring in New York", "autumn in New York", "spring in Berlin", "autumn in Berlin"],
)
def test_hours_run_through_weekends_holidays_and_changes_of_the_clock(zone: str, start: str, end: str) -> None:
    assert ends(at(zone, start), zone, hours=72) == end
    assert Term(hours=72).after(at(zone, start), zone, "", works_on) - at(zone, start).astimezone(UTC) == timedelta(
        hours=72
    )


def test_hours_start_in_either_of_two_hours_that_bear_the_same_name() -> None:
    first = at(BERLIN, "2026-10-25 02:30")
    second = first.replace(fold=1)
    one, other = (Term(hours=1).after(start, BERLIN, "", works_on) for start in (first, second))
    assert other - one == timedelta(hours=1)


# Calendar days


@pytest.mark.parametrize(
    ("zone", "start", "days", "end"),
    [
        (BERLIN, "2026-11-24 10:00", 1, "2026-11-25 23:59"),
        (BERLIN, "2026-11-24 00:00", 1, "2026-11-25 23:59"),
        (BERLIN, "2026-11-24 23:59", 1, "2026-11-25 23:59"),
        (BERLIN, "2026-03-10 10:00", 30, "2026-04-09 23:59"),
        (BERLIN, "2026-10-10 10:00", 30, "2026-11-09 23:59"),
        (NEW_YORK, "2026-03-07 10:00", 1, "2026-03-08 23:59"),
        (NEW_YORK, "2026-10-31 10:00", 1, "2026-11-01 23:59"),
        (NEW_YORK, "2026-12-20 10:00", 45, "2027-02-03 23:59"),
        (NEW_YORK, "2028-01-30 10:00", 30, "2028-02-29 23:59"),
    ],
)
def test_days_leave_out_the_first_and_end_with_the_last(zone: str, start: str, days: int, end: str) -> None:
    assert ends(at(zone, start), zone, days=days) == end


def test_a_day_ends_an_hour_earlier_in_utc_once_the_clock_has_changed() -> None:
    assert Term(days=30).after(at(BERLIN, "2026-03-10 10:00"), BERLIN, "", works_on) == datetime(
        2026, 4, 9, 21, 59, tzinfo=UTC
    )


def test_a_day_that_ends_twice_ends_the_first_time() -> None:
    cairo = "Africa/Cairo"  # at midnight of 29 October 2026 its clocks go back to 23:00
    assert end_of(date(2026, 10, 29), cairo) == datetime(2026, 10, 29, 20, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "end"),
    [
        ("Pacific/Kiritimati", datetime(2026, 11, 26, 9, 59, tzinfo=UTC)),
        ("Asia/Kathmandu", datetime(2026, 11, 25, 18, 14, tzinfo=UTC)),
        (UTC_ITSELF, datetime(2026, 11, 25, 23, 59, tzinfo=UTC)),
        ("Pacific/Pago_Pago", datetime(2026, 11, 25, 10, 59, tzinfo=UTC)),
    ],
)
def test_the_first_and_the_last_day_are_those_of_the_zone(zone: str, end: datetime) -> None:
    start = datetime(2026, 11, 24, 10, 30, tzinfo=UTC)
    assert Term(days=1).after(start, zone, "", works_on) == end


# Months and years


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2026-01-15", 1, "2026-02-15"),
        ("2026-11-30", 3, "2027-02-28"),
        ("2026-05-31", 1, "2026-06-30"),
        ("2026-12-15", 1, "2027-01-15"),
        ("2026-11-15", 1, "2026-12-15"),
        ("2028-02-29", 12, "2029-02-28"),
        ("2026-01-31", 18, "2027-07-31"),
    ],
)
def test_a_month_ends_on_the_same_day_or_else_on_its_last(start: str, months: int, end: str) -> None:
    assert ends(at(BERLIN, f"{start} 10:00"), BERLIN, months=months) == f"{end} 23:59"


@pytest.mark.parametrize(("discovered", "end"), [("2026-07-01", "2027-03-01"), ("2027-07-01", "2028-02-29")])
def test_sixty_days_after_the_year_are_1_march_or_29_february(discovered: str, end: str) -> None:
    """Sixty days after the end of the calendar year end on 1 March, or on 29 February in a leap year."""
    year_end = end_of_year(at(NEW_YORK, f"{discovered} 10:00"), NEW_YORK)
    assert ends(year_end, NEW_YORK, "US", days=60) == f"{end} 23:59"


def test_the_year_is_that_of_the_zone() -> None:
    new_year = datetime(2027, 1, 1, 2, 0, tzinfo=UTC)
    assert end_of_year(new_year, NEW_YORK) == datetime(2027, 1, 1, 4, 59, tzinfo=UTC)
    assert end_of_year(new_year, BERLIN) == datetime(2027, 12, 31, 22, 59, tzinfo=UTC)


# Business days


@pytest.mark.parametrize(
    ("zone", "place", "start", "days", "end"),
    [
        (NEW_YORK, "US", "2026-11-24", 4, "2026-12-01"),
        (NEW_YORK, "US", "2026-11-26", 1, "2026-11-27"),
        (NEW_YORK, "US", "2026-12-30", 3, "2027-01-05"),
        (NEW_YORK, "US", "2027-12-30", 1, "2028-01-03"),
        (NEW_YORK, "US-VT", "2026-03-02", 14, "2026-03-23"),
        (NEW_YORK, "US", "2026-03-02", 14, "2026-03-20"),
        ("America/Sao_Paulo", "BR", "2026-02-13", 3, "2026-02-18"),
        ("America/Sao_Paulo", "BR", "2026-04-17", 3, "2026-04-23"),
        ("Asia/Shanghai", "CN", "2026-02-12", 2, "2026-02-14"),
        ("Asia/Shanghai", "CN", "2026-02-12", 3, "2026-02-24"),
        (BERLIN, "DE", "2026-11-28", 1, "2026-11-30"),
        (BERLIN, "DE", "2026-11-27", 1, "2026-11-30"),
        ("Asia/Riyadh", "SA", "2026-11-26", 1, "2026-11-29"),
        (UTC_ITSELF, "", "2026-12-24", 1, "2026-12-25"),
    ],
    ids=[
        "over Thanksgiving",
        "from Thanksgiving",
        "over New Year",
        "over New Year kept a day early",
        "over Town Meeting Day in Vermont",
        "not over Town Meeting Day elsewhere",
        "through Carnival in Brazil, which the law leaves open",
        "over Tiradentes in Brazil",
        "until a Saturday that is worked in China",
        "over the Spring Festival in China",
        "from a Saturday",
        "from a Friday",
        "over a weekend that begins on Friday",
        "where nobody knows the holidays",
    ],
)
def test_business_days_leave_out_weekends_and_holidays(zone: str, place: str, start: str, days: int, end: str) -> None:
    assert ends(at(zone, f"{start} 10:00"), zone, place, business_days=days) == f"{end} 23:59"


def test_the_day_of_the_event_is_that_of_the_zone() -> None:
    thursday_or_friday = datetime(2026, 12, 3, 23, 30, tzinfo=UTC)
    assert ends(thursday_or_friday, "Asia/Tokyo", "JP", business_days=1) == "2026-12-07 23:59"
    assert ends(thursday_or_friday, NEW_YORK, "US", business_days=1) == "2026-12-04 23:59"


# What a term is


@pytest.mark.parametrize(
    "term",
    [
        {},
        {"hours": None},
        {"hours": 0},
        {"days": -1},
        {"months": 0},
        {"hours": 1.5},
        {"business_days": 401},
        {"hours": 72, "days": 3},
        {"days": 3, "months": None},
        {"weeks": 2},
    ],
)
def test_a_term_is_one_whole_number_of_one_unit(term: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Term.model_validate(term)


@pytest.mark.parametrize(
    ("term", "words"),
    [
        (Term(hours=72), "72 hours"),
        (Term(hours=1), "1 hour"),
        (Term(days=30), "30 calendar days"),
        (Term(business_days=1), "1 business day"),
        (Term(months=2), "2 months"),
    ],
)
def test_a_term_reads_as_people_say_it(term: Term, words: str) -> None:
    assert str(term) == words


# What holds for every term

START = datetime(2024, 1, 1, tzinfo=UTC)
starts = st.integers(0, 10 * 366 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes))
zones = st.sampled_from([NEW_YORK, BERLIN, UTC_ITSELF, "Pacific/Kiritimati", "Pacific/Pago_Pago", "Africa/Cairo"])
units = st.sampled_from(["hours", "days", "business_days", "months"])
amounts = st.integers(1, 60)


@st.composite
def offices(draw: st.DrawFn) -> WorksOn:
    """A place with any weekend of one or two days, and holidays that come again after so many days."""
    weekend = draw(st.sets(st.integers(0, 6), min_size=1, max_size=2))
    every = draw(st.integers(5, 60))
    return lambda _place, day: day.weekday() not in weekend and day.toordinal() % every != 0


@given(starts, zones, units, amounts, amounts, offices())
def test_a_longer_term_never_ends_earlier(
    start: datetime, zone: str, unit: str, one: int, other: int, office: WorksOn
) -> None:
    shorter, longer = (Term(**{unit: n}).after(start, zone, "", office) for n in sorted((one, other)))
    assert start < shorter <= longer


@given(starts, zones, amounts, offices())
def test_business_days_never_end_before_as_many_calendar_days(
    start: datetime, zone: str, amount: int, office: WorksOn
) -> None:
    business = Term(business_days=amount).after(start, zone, "", office)
    assert business >= Term(days=amount).after(start, zone, "", office)


@given(starts, starts, zones, units, amounts, offices())
def test_a_later_start_never_ends_earlier(
    one: datetime, other: datetime, zone: str, unit: str, amount: int, office: WorksOn
) -> None:
    earlier, later = (Term(**{unit: amount}).after(start, zone, "", office) for start in sorted((one, other)))
    assert earlier <= later


@given(starts, zones, amounts, offices())
def test_business_days_end_on_a_working_day_after_so_many_of_them(
    start: datetime, zone: str, amount: int, office: WorksOn
) -> None:
    first, last = (
        moment.astimezone(ZoneInfo(zone)).date()
        for moment in (start, Term(business_days=amount).after(start, zone, "", office))
    )
    days = [first + timedelta(days=n) for n in range(1, (last - first).days + 1)]
    assert office("", last)
    assert sum(office("", day) for day in days) == amount
