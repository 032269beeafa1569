"""The words in which people read why a message stands as it does."""

import pytest

from amends.domain.channel.message import Receipt, ReceiptCause, Status
from amends.domain.deliver.reason import reason, receipt_reason


@pytest.mark.parametrize(
    ("cause", "detail", "words"),
    [
        (ReceiptCause.NONE, "", ""),
        (ReceiptCause.NONE, "550 5.1.1", "550 5.1.1"),
        (ReceiptCause.POSTPONED, "quiet hours", "not yet: quiet hours"),
        (ReceiptCause.NOT_SENT, "", "not sent"),
        (ReceiptCause.DOMAIN_STOPPED, "", "domain stopped"),
        (ReceiptCause.DOMAIN_SLOWED, "", "domain slowed down"),
        (ReceiptCause.FAULT, "KeyError", "fault KeyError"),
        (ReceiptCause.CHANNEL_FAILED, "", "the channel failed"),
        (ReceiptCause.POLICY, "554 5.7.1", "refused by policy: 554 5.7.1"),
        (ReceiptCause.CONTENT, "554 5.6.0", "content 554 5.6.0"),
        (ReceiptCause.GAVE_UP, "450", "gave up: 450"),
        (ReceiptCause.GIVEN_UP, "fault KeyError", "given up: fault KeyError"),
        (ReceiptCause.OPTED_OUT, "", "opted_out"),
        (ReceiptCause.NO_ADDRESS, "", "no_address"),
        (ReceiptCause.ADDRESS_GONE, "", "address_gone"),
        (ReceiptCause.DECEASED, "", "deceased"),
        (ReceiptCause.BROKEN_OFF, "", "the sender stopped before an answer came"),
        (ReceiptCause.NOT_KNOWN, "", "a backup was restored, and whether it has left is not known"),
        (ReceiptCause.IN_LOG, "", "found in the relay's log"),
        (ReceiptCause.ONLY_NAMED, "", "the relay's log names it, and does not say whether it was taken"),
    ],
)
def test_a_cause_and_its_detail_read_as_one_text(cause: ReceiptCause, detail: str, words: str) -> None:
    assert reason(cause, detail) == words


@pytest.mark.parametrize(
    ("cause", "detail", "words"),
    [
        (ReceiptCause.NONE, "", "may have it: from an earlier try"),
        (ReceiptCause.NONE, "429", "may have it: 429"),
        (ReceiptCause.NOT_SENT, "", "may have it: not sent"),
        (ReceiptCause.FAULT, "KeyError", "may have it: fault KeyError"),
        (ReceiptCause.POSTPONED, "quiet hours", "may have it: not yet: quiet hours"),
        (ReceiptCause.GAVE_UP, "429", "gave up: may have it: 429"),
    ],
)
def test_a_doubt_is_said_before_the_reason(cause: ReceiptCause, detail: str, words: str) -> None:
    assert reason(cause, detail, doubtful=True) == words


def test_a_receipt_gives_its_reason() -> None:
    receipt = Receipt("key", Status.DEFERRED, "KeyError", cause=ReceiptCause.FAULT, doubtful=True)
    assert receipt_reason(receipt) == "may have it: fault KeyError"
