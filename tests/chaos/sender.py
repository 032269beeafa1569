"""One run of the engine in a process of its own, to be killed at any moment."""

import asyncio
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from amends.delivery.channels import connected
from amends.delivery.send.engine import Tally, deliver
from amends.domain.deliver.limits import Limits
from amends.ledger import Ledger
from tests.delivery.sending import INCIDENT, LINKS, NOTICE, ChannelSettings, a_ledger

UNFINISHED = 3
"""The exit code of a run after which something is still to be sent."""

ANY_RATE = Limits(useless=2, uncertain=2, complained=2)
"""So many bounces and open ends would stop a real send; what guards against sending twice stays on."""


@dataclass(frozen=True)
class Errand:
    """What a sender needs to know."""

    ledger_url: str
    folder: Path
    settings: ChannelSettings
    ahead: timedelta
    """How far its clock runs ahead, so that the leases of those killed before have run out."""


def run(messages: Errand) -> None:
    """Send, then exit with 0 when nothing is left to be sent."""
    ledger = a_ledger(messages.ledger_url, messages.folder)
    tally = asyncio.run(_send(ledger, messages))
    ledger.dispose()
    sys.exit(0 if tally.finished else UNFINISHED)


async def _send(ledger: Ledger, messages: Errand) -> Tally:
    async with connected(messages.settings) as channels:
        return await deliver(
            ledger, channels, INCIDENT, NOTICE, LINKS, lambda: datetime.now(UTC) + messages.ahead, limits=ANY_RATE
        )
