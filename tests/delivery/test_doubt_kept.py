"""An SMS that its gateway may have stays in doubt, whatever is answered to the tries that follow."""

from datetime import timedelta

import pytest

from amends.domain.channel import ChannelKind, Receipt, Status
from amends.domain.notice import DeliveryState
from amends.domain.reach import GIVE_UP_AFTER, MAY_HAVE_IT, NOT_SENT, NOT_YET
from amends.ledger import Ledger
from tests.builders import NOW, a_person
from tests.sending import INCIDENT, NOTICE, approved

LOST = f"{MAY_HAVE_IT}no answer"


def tried(ledger: Ledger, *said: str) -> dict[ChannelKind, str]:
    """What becomes of one person's messages when the gateway answers the tries so, the last time after three days."""
    by_sms = {"channels": (ChannelKind.SMS,), "cascade": (ChannelKind.SMS, ChannelKind.EMAIL)}
    approved(ledger, [a_person(number=1)], **by_sms)
    ledger.release(INCIDENT, NOTICE, NOW)
    for number, detail in enumerate(said):
        now = NOW + (GIVE_UP_AFTER if number == len(said) - 1 else number * timedelta(hours=8))
        (claim,) = ledger.claim(INCIDENT, NOTICE, [ChannelKind.SMS], 1, now)
        ledger.write_down([claim], (), INCIDENT, NOTICE, now)
        answer = Receipt(claim.key, Status.DEFERRED, detail, retry_after=60)
        ledger.write_down((), [(claim, answer)], INCIDENT, NOTICE, now)
    return {line.channel: line.state for line in ledger.deliveries(INCIDENT, NOTICE) if line.person == 1}


@pytest.mark.parametrize("between", ["429", "refused 403", NOT_SENT, f"{NOT_YET}quiet hours"])
def test_what_a_gateway_may_have_is_not_written_to_on_another_channel(ledger: Ledger, between: str) -> None:
    assert tried(ledger, LOST, between, "429", "429", "429", "429") == {ChannelKind.SMS: DeliveryState.UNCERTAIN}


def test_what_no_gateway_can_have_is_written_to_on_the_next_channel(ledger: Ledger) -> None:
    assert tried(ledger, *["429"] * 6) == {
        ChannelKind.SMS: DeliveryState.FAILED,
        ChannelKind.EMAIL: DeliveryState.WAITING,
    }
