"""Steps, money and files of a commitment in the ledger."""

import hashlib
from datetime import timedelta

import pytest
from sqlmodel import select

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.base.money import Money
from amends.domain.incident.commitment import CommitmentStep
from amends.ledger import Ledger
from amends.ledger.commitment.files import LARGEST_FILE, NewFile
from amends.ledger.tables.commitment import CommitmentFileRow
from tests.builders import NOW
from tests.commitments import keep
from tests.delivery.sending import INCIDENT
from tests.ledger.commitment.promised import promise

DAY = timedelta(days=1)
REPORT = NewFile("report of Ada.pdf", b"%PDF-1.7 Ada Lovelace")


@pytest.fixture
def promised(ledger_on_sqlite: Ledger) -> Ledger:
    """An audit with a budget and one step, due in twenty days."""
    steps = [{"what": "Choose the firm", "due": "20d", "owner": "mei"}]
    return promise(ledger_on_sqlite, {"id": "audit", "budget": "1000 EUR", "steps": steps})


def test_a_step_is_added_moved_and_done_once(promised: Ledger) -> None:
    work, step = promised.commitment_work, CommitmentStep(what="Read the report", owner="", due_at=NOW + 50 * DAY)
    assert work.add_step(INCIDENT, "audit", step, "mei", NOW) == 2
    work.move_step(INCIDENT, "audit", 2, NOW + 55 * DAY, "mei", NOW)
    work.step_done(INCIDENT, "audit", 1, "mei", NOW + DAY)
    work.step_done(INCIDENT, "audit", 1, "omar", NOW + 2 * DAY)
    first, second = promised.commitments.get(INCIDENT, "audit").steps
    assert (first.done_at, first.done_by, second.due_at) == (NOW + DAY, "mei", NOW + 55 * DAY)


def test_an_unknown_step_is_named(promised: Ledger) -> None:
    with pytest.raises(NotAllowed, match="has no step 2; it has 1"):
        promised.commitment_work.step_done(INCIDENT, "audit", 2, "mei", NOW)


def test_a_step_that_is_done_is_not_moved(promised: Ledger) -> None:
    promised.commitment_work.step_done(INCIDENT, "audit", 1, "mei", NOW)
    with pytest.raises(NotAllowed, match="done already"):
        promised.commitment_work.move_step(INCIDENT, "audit", 1, NOW + DAY, "mei", NOW)


def test_nobody_works_on_what_has_ended(promised: Ledger) -> None:
    promised.commitments.drop(INCIDENT, "audit", {"*": "No firm."}, "mei", NOW)
    with pytest.raises(NotAllowed, match="audit is dropped"):
        promised.commitment_work.step_done(INCIDENT, "audit", 1, "mei", NOW)


def test_each_invoice_counts_once(promised: Ledger) -> None:
    spend = promised.commitment_work.spend
    assert spend(INCIDENT, "audit", "2027-11", Money.parse("400 EUR"), "mei", NOW) == Money.parse("400 EUR")
    assert spend(INCIDENT, "audit", "2027-11", Money.parse("400 EUR"), "mei", NOW) == Money.parse("400 EUR")
    assert spend(INCIDENT, "audit", "2027-12", Money.parse("700.50 EUR"), "mei", NOW) == Money.parse("1100.50 EUR")
    assert [spending.invoice for spending in promised.commitment_work.spendings(INCIDENT, "audit")] == [
        "2027-11",
        "2027-12",
    ]
    assert promised.commitments.get(INCIDENT, "audit").spent == Money.parse("1100.50 EUR")


def test_a_known_invoice_with_another_amount_is_refused(promised: Ledger) -> None:
    promised.commitment_work.spend(INCIDENT, "audit", "2027-11", Money.parse("400 EUR"), "mei", NOW)
    with pytest.raises(NotAllowed, match=r"recorded already, with 400\.00 EUR"):
        promised.commitment_work.spend(INCIDENT, "audit", "2027-11", Money.parse("40 EUR"), "mei", NOW)


def test_another_currency_than_the_budget_is_refused(promised: Ledger) -> None:
    with pytest.raises(NotAllowed, match="counted in EUR"):
        promised.commitment_work.spend(INCIDENT, "audit", "2027-11", Money.parse("400 USD"), "mei", NOW)


def test_a_late_invoice_is_recorded_after_the_end(promised: Ledger) -> None:
    keep(promised, INCIDENT, "audit", {"*": "Report 17"}, "mei", NOW)
    promised.commitment_work.spend(INCIDENT, "audit", "2027-11", Money.parse("400 EUR"), "mei", NOW)
    assert promised.commitments.get(INCIDENT, "audit").spent == Money.parse("400 EUR")


def test_a_file_of_evidence_is_kept_with_its_hash(promised: Ledger) -> None:
    promised.commitments.keep(INCIDENT, "audit", {"*": "Report 17"}, "mei", NOW, files=[REPORT])
    (file,) = promised.commitment_files.all(INCIDENT, "audit")
    assert (file.number, file.name, file.size) == (1, REPORT.name, len(REPORT.content))
    assert file.digest == hashlib.sha256(REPORT.content).hexdigest()
    assert promised.commitment_files.content(INCIDENT, "audit", 1, "omar", NOW) == REPORT
    acts = [(entry.actor, entry.act) for entry in promised.audit.entries(INCIDENT)]
    assert ("omar", "evidence file read") in acts


def test_neither_name_nor_content_is_readable_in_the_tables(promised: Ledger) -> None:
    promised.commitment_files.add(INCIDENT, "audit", [REPORT], "mei", NOW)
    with promised.store.read() as session:
        (row,) = session.exec(select(CommitmentFileRow)).all()
    assert not any(b"Ada" in (closed or b"") for closed in (row.sealed_name, row.sealed_content))
    assert "Ada" not in "".join(str(entry) for entry in promised.audit.entries(INCIDENT))


def test_the_same_file_again_is_stored_once(promised: Ledger) -> None:
    assert promised.commitment_files.add(INCIDENT, "audit", [REPORT, REPORT], "mei", NOW) == 1
    assert promised.commitment_files.add(INCIDENT, "audit", [REPORT], "mei", NOW) == 0


@pytest.mark.parametrize(("content", "why"), [(b"", "is empty"), (b"x" * (LARGEST_FILE + 1), "are the most")])
def test_a_file_that_cannot_be_stored_leaves_all_as_it_was(promised: Ledger, content: bytes, why: str) -> None:
    with pytest.raises(NotAllowed, match=why):
        promised.commitments.keep(INCIDENT, "audit", {"*": "x"}, "mei", NOW, files=[REPORT, NewFile("b", content)])
    assert not promised.commitments.get(INCIDENT, "audit").waits_for_review
    assert promised.commitment_files.all(INCIDENT, "audit") == ()


def test_an_unknown_file_is_named(promised: Ledger) -> None:
    with pytest.raises(NotInLedger, match="has no file 3"):
        promised.commitment_files.content(INCIDENT, "audit", 3, "mei", NOW)
