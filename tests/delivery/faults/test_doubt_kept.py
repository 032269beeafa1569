"""An SMS that its gateway may have stays in doubt, whatever is answered to the tries that follow."""

from datetime import datetime, timedelta

import pytest

from amends.domain.channel.channel import ChannelKind, Receipt, Status
from amends.domain.deliver.cascade import FAULT, GIVE_UP_AFTER, MAY_HAVE_IT, NOT_SENT, NOT_YET
from amends.domain.notice.notice import DeliveryState
from amends.domain.receipt.webhook import ProviderReceipt
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from tests.builders import NOW, a_person
from tests.delivery.sending import FAR_AHEAD, INCIDENT, NOTICE, approved, approved_again

OMAR = Member(name="omar", role=TeamRole.LEGAL)
LOST = f"{MAY_HAVE_IT}no answer"


def tried(ledger: Ledger, *said: str) -> dict[ChannelKind, str]:
    """What becomes of one person's messages when the gateway answers the tries so, the last time after three days."""
    by_sms = {"channels": (ChannelKind.SMS,), "cascade": (ChannelKind.SMS, ChannelKind.EMAIL)}
    approved(ledger, [a_person(number=1)], **by_sms)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    for number, detail in enumerate(said):
        now = NOW + (GIVE_UP_AFTER if number == len(said) - 1 else number * timedelta(hours=8))
        answer(ledger, now, Status.DEFERRED, detail)
    return states(ledger)


@pytest.mark.parametrize("between", ["429", "refused 403", NOT_SENT, f"{NOT_YET}quiet hours"])
def test_what_a_gateway_may_have_is_not_written_to_on_another_channel(ledger: Ledger, between: str) -> None:
    assert tried(ledger, LOST, between, "429", "429", "429", "429") == {ChannelKind.SMS: DeliveryState.UNCERTAIN}


def test_what_no_gateway_can_have_is_written_to_on_the_next_channel(ledger: Ledger) -> None:
    assert tried(ledger, *["429"] * 6) == {
        ChannelKind.SMS: DeliveryState.FAILED,
        ChannelKind.EMAIL: DeliveryState.WAITING,
    }


def answered(ledger: Ledger, *answers: tuple[Status, str]) -> dict[ChannelKind, str]:
    """What becomes of one person's messages when the gateway answers its tries so, eight hours apart."""
    approved(ledger, [a_person(number=1)], channels=(ChannelKind.SMS,), cascade=(ChannelKind.SMS, ChannelKind.EMAIL))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    for number, (status, detail) in enumerate(answers):
        answer(ledger, NOW + number * timedelta(hours=8), status, detail)
    return states(ledger)


def answer(ledger: Ledger, now: datetime, status: Status, detail: str) -> str:
    """The key of the message that got it."""
    (claim,) = ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.SMS], 1, now)
    ledger.deliveries.record([claim], (), INCIDENT, NOTICE, now)
    ledger.deliveries.record((), [(claim, Receipt(claim.key, status, detail, retry_after=60))], INCIDENT, NOTICE, now)
    return claim.key


def states(ledger: Ledger) -> dict[ChannelKind, str]:
    return {line.channel: line.state for line in ledger.statistics.lines(INCIDENT, NOTICE) if line.person == 1}


DOUBT, FAULTY = (Status.DEFERRED, LOST), (Status.DEFERRED, f"{FAULT}TypeError")


def test_what_a_gateway_may_have_and_refuses_later_is_uncertain(ledger: Ledger) -> None:
    assert answered(ledger, DOUBT, (Status.REJECTED, "400")) == {ChannelKind.SMS: DeliveryState.UNCERTAIN}


def test_what_a_gateway_may_have_is_uncertain_when_it_is_given_up(ledger: Ledger) -> None:
    answered(ledger, DOUBT, FAULTY, FAULTY)
    ledger.decisions.give_up_parked(INCIDENT, NOTICE, 1, OMAR, NOW + timedelta(hours=30))
    assert states(ledger) == {ChannelKind.SMS: DeliveryState.UNCERTAIN}


def test_the_doubt_outlives_that_it_was_parked_and_tried_again(ledger: Ledger) -> None:
    answered(ledger, DOUBT, FAULTY, FAULTY)
    ledger.decisions.try_parked(INCIDENT, NOTICE, 1, OMAR, NOW + timedelta(hours=30))
    answer(ledger, NOW + timedelta(hours=40), Status.REJECTED, "400")
    assert states(ledger) == {ChannelKind.SMS: DeliveryState.UNCERTAIN}


def test_the_doubt_outlives_a_new_version_of_the_notice(ledger: Ledger) -> None:
    answered(ledger, DOUBT, FAULTY, FAULTY)
    by_sms = {"channels": (ChannelKind.SMS,), "cascade": (ChannelKind.SMS, ChannelKind.EMAIL)}
    approved_again(ledger, next_news_at=FAR_AHEAD + timedelta(hours=1), **by_sms)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    answer(ledger, NOW + timedelta(hours=40), Status.REJECTED, "400")
    assert states(ledger) == {ChannelKind.SMS: DeliveryState.UNCERTAIN}


@pytest.mark.parametrize("tried_again", [False, True])
def test_what_the_gateway_has_delivered_is_not_tried_again_after_it_was_parked(
    ledger: Ledger, tried_again: bool
) -> None:
    answered(ledger, DOUBT, FAULTY)
    key = answer(ledger, NOW + timedelta(hours=16), *FAULTY)
    if tried_again:
        ledger.decisions.try_parked(INCIDENT, NOTICE, 1, OMAR, NOW + timedelta(hours=30))
    ledger.receipts.take([ProviderReceipt("SM1", Status.DELIVERED, "delivered", key)], NOW + timedelta(hours=31))
    assert states(ledger) == {ChannelKind.SMS: DeliveryState.DELIVERED}


def test_whom_we_keep_back_ourselves_counts_so_also_when_a_gateway_may_have_it(ledger: Ledger) -> None:
    answered(ledger, DOUBT, (Status.DEFERRED, f"{NOT_YET}quiet hours"))
    assert ledger.cases.read(INCIDENT, NOW).notice(NOTICE).kept_back == 1
