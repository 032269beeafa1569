"""Sending the replies of an incident that are due; a run may be killed and repeated, and nobody is answered twice."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from amends.delivery.answers.compose import ReplyComposer
from amends.delivery.channels import ChannelSettings
from amends.delivery.outbox.send import OutgoingSent, send_outgoing
from amends.domain.channel.outgoing import OutgoingKind
from amends.domain.draft.writer import Links
from amends.ledger import Ledger


async def send_replies(
    ledger: Ledger, settings: ChannelSettings, links: Links, incident: str, clock: Callable[[], datetime]
) -> OutgoingSent:
    """Send all replies of an incident that are due.

    Raises NotInLedger when no playbook runs, whose words a reply needs.
    """

    def composer() -> ReplyComposer:
        file, wording = ledger.cases.incident_file(incident), ledger.playbooks.wording(incident)
        return ReplyComposer(file, wording, links, ledger.replies.opened)

    return await send_outgoing(ledger, settings, incident, OutgoingKind.ANSWER, composer, clock)


def send_replies_now(
    ledger: Ledger, settings: ChannelSettings, links: Links, incident: str, clock: Callable[[], datetime]
) -> OutgoingSent:
    """Send all replies of an incident that are due, for a caller without an event loop. Raises as `send_replies`."""
    return asyncio.run(send_replies(ledger, settings, links, incident, clock))
