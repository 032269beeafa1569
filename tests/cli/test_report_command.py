"""The report stands alone, adds up, and holds nothing that names a person affected."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

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
    assert page.count("<td>open</td>") == 5


def test_it_draws_how_people_stand(page: str) -> None:
    assert "<title>2 sent</title>" in page


def test_a_title_with_markup_stays_text(office: Office, tmp_path: Path) -> None:
    from datetime import UTC, datetime

    ledger = office.ledger()
    incident = ledger.case(INCIDENT).incident.model_copy(update={"title": "<script>alert(1)</script>"})
    ledger.amend_incident(incident, "lena", datetime.now(UTC))
    ledger.dispose()
    out = tmp_path / "report.html"
    office.amends("report", INCIDENT, "--out", out)
    assert "<script" not in out.read_text(encoding="utf-8")


def test_it_can_be_written_before_anything_happened(office: Office, tmp_path: Path) -> None:
    assert office.amends("report", INCIDENT, "--out", tmp_path / "report.html").exit_code == 0
