"""A running incident's playbook is replaced by a lead, by two people where something is weaker, and never unseen."""

from datetime import timedelta
from typing import Any

import pytest

from amends.domain.base.errors import ApprovalMissing, NotAllowed, NotInLedger
from amends.domain.case.states import OccurrenceState
from amends.domain.channel.channel import ChannelKind
from amends.domain.notice.notice import NoticeStage
from amends.domain.plan.migration import migration
from amends.domain.playbook.playbook import Playbook
from amends.domain.team.approval import Decision
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from tests.builders import NOW, a_draft, a_person, a_playbook, a_wording, an_incident
from tests.delivery.sending import INCIDENT, bound, looked_over, variants_for

LATER = NOW + timedelta(hours=1)
LENA = Member(name="lena", role=TeamRole.LEAD)
OMAR = Member(name="omar", role=TeamRole.LEGAL)
ROSA = Member(name="rosa", role=TeamRole.RESPONDER)


def changed(step_id: str, **keys: Any) -> Playbook:
    steps = [step.model_dump(by_alias=True) | (keys if step.id == step_id else {}) for step in a_playbook().steps]
    return a_playbook(steps=steps)


def without(step_id: str) -> Playbook:
    return a_playbook(steps=[step.model_dump(by_alias=True) for step in a_playbook().steps if step.id != step_id])


STRONGER = changed("update", at_most=30)
WEAKER = changed("update", every="1d")


@pytest.fixture
def opened(ledger: Ledger) -> Ledger:
    ledger.incidents.open(an_incident(), [a_person(number=number) for number in (1, 2, 3)], "lena", NOW)
    return ledger


@pytest.fixture
def running(opened: Ledger) -> Ledger:
    """A playbook is pinned; lena leads, omar and wei may approve."""
    for member in (LENA, OMAR, Member(name="wei", role=TeamRole.SECURITY)):
        opened.team.add(member.name, member.role, "lena", NOW)
    opened.playbooks.pin(INCIDENT, a_playbook(), a_wording(), "lena", NOW)
    return opened


def replace(ledger: Ledger, new: Playbook, lead: Member = LENA, second: Member | None = None, **changes: Any) -> str:
    given: dict[str, Any] = {"seen": ledger.playbooks.pinned(INCIDENT).content} | changes
    return ledger.playbooks.migrate(INCIDENT, new, a_wording(), lead=lead, second=second, now=LATER, **given)


def test_what_is_not_weaker_a_lead_replaces_alone(running: Ledger) -> None:
    content = replace(running, STRONGER)
    assert running.playbooks.pinned(INCIDENT).playbook == STRONGER
    assert running.cases.read(INCIDENT).pinned == content


@pytest.mark.parametrize("second", [None, LENA, ROSA, OMAR.model_copy(update={"active": False})])
def test_what_is_weaker_nobody_replaces_alone(running: Ledger, second: Member | None) -> None:
    with pytest.raises(NotAllowed, match="second person"):
        replace(running, WEAKER, second=second)
    assert running.playbooks.pinned(INCIDENT).playbook == a_playbook()


def test_two_people_replace_what_is_weaker_and_the_audit_names_both(running: Ledger) -> None:
    replace(running, WEAKER, second=OMAR)
    entry = next(entry for entry in running.audit.entries(INCIDENT) if entry.act == "playbook replaced")
    assert (entry.actor, entry.detail["second"], entry.detail["weaker"]) == ("lena", "omar", 1)


def test_words_that_are_weaker_need_two_people_too(running: Ledger) -> None:
    english = a_wording(phrases={"en": a_wording().phrases["en"]})
    seen = running.playbooks.pinned(INCIDENT).content
    with pytest.raises(NotAllowed, match="second person"):
        running.playbooks.migrate(INCIDENT, a_playbook(), english, seen, LENA, None, LATER)


def test_only_a_lead_replaces_a_playbook(running: Ledger) -> None:
    with pytest.raises(NotAllowed, match="only a lead"):
        replace(running, STRONGER, lead=OMAR)


def test_what_was_not_seen_is_not_replaced(running: Ledger) -> None:
    seen = running.playbooks.pinned(INCIDENT).content
    replace(running, STRONGER)
    with pytest.raises(NotAllowed, match="since you looked"):
        replace(running, changed("update", at_most=40), seen=seen)


def test_without_a_playbook_there_is_nothing_to_replace(opened: Ledger) -> None:
    with pytest.raises(NotInLedger, match="amends run"):
        opened.playbooks.migrate(INCIDENT, a_playbook(), a_wording(), "", LENA, None, NOW)


def test_starting_another_playbook_does_not_replace_the_one_that_runs(running: Ledger) -> None:
    with pytest.raises(NotAllowed, match="amends migrate"):
        running.playbooks.pin(INCIDENT, WEAKER, a_wording(), "lena", LATER, seen="")
    assert running.playbooks.pinned(INCIDENT).playbook == a_playbook()


def test_starting_the_same_playbook_again_changes_nothing(running: Ledger) -> None:
    content = running.playbooks.pinned(INCIDENT).content
    assert running.playbooks.pin(INCIDENT, a_playbook(), a_wording(), "lena", LATER, seen="") == content


# What was approved


def draft(ledger: Ledger) -> str:
    """A first notice as its flow drafts it now; its binding."""
    readers = ledger.notices.audience(INCIDENT, "everyone").readers
    drafted = a_draft(**(bound(ledger) | {"variants": variants_for(readers)}))
    ledger.notices.draft(drafted, NOW)
    looked_over(ledger, drafted)
    return drafted.binding


def approve(ledger: Ledger, binding: str) -> None:
    for name, role in (("omar", TeamRole.LEGAL), ("wei", TeamRole.SECURITY)):
        member = Member(name=name, role=role)
        ledger.approvals.decide(INCIDENT, "first-notice", member, Decision.APPROVE, binding, "", NOW)


def test_approvals_of_what_has_not_left_are_void(running: Ledger) -> None:
    approve(running, draft(running))
    replace(running, STRONGER)
    with pytest.raises(ApprovalMissing):
        running.notices.release(INCIDENT, "first-notice", LATER)


def test_what_is_drafted_anew_has_no_approvals(running: Ledger) -> None:
    before = draft(running)
    approve(running, before)
    replace(running, STRONGER)
    after = draft(running)
    notice = running.cases.read(INCIDENT, NOW).notice("first-notice")
    assert notice is not None
    assert before != after
    assert (notice.stage, notice.approvals, notice.version) == (NoticeStage.DRAFTED, (), 2)


def test_nobody_approves_the_old_words_any_more(running: Ledger) -> None:
    binding = draft(running)
    replace(running, STRONGER)
    with pytest.raises(NotAllowed):
        approve(running, binding)


def test_what_was_released_before_stops_until_it_is_approved_anew(running: Ledger) -> None:
    approve(running, draft(running))
    running.notices.release(INCIDENT, "first-notice", NOW)
    replace(running, STRONGER)
    with pytest.raises(ApprovalMissing):
        running.notices.release(INCIDENT, "first-notice", LATER)
    approve(running, draft(running))
    running.notices.release(INCIDENT, "first-notice", LATER)
    assert (
        sum(running.statistics.people(INCIDENT, "first-notice").values())
        == running.notices.audience(INCIDENT, "everyone").people
    )


def test_a_page_in_hand_is_not_sent_in_replaced_words(running: Ledger) -> None:
    """A page that was claimed before the playbook was replaced may not be sent in the replaced words."""
    approve(running, draft(running))
    running.notices.release(INCIDENT, "first-notice", NOW)
    in_hand = running.deliveries.claim(INCIDENT, "first-notice", list(ChannelKind), 100, NOW)
    replace(running, STRONGER)
    assert running.deliveries.record(in_hand, (), INCIDENT, "first-notice", NOW) == frozenset()


# What has begun


def begin(ledger: Ledger, number: int = 1) -> None:
    ledger.occurrences.mark(INCIDENT, "update", number, NOW, OccurrenceState.WAITING, NOW)


def state(ledger: Ledger, number: int = 1) -> OccurrenceState:
    turns = ledger.cases.read(INCIDENT).occurrences
    return next(turn.state for turn in turns if (turn.step, turn.number) == ("update", number))


def test_a_turn_that_has_begun_is_never_left_without_its_step(running: Ledger) -> None:
    begin(running)
    with pytest.raises(NotAllowed, match="update 1 has begun"):
        replace(running, without("update"), second=OMAR)


def test_a_turn_of_a_step_that_is_gone_is_held_and_a_person_decides(running: Ledger) -> None:
    begin(running)
    planned = migration(running.cases.read(INCIDENT, LATER), without("update"), LATER)
    replace(running, planned.playbook, second=OMAR, hold=planned.hold)
    assert state(running) is OccurrenceState.HELD
    running.occurrences.mark(INCIDENT, "update", 1, NOW, OccurrenceState.SKIPPED, LATER, "decided by lena")
    assert state(running) is OccurrenceState.SKIPPED


def test_turns_that_have_begun_of_other_steps_stay_as_they_are(running: Ledger) -> None:
    begin(running, 3)
    replace(running, STRONGER)
    assert state(running, 3) is OccurrenceState.WAITING


def test_a_refused_replacement_holds_nothing(running: Ledger) -> None:
    begin(running)
    with pytest.raises(NotAllowed):
        replace(running, WEAKER, hold={("update", 1)})
    assert state(running) is OccurrenceState.WAITING
