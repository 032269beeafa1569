"""What a relay's replies mean for a message: theirs, the person's, or nobody's fault."""

import re
from collections.abc import Sequence

from amends.domain.channel import Receipt, Status
from amends.domain.errors import ChannelMisconfigured, ChannelUnavailable
from channels.smtp import Relay, Reply

NO_SUCH_ADDRESS = frozenset({501, 550, 551, 553, 556})
NO_SUCH_ADDRESS_ENHANCED = ("5.1.", "5.2.1")
QUEUE_ID = re.compile(r"(?:queued as |id=|^(?:2\.\d\.\d )?ok:? )((?=\S*\d)[A-Za-z0-9-]{5,80})\b", re.IGNORECASE)


def refusal(key: str, replies: Sequence[Reply], relay: Relay) -> Receipt:
    """What it means that sender, recipient or DATA was refused. Raises as `before_recipient` does."""
    sender, *others = replies
    if sender.refused:
        return before_recipient(key, sender, relay)
    return before_content(key, next(reply for reply in others if reply.refused), relay)


def before_recipient(key: str, reply: Reply, relay: Relay) -> Receipt:
    """What a refusal of our envelope sender means; it is never about the person.

    Raises ChannelMisconfigured or ChannelUnavailable when it is for good.
    """
    if reply.code == 530:
        raise ChannelMisconfigured(f"{relay} wants username and password, or encryption ({reply.codes})")
    if reply.code >= 500:
        raise ChannelUnavailable(f"{relay} refused our sender with {reply.codes}")
    return Receipt(key, Status.DEFERRED, reply.codes)


def before_content(key: str, reply: Reply, relay: Relay) -> Receipt:
    """What a refusal of the recipient or of DATA means; only a bad address is the person's."""
    if reply.code == 530:
        raise ChannelMisconfigured(f"{relay} wants username and password, or encryption ({reply.codes})")
    if reply.code < 500 or reply.code == 552 or reply.enhanced == "5.2.2":
        return Receipt(key, Status.DEFERRED, reply.codes)
    if _names_no_one(reply):
        return Receipt(key, Status.REJECTED, reply.codes)
    return Receipt(key, Status.DEFERRED, f"policy {reply.codes}")


def after_dot(key: str, reply: Reply) -> Receipt:
    """What the reply to the whole message means; what is neither yes nor no leaves us in doubt."""
    if 200 <= reply.code < 300:
        queue_id = QUEUE_ID.search(reply.text)
        return Receipt(key, Status.SENT, reply.codes, provider_id=queue_id[1] if queue_id else "")
    if reply.code < 400:
        return Receipt(key, Status.UNCERTAIN, reply.codes)
    if reply.code < 500 or reply.enhanced == "5.2.2":
        return Receipt(key, Status.DEFERRED, reply.codes)
    if reply.enhanced.startswith("5.7."):
        return Receipt(key, Status.DEFERRED, f"policy {reply.codes}")
    if reply.enhanced.startswith(NO_SUCH_ADDRESS_ENHANCED):
        return Receipt(key, Status.REJECTED, reply.codes)
    return Receipt(key, Status.REJECTED, f"content {reply.codes}")


def _names_no_one(reply: Reply) -> bool:
    if reply.enhanced.startswith("5.7."):
        return False
    return reply.code in NO_SUCH_ADDRESS or reply.enhanced.startswith(NO_SUCH_ADDRESS_ENHANCED)
