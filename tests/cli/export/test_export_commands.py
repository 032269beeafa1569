"""What leaves for other programs: figures that are the report's, valid by their schemas, and of nobody."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from amends.cli.export.case_json import case_file_schema
from amends.cli.incident.report import source_of
from amends.cli.playbook.schema import printed
from amends.domain.export.case_file import CaseFile
from amends.domain.export.report import report_document
from tests.builders import NOW, an_asked
from tests.cli.conftest import INCIDENT, NOTICE, PLAYBOOK, TEAM, Office, approve

TOP = Path(__file__).parents[3]
SAID = "My name is Canary Quillfeather and my number is 0170 5550123"
CANARIES = ("Kim Example", "李雷", "mail.example", "lilei", "+4930", "4930555", "138001", "Quillfeather", "5550123")


@pytest.fixture
def told(office: Office) -> Office:
    """Everybody has the first notice; one person asked, and named themselves in what they asked."""
    approve(office, "omar", "wei")
    office.amends("deliver", INCIDENT, NOTICE)
    ledger = office.ledger()
    ledger.questions.ask(INCIDENT, an_asked(SAID, person=2), NOW)
    ledger.questions.answer(INCIDENT, 1, f"Dear Ms Quillfeather, {SAID}", "lena", NOW)
    ledger.dispose()
    return office


def exported(office: Office, kind: str, path: Path) -> Any:
    answer = office.amends("export", kind, INCIDENT, "--out", path)
    assert answer.exit_code == 0, answer.output
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_case_is_valid_by_its_schema(told: Office, tmp_path: Path) -> None:
    document = exported(told, "case", tmp_path / "case.json")
    assert list(Draft202012Validator(case_file_schema()).iter_errors(document)) == []
    assert (document["format"], document["format_version"]) == ("amends-case", 1)
    assert [*Draft202012Validator(case_file_schema()).iter_errors({**document, "people": None})]


def test_a_case_can_be_read_again(told: Office, tmp_path: Path) -> None:
    exported(told, "case", tmp_path / "case.json")
    text = (tmp_path / "case.json").read_text(encoding="utf-8")
    assert CaseFile.model_validate_json(text).people.people == 3
    assert text == json.dumps(json.loads(text), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def test_the_numbers_of_a_case_are_those_of_its_report(told: Office, tmp_path: Path) -> None:
    document = exported(told, "case", tmp_path / "case.json")
    ledger = told.ledger()
    source = source_of(ledger, INCIDENT, CaseFile.model_validate(document).written_at)
    ledger.dispose()
    tables = {table.title: table for section in report_document(source).sections for table in section.tables}
    (notice,) = document["notices"]
    by_column = dict(
        zip((column.title for column in tables["Notices"].columns), tables["Notices"].rows[0], strict=True)
    )
    assert {state: by_column[state] for state in notice["people"]} == notice["people"]
    assert by_column["all"] == notice["in_all"] == 3
    assert [row[-1] for row in tables["Reach over time"].rows] == [one["in_all"] for one in document["reach_by_day"]]
    assert [row[1:] for row in tables["Questions over time"].rows] == [
        (one["asked"], one["answered"], one["open"]) for one in document["questions_by_day"]
    ]
    assert len(tables["Promises"].rows) == len(document["promises"])
    reached = notice["people"]["sent"] + notice["people"]["delivered"]
    assert document["reach_by_day"][-1]["in_all"] == reached > 0


@pytest.mark.parametrize("kind", ["case", "veris"])
def test_no_export_names_anybody(told: Office, tmp_path: Path, kind: str) -> None:
    exported(told, kind, tmp_path / "out.json")
    text = (tmp_path / "out.json").read_text(encoding="utf-8")
    assert [name for name in (*CANARIES, *(f'"{member}"' for member in TEAM)) if name in text] == []


@pytest.mark.parametrize("form", ["html", "md", "xlsx"])
def test_no_report_names_anybody(told: Office, tmp_path: Path, form: str) -> None:
    path = tmp_path / f"out.{form}"
    assert told.amends("report", INCIDENT, "--out", path).exit_code == 0
    text = contents(path)
    assert "first-notice" in text
    assert [name for name in CANARIES if name in text or name.replace("+", "\\+") in text] == []


def contents(path: Path) -> str:
    if path.suffix != ".xlsx":
        return path.read_text(encoding="utf-8")
    import zipfile

    with zipfile.ZipFile(path) as parts:
        return "".join(parts.read(name).decode() for name in parts.namelist())


def test_notes_of_the_team_and_names_of_members_stay_here(told: Office, tmp_path: Path) -> None:
    ledger = told.ledger()
    incident = ledger.cases.read(INCIDENT).incident
    noted = incident.facts.cause.model_copy(update={"note": "Ken Canary says so"})
    facts = incident.facts.model_copy(update={"cause": noted})
    ledger.incidents.amend(incident.model_copy(update={"facts": facts}), "lena", NOW)
    ledger.dispose()
    document = exported(told, "case", tmp_path / "case.json")
    assert document["facts"]["cause"]["value"] == str(incident.facts.cause.value)
    assert "Canary" not in json.dumps(document)


def test_the_printed_schema_is_the_one_in_the_docs() -> None:
    assert (TOP / "docs" / "export.schema.json").read_text(encoding="utf-8") == f"{printed('case')}\n"


def test_a_record_of_veris_becomes_an_incident_file_again(told: Office, tmp_path: Path) -> None:
    exported(told, "veris", tmp_path / "veris.json")
    made = told.amends("incident", "import", "--veris", tmp_path / "veris.json", "--out", tmp_path / "again.yaml")
    assert made.exit_code in (0, 3), made.output
    assert f"id: {INCIDENT}" in (tmp_path / "again.yaml").read_text(encoding="utf-8")


def test_a_playbook_leaves_as_cacao_with_the_same_bytes_again(office: Office, tmp_path: Path) -> None:
    times = ("--at", "2026-12-01T10:00", "--created", "2026-11-01T10:00")
    for name in ("one.json", "two.json"):
        answer = office.amends("export", "cacao", PLAYBOOK, *times, "--out", tmp_path / name)
        assert answer.exit_code == 0, answer.output
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    document = json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))
    assert (document["created"], document["modified"]) == ("2026-11-01T10:00:00.000Z", "2026-12-01T10:00:00.000Z")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("cacao", "no-such-playbook"), "no-such-playbook"),
        (("cacao", PLAYBOOK, "--at", "yesterday"), "yesterday"),
        (("cacao", PLAYBOOK, "--at", "2026-12-01T10:00", "--created", "2026-12-02T10:00"), "later than"),
        (("case", "nowhere"), "nowhere"),
        (("veris", "nowhere"), "nowhere"),
    ],
)
def test_what_cannot_be_exported_is_named(office: Office, tmp_path: Path, args: tuple[str, ...], said: str) -> None:
    answer = office.amends("export", *args, "--out", tmp_path / "out.json")
    assert answer.exit_code in (1, 2, 3)
    assert said in answer.output
    assert not (tmp_path / "out.json").exists()
