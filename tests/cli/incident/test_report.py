"""The report stands alone, adds up, and holds nothing that names a person affected."""

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from amends.cli.export.markdown import _cell as markdown_cell
from amends.cli.incident.report import ReportFormat, source_of, written
from amends.domain.export.report import report_document
from amends.domain.law.duty import Addressee, SetAside
from amends.domain.risk.levels import Risk, Rule
from tests.builders import a_duty, an_assessment
from tests.cli.conftest import INCIDENT, NOTICE, Office, approve


@pytest.fixture
def page(office: Office, tmp_path: Path) -> str:
    approve(office, "omar", "wei")
    office.amends("deliver", INCIDENT, NOTICE)
    out = tmp_path / "report.html"
    answer = office.amends("report", INCIDENT, "--out", out)
    assert answer.exit_code == 0, answer.output
    return out.read_text(encoding="utf-8")


def test_it_holds_no_personal_data(page: str) -> None:
    names = ("Kim Example", "李雷", "mail.example", "+4930", "138001")
    assert [name for name in names if name in page] == []


def test_it_loads_nothing_from_elsewhere(page: str) -> None:
    class Sources(HTMLParser):
        found: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.found += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href")]

    Sources().feed(page)
    assert Sources.found == []
    assert "<script" not in page


def test_its_numbers_add_up_to_everybody(page: str) -> None:
    assert "<strong>3</strong>" in page


def test_it_tells_what_is_known_and_how_surely(page: str) -> None:
    assert "photo (suspected)" in page


def test_it_names_every_promise(page: str) -> None:
    assert page.count('data-head="Stands">open<') == 6
    assert page.count('data-head="Stands">open; per person: ') == 1


def test_it_draws_how_people_stand(page: str) -> None:
    assert "<title>2 sent</title>" in page


def test_it_draws_the_reach_and_the_promises_over_time(page: str) -> None:
    assert "<title>first-notice: 2</title></polyline>" in page
    assert "<title>open: 7</title></polyline>" in page


def test_the_forms_hold_the_same_numbers(office: Office, tmp_path: Path) -> None:
    approve(office, "omar", "wei")
    office.amends("deliver", INCIDENT, NOTICE)
    ledger = office.ledger()
    source = source_of(ledger, INCIDENT, datetime.now(UTC))
    ledger.dispose()
    page, text = (written(source, form).decode() for form in (ReportFormat.HTML, ReportFormat.MARKDOWN))
    book = CalamineWorkbook.from_filelike(BytesIO(written(source, ReportFormat.WORKBOOK)))
    for table in (table for section in report_document(source).sections for table in section.tables):
        sheet = book.get_sheet_by_name(table.title[:31]).to_python()
        assert [len(sheet) - 1, sheet[0]] == [len(table.rows), [one.title for one in table.columns]] or not table.rows
        for row, cells in zip(table.rows, sheet[1:], strict=True):
            numbers = [one for one in row if not isinstance(one, str)]
            assert [cell for cell in cells if not isinstance(cell, str)] == numbers
            assert (
                f"| {' | '.join(markdown_cell(one, column) for one, column in zip(row, table.columns, strict=True))} |"
                in text
            )
            assert table.title in ("Decisions", "Duties") or all(f">{number}<" in page for number in numbers)


def test_the_suffix_of_the_file_chooses_the_form(office: Office, tmp_path: Path) -> None:
    for name, begins in (("r.md", b"# "), ("r.xlsx", b"PK"), ("r.html", b"<!doctype"), ("r.txt", b"<!doctype")):
        assert office.amends("report", INCIDENT, "--out", tmp_path / name).exit_code == 0
        assert (tmp_path / name).read_bytes().startswith(begins)
    assert office.amends("report", INCIDENT, "--format", "md", "--out", tmp_path / "r.html").exit_code == 0
    assert (tmp_path / "r.html").read_bytes().startswith(b"# ")


def test_another_form_is_refused(office: Office) -> None:
    answer = office.amends("report", INCIDENT, "--format", "pdf")
    assert answer.exit_code == 2
    assert "html, md, xlsx" in answer.stderr.replace("'", "")


def test_a_title_with_markup_stays_text(office: Office, tmp_path: Path) -> None:
    ledger = office.ledger()
    incident = ledger.cases.read(INCIDENT).incident.model_copy(update={"title": "<script>alert(1)</script>"})
    ledger.incidents.amend(incident, "lena", datetime.now(UTC))
    ledger.dispose()
    out = tmp_path / "report.html"
    office.amends("report", INCIDENT, "--out", out)
    assert "<script" not in out.read_text(encoding="utf-8")


def test_it_can_be_written_before_anything_happened(office: Office, tmp_path: Path) -> None:
    assert office.amends("report", INCIDENT, "--out", tmp_path / "report.html").exit_code == 0


AUTHORITY, PEOPLE = "eu-gdpr-33.supervisory_authority@DE", "eu-gdpr-34.data_subjects"
RULE = Rule(id="R24-GRAVE", says="Enough to steal.", source="GDPR 34(1)", risk=Risk.HIGH, facts=("data_categories",))


def assess(office: Office, due_at: datetime, **changes: Any) -> None:
    """Keep an assessment with a duty to an authority, due then, and one to people."""
    duties = (
        a_duty(due_at=due_at, starts_at=due_at - timedelta(hours=72), lawyer_needed=("lead authority",)),
        a_duty(id=PEOPLE, addressee=Addressee.PEOPLE, due_at=None, recipient_name="people in Germany"),
    )
    aside = SetAside(id="us-ca.individuals", places=("US-CA",), why="nobody lives there")
    given = {"duties": duties, "rules": (RULE,), "set_aside": (aside,), "open_questions": ("Who has it?",)}
    ledger = office.ledger()
    ledger.assessments.record(INCIDENT, an_assessment(**(given | changes)), datetime.now(UTC))
    ledger.dispose()


def page_written(office: Office, tmp_path: Path) -> str:
    out = tmp_path / "assessed.html"
    answer = office.amends("report", INCIDENT, "--out", out)
    assert answer.exit_code == 0, answer.output
    return out.read_text(encoding="utf-8")


def test_it_tells_why_the_risk_and_the_severity_are_as_they_are(office: Office, tmp_path: Path) -> None:
    assess(office, datetime.now(UTC) + timedelta(hours=1))
    page = page_written(office, tmp_path)
    for said in (
        "R24-GRAVE",
        "GDPR 34(1)",
        "data categories",
        "Passwords, hashed",
        "Who has it?",
        "nobody lives there",
    ):
        assert said in page
    assert "Not assessed yet" not in page


def test_the_report_shows_who_must_be_told(office: Office, tmp_path: Path) -> None:
    assess(office, datetime.now(UTC) + timedelta(hours=1))
    page = page_written(office, tmp_path)
    assert f"<code>{AUTHORITY}</code>" in page
    assert 'data-head="Lawyer needed">lead authority<' in page
    assert "OVERDUE" not in page


def test_a_duty_past_its_time_is_overdue_until_it_is_filed(office: Office, tmp_path: Path) -> None:
    """A duty whose time has passed is called overdue in the report until it is filed; afterwards the report says how
    late it was filed, with its receipt.
    """
    assess(office, datetime.now(UTC) - timedelta(hours=30))
    assert "OVERDUE since" in page_written(office, tmp_path)
    at = (datetime.now(UTC) - timedelta(hours=28)).isoformat(timespec="minutes")
    filed = office.amends("duty", "filed", INCIDENT, AUTHORITY, "--at", at, "--receipt", "DPA-17", by="lena")
    assert filed.exit_code == 0, filed.output
    page = page_written(office, tmp_path)
    assert "OVERDUE" not in page
    assert "h late; receipt DPA-17" in page or "min late; receipt DPA-17" in page


def test_what_is_filed_is_not_among_what_to_do_any_more(office: Office, tmp_path: Path) -> None:
    assess(office, datetime.now(UTC) + timedelta(hours=1))
    assert "or within 72 hours): 2</h3>" in page_written(office, tmp_path)
    at = datetime.now(UTC).isoformat(timespec="minutes")
    filed = office.amends("duty", "filed", INCIDENT, AUTHORITY, "--at", at, "--receipt", "DPA-17", by="lena")
    assert filed.exit_code == 0, filed.output
    assert "or within 72 hours): 1</h3>" in page_written(office, tmp_path)


def test_what_changed_from_assessment_to_assessment_stays(office: Office, tmp_path: Path) -> None:
    due = datetime.now(UTC) + timedelta(hours=1)
    assess(office, due)
    assess(office, due, version=2, changes=("risk to people risk → high",))
    page = page_written(office, tmp_path)
    first, second = (f'data-head="Assessment" class="number">{number}<' for number in (1, 2))
    assert page.index(first) < page.index(second) < page.index("risk to people risk → high")


def test_it_says_so_when_nothing_was_assessed(office: Office, tmp_path: Path) -> None:
    assert page_written(office, tmp_path).count("Not assessed yet.") == 2


def test_assessments_are_listed_with_what_each_changed(office: Office) -> None:
    due = datetime.now(UTC) + timedelta(hours=1)
    assess(office, due)
    assess(office, due, version=2, changes=("risk to people risk → high", "new duty x"))
    head, first, unchanged, second, *changes = office.amends("incident", "assessments", INCIDENT).stdout.splitlines()
    assert head.split() == ["number", "at", "severity", "risk", "duties"]
    assert (first.split()[0], first.split()[-3:]) == ("1", ["high", "high", "2"])
    assert (unchanged.strip(), second.split()[0]) == ("the first", "2")
    assert [line.strip() for line in changes] == ["risk to people risk → high", "new duty x"]
    assert [one["version"] for one in office.values("incident", "assessments", INCIDENT)] == [1, 2]


def test_an_incident_that_was_not_assessed_lists_none(office: Office) -> None:
    answer = office.amends("incident", "assessments", INCIDENT)
    assert (answer.exit_code, answer.stdout.strip()) == (0, "none")
    assert "not assessed yet" in answer.stderr
    assert office.amends("incident", "assessments", "nowhere").exit_code == 1
