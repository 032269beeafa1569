"""First deadlines: the table that lawyers keep, and the arithmetic on it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from amends.domain.assessment import Deadline
from amends.domain.duties import DutyRow, DutyTable, countries_of, deadlines_of
from amends.domain.people import AudienceCounts
from tests.builders import NOW, an_audience, an_incident

FILE = Path(__file__).parents[2] / "playbooks" / "duties" / "first-deadlines.yaml"
TABLE = DutyTable.model_validate(YAML(typ="safe").load(FILE))
AWARE = datetime(2026, 11, 23, 10, tzinfo=UTC)
EEA = [
    "AT",
    "BE",
    "BG",
    "CY",
    "CZ",
    "DE",
    "DK",
    "EE",
    "ES",
    "FI",
    "FR",
    "GR",
    "HR",
    "HU",
    "IE",
    "IS",
    "IT",
    "LI",
    "LT",
    "LU",
    "LV",
    "MT",
    "NL",
    "NO",
    "PL",
    "PT",
    "RO",
    "SE",
    "SI",
    "SK",
]


def in_(country: str, **changes: Any) -> tuple[Deadline, ...]:
    deadlines, _ = deadlines_of(an_incident(**changes), an_audience(by_country={country: 3}), TABLE, NOW)
    return tuple(deadline for deadline in deadlines if deadline.country == country)


def due(country: str, recipient: str, **changes: Any) -> datetime | None:
    return next(deadline.due_at for deadline in in_(country, **changes) if recipient in deadline.recipient)


def a_row(**changes: Any) -> DutyRow:
    given: dict[str, Any] = {
        "regime": "EU GDPR",
        "countries": ["DE"],
        "recipient": "supervisory authority",
        "hours": 72,
        "standard": "within 72 hours",
        "clock": ["aware"],
        "ask": "When did you become aware?",
        "citation": "Art. 33",
        "applies_when": "a risk",
        "confidence": "verified",
    }
    return DutyRow.model_validate(given | changes)


def test_a_european_authority_is_told_72_hours_after_awareness() -> None:
    assert due("DE", "authority") == AWARE + timedelta(hours=72)


def test_the_72_hours_run_over_a_change_of_the_clocks() -> None:
    before_winter_time = "2026-10-24T12:00:00+02:00"
    times = {"aware": before_winter_time}
    assert due("DE", "authority", times=times) == datetime(2026, 10, 27, 10, tzinfo=UTC)


@pytest.mark.parametrize("country", EEA)
def test_every_state_of_the_european_economic_area_has_the_gdpr(country: str) -> None:
    assert {deadline.regime for deadline in in_(country)} == {"EU GDPR"}


@pytest.mark.parametrize("country", ["GB", "CN", "US", "SG", "AU", "CA", "JP", "KR", "IN", "BR", "CH", "ZA"])
def test_this_country_has_rows_for_an_authority_and_for_people(country: str) -> None:
    assert len({deadline.recipient == "people" for deadline in in_(country)}) == 2


def test_china_names_no_number_but_immediately() -> None:
    assert {(deadline.due_at, deadline.standard) for deadline in in_("CN")} == {(None, "立即 (immediately)")}


def test_the_united_states_need_a_lawyer() -> None:
    assert all(deadline.lawyer_needed for deadline in in_("US"))


def test_cert_in_is_told_six_hours_after_noticing() -> None:
    assert due("IN", "CERT-In", times={"noticed": "2026-11-23T10:00:00Z"}) == AWARE + timedelta(hours=6)


def test_a_country_without_rows_needs_a_lawyer_and_is_never_silent() -> None:
    assert [deadline.lawyer_needed for deadline in in_("AQ")] == [True]


def test_the_country_of_the_organisation_counts_though_nobody_lives_there() -> None:
    assert countries_of(an_incident(), an_audience(by_country={"CN": 1})) == ("CN", "DE")


def test_residences_stand_in_for_a_missing_audience() -> None:
    assert countries_of(an_incident(residences={"JP": 9}), AudienceCounts()) == ("DE", "JP")


def test_the_laws_own_clock_goes_before_the_event_that_stands_for_it() -> None:
    times = {"controller_aware": "2026-11-23T06:00:00Z", "aware": "2026-11-23T10:00:00Z"}
    assert due("DE", "authority", times=times) == AWARE - timedelta(hours=4) + timedelta(hours=72)


def test_a_missing_clock_starts_when_it_could_first_have_happened() -> None:
    times = {"occurred": {"from": "2026-11-20T22:00:00Z"}, "discovered": "2026-11-23T08:00:00Z"}
    assert due("DE", "authority", times=times) == datetime(2026, 11, 23, 22, tzinfo=UTC)


def test_a_missing_clock_takes_the_earliest_event_when_the_start_is_unknown() -> None:
    times = {"discovered": "2026-11-23T08:00:00Z"}
    assert due("DE", "authority", times=times) == datetime(2026, 11, 26, 8, tzinfo=UTC)


def test_a_missing_clock_starts_now_when_nothing_is_recorded() -> None:
    assert due("DE", "authority", times={}) == NOW + timedelta(hours=72)


def test_a_deadline_from_a_missing_clock_is_marked_as_assumed() -> None:
    assert any(deadline.assumed for deadline in in_("DE", times={}))


def test_a_deadline_from_a_recorded_clock_is_not_assumed() -> None:
    assert not any(deadline.assumed for deadline in in_("DE"))


def test_each_missing_clock_is_asked_for_once() -> None:
    _, questions = deadlines_of(an_incident(times={}), an_audience(by_country={"FR": 1, "IT": 1}), TABLE, NOW)
    assert len(questions) == 1


def test_what_is_due_at_once_comes_before_what_has_a_date() -> None:
    deadlines, _ = deadlines_of(an_incident(), an_audience(), TABLE, NOW)
    dated = [deadline.due_at is not None for deadline in deadlines]
    assert dated == sorted(dated)


def test_a_row_with_an_unknown_clock_event_is_refused() -> None:
    with pytest.raises(ValidationError, match="no clock event is called awoken"):
        a_row(clock=["awoken"])


def test_a_row_with_hours_and_days_is_refused() -> None:
    with pytest.raises(ValidationError, match="hours or days"):
        a_row(days=3)


def test_a_row_without_a_number_has_no_length() -> None:
    assert a_row(hours=None).length is None


def test_days_are_calendar_days() -> None:
    assert a_row(hours=None, days=3).length == timedelta(days=3)
