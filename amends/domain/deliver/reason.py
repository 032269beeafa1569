"""The reason for a message's state, in words for people."""

from amends.domain.channel.message import Receipt, ReceiptCause

MAY_HAVE_IT = "may have it: "
AN_EARLIER_TRY = "from an earlier try"
WORDS = {
    ReceiptCause.POSTPONED: "not yet: ",
    ReceiptCause.NOT_SENT: "not sent",
    ReceiptCause.DOMAIN_STOPPED: "domain stopped",
    ReceiptCause.DOMAIN_SLOWED: "domain slowed down",
    ReceiptCause.FAULT: "fault ",
    ReceiptCause.NO_CODE: "no code is left of ",
    ReceiptCause.CHANNEL_FAILED: "the channel failed",
    ReceiptCause.POLICY: "refused by policy: ",
    ReceiptCause.CONTENT: "content ",
    ReceiptCause.BAD_ADDRESS: "",
    ReceiptCause.GAVE_UP: "gave up: ",
    ReceiptCause.GIVEN_UP: "given up: ",
    ReceiptCause.SHARED_MAILBOX: "named in the one copy for the mailbox",
    ReceiptCause.WRONG_PERSON: "the reader says that this is for somebody else",
    ReceiptCause.OUTDATED_ADDRESS: "the person says that the address is outdated",
    ReceiptCause.ERASED: "the person's data was erased",
    ReceiptCause.COMPLAINT_OPEN: "a complaint of the person is open",
    ReceiptCause.CODE_REDEEMED: "the code was redeemed before the reminder left",
    ReceiptCause.OVERTAKEN: "more has become of the promise since, which another notice tells",
    ReceiptCause.BROKEN_OFF: "the sender stopped before an answer came",
    ReceiptCause.NOT_KNOWN: "a backup was restored, and whether it has left is not known",
    ReceiptCause.IN_LOG: "found in the relay's log",
    ReceiptCause.ONLY_NAMED: "the relay's log names it, and does not say whether it was taken",
}
"""The words before the detail, by cause; a cause that is not listed is its own word."""


def reason(cause: ReceiptCause, detail: str = "", *, doubtful: bool = False) -> str:
    """Return the reason for a message's state in words, or "" when there is none."""
    begins = WORDS.get(cause, cause.value)
    if not doubtful:
        return f"{begins}{detail}"
    if cause is ReceiptCause.GAVE_UP:
        return f"{begins}{MAY_HAVE_IT}{detail}"
    return f"{MAY_HAVE_IT}{begins}{detail}" if begins or detail else f"{MAY_HAVE_IT}{AN_EARLIER_TRY}"


def receipt_reason(receipt: Receipt) -> str:
    """Return the reason that the receipt gives, or ""."""
    return reason(receipt.cause, receipt.detail, doubtful=receipt.doubtful)
