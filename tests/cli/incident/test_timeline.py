"""`amends timeline` is read by a lead at night: what waits comes first, on the organisation's clock."""

from datetime import UTC, datetime

import pytest

from amends.cli.terminal.text import table
from amends.domain.case.states import OccurrenceState, RecordedOccurrence
from amends.domain.timeline.text import in_tables, there
from amends.domain.timeline.timeline import timeline
from amends.ledger.store import disk_reserve
from flows.run.artifacts import timeline_page
from tests.builders import NOW, a_case, a_duty, an_alert, an_assessment, an_incident
from tests.cli.conftest import INCIDENT, NOTICE, Office, approve


def test_what_waits_for_people_comes_first(office: Office) -> None:
    text = office.amends("timeline", INCIDENT).stdout
    assert text.index("Waits for people") < text.index("Expected in the next 14 days") < text.index("Done")


def test_it_says_how_many_approvals_are_missing_and_what_to_do(office: Office) -> None:
    approve(office, "omar")
    waiting = office.values("timeline", INCIDENT)["waiting"]
    found = next(one for one in waiting if one["wait"] == "approval")
    assert (found["missing"], found["do"]) == (1, f"amends preview {INCIDENT} {NOTICE}")


def test_what_to_type_stands_within_a_terminals_width(office: Office) -> None:
    lines = office.amends("timeline", INCIDENT).stdout.splitlines()
    command = f"amends preview {INCIDENT} {NOTICE}"
    assert [line.index(command) + len(command) < 100 for line in lines if command in line] == [True]
    assert [line.split()[-3:] for line in lines if line.startswith("by (")] == [["whom", "do", "what"]]


def test_it_expects_what_follows_once_the_first_notice_is_approved(office: Office) -> None:
    coming = [line["what"] for line in office.values("timeline", INCIDENT)["coming"]]
    assert "update 1" in coming


def test_it_looks_as_far_ahead_as_asked(office: Office) -> None:
    near, far = (office.values("timeline", INCIDENT, "--days", days)["coming"] for days in (2, 30))
    assert len(near) < len(far)


def test_what_was_sent_is_in_the_past(office: Office) -> None:
    approve(office, "omar", "wei")
    office.amends("deliver", INCIDENT, NOTICE)
    assert f"{NOTICE} was sent" in [line["what"] for line in office.values("timeline", INCIDENT)["past"]]


def test_it_says_that_the_ledgers_disk_is_full(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """No run can write an alert down then, and what is under way seems to go on."""
    monkeypatch.setattr(disk_reserve, "LEAST", 1 << 60)
    answer = office.amends("timeline", INCIDENT)
    assert (answer.exit_code, "the disk with the ledger is full: make room" in answer.stderr) == (0, True)


def test_what_the_lead_was_told_to_look_at_stands_there(office: Office) -> None:
    ledger = office.ledger()
    ledger.alerts.record(INCIDENT, an_alert(f"{NOTICE} cannot be drafted: the letters are missing", datetime.now(UTC)))
    ledger.dispose()
    shown = office.amends("timeline", INCIDENT).stdout
    assert f"{NOTICE} cannot be drafted: the letters are missing" in shown.partition("Last alerts")[2]
    assert [line["what"] for line in office.values("timeline", INCIDENT)["alerts"]] == [
        f"{NOTICE} cannot be drafted: the letters are missing"
    ]


def test_without_an_alert_there_is_no_word_of_them(office: Office) -> None:
    assert "alerts" not in office.amends("timeline", INCIDENT).stdout


def test_an_unknown_incident_is_an_error(office: Office) -> None:
    assert office.amends("timeline", "no-such-incident").exit_code == 1


def test_the_page_in_prefect_shows_the_same_tables(office: Office) -> None:
    ledger, now = office.ledger(), datetime.now(UTC)
    ledger.alerts.record(INCIDENT, an_alert("update is held", now))
    case = ledger.views.timeline(INCIDENT, now)
    ledger.dispose()
    shown, page = timeline(case, now), "".join(timeline_page(case, now))
    cells = [cell for one in shown.waiting for cell in (one.whom, one.what)]
    cells += [line.what for line in (*shown.alerts, *shown.past)]
    assert shown.alerts
    assert shown.past
    assert [cell for cell in cells if cell not in page] == []


def test_the_page_in_prefect_names_each_command_in_full() -> None:
    case = a_case(occurrences=(RecordedOccurrence(step="update", number=2, due_at=NOW, state=OccurrenceState.HELD),))
    command = f"`amends step go|skip {case.incident.id} update 2 --as NAME`"
    assert [
        line for line in timeline_page(case, NOW).head.splitlines() if line.startswith("- ") and line.endswith(command)
    ]


def test_the_page_in_prefect_says_the_title_once() -> None:
    case = a_case()
    assert "".join(timeline_page(case, NOW)).count(case.incident.title) == 1


def test_times_are_those_of_the_organisations_clock() -> None:
    assert there(NOW, NOW, "Asia/Shanghai") == "Tue 24 Nov 17:00"


def test_another_year_is_named() -> None:
    assert there(datetime(2027, 1, 5, 9, 0, tzinfo=UTC), NOW, "UTC") == "Tue 5 Jan 2027 09:00"


@pytest.mark.parametrize(("zone", "told"), [("Asia/Shanghai", True), ("UTC", False)])
def test_a_legal_deadline_is_told_in_utc_too(zone: str, told: bool) -> None:
    organisation = an_incident().organisation.model_copy(update={"timezone": zone})
    incident = an_incident().model_copy(update={"organisation": organisation})
    case = a_case(incident=incident, assessment=an_assessment(duties=(a_duty(),)))
    text = "\n".join(in_tables(timeline(case, NOW), table).values())
    assert ("2026-11-26 10:00 UTC" in text) is told
