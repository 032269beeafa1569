"""A commitment counts as kept when a second member has looked at the evidence; one that will not come is broken."""

from datetime import timedelta

import pytest

from amends.domain.base.errors import NotAllowed
from amends.domain.incident.commitment import CommitmentState
from amends.ledger import Ledger
from tests.builders import NOW
from tests.delivery.sending import INCIDENT
from tests.ledger.commitment.promised import promise

DAY = timedelta(days=1)
PROOF = {"*": "Report 17"}
WHY = {"*": "The firm is closed."}


@pytest.fixture
def promised(ledger_on_sqlite: Ledger) -> Ledger:
    """An audit, due in sixty days."""
    return promise(ledger_on_sqlite, {"id": "audit"})


def untold(ledger: Ledger) -> dict[str, int]:
    return ledger.cases.read(INCIDENT).untold


def test_reported_it_is_open_until_another_member_agrees(promised: Ledger) -> None:
    promised.commitments.keep(INCIDENT, "audit", PROOF, "mei", NOW)
    reported = promised.commitments.get(INCIDENT, "audit")
    assert (reported.state, reported.waits_for_review, untold(promised)) == (CommitmentState.OPEN, True, {})
    promised.commitments.accept(INCIDENT, "audit", "omar", NOW + DAY)
    kept = promised.commitments.get(INCIDENT, "audit")
    assert (kept.state, kept.settled_at, kept.reviewed_by) == (CommitmentState.KEPT, NOW, "omar")
    assert untold(promised) == {"audit": 1}


def test_nobody_reviews_their_own_evidence(promised: Ledger) -> None:
    promised.commitments.keep(INCIDENT, "audit", PROOF, "mei", NOW)
    with pytest.raises(NotAllowed, match="another member must look"):
        promised.commitments.accept(INCIDENT, "audit", "mei", NOW)
    with pytest.raises(NotAllowed, match="another member must look"):
        promised.commitments.refuse(INCIDENT, "audit", "no", "mei", NOW)


def test_what_nobody_reported_is_not_reviewed(promised: Ledger) -> None:
    with pytest.raises(NotAllowed, match="nobody has reported"):
        promised.commitments.accept(INCIDENT, "audit", "omar", NOW)


def test_refused_evidence_leaves_it_open_with_the_reason(promised: Ledger) -> None:
    promised.commitments.keep(INCIDENT, "audit", PROOF, "mei", NOW)
    promised.commitments.refuse(INCIDENT, "audit", "It is a draft.", "omar", NOW)
    still = promised.commitments.get(INCIDENT, "audit")
    assert (still.waits_for_review, still.evidence, still.refusal) == (False, {}, "It is a draft.")
    promised.commitments.keep(INCIDENT, "audit", PROOF, "mei", NOW + DAY)
    assert promised.commitments.get(INCIDENT, "audit").refusal == ""


def test_a_refusal_needs_a_reason(promised: Ledger) -> None:
    promised.commitments.keep(INCIDENT, "audit", PROOF, "mei", NOW)
    with pytest.raises(NotAllowed, match="say why"):
        promised.commitments.refuse(INCIDENT, "audit", " ", "omar", NOW)


def test_who_looked_at_the_first_evidence_looks_at_the_second(promised: Ledger) -> None:
    """Other evidence before anybody was told opens the commitment again, and nobody is told what is not reviewed."""
    promised.commitments.keep(INCIDENT, "audit", PROOF, "mei", NOW)
    promised.commitments.accept(INCIDENT, "audit", "omar", NOW)
    promised.commitments.keep(INCIDENT, "audit", {"*": "Report 18"}, "omar", NOW + DAY)
    assert (promised.commitments.get(INCIDENT, "audit").state, untold(promised)) == (CommitmentState.OPEN, {})
    promised.commitments.accept(INCIDENT, "audit", "mei", NOW + DAY)
    assert untold(promised) == {"audit": 3}


def test_a_delay_not_told_yet_is_told_while_the_review_waits(promised: Ledger) -> None:
    promised.commitments.put_off(INCIDENT, "audit", NOW + 90 * DAY, WHY, "mei", NOW)
    promised.commitments.keep(INCIDENT, "audit", PROOF, "mei", NOW)
    assert untold(promised) == {"audit": 1}


@pytest.mark.parametrize("act", ["put off", "drop", "break"])
def test_reported_it_is_not_given_up_before_the_review(promised: Ledger, act: str) -> None:
    promised.commitments.keep(INCIDENT, "audit", PROOF, "mei", NOW)
    given_up = {
        "put off": lambda: promised.commitments.put_off(INCIDENT, "audit", NOW + 90 * DAY, WHY, "mei", NOW),
        "drop": lambda: promised.commitments.drop(INCIDENT, "audit", WHY, "mei", NOW),
        "break": lambda: promised.commitments.break_word(INCIDENT, "audit", WHY, "mei", NOW + 99 * DAY),
    }
    with pytest.raises(NotAllowed, match="decide on that first"):
        given_up[act]()


def test_past_its_date_it_is_broken_not_dropped(promised: Ledger) -> None:
    after = NOW + 61 * DAY
    with pytest.raises(NotAllowed, match="so it is broken"):
        promised.commitments.drop(INCIDENT, "audit", WHY, "mei", after)
    promised.commitments.break_word(INCIDENT, "audit", WHY, "mei", after)
    assert promised.commitments.get(INCIDENT, "audit").state is CommitmentState.BROKEN
    assert untold(promised) == {"audit": 1}


def test_before_its_date_it_is_not_broken(promised: Ledger) -> None:
    with pytest.raises(NotAllowed, match="to give it up"):
        promised.commitments.break_word(INCIDENT, "audit", WHY, "mei", NOW)


def test_a_new_owner_and_deputy_are_recorded(promised: Ledger) -> None:
    promised.commitments.hand_over(INCIDENT, "audit", "mei", "omar", "lena", NOW)
    audit = promised.commitments.get(INCIDENT, "audit")
    assert (audit.owner, audit.deputy) == ("mei", "omar")
