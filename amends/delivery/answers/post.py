"""Posting the approved answer to a post of the public as a reply, once, when a member of the team says so."""

from collections.abc import Callable
from datetime import datetime

from amends.delivery.feedback.mentions import MentionedAccount
from amends.delivery.outbox.send import why_not_send
from amends.domain.base.errors import ChannelError, NotAllowed, StaleClaim
from amends.domain.channel.message import Receipt, Status
from amends.ledger import Ledger


async def post_answer(
    ledger: Ledger,
    account: MentionedAccount,
    incident: str,
    question: int,
    by: str,
    clock: Callable[[], datetime],
    *,
    again: bool = False,
) -> Receipt:
    """Post an approved answer as a reply, and record where it stands; a lost answer of the server leaves it uncertain.

    Raises NotAllowed, ChannelError.
    """
    post = ledger.mentions.post_of(incident, question)
    if post is None or not post.post:
        raise NotAllowed(
            f"question {question} came from a file: post the answer by hand, then `amends mentions posted`"
        )
    if why := why_not_send(ledger, incident, clock()):
        raise NotAllowed(why)
    ledger.outbox.recover(incident, clock())
    claim = ledger.replies.claim_post(incident, question, by, clock(), again=again)

    async def last_call() -> None:
        if not ledger.outbox.record([claim], (), clock()):
            raise StaleClaim(claim.key)

    content, _ = ledger.replies.opened(claim.name)
    try:
        receipt = await account.reply(post.post, post.account, content.text, content.locale, claim.key, last_call)
    except ChannelError:  # nothing has left
        ledger.outbox.record((), [(claim, Receipt(claim.key, Status.DEFERRED, "unavailable"))], clock())
        raise
    except StaleClaim:
        ledger.outbox.postpone((claim,), clock(), "", clock())
        raise NotAllowed(f"the answer to question {question} was withdrawn, or the incident was paused") from None
    ledger.outbox.record((), [(claim, receipt)], clock())
    return receipt
