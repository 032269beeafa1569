"""Approval binds exactly what leaves, and every person has exactly one state per notice."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain

import pytest
from sqlalchemy import text
from sqlmodel import select

from amends.domain.base.errors import AlreadyInLedger, ApprovalMissing, NotAllowed, NotInLedger
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, ReceiptCause, Status
from amends.domain.deliver.cascade import FIRST_WAIT, SPREAD
from amends.domain.law.addendum import GENERAL, Addenda, Addendum, Item
from amends.domain.notice.notice import DeliveryState, Draft, NoticeStage, PersonState, Reader, TextName
from amends.domain.people.person import Flag, Person
from amends.domain.team.approval import Decision
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Claim, Ledger
from amends.ledger.deliver import deliveries
from amends.ledger.notice.first_messages import FirstMessages
from amends.ledger.store.sums import store_messages
from amends.ledger.tables.deliver import DeliveryRow
from tests.builders import NOW, a_draft, a_member, a_person, a_playbook, a_promise, a_wording, an_incident
from tests.delivery.sending import bound, looked_over, variants_for
from tests.remembered import remembered

INCIDENT = "november-breach"
LATER = NOW + timedelta(minutes=10)
HOUR_LATER = NOW + timedelta(hours=1)
"""When the lease of whoever claimed at NOW has run out."""
EVERY_CHANNEL = tuple(ChannelKind)


def people() -> list[Person]:
    return [
        a_person(number=1),
        a_person(number=2, locale="zh-CN", phone=""),
        a_person(number=3, email=""),
        a_person(number=4, email="", phone=""),
        a_person(number=5, flags=frozenset({Flag.MINOR})),
        a_person(number=6, guardian_of="C-00005", data=()),
        a_person(number=7, flags=frozenset({Flag.MINOR})),
        a_person(number=8, flags=frozenset({Flag.DECEASED})),
    ]


@pytest.fixture
def opened(ledger: Ledger) -> Ledger:
    return with_an_incident(ledger)


def with_an_incident(ledger: Ledger) -> Ledger:
    open_incident(ledger)
    return ledger


@remembered
def open_incident(ledger: Ledger) -> None:
    ledger.incidents.open(an_incident(), people(), "lena", NOW)
    ledger.playbooks.pin(INCIDENT, a_playbook(), a_wording(), "lena", NOW)
    for name, role in (("omar", TeamRole.LEGAL), ("wei", TeamRole.SECURITY), ("lena", TeamRole.LEAD)):
        ledger.team.add(name, role, "lena", NOW)


def current_draft(ledger: Ledger, **changes: object) -> Draft:
    readers = ledger.notices.audience(INCIDENT, "everyone").readers
    return a_draft(**(bound(ledger) | {"variants": variants_for(readers)} | changes))


def approve(ledger: Ledger, draft: Draft, *names: str) -> None:
    looked_over(ledger, draft)
    for name in names:
        member = Member(name=name, role=TeamRole.LEGAL)
        ledger.approvals.decide(draft.incident, draft.notice, member, Decision.APPROVE, draft.binding, "", NOW)


@remembered
def release(ledger: Ledger, **changes: object) -> Draft:
    draft = current_draft(ledger, **changes)
    ledger.notices.draft(draft, NOW)
    approve(ledger, draft, "omar", "wei")
    return ledger.notices.release(INCIDENT, draft.notice, NOW)


def answer_all(ledger: Ledger, status: Status, *, only: ChannelKind | None = None) -> None:
    channels = (only,) if only else EVERY_CHANNEL
    while claims := ledger.deliveries.claim(INCIDENT, "first-notice", channels, 100, LATER):
        ledger.deliveries.record(claims, (), INCIDENT, "first-notice", LATER)
        ledger.deliveries.record(
            (), [(claim, Receipt(claim.key, status, "x")) for claim in claims], INCIDENT, "first-notice", LATER
        )


def email_of(ledger: Ledger, person: int) -> DeliveryState:
    lines = ledger.statistics.lines(INCIDENT, "first-notice")
    return next(line.state for line in lines if (line.person, line.channel) == (person, ChannelKind.EMAIL))


def test_one_approval_of_two_is_not_enough(opened: Ledger) -> None:
    draft = current_draft(opened)
    opened.notices.draft(draft, NOW)
    approve(opened, draft, "omar")
    with pytest.raises(ApprovalMissing, match="1 more"):
        opened.notices.release(INCIDENT, draft.notice, NOW)


def test_the_same_approver_twice_counts_once(opened: Ledger) -> None:
    draft = current_draft(opened)
    opened.notices.draft(draft, NOW)
    approve(opened, draft, "omar", "omar")
    with pytest.raises(ApprovalMissing):
        opened.notices.release(INCIDENT, draft.notice, NOW)


def test_the_author_may_not_approve(opened: Ledger) -> None:
    draft = current_draft(opened)
    opened.notices.draft(draft, NOW)
    with pytest.raises(NotAllowed, match="wrote"):
        opened.approvals.decide(INCIDENT, draft.notice, a_member(name="lena"), Decision.APPROVE, draft.binding, "", NOW)


def test_an_approval_of_another_text_does_not_count(opened: Ledger) -> None:
    draft = current_draft(opened)
    opened.notices.draft(draft, NOW)
    with pytest.raises(NotAllowed, match="another by now"):
        opened.approvals.decide(INCIDENT, draft.notice, a_member(), Decision.APPROVE, "0" * 64, "", NOW)


def test_amended_facts_void_the_approvals(opened: Ledger) -> None:
    draft = current_draft(opened)
    opened.notices.draft(draft, NOW)
    approve(opened, draft, "omar", "wei")
    opened.incidents.amend(an_incident(title="Two databases copied"), "lena", NOW)
    with pytest.raises(ApprovalMissing, match="changed"):
        opened.notices.release(INCIDENT, draft.notice, NOW)


def test_amended_facts_stop_a_send_that_runs(opened: Ledger) -> None:
    release(opened)
    opened.incidents.amend(an_incident(title="Two databases copied"), "lena", NOW)
    with pytest.raises(ApprovalMissing):
        opened.deliveries.claim(INCIDENT, "first-notice", EVERY_CHANNEL, 10, LATER)


def test_a_second_run_of_an_occurrence_replaces_no_kept_draft(opened: Ledger) -> None:
    """When two runs draft the same occurrence, the draft of the second run does not replace the draft that was kept.

    The kept draft may be approved before the second run is through, and must lose no approval.
    """
    first, second = current_draft(opened), current_draft(opened, dated=LATER)
    assert opened.notices.draft(first, NOW, seen=0) == 1
    approve(opened, first, "omar", "wei")
    assert opened.notices.draft(second, LATER, seen=0) == 1
    assert opened.notices.release(INCIDENT, first.notice, LATER).binding == first.binding
    answer_all(opened, Status.SENT)
    assert opened.deliveries.finish(INCIDENT, first.notice, LATER)
    opened.incidents.amend(an_incident(title="Two databases copied"), "lena", LATER)
    assert opened.notices.draft(current_draft(opened), LATER, seen=0) == 1, "everybody has been told by then"


def test_a_draft_replaces_one_that_was_seen_or_may_not_be_sent(opened: Ledger) -> None:
    """A draft replaces an earlier draft that its run has seen, or that may not be sent since the facts changed."""
    opened.notices.draft(current_draft(opened), NOW, seen=0)
    assert opened.notices.draft(current_draft(opened, dated=LATER), LATER, seen=1) == 2
    opened.incidents.amend(an_incident(title="Two databases copied"), "lena", LATER)
    assert opened.notices.draft(current_draft(opened), LATER, seen=0) == 3


def test_a_member_who_left_the_team_no_longer_counts(opened: Ledger) -> None:
    draft = current_draft(opened)
    opened.notices.draft(draft, NOW)
    approve(opened, draft, "omar", "wei")
    opened.team.remove("wei", "lena", NOW)
    with pytest.raises(ApprovalMissing):
        opened.notices.release(INCIDENT, draft.notice, NOW)


def test_every_person_stands_in_exactly_one_state(opened: Ledger) -> None:
    release(opened)
    answer_all(opened, Status.SENT)
    opened.deliveries.finish(INCIDENT, "first-notice", LATER)
    (notice,) = opened.cases.read(INCIDENT).notices
    assert notice.people == {PersonState.SENT: 4, PersonState.UNREACHABLE: 1, PersonState.HELD: 3}
    assert sum(notice.people.values()) == len(people())
    assert notice.stage is NoticeStage.SENT


def test_a_child_is_told_through_its_guardian(opened: Ledger) -> None:
    release(opened)
    claims = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 100, LATER)
    child = next(claim for claim in claims if claim.about and claim.about.number == 5)
    assert child.to and child.to.number == 6
    assert child.text.reader == "guardian"


def test_only_an_email_has_a_domain_that_can_be_in_trouble(opened: Ledger) -> None:
    release(opened)
    for channel, domains in ((ChannelKind.EMAIL, {"mail.example"}), (ChannelKind.SMS, {""})):
        claims = opened.deliveries.claim(INCIDENT, "first-notice", [channel], 10, NOW)
        assert {claim.domain for claim in claims} == domains


def test_releasing_twice_stores_nothing_twice(opened: Ledger) -> None:
    release(opened)
    before = opened.statistics.lines(INCIDENT, "first-notice")
    opened.notices.release(INCIDENT, "first-notice", LATER)
    assert opened.statistics.lines(INCIDENT, "first-notice") == before


def test_a_claimed_message_is_nobody_elses(opened: Ledger) -> None:
    release(opened)
    first = opened.deliveries.claim(INCIDENT, "first-notice", EVERY_CHANNEL, 100, LATER)
    assert first
    assert opened.deliveries.claim(INCIDENT, "first-notice", EVERY_CHANNEL, 100, LATER) == ()


def test_after_a_crash_marked_messages_are_uncertain_others_wait(opened: Ledger) -> None:
    """After a crash, messages that surely were not sent wait again, and marked messages are uncertain."""
    release(opened)
    claims = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 2, NOW)
    opened.deliveries.record(claims[:1], (), INCIDENT, "first-notice", NOW)
    assert opened.deliveries.recover(INCIDENT, "first-notice", NOW + timedelta(hours=1)) == 1
    again = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 100, NOW + timedelta(hours=1))
    assert claims[0].id not in {claim.id for claim in again}
    assert claims[1].id in {claim.id for claim in again}


def test_a_crash_frees_a_page_in_whatever_order_it_was_found(opened: Ledger) -> None:
    """After a crash no message of the page stays in hand, in whatever order the claim found the messages."""
    release(opened)
    opened.deliveries.give_back(opened.deliveries.claim(INCIDENT, "first-notice", EVERY_CHANNEL, 1, NOW), NOW)
    page = [claim.id for claim in opened.deliveries.claim(INCIDENT, "first-notice", EVERY_CHANNEL, 100, NOW)]
    assert page != sorted(page)
    opened.deliveries.recover(INCIDENT, "first-notice", HOUR_LATER)
    again = opened.deliveries.claim(INCIDENT, "first-notice", EVERY_CHANNEL, 100, HOUR_LATER)
    assert {claim.id for claim in again} == set(page)


def test_the_audit_counts_what_crashed_workers_left(opened: Ledger) -> None:
    """The audit chain says how many messages crashed workers had not tried and how many are uncertain.

    One entry counts the messages of all channels.
    """
    release(opened)
    for channel in (ChannelKind.EMAIL, ChannelKind.SMS):
        claims = opened.deliveries.claim(INCIDENT, "first-notice", [channel], 3, NOW)
        opened.deliveries.record(claims[:1], (), INCIDENT, "first-notice", NOW)
    opened.deliveries.recover(INCIDENT, "first-notice", HOUR_LATER)
    (recovered,) = [entry.detail for entry in opened.audit.entries(INCIDENT) if entry.act == "recovered"]
    assert recovered == {"waiting": 4, "uncertain": 2}


def test_a_recovery_leaves_alone_what_another_worker_holds(opened: Ledger) -> None:
    """When messages of a crashed worker are freed, messages between them that another worker holds stay with it."""
    release(opened)
    emails = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 100, NOW)
    texts = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.SMS], 100, HOUR_LATER)
    assert any(min(emails).id < text.id < max(emails).id for text in texts)
    opened.deliveries.recover(INCIDENT, "first-notice", HOUR_LATER)
    both = [ChannelKind.EMAIL, ChannelKind.SMS]
    assert {claim.id for claim in opened.deliveries.claim(INCIDENT, "first-notice", both, 100, HOUR_LATER)} == {
        claim.id for claim in emails
    }


def test_what_two_workers_hold_is_pending_once(opened: Ledger) -> None:
    release(opened)
    before = opened.deliveries.pending(INCIDENT, "first-notice")
    for channel in (ChannelKind.EMAIL, ChannelKind.SMS):
        assert opened.deliveries.claim(INCIDENT, "first-notice", [channel], 100, NOW)
    assert opened.deliveries.pending(INCIDENT, "first-notice") == before


def test_a_worker_on_one_channel_is_not_waited_for_on_another(opened: Ledger) -> None:
    """A worker that holds messages of one channel counts as at work on that channel only."""
    release(opened)
    assert opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 1, NOW)
    at_work = {kind for kind in ChannelKind if opened.deliveries.at_work(INCIDENT, "first-notice", [kind])}
    assert at_work == {ChannelKind.EMAIL}


def test_a_lease_of_which_something_is_in_hand_does_not_end(opened: Ledger) -> None:
    release(opened)
    (held,) = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 1, NOW)
    opened.deliveries.record([held], (), INCIDENT, "first-notice", NOW)
    opened.deliveries.end_leases([held.lease], {}, INCIDENT, "first-notice", NOW)
    assert opened.deliveries.recover(INCIDENT, "first-notice", HOUR_LATER) == 1
    assert email_of(opened, 1) == DeliveryState.UNCERTAIN


def test_what_became_uncertain_is_not_given_back(opened: Ledger) -> None:
    release(opened)
    (old,) = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 1, NOW)
    opened.deliveries.record([old], (), INCIDENT, "first-notice", NOW)
    opened.deliveries.recover(INCIDENT, "first-notice", HOUR_LATER)
    opened.deliveries.give_back([old], HOUR_LATER)
    assert email_of(opened, 1) == DeliveryState.UNCERTAIN


def test_what_another_holds_by_now_is_not_given_back(opened: Ledger) -> None:
    release(opened)
    (old,) = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 1, NOW)
    opened.deliveries.recover(INCIDENT, "first-notice", HOUR_LATER)
    assert old.id in {
        claim.id for claim in opened.deliveries.claim(INCIDENT, "first-notice", EVERY_CHANNEL, 100, HOUR_LATER)
    }
    opened.deliveries.give_back([old], HOUR_LATER)
    assert email_of(opened, 1) == DeliveryState.CLAIMED


def test_a_worker_that_fell_behind_can_neither_mark_nor_record(opened: Ledger) -> None:
    release(opened)
    (old,) = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 1, NOW)
    opened.deliveries.recover(INCIDENT, "first-notice", HOUR_LATER)
    assert opened.deliveries.record([old], (), INCIDENT, "first-notice", HOUR_LATER) == frozenset()
    opened.deliveries.record((), [(old, Receipt(old.key, Status.SENT))], INCIDENT, "first-notice", HOUR_LATER)
    assert email_of(opened, 1) == DeliveryState.WAITING


def test_a_late_answer_changes_nothing_that_another_worker_holds(opened: Ledger) -> None:
    """A late answer of a worker whose lease was taken over changes nothing of a message that another worker holds."""
    release(opened)
    (old,) = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 1, NOW)
    opened.deliveries.recover(INCIDENT, "first-notice", HOUR_LATER)
    assert old.id in {
        claim.id for claim in opened.deliveries.claim(INCIDENT, "first-notice", EVERY_CHANNEL, 100, HOUR_LATER)
    }
    opened.deliveries.record((), [(old, Receipt(old.key, Status.DEFERRED))], INCIDENT, "first-notice", HOUR_LATER)
    assert email_of(opened, 1) == DeliveryState.CLAIMED


def test_an_answer_after_a_report_does_not_undo_the_report(opened: Ledger) -> None:
    """An answer that comes after a report changes nothing of a message that is known to have bounced."""
    release(opened)
    (claim,) = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 1, NOW)
    opened.deliveries.record([claim], (), INCIDENT, "first-notice", NOW)
    with opened.store.write() as write:
        write.session.connection().exec_driver_sql(f"UPDATE delivery SET state = 'bounced' WHERE id = {claim.id}")
    opened.deliveries.record((), [(claim, Receipt(claim.key, Status.SENT))], INCIDENT, "first-notice", NOW)
    assert email_of(opened, 1) == DeliveryState.BOUNCED


def test_a_late_answer_still_settles_what_its_worker_had_marked(opened: Ledger) -> None:
    release(opened)
    (old,) = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 1, NOW)
    assert opened.deliveries.record([old], (), INCIDENT, "first-notice", NOW) == {old.id}
    opened.deliveries.recover(INCIDENT, "first-notice", HOUR_LATER)
    assert email_of(opened, 1) == DeliveryState.UNCERTAIN
    opened.deliveries.record((), [(old, Receipt(old.key, Status.SENT))], INCIDENT, "first-notice", HOUR_LATER)
    assert email_of(opened, 1) == DeliveryState.SENT


def test_a_late_answer_does_not_count_once_a_message_is_sent_again(opened: Ledger) -> None:
    """A late answer to the first try does not count once a team member has the message sent again."""
    release(opened)
    (old,) = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 1, NOW)
    opened.deliveries.record([old], (), INCIDENT, "first-notice", NOW)
    opened.deliveries.recover(INCIDENT, "first-notice", HOUR_LATER)
    opened.decisions.send_again(INCIDENT, "first-notice", 1, a_member(), HOUR_LATER)
    opened.deliveries.record((), [(old, Receipt(old.key, Status.SENT))], INCIDENT, "first-notice", HOUR_LATER)
    assert email_of(opened, 1) == DeliveryState.WAITING


@pytest.mark.parametrize("in_hand", [False, True], ids=["it waits again", "another holds it"])
def test_an_answer_that_does_not_count_hands_nothing_over(opened: Ledger, *, in_hand: bool) -> None:
    release(opened, channels=(ChannelKind.WEBSITE, ChannelKind.EMAIL))
    (old,) = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 1, NOW)
    opened.deliveries.recover(INCIDENT, "first-notice", HOUR_LATER)
    if in_hand:
        assert old.id in {
            claim.id for claim in opened.deliveries.claim(INCIDENT, "first-notice", EVERY_CHANNEL, 100, HOUR_LATER)
        }
    opened.deliveries.record((), [(old, Receipt(old.key, Status.REJECTED))], INCIDENT, "first-notice", HOUR_LATER)
    assert {line.channel for line in opened.statistics.lines(INCIDENT, "first-notice") if line.person == 1} == {"email"}


def of_the_first_person(ledger: Ledger) -> dict[str, str]:
    lines = ledger.statistics.lines(INCIDENT, "first-notice")
    return {line.channel.value: line.state.value for line in lines if line.person == 1}


def test_a_late_refusal_of_an_uncertain_message_hands_over(opened: Ledger) -> None:
    """A late refusal of a message that became uncertain makes the message failed, and the next channel takes over."""
    release(opened, channels=(ChannelKind.WEBSITE, ChannelKind.EMAIL))
    (old,) = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 1, NOW)
    opened.deliveries.record([old], (), INCIDENT, "first-notice", NOW)
    opened.deliveries.recover(INCIDENT, "first-notice", HOUR_LATER)
    opened.deliveries.record((), [(old, Receipt(old.key, Status.REJECTED))], INCIDENT, "first-notice", HOUR_LATER)
    assert of_the_first_person(opened) == {"email": "failed", "sms": "waiting"}


def test_a_refusal_of_what_is_known_to_be_there_hands_nothing_over(opened: Ledger) -> None:
    release(opened, channels=(ChannelKind.WEBSITE, ChannelKind.EMAIL))
    (claim,) = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 1, NOW)
    opened.deliveries.record([claim], (), INCIDENT, "first-notice", NOW)
    with opened.store.write() as write:
        write.session.connection().exec_driver_sql(f"UPDATE delivery SET state = 'delivered' WHERE id = {claim.id}")
    opened.deliveries.record((), [(claim, Receipt(claim.key, Status.REJECTED))], INCIDENT, "first-notice", NOW)
    assert of_the_first_person(opened) == {"email": "delivered"}


def test_a_stop_waits_only_for_answers_to_messages_maybe_sent(opened: Ledger) -> None:
    """A stop waits for the answers to messages that may have been sent, and for no others.

    A message that was answered, deferred or claimed anew is not waited for.
    """
    release(opened)
    first, second, _ = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 3, NOW)
    opened.deliveries.record([first, second], (), INCIDENT, "first-notice", NOW)
    assert opened.deliveries.unanswered(INCIDENT) == 2
    opened.deliveries.record((), [(first, Receipt(first.key, Status.SENT))], INCIDENT, "first-notice", NOW)
    assert opened.deliveries.unanswered(INCIDENT) == 1
    put_off = Receipt(second.key, Status.DEFERRED, "451 try again later", retry_after=60)
    opened.deliveries.record((), [(second, put_off)], INCIDENT, "first-notice", NOW)
    again = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 1, LATER)
    assert [claim.id for claim in again] == [second.id]
    assert opened.deliveries.unanswered(INCIDENT) == 0


def test_a_lease_that_is_renewed_is_not_taken_over(opened: Ledger) -> None:
    release(opened)
    (held,) = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 1, NOW)
    opened.deliveries.renew([held.lease], HOUR_LATER - timedelta(minutes=1))
    opened.deliveries.recover(INCIDENT, "first-notice", HOUR_LATER)
    assert opened.deliveries.record([held], (), INCIDENT, "first-notice", HOUR_LATER) == {held.id}


def test_who_renews_a_lease_holds_no_other_with_it(opened: Ledger) -> None:
    release(opened)
    for channel in (ChannelKind.EMAIL, ChannelKind.SMS):
        held = opened.deliveries.claim(INCIDENT, "first-notice", [channel], 100, NOW)
    opened.deliveries.renew([held[0].lease], HOUR_LATER - timedelta(minutes=1))
    opened.deliveries.recover(INCIDENT, "first-notice", HOUR_LATER)
    again = opened.deliveries.claim(INCIDENT, "first-notice", EVERY_CHANNEL, 100, HOUR_LATER)
    assert {claim.channel for claim in again if claim.about} == {ChannelKind.EMAIL}


def test_what_is_given_back_waits_again_as_if_nobody_had_held_it(opened: Ledger) -> None:
    release(opened)
    (held,) = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 1, NOW)
    opened.deliveries.give_back([held], NOW)
    everything = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 100, NOW)
    again = next(claim for claim in everything if claim.id == held.id)
    assert again.attempts == held.attempts
    assert again.lease != held.lease


@pytest.mark.parametrize("what", ["paused", "amended"])
def test_a_claimed_message_is_not_sent_after_a_pause_or_amendment(opened: Ledger, what: str) -> None:
    """A message that was claimed before the incident was paused or its facts were amended may not be sent."""
    release(opened)
    claims = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 2, NOW)
    if what == "paused":
        opened.incidents.pause(INCIDENT, "lena", NOW)
    else:
        opened.incidents.amend(an_incident(title="Two databases copied"), "lena", NOW)
    assert opened.deliveries.record(claims, (), INCIDENT, "first-notice", NOW) == frozenset()


def test_a_channel_that_fails_for_good_hands_over_to_the_next(opened: Ledger) -> None:
    release(opened, channels=(ChannelKind.WEBSITE, ChannelKind.EMAIL))
    answer_all(opened, Status.REJECTED, only=ChannelKind.EMAIL)
    by_sms = {
        claim.about.number
        for claim in opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.SMS], 100, LATER)
        if claim.about
    }
    assert by_sms == {1, 3, 5}


def test_what_the_relay_said_of_whom_it_refused_is_kept(opened: Ledger) -> None:
    release(opened)
    (claim,) = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 1, NOW)
    refused = Receipt(claim.key, Status.REJECTED, "550 5.1.1 no such user")
    opened.deliveries.record((), [(claim, refused)], INCIDENT, "first-notice", NOW)
    lines = opened.statistics.lines(INCIDENT, "first-notice")
    assert [line.detail for line in lines if line.state == "failed"] == ["550 5.1.1 no such user"]


def test_a_deferred_message_waits_for_its_time(opened: Ledger) -> None:
    release(opened)
    answer_all(opened, Status.DEFERRED, only=ChannelKind.EMAIL)
    assert opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 100, LATER) == ()
    assert opened.deliveries.claim(
        INCIDENT, "first-notice", [ChannelKind.EMAIL], 100, LATER + (1 + SPREAD) * FIRST_WAIT
    )


@pytest.mark.parametrize(
    ("why", "tries"), [(ReceiptCause.DOMAIN_STOPPED, 1), (ReceiptCause.POSTPONED, 1), (ReceiptCause.NONE, 4)]
)
def test_what_we_put_off_ourselves_counts_as_no_try(opened: Ledger, why: ReceiptCause, tries: int) -> None:
    release(opened)
    for turn in range(4):
        moment = NOW + turn * timedelta(minutes=1)
        held, *others = sorted(opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 100, moment))
        receipt = Receipt(held.key, Status.DEFERRED, "451 4.7.1", retry_after=30, cause=why)
        opened.deliveries.record((), [(held, receipt)], INCIDENT, "first-notice", moment)
        opened.deliveries.give_back(others, moment)
    assert held.attempts == tries


def test_who_was_put_off_does_not_wait_for_the_end_of_a_long_send(opened: Ledger) -> None:
    release(opened)
    put_off, other = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 2, NOW)
    opened.deliveries.give_back([other], NOW)
    receipt = Receipt(put_off.key, Status.DEFERRED, "450 4.2.0", retry_after=30)
    opened.deliveries.record((), [(put_off, receipt)], INCIDENT, "first-notice", NOW)
    (first,) = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 2, LATER)
    assert first.id == put_off.id
    assert len(opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 2, LATER)) == 2


def test_the_numbers_of_a_page_that_was_put_off_are_not_far_apart(
    opened: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "SPAN", 1)
    release(opened)
    claims = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 100, NOW)
    answers = [(claim, Receipt(claim.key, Status.DEFERRED, "450 4.2.0", retry_after=30)) for claim in claims]
    opened.deliveries.record((), answers, INCIDENT, "first-notice", NOW)
    pages = []
    while page := opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 100, LATER):
        pages.append([claim.id for claim in page])
    assert sorted(chain.from_iterable(pages)) == sorted(claim.id for claim in claims)
    assert len(pages) > 1
    assert all(max(page) - min(page) <= 2 for page in pages)


def test_the_same_answer_that_is_kept_again_gives_no_try_back(opened: Ledger) -> None:
    release(opened)
    (held,) = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 1, NOW)
    receipt = Receipt(held.key, Status.DEFERRED, "451 4.7.1", retry_after=30)
    opened.deliveries.record((), [(held, receipt)], INCIDENT, "first-notice", NOW)
    put_off = replace(receipt, cause=ReceiptCause.DOMAIN_STOPPED)
    (held,) = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 1, LATER)
    for _ in range(3):
        opened.deliveries.record((), [(held, put_off)], INCIDENT, "first-notice", LATER)
    (held,) = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 1, LATER + timedelta(minutes=1))
    assert held.attempts == 2


def test_what_is_pending_is_a_plain_number(opened: Ledger) -> None:
    release(opened)
    opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 1, NOW)
    assert type(opened.deliveries.pending(INCIDENT, "first-notice")) is int


def test_nothing_is_sent_again_that_is_not_uncertain(opened: Ledger) -> None:
    release(opened)
    with pytest.raises(NotInLedger, match="uncertain for person 7"):
        opened.decisions.send_again(INCIDENT, "first-notice", 7, a_member(), LATER)


def test_a_notice_of_an_unknown_incident_is_an_unknown_incident(opened: Ledger) -> None:
    with pytest.raises(NotInLedger, match="no incident nope"):
        opened.notices.latest_draft("nope", "first-notice")


def test_a_paused_incident_sends_nothing(opened: Ledger) -> None:
    release(opened)
    opened.incidents.pause(INCIDENT, "lena", NOW)
    with pytest.raises(NotAllowed, match="paused"):
        opened.deliveries.claim(INCIDENT, "first-notice", EVERY_CHANNEL, 10, LATER)


def test_only_a_person_sends_an_uncertain_message_again(opened: Ledger) -> None:
    release(opened)
    claims = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 1, NOW)
    opened.deliveries.record((), [(claims[0], Receipt(claims[0].key, Status.UNCERTAIN))], INCIDENT, "first-notice", NOW)
    about = claims[0].about
    assert about
    assert opened.decisions.send_again(INCIDENT, "first-notice", about.number, a_member(), LATER) == 1
    assert claims[0].id in {
        c.id for c in opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 100, LATER)
    }


def test_promises_of_a_notice_become_commitments_when_it_is_released(opened: Ledger) -> None:
    from amends.domain.incident.commitment import commit

    release(opened, commitments=(commit(a_promise(), NOW, "first-notice"),))
    assert [commitment.id for commitment in opened.commitments.all(INCIDENT)] == ["audit"]


def test_a_new_version_after_a_part_was_sent_reaches_only_the_others(opened: Ledger) -> None:
    release(opened)
    told = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 1, NOW)
    opened.deliveries.record((), [(told[0], Receipt(told[0].key, Status.SENT))], INCIDENT, "first-notice", NOW)
    opened.incidents.amend(an_incident(title="Two databases copied"), "lena", NOW)
    release(opened, dated=LATER)
    again = opened.deliveries.claim(INCIDENT, "first-notice", EVERY_CHANNEL, 100, LATER)
    assert told[0].id not in {claim.id for claim in again}
    assert {claim.released.version for claim in again} == {2}


def test_no_delivery_can_be_stored_without_a_release(opened: Ledger) -> None:
    draft = current_draft(opened)
    opened.notices.draft(draft, NOW)
    message = FirstMessages(draft, 1, Addenda(), NOW.isoformat(" ")).row(1, ChannelKind.EMAIL, b"x", "en/self")
    with pytest.raises(AlreadyInLedger), opened.store.write() as write:
        store_messages(write.session, [message])


def test_a_person_is_read_back_as_handed_in(opened: Ledger) -> None:
    assert opened.people.get(INCIDENT, 1) == people()[0]
    assert sorted(opened.people.get_many(INCIDENT, range(1, 99))) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert people()[0]._replace(name="x") != opened.people.get(INCIDENT, 1)


def test_a_release_goes_on_although_an_approver_leaves_afterwards(opened: Ledger) -> None:
    """A released notice goes on being sent although one of its approvers leaves the team after the release."""
    release(opened)
    opened.team.remove("wei", "lena", NOW)
    assert opened.notices.release(INCIDENT, "first-notice", LATER)
    assert opened.deliveries.claim(INCIDENT, "first-notice", EVERY_CHANNEL, 1, LATER)


def test_a_no_is_final_even_when_who_said_it_leaves_the_team(opened: Ledger) -> None:
    draft = current_draft(opened)
    opened.notices.draft(draft, NOW)
    opened.approvals.decide(INCIDENT, draft.notice, a_member(name="wei"), Decision.REJECT, draft.binding, "", NOW)
    opened.team.remove("wei", "lena", NOW)
    with pytest.raises(ApprovalMissing):
        opened.notices.release(INCIDENT, draft.notice, NOW)


def test_who_changes_their_mind_before_the_release_is_heard(opened: Ledger) -> None:
    draft = current_draft(opened, approvals=3)
    opened.notices.draft(draft, NOW)
    approve(opened, draft, "omar", "wei")
    opened.approvals.decide(INCIDENT, draft.notice, a_member(name="wei"), Decision.REJECT, draft.binding, "no", NOW)
    assert opened.cases.read(INCIDENT).notices[0].stage is NoticeStage.REJECTED


def test_a_notice_that_names_a_past_time_is_not_approved_or_released(opened: Ledger) -> None:
    """A notice whose time of the next update has passed is neither approved nor released."""
    draft = current_draft(opened, next_news_at=LATER)
    opened.notices.draft(draft, NOW)
    approve(opened, draft, "omar", "wei")
    with pytest.raises(ApprovalMissing, match="has passed"):
        opened.notices.release(INCIDENT, draft.notice, LATER)
    with pytest.raises(NotAllowed, match="has passed"):
        opened.approvals.decide(INCIDENT, draft.notice, a_member(), Decision.APPROVE, draft.binding, "", LATER)


def test_an_answer_counts_although_the_notice_was_drafted_afresh(opened: Ledger) -> None:
    """The answer to a sent message counts although the notice was drafted afresh in the meantime."""
    release(opened)
    (claim,) = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 1, NOW)
    opened.deliveries.record([claim], (), INCIDENT, "first-notice", NOW)
    opened.incidents.amend(an_incident(title="Two databases copied"), "lena", NOW)
    opened.notices.draft(current_draft(opened, dated=LATER), NOW)
    opened.deliveries.record((), [(claim, Receipt(claim.key, Status.SENT))], INCIDENT, "first-notice", NOW)
    assert "sent" in {line.state for line in opened.statistics.lines(INCIDENT, "first-notice")}


def test_a_refusal_hands_over_as_approved_despite_a_fresh_draft(opened: Ledger) -> None:
    """A refusal hands over to the next channel that was approved, although a fresh draft names another cascade."""
    release(opened, channels=(ChannelKind.WEBSITE, ChannelKind.EMAIL), cascade=(ChannelKind.SMS,))
    (claim,) = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 1, NOW)
    opened.deliveries.record([claim], (), INCIDENT, "first-notice", NOW)
    opened.incidents.amend(an_incident(title="Two databases copied"), "lena", NOW)
    opened.notices.draft(current_draft(opened, cascade=(ChannelKind.LETTER,)), NOW)
    opened.deliveries.record((), [(claim, Receipt(claim.key, Status.REJECTED))], INCIDENT, "first-notice", NOW)
    assert claim.about
    lines = opened.statistics.lines(INCIDENT, "first-notice")
    assert {line.channel for line in lines if line.person == claim.about.number} == {ChannelKind.EMAIL, ChannelKind.SMS}


def test_to_send_again_does_not_let_a_fresh_draft_leave_unapproved(opened: Ledger) -> None:
    release(opened)
    (claim,) = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 1, NOW)
    opened.deliveries.record((), [(claim, Receipt(claim.key, Status.UNCERTAIN))], INCIDENT, "first-notice", NOW)
    opened.incidents.amend(an_incident(title="Two databases copied"), "lena", NOW)
    draft = current_draft(opened, dated=LATER)
    opened.notices.draft(draft, NOW)
    assert claim.about
    opened.decisions.send_again(INCIDENT, "first-notice", claim.about.number, a_member(), NOW)
    assert opened.cases.read(INCIDENT).notices[0].stage is NoticeStage.DRAFTED
    approve(opened, draft, "omar", "wei")
    assert opened.notices.release(INCIDENT, "first-notice", NOW) == draft


def test_a_page_that_never_came_up_is_not_missed_in_a_later_version(opened: Ledger) -> None:
    """When the page of an earlier version never came up, the published page of a later version is enough."""
    for title, status in (("Two databases copied", Status.REJECTED), ("One database copied", Status.DELIVERED)):
        opened.incidents.amend(an_incident(title=title), "lena", NOW)
        release(opened, dated=NOW)
        assert not opened.deliveries.published(INCIDENT, "first-notice")
        answer_all(opened, status, only=ChannelKind.WEBSITE)
    assert opened.deliveries.published(INCIDENT, "first-notice")


def test_a_new_version_publishes_pages_afresh_and_posts_nothing_twice(opened: Ledger) -> None:
    """A new version publishes its web pages afresh and repeats no post and no message to a person."""
    release(opened)
    answer_all(opened, Status.DELIVERED)
    opened.incidents.amend(an_incident(title="Two databases copied"), "lena", NOW)
    release(opened, dated=LATER)
    assert not opened.deliveries.published(INCIDENT, "first-notice")
    again = opened.deliveries.claim(INCIDENT, "first-notice", EVERY_CHANNEL, 100, LATER)
    assert {(claim.channel, claim.text.locale) for claim in again} == {("website", "en"), ("website", "zh-CN")}


def test_a_person_in_hand_at_a_release_is_told_the_new_version(opened: Ledger) -> None:
    """A person whose message was in hand while a new version was released is told the new version.

    The message was given back before it was sent.
    """
    release(opened)
    held = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 100, NOW)
    opened.incidents.amend(an_incident(title="Two databases copied"), "lena", NOW)
    release(opened, dated=LATER)
    opened.deliveries.give_back(held, LATER)
    answer_all(opened, Status.SENT, only=ChannelKind.EMAIL)
    assert opened.visits.versions_got(INCIDENT, 1) == {"first-notice": 2}


def test_a_refused_page_does_not_block_the_page_of_the_next_version(opened: Ledger) -> None:
    """A page that the website refused does not stand in the way of the page of the next version."""
    release(opened)
    answer_all(opened, Status.REJECTED, only=ChannelKind.WEBSITE)
    opened.incidents.amend(an_incident(title="Two databases copied"), "lena", NOW)
    release(opened, dated=LATER)
    answer_all(opened, Status.DELIVERED, only=ChannelKind.WEBSITE)
    assert opened.deliveries.published(INCIDENT, "first-notice")


def test_the_time_when_a_notice_was_sent_does_not_move(opened: Ledger) -> None:
    """The time when a notice was sent does not move when one of its messages is sent once more."""
    release(opened)
    (claim,) = opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 1, NOW)
    opened.deliveries.record((), [(claim, Receipt(claim.key, Status.UNCERTAIN))], INCIDENT, "first-notice", NOW)
    answer_all(opened, Status.SENT)
    opened.deliveries.finish(INCIDENT, "first-notice", LATER)
    assert claim.about
    opened.decisions.send_again(INCIDENT, "first-notice", claim.about.number, a_member(), LATER)
    assert not opened.deliveries.finish(INCIDENT, "first-notice", LATER)
    answer_all(opened, Status.SENT)
    opened.deliveries.finish(INCIDENT, "first-notice", LATER + timedelta(days=1))
    assert opened.cases.read(INCIDENT).notices[0].sent_at == LATER


def test_a_notice_with_only_parked_messages_left_records_its_time(opened: Ledger) -> None:
    """A notice of which only parked messages are left is not finished, but records when all others were sent."""
    release(opened)
    with opened.store.write() as write:
        write.session.connection().exec_driver_sql("UPDATE delivery SET state = 'parked' WHERE person = 1")
    answer_all(opened, Status.SENT)
    assert not opened.deliveries.finish(INCIDENT, "first-notice", LATER)
    (notice,) = opened.cases.read(INCIDENT).notices
    assert (notice.stage, notice.sent_at) == (NoticeStage.SENDING, LATER)


# Letters: which laws decide what a message says.

LETTERS = Addenda(
    items={"nature": Item(says="What happened"), "freeze": Item(says="How to freeze a credit file")},
    addenda=(
        Addendum(id="us", places=("US",), adds=("freeze",)),
        Addendum(id="us-ma", places=("US-MA",), leaves_out=("nature",)),
    ),
)
HOMES = {"DE": ("DE", ""), "CA": ("US", "CA"), "MA": ("US", "MA"), "nowhere": ("", "")}


def at_home(number: int, home: str, **more: object) -> Person:
    country, region = HOMES[home]
    return a_person(number=number, country=country, region=region, **more)


def pin(ledger: Ledger, letters: Addenda = LETTERS) -> None:
    ledger.playbooks.pin(INCIDENT, a_playbook(), a_wording(addenda=letters), "lena", NOW)


def live(ledger: Ledger, *people: Person) -> Ledger:
    """An incident of these people, with letters in force and approvers in the team."""
    ledger.incidents.open(an_incident(), people, "lena", NOW)
    pin(ledger)
    for name in ("omar", "wei"):
        ledger.team.add(name, TeamRole.LEGAL, "lena", NOW)
    return ledger


def claimed(ledger: Ledger, channel: ChannelKind = ChannelKind.EMAIL, at: datetime = LATER) -> dict[int, Claim]:
    claims = ledger.deliveries.claim(INCIDENT, "first-notice", [channel], 100, at)
    return {claim.about.number: claim for claim in claims if claim.about}


def letters_of(claims: dict[int, Claim]) -> dict[int, str]:
    return {number: claim.text.addendum for number, claim in claims.items()}


def stored(ledger: Ledger, channel: ChannelKind) -> dict[int, str]:
    """The text that each person's message on this channel is stored with."""
    with ledger.store.read() as session:
        rows = session.exec(select(DeliveryRow).where(DeliveryRow.channel == channel)).all()
    return {row.person: row.variant for row in rows}


def test_the_audience_names_the_letters_that_it_needs(ledger: Ledger) -> None:
    live(ledger, at_home(1, "DE"), at_home(2, "CA"), at_home(3, "MA", locale="zh-CN"), at_home(4, "nowhere"))
    audience = ledger.notices.audience(INCIDENT, "everyone")
    assert audience.readers == {
        TextName("en", Reader.SELF),
        TextName("en", Reader.SELF, "us"),
        TextName("zh-CN", Reader.SELF, "us-ma"),
    }
    assert audience.people == 4


def test_before_a_playbook_runs_there_is_only_the_general_letter(ledger: Ledger) -> None:
    ledger.incidents.open(an_incident(), [at_home(1, "MA")], "lena", NOW)
    assert ledger.notices.audience(INCIDENT, "everyone").readers == {TextName("en", Reader.SELF, GENERAL)}


def test_each_message_is_of_the_letter_of_its_persons_home(ledger: Ledger) -> None:
    live(ledger, *(at_home(number, home) for number, home in enumerate(HOMES, start=1)))
    release(ledger)
    assert letters_of(claimed(ledger)) == {1: GENERAL, 2: "us", 3: "us-ma", 4: GENERAL}


def test_a_follow_up_has_an_addendum_only_where_text_is_left_out(ledger: Ledger) -> None:
    """A follow-up is the general one for everybody, except where an addendum says that something must be left out."""
    live(ledger, *(at_home(number, home) for number, home in enumerate(HOMES, start=1)))
    release(ledger, template="update")
    assert letters_of(claimed(ledger)) == {1: GENERAL, 2: GENERAL, 3: "us-ma", 4: GENERAL}


def test_what_is_said_to_the_public_is_the_general_letter(ledger: Ledger) -> None:
    live(ledger, at_home(1, "MA"))
    release(ledger)
    pages = ledger.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.WEBSITE, ChannelKind.SOCIAL], 100, LATER)
    assert {claim.text.addendum for claim in pages} == {GENERAL}


def test_the_childs_home_decides_and_not_the_guardians(ledger: Ledger) -> None:
    child = at_home(1, "MA", flags=frozenset({Flag.MINOR}))
    live(ledger, child, at_home(2, "CA", guardian_of=child.ref, data=()))
    release(ledger)
    (claim,) = claimed(ledger).values()
    assert (claim.text.addendum, claim.text.reader, claim.to and claim.to.number) == ("us-ma", "guardian", 2)
    assert TextName("en", Reader.GUARDIAN, "us-ma") in ledger.notices.audience(INCIDENT, "everyone").readers


def test_the_channel_that_takes_over_keeps_the_letter(ledger: Ledger) -> None:
    live(ledger, at_home(1, "MA"))
    release(ledger, channels=(ChannelKind.WEBSITE, ChannelKind.EMAIL))
    answer_all(ledger, Status.REJECTED, only=ChannelKind.EMAIL)
    assert stored(ledger, ChannelKind.SMS) == {1: "en/self/us-ma"}
    assert letters_of(claimed(ledger, ChannelKind.SMS)) == {1: "us-ma"}


def test_who_was_held_is_written_to_in_the_letter_of_their_home(ledger: Ledger) -> None:
    live(ledger, at_home(1, "MA", flags=frozenset({Flag.PROTECTED})))
    release(ledger)
    ledger.decisions.release_held(INCIDENT, "first-notice", 1, a_member(), NOW)
    assert letters_of(claimed(ledger)) == {1: "us-ma"}


def test_changed_addenda_count_for_messages_that_still_wait(ledger: Ledger) -> None:
    """When the addenda changed before a new release, the messages that still wait get the new addenda."""
    live(ledger, at_home(1, "MA"), at_home(2, "CA", locale="zh-CN"), at_home(3, "DE"))
    pin(ledger, Addenda())
    release(ledger)
    assert letters_of(claimed(ledger, at=NOW)) == {1: GENERAL, 2: GENERAL, 3: GENERAL}
    pin(ledger)
    release(ledger, dated=LATER)
    ledger.deliveries.recover(INCIDENT, "first-notice", LATER)
    assert letters_of(claimed(ledger)) == {1: "us-ma", 2: "us", 3: GENERAL}
    assert stored(ledger, ChannelKind.EMAIL) == {1: "en/self/us-ma", 2: "zh-CN/self/us", 3: "en/self"}


def test_letters_that_changed_call_for_a_new_draft(ledger: Ledger) -> None:
    live(ledger, at_home(1, "MA"))
    draft = current_draft(ledger)
    ledger.notices.draft(draft, NOW)
    pin(ledger, LETTERS.model_copy(update={"addenda": LETTERS.addenda[:1]}))
    assert not ledger.cases.read(INCIDENT).notices[0].current


def test_a_stored_message_names_its_addendum_unless_general(ledger: Ledger) -> None:
    """The stored variant of a message names the addendum, unless the message is the general one."""
    live(ledger, at_home(1, "DE"), at_home(2, "MA"))
    release(ledger, channels=(ChannelKind.WEBSITE, ChannelKind.EMAIL))
    assert stored(ledger, ChannelKind.EMAIL) == {1: "en/self", 2: "en/self/us-ma"}


def test_samples_for_a_preview_are_of_the_letter_that_will_be_sent(ledger: Ledger) -> None:
    live(ledger, at_home(1, "DE"), at_home(2, "MA"))
    claims = ledger.previews.samples(current_draft(ledger), 50)
    assert {(claim.about.number, claim.text.addendum) for claim in claims if claim.about} == {
        (1, GENERAL),
        (2, "us-ma"),
    }


@pytest.mark.parametrize("damaged", [5, 6], ids=["the child's", "the guardian's"])
def test_no_message_about_a_child_is_sent_when_data_is_damaged(opened: Ledger, damaged: int) -> None:
    """When the data of a child or of the guardian was damaged, no message about the child is sent.

    The message is parked with its cause, and all other people are written to.
    """
    release(opened)
    with opened.store.write() as write:
        moved = "UPDATE person SET sealed = (SELECT sealed FROM person WHERE number = 1) WHERE number = :number"
        write.session.execute(text(moved), {"number": damaged})
    assert written_to(opened, INCIDENT) == [(1, "kim1@mail.example"), (2, "kim2@mail.example")]
    lines = opened.statistics.lines(INCIDENT, "first-notice")
    child = (5, ChannelKind.EMAIL)
    assert [(line.state, line.cause, line.reason) for line in lines if (line.person, line.channel) == child] == [
        ("parked", ReceiptCause.FAULT, "fault KeyMissing")
    ]


def test_a_message_bears_the_link_that_works_and_no_revoked_one(opened: Ledger) -> None:
    """A message that is claimed after the person's link was revoked bears the new link, which works."""
    release(opened)
    opened.people.revoke_link(INCIDENT, 1, "lena", NOW)
    links = {
        claim.about.number: claim.link
        for claim in opened.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 100, NOW)
        if claim.about
    }
    assert links == {number: opened.people.link_of(INCIDENT, number) for number in (1, 2, 5)}


# Several incidents in one ledger.


def release_elsewhere(ledger: Ledger, incident: str, affected: list[Person]) -> None:
    """The same notice in an incident of its own."""
    ledger.incidents.open(an_incident(id=incident), affected, "lena", NOW)
    ledger.playbooks.pin(incident, a_playbook(), a_wording(), "lena", NOW)
    audience = ledger.notices.audience(incident, "everyone")
    draft = current_draft(
        ledger,
        incident=incident,
        audience_digest=audience.digest,
        people=audience.people,
        facts_digest=ledger.incidents.facts_digest(incident),
        variants=variants_for(audience.readers),
    )
    ledger.notices.draft(draft, NOW)
    approve(ledger, draft, "omar", "wei")
    ledger.notices.release(incident, draft.notice, NOW)


def written_to(ledger: Ledger, incident: str) -> list[tuple[int, str]]:
    """About whom, and where to, with every message there is."""
    claims = ledger.deliveries.claim(incident, "first-notice", [ChannelKind.EMAIL], 100, NOW)
    return sorted((claim.about.number, claim.to.email) if claim.about and claim.to else (0, "") for claim in claims)


def test_people_with_equal_numbers_are_told_at_their_own_addresses(opened: Ledger) -> None:
    """People of two incidents who have the same numbers are told each at their own address."""
    child = a_person(number=1, email="child@other.example", flags=frozenset({Flag.MINOR}))
    parent = a_person(number=2, email="parent@other.example", guardian_of=child.ref)
    release(opened)
    release_elsewhere(opened, "other-breach", [child, parent, a_person(number=4, email="four@other.example")])
    theirs = [(1, parent.email), (2, parent.email), (4, "four@other.example")]
    assert written_to(opened, "other-breach") == theirs
    assert written_to(opened, INCIDENT) == [
        (number, f"kim{to}@mail.example") for number, to in ((1, 1), (2, 2), (5, 6))
    ]
