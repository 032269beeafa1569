"""What only a person may decide: that somebody who was held is written to after all, and what becomes of the parked."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, ReceiptCause, Status
from amends.domain.notice.notice import NoticeStage, NoticeStatus
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from amends.ledger.tables.deliver import DeliveryRow
from tests.builders import NOW, a_member, an_incident
from tests.ledger.notice.test_notices import (
    EVERY_CHANNEL,
    INCIDENT,
    LATER,
    answer_all,
    opened,
    release,
    with_an_incident,
)

__all__ = ["opened"]

DECEASED, NO_PHONE = 8, 2
EMAIL, SMS = ChannelKind.EMAIL, ChannelKind.SMS
RESPONDER = Member(name="ana", role=TeamRole.RESPONDER)
DAY_LATER = LATER + timedelta(days=1)


def states(ledger: Ledger, person: int) -> set[str]:
    return {line.state for line in ledger.statistics.lines(INCIDENT, "first-notice") if line.person == person}


def standing(ledger: Ledger) -> NoticeStatus:
    notice = ledger.cases.read(INCIDENT).notice("first-notice")
    assert notice
    return notice


def test_somebody_who_was_held_is_written_to_after_all(opened: Ledger) -> None:
    release(opened)
    answer_all(opened, Status.SENT)
    opened.deliveries.finish(INCIDENT, "first-notice", LATER)
    assert opened.decisions.release_held(INCIDENT, "first-notice", DECEASED, a_member(), LATER) == 2
    assert states(opened, DECEASED) == {"waiting"}
    claims = opened.deliveries.claim(INCIDENT, "first-notice", EVERY_CHANNEL, 100, LATER)
    assert {claim.about.number for claim in claims if claim.about} == {DECEASED}


def test_the_notice_is_being_sent_again_until_they_are_reached(opened: Ledger) -> None:
    release(opened)
    answer_all(opened, Status.SENT)
    opened.deliveries.finish(INCIDENT, "first-notice", LATER)
    opened.decisions.release_held(INCIDENT, "first-notice", DECEASED, a_member(), LATER)
    notice = standing(opened)
    assert notice.stage is NoticeStage.SENDING
    assert sum(notice.people.values()) == 8


def test_nobody_is_let_go_who_is_not_held(opened: Ledger) -> None:
    release(opened)
    with pytest.raises(NotInLedger, match="nothing"):
        opened.decisions.release_held(INCIDENT, "first-notice", 1, a_member(), LATER)


def test_a_responder_may_not_decide_it(opened: Ledger) -> None:
    release(opened)
    with pytest.raises(NotAllowed, match="role"):
        opened.decisions.release_held(INCIDENT, "first-notice", DECEASED, RESPONDER, NOW)


@pytest.mark.parametrize("sent_before", [False, True])
def test_unsent_withdrawn_messages_wait_again_when_a_hold_ends(opened: Ledger, sent_before: bool) -> None:
    """After an opt-out was taken back, releasing the held person makes all withdrawn messages wait that were not sent.

    While the opt-out lasts, the release is refused; a message that was sent before stays sent.
    """
    release(opened, optional=True)
    if sent_before:
        answer_all(opened, Status.SENT, only=EMAIL)
    opened.opt_outs.add(INCIDENT, 1, "test", LATER)
    with pytest.raises(NotAllowed, match="opted out"):
        opened.decisions.release_held(INCIDENT, "first-notice", 1, a_member(), LATER)
    opened.opt_outs.end(INCIDENT, 1, "test", LATER)
    assert opened.decisions.release_held(INCIDENT, "first-notice", 1, a_member(), LATER) == 2 - sent_before
    assert states(opened, 1) == ({"sent", "waiting"} if sent_before else {"waiting"})


def test_a_person_held_during_a_handover_is_told_on_the_next_channel(opened: Ledger) -> None:
    """A person who was held while the next channel took over is written to on that next channel once released."""
    release(opened, optional=True, channels=(EMAIL,), cascade=(SMS,))
    answer_all(opened, Status.REJECTED, only=EMAIL)
    opened.opt_outs.add(INCIDENT, 1, "test", LATER)
    opened.opt_outs.end(INCIDENT, 1, "test", LATER)
    assert opened.decisions.release_held(INCIDENT, "first-notice", 1, a_member(), LATER) == 1
    assert states(opened, 1) == {"failed", "waiting"}


def test_a_sent_notice_goes_on_when_a_message_is_sent_again(opened: Ledger) -> None:
    """A notice that was sent is being sent again as soon as a team member has one of its messages sent again."""
    release(opened)
    answer_all(opened, Status.UNCERTAIN, only=EMAIL)
    answer_all(opened, Status.SENT)
    assert opened.deliveries.finish(INCIDENT, "first-notice", LATER)
    opened.decisions.send_again(INCIDENT, "first-notice", 1, a_member(), LATER)
    assert standing(opened).stage is NoticeStage.SENDING


# Parked messages.


def with_faults(ledger: Ledger) -> Ledger:
    """All emails are at fault themselves; the rest has gone. Whom email does not reach gets an SMS."""
    release(ledger, channels=(EMAIL,), cascade=(SMS,))
    for hours in range(3):
        now = LATER + timedelta(hours=hours)
        emails = ledger.deliveries.claim(INCIDENT, "first-notice", [EMAIL], 100, now)
        faults = [
            (claim, Receipt(claim.key, Status.DEFERRED, "KeyError", cause=ReceiptCause.FAULT)) for claim in emails
        ]
        ledger.deliveries.record((), faults, INCIDENT, "first-notice", now)
    answer_all(ledger, Status.SENT)
    return ledger


@pytest.fixture
def parked(ledger_on_sqlite: Ledger) -> Ledger:
    return with_faults(with_an_incident(ledger_on_sqlite))


def counted(ledger: Ledger) -> Counter[str]:
    """How many messages to people are in each state."""
    return Counter(line.state.value for line in ledger.statistics.lines(INCIDENT, "first-notice") if line.person)


def test_a_parked_message_keeps_a_notice_unfinished_until_decided(opened: Ledger) -> None:
    """A notice with parked messages is not finished and wants no work until a team member decides about them.

    Once the parked messages were tried again and sent, the notice is finished.
    """
    parked = with_faults(opened)
    assert not parked.deliveries.finish(INCIDENT, "first-notice", LATER)
    notice = standing(parked)
    assert (notice.stage, notice.parked, notice.pending, notice.sent_at) == (NoticeStage.SENDING, 3, 0, LATER)
    assert (notice.only_parked, notice.has_gone, notice.wants_work(DAY_LATER)) == (True, True, False)
    parked.decisions.try_parked(INCIDENT, "first-notice", None, a_member(), LATER)
    assert standing(parked).wants_work(LATER)
    answer_all(parked, Status.SENT)
    assert parked.deliveries.finish(INCIDENT, "first-notice", LATER)


def test_one_of_them_is_tried_again_as_if_for_the_first_time(parked: Ledger) -> None:
    assert parked.decisions.try_parked(INCIDENT, "first-notice", 1, a_member(), LATER) == 1
    (claim,) = parked.deliveries.claim(INCIDENT, "first-notice", [EMAIL], 100, LATER)
    assert (claim.about and claim.about.number, claim.attempts) == (1, 1)
    assert counted(parked)["parked"] == 2


def test_whose_message_is_given_up_is_written_to_on_the_next_channel(parked: Ledger) -> None:
    assert parked.decisions.give_up_parked(INCIDENT, "first-notice", 1, a_member(), LATER) == 1
    lines = [line for line in parked.statistics.lines(INCIDENT, "first-notice") if line.person == 1]
    assert {(line.channel, line.state.value, line.reason) for line in lines} == {
        (EMAIL, "failed", "given up: fault KeyError"),
        (SMS, "waiting", ""),
    }


def test_the_notice_is_sent_when_the_last_of_them_is_given_up(parked: Ledger) -> None:
    for person in (1, 5):
        parked.decisions.give_up_parked(INCIDENT, "first-notice", person, a_member(), LATER)
    answer_all(parked, Status.SENT)
    assert not parked.deliveries.finish(INCIDENT, "first-notice", LATER)
    parked.decisions.give_up_parked(INCIDENT, "first-notice", NO_PHONE, a_member(), LATER)
    assert standing(parked).stage is NoticeStage.SENT
    assert states(parked, NO_PHONE) == {"failed"}


def test_all_of_them_are_given_up_at_once_and_the_audit_says_by_whom(parked: Ledger) -> None:
    assert parked.decisions.give_up_parked(INCIDENT, "first-notice", None, a_member(), LATER) == 3
    entry = next(entry for entry in parked.audit.entries(INCIDENT) if entry.act == "given up")
    assert (entry.actor, entry.subject) == ("omar", "first-notice")
    assert entry.detail == {"messages": 3, "handed_over": 2}


@pytest.mark.parametrize("verb", ["try_parked", "give_up_parked"])
def test_only_who_may_approve_decides_on_what_is_parked(parked: Ledger, verb: str) -> None:
    with pytest.raises(NotAllowed, match="role"):
        getattr(parked.decisions, verb)(INCIDENT, "first-notice", None, RESPONDER, LATER)
    assert counted(parked)["parked"] == 3


@pytest.mark.parametrize("verb", ["try_parked", "give_up_parked"])
def test_there_is_nothing_to_decide_where_nothing_is_parked(parked: Ledger, verb: str) -> None:
    with pytest.raises(NotInLedger, match="nothing of first-notice is parked for person 3"):
        getattr(parked.decisions, verb)(INCIDENT, "first-notice", 3, a_member(), LATER)


def test_the_page_is_tried_again_and_never_given_up(parked: Ledger) -> None:
    with parked.store.write() as write:
        write.change(update(DeliveryRow).where(col(DeliveryRow.channel) == "website").values(state="parked"))
    with pytest.raises(NotAllowed, match="page"):
        parked.decisions.give_up_parked(INCIDENT, "first-notice", None, a_member(), LATER)
    assert counted(parked)["parked"] == 3
    assert parked.decisions.try_parked(INCIDENT, "first-notice", 0, a_member(), LATER) > 0


def test_a_newer_version_goes_to_those_whose_message_is_parked(parked: Ledger) -> None:
    parked.incidents.amend(an_incident(title="More is known"), "lena", LATER)
    release(parked, channels=(EMAIL,), cascade=(SMS,))
    assert counted(parked) == {"waiting": 3, "sent": 1, "held": 3, "unreachable": 1}


def test_who_opts_out_is_not_waited_for_any_more(ledger_on_sqlite: Ledger) -> None:
    ledger = with_an_incident(ledger_on_sqlite)
    release(ledger, optional=True, channels=(EMAIL,))
    with ledger.store.write() as write:
        write.change(update(DeliveryRow).where(col(DeliveryRow.person) == 1).values(state="parked"))
    ledger.opt_outs.add(INCIDENT, 1, "test", LATER)
    assert states(ledger, 1) == {"held"}
