"""A promise is kept by two members: one gives the evidence, with files and a page, and another one reviews it."""

import hashlib
from pathlib import Path

import pytest

from tests.cli.conftest import INCIDENT, Office

KEEP = ("commitments", "keep", INCIDENT, "audit", "--evidence", "Report of 3 March")
REVIEW = ("commitments", "review", INCIDENT, "audit")


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"%PDF-1.7 what the auditors found")
    return path


def test_whoever_gave_the_evidence_does_not_review_it(sent: Office) -> None:
    sent.values(*KEEP, by="lena")
    answer = sent.amends(*REVIEW, by="lena")
    assert (answer.exit_code, "another member must look at the evidence" in answer.stderr) == (1, True)
    assert sent.values(*REVIEW, by="omar")["state"] == "kept"


def test_refused_evidence_leaves_the_promise_open(sent: Office) -> None:
    sent.values(*KEEP, by="lena")
    refused = sent.values(*REVIEW, "--refuse", "It is a draft.", by="omar")
    assert (refused["state"], refused["refusal"], refused["evidence"]) == ("open", "It is a draft.", {})
    shown = sent.amends("commitments", "show", INCIDENT, "audit").stdout
    assert "evidence refused: It is a draft." in shown


def test_a_promise_in_review_is_said_to_be(sent: Office) -> None:
    sent.values(*KEEP, by="lena")
    assert "in review" in sent.amends("commitments", "list", INCIDENT).stdout
    shown = sent.amends("commitments", "show", INCIDENT, "audit")
    assert "evidence of lena: Report of 3 March" in shown.stdout
    assert "by another than lena" in shown.stderr


def test_a_file_of_evidence_is_listed_and_written_out(sent: Office, report: Path, tmp_path: Path) -> None:
    sent.values(*KEEP, "--file", report, by="lena")
    digest = hashlib.sha256(report.read_bytes()).hexdigest()
    (listed,) = sent.values("commitments", "file", INCIDENT, "audit", by="omar")
    assert (listed["name"], listed["digest"]) == ("report.pdf", digest)
    assert digest in sent.amends("commitments", "show", INCIDENT, "audit").stdout
    out = tmp_path / "read.pdf"
    sent.values("commitments", "file", INCIDENT, "audit", "--out", out, by="omar")
    assert out.read_bytes() == report.read_bytes()
    sent.amends("commitments", "file", INCIDENT, "audit", "--add", out, by="omar")
    assert len(sent.values("commitments", "file", INCIDENT, "audit", by="omar")) == 1


def test_a_file_that_is_not_there_stops_everything(sent: Office, report: Path, tmp_path: Path) -> None:
    answer = sent.amends(*KEEP, "--file", report, "--file", tmp_path / "none.pdf", by="lena")
    assert (answer.exit_code, "none.pdf E105" in answer.stdout) == (3, True)
    assert sent.values("commitments", "show", INCIDENT, "audit")["commitment"]["reported_at"] is None


def test_evidence_leads_to_pages_of_ours_alone(sent: Office) -> None:
    answer = sent.amends(*KEEP, "--link", "https://evil.example/report", by="lena")
    assert (answer.exit_code, "none of the own_domains" in answer.stderr) == (2, True)
    link = "https://btepai.example/audit"
    assert sent.values(*KEEP, "--link", link, by="lena")["evidence_link"] == link


def test_before_its_date_a_promise_is_dropped_not_broken(sent: Office) -> None:
    answer = sent.amends("commitments", "break", INCIDENT, "audit", "--reason", "The firm closed.", by="lena")
    assert (answer.exit_code, "to give it up, `amends commitments drop`" in answer.stderr) == (1, True)
