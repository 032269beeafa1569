"""The register of the Attorney General of Washington, replayed: every filing meets its 30-day duty, or is late."""

import csv
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from amends.content.law.law import read_law
from amends.domain.assess.assess import assess
from amends.domain.assess.assessment import Assessment
from amends.domain.law.duty import Duty, DutyStanding
from amends.domain.people.person import AudienceCounts
from tests.builders import an_incident

FILE = Path(__file__).parents[1] / "data" / "washington" / "filings.csv"
PACIFIC = ZoneInfo("America/Los_Angeles")
DAYS_ALLOWED = 30
REPORTED_ABOVE = 500
"""To the attorney general, RCW 19.255.010(7); to the people always."""

LAW = read_law()
ASK = LAW.table.clock_events["discovered"].ask

Filing = dict[str, str]


def at(day: str) -> datetime:
    return datetime.combine(datetime.fromisoformat(day).date(), time(), PACIFIC)


@pytest.fixture(scope="module")
def replayed() -> list[tuple[Filing, Assessment]]:
    with FILE.open(encoding="utf-8") as file:
        filings = list(csv.DictReader(file))
    found = []
    for filing in filings:
        times = {"discovered": at(filing["aware"])} if filing["aware"] else {}
        seat = {**an_incident().organisation.model_dump(), "established_in": "US", "sector": "retail"}
        incident = an_incident(times=times, organisation=seat, facts={"data_categories": ["national_id"]})
        people = int(filing["residents"] or 0)
        audience = AudienceCounts(people=people, by_place={"US-WA": people} if people else {"US": 1, "US-WA": 1})
        found.append((filing, assess(incident, audience, 1, at(filing["submitted"]).astimezone(UTC), LAW)))
    return found


def duty(assessment: Assessment, name: str) -> Duty | None:
    return next((one for one in assessment.duties if one.id == f"us-wa.{name}"), None)


def test_the_register_is_whole(replayed: list[tuple[Filing, Assessment]]) -> None:
    assert len(replayed) == 1_109
    assert sum(not filing["aware"] for filing, _ in replayed) == 23


def test_the_duty_to_the_people_appears_for_every_filing(replayed: list[tuple[Filing, Assessment]]) -> None:
    assert all(duty(assessment, "individuals") for _, assessment in replayed)


def test_the_attorney_general_is_owed_a_filing_above_500_residents(replayed: list[tuple[Filing, Assessment]]) -> None:
    for filing, assessment in replayed:
        found = duty(assessment, "attorney_general")
        if filing["residents"]:
            assert (found is not None) is (int(filing["residents"]) > REPORTED_ABOVE), filing


def test_lateness_agrees_with_the_registers_own_count_of_days(replayed: list[tuple[Filing, Assessment]]) -> None:
    late = 0
    for filing, assessment in replayed:
        found, filed = duty(assessment, "individuals"), at(filing["submitted"])
        if not filing["aware"]:
            continue
        assert found is not None and found.due_at is not None and not found.assumed
        days = (filed.date() - found.due_at.astimezone(PACIFIC).date()).days
        assert days == int(filing["days_before_notification"]) - DAYS_ALLOWED, filing
        early = found.early_by(filed)
        assert early is not None and (early < timedelta(0)) is (days > 0), filing
        late += days > 0
    assert late == 813


def test_without_a_date_of_awareness_it_is_assumed_and_asked_for(replayed: list[tuple[Filing, Assessment]]) -> None:
    for filing, assessment in replayed:
        found = duty(assessment, "individuals")
        if not filing["aware"]:
            assert found is not None and found.assumed and found.standing is not DutyStanding.EXEMPT
            assert ASK in assessment.open_questions
