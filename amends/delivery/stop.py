"""Stopping what is being sent of an incident: wait for the answers to what had left, and say what is known."""

import time
from dataclasses import dataclass

from amends.ledger import Ledger

BY_HAND = (
    "NOTHING WAS STOPPED, for the reason below. End `amends up` and every `amends deliver` themselves, on each "
    "machine: with Ctrl-C, or with `kill` and the number that `pgrep -af 'amends|flows'` shows; each waits for the "
    "answers to what has left"
)
PATIENCE = 15.0
"""Seconds to wait for the answers to messages that had left already."""
LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Halt:
    """The outcome of a stop, once it stands in the ledger."""

    incident: str
    unanswered: int
    """The number of messages that had left and have no answer yet."""
    halted: bool
    """True when a process stands still in the middle of a mark, so that its messages may still leave."""

    def __str__(self) -> str:
        if self.halted:
            return (
                f"{self.incident} is stopped, but one process stands still in the middle of a write, and what it has "
                "in hand may leave if it goes on: end it, `pgrep -af 'amends|flows'` shows its number"
            )
        if not self.unanswered:
            return f"{self.incident} is stopped: nothing leaves any more, and everything that left has its answer"
        return (
            f"{self.incident} is stopped: nothing leaves any more; {self.unanswered} that had left have no answer yet"
        )


def wait_for_answers(ledger: Ledger, incident: str) -> Halt:
    """Wait until no process marks messages of the paused incident, and a little for the answers to what had left."""
    halted = not ledger.incidents.marks_are_kept(incident)
    latest = time.monotonic() + PATIENCE
    while (left := ledger.deliveries.unanswered(incident)) and time.monotonic() < latest:
        time.sleep(LOOK_SECONDS)
    return Halt(incident, left, halted)
