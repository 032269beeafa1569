"""One sender of messages of one kind, in a process of its own, to be killed at any moment."""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.delivery.sending import ChannelSettings, a_ledger
from tests.message_kinds import KINDS

UNFINISHED = 3
"""The exit code of a run after which something is still to be sent."""


@dataclass(frozen=True)
class Errand:
    """What a sender needs to know."""

    ledger_url: str
    folder: Path
    settings: ChannelSettings
    ahead: timedelta
    """How far its clock runs ahead, so that the leases of those killed before have run out."""
    kind: str = "notice"
    """The kind of the messages, one of KINDS."""


def run(messages: Errand) -> None:
    """Send, then exit with 0 when nothing is left to be sent."""
    ledger, kind = a_ledger(messages.ledger_url, messages.folder), KINDS[messages.kind]
    kind.send(ledger, messages.settings, lambda: datetime.now(UTC) + messages.ahead)
    left = kind.is_left(ledger)
    ledger.dispose()
    sys.exit(UNFINISHED if left else 0)
