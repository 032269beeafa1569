"""`amends review` and `amends commitments carry-over`: figures, notes, lessons that become promises, and the end."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from amends.cli.terminal.clock import now
from amends.domain.case.states import OccurrenceState
from tests.cli.commitment.test_commitments_add import a_file, listed
from tests.cli.conftest import INCIDENT, Office

DAY = timedelta(days=1)


def begin(office: Office) -> None:
    """The review of the playbook is begun, as a month after the closing."""
    ledger = office.ledger()
    ledger.occurrences.begin(INCIDENT, "review", 1, now(), now())
    ledger.dispose()


def state_of_review(office: Office) -> OccurrenceState:
    ledger = office.ledger()
    found = next(
        occurrence.state for occurrence in ledger.cases.read(INCIDENT).occurrences if occurrence.step == "review"
    )
    ledger.dispose()
    return found


def test_a_review_gathers_figures_and_notes(sent: Office) -> None:
    sent.values("review", "note", INCIDENT, "well", "The first notice left the same day.", by="omar")
    sent.values("review", "note", INCIDENT, "luck", "The thief could not read it.", by="wei")
    shown = sent.values("review", "show", INCIDENT)
    assert (shown["figures"]["people"], shown["figures"]["reached"], shown["ended"]) == (3, 2, [])
    assert [(one["kind"], one["by"]) for one in shown["notes"]] == [("well", "omar"), ("luck", "wei")]
    text = sent.amends("review", "show", INCIDENT).stdout
    assert "what was luck" in text
    assert "2. The thief could not read it. (wei, " in text


def test_a_lesson_becomes_a_promise_to_customers(sent: Office, tmp_path: Path) -> None:
    said = ("review", "lesson", INCIDENT, "Locks must be changed sooner.", "--commit", a_file(tmp_path))
    for _ in range(2):
        made = sent.values(*said, by="lena")
        assert (made["number"], made["commitment"]) == (1, "new-locks")
    assert "new-locks" in listed(sent)


def test_a_lesson_may_name_a_promise_that_was_made(sent: Office) -> None:
    (promise, *_) = sorted(listed(sent))
    made = sent.values("review", "lesson", INCIDENT, "Check sooner.", "--commitment", promise, by="lena")
    assert made["commitment"] == promise
    refused = sent.amends("review", "lesson", INCIDENT, "Check twice.", "--commitment", "another", by="lena")
    assert refused.exit_code == 1
    assert [one["text"] for one in sent.values("review", "show", INCIDENT)["notes"]] == ["Check sooner."]


def test_a_lesson_does_not_become_a_promise_of_another(sent: Office, tmp_path: Path) -> None:
    """A file whose promise has the id of another one is refused, so that the lesson is not said to be that one."""
    (promise, *_) = sorted(listed(sent))
    file = a_file(tmp_path)
    file.write_text(file.read_text(encoding="utf-8").replace("new-locks", promise), encoding="utf-8")
    refused = sent.amends("review", "lesson", INCIDENT, "A lesson.", "--commit", file, by="lena")
    assert refused.exit_code == 1
    assert f"another commitment {promise} already" in refused.stderr
    assert sent.values("review", "show", INCIDENT)["notes"] == []


def test_a_bad_promise_leaves_no_lesson(sent: Office, tmp_path: Path) -> None:
    refused = sent.amends("review", "lesson", INCIDENT, "A lesson.", "--commit", a_file(tmp_path, "soon"), by="lena")
    assert refused.exit_code == 3
    assert "more.yaml:" in refused.output
    assert sent.values("review", "show", INCIDENT)["notes"] == []


def test_a_note_with_an_address_is_refused(sent: Office) -> None:
    refused = sent.amends("review", "note", INCIDENT, "badly", "kim@mail.example was angry.", by="omar")
    assert refused.exit_code == 1
    assert "the report names no person" in refused.stderr
    assert "kim@mail" not in refused.stderr


def test_a_review_ends_with_its_figures(sent: Office, tmp_path: Path) -> None:
    early = sent.amends("review", "end", INCIDENT, by="lena")
    assert (early.exit_code, "no review was begun" in early.stderr) == (1, True)
    begin(sent)
    assert "nobody has said" in sent.amends("review", "end", INCIDENT, by="lena").stderr
    sent.values("review", "note", INCIDENT, "badly", "Letters left late.", by="omar")
    for _ in range(2):
        ended = sent.values("review", "end", INCIDENT, "--cost", "12000.5 EUR", by="lena")
        assert (ended["step"], ended["figures"]["cost"]["other"]) == ("review", ["12000.50 EUR"])
    assert state_of_review(sent) is OccurrenceState.DONE
    sent.values("report", INCIDENT, "--out", tmp_path / "report.html")
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "12000.50 EUR" in report
    assert "Letters left late. (omar, " in report


def test_the_cost_is_counted_and_stated(sent: Office, tmp_path: Path) -> None:
    """Spending is counted, other costs are added up, and all of it stands in the review, the export and the report."""
    sent.values("commitments", "spend", INCIDENT, "audit", "--amount", "400 EUR", "--invoice", "1", by="lena")
    sent.values("review", "note", INCIDENT, "badly", "Letters left late.", by="omar")
    begin(sent)
    shown = sent.values("review", "show", INCIDENT)["figures"]["cost"]
    assert (shown["spent"], shown["other"], shown["in_all"]) == (["400.00 EUR"], [], ["400.00 EUR"])
    stated = ("--cost", "9000 EUR", "--cost", "100 JPY", "--cost", "3000 EUR")
    ended = sent.values("review", "end", INCIDENT, *stated, by="lena")["figures"]["cost"]
    assert ended == {
        "spent": ["400.00 EUR"],
        "paid": [],
        "recorded": ["400.00 EUR"],
        "other": ["12000.00 EUR", "100 JPY"],
        "in_all": ["12400.00 EUR", "100 JPY"],
    }
    assert sent.values("review", "show", INCIDENT)["figures"]["cost"] == ended
    sent.values("export", "case", INCIDENT, "--out", tmp_path / "case.json")
    assert json.loads((tmp_path / "case.json").read_text(encoding="utf-8"))["cost"] == ended
    sent.values("report", INCIDENT, "--out", tmp_path / "report.md")
    assert "| Cost in all | 12400.00 EUR, 100 JPY |" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_costs_of_a_review_that_has_ended_stay(sent: Office) -> None:
    begin(sent)
    sent.values("review", "note", INCIDENT, "badly", "Letters left late.", by="omar")
    for said in (("--cost", "9 EUR"), ()):
        assert sent.values("review", "end", INCIDENT, *said, by="lena")["figures"]["cost"]["other"] == ["9.00 EUR"]
    refused = sent.amends("review", "end", INCIDENT, "--cost", "10 EUR", by="lena")
    assert (refused.exit_code, "its figures never change" in refused.stderr) == (1, True)


def test_a_review_is_not_ticked_off_as_a_task(sent: Office) -> None:
    begin(sent)
    refused = sent.amends("step", "done", INCIDENT, "review", 1, by="lena")
    assert refused.exit_code == 1
    assert f"`amends review end {INCIDENT} --as NAME`" in refused.stderr


@pytest.mark.parametrize(
    ("cost", "why"),
    [
        ("12000", "such as 12000 EUR"),
        ("EUR=12000", "such as 12000 EUR"),
        ("-1 EUR", "such as 12000 EUR"),
        ("12000 XXX", "a code of ISO 4217"),
        ("1.5 JPY", "at most 0 digits"),
    ],
)
def test_a_cost_that_is_no_amount_is_refused(sent: Office, cost: str, why: str) -> None:
    begin(sent)
    refused = sent.amends("review", "end", INCIDENT, f"--cost={cost}", by="lena")
    assert (refused.exit_code, f"--cost: {'an' if 'such' in why else 'a'}" in refused.stderr) == (2, True)
    assert why in refused.stderr
    assert state_of_review(sent) is OccurrenceState.WAITING


def test_a_promise_is_carried_over(sent: Office) -> None:
    (promise, other, *_) = sorted(listed(sent))
    carried = sent.values("commitments", "carry-over", INCIDENT, promise, "--owner", "ruth", by="lena")
    assert (carried["commitment"], carried["owner"]) == (promise, "ruth")
    found = sent.amends("--json", "incident", "close", INCIDENT, by="lena").stdout
    assert f'"about": "{promise}"' not in found
    assert f'"about": "{other}"' in found


def test_a_promise_is_carried_over_to_a_later_day(sent: Office) -> None:
    """A new date is that of `late`: those promised are told, so the reason is asked for in each language."""
    (promise, *_) = sorted(listed(sent))
    call = ("commitments", "carry-over", INCIDENT, promise, "--until", "2099-03-31")
    assert sent.amends(*call, by="lena").exit_code == 2
    reasons = ("--reason", "en=The firm is ill.", "--reason", "zh-CN=机构延期。")
    for _ in range(2):
        assert sent.values(*call, *reasons, by="lena")["due_at"] == "2099-03-31T15:59:00Z"
    stands = next(one for one in sent.values("commitments", "list", INCIDENT) if one["id"] == promise)
    assert stands["new_due_at"] == "2099-03-31T15:59:00Z"
