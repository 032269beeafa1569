"""Business days leave out the public holidays of the country in which the organisation has its seat."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from amends.content.playbook.days_off import unknown_days_off, with_days_off
from amends.domain.incident.incident import Incident
from amends.domain.playbook.playbook import Playbook
from tests.builders import NOW, a_playbook, an_incident

ASSESS = {"id": "assess", "phase": "assess", "of": "opened"}


def counting(after: str = "2 business days", **changes: Any) -> Playbook:
    return a_playbook(
        steps=[ASSESS, {"id": "ask", "phase": "collect_feedback", "of": "assessed", "after": after}], **changes
    )


def seated_in(country: str | None) -> Incident:
    organisation = an_incident().organisation.model_copy(update={"established_in": country})
    return an_incident().model_copy(update={"organisation": organisation})


def test_the_holidays_of_the_country_are_filled_in() -> None:
    days = with_days_off(counting(), seated_in("DE"), NOW).days_off
    assert date(2026, 12, 25) in days
    assert date(2026, 10, 3) not in days  # a Saturday is free anyhow


@pytest.mark.parametrize(
    ("day", "known"),
    [(date(2024, 12, 25), False), (date(2025, 12, 25), True), (date(2028, 12, 25), True), (date(2029, 12, 25), False)],
)
def test_they_reach_from_the_year_before_to_two_years_ahead(day: date, known: bool) -> None:
    assert (day in with_days_off(counting(), seated_in("DE"), NOW).days_off) is known


def test_each_country_has_its_own() -> None:
    assert date(2026, 10, 1) in with_days_off(counting(), seated_in("CN"), NOW).days_off
    assert date(2026, 10, 1) not in with_days_off(counting(), seated_in("DE"), NOW).days_off


def test_days_off_are_the_same_on_any_day_of_the_incidents_life() -> None:
    """The days off that are filled in depend on the year in which the incident was opened, so the same playbook file
    gives the same content on any day of the incident's life.
    """
    opened_at = datetime(2026, 12, 31, 23, 0, tzinfo=UTC)
    assert with_days_off(counting(), seated_in("DE"), opened_at) == with_days_off(
        counting(), seated_in("DE"), opened_at - timedelta(days=300)
    )


def test_what_the_playbook_lists_itself_stays() -> None:
    own = counting(days_off=["2026-12-24"])
    assert with_days_off(own, seated_in("DE"), NOW) is own


def test_a_playbook_that_counts_no_business_days_stays_as_it_is() -> None:
    plain = counting("2d")
    assert with_days_off(plain, seated_in("DE"), NOW) is plain


def test_a_change_by_severity_may_count_them_too() -> None:
    changed = counting("2d", by_severity={"high": {"ask": {"after": "1 business day"}}})
    assert with_days_off(changed, seated_in("DE"), NOW).days_off


NOT_SAID = "the incident says no organisation.established_in (add it there, or list days_off in the playbook)"
NOT_KNOWN = "those of ZZ are not known (list days_off in the playbook)"


@pytest.mark.parametrize(("country", "said"), [(None, NOT_SAID), ("ZZ", NOT_KNOWN)])
def test_where_nobody_knows_the_holidays_it_is_told(country: str | None, said: str) -> None:
    assert with_days_off(counting(), seated_in(country), NOW).days_off == ()
    (finding,) = unknown_days_off(counting(), seated_in(country), "ours.yaml:1:1", NOW)
    assert (str(finding), finding.blocks) == (
        f"ours.yaml:1:1 E128 business days are counted without holidays: {said}",
        False,
    )


def test_nothing_is_told_where_they_are_known_or_make_no_difference() -> None:
    assert list(unknown_days_off(counting(), seated_in("DE"), "", NOW)) == []
    assert list(unknown_days_off(counting("2d"), seated_in(None), "", NOW)) == []
