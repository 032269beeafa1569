"""Nobody is disturbed at night, whatever their zone; the end of the night comes once, also when clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amends.domain.deliver.quiet_hours import quiet_until
from amends.domain.playbook.playbook import QuietHours

NIGHT = QuietHours.model_validate({"from": "21:00", "until": "08:00"})
NOON_BREAK = QuietHours.model_validate({"from": "12:00", "until": "14:00"})
LONG_NIGHT = QuietHours.model_validate({"from": "20:00", "until": "10:00"})
SIESTA = QuietHours.model_validate({"from": "13:00", "until": "14:00"})
ZONES = (
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Pacific/Chatham",
    "Europe/Berlin",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "America/Santiago",
)
"""From +14 to -11, with half and quarter hours, and with changes of the clock at midnight and by half an hour."""
RUSSIA = (
    "Europe/Kaliningrad",
    "Europe/Moscow",
    "Europe/Samara",
    "Asia/Yekaterinburg",
    "Asia/Omsk",
    "Asia/Krasnoyarsk",
    "Asia/Irkutsk",
    "Asia/Yakutsk",
    "Asia/Vladivostok",
    "Asia/Magadan",
    "Asia/Kamchatka",
)
minutes = st.integers(0, 2 * 365 * 24 * 60)
moments = minutes.map(lambda count: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=count))


def at(clock: str, zone: str = "Europe/Berlin") -> datetime:
    return datetime.fromisoformat(f"2026-11-26T{clock}").replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize(
    ("hours", "now", "until"),
    [
        (NIGHT, "20:59", None),
        (NIGHT, "21:00", "08:00 next"),
        (NIGHT, "03:00", "08:00"),
        (NIGHT, "07:59", "08:00"),
        (NIGHT, "08:00", None),
        (NOON_BREAK, "11:59", None),
        (NOON_BREAK, "12:30", "14:00"),
        (NOON_BREAK, "14:00", None),
    ],
)
def test_it_is_quiet_from_the_first_minute_up_to_the_last(hours: QuietHours, now: str, until: str | None) -> None:
    clock, _, next_day = (until or "").partition(" ")
    expected = at(clock) + timedelta(days=bool(next_day)) if until else None
    assert quiet_until(hours, ["Europe/Berlin"], at(now)) == expected


def test_a_country_with_several_zones_is_quiet_while_any_of_them_is() -> None:
    coasts = ("America/New_York", "America/Los_Angeles")
    assert quiet_until(NIGHT, coasts, at("09:00", "America/New_York")) == at("08:00", "America/Los_Angeles")


def test_a_country_of_many_zones_is_quiet_until_its_last_zone_wakes() -> None:
    """The country with the most time zones is quiet until its last zone wakes up: at night in Russia, until 8:00 in
    Kaliningrad.
    """
    assert quiet_until(NIGHT, RUSSIA, at("07:30", "Asia/Kamchatka")) == at("08:00", "Europe/Kaliningrad")


def is_quiet(hours: QuietHours, zone: str, moment: datetime) -> bool:
    shown = moment.astimezone(ZoneInfo(zone)).time()
    if hours.from_ < hours.until:
        return hours.from_ <= shown < hours.until
    return shown >= hours.from_ or shown < hours.until


@given(moments, st.sampled_from(ZONES), st.sampled_from([NIGHT, NOON_BREAK]))
def test_what_waits_for_the_end_of_the_night_leaves_by_day(moment: datetime, zone: str, hours: QuietHours) -> None:
    until = quiet_until(hours, [zone], moment)
    assert (until is not None) == is_quiet(hours, zone, moment)
    if until:
        assert not is_quiet(hours, zone, until)
        assert until - moment <= timedelta(hours=12)


@pytest.mark.parametrize("zones", [RUSSIA, ("Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kolkata", "Africa/Lagos")])
@given(moment=moments)
def test_zones_without_a_common_day_do_not_wait_for_ever(zones: tuple[str, ...], moment: datetime) -> None:
    if until := quiet_until(LONG_NIGHT, zones, moment):
        assert until - moment < timedelta(days=1)
        assert quiet_until(LONG_NIGHT, zones, until) is None


def test_where_no_hour_suits_all_it_is_day_in_as_many_zones_as_can_be() -> None:
    until = quiet_until(LONG_NIGHT, RUSSIA, at("12:00", "Europe/Moscow"))
    assert until == at("10:00", "Europe/Moscow") + timedelta(days=1)


@given(moments)
def test_a_short_break_is_waited_for_in_every_zone_of_a_wide_country(moment: datetime) -> None:
    """After the wait for a short break at noon, no zone of the country with the most time zones is in its quiet hours,
    whatever the moment.
    """
    until = quiet_until(SIESTA, RUSSIA, moment) or moment
    assert not any(is_quiet(SIESTA, zone, until) for zone in RUSSIA)
