"""A granted claim is in one payment file, made by one and released by another, and is never paid twice."""

from datetime import timedelta

import pytest

from amends.domain.base.errors import NotAllowed
from amends.domain.claim.claim import ClaimState, PaymentState
from amends.domain.claim.payment import BankStatus
from amends.ledger import Ledger
from tests.builders import NOW
from tests.delivery.sending import INCIDENT
from tests.ledger.claim.claiming import (
    MEI,
    OMAR,
    ROSA,
    RULES,
    WEI,
    an_account,
    bank_says,
    claimed,
    decided,
    heard,
    in_china,
    named,
    objected,
    paid_file,
    released,
    with_claims,
)


@pytest.fixture
def ledger(ledger_on_sqlite: Ledger) -> Ledger:
    """Two granted claims with accounts, one without, and one that nobody has decided."""
    found = with_claims(ledger_on_sqlite, people=4)
    for number in range(1, 5):
        account = None if number == 3 else an_account(number - 1)
        claimed(found, "50", person=number, once=f"{number}", account=account)
    for number in range(1, 4):
        decided(found, number, "50")
    return found


def reference(ledger: Ledger, claim: int) -> str:
    return ledger.claims.get(INCIDENT, claim).payments[-1].end_to_end


def test_a_file_has_all_that_is_granted_and_can_be_paid(ledger: Ledger) -> None:
    (made,) = ledger.payments.make(INCIDENT, RULES, OMAR, NOW)
    assert (made.count, made.total, made.state) == (2, 10_000, "made")
    assert [claim.state for claim in ledger.claims.all(INCIDENT)] == [
        ClaimState.IN_PAYMENT,
        ClaimState.IN_PAYMENT,
        ClaimState.GRANTED,
        ClaimState.RECEIVED,
    ]
    with pytest.raises(NotAllowed, match="waits for a payment"):
        ledger.payments.make(INCIDENT, RULES, OMAR, NOW)


def test_what_pain001_cannot_name_has_a_file_of_its_own(ledger: Ledger) -> None:
    named(ledger, 3, in_china())
    files = ledger.payments.make(INCIDENT, RULES, OMAR, NOW)
    assert [(file.id, file.count, file.total) for file in files] == [(1, 2, 10_000), (2, 1, 5000)]
    released(ledger, 2)
    (line,) = ledger.payments.lines(INCIDENT, 2)[1]
    assert (line.claim, line.account) == (3, in_china())


def test_a_file_is_released_by_another_member(ledger: Ledger) -> None:
    (made,) = ledger.payments.make(INCIDENT, RULES, OMAR, NOW)
    with pytest.raises(NotAllowed, match="only a released one"):
        ledger.payments.lines(INCIDENT, made.id)
    for member, why in ((OMAR, "another member must"), (ROSA, "rosa may not")):
        with pytest.raises(NotAllowed, match=why):
            released(ledger, made.id, member)
    released(ledger, made.id)
    with pytest.raises(NotAllowed, match="released by wei already"):
        released(ledger, made.id, MEI)
    _, lines = ledger.payments.lines(INCIDENT, made.id)
    assert [(line.claim, line.account, line.money.minor) for line in lines] == [
        (1, an_account(0), 5000),
        (2, an_account(1), 5000),
    ]


def test_a_dropped_file_never_leaves_and_its_claims_wait(ledger: Ledger) -> None:
    (made,) = ledger.payments.make(INCIDENT, RULES, OMAR, NOW)
    ledger.payments.drop(INCIDENT, made.id, OMAR, NOW)
    with pytest.raises(NotAllowed, match="was dropped"):
        released(ledger, made.id)
    assert paid_file(ledger).id == 2
    assert [payment.state for payment in ledger.claims.get(INCIDENT, 1).payments] == [
        PaymentState.DROPPED,
        PaymentState.RELEASED,
    ]
    with pytest.raises(NotAllowed, match="released by wei"):
        ledger.payments.drop(INCIDENT, 2, OMAR, NOW)


def test_the_bank_says_paid_and_the_person_hears_it_once(ledger: Ledger) -> None:
    paid_file(ledger)
    answers = [bank_says(ledger, reference(ledger, 1), BankStatus.PAID, minor=5000) for _ in range(2)]
    assert [(answer.paid, answer.unchanged) for answer in answers] == [(1, 0), (0, 1)]
    assert ledger.claims.get(INCIDENT, 1).state is ClaimState.PAID
    assert heard(ledger, 1)[-1] == "We have paid you 50.00 EUR, to your account that ends in 3000."
    assert len(heard(ledger, 1)) == 3


def test_a_returned_payment_needs_another_account(ledger: Ledger) -> None:
    paid_file(ledger)
    first = reference(ledger, 1)
    bank_says(ledger, first, BankStatus.RETURNED, reason="AC04")
    assert ledger.claims.get(INCIDENT, 1).state is ClaimState.RETURNED
    with pytest.raises(NotAllowed, match="waits for a payment"):
        ledger.payments.make(INCIDENT, RULES, OMAR, NOW)
    named(ledger, 1, an_account(3))
    paid_file(ledger)
    assert reference(ledger, 1) != first
    bank_says(ledger, first, BankStatus.PAID)  # an older answer, read late
    assert ledger.claims.get(INCIDENT, 1).state is ClaimState.IN_PAYMENT
    bank_says(ledger, reference(ledger, 1), BankStatus.PAID)
    assert heard(ledger, 1)[-1].endswith("ends in 6819.")


def test_a_paid_one_may_come_back_later(ledger: Ledger) -> None:
    paid_file(ledger)
    for status in (BankStatus.PENDING, BankStatus.PAID, BankStatus.RETURNED, BankStatus.PAID):
        bank_says(ledger, reference(ledger, 1), status)
    assert ledger.claims.get(INCIDENT, 1).state is ClaimState.RETURNED


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"end_to_end": "AM0-1-1"}, "no payment of november-breach has this reference"),
        ({"minor": 4999}, "its amount is not that of the payment"),
        ({"minor": 5000, "currency": "USD"}, "its amount is not that of the payment"),
    ],
)
def test_a_line_that_fits_no_payment_is_refused(ledger: Ledger, changes: dict[str, object], why: str) -> None:
    paid_file(ledger)
    given = {"end_to_end": reference(ledger, 1), "status": BankStatus.PAID} | changes
    (refused,) = bank_says(ledger, **given).refused  # type: ignore[arg-type]
    assert refused.startswith("bank.csv:2:1: ")
    assert refused.endswith(why)
    assert ledger.claims.get(INCIDENT, 1).state is ClaimState.IN_PAYMENT


def test_an_answer_about_an_unreleased_file_is_refused(ledger: Ledger) -> None:
    ledger.payments.make(INCIDENT, RULES, OMAR, NOW)
    answer = bank_says(ledger, reference(ledger, 1), BankStatus.PAID)
    assert answer.refused == ["bank.csv:2:1: claim 1: its payment file was never released"]


def test_a_whole_file_can_be_settled_at_once(ledger: Ledger) -> None:
    file = paid_file(ledger)
    assert bank_says(ledger, "", BankStatus.PAID, message_id=file.message_id).paid == 2


def test_an_account_on_its_way_stays_as_it_is(ledger: Ledger) -> None:
    paid_file(ledger)
    with pytest.raises(NotAllowed, match="waits for no account"):
        named(ledger, 1, an_account(2))


def test_the_audit_chain_verifies_after_all(ledger: Ledger) -> None:
    paid_file(ledger)
    bank_says(ledger, reference(ledger, 1), BankStatus.PAID)
    assert not ledger.audit.verify()


def test_a_part_is_paid_when_nobody_can_object_any_more(ledger: Ledger) -> None:
    decided(ledger, 4, "30", OMAR, "The rest was no cost of yours.")
    said = ledger.answers.said(INCIDENT, 4)[4][-1].text
    assert "you can object once on your page, by 24 December 2026." in said
    assert "We pay after that day" in said
    assert [one.count for one in ledger.payments.make(INCIDENT, RULES, OMAR, NOW)] == [2]
    later = NOW + RULES.object_within + timedelta(minutes=1)
    assert [one.count for one in ledger.payments.make(INCIDENT, RULES, OMAR, later)] == [1]


def test_a_part_after_an_objection_is_paid_at_once(ledger: Ledger) -> None:
    decided(ledger, 4, "0", OMAR, "No.")
    objected(ledger, 4)
    decided(ledger, 4, "30", WEI, "The rest was no cost of yours.")
    assert "object" not in ledger.answers.said(INCIDENT, 4)[4][-1].text
    assert [one.count for one in ledger.payments.make(INCIDENT, RULES, OMAR, NOW)] == [3]
