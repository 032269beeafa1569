"""A time that people were given for news stands where a lead and an auditor look: in the commands and in the report."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from amends.cli.incident.report import page
from amends.domain.case.next_update import Fate, awaited, next_updates
from amends.ledger import Ledger
from tests.cli.conftest import INCIDENT, NOTICE, Office, approve


@pytest.fixture
def told(office: Office) -> Office:
    """Everybody has the first notice, which named a time for the next news."""
    approve(office, "omar", "wei")
    office.amends("deliver", INCIDENT, NOTICE)
    return office


@pytest.fixture
def ledger(told: Office) -> Iterator[Ledger]:
    opened = told.ledger()
    yield opened
    opened.dispose()


def named(ledger: Ledger) -> datetime:
    until = awaited(ledger.cases.read(INCIDENT))
    assert until
    return until


def shown(told: Office) -> dict[str, Any]:
    found: dict[str, Any] = told.values("incident", "show", INCIDENT)
    return found


def test_the_incident_shows_the_time_that_is_running(told: Office, ledger: Ledger) -> None:
    news = shown(told)["news"]
    assert [(one["fate"], one["named_by"]) for one in news] == [("running", [NOTICE])]
    answer = told.amends("incident", "show", INCIDENT).stdout
    assert f"{named(ledger):%Y-%m-%d %H:%M} UTC" in answer.partition("next news")[2]


def test_the_timeline_says_which_news_is_promised_and_how_far_it_is(told: Office) -> None:
    answer = told.amends("timeline", INCIDENT).stdout
    assert f"next news promised by {NOTICE}" in answer
    assert "nothing is drafted yet" in answer


def test_a_missed_update_is_in_the_audit_once_and_in_the_report(ledger: Ledger) -> None:
    """A next update that was missed is recorded in the audit chain once, with the time zone of the organisation, and
    the report counts it and names the longest silence.
    """
    later = named(ledger) + timedelta(days=2)
    case = ledger.cases.read(INCIDENT, later)
    clock = next_updates(case, later)[0]
    zone = case.incident.organisation.timezone
    assert clock.fate is Fate.MISSED
    assert [ledger.alerts.note_missed_update(INCIDENT, clock, zone, later) for _ in range(2)] == [True, False]
    entries = [entry for entry in ledger.audit.entries(INCIDENT) if entry.act == "news missed"]
    assert [(entry.subject, zone in entry.detail["named_for"]) for entry in entries] == [(NOTICE, True)]
    assert ledger.audit.verify() == ()
    html = page(ledger.views.timeline(INCIDENT, later), ledger.audit.entries(INCIDENT), later)
    section = html.partition("Times that were named for the next news")[2].partition("<h2>Promises")[0]
    assert "1 missed" in section and "2 d" in section and "Longest silence" in section


def test_the_report_says_that_none_was_named_before_anybody_was_told(office: Office, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    office.amends("report", INCIDENT, "--out", out)
    section = out.read_text(encoding="utf-8").partition("Times that were named for the next news")[2]
    assert "none" in section.partition("<h2>Promises")[0]
    assert "Longest silence" not in section.partition("<h2>Promises")[0]
