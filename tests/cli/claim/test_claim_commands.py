"""A claim from the desk to the bank's answer, as a team does it at the terminal."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from amends.content.notice import shipped_wording
from amends.delivery.inbox.quarantine import Quarantine
from amends.domain.claim.rules import ClaimRules
from amends.domain.receipt.attachment import Attachment, Attachments
from amends.domain.receipt.incoming import MailOutcome
from amends.ledger import Ledger
from amends.ledger.receipt.inbox import TakenMail
from tests.builders import an_asked
from tests.cli.conftest import INCIDENT, Office
from tests.ledger.claim.claiming import IBANS, claim_rules

PNG = b"\x89PNG\r\n\x1a\n"
RULES = claim_rules(within="90d", last_day=None)
ADD = ("claims", "add", INCIDENT, "--person", 2, "--text", "A new lock.", "--amount", "50", "--holder", "Kim Example")


@pytest.fixture
def paying(office: Office) -> Office:
    """An office whose playbook pays compensation."""
    return with_rules(office, RULES)


def with_rules(office: Office, rules: ClaimRules) -> Office:
    ledger = office.ledger()
    running = ledger.cases.read(INCIDENT).playbook
    assert running
    playbook = running.model_copy(update={"claims": rules})
    ledger.playbooks.pin(INCIDENT, playbook, shipped_wording(), "lena", datetime.now(UTC))
    ledger.dispose()
    return office


def test_a_claim_goes_all_the_way_at_the_desk(paying: Office, tmp_path: Path) -> None:
    """Entered by one, decided by two, paid by two others, paid by the bank; the person hears each step."""
    receipt, out, answer = tmp_path / "receipt.pdf", tmp_path / "pay.xml", tmp_path / "answer.csv"
    receipt.write_bytes(b"%PDF-1.7 lock")
    added = paying.values(
        *ADD[:-4], "--amount", "150", *ADD[-2:], "--account", IBANS[0], "--evidence", receipt, by="rosa"
    )
    assert added == {"claim": 1, "person": 2, "files": 1, "left_out": []}
    shown = paying.amends("claims", "show", INCIDENT, 1, by="omar").output
    assert "asks for 150.00 EUR" in shown
    assert "the caps and the budget leave 150.00 EUR" in shown
    assert IBANS[0] in shown
    assert "evidence 1: application/pdf" in shown
    assert paying.amends("claims", "evidence", INCIDENT, 1, "--to", tmp_path / "x.pdf", by="omar").exit_code == 0
    assert (tmp_path / "x.pdf").read_bytes() == b"%PDF-1.7 lock"
    assert paying.amends("claims", "decide", INCIDENT, 1, "--grant", "150", by="omar").exit_code == 4
    assert paying.values("claims", "decide", INCIDENT, 1, "--grant", "150", by="wei")["state"] == "granted"
    assert paying.amends("claims", "pay", INCIDENT, by="omar").exit_code == 4
    released = paying.values("claims", "pay", INCIDENT, "--release", 1, "--format", "csv", "--out", out, by="wei")
    assert (released["state"], released["sum"]) == ("released", "150.00 EUR")
    reference = out.read_text(encoding="utf-8-sig").splitlines()[1].split(",")[0]
    answer.write_text(f"end_to_end,status,amount,currency\n{reference},paid,150.00,EUR\n", encoding="utf-8")
    for paid, known in ((1, 0), (0, 1)):
        said = paying.values("claims", "paid", INCIDENT, "--file", answer, by="lena")
        assert (said["paid"], said["unchanged"]) == (paid, known)
    again = tmp_path / "again"
    paying.values("claims", "pay", INCIDENT, "--write", 1, "--out", again, by="wei")  # in the format of the release
    assert again.read_bytes() == out.read_bytes()
    totals = paying.values("claims", "totals", INCIDENT)
    assert (totals["claims"], totals["paid"], totals["budget"]) == ({"paid": 1}, 15_000, 100_000)
    cost = paying.values("review", "show", INCIDENT)["figures"]["cost"]
    assert (cost["paid"], cost["in_all"]) == (["150.00 EUR"], ["150.00 EUR"])
    told = ledger_of(paying)
    assert [line.split("\n")[0] for line in told] == [
        "Your claim of 150.00 EUR has reached us. You will know our decision by " + due(paying) + ".",
        "We pay you the 150.00 EUR that you asked for.",
        "We have paid you 150.00 EUR, to your account that ends in 3000.",
    ]


def ledger_of(office: Office) -> list[str]:
    ledger: Ledger = office.ledger()
    said = ledger.answers.said(INCIDENT, 2)
    ledger.dispose()
    return [one.text for heard in said.values() for one in heard]


def due(office: Office) -> str:
    from amends.domain.notice.wording import say_date

    ledger = office.ledger()
    claim, file = ledger.claims.get(INCIDENT, 1), ledger.cases.incident_file(INCIDENT)
    phrases = ledger.playbooks.wording(INCIDENT).phrases["en"]
    ledger.dispose()
    return say_date(phrases, claim.due_at, file.organisation.timezone)


def test_the_list_holds_no_personal_data(paying: Office) -> None:
    paying.values(*ADD, "--account", IBANS[0], by="rosa")
    listed = paying.amends("--json", "claims", "list", INCIDENT, "--open").output
    assert json.loads(listed)[0]["asked"] == "50.00 EUR"
    assert not any(word in listed for word in ("lock", "Kim", IBANS[0]))
    assert "received" in paying.amends("claims", "list", INCIDENT).output


def test_a_rejection_is_objected_to_at_the_desk(paying: Office) -> None:
    paying.values(*ADD, "--account", IBANS[0], by="rosa")
    rejected = paying.values("claims", "decide", INCIDENT, 1, "--reject", "--reason", "No receipt.", by="omar")
    assert rejected["state"] == "rejected"
    assert paying.amends("claims", "object", INCIDENT, 1, "--why", "Here it is.", by="rosa").exit_code == 0
    again = paying.amends("claims", "decide", INCIDENT, 1, "--grant", "50", by="omar")
    assert (again.exit_code, "before the objection" in again.output) == (1, True)
    assert paying.values("claims", "decide", INCIDENT, 1, "--grant", "50", by="wei")["granted"] == "50.00 EUR"


def test_a_grant_without_evidence_has_a_reason_that_is_shown(paying: Office) -> None:
    added = paying.amends(*ADD[:-4], "--amount", "300", by="rosa")
    assert "it has no evidence, which is needed above 250.00 EUR" in added.output
    grant = ("claims", "decide", INCIDENT, 1, "--grant", "200", "--reason", "It is the most.")
    refused = paying.amends(*grant, by="omar")
    assert (refused.exit_code, "--without-evidence REASON" in refused.output) == (1, True)
    for member, state in (("omar", "received"), ("wei", "granted")):
        paying.amends(*grant, "--without-evidence", "The shop has closed.", by=member)
        shown = paying.amends("claims", "show", INCIDENT, 1, by="lena").output
        assert f"decision by {member}" in shown
        assert "; without evidence: The shop has closed." in shown
        assert f"; {state}" in shown


def test_the_rules_decide_by_command(paying: Office) -> None:
    paying.values("claims", "add", INCIDENT, "--person", "C-1", "--text", "Stamps", "--amount", "9.50", by="rosa")
    assert paying.values("claims", "decide", INCIDENT, "--by-rules") == {"granted": 1}
    assert (
        paying.amends("claims", "account", INCIDENT, 1, "--holder", "Kim", "--account", IBANS[1], by="rosa").exit_code
        == 0
    )


def test_a_mail_is_made_a_claim(paying: Office) -> None:
    ledger, now = paying.ledger(), datetime.now(UTC)
    ledger.questions.ask(INCIDENT, an_asked("I paid 30 EUR.", person=2, at=now), now)
    ledger.dispose()
    added = paying.values("claims", "add", INCIDENT, "--question", 1, "--amount", "30", by="rosa")
    assert added == {"claim": 1, "person": 2, "files": 0, "left_out": []}
    assert paying.values("claims", "show", INCIDENT, 1, by="lena")["source"] == "mail"


def test_files_of_the_mail_are_the_evidence_of_its_claim(paying: Office, tmp_path: Path) -> None:
    receipt, text = tmp_path / "receipt.pdf", b"%PDF-1.7 lock"
    receipt.write_bytes(b"%PDF-1.7 the second")
    question = mailed(paying, ("image/png", PNG), ("application/zip", b"PK"), ("text/plain", text))
    mailed(paying, ("image/png", PNG))
    add = ("claims", "add", INCIDENT, "--question", question, "--amount", "30", "--evidence", receipt)
    said = paying.amends(*add, by="rosa")
    assert "over 30.00 EUR, 2 files of its mail as evidence" in said.stdout
    assert "left out of the evidence: file 2 (application/zip) is no PDF, JPEG, PNG or HEIC" in said.stderr
    shown = paying.amends("claims", "show", INCIDENT, 1, by="lena").output
    assert all(f"evidence {n}: {kind}" in shown for n, kind in enumerate(("image/png", "application/pdf"), start=1))
    assert evidence_of(paying, tmp_path) == [PNG, text, receipt.read_bytes()]


def test_a_file_that_is_gone_is_no_evidence(paying: Office) -> None:
    question = mailed(paying, ("image/png", PNG))
    for path in (paying.home / "inbox" / "files" / INCIDENT).iterdir():
        path.unlink()
    added = paying.values("claims", "add", INCIDENT, "--question", question, "--amount", "30", by="rosa")
    assert added["left_out"] == ["file 1 lies on another machine, or was removed"]


def mailed(office: Office, *files: tuple[str, bytes]) -> int:
    """Take in a mail of person 2 with these files, as the inbox does, and return its question."""
    ledger, at = office.ledger(), datetime.now(UTC)
    once = f"mail {len(ledger.mail_files.all(INCIDENT))}"
    question = ledger.questions.ask(INCIDENT, an_asked("I paid 30 EUR.", person=2, at=at, once=once), at)
    attached = Attachments(tuple(Attachment(kind, content) for kind, content in files))
    kept = Quarantine(office.home, ledger).set_aside(INCIDENT, once, attached)
    ledger.inbox.record([TakenMail(once, MailOutcome.QUESTION, INCIDENT, question, files=kept)], at)
    ledger.dispose()
    return question


def test_a_claim_that_is_added_again_keeps_its_evidence(paying: Office, tmp_path: Path) -> None:
    for content in (b"%PDF-1.7 lock", b"%PDF-1.7 another"):
        receipt = tmp_path / "receipt.pdf"
        receipt.write_bytes(content)
        assert paying.values(*ADD, "--account", IBANS[0], "--evidence", receipt, by="rosa")["claim"] == 1
    assert evidence_of(paying, tmp_path) == [b"%PDF-1.7 lock"]


def evidence_of(office: Office, folder: Path) -> list[bytes]:
    """The contents of all evidence of the first claim, as a member saves it."""
    ledger = office.ledger()
    files = ledger.evidence.all(INCIDENT, 1)
    ledger.dispose()
    for file in files:
        office.values("claims", "evidence", INCIDENT, file.id, "--to", folder / f"{file.id}", by="omar")
    return [(folder / f"{file.id}").read_bytes() for file in files]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("add", INCIDENT, "--amount", "5"), 2, "either --question, or --person with --text"),
        (("add", INCIDENT, "--person", 2, "--text", "x", "--amount", "1.234,5"), 2, "without a separator of thousands"),
        (("add", INCIDENT, "--person", 2, "--text", "x", "--amount", "5", "--account", "DE00"), 2, "holder"),
        (("add", INCIDENT, "--person", 9, "--text", "x", "--amount", "5"), 1, "has the reference or the number '9'"),
        (("decide", INCIDENT, 1), 2, "--as NAME"),
        (("decide", INCIDENT, 1, "--grant", "5"), 1, "has no claim 1"),
        (("pay", INCIDENT), 1, "waits for a payment"),
        (("pay", INCIDENT, "--release", 1, "--drop", 1), 2, "one of"),
        (("pay", INCIDENT, "--release", 1, "--out", "/nowhere/x"), 1, "no payment file 1"),
    ],
)
def test_wrong_input_is_told_and_changes_nothing(
    paying: Office, words: tuple[object, ...], code: int, said: str
) -> None:
    by = "" if words == ("decide", INCIDENT, 1) else "omar"
    answer = paying.amends("claims", *words, by=by)
    assert answer.exit_code == code
    assert said in " ".join(answer.output.replace("│", " ").split())
    assert paying.values("claims", "list", INCIDENT) == []


def test_a_segment_that_nobody_has_is_hinted_at(office: Office) -> None:
    with_rules(office, claim_rules(audience="gold"))
    hint = "nobody may claim compensation: the list has no segment gold; correct the list, or change the playbook"
    assert hint in office.amends("lint", INCIDENT).stderr


def test_without_rules_nothing_can_be_claimed(office: Office) -> None:
    answer = office.amends(*ADD, by="rosa")
    assert (answer.exit_code, "has no `claims:`" in answer.output) == (1, True)
    assert office.values("claims", "totals", INCIDENT)["claims"] == {}


def test_a_dossier_has_what_was_said_of_a_claim(paying: Office, tmp_path: Path) -> None:
    paying.values(*ADD, "--account", IBANS[0], by="rosa")
    dossier = tmp_path / "dossier.html"
    made = paying.amends("dossier", "make", INCIDENT, "--person", "C-1", "--out", dossier, by="lena")
    assert made.exit_code == 0, made.output
    page = dossier.read_text(encoding="utf-8")
    assert "A new lock." in page
    assert "Told of the claim" in page
    assert "Your claim of 50.00 EUR has reached us." in page
