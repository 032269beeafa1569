"""What a relay's replies mean for a message: theirs, the person's, or nobody's fault."""

import re
from collections.abc import Sequence

from amends.domain.base.errors import ChannelMisconfigured, ChannelUnavailable
from amends.domain.channel.channel import Receipt, Status
from amends.domain.receipt.codes import OURS
from channels.smtp.connection import Relay, Reply

NO_SUCH_ADDRESS = frozenset({501, 550, 551, 553, 556})
BLOCKED = (*OURS, "5.4.6")
"""Enhanced codes (RFC 3463). A relay that takes mail from us sees no loop: some call it so that we send too much."""
THE_PERSONS = ("5.1.", "5.2.1", "5.2.3")
"""No such address; a mailbox that takes nothing, or nothing so long."""
MAILBOX_FULL = "5.2.2"
OF_THE_CONTENT = ("5.3.4", "5.6.")
"""Too long for the whole system, or not acceptable in it."""
QUEUE_ID = re.compile(r"(?:queued as |id=|^(?:2\.\d\.\d )?ok:? )((?=\S*\d)[A-Za-z0-9-]{5,80})\b", re.IGNORECASE)


def refusal(key: str, replies: Sequence[Reply], relay: Relay, *, chunking: bool) -> Receipt:
    """What it means that sender, recipient, DATA or a first chunk was refused. Raises as `before_recipient` does."""
    sender, *others = replies
    if sender.refused:
        return before_recipient(key, sender, relay)
    recipient, last = others[0], others[-1]
    reply = recipient if recipient.refused else last
    if reply.code == 530:
        raise _wants_login(reply, relay)
    return before_content(key, reply) if recipient.refused or not chunking else of_content(key, reply)


def before_recipient(key: str, reply: Reply, relay: Relay) -> Receipt:
    """What a refusal of our envelope sender means; it is never about the person.

    Raises ChannelMisconfigured or ChannelUnavailable when it is for good.
    """
    if reply.code == 530:
        raise _wants_login(reply, relay)
    if reply.code >= 500:
        raise ChannelUnavailable(f"{relay} refused our sender with {reply.codes}")
    return Receipt(key, Status.DEFERRED, reply.codes)


def before_content(key: str, reply: Reply) -> Receipt:
    """What a refusal of the recipient or of DATA means; where the codes leave it open, we are blocked."""
    if receipt := _by_codes(key, reply):
        return receipt
    if reply.code in NO_SUCH_ADDRESS:
        return Receipt(key, Status.REJECTED, reply.codes)
    return Receipt(key, Status.DEFERRED, f"policy {reply.codes}")


def after_dot(key: str, reply: Reply) -> Receipt:
    """What the reply to the whole message means; what is neither yes nor no leaves us in doubt."""
    if 200 <= reply.code < 300:
        queue_id = QUEUE_ID.search(reply.text)
        return Receipt(key, Status.SENT, reply.codes, provider_id=queue_id[1] if queue_id else "")
    if reply.code < 400:
        return Receipt(key, Status.UNCERTAIN, reply.codes)
    return of_content(key, reply)


def of_content(key: str, reply: Reply) -> Receipt:
    """What a refusal of the content means, after its end or before; where the codes leave it open, it is the text."""
    return _by_codes(key, reply) or Receipt(key, Status.REJECTED, f"content {reply.codes}")


def _by_codes(key: str, reply: Reply) -> Receipt | None:
    """What a refusal means wherever it is heard; None when that depends on what was refused."""
    if reply.code < 500 or reply.enhanced == MAILBOX_FULL or reply.codes == "552":
        return Receipt(key, Status.DEFERRED, reply.codes)
    if reply.enhanced.startswith(BLOCKED):
        return Receipt(key, Status.DEFERRED, f"policy {reply.codes}")
    if reply.enhanced.startswith(THE_PERSONS):
        return Receipt(key, Status.REJECTED, reply.codes)
    if reply.enhanced.startswith(OF_THE_CONTENT):
        return Receipt(key, Status.REJECTED, f"content {reply.codes}")
    return None


def _wants_login(reply: Reply, relay: Relay) -> ChannelMisconfigured:
    return ChannelMisconfigured(f"{relay} wants username and password, or encryption ({reply.codes})")
