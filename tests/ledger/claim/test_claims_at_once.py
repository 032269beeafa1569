"""Two members who decide, pay and release at the same moment, on each database: one outcome, nothing twice."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import pytest

from amends.domain.base.errors import AlreadyInLedger, NotAllowed
from amends.domain.claim.claim import ClaimState
from amends.domain.claim.payment import BankStatus
from amends.ledger import Ledger
from tests.builders import NOW
from tests.delivery.sending import INCIDENT
from tests.ledger.claim.claiming import (
    MEI,
    OMAR,
    RULES,
    WEI,
    bank_says,
    claim_rules,
    claimed,
    decided,
    heard,
    paid_file,
    released,
    terms,
    with_claims,
)

T = TypeVar("T")


@pytest.fixture
def opened(ledger: Ledger) -> Ledger:
    return with_claims(ledger)


def at_once(*acts: Callable[[], T]) -> Sequence[T | str]:
    """What came of each act, begun at the same moment, in its own thread; a refusal as its words."""
    begin = Barrier(len(acts))

    def carry_out(act: Callable[[], T]) -> T | str:
        begin.wait(timeout=30)
        try:
            return act()
        except (NotAllowed, AlreadyInLedger) as refusal:
            return str(refusal)

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(carry_out, acts))


def test_two_decisions_at_once_leave_one(opened: Ledger) -> None:
    claimed(opened)
    at_once(lambda: decided(opened, 1, "50"), lambda: decided(opened, 1, "0", WEI, "No."))
    found = opened.claims.get(INCIDENT, 1)
    assert len(found.decisions) == 1
    assert found.state is (ClaimState.GRANTED if found.decisions[0].granted else ClaimState.REJECTED)
    assert len(heard(opened, 1)) == 2


def test_the_two_of_a_large_claim_decide_at_once(opened: Ledger) -> None:
    claimed(opened, "150")
    at_once(*(lambda by=by: decided(opened, 1, "150", by) for by in (OMAR, WEI, MEI)))  # type: ignore[misc]
    found = opened.claims.get(INCIDENT, 1)
    assert found.state is ClaimState.GRANTED
    assert len({decision.by for decision in found.decisions}) == len(found.decisions) == 2


def test_the_budget_holds_for_all_who_decide_at_once(opened: Ledger) -> None:
    rules = claim_rules(budget=300)
    for number in (1, 2, 3):
        claimed(opened, "100", person=number, once=f"{number}")
    members = ((1, OMAR), (2, WEI), (3, MEI))
    tight = claim_rules(cap=100, cap_per_person=100, budget=200)
    at_once(*(lambda n=n, by=by: decided(opened, n, "100", by, rules=tight) for n, by in members))  # type: ignore[misc]
    assert opened.claims.totals(INCIDENT, rules, NOW).granted == 20_000


def test_one_form_sent_twice_at_once_is_one_claim(opened: Ledger) -> None:
    assert set(at_once(*[lambda: claimed(opened)] * 3)) == {1}
    assert len(heard(opened, 1)) == 1


def test_two_payment_files_at_once_share_no_claim(opened: Ledger) -> None:
    for number in (1, 2, 3):
        claimed(opened, "20", person=number, once=f"{number}")
    opened.claims.decide_by_rules(INCIDENT, terms(opened), NOW)
    at_once(*(lambda by=by: opened.payments.make(INCIDENT, RULES, by, NOW) for by in (OMAR, WEI)))  # type: ignore[misc]
    (file,) = opened.payments.files(INCIDENT)
    assert (file.count, file.total) == (3, 6000)
    members = (OMAR, WEI, MEI)
    at_once(*(lambda by=by: released(opened, 1, by) for by in members))  # type: ignore[misc]
    (file,) = opened.payments.files(INCIDENT)
    assert file.released_by != file.made_by


def test_the_rules_at_once_with_a_member_decide_once(opened: Ledger) -> None:
    for number in (1, 2, 3):
        claimed(opened, "20", person=number, once=f"{number}")
    at_once(
        lambda: opened.claims.decide_by_rules(INCIDENT, terms(opened), NOW),
        lambda: decided(opened, 2, "0", WEI, "No."),
        lambda: opened.claims.decide_by_rules(INCIDENT, terms(opened), NOW),
    )
    assert [len(claim.decisions) for claim in opened.claims.all(INCIDENT)] == [1, 1, 1]


def test_the_banks_answer_read_twice_at_once_counts_once(opened: Ledger) -> None:
    claimed(opened)
    decided(opened, 1, "50")
    paid_file(opened)
    reference = opened.claims.get(INCIDENT, 1).payments[0].end_to_end
    found = at_once(*[lambda: bank_says(opened, reference, BankStatus.PAID)] * 3)
    assert sorted(one.paid for one in found) == [0, 0, 1]  # type: ignore[union-attr]
    assert len(heard(opened, 1)) == 3
