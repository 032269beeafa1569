"""Incidents are opened whole or not at all, amended with a warning, and closed when nothing speaks against it."""

from pathlib import Path

import pytest

from tests.builders import story_of_few
from tests.cli.conftest import AUDIENCE, AUDIENCE_HEAD, INCIDENT, NOTICE, STORY, Office, approve

FILE = story_of_few()


@pytest.fixture
def audience(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(AUDIENCE, encoding="utf-8")
    return path


def bad_audience(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    good = "".join(f"C-{n},Kim {n},kim{n}@mail.example,,en,DE,\n" for n in range(40))
    path.write_text(f"{AUDIENCE_HEAD}{good}C-99,,nowhere,,en,DE,\n", encoding="utf-8")
    return path


def test_opening_says_how_many_people_there_are(empty: Office, audience: Path) -> None:
    assert empty.values("incident", "open", FILE, "--audience", audience)["people"] == 3


def test_opening_says_when_no_notice_could_lead_to_the_portal(empty: Office, audience: Path) -> None:
    settings = empty.home / "amends.toml"
    settings.write_text(settings.read_text().replace("https://btepai.example", "https://elsewhere.example"))
    answer = empty.amends("incident", "open", FILE, "--audience", audience)
    assert "elsewhere.example, which is none of the own_domains" in answer.stderr


def test_opening_says_when_facts_and_list_disagree_about_the_number(empty: Office, audience: Path) -> None:
    answer = empty.amends("incident", "open", STORY / "incident.yaml", "--audience", audience)
    assert "facts.people and the list disagree: the list has 3." in " ".join(answer.stderr.split())


def test_opening_says_nothing_of_numbers_that_agree(empty: Office, audience: Path) -> None:
    assert "disagree" not in empty.amends("incident", "open", FILE, "--audience", audience).stderr


def test_the_same_incident_is_opened_once(office: Office, audience: Path) -> None:
    again = office.amends("incident", "open", FILE, "--audience", audience, by="lena")
    assert again.exit_code == 1
    assert "open already" in again.stderr


def test_bad_rows_leave_nothing_stored(empty: Office, tmp_path: Path) -> None:
    answer = empty.amends("incident", "open", FILE, "--audience", bad_audience(tmp_path))
    assert (answer.exit_code, empty.values("incident", "list")) == (3, [])


def test_the_findings_about_bad_rows_hold_nothing_of_the_row(empty: Office, tmp_path: Path) -> None:
    answer = empty.amends("incident", "open", FILE, "--audience", bad_audience(tmp_path))
    assert "people.csv:42:" in answer.stdout
    assert "nowhere" not in answer.output


def test_bad_rows_can_be_left_out(empty: Office, tmp_path: Path) -> None:
    opened = empty.values("incident", "open", FILE, "--audience", bad_audience(tmp_path), "--allow-bad-rows")
    assert (opened["people"], len(opened["audience"]["rejected"])) == (40, 1)


def test_a_file_that_breaks_off_leaves_nothing_stored(empty: Office, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(AUDIENCE.encode() + b'C-4,"Eve')
    answer = empty.amends("incident", "open", FILE, "--audience", path)
    assert (answer.exit_code, empty.values("incident", "list")) == (3, [])


def test_a_wrong_incident_file_leaves_nothing_stored(empty: Office, audience: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "incident.yaml"
    wrong.write_text(FILE.read_text(encoding="utf-8").replace("vector: stolen_device", "vector: teleported"))
    answer = empty.amends("incident", "open", wrong, "--audience", audience)
    assert (answer.exit_code, empty.values("incident", "list")) == (3, [])


def test_once_there_is_a_team_somebody_of_it_opens_incidents(empty: Office, audience: Path) -> None:
    empty.values("team", "add", "lena", "--role", "lead")
    answer = empty.amends("incident", "open", FILE, "--audience", audience)
    assert answer.exit_code == 1
    assert "--as NAME" in answer.stderr


def test_a_wrong_token_opens_nothing(office: Office, audience: Path) -> None:
    office.tokens = {"lena": "guessed"}
    answer = office.amends("incident", "open", FILE, "--audience", audience, by="lena")
    assert answer.exit_code == 1
    assert "does not belong" in answer.stderr


def amended(tmp_path: Path) -> Path:
    path = tmp_path / "amended.yaml"
    path.write_text(FILE.read_text(encoding="utf-8").replace("restore_hours: 3", "restore_hours: 4"), encoding="utf-8")
    return path


def test_amending_says_whose_approvals_became_void(office: Office, tmp_path: Path) -> None:
    approve(office, "omar")
    answer = office.values("incident", "amend", amended(tmp_path), by="lena")
    assert answer == {"incident": INCIDENT, "version": 2, "void": {NOTICE: ["omar"]}}


def test_amending_with_the_same_content_changes_nothing(office: Office) -> None:
    approve(office, "omar")
    assert office.values("incident", "amend", FILE, by="lena") == {"incident": INCIDENT, "version": 1, "void": []}


def test_show_says_what_waits_for_approval(office: Office) -> None:
    shown = office.values("incident", "show", INCIDENT)
    assert shown["plan"]["awaiting_approval"] == [NOTICE]


def test_the_timeline_names_who_did_what(office: Office) -> None:
    entries = office.values("incident", "timeline", INCIDENT)["entries"]
    assert ("lena", "opened") in {(entry["actor"], entry["act"]) for entry in entries}


def test_the_timeline_ends_with_what_comes(office: Office) -> None:
    assert "planned" in office.amends("incident", "timeline", INCIDENT).stdout


def test_nothing_is_shown_of_an_incident_that_is_not_there(office: Office) -> None:
    answer = office.amends("incident", "show", "another")
    assert (answer.exit_code, answer.stdout) == (1, "")


def test_a_paused_incident_sends_nothing(office: Office) -> None:
    approve(office, "omar", "wei")
    office.values("incident", "pause", INCIDENT, by="lena")
    answer = office.amends("deliver", INCIDENT, NOTICE)
    assert answer.exit_code == 1
    assert "paused" in answer.stderr


def test_a_resumed_incident_sends_again(office: Office) -> None:
    approve(office, "omar", "wei")
    office.values("incident", "pause", INCIDENT, by="lena")
    office.values("incident", "resume", INCIDENT, by="lena")
    assert office.amends("deliver", INCIDENT, NOTICE).exit_code == 0


def test_an_auditor_changes_nothing(office: Office) -> None:
    answer = office.amends("incident", "pause", INCIDENT, by="aude")
    assert answer.exit_code == 1
    assert "auditor" in answer.stderr


def test_closing_lists_what_speaks_against_it(office: Office) -> None:
    answer = office.amends("incident", "close", INCIDENT, by="lena")
    assert answer.exit_code == 3
    assert "nobody has been told yet" in answer.stdout


VCDB = Path(__file__).parents[2] / "data" / "vcdb" / "records.jsonl"


def test_an_imported_record_can_be_checked_and_assessed(empty: Office, tmp_path: Path) -> None:
    made = tmp_path / "made.yaml"
    imported = empty.values("incident", "import", "--veris", VCDB, "--record", 2, "--out", made)
    checked = empty.values("incident", "check", made)
    assert imported["incident"] == checked["incident"] == "04c9c2b0-eaae-11e7-92b6-dfe49f9d7042"
    assert empty.values("assess", made)["severity"]["band"]


def test_an_import_says_what_a_person_must_write(empty: Office, tmp_path: Path) -> None:
    imported = empty.values("incident", "import", "--veris", VCDB, "--record", 2, "--out", tmp_path / "made.yaml")
    assert {"organisation.contacts.email", "texts.en.what_happened"} <= set(imported["todo"])


def test_without_a_file_an_import_is_printed(empty: Office, tmp_path: Path) -> None:
    printed = empty.amends("incident", "import", "--veris", VCDB, "--record", 2).stdout
    empty.values("incident", "import", "--veris", VCDB, "--record", 2, "--out", tmp_path / "made.yaml")
    assert printed == (tmp_path / "made.yaml").read_text(encoding="utf-8")


def test_an_import_overwrites_nothing(empty: Office, tmp_path: Path) -> None:
    made = tmp_path / "made.yaml"
    made.write_text("mine", encoding="utf-8")
    answer = empty.amends("incident", "import", "--veris", VCDB, "--record", 2, "--out", made)
    assert (answer.exit_code, made.read_text(encoding="utf-8")) == (1, "mine")
    assert "is there already" in answer.stderr


def test_of_several_records_one_must_be_chosen_to_import(empty: Office, tmp_path: Path) -> None:
    made = tmp_path / "made.yaml"
    answer = empty.amends("incident", "import", "--veris", VCDB, "--out", made)
    assert (answer.exit_code, made.exists()) == (3, False)
    assert "300 records" in answer.stdout


def test_a_bad_record_leaves_no_file(empty: Office, tmp_path: Path) -> None:
    record, made = tmp_path / "record.json", tmp_path / "made.yaml"
    record.write_text('{"incident_id": "A-1", "action": {"hacking": {"variety": ["SQLl"]}}, "attribute": {}}')
    answer = empty.amends("incident", "import", "--veris", record, "--out", made)
    assert (answer.exit_code, made.exists()) == (3, False)
    assert "Did you mean 'SQLi'?" in answer.stdout
