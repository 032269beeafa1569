"""Playbooks are listed, checked and tried out without a ledger; incidents are assessed from their file."""

import json
from pathlib import Path

import jsonschema
import pytest

from amends.content.file.document import read_document
from tests.cli.conftest import INCIDENT, PLAYBOOK, STORY, Office


@pytest.fixture
def nowhere(tmp_path: Path) -> Office:
    """An office without a home."""
    return Office(tmp_path / "none")


def test_the_shipped_playbooks_are_listed(nowhere: Office) -> None:
    assert PLAYBOOK in [playbook["id"] for playbook in nowhere.values("playbook", "list")]


def test_a_playbook_can_be_read_as_text(nowhere: Office) -> None:
    shown = nowhere.amends("playbook", "show", PLAYBOOK).stdout
    assert "first-notice (notify), right after assessed" in shown


def test_a_good_playbook_is_valid(nowhere: Office) -> None:
    assert nowhere.amends("playbook", "validate", PLAYBOOK).exit_code == 0


def test_a_misspelt_key_is_found_with_its_place(nowhere: Office, tmp_path: Path) -> None:
    from amends.content.file.shipped import library

    path = tmp_path / "own.yaml"
    path.write_text((library() / f"{PLAYBOOK}.yaml").read_text(encoding="utf-8").replace("phase:", "phse:", 1))
    answer = nowhere.amends("playbook", "validate", path)
    assert answer.exit_code == 3
    assert f"{path}:" in answer.stdout


def test_an_unknown_playbook_is_a_finding(nowhere: Office) -> None:
    assert nowhere.amends("playbook", "show", "no-such-playbook").exit_code == 3


def test_a_plan_begins_with_the_assessment(nowhere: Office) -> None:
    plan = nowhere.values("playbook", "plan", PLAYBOOK, "--incident", STORY / "incident.yaml")
    assert [turn["step"] for turn in plan["occurrences"]][:2] == ["assess", "first-notice"]


def test_a_plan_is_in_order_of_time(nowhere: Office) -> None:
    plan = nowhere.values("playbook", "plan", PLAYBOOK, "--incident", STORY / "incident.yaml")
    times = [turn["due_at"] for turn in plan["occurrences"]]
    assert times == sorted(times)


def test_a_plan_looks_as_far_ahead_as_asked(nowhere: Office) -> None:
    words = ("playbook", "plan", PLAYBOOK, "--incident", STORY / "incident.yaml", "--days")
    near, far = nowhere.values(*words, 3), nowhere.values(*words, 20)
    assert len(near["occurrences"]) < len(far["occurrences"])


def test_a_plan_names_the_steps_that_wait_for_what_has_no_date(nowhere: Office) -> None:
    plan = nowhere.values("playbook", "plan", PLAYBOOK, "--incident", STORY / "incident.yaml")
    assert [step["step"] for step in plan["later"]] == ["correction", "not-affected", "closing", "review"]


def test_a_plan_for_a_case_of_the_ledger_goes_on_where_it_stands(office: Office) -> None:
    """A plan for an incident that is in the ledger goes on from where the incident stands."""
    assert office.values("playbook", "plan", "customer-data-theft", INCIDENT)["occurrences"]


def test_a_plan_stores_nothing(office: Office) -> None:
    before = office.values("incident", "timeline", INCIDENT)["entries"]
    office.values("playbook", "plan", PLAYBOOK, INCIDENT)
    assert office.values("incident", "timeline", INCIDENT)["entries"] == before


def test_a_plan_for_nothing_is_a_usage_error(nowhere: Office) -> None:
    assert nowhere.amends("playbook", "plan", PLAYBOOK).exit_code == 2


def test_running_a_playbook_again_pins_the_same_content(office: Office) -> None:
    first = office.values("run", INCIDENT, "--playbook", PLAYBOOK, by="lena")["content"]
    assert office.values("incident", "show", INCIDENT)["case"]["pinned"] == first


def test_running_says_that_prefect_is_not_there(office: Office) -> None:
    assert "amends up" in office.amends("run", INCIDENT, "--playbook", PLAYBOOK, by="lena").stderr


def test_running_again_does_not_say_that_the_first_step_begins(office: Office) -> None:
    """When a playbook runs already, the command run succeeds and does not say that the first step begins."""
    again = office.amends("run", INCIDENT, "--playbook", PLAYBOOK, by="lena")
    assert (again.exit_code, "first step begins" in again.stderr) == (0, False)


def test_an_assessment_needs_no_ledger(nowhere: Office) -> None:
    assessed = nowhere.values("assess", STORY / "incident.yaml")
    assert assessed["severity"]["band"] in ("low", "medium", "high", "very_high")


def test_an_audience_file_sharpens_the_assessment(nowhere: Office) -> None:
    assessed = nowhere.values("assess", STORY / "incident.yaml", "--audience", STORY / "audience.csv")
    assert {"DE", "US-WA", "CN"} <= {place for duty in assessed["duties"] for place in duty["places"]}


@pytest.mark.parametrize(
    ("kind", "file"), [("incident", STORY / "incident.yaml"), ("playbook", STORY.parents[1] / f"{PLAYBOOK}.yaml")]
)
def test_the_shipped_files_fit_the_schema(nowhere: Office, kind: str, file: Path) -> None:
    jsonschema.validate(read_document(file).content, nowhere.values("schema", kind))


def test_the_schema_finds_a_misspelt_key(nowhere: Office) -> None:
    content = read_document(STORY / "incident.yaml").content
    content["facts"]["vectr"] = "ransomware"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, nowhere.values("schema", "incident"))


def test_the_schema_of_playbooks_stands_by_the_playbooks_too(nowhere: Office) -> None:
    assert json.loads(nowhere.amends("playbook", "schema").stdout) == nowhere.values("schema", "playbook")
