"""A hotline's own spreadsheet, and the form of the desk."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from tests.cli.conftest import INCIDENT, Office

HEADINGS = ("Ref", "When", "What they said", "Type")
MAP = """columns: {person_id: Ref, asked_at: When, text: What they said, kind: Type}
values: {locale: en}
words: {kind: {Beschwerde: complaint, Frage: question}}
zone: Europe/Berlin
"""
TALK = "Agent: Good morning.\nCaller: Is my card safe?\nAgent: Yes."


def a_workbook(path: Path, *rows: tuple[object, ...]) -> Path:
    with xlsxwriter.Workbook(path) as book:
        sheet, dated = book.add_worksheet(), book.add_format({"num_format": "dd.mm.yyyy hh:mm"})
        for number, row in enumerate((HEADINGS, *rows)):
            for at, cell in enumerate(row):
                if isinstance(cell, datetime):
                    sheet.write_datetime(number, at, cell, dated)
                else:
                    sheet.write(number, at, cell)
    return path


def import_(office: Office, file: Path, *options: object, by: str = "") -> tuple[int, Any]:
    answer = office.amends("questions", "import", INCIDENT, file, *options, "--json", by=by)
    return answer.exit_code, json.loads(answer.stdout)


def asked(office: Office, question: int = 1) -> Any:
    return office.values("questions", "show", INCIDENT, question)


@pytest.fixture
def map_file(tmp_path: Path) -> Path:
    (tmp_path / "map.yaml").write_text(MAP, encoding="utf-8")
    return tmp_path / "map.yaml"


def test_a_workbook_is_taken_in_by_a_map(office: Office, tmp_path: Path, map_file: Path) -> None:
    """A date cell has no zone: the map names it; the same file again adds nothing."""
    row = (
        "C-1",
        datetime(2026, 11, 19, 8, 35),  # noqa: DTZ001 - a cell has no zone
        "Is my card safe?",
        "Beschwerde",
    )
    file = a_workbook(tmp_path / "calls.xlsx", row)
    reports = [import_(office, file, "--map", map_file, by="rosa") for _ in range(2)]
    assert [(code, report["new"], report["rejected"]) for code, report in reports] == [(0, 1, []), (0, 0, [])]
    question = asked(office)
    assert (question["kind"], question["person"], question["text"]) == ("complaint", 2, "Is my card safe?")
    assert question["asked_at"] == "2026-11-19T07:35:00Z"


def test_the_audit_names_who_brought_the_file_in(office: Office, tmp_path: Path, map_file: Path) -> None:
    file = a_workbook(tmp_path / "calls.xlsx", ("", "2026-11-19T08:35:00Z", "Hello?", "Frage"))
    import_(office, file, "--map", map_file, by="rosa")
    ledger = office.ledger()
    assert [entry.actor for entry in ledger.audit.entries(INCIDENT) if entry.act == "asked"] == ["rosa"]
    ledger.dispose()


def test_options_say_what_the_columns_of_a_csv_are(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    file.write_text("When;What they said\n2026-11-19 08:35;Ist das sicher?\n", encoding="cp1252")
    options = ["--column", "asked_at=When", "--column", "text=What they said", "--value", "locale=de"]
    options += ["--value", "person_id=", "--value", "kind=question", "--zone", "Asia/Shanghai"]
    code, report = import_(office, file, *options, "--encoding", "cp1252")
    assert (code, report["new"], asked(office)["asked_at"]) == (0, 1, "2026-11-19T00:35:00Z")


@pytest.mark.parametrize(
    ("row", "place"),
    [
        (("C-1", "yesterday", "Hello?", "Frage"), ":2:2: asked_at is not a time"),
        (("C-1", "2026-03-29 02:30", "Hello?", "Frage"), ":2:2: asked_at is a time that the clocks left out"),
        (("C-1", "2026-11-19 08:35", TALK, "Frage"), ":2:3: it looks like a transcript"),
        (("C-1", "2026-11-19 08:35", "x" * 5000, "Frage"), "note the question instead of the talk"),
        (("C-1", "2026-11-19 08:35", "Hello?", "Rant"), ":2:4: kind is none of"),
    ],
)
def test_a_wrong_cell_is_named_by_row_and_column(
    office: Office, tmp_path: Path, map_file: Path, row: tuple[object, ...], place: str
) -> None:
    file = a_workbook(tmp_path / "calls.xlsx", row)
    answer = office.amends("questions", "import", INCIDENT, file, "--map", map_file)
    assert (answer.exit_code, place in answer.stdout) == (3, True), answer.stdout
    assert office.values("questions", "list", INCIDENT) == []


def test_a_byte_that_is_no_text_is_named_by_its_place(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    file.write_bytes("person_id,kind,locale,asked_at,text\nC-1,question,zh-CN,x,安全".encode() + b"\xff\n")
    code, report = import_(office, file)
    assert (code, report["findings"][0]["where"]) == (3, f"{file}:2:24")


@pytest.mark.parametrize(
    "options",
    [
        ("--column", "words=x"),
        ("--value", "kind"),
        ("--zone", "Mars/Olympus"),
        ("--column", "text=a", "--value", "text=b"),
    ],
)
def test_a_wrong_map_is_a_usage_error(office: Office, tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "calls.csv").write_text("text\nHello\n", encoding="utf-8")
    answer = office.amends("questions", "import", INCIDENT, tmp_path / "calls.csv", *options)
    assert answer.exit_code == 2, answer.output


def test_a_wrong_word_in_a_map_file_is_named(office: Office, tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text("columns: {wrods: Text}\n", encoding="utf-8")
    (tmp_path / "calls.csv").write_text("text\nHello\n", encoding="utf-8")
    code, report = import_(office, tmp_path / "calls.csv", "--map", tmp_path / "map.yaml")
    assert (code, report["findings"][0]["where"]) == (3, f"{tmp_path / 'map.yaml'}:1:11")


def noted(office: Office, *lines: str) -> Any:
    return office.amends("questions", "note", INCIDENT, by="rosa", stdin="\n".join([*lines, ""]))


@pytest.mark.parametrize("who", ["C-1", "KIM@mail.example", "+49 30 555 00001", "example"])
def test_the_desk_finds_a_caller_by(office: Office, who: str) -> None:
    noted(office, who, "", "", "Is my card safe?", "", "")
    question = asked(office)
    assert (question["person"], question["source"], question["locale"], question["answered_at"]) == (
        2,
        "hotline",
        "en",
        None,
    )


def test_who_was_found_at_the_desk_is_a_look(office: Office) -> None:
    noted(office, "Nobody Here", "C-1", "", "", "Is my card safe?", "", "")
    (look,) = office.values("audit", "looked", INCIDENT, by="aude")
    assert (look["by"], look["verb"], look["person"]) == ("rosa", "questions note", 2)


def test_what_was_answered_on_the_phone_is_answered_at_once(office: Office) -> None:
    answer = noted(office, "", "complaint", "zh-CN", "我的卡", "安全吗？", "", "安全。")
    question = asked(office)
    assert (answer.exit_code, question["text"], question["answer"]) == (0, "我的卡\n安全吗？", "安全。")
    assert (question["kind"], question["locale"], question["answered_by"]) == ("complaint", "zh-CN", "rosa")


def test_a_wrong_word_at_the_desk_is_asked_again(office: Office) -> None:
    answer = noted(office, "Nobody Here", "", "rant", "question", "english", "en", "Safe?", "", "")
    assert (answer.exit_code, "nobody of the list" in answer.stderr, asked(office)["person"]) == (0, True, None)


def test_a_transcript_typed_at_the_desk_is_refused(office: Office) -> None:
    answer = noted(office, "", "", "", *TALK.splitlines(), "", "")
    assert (answer.exit_code, "note the question instead" in answer.stdout) == (3, True)


def test_of_several_people_of_one_name_none_is_shown(office: Office) -> None:
    ledger = office.ledger()
    first = ledger.people.get(INCIDENT, 2)
    with ledger.store.write() as write:
        from amends.ledger.people.people import PEOPLE_COLUMNS, insert_people, person_values

        seal = ledger.store.seal(write.session, INCIDENT)
        values = person_values(ledger.store.keys, INCIDENT, seal, first._replace(number=99, ref="C-99"))
        assert len(values) == len(PEOPLE_COLUMNS)
        write.session.connection().exec_driver_sql(insert_people(write.session), values)
    ledger.dispose()
    answer = noted(office, "Example", "C-99", "", "", "Safe?", "", "")
    assert ("several people" in answer.stderr, asked(office)["person"]) == (True, 99)
