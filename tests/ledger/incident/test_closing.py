"""Overrides of closing criteria and promises that are carried over, as the ledger keeps them."""

from datetime import timedelta

import pytest

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.case.views.closing import ClosingView
from amends.domain.notice.notice import DeliveryState
from amends.domain.playbook.closing import Criterion, UnmetCriterion
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from amends.ledger.incident.closing import last_latecomer_at, last_question_at, last_receipt_at
from amends.ledger.tables.deliver import DeliveryRow
from tests.builders import NOW, an_asked
from tests.commitments import keep
from tests.delivery.sending import INCIDENT, NOTICE
from tests.ledger.commitment.test_commitments import promise_in
from tests.rewriting import rewrite

DAY = timedelta(days=1)
MEI, OMAR = Member(name="mei", role=TeamRole.LEAD), Member(name="omar", role=TeamRole.LEGAL)
MISSING = (("letters 3", "3 letters wait"),)
REASON = "the print shop has closed"


def pass_over(ledger: Ledger, member: Member, binding: str = "b", reason: str = REASON) -> bool:
    over = ledger.closing.override(
        INCIDENT, UnmetCriterion(Criterion.LETTERS_HANDED_IN, binding, MISSING), member, reason, NOW
    )
    return over.in_force


def acts(ledger: Ledger, act: str) -> int:
    return sum(entry.act == act for entry in ledger.audit.entries(INCIDENT))


def case(ledger: Ledger) -> ClosingView:
    return ledger.views.closing(INCIDENT, NOW)


@pytest.fixture
def promised(ledger: Ledger) -> Ledger:
    """Two promises are open; on each database."""
    return promise_in(ledger)


def test_two_members_pass_over_a_criterion(promised: Ledger) -> None:
    assert [pass_over(promised, MEI), pass_over(promised, OMAR)] == [False, True]
    (over,) = case(promised).closing_overrides
    assert (over.covers, over.what) == (("letters 3",), ("3 letters wait",))
    assert [(voice.by, voice.role, voice.reason) for voice in over.voices] == [
        ("mei", "lead", REASON),
        ("omar", "legal", REASON),
    ]
    assert acts(promised, "closing override") == 2
    assert promised.audit.verify() == ()


def test_the_same_word_again_changes_nothing(promised: Ledger) -> None:
    assert not any(pass_over(promised, MEI) for _ in range(3))
    assert acts(promised, "closing override") == 1


def test_two_members_must_mean_the_same_state(promised: Ledger) -> None:
    pass_over(promised, MEI, binding="b")
    assert not pass_over(promised, OMAR, binding="c")
    assert len(case(promised).closing_overrides) == 2


@pytest.mark.parametrize(
    ("criterion", "missing", "member", "reason"),
    [
        (Criterion.CALM, MISSING, Member(name="wei", role=TeamRole.SECURITY), REASON),
        (Criterion.CALM, MISSING, MEI, " "),
        (Criterion.CALM, (), MEI, REASON),
        (Criterion.QUESTIONS_SETTLED, MISSING, MEI, REASON),
    ],
)
def test_a_word_that_cannot_count_is_refused(
    promised: Ledger, criterion: Criterion, missing: tuple[tuple[str, str], ...], member: Member, reason: str
) -> None:
    with pytest.raises(NotAllowed):
        promised.closing.override(INCIDENT, UnmetCriterion(criterion, "b", missing), member, reason, NOW)
    assert case(promised).closing_overrides == ()


def test_a_promise_is_carried_over_with_owner_and_date(promised: Ledger) -> None:
    due = promised.commitments.get(INCIDENT, "audit").due_at
    for _ in range(2):
        promised.closing.carry_over(INCIDENT, "audit", "mei", due, "omar", NOW)
    (carried,) = case(promised).carried_over
    assert (carried.commitment, carried.owner, carried.due_at, carried.by) == ("audit", "mei", due, "omar")
    promised.closing.carry_over(INCIDENT, "audit", "ruth", due, "omar", NOW + DAY)
    assert [one.owner for one in case(promised).carried_over] == ["ruth"]
    assert acts(promised, "commitment carried over") == 2


def test_a_promise_that_cannot_go_on_is_not_carried_over(promised: Ledger) -> None:
    due = promised.commitments.get(INCIDENT, "audit").due_at
    with pytest.raises(NotAllowed, match="is due"):
        promised.closing.carry_over(INCIDENT, "audit", "mei", due + DAY, "omar", NOW)
    with pytest.raises(NotAllowed, match="a day to come"):
        promised.closing.carry_over(INCIDENT, "audit", "mei", due, "omar", due)
    with pytest.raises(NotInLedger):
        promised.closing.carry_over(INCIDENT, "another", "mei", due, "omar", NOW)
    keep(promised, INCIDENT, "audit", {"*": "Report 17"}, "mei", NOW)
    with pytest.raises(NotAllowed, match="kept already"):
        promised.closing.carry_over(INCIDENT, "audit", "mei", due, "omar", NOW)


def test_the_last_signs_of_people_are_found(promised: Ledger) -> None:
    """The last question, the last receipt and the last correction of the list; a message that only left is no sign."""
    with promised.store.read() as session:
        assert last_question_at(session, INCIDENT) is None
        assert last_receipt_at(session, INCIDENT, [NOTICE]) is None
        assert last_latecomer_at(session, INCIDENT) is None
    promised.questions.ask(INCIDENT, an_asked(person=1, at=NOW + DAY), NOW + DAY)
    rewrite(promised, DeliveryRow, state=DeliveryState.BOUNCED.value, updated_at=NOW + 2 * DAY)
    with promised.store.read() as session:
        assert last_question_at(session, INCIDENT) == NOW + DAY
        assert last_receipt_at(session, INCIDENT, [NOTICE]) == NOW + 2 * DAY
        assert last_receipt_at(session, INCIDENT, []) is None
