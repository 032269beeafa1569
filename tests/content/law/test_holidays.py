"""Offices keep weekends and public holidays, each place its own, and what is not known about a year is said."""

from datetime import date, timedelta
from threading import Thread

import pytest

from amends.content.file.countries import COUNTRIES
from amends.content.law.holidays import _calendars, is_estimated, works_on

THANKSGIVING = date(2026, 11, 26)
TOWN_MEETING_DAY = date(2026, 3, 3)
COLUMBUS_DAY = date(2026, 10, 12)
MAKE_UP_SATURDAY = date(2026, 2, 14)
SPRING_FESTIVAL = date(2026, 2, 17)
FRIDAY, SUNDAY = date(2026, 11, 27), date(2026, 11, 29)


def test_nobody_works_on_a_public_holiday() -> None:
    assert not works_on("US", THANKSGIVING)


def test_a_holiday_ends_at_the_border() -> None:
    assert works_on("DE", THANKSGIVING)


def test_a_state_has_holidays_of_its_own() -> None:
    assert (works_on("US-VT", TOWN_MEETING_DAY), works_on("US", TOWN_MEETING_DAY)) == (False, True)


def test_a_state_keeps_the_holidays_of_its_country_too() -> None:
    assert not works_on("US-VT", COLUMBUS_DAY)


def test_a_state_that_is_not_known_keeps_those_of_its_country() -> None:
    assert not works_on("US-XX", THANKSGIVING)


def test_china_works_on_a_saturday_in_exchange_for_a_holiday() -> None:
    assert (works_on("CN", MAKE_UP_SATURDAY), works_on("CN", SPRING_FESTIVAL)) == (True, False)


def test_a_saturday_holiday_is_kept_on_the_friday_before() -> None:
    """A US holiday that falls on Saturday 1 January is kept on the Friday before, in the year before."""
    assert not works_on("US", date(2027, 12, 31))


def test_a_day_that_the_law_leaves_open_is_worked() -> None:
    assert works_on("BR", date(2026, 2, 17))  # Carnival, which many take off in Brazil


@pytest.mark.parametrize(
    ("place", "friday", "sunday"),
    [("SA", False, True), ("IL", False, True), ("IR", False, True), ("AE", True, False), ("FR", True, False)],
)
def test_the_weekend_is_where_the_place_has_it(place: str, friday: bool, sunday: bool) -> None:
    assert (works_on(place, FRIDAY), works_on(place, SUNDAY)) == (friday, sunday)


@pytest.mark.parametrize("place", ["", "XX", "XX-YY"])
def test_a_place_that_is_not_known_has_weekends_only(place: str) -> None:
    week = [works_on(place, date(2026, 12, 21) + timedelta(days=n)) for n in range(7)]
    assert week == [True] * 5 + [False] * 2


def test_every_country_that_has_a_code_is_known() -> None:
    assert [country for country in sorted(COUNTRIES) if not _calendars(country, 2026)] == []


def test_beyond_the_years_that_are_known_there_are_weekends() -> None:
    assert (works_on("US", date(2222, 7, 4)), works_on("US", date(2222, 7, 6))) == (True, False)


def test_threads_that_ask_at_once_hear_the_same() -> None:
    answers: list[bool] = []
    days = [date(2031, 1, 1) + timedelta(days=n) for n in range(40)]
    threads = [Thread(target=lambda: answers.extend(works_on("JP", day) for day in days)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(answers) == 4 * sum(works_on("JP", day) for day in days)


@pytest.mark.parametrize(("place", "year"), [("US", 2099), ("US-VT", 2027), ("DE", 2099), ("CN", 2026), ("BR", 2027)])
def test_days_that_follow_from_the_law_alone_are_certain(place: str, year: int) -> None:
    assert not is_estimated(place, year)


@pytest.mark.parametrize(
    ("place", "year", "awaited"),
    [
        ("CN", 2099, "the decree that swaps days"),
        ("AE", 2099, "the moon"),
        ("", 2026, "the name of the place"),
        ("US", 2222, "a calendar that goes so far"),
    ],
)
def test_days_that_may_still_move_are_estimated(place: str, year: int, awaited: str) -> None:
    assert is_estimated(place, year), f"waits for {awaited}"
