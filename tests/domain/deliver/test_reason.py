"""The words in which people read why a message stands as it does."""

import pytest

from amends.domain.channel.channel import Cause, Receipt, Status
from amends.domain.deliver.reason import reason, receipt_reason


@pytest.mark.parametrize(
    ("cause", "detail", "words"),
    [
        (Cause.NONE, "", ""),
        (Cause.NONE, "550 5.1.1", "550 5.1.1"),
        (Cause.POSTPONED, "quiet hours", "not yet: quiet hours"),
        (Cause.NOT_SENT, "", "not sent"),
        (Cause.DOMAIN_STOPPED, "", "domain stopped"),
        (Cause.DOMAIN_SLOWED, "", "domain slowed down"),
        (Cause.FAULT, "KeyError", "fault KeyError"),
        (Cause.CHANNEL_FAILED, "", "the channel failed"),
        (Cause.POLICY, "554 5.7.1", "policy 554 5.7.1"),
        (Cause.CONTENT, "554 5.6.0", "content 554 5.6.0"),
        (Cause.GAVE_UP, "450", "gave up: 450"),
        (Cause.GIVEN_UP, "fault KeyError", "given up: fault KeyError"),
        (Cause.OPTED_OUT, "", "opted_out"),
        (Cause.NO_ADDRESS, "", "no_address"),
        (Cause.ADDRESS_GONE, "", "address_gone"),
        (Cause.DECEASED, "", "deceased"),
        (Cause.BROKEN_OFF, "", "the sender stopped before an answer came"),
        (Cause.NOT_KNOWN, "", "a backup was restored, and whether it has left is not known"),
        (Cause.IN_LOG, "", "found in the relay's log"),
        (Cause.ONLY_NAMED, "", "the relay's log names it, and does not say whether it was taken"),
    ],
)
def test_a_cause_and_its_detail_read_as_one_text(cause: Cause, detail: str, words: str) -> None:
    assert reason(cause, detail) == words


@pytest.mark.parametrize(
    ("cause", "detail", "words"),
    [
        (Cause.NONE, "", "may have it: from an earlier try"),
        (Cause.NONE, "429", "may have it: 429"),
        (Cause.NOT_SENT, "", "may have it: not sent"),
        (Cause.FAULT, "KeyError", "may have it: fault KeyError"),
        (Cause.POSTPONED, "quiet hours", "may have it: not yet: quiet hours"),
        (Cause.GAVE_UP, "429", "gave up: may have it: 429"),
    ],
)
def test_a_doubt_is_said_before_the_reason(cause: Cause, detail: str, words: str) -> None:
    assert reason(cause, detail, doubtful=True) == words


def test_a_receipt_gives_its_reason() -> None:
    receipt = Receipt("key", Status.DEFERRED, "KeyError", cause=Cause.FAULT, doubtful=True)
    assert receipt_reason(receipt) == "may have it: fault KeyError"
