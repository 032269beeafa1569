"""An SMS that its gateway may have stays in doubt, whatever is answered to the tries that follow."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, ReceiptCause, Status
from amends.domain.deliver.cascade import GIVE_UP_AFTER
from amends.domain.notice.notice import DeliveryState
from amends.domain.receipt.webhook import ProviderReceipt
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from tests.builders import NOW, a_person
from tests.delivery.sending import FAR_AHEAD, INCIDENT, NOTICE, approved, approved_again

OMAR = Member(name="omar", role=TeamRole.LEGAL)
LOST = Receipt("", Status.DEFERRED, "no answer", doubtful=True)
BUSY, REFUSED = Receipt("", Status.DEFERRED, "429"), Receipt("", Status.REJECTED, "400")
FAULTY = Receipt("", Status.DEFERRED, "TypeError", cause=ReceiptCause.FAULT)
QUIET = Receipt("", Status.DEFERRED, "quiet hours", cause=ReceiptCause.POSTPONED)
NOT_SENT = Receipt("", Status.DEFERRED, cause=ReceiptCause.NOT_SENT)


def tried(ledger: Ledger, *said: Receipt) -> dict[ChannelKind, str]:
    """What becomes of one person's messages when the gateway answers the tries so, the last time after three days."""
    by_sms = {"channels": (ChannelKind.SMS,), "cascade": (ChannelKind.SMS, ChannelKind.EMAIL)}
    approved(ledger, [a_person(number=1)], **by_sms)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    for number, receipt in enumerate(said):
        answer(ledger, NOW + (GIVE_UP_AFTER if number == len(said) - 1 else number * timedelta(hours=8)), receipt)
    return states(ledger)


@pytest.mark.parametrize("between", [BUSY, replace(BUSY, detail="refused 403"), NOT_SENT, QUIET])
def test_what_a_gateway_may_have_is_not_written_to_on_another_channel(ledger: Ledger, between: Receipt) -> None:
    assert tried(ledger, LOST, between, BUSY, BUSY, BUSY, BUSY) == {ChannelKind.SMS: DeliveryState.UNCERTAIN}


def test_what_no_gateway_can_have_is_written_to_on_the_next_channel(ledger: Ledger) -> None:
    assert tried(ledger, *[BUSY] * 6) == {
        ChannelKind.SMS: DeliveryState.FAILED,
        ChannelKind.EMAIL: DeliveryState.WAITING,
    }


def answered(ledger: Ledger, *answers: Receipt) -> dict[ChannelKind, str]:
    """What becomes of one person's messages when the gateway answers its tries so, eight hours apart."""
    approved(ledger, [a_person(number=1)], channels=(ChannelKind.SMS,), cascade=(ChannelKind.SMS, ChannelKind.EMAIL))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    for number, receipt in enumerate(answers):
        answer(ledger, NOW + number * timedelta(hours=8), receipt)
    return states(ledger)


def answer(ledger: Ledger, now: datetime, receipt: Receipt) -> str:
    """The key of the message that got it."""
    (claim,) = ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.SMS], 1, now)
    ledger.deliveries.record([claim], (), INCIDENT, NOTICE, now)
    ledger.deliveries.record((), [(claim, replace(receipt, key=claim.key, retry_after=60))], INCIDENT, NOTICE, now)
    return claim.key


def states(ledger: Ledger) -> dict[ChannelKind, str]:
    return {line.channel: line.state for line in ledger.statistics.lines(INCIDENT, NOTICE) if line.person == 1}


def test_what_a_gateway_may_have_and_refuses_later_is_uncertain(ledger: Ledger) -> None:
    assert answered(ledger, LOST, REFUSED) == {ChannelKind.SMS: DeliveryState.UNCERTAIN}


def test_what_a_gateway_may_have_is_uncertain_when_it_is_given_up(ledger: Ledger) -> None:
    answered(ledger, LOST, FAULTY, FAULTY)
    ledger.decisions.give_up_parked(INCIDENT, NOTICE, 1, OMAR, NOW + timedelta(hours=30))
    assert states(ledger) == {ChannelKind.SMS: DeliveryState.UNCERTAIN}


def test_the_doubt_outlives_that_it_was_parked_and_tried_again(ledger: Ledger) -> None:
    answered(ledger, LOST, FAULTY, FAULTY)
    ledger.decisions.try_parked(INCIDENT, NOTICE, 1, OMAR, NOW + timedelta(hours=30))
    answer(ledger, NOW + timedelta(hours=40), REFUSED)
    assert states(ledger) == {ChannelKind.SMS: DeliveryState.UNCERTAIN}


def test_the_doubt_outlives_a_new_version_of_the_notice(ledger: Ledger) -> None:
    answered(ledger, LOST, FAULTY, FAULTY)
    by_sms = {"channels": (ChannelKind.SMS,), "cascade": (ChannelKind.SMS, ChannelKind.EMAIL)}
    approved_again(ledger, next_news_at=FAR_AHEAD + timedelta(hours=1), **by_sms)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    answer(ledger, NOW + timedelta(hours=40), REFUSED)
    assert states(ledger) == {ChannelKind.SMS: DeliveryState.UNCERTAIN}


@pytest.mark.parametrize("tried_again", [False, True])
def test_an_sms_reported_delivered_after_parking_is_not_tried_again(ledger: Ledger, tried_again: bool) -> None:
    """An SMS that was parked, and that the gateway reports as delivered, is delivered and not tried again.

    That also holds when a team member had the SMS tried again before the report.
    """
    answered(ledger, LOST, FAULTY)
    key = answer(ledger, NOW + timedelta(hours=16), FAULTY)
    if tried_again:
        ledger.decisions.try_parked(INCIDENT, NOTICE, 1, OMAR, NOW + timedelta(hours=30))
    ledger.receipts.take([ProviderReceipt("SM1", Status.DELIVERED, "delivered", key)], NOW + timedelta(hours=31))
    assert states(ledger) == {ChannelKind.SMS: DeliveryState.DELIVERED}


def test_a_message_kept_back_by_us_counts_so_despite_a_gateway(ledger: Ledger) -> None:
    """A message that Amends keeps back itself counts as kept back, also when a gateway may have the message."""
    answered(ledger, LOST, QUIET)
    assert ledger.cases.read(INCIDENT, NOW).notice(NOTICE).kept_back == 1


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ((LOST,), "may have it: no answer"),
        ((LOST, BUSY), "may have it: 429"),
        ((LOST, NOT_SENT), "may have it: not sent"),
        ((LOST, FAULTY, FAULTY), "may have it: fault TypeError"),
        ((LOST, REFUSED), "may have it: 400"),
        ((FAULTY,), "fault TypeError"),
    ],
)
def test_people_read_the_doubt_before_the_reason(ledger: Ledger, said: tuple[Receipt, ...], words: str) -> None:
    answered(ledger, *said)
    assert reasons(ledger) == {words}


def test_people_read_that_an_earlier_try_left_a_doubt(ledger: Ledger) -> None:
    answered(ledger, LOST, FAULTY, FAULTY)
    ledger.decisions.try_parked(INCIDENT, NOTICE, 1, OMAR, NOW + timedelta(hours=30))
    assert reasons(ledger) == {"may have it: from an earlier try"}


def test_the_doubt_outlives_data_that_cannot_be_opened(ledger: Ledger) -> None:
    answered(ledger, LOST)
    with ledger.store.write() as write:
        write.session.execute(text("UPDATE person SET sealed = :other"), {"other": b"damaged"})
    assert not ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.SMS], 1, NOW + timedelta(hours=8))
    assert reasons(ledger) == {"may have it: fault KeyMissing"}
    ledger.decisions.give_up_parked(INCIDENT, NOTICE, 1, OMAR, NOW + timedelta(hours=9))
    assert states(ledger) == {ChannelKind.SMS: DeliveryState.UNCERTAIN}


def test_a_person_who_sends_it_again_ends_the_doubt(ledger: Ledger) -> None:
    answered(ledger, LOST, REFUSED)
    ledger.decisions.send_again(INCIDENT, NOTICE, 1, OMAR, NOW + timedelta(hours=30))
    (claim,) = ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.SMS], 1, NOW + timedelta(hours=40))
    assert not claim.doubtful


def reasons(ledger: Ledger) -> set[str]:
    return {line.reason for line in ledger.statistics.lines(INCIDENT, NOTICE) if line.person == 1}
