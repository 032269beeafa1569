"""Results are taken in by file, all rows or none, or one by one; each mistake is named with its place."""

from pathlib import Path

import pytest
from xlsxwriter import Workbook

from amends.domain.feedback.question import QuestionKind
from amends.ledger.tables.commitment import CommitmentRow
from tests.builders import an_asked
from tests.cli.conftest import INCIDENT, Office, write_draft

CHECK = "account-recheck"
"""The promise of the shipped story that is kept person by person; two of three people were told of it."""
KIM, LI = 2, 3
WHY = ("--why", "two accounts were mixed up")
GOOD = "person_id,result,reason\nC-1,clean,\nC-2,,no-account\n"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    path = tmp_path / "results.csv"
    path.write_text(GOOD, encoding="utf-8")
    return path


def brought(office: Office, file: Path, *more: str) -> tuple[int, str]:
    said = office.amends("remedies", "import", INCIDENT, CHECK, file, *more, by="lena")
    return said.exit_code, said.stdout


def outcomes(office: Office) -> dict[int, tuple[str, str]]:
    return {one["person"]: (one["state"], one["word"]) for one in office.values("remedies", "list", INCIDENT, CHECK)}


def test_who_was_told_waits_at_first(sent: Office) -> None:
    assert outcomes(sent) == {KIM: ("open", ""), LI: ("open", "")}
    (line,) = sent.values("remedies", "open", INCIDENT)
    assert (line["commitment"], line["open"], line["by_state"]) == (CHECK, 2, {"open": 2})


def test_a_file_of_results_is_taken_in_once(sent: Office, results: Path) -> None:
    assert brought(sent, results) == (0, "2 rows: 2 new, 0 as before\n")
    assert brought(sent, results) == (0, "2 rows: 0 new, 2 as before\n")
    assert outcomes(sent) == {KIM: ("done", "clean"), LI: ("not_possible", "no-account")}


def test_a_spreadsheet_with_other_headings_is_taken_in(sent: Office, tmp_path: Path) -> None:
    path = tmp_path / "crm.xlsx"
    with Workbook(path) as book:
        sheet = book.add_worksheet()
        for row, cells in enumerate((("Kunde", "Befund"), ("C-1", "clean"), ("C-2", "changed"))):
            sheet.write_row(row, 0, cells)
    code, said = brought(sent, path, "--column", "person_id=Kunde", "--column", "result=Befund")
    assert (code, said) == (0, "2 rows: 2 new, 0 as before\n")


BAD = """person_id,state,result,reason
C-1,,clean,
C-1,,clean,
,,clean,
C-2,,spotless,
C-9,,clean,
C-3,,clean,
"""


def test_each_wrong_row_is_named_and_nothing_stored(sent: Office, results: Path) -> None:
    results.write_text(BAD, encoding="utf-8")
    code, said = brought(sent, results)
    assert code == 3
    assert said.splitlines() == [
        f"{results}:3:1: the same person stands in row 2 already",
        f"{results}:4:1: it names no person",
        f"{results}:5:3: the result is none of changed, clean, reversed",
        f"{results}:6:1: nobody in the list has this id",
        "nothing is stored: 4 of 6 rows cannot be recorded",
    ]
    assert outcomes(sent) == {KIM: ("open", ""), LI: ("open", "")}


def test_a_row_of_somebody_who_was_not_told_is_named(sent: Office, results: Path) -> None:
    results.write_text("person_id,result\nC-1,clean\nC-3,clean\n", encoding="utf-8")
    code, said = brought(sent, results)
    assert (code, said.splitlines()[0]) == (3, f"{results}:3:1: nobody has told this person of the promise")
    assert outcomes(sent)[KIM] == ("open", "")


def test_a_file_without_the_column_is_refused(sent: Office, results: Path) -> None:
    results.write_text("customer,result\nC-1,clean\n", encoding="utf-8")
    said = sent.amends("remedies", "import", INCIDENT, CHECK, results, by="lena")
    assert said.exit_code == 3
    assert f"{results}:1:1" in said.stdout


def test_a_result_is_said_for_one_person(sent: Office) -> None:
    done = sent.amends("remedies", "done", INCIDENT, CHECK, KIM, "--under-way", by="lena")
    assert (done.exit_code, done.stdout) == (0, f"account-recheck, person {KIM}: under way\n")
    sent.values("remedies", "done", INCIDENT, CHECK, KIM, "--result", "reversed", by="lena")
    sent.values("remedies", "done", INCIDENT, CHECK, LI, "--declined", by="lena")
    assert outcomes(sent) == {KIM: ("done", "reversed"), LI: ("declined", "declined")}
    assert sent.values("remedies", "list", INCIDENT, CHECK, "--open") == []


@pytest.mark.parametrize("options", [(), ("--declined", "--under-way"), ("--result", "clean", "--declined")])
def test_one_thing_is_said_at_a_time(sent: Office, options: tuple[str, ...]) -> None:
    assert sent.amends("remedies", "done", INCIDENT, CHECK, KIM, *options, by="lena").exit_code == 2


@pytest.mark.parametrize("named", [("C-1",), (KIM,), ("--number", KIM)])
def test_a_person_is_named_by_reference_or_number(sent: Office, named: tuple[object, ...]) -> None:
    said = sent.values("remedies", "done", INCIDENT, CHECK, *named, "--result", "clean", by="lena")
    assert said["person"] == KIM


def test_a_result_that_was_told_is_corrected(sent: Office, results: Path) -> None:
    brought(sent, results)
    untold = sent.amends("remedies", "correct", INCIDENT, CHECK, "C-1", "--result", "changed", *WHY, by="lena")
    assert (untold.exit_code, "no message has told them a result yet" in untold.stderr) == (1, True)
    tell_kept(sent)
    refused = sent.amends("remedies", "done", INCIDENT, CHECK, "C-1", "--result", "changed", by="lena")
    assert (refused.exit_code, "`amends remedies correct` says what is right" in refused.stderr) == (1, True)
    correct = ("remedies", "correct", INCIDENT, CHECK, "C-1", "--result", "changed", *WHY)
    done = sent.amends(*correct, by="lena")
    assert done.stdout == f"{CHECK}, person {KIM}: done (clean) was wrong, done (changed) is right\n"
    assert f"result-corrected-{CHECK}-1 tells them once it is approved" in done.stderr
    assert outcomes(sent)[KIM] == ("done", "changed")
    assert sent.amends(*correct, by="lena").stdout == f"{CHECK}, person {KIM}: as before\n"


@pytest.mark.parametrize("right", [(), ("--result", "clean", "--reason", "no-account"), ("--result", "spotless")])
def test_a_correction_says_one_thing(sent: Office, right: tuple[str, ...]) -> None:
    said = sent.amends("remedies", "correct", INCIDENT, CHECK, "C-1", *right, *WHY, by="lena")
    assert said.exit_code == 2


def tell_kept(office: Office) -> None:
    """The promise is kept, and everybody who waited for their result has the notice that says so."""
    office.amends("commitments", "keep", INCIDENT, CHECK, "--evidence", "Report 7", by="lena")
    office.amends("commitments", "review", INCIDENT, CHECK, by="omar")
    ledger = office.ledger()
    write_draft(ledger, "promises")
    ledger.dispose()
    kept = f"promise-kept-{CHECK}-1"
    assert office.amends("approve", INCIDENT, kept, "--people", 2, by="omar").exit_code == 0
    assert office.amends("deliver", INCIDENT, kept).exit_code == 0


@pytest.mark.parametrize(
    ("person", "options", "code", "why"),
    [
        (KIM, ("--result", "spotless"), 2, "the result is none of changed, clean, reversed"),
        (4, ("--result", "clean"), 1, "person 4: nobody has told this person of the promise"),
    ],
)
def test_a_wrong_result_is_refused(sent: Office, person: int, options: tuple[str, ...], code: int, why: str) -> None:
    said = sent.amends("remedies", "done", INCIDENT, CHECK, person, *options, by="lena")
    assert said.exit_code == code
    assert why in " ".join(said.stderr.replace("│", " ").split())


def test_a_promise_for_all_at_once_is_refused(sent: Office) -> None:
    said = sent.amends("remedies", "list", INCIDENT, "number-protection")
    assert said.exit_code == 1
    assert "is kept for all at once" in said.stderr


def test_the_promise_stays_open_while_somebody_waits(sent: Office, results: Path) -> None:
    keep = ("commitments", "keep", INCIDENT, CHECK, "--evidence", "Report 7")
    said = sent.amends(*keep, by="lena")
    assert said.exit_code == 1
    assert f"amends remedies import {INCIDENT} {CHECK} FILE" in said.stderr
    sent.amends("remedies", "open", INCIDENT)
    assert "open; 2 open" in sent.amends("commitments", "list", INCIDENT).stdout
    brought(sent, results)
    assert sent.amends(*keep, by="lena").exit_code == 0
    assert sent.amends("commitments", "review", INCIDENT, CHECK, by="omar").exit_code == 0
    assert "kept; 1 done, 1 not possible" in sent.amends("commitments", "list", INCIDENT).stdout


def test_the_timeline_and_the_report_say_how_many_wait(sent: Office, tmp_path: Path) -> None:
    sent.amends("remedies", "open", INCIDENT)
    assert "2 people have no result of account-recheck yet" in sent.amends("timeline", INCIDENT).stdout
    page = tmp_path / "report.html"
    assert sent.amends("report", INCIDENT, "--out", page).exit_code == 0
    assert "per person: 2 open" in page.read_text(encoding="utf-8")


def test_a_complaint_leads_to_a_remedy_for_its_person(sent: Office, tmp_path: Path) -> None:
    """A complaint's own promise is kept person by person too: the one person who complained, and nobody else."""
    ledger = sent.ledger()
    asked = an_asked("Somebody used my account.", person=LI, kind=QuestionKind.COMPLAINT)
    number = ledger.questions.ask(INCIDENT, asked, asked.at)
    file = tmp_path / "look.yaml"
    file.write_text(f"commitments:\n  - {{use: account-recheck, id: look-again, due: 9d, complaint: {number}}}\n")
    (added,) = sent.values("commitments", "add", INCIDENT, file, by="lena")
    assert (added["audience"], "clean" in added["per_person"]["results"]) == ("persons:look-again", True)
    assert ledger.notices.audience(INCIDENT, "persons:look-again").people == 1
    with ledger.store.read() as session:
        row = session.get(CommitmentRow, (INCIDENT, "look-again"))
        assert row
        assert row.per_person
    ledger.dispose()


def test_results_outside_of_the_declared_are_refused(sent: Office, tmp_path: Path) -> None:
    file = tmp_path / "more.yaml"
    file.write_text(
        "commitments:\n  - id: doors\n    kind: other\n    owner: Facilities\n    due: 9d\n"
        "    promise: {en: We look at your door., zh-CN: 我们检查您的门。}\n"
        "    per_person: {results: {sound: {en: It is sound.}}}\n",
        encoding="utf-8",
    )
    said = sent.amends("commitments", "add", INCIDENT, file, by="lena")
    assert said.exit_code == 3
    assert "the result sound says nothing for zh-CN" in said.stderr + said.stdout
