"""Steps, money, owners and dates of a promise, by commands."""

import pytest

from tests.cli.commitment.test_commitments_add import words
from tests.cli.conftest import INCIDENT, Office

STEP = ("commitments", "step", INCIDENT, "audit")
SPEND = ("commitments", "spend", INCIDENT, "audit")


def test_a_step_is_added_moved_and_done(sent: Office) -> None:
    sent.values(*STEP, "--add", "Choose the firm", "--due", "2099-01-31", "--owner", "wei", by="lena")
    sent.values(*STEP, "--move", "1", "--due", "2099-02-28", by="lena")
    done = sent.values(*STEP, "--done", "1", by="wei")["steps"]
    assert [(one["owner"], one["due_at"], one["done_by"]) for one in done] == [("wei", "2099-02-28T15:59:00Z", "wei")]
    assert "1. Choose the firm (wei, done" in sent.amends("commitments", "show", INCIDENT, "audit").stdout


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ((), "give one of --add, --done and --move"),
        (("--done", "1", "--move", "1"), "give one of --add, --done and --move"),
        (("--add", "Choose"), "--due is missing"),
        (("--add", "Choose", "--due", "soon"), "no date such as 2027-03-31"),
        (("--done", "0"), "a whole number from 1 on"),
    ],
)
def test_a_step_that_is_not_clear_is_a_usage_error(sent: Office, options: tuple[str, ...], why: str) -> None:
    answer = sent.amends(*STEP, *options, by="lena")
    assert (answer.exit_code, why in answer.stderr) == (2, True)


def test_a_late_step_puts_the_promise_at_risk(sent: Office) -> None:
    sent.values(*STEP, "--add", "Choose the firm", "--due", "2020-01-31", by="lena")
    shown = sent.values("commitments", "show", INCIDENT, "audit")
    assert (shown["stands"], shown["risks"][0]) == ("at risk", "step 1 was due on 2020-01-31")


def test_money_is_counted_once_for_each_invoice(sent: Office) -> None:
    for _ in range(2):
        spent = sent.values(*SPEND, "--amount", "400 EUR", "--invoice", "2027-11", by="lena")
    assert spent["spent"] == "400.00 EUR"
    assert sent.values("commitments", "show", INCIDENT, "audit")["spendings"][0]["invoice"] == "2027-11"


def test_what_was_paid_on_claims_is_no_spending(sent: Office) -> None:
    paid_on_claims = "what the bank paid on claims is counted by itself"
    sent.values(*words(id="refund", kind="compensation"), by="lena")
    for promise, hinted in (("audit", False), ("refund", True)):
        spent = sent.amends("commitments", "spend", INCIDENT, promise, "--amount", "4 EUR", "--invoice", "1", by="lena")
        assert (spent.exit_code, paid_on_claims in spent.stderr) == (0, hinted)


@pytest.mark.parametrize("amount", ["much", "-5 EUR", "4,000 EUR", "400"])
def test_what_is_no_amount_is_a_usage_error(sent: Office, amount: str) -> None:
    answer = sent.amends(*SPEND, f"--amount={amount}", "--invoice", "2027-11", by="lena")
    assert (answer.exit_code, "such as 12000 EUR" in answer.stderr) == (2, True)


def test_a_new_owner_is_a_member_or_it_is_said(sent: Office) -> None:
    given = sent.amends("commitments", "give", INCIDENT, "audit", "--owner", "omar", "--deputy", "Bob", by="lena")
    assert "audit is looked after by omar, then Bob" in given.stdout
    assert "Bob: no member of the team, so that the leads are reminded instead" in given.stderr
    assert "omar has no contact" in given.stderr
    assert sent.values("commitments", "give", INCIDENT, "audit", "--deputy", "-", by="lena")["deputy"] == ""


def test_to_nobody_a_promise_is_not_handed_over(sent: Office) -> None:
    assert sent.amends("commitments", "give", INCIDENT, "audit", by="lena").exit_code == 2


ADD = (
    "commitments",
    "add",
    INCIDENT,
    "--kind",
    "training",
    "--owner",
    "omar",
    "--promise",
    "en=We will train our staff each quarter.",
    "--promise",
    "zh-CN=我们将每季度培训员工。",
    "--due",
    "2099-03-31",
)


def test_a_promise_that_recurs_is_added_with_its_end(sent: Office) -> None:
    (added,) = sent.values(
        *ADD,
        "--id",
        "courses",
        "--every",
        "90d",
        "--at-most",
        "4",
        "--deputy",
        "wei",
        "--budget",
        "9000 EUR",
        by="lena",
    )
    assert (added["series"], added["every"], added["at_most"], added["budget"]) == ("courses", "90d", 4, "9000.00 EUR")
    assert "series courses: number 1 of 4, every" in sent.amends("commitments", "show", INCIDENT, "courses").stdout


@pytest.mark.parametrize(
    ("options", "place"),
    [
        (("--every", "90d"), "--every E104 Value error, a commitment that recurs must end"),
        (("--every", "often", "--at-most", "4"), "--every E104"),
        (("--until", "2099-13-01"), "--until E104"),
        (("--budget", "much"), "--budget E104"),
    ],
)
def test_a_promise_that_makes_no_sense_names_the_option(sent: Office, options: tuple[str, ...], place: str) -> None:
    answer = sent.amends(*ADD, "--id", "courses", *options, by="lena")
    assert (answer.exit_code, place in answer.stdout) == (3, True), answer.stdout
