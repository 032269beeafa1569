"""A claim is taken in once, decided by as many people as its amount needs, and its person hears each step."""

from datetime import timedelta

import pytest

from amends.domain.base.errors import NotAllowed
from amends.domain.base.home_file import NewHomeFile
from amends.domain.channel.outgoing import OutgoingState
from amends.domain.claim.claim import BY_RULE, ClaimState, ClaimWay
from amends.domain.claim.signals import Signal
from amends.domain.feedback.answer import ReplyChannel
from amends.ledger import Ledger
from tests.builders import NOW, an_asked
from tests.delivery.sending import INCIDENT
from tests.ledger.claim.claiming import (
    EVE,
    MEI,
    OMAR,
    ROSA,
    RULES,
    WEI,
    a_claim,
    an_account,
    claim_rules,
    claimed,
    decided,
    euros,
    heard,
    named,
    objected,
    terms,
    with_claims,
)

LATER = NOW + timedelta(days=3)
REOPENED = (
    "You do not agree with our decision. Other people look at your claim now. You will know their decision by "
    "11 December 2026."
)


@pytest.fixture
def ledger(ledger_on_sqlite: Ledger) -> Ledger:
    return with_claims(ledger_on_sqlite)


def test_a_claim_sent_twice_is_one_claim(ledger: Ledger) -> None:
    assert claimed(ledger) == claimed(ledger) == 1
    (claim,) = ledger.claims.all(INCIDENT)
    assert (claim.state, str(claim.asked), claim.text) == (ClaimState.RECEIVED, "50.00 EUR", "A new bank card.")
    assert claim.account == an_account()


def test_its_person_hears_that_it_came_and_by_when(ledger: Ledger) -> None:
    claimed(ledger)
    assert heard(ledger, 1) == [
        "Your claim of 50.00 EUR has reached us. You will know our decision by 8 December 2026."
    ]
    (reply,) = ledger.replies.all(INCIDENT)
    assert (reply.channel, reply.state) == (ReplyChannel.EMAIL, OutgoingState.WAITING)


def test_a_claim_without_account_asks_for_one(ledger: Ledger) -> None:
    claimed(ledger, account=None)
    said = ledger.answers.said(INCIDENT, 1)[1][0].text
    assert "We do not know yet to which account we can pay." in said
    named(ledger, 1, an_account(1))
    assert ledger.claims.get(INCIDENT, 1).account == an_account(1)


def test_the_words_of_a_claim_wait_for_no_answer(ledger: Ledger) -> None:
    claimed(ledger)
    assert ledger.cases.read(INCIDENT, LATER).questions.open == 0


def test_one_member_decides_a_small_claim(ledger: Ledger) -> None:
    claimed(ledger)
    found = decided(ledger, 1, "50")
    assert (found.state, found.granted) == (ClaimState.GRANTED, euros("50"))
    assert heard(ledger, 1)[-1] == "We pay you the 50.00 EUR that you asked for."


def test_two_different_members_decide_a_large_claim(ledger: Ledger) -> None:
    claimed(ledger, "150")
    assert decided(ledger, 1, "150").state is ClaimState.RECEIVED
    with pytest.raises(NotAllowed, match="a second, different member"):
        decided(ledger, 1, "150")
    assert decided(ledger, 1, "150", WEI).state is ClaimState.GRANTED


def test_two_members_who_disagree_decide_nothing(ledger: Ledger) -> None:
    claimed(ledger, "150")
    decided(ledger, 1, "150")
    assert decided(ledger, 1, "0", WEI, "No receipt.").state is ClaimState.RECEIVED
    assert decided(ledger, 1, "0", MEI, "No receipt.").state is ClaimState.REJECTED


def test_a_new_decision_replaces_the_members_earlier_one(ledger: Ledger) -> None:
    claimed(ledger, "150")
    decided(ledger, 1, "150")
    decided(ledger, 1, "0", WEI, "No receipt.")
    found = decided(ledger, 1, "0", OMAR, "No receipt, alas.")
    assert found.state is ClaimState.REJECTED
    assert [(decision.by, decision.granted, decision.reason) for decision in found.decisions] == [
        ("wei", 0, "No receipt."),
        ("omar", 0, "No receipt, alas."),
    ]


def test_who_entered_a_claim_never_decides_it(ledger: Ledger) -> None:
    claimed(ledger, by="omar", source=ClaimWay.DESK)
    with pytest.raises(NotAllowed, match="omar entered claim 1"):
        decided(ledger, 1, "50")
    assert decided(ledger, 1, "50", WEI).state is ClaimState.GRANTED


def test_a_responder_decides_no_claim(ledger: Ledger) -> None:
    claimed(ledger)
    with pytest.raises(NotAllowed, match="rosa may not"):
        decided(ledger, 1, "50", ROSA)


@pytest.mark.parametrize(
    ("asked", "granted", "reason", "why"),
    [
        ("50", "60", "", "nobody is granted more"),
        ("50", "40", " ", "needs a reason"),
        ("50", "0", "", "needs a reason"),
        ("500", "300", "The rest is no cost of yours.", "leave 200.00 EUR for claim 1"),
        ("50", "0", "x" * 1001, "at most 1000 characters"),
    ],
)
def test_an_unfit_decision_is_refused(ledger: Ledger, asked: str, granted: str, reason: str, why: str) -> None:
    claimed(ledger, asked)
    with pytest.raises(NotAllowed, match=why):
        decided(ledger, 1, granted, OMAR, reason)
    assert ledger.claims.get(INCIDENT, 1).decisions == ()


def test_caps_of_a_person_and_the_budget_hold_over_claims(ledger: Ledger) -> None:
    rules = claim_rules(one_approver_up_to=200, budget=450)
    for number, person in enumerate((1, 1, 2, 3), start=1):
        claimed(ledger, "200", person=person, once=f"{number}")
    decided(ledger, 1, "200", rules=rules)
    assert ledger.claims.most(INCIDENT, 2, rules) == euros("100").minor  # what is left for the person
    decided(ledger, 2, "100", OMAR, "You have 200 EUR already.", rules)
    assert ledger.claims.most(INCIDENT, 3, rules) == euros("150").minor  # what is left of the budget
    decided(ledger, 3, "150", OMAR, "Nothing more is there.", rules)
    with pytest.raises(NotAllowed, match=r"leave 0.00 EUR"):
        decided(ledger, 4, "1", OMAR, "One.", rules)


def test_rules_grant_small_claims_and_leave_others(ledger: Ledger) -> None:
    for number, amount in enumerate(("25", "25.01", "10"), start=1):
        claimed(ledger, amount, once=f"{number}", person=number)
    assert ledger.claims.decide_by_rules(INCIDENT, terms(ledger), NOW) == 2
    assert ledger.claims.decide_by_rules(INCIDENT, terms(ledger), NOW) == 0
    found = {claim.id: claim for claim in ledger.claims.all(INCIDENT)}
    assert [found[n].state for n in (1, 2, 3)] == [ClaimState.GRANTED, ClaimState.RECEIVED, ClaimState.GRANTED]
    assert found[1].decisions[0].by == BY_RULE
    assert heard(ledger, 3)[-1] == "We pay you the 10.00 EUR that you asked for."


def test_rules_need_evidence_where_the_playbook_does(ledger: Ledger) -> None:
    claimed(ledger, "20")
    assert ledger.claims.decide_by_rules(INCIDENT, terms(ledger, claim_rules(evidence_above=10)), NOW) == 0


def test_members_need_evidence_or_a_reason_that_stands(ledger: Ledger) -> None:
    strict = claim_rules(evidence_above=40, one_approver_up_to=40)
    claimed(ledger)
    with pytest.raises(NotAllowed, match=r"has no evidence, needed above 40.00 EUR; else say why: --without-evidence"):
        decided(ledger, 1, "50", rules=strict)
    decided(ledger, 1, "50", rules=strict, unproven="The shop has closed.")
    with pytest.raises(NotAllowed, match="has no evidence"):
        decided(ledger, 1, "50", WEI, rules=strict)
    found = decided(ledger, 1, "50", WEI, rules=strict, unproven="I know the shop.")
    assert found.state is ClaimState.GRANTED
    assert [decision.without_evidence for decision in found.decisions] == ["The shop has closed.", "I know the shop."]
    said = [entry.detail.get("without_evidence") for entry in ledger.audit.entries(INCIDENT)[-2:]]
    assert said == ["The shop has closed.", "I know the shop."]


def test_a_part_of_a_claim_needs_the_evidence_of_the_whole(ledger: Ledger) -> None:
    claimed(ledger)
    with pytest.raises(NotAllowed, match="has no evidence"):
        decided(ledger, 1, "30", OMAR, "That is the price.", claim_rules(evidence_above=40))
    assert decided(ledger, 1, "0", OMAR, "No receipt.", claim_rules(evidence_above=40)).state is ClaimState.REJECTED


def test_with_evidence_nobody_grants_without(ledger: Ledger) -> None:
    claimed(ledger, files=(NewHomeFile("a-1", "application/pdf", 9),))
    with pytest.raises(NotAllowed, match="leave out --without-evidence"):
        decided(ledger, 1, "50", rules=claim_rules(evidence_above=40), unproven="It is small.")
    assert decided(ledger, 1, "50", rules=claim_rules(evidence_above=40)).state is ClaimState.GRANTED


def test_rules_grant_no_more_than_the_caps(ledger: Ledger) -> None:
    rules = claim_rules(cap=25, cap_per_person=40, budget=60)
    for number in range(1, 6):
        claimed(ledger, "20", once=f"{number}", person=1 if number < 4 else 2)
    assert ledger.claims.decide_by_rules(INCIDENT, terms(ledger, rules), NOW) == 3
    assert ledger.claims.totals(INCIDENT, rules, NOW).granted == euros("60").minor


def test_rules_leave_what_a_member_began_to_decide(ledger: Ledger) -> None:
    rules = claim_rules(one_approver_up_to=0, by_rule_up_to=0)
    claimed(ledger, "20")
    decided(ledger, 1, "0", OMAR, "No.", rules)
    assert ledger.claims.decide_by_rules(INCIDENT, terms(ledger), NOW) == 0


def test_an_objection_reopens_once_for_other_members(ledger: Ledger) -> None:
    claimed(ledger)
    decided(ledger, 1, "0", OMAR, "No receipt.")
    objected(ledger, 1, "Here it is.", LATER)
    found = ledger.claims.get(INCIDENT, 1)
    assert (found.state, found.objection, found.due_at) == (
        ClaimState.RECEIVED,
        "Here it is.",
        LATER + timedelta(days=14),
    )
    with pytest.raises(NotAllowed, match="before the objection"):
        decided(ledger, 1, "50")
    decided(ledger, 1, "20", WEI, "That is the card's price.")
    with pytest.raises(NotAllowed, match="once already"):
        objected(ledger, 1, "More.")
    assert heard(ledger, 1)[1:] == [
        "We do not pay your claim of 50.00 EUR, for this reason:",
        REOPENED,
        "We pay you 20.00 EUR of the 50.00 EUR that you asked for, for this reason:",
    ]


def test_rules_do_not_decide_after_an_objection(ledger: Ledger) -> None:
    claimed(ledger, "20")
    decided(ledger, 1, "0", OMAR, "No.")
    objected(ledger, 1)
    assert ledger.claims.decide_by_rules(INCIDENT, terms(ledger), NOW) == 0


@pytest.mark.parametrize(
    ("amount", "late", "why"), [("50", False, "nothing to object"), ("10", True, "possible until")]
)
def test_no_objection_to_all_or_too_late(ledger: Ledger, amount: str, late: bool, why: str) -> None:
    claimed(ledger)
    decided(ledger, 1, amount, OMAR, "That is the price.")
    with pytest.raises(NotAllowed, match=why):
        objected(ledger, 1, now=NOW + timedelta(days=30 + late))


def test_a_mail_becomes_a_claim_once(ledger: Ledger) -> None:
    ledger.questions.ask(INCIDENT, an_asked("I paid 30 EUR for a card.", person=2, at=NOW), NOW)
    made = [claimed(ledger, "30", "rosa", once=n, question=1, person=2, source=ClaimWay.MAIL) for n in "xy"]
    assert made == [1, 1]
    found = ledger.claims.get(INCIDENT, 1)
    assert (found.question, found.text, found.entered_by) == (1, "I paid 30 EUR for a card.", "rosa")
    assert ledger.cases.read(INCIDENT, NOW).questions.open == 0


def test_a_question_of_another_person_is_no_claim(ledger: Ledger) -> None:
    ledger.questions.ask(INCIDENT, an_asked(person=2, at=NOW), NOW)
    with pytest.raises(NotAllowed, match="not of person 1"):
        claimed(ledger, question=1)


def test_signals_are_shown_and_decide_nothing(ledger: Ledger) -> None:
    for number in (1, 2):
        claimed(ledger, "20", person=number, once=f"{number}")
    assert ledger.claims.signals(INCIDENT) == {
        1: (Signal.SAME_ACCOUNT, Signal.SAME_DEVICE),
        2: (Signal.SAME_ACCOUNT, Signal.SAME_DEVICE),
    }
    assert ledger.claims.decide_by_rules(INCIDENT, terms(ledger), NOW) == 2


def test_totals_stand_beside_the_budget(ledger: Ledger) -> None:
    claimed(ledger)
    claimed(ledger, "20", once="b", person=2)
    decided(ledger, 1, "50")
    totals = ledger.claims.totals(INCIDENT, RULES, NOW + timedelta(days=20))
    assert (totals.asked, totals.granted, totals.budget) == (7000, 5000, 100_000)
    assert (totals.claims, totals.open, totals.overdue) == ({"received": 1, "granted": 1}, 2, 1)


def test_an_executive_decides_and_the_chain_verifies(ledger: Ledger) -> None:
    claimed(ledger)
    decided(ledger, 1, "50", EVE)
    assert not ledger.audit.verify()
    acts = [entry.act for entry in ledger.audit.entries(INCIDENT)]
    assert acts[-3:] == ["asked", "claimed", "claim decided"]


def test_no_personal_data_is_in_the_audit_chain(ledger: Ledger) -> None:
    claimed(ledger, text="My cat ate it")
    decided(ledger, 1, "0", OMAR, "Cats do not count")
    said = str([entry.detail for entry in ledger.audit.entries(INCIDENT)])
    assert not any(word in said for word in ("cat", "Cats", "DE89", "192.0.2.7", "Kim"))


def test_a_new_claim_holds_no_words_when_printed() -> None:
    assert "card" not in repr(a_claim())
    assert "DE89" not in repr(a_claim())
