"""The meaning of a relay's replies: a receipt for the message, or an error of the channel."""

import re
from collections.abc import Sequence

from amends.domain.base.errors import ChannelMisconfigured, ChannelUnavailable
from amends.domain.channel.message import Receipt, ReceiptCause, Status
from amends.domain.receipt.codes import OURS, Codes, spares_the_address, words_of
from channels.smtp.connection import Relay, Reply

NO_SUCH_ADDRESS = frozenset({501, 550, 551, 553, 556})
BLOCKED = (*OURS, "5.4.6")
"""Enhanced codes (RFC 3463) of a block. 5.4.6 means a routing loop, but our relay sees no loop of our mail: some relays
use the code for a sender that sends too much."""
OF_THE_MAILBOX = ("5.1.", "5.2.1", "5.2.3")
"""Enhanced codes: no such address; a mailbox that takes no messages, or no message so long."""
MAILBOX_FULL = "5.2.2"
OF_THE_CONTENT = ("5.3.4", "5.6.")
"""Enhanced codes: a message too long for the whole system, or not accepted by it."""
QUEUE_ID = re.compile(r"(?:queued as |id=|^(?:2\.\d\.\d )?ok:? )((?=\S*\d)[A-Za-z0-9-]{5,80})\b", re.IGNORECASE)
"""The relay's name for a message: "2.0.0 Ok: queued as 9F2B1C", "OK id=1tXk2a-0003pQ", "ok 1711234567"."""


def refusal(key: str, replies: Sequence[Reply], relay: Relay, *, chunking: bool) -> Receipt:
    """Return the receipt for a refused sender, recipient, DATA or first chunk. Raises as `before_recipient` does."""
    sender, *others = replies
    if sender.refused:
        return before_recipient(key, sender, relay)
    recipient, last = others[0], others[-1]
    reply = recipient if recipient.refused else last
    if reply.code == 530:
        raise _wants_login(reply, relay)
    return before_content(key, reply) if recipient.refused or not chunking else of_content(key, reply)


def before_recipient(key: str, reply: Reply, relay: Relay) -> Receipt:
    """Return the receipt for a refusal of our envelope sender, which is never about the person.

    Raises ChannelMisconfigured or ChannelUnavailable when the refusal is permanent.
    """
    if reply.code == 530:
        raise _wants_login(reply, relay)
    if reply.code >= 500:
        raise ChannelUnavailable(f"{relay} refused our sender with {reply.codes}")
    return Receipt(key, Status.DEFERRED, reply.codes)


def before_content(key: str, reply: Reply) -> Receipt:
    """Return the receipt for a refusal of the recipient or of DATA; unclear codes count as a block."""
    if receipt := _by_codes(key, reply):
        return receipt
    if reply.code in NO_SUCH_ADDRESS:
        return _of_the_address(key, reply)
    return Receipt(key, Status.DEFERRED, reply.codes, cause=ReceiptCause.POLICY)


def after_dot(key: str, reply: Reply) -> Receipt:
    """Return the receipt for the reply to the whole message; a reply that is neither yes nor no leaves it in doubt."""
    if 200 <= reply.code < 300:
        queue_id = QUEUE_ID.search(reply.text)
        return Receipt(key, Status.SENT, reply.codes, provider_id=queue_id[1] if queue_id else "")
    if reply.code < 400:
        return Receipt(key, Status.UNCERTAIN, reply.codes)
    return of_content(key, reply)


def of_content(key: str, reply: Reply) -> Receipt:
    """Return the receipt for content refused before or after its end; unclear codes count as a refusal of the text."""
    return _by_codes(key, reply) or Receipt(key, Status.REJECTED, reply.codes, cause=ReceiptCause.CONTENT)


def _by_codes(key: str, reply: Reply) -> Receipt | None:
    """Return the receipt when the codes alone decide; None when the meaning depends on what was refused."""
    if reply.code < 500 or reply.enhanced == MAILBOX_FULL or reply.codes == "552":
        return Receipt(key, Status.DEFERRED, reply.codes)
    if reply.enhanced.startswith(BLOCKED):
        return Receipt(key, Status.DEFERRED, reply.codes, cause=ReceiptCause.POLICY)
    if reply.enhanced.startswith(OF_THE_MAILBOX):
        return _of_the_address(key, reply)
    if reply.enhanced.startswith(OF_THE_CONTENT):
        return Receipt(key, Status.REJECTED, reply.codes, cause=ReceiptCause.CONTENT)
    return None


def _of_the_address(key: str, reply: Reply) -> Receipt:
    """Return the receipt for an address that does not take the message; most such addresses never take one."""
    spared = spares_the_address(Codes(str(reply.code), reply.enhanced), words_of(reply.text))
    return Receipt(key, Status.REJECTED, reply.codes, cause=ReceiptCause.NONE if spared else ReceiptCause.BAD_ADDRESS)


def _wants_login(reply: Reply, relay: Relay) -> ChannelMisconfigured:
    return ChannelMisconfigured(f"{relay} wants username and password, or encryption ({reply.codes})")
