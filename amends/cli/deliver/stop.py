"""The command `amends stop`: stops every send of an incident, on all machines, and says when nothing leaves."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import As, IncidentId
from amends.domain.base.errors import LedgerUnavailable, NotAllowed

BY_HAND = (
    "NOTHING WAS STOPPED, for the reason below. End `amends up` and every `amends deliver` themselves, on each "
    "machine: with Ctrl-C, or with `kill` and the number that `pgrep -af 'amends|flows'` shows; each waits for the "
    "answers to what has left"
)
SLOW_SECONDS = 3.0
NOT_YET = "not yet: the ledger has not taken it; this goes on trying, and `amends doctor` says what keeps its server"
PATIENCE = 15.0
"""Seconds to wait for the answers to messages that had left already."""
LOOK_SECONDS = 0.1


def stop(ctx: typer.Context, incident: IncidentId, name: As) -> None:
    """Stop whatever is being sent, at once, until it is resumed.

    No message is marked any more from the moment this is written down; for those that had left already it waits a
    little, and names how many still have no answer.
    """
    desk: Desk = ctx.obj
    with _explaining_stop_by_hand(desk):
        _pause(desk, incident, desk.member(name).name)
    halted = not desk.ledger.incidents.marks_are_kept(incident)
    unanswered = _wait_for_answers(desk, incident)
    shown = {"incident": incident, "state": "paused", "unanswered": unanswered, "halted": halted}
    desk.show(shown, _in_words(incident, unanswered, halted=halted))
    desk.hint(
        f"`amends deliveries {incident}` says who was reached; `amends incident resume {incident} --as NAME` goes on"
    )


def _pause(desk: Desk, incident: str, by: str) -> None:
    try:
        with _hinting_when_slow(desk):
            desk.ledger.incidents.pause(incident, by, now())
    except NotAllowed as reason:
        desk.hint(str(reason))


@contextmanager
def _explaining_stop_by_hand(desk: Desk) -> Iterator[None]:
    """Say how to stop the sending processes by hand when the block fails because the ledger is unavailable."""
    try:
        yield
    except LedgerUnavailable:
        desk.complain(BY_HAND)
        raise


@contextmanager
def _hinting_when_slow(desk: Desk) -> Iterator[None]:
    """Say when the block takes long to record the stop: until then, a send that can write goes on."""
    timer = threading.Timer(SLOW_SECONDS, desk.hint, (NOT_YET,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _wait_for_answers(desk: Desk, incident: str) -> int:
    latest = time.monotonic() + PATIENCE
    while (left := desk.ledger.deliveries.unanswered(incident)) and time.monotonic() < latest:
        time.sleep(LOOK_SECONDS)
    return left


def _in_words(incident: str, unanswered: int, *, halted: bool) -> str:
    if halted:
        return (
            f"{incident} is stopped, but one process stands still in the middle of a write, and what it has in hand "
            "may leave if it goes on: end it, `pgrep -af 'amends|flows'` shows its number"
        )
    if not unanswered:
        return f"{incident} is stopped: nothing leaves any more, and everything that left has its answer"
    return f"{incident} is stopped: nothing leaves any more; {unanswered} that had left have no answer yet"
