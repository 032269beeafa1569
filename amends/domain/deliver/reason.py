"""The reason for a message's state, in words for people."""

from amends.domain.channel.channel import Cause, Receipt

MAY_HAVE_IT = "may have it: "
AN_EARLIER_TRY = "from an earlier try"
WORDS = {
    Cause.POSTPONED: "not yet: ",
    Cause.NOT_SENT: "not sent",
    Cause.DOMAIN_STOPPED: "domain stopped",
    Cause.DOMAIN_SLOWED: "domain slowed down",
    Cause.FAULT: "fault ",
    Cause.CHANNEL_FAILED: "the channel failed",
    Cause.POLICY: "policy ",
    Cause.CONTENT: "content ",
    Cause.GAVE_UP: "gave up: ",
    Cause.GIVEN_UP: "given up: ",
    Cause.BROKEN_OFF: "the sender stopped before an answer came",
    Cause.NOT_KNOWN: "a backup was restored, and whether it has left is not known",
    Cause.IN_LOG: "found in the relay's log",
    Cause.ONLY_NAMED: "the relay's log names it, and does not say whether it was taken",
}
"""The words before the detail, by cause; a cause that is not listed is its own word."""


def reason(cause: Cause, detail: str = "", *, doubtful: bool = False) -> str:
    """Return the reason for a message's state in words, or "" when there is none."""
    begins = WORDS.get(cause, cause.value)
    if not doubtful:
        return f"{begins}{detail}"
    if cause is Cause.GAVE_UP:
        return f"{begins}{MAY_HAVE_IT}{detail}"
    return f"{MAY_HAVE_IT}{begins}{detail}" if begins or detail else f"{MAY_HAVE_IT}{AN_EARLIER_TRY}"


def receipt_reason(receipt: Receipt) -> str:
    """Return the reason that the receipt gives, or ""."""
    return reason(receipt.cause, receipt.detail, doubtful=receipt.doubtful)
