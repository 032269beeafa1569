"""A sender that is killed at a mark: `killed_sender.py FOLDER KIND before|after SETTINGS`, with SETTINGS as JSON."""

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amends.domain.channel.channel import ChannelKind
from tests.builders import NOW
from tests.delivery.sending import a_ledger, sqlite_url
from tests.message_kinds import KINDS

TO_EVERYBODY = frozenset(kind for kind in ChannelKind if not kind.personal)


def die_at_mark(marking: Any, when: str) -> None:
    """Let the process kill itself with SIGKILL before or after the first commit mark of a message to one reader."""
    record = marking.record

    def deadly(marks: Sequence[Any], *rest: object) -> object:
        to_somebody = any(mark.channel not in TO_EVERYBODY for mark in marks)
        if to_somebody and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        may_leave = record(marks, *rest)
        if to_somebody:
            os.kill(os.getpid(), signal.SIGKILL)
        return may_leave

    marking.record = deadly


def main(folder: Path, kind: str, when: str, settings: dict[str, dict[str, str]]) -> None:
    """Send what is due in the ledger of this folder, and die."""
    ledger = a_ledger(sqlite_url(folder), folder)
    for marking in (ledger.outbox, ledger.deliveries):
        die_at_mark(marking, when)
    KINDS[kind].send(ledger, {ChannelKind(name): own for name, own in settings.items()}, lambda: NOW)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], json.loads(sys.argv[4]))
