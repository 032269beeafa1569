"""A worker of replies that is killed while it has one: `python killed_sender.py FOLDER before|after` the commit mark."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from amends.delivery.answers.compose import ReplyComposer
from amends.delivery.answers.in_flight import RepliesInFlight, ReplyRules
from amends.domain.channel.channel import ChannelKind, MessagesInFlight
from amends.domain.feedback.answer import ReplyChannel
from tests.builders import NOW
from tests.delivery.sending import INCIDENT, LINKS, a_ledger, sqlite_url


class Deadly:
    """A channel that kills its process with SIGKILL."""

    kind = ChannelKind.EMAIL
    at_once = 1

    def __init__(self, when: str) -> None:
        self._when = when

    async def carry(self, in_flight: MessagesInFlight) -> None:
        message = await in_flight.next()
        if message is None:
            return
        if self._when == "after":
            marked = asyncio.get_running_loop().create_future()
            in_flight.last_call(message.key, marked.set_result)
            await marked
        os.kill(os.getpid(), signal.SIGKILL)

    async def close(self) -> None:
        """Close nothing."""


def main(folder: Path, when: str) -> None:
    """Claim a reply in the ledger of this folder, and die."""
    ledger = a_ledger(sqlite_url(folder), folder)
    composer = ReplyComposer(ledger.cases.incident_file(INCIDENT), ledger.playbooks.wording(INCIDENT), LINKS)
    rules = ReplyRules(None, "UTC")
    replies = RepliesInFlight(ledger, INCIDENT, ReplyChannel.EMAIL, composer, rules, None, lambda: NOW)
    asyncio.run(Deadly(when).carry(replies))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
