"""An audience file is read to its end, and every row is accounted for."""

import json
from pathlib import Path

from tests.cli.conftest import AUDIENCE, AUDIENCE_HEAD, INCIDENT, STORY, Office

KEYS = ["rows", "accepted", "set_aside", "rejected", "warnings", "refused"]


def check(tmp_path: Path, content: bytes, *options: object) -> tuple[int, dict[str, object]]:
    path = tmp_path / "people.csv"
    path.write_bytes(content)
    answer = Office(tmp_path).amends("audience", "check", path, *options, "--json")
    return answer.exit_code, json.loads(answer.stdout)


def test_a_good_file_has_nothing_rejected(tmp_path: Path) -> None:
    code, report = check(tmp_path, AUDIENCE.encode())
    assert (code, report["rows"], report["accepted"], report["refused"]) == (0, 3, 3, None)


def test_the_report_has_exactly_these_keys(tmp_path: Path) -> None:
    assert list(check(tmp_path, AUDIENCE.encode())[1]) == KEYS


def test_a_rejected_row_is_named_with_column_code_and_reason(tmp_path: Path) -> None:
    rows = AUDIENCE * 1 + "".join(f"D-{n},Kim,kim{n}@mail.example,,en,DE,\n" for n in range(40))
    code, report = check(tmp_path, (rows + "C-9,Ada,ada@mail.example,,en,Germany,\n").encode())
    (rejected,) = report["rejected"]  # type: ignore[misc]
    assert (code, rejected["row"], rejected["column"]) == (3, 45, "country")
    assert set(rejected) == {"row", "column", "code", "reason"}


def test_a_file_with_too_many_bad_rows_is_refused(tmp_path: Path) -> None:
    code, report = check(tmp_path, (AUDIENCE_HEAD + "C-1,Ada,ada@mail.example,,en,Germany,\n").encode())
    assert (code, bool(report["refused"])) == (3, True)


def test_more_bad_rows_can_be_borne(tmp_path: Path) -> None:
    content = (AUDIENCE + "C-9,Ada,ada@mail.example,,en,Germany,\n").encode()
    assert check(tmp_path, content, "--max-bad-share", "0.5")[1]["refused"] is None


def test_another_encoding_can_be_named(tmp_path: Path) -> None:
    code, report = check(tmp_path, AUDIENCE.encode("gb18030"), "--encoding", "gb18030")
    assert (code, report["accepted"]) == (0, 3)


def test_of_a_file_that_cannot_be_read_no_rows_are_counted(tmp_path: Path) -> None:
    answer = Office(tmp_path).amends("audience", "check", tmp_path / "none.csv")
    assert (answer.exit_code, answer.stdout.count("\n"), "cannot be read" in answer.stdout) == (3, 1, True)


def test_the_text_says_how_the_rows_add_up(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(AUDIENCE, encoding="utf-8")
    answer = Office(tmp_path).amends("audience", "check", path)
    assert "3 rows: 3 accepted, 0 rejected" in answer.stdout


def test_stats_count_the_people_of_an_incident(office: Office) -> None:
    stats = office.values("audience", "stats", INCIDENT)
    assert (stats["people"], stats["by_place"], stats["with_email"]) == (3, {"CN": 1, "DE": 2}, 2)


def test_stats_count_who_consented_to_email(office: Office, tmp_path: Path) -> None:
    head, *rows = AUDIENCE.splitlines()
    path = tmp_path / "people.csv"
    path.write_text("\n".join((f"{head},consents_to_email", f"{rows[0]},2025-03-31", *(f"{row}," for row in rows[1:]))))
    office.amends("audience", "correct", INCIDENT, path, "--changed-are-right", "1", by="lena")
    assert "1 of 3 consented to email notice" in office.amends("audience", "stats", INCIDENT).stdout


def with_bad_rows(tmp_path: Path, good: int, bad: int) -> Path:
    """As it comes out of a shop: of so many people the country is no code."""
    path = tmp_path / "people of ours.csv"
    rows = [f"C-{number},Kim,kim{number}@mail.example,,en,DE,\n" for number in range(good)]
    rows += [f"B-{number},Ada,ada{number}@mail.example,,en,Germany,\n" for number in range(bad)]
    path.write_text(AUDIENCE_HEAD + "".join(rows), encoding="utf-8")
    return path


def test_a_refused_file_names_its_first_bad_rows_and_how_to_see_all(empty: Office, tmp_path: Path) -> None:
    path = with_bad_rows(tmp_path, good=1, bad=15)
    answer = empty.amends("incident", "open", STORY / "incident.yaml", "--audience", path)
    lines = answer.stdout.splitlines()
    assert (answer.exit_code, len(lines)) == (3, 11)
    assert lines[0].startswith(f"{path}:3:country country a country is two capital letters")
    assert "15 of 16 rows are bad, more than 5%" in lines[-1]
    assert f"`amends audience check '{path}'` lists all of them" in lines[-1]
    assert "Germany" not in answer.output


def test_a_few_bad_rows_are_named_with_how_to_see_all(empty: Office, tmp_path: Path) -> None:
    path = with_bad_rows(tmp_path, good=60, bad=1)
    answer = empty.amends("incident", "open", STORY / "incident.yaml", "--audience", path)
    lines = answer.stdout.splitlines()
    assert (answer.exit_code, len(lines)) == (3, 2)
    assert lines[0].startswith(f"{path}:62:country")
    assert "amends audience check" in lines[1]


def test_a_corrected_list_that_is_refused_names_its_bad_rows(office: Office, tmp_path: Path) -> None:
    path = with_bad_rows(tmp_path, good=1, bad=1)
    answer = office.amends("audience", "correct", INCIDENT, path, "--check")
    assert answer.exit_code == 3
    assert answer.stdout.startswith(f"{path}:3:country")


def test_a_column_that_may_name_the_dead_is_asked_about(empty: Office, tmp_path: Path) -> None:
    """The question stores nothing; with an answer for each such column the incident opens."""
    path = tmp_path / "people.csv"
    path.write_text(AUDIENCE_HEAD.replace("\n", ",status\n") + "C-1,Ada,ada@mail.example,,en,DE,,active\n", "utf-8")
    arguments = ("incident", "open", STORY / "incident.yaml", "--audience", path)
    asked = empty.amends(*arguments)
    assert (asked.exit_code, "does the column 'status' say who has died?" in asked.stdout) == (3, True)
    assert "--leave-out status" in asked.stdout
    assert "is open with 1 people" in empty.amends(*arguments, "--leave-out", "status").stdout


def test_a_shared_mailbox_is_a_hint_with_the_count(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    rows = (f"C-{number},Kim {name},kim@mail.example,,en,DE,\n" for number, name in enumerate(("A", "B", "C")))
    path.write_text(AUDIENCE_HEAD + "".join(rows), encoding="utf-8")
    answer = Office(tmp_path).amends("audience", "check", path)
    assert "2 rows have the mailbox of a row above" in answer.output


def test_an_address_set_aside_is_said_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(AUDIENCE_HEAD + "C-1,Kim,kim@mail.example,+499001123456,en,DE,\n", encoding="utf-8")
    answer = Office(tmp_path).amends("audience", "check", path)
    assert f"{path}:2:phone premium_number" in answer.stdout
    assert "1 row: 1 accepted (1 without an address that was set aside), 0 rejected" in answer.stdout
