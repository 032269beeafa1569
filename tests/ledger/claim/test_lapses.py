"""A granted claim without an account ends: its person is reminded once, and a member may take it up again."""

from datetime import datetime, timedelta

import pytest

from amends.domain.base.errors import NotAllowed
from amends.domain.claim.claim import ClaimState
from amends.domain.claim.payment import BankStatus
from amends.ledger import Ledger
from amends.ledger.claim.claims import Lapses
from tests.builders import NOW
from tests.delivery.sending import INCIDENT
from tests.ledger.claim.claiming import (
    MEI,
    OMAR,
    RULES,
    an_account,
    bank_says,
    claim_rules,
    claimed,
    decided,
    heard,
    named,
    objected,
    paid_file,
    with_claims,
    words,
)

NONE = Lapses(0, 0)


def day(number: int) -> datetime:
    return NOW + timedelta(days=number)


@pytest.fixture
def ledger(ledger_on_sqlite: Ledger) -> Ledger:
    """A granted claim of which no account is known."""
    found = with_claims(ledger_on_sqlite)
    claimed(found, account=None)
    decided(found, 1, "50")
    return found


def end_due(ledger: Ledger, number: int) -> Lapses:
    return ledger.claims.end_without_account(INCIDENT, words(ledger), day(number))


def test_the_grant_names_the_last_day(ledger: Ledger) -> None:
    said = ledger.answers.said(INCIDENT, 1)[1][-1].text
    assert "Please give us the account to which we can pay, on your page, by 23 January 2027." in said
    assert ledger.claims.get(INCIDENT, 1).account_due_at == day(60)


def test_one_reminder_then_the_claim_lapses_a_day_later(ledger: Ledger) -> None:
    found = [end_due(ledger, number) for number in (45, 46, 47, 60, 61, 62)]
    assert found == [NONE, Lapses(1, 0), NONE, NONE, Lapses(0, 1), NONE]
    claim = ledger.claims.get(INCIDENT, 1)
    assert (claim.state, claim.account_due_at) == (ClaimState.LAPSED, None)
    reminder, lapse = heard(ledger, 1)[-2:]
    assert reminder.startswith("We want to pay you 50.00 EUR, and do not know to which account.")
    assert "by 23 January 2027" in reminder
    assert lapse.startswith("You named no account to which we could pay you 50.00 EUR, so your claim has ended.")
    acts = [(entry.act, entry.detail) for entry in ledger.audit.entries(INCIDENT)][-2:]
    assert acts == [("claim accounts asked for again", {"claims": [1]}), ("claims lapsed", {"claims": [1]})]
    assert not ledger.audit.verify()


def test_a_late_reminder_moves_the_last_day(ledger: Ledger) -> None:
    assert end_due(ledger, 300) == Lapses(1, 0)
    assert ledger.claims.get(INCIDENT, 1).account_due_at == day(314)
    assert [end_due(ledger, number) for number in (314, 315)] == [NONE, Lapses(0, 1)]


def test_an_account_in_time_ends_the_waiting(ledger: Ledger) -> None:
    end_due(ledger, 46)
    named(ledger, 1, an_account())
    assert end_due(ledger, 100) == NONE
    assert paid_file(ledger).count == 1


def test_a_lapsed_claim_is_settled_and_its_money_is_the_budgets(ledger: Ledger) -> None:
    assert ledger.views.closing(INCIDENT, NOW).open_claims == 1
    end_due(ledger, 46), end_due(ledger, 61)
    totals = ledger.claims.totals(INCIDENT, RULES, day(61))
    assert (totals.claims, totals.granted, totals.open) == ({"lapsed": 1}, 0, 0)
    assert ledger.views.closing(INCIDENT, NOW).open_claims == 0


def test_a_member_takes_a_lapsed_claim_up_again(ledger: Ledger) -> None:
    end_due(ledger, 46), end_due(ledger, 61)
    with pytest.raises(NotAllowed, match="only a member takes it up again"):
        named(ledger, 1, an_account())
    named(ledger, 1, an_account(), "rosa")
    assert ledger.claims.get(INCIDENT, 1).state is ClaimState.GRANTED
    assert ledger.audit.entries(INCIDENT)[-1].act == "lapsed claim taken up"
    assert paid_file(ledger).total == 5000


def test_money_that_was_spent_since_is_not_there(ledger: Ledger) -> None:
    end_due(ledger, 46), end_due(ledger, 61)
    claimed(ledger, "30", person=2, once="b")
    decided(ledger, 2, "30", MEI)
    tight = claim_rules(cap=50, cap_per_person=50, budget=60)
    with pytest.raises(NotAllowed, match=r"leave 30.00 EUR for claim 1, which was granted 50.00 EUR"):
        ledger.claims.give_account(INCIDENT, 1, an_account(), tight, day(61), "rosa")
    assert ledger.claims.get(INCIDENT, 1).state is ClaimState.LAPSED


def test_a_payment_that_came_back_ends_the_same_way(ledger: Ledger) -> None:
    named(ledger, 1, an_account())
    paid_file(ledger)
    bank_says(ledger, ledger.claims.get(INCIDENT, 1).payments[0].end_to_end, BankStatus.RETURNED, reason="AC04")
    assert "another account on your page by 23 January 2027" in heard(ledger, 1)[-1]
    assert [end_due(ledger, number) for number in (46, 61)] == [Lapses(1, 0), Lapses(0, 1)]
    named(ledger, 1, an_account(2), "rosa")
    assert paid_file(ledger, OMAR).total == 5000


def test_an_undecided_or_objected_claim_never_lapses(ledger: Ledger) -> None:
    claimed(ledger, person=2, once="b", account=None)
    decided(ledger, 2, "20", OMAR, "That is the price.")
    objected(ledger, 2)
    claimed(ledger, person=3, once="c", account=None)
    assert end_due(ledger, 46) == Lapses(1, 0)
    assert {claim.id: claim.account_due_at for claim in ledger.claims.all(INCIDENT)} == {1: day(60), 2: None, 3: None}
