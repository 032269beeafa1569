"""A promise that was given is kept with evidence, put off or dropped with a reason, and told of."""

from datetime import timedelta

import pytest

from amends.domain.base.errors import ApprovalMissing, NotAllowed, NotInLedger
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.deliver.correction import Ask
from amends.domain.incident.commitment import Chase, CommitmentState, commit
from amends.domain.notice.notice import Draft, NoticeStage
from amends.domain.people.person import Person
from amends.domain.team.approval import Decision
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from amends.ledger.deliver.corrections import Followed
from tests.builders import NOW, a_person, a_promise
from tests.commitments import REVIEWER, keep
from tests.delivery.sending import INCIDENT, approved, approved_again

DAY = timedelta(days=1)
REPORTED = "commitment reported as kept"
REASON = {"en": "The firm is ill.", "zh-CN": "机构延期。"}


@pytest.fixture
def promised(ledger_on_sqlite: Ledger) -> Ledger:
    """The audit was promised to everybody in a first notice that has been released."""
    return promise_in(ledger_on_sqlite)


def promise_in(ledger: Ledger) -> Ledger:
    given = tuple(commit(a_promise(id=name), NOW, "first-notice") for name in ("audit", "fix"))
    approved(ledger, [a_person(number=1)], commitments=given)
    ledger.notices.release(INCIDENT, "first-notice", NOW)
    return ledger


def about(ledger: Ledger, change: int, template: str = "promise-late") -> Draft:
    """A notice about the audit's fate, approved."""
    name = f"{template}-audit-{change}"
    return approved_again(ledger, notice=name, template=template, step="chase", about="audit", change=change)


def untold(ledger: Ledger) -> dict[str, int]:
    return ledger.cases.read(INCIDENT).untold


def test_a_promise_is_open_until_something_becomes_of_it(promised: Ledger) -> None:
    assert {commitment.id: commitment.state for commitment in promised.commitments.all(INCIDENT)} == {
        "audit": "open",
        "fix": "open",
    }
    assert untold(promised) == {}


def test_a_kept_promise_has_evidence_and_is_to_be_told(promised: Ledger) -> None:
    keep(promised, INCIDENT, "audit", {"*": "Report 17"}, "mei", NOW + DAY)
    kept = next(c for c in promised.commitments.all(INCIDENT) if c.id == "audit")
    assert (kept.state, kept.evidence, kept.settled_at) == (CommitmentState.KEPT, {"*": "Report 17"}, NOW + DAY)
    assert untold(promised) == {"audit": 1}


def test_who_gave_the_evidence_wrote_what_is_told_of_it(promised: Ledger) -> None:
    keep(promised, INCIDENT, "audit", {"*": "Report 17"}, "omar", NOW + DAY)
    case = promised.views.drafting(INCIDENT)
    assert (case.earlier_authors_about("audit"), case.earlier_authors_about("fix")) == (("omar",), ())


def test_a_promise_is_not_kept_without_evidence(promised: Ledger) -> None:
    with pytest.raises(NotAllowed, match="evidence"):
        keep(promised, INCIDENT, "audit", {"*": " "}, "mei", NOW)


def test_a_postponed_commitment_keeps_its_first_date(promised: Ledger) -> None:
    """A commitment that is put off keeps its first due date beside the new date and the reason."""
    promised.commitments.put_off(INCIDENT, "audit", NOW + 90 * DAY, REASON, "mei", NOW)
    late = next(c for c in promised.commitments.all(INCIDENT) if c.id == "audit")
    assert (late.due_at, late.new_due_at, late.reason) == (NOW + 60 * DAY, NOW + 90 * DAY, REASON)


def test_a_promise_is_not_put_off_into_the_past(promised: Ledger) -> None:
    with pytest.raises(NotAllowed, match="passed already"):
        promised.commitments.put_off(INCIDENT, "audit", NOW, REASON, "mei", NOW)


@pytest.mark.parametrize("days", [30, 60])
def test_a_commitment_is_not_put_off_to_a_day_that_is_no_later(promised: Ledger, days: int) -> None:
    """A commitment may not be put off to a day that is no later than the day on which it is due."""
    with pytest.raises(NotAllowed, match="no later"):
        promised.commitments.put_off(INCIDENT, "audit", NOW + days * DAY, REASON, "mei", NOW)


def test_a_promise_that_is_put_off_to_the_same_day_again_is_no_news(promised: Ledger) -> None:
    promised.commitments.put_off(INCIDENT, "audit", NOW + 90 * DAY, REASON, "mei", NOW)
    with pytest.raises(NotAllowed, match="put off to then already"):
        promised.commitments.put_off(INCIDENT, "audit", NOW + 90 * DAY, REASON, "omar", NOW + DAY)
    promised.commitments.put_off(INCIDENT, "audit", NOW + 90 * DAY, {"*": "Another reason."}, "mei", NOW + DAY)


def test_a_new_date_brings_new_reminders(promised: Ledger) -> None:
    for chase in Chase:
        promised.commitments.chased(INCIDENT, "audit", chase, NOW)
    promised.commitments.put_off(INCIDENT, "audit", NOW + 90 * DAY, REASON, "mei", NOW)
    late = next(c for c in promised.commitments.all(INCIDENT) if c.id == "audit")
    assert (late.reminded_at, late.escalated_at) == (None, None)


def test_a_chase_is_noted_with_its_time(promised: Ledger) -> None:
    promised.commitments.chased(INCIDENT, "audit", Chase.REMIND, NOW)
    promised.commitments.chased(INCIDENT, "audit", Chase.ESCALATE, NOW + DAY)
    chased = next(c for c in promised.commitments.all(INCIDENT) if c.id == "audit")
    assert (chased.reminded_at, chased.escalated_at) == (NOW, NOW + DAY)


def settle(ledger: Ledger, how: str, words: str = "Report 17") -> None:
    """Keep the audit with this evidence, or drop it for this reason."""
    if how == "keep":
        keep(ledger, INCIDENT, "audit", {"*": words}, "mei", NOW)
    else:
        ledger.commitments.drop(INCIDENT, "audit", {"*": words}, "mei", NOW)


@pytest.mark.parametrize(("how", "otherwise"), [("keep", "drop"), ("drop", "keep")])
def test_what_is_settled_is_not_settled_otherwise(promised: Ledger, how: str, otherwise: str) -> None:
    settle(promised, how)
    with pytest.raises(NotAllowed, match="already"):
        settle(promised, otherwise)
    with pytest.raises(NotAllowed, match="already"):
        promised.commitments.put_off(INCIDENT, "audit", NOW + DAY, REASON, "mei", NOW)


@pytest.mark.parametrize("how", ["keep", "drop"])
def test_the_same_words_again_change_nothing(promised: Ledger, how: str) -> None:
    settle(promised, how)
    with pytest.raises(NotAllowed, match="already"):
        settle(promised, how)
    assert untold(promised) == {"audit": 1}


def test_evidence_is_reworded_until_those_promised_are_told(promised: Ledger) -> None:
    settle(promised, "keep")
    keep(promised, INCIDENT, "audit", {"*": "Report 18"}, "wei", NOW + DAY)
    kept = next(c for c in promised.commitments.all(INCIDENT) if c.id == "audit")
    assert (kept.evidence, kept.settled_at, untold(promised)) == ({"*": "Report 18"}, NOW, {"audit": 3})
    noted = [(entry.actor, entry.act) for entry in promised.audit.entries(INCIDENT) if entry.subject == "audit"]
    reviewed = (REVIEWER, "commitment kept")
    assert noted == [("mei", REPORTED), reviewed, ("wei", REPORTED), reviewed]


def test_a_reason_is_reworded_until_those_promised_are_told(promised: Ledger) -> None:
    settle(promised, "drop")
    settle(promised, "drop", "Nobody does such audits.")
    dropped = next(c for c in promised.commitments.all(INCIDENT) if c.id == "audit")
    assert (dropped.reason, untold(promised)) == ({"*": "Nobody does such audits."}, {"audit": 2})


def test_a_notice_approved_with_replaced_evidence_is_not_released(promised: Ledger) -> None:
    """A notice approved with the first evidence of a kept commitment is not released after the evidence changed."""
    settle(promised, "keep")
    draft = about(promised, change=1, template="promise-kept")
    settle(promised, "keep", "Report 18")
    with pytest.raises(ApprovalMissing, match="overtaken"):
        promised.notices.release(INCIDENT, draft.notice, NOW)


@pytest.mark.parametrize("how", ["keep", "drop"])
def test_once_its_notice_is_let_go_the_words_stay(ledger: Ledger, how: str) -> None:
    settle(promise_in(ledger), how)
    ledger.notices.release(INCIDENT, about(ledger, change=1).notice, NOW)
    with pytest.raises(NotAllowed, match="those promised were told so"):
        settle(ledger, how, "Report 18")


def test_evidence_stays_once_the_people_concerned_were_told(promised: Ledger) -> None:
    """The evidence of a kept commitment cannot be changed once the people concerned were told of it.

    The notice that told of the earlier postponement does not count for that.
    """
    promised.commitments.put_off(INCIDENT, "audit", NOW + 90 * DAY, REASON, "mei", NOW)
    send(promised, about(promised, change=1))
    settle(promised, "keep")
    settle(promised, "keep", "Report 18")
    send(promised, about(promised, change=4, template="promise-kept"))
    with pytest.raises(NotAllowed, match="those promised were told so"):
        settle(promised, "keep", "Report 19")


def test_an_unknown_promise_is_named(promised: Ledger) -> None:
    with pytest.raises(NotInLedger, match="no commitment holiday"):
        keep(promised, INCIDENT, "holiday", {"*": "x"}, "mei", NOW)


def test_when_the_notice_about_it_was_sent_those_promised_know(promised: Ledger) -> None:
    promised.commitments.drop(INCIDENT, "audit", REASON, "mei", NOW)
    send(promised, about(promised, change=1))
    assert untold(promised) == {}


def test_a_change_after_a_notice_was_drafted_is_still_to_be_told(promised: Ledger) -> None:
    """A commitment's change after a notice about an earlier change was drafted is still to be told."""
    promised.commitments.put_off(INCIDENT, "audit", NOW + 90 * DAY, REASON, "mei", NOW)
    draft = about(promised, change=1)
    promised.notices.release(INCIDENT, draft.notice, NOW)
    keep(promised, INCIDENT, "audit", {"*": "Report 17"}, "mei", NOW)
    send(promised, draft)
    assert untold(promised) == {"audit": 2}


def test_an_overtaken_draft_is_never_released_nor_up_for_approval(promised: Ledger) -> None:
    """A draft about a commitment that a later change overtook is never released, and nobody is asked to approve it."""
    promised.commitments.put_off(INCIDENT, "audit", NOW + 90 * DAY, REASON, "mei", NOW)
    draft = about(promised, change=1)
    keep(promised, INCIDENT, "audit", {"*": "Report 17"}, "mei", NOW)
    assert promised.cases.read(INCIDENT).notice(draft.notice) is None
    with pytest.raises(ApprovalMissing, match="overtaken"):
        promised.notices.release(INCIDENT, draft.notice, NOW)


def correct(ledger: Ledger, *people: Person) -> tuple[Followed, ...]:
    correction = ledger.corrections.compare(INCIDENT, people)
    said = {ask: correction.difference.counts[ask] for ask in Ask}
    return ledger.corrections.apply(correction, said, "", "lena", NOW)


def test_a_commitment_notice_follows_the_people_left_on_the_list(ledger: Ledger) -> None:
    """A notice about a commitment is dropped when a corrected list leaves nobody to tell.

    The notice is drafted afresh when a later list brings somebody back.
    """
    settle(promise_in(ledger), "keep")
    draft = about(ledger, change=1, template="promise-kept")
    correct(ledger)
    assert ledger.corrections.end_notice(INCIDENT, draft.notice, NOW)
    assert untold(ledger) == {}
    followed = correct(ledger, a_person(number=1))
    assert [(one.notice, one.not_told, one.drafted_afresh) for one in followed][-1] == (draft.notice, 1, True)
    assert untold(ledger) == {"audit": 1}
    status = ledger.cases.read(INCIDENT).notice(draft.notice)
    assert status and (status.stage, status.current) == (NoticeStage.APPROVED, False)


def test_nobody_approves_what_is_dropped(promised: Ledger) -> None:
    settle(promised, "keep")
    draft = about(promised, change=1, template="promise-kept")
    correct(promised)
    promised.corrections.end_notice(INCIDENT, draft.notice, NOW)
    member = Member(name="rosa", role=TeamRole.LEGAL)
    promised.team.add(member.name, member.role, "lena", NOW)
    with pytest.raises(NotAllowed, match="nobody left whom it would tell"):
        promised.approvals.decide(INCIDENT, draft.notice, member, Decision.APPROVE, draft.binding, "", NOW)


def test_a_notice_does_not_end_while_somebody_has_no_message_of_it(promised: Ledger) -> None:
    """A notice about a commitment does not end as long as somebody has no message of the notice."""
    settle(promised, "keep")
    draft = about(promised, change=1, template="promise-kept")
    assert not promised.corrections.end_notice(INCIDENT, draft.notice, NOW)


def send(ledger: Ledger, draft: Draft) -> None:
    """Release it and let every message leave."""

    ledger.notices.release(INCIDENT, draft.notice, NOW)
    claims = ledger.deliveries.claim(INCIDENT, draft.notice, tuple(ChannelKind), 100, NOW)
    ledger.deliveries.record(
        (), [(claim, Receipt(claim.key, Status.SENT)) for claim in claims], INCIDENT, draft.notice, NOW
    )
    assert ledger.deliveries.finish(INCIDENT, draft.notice, NOW)
