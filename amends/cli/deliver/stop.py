"""The command `amends stop`: stops every send of an incident, on all machines, and says when nothing leaves."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import As, IncidentId
from amends.delivery.stop import BY_HAND, wait_for_answers
from amends.domain.base.errors import LedgerUnavailable, NotAllowed

SLOW_SECONDS = 3.0
NOT_YET = "not yet: the ledger has not taken it; this goes on trying, and `amends doctor` says what keeps its server"


def stop(ctx: typer.Context, incident: IncidentId, name: As) -> None:
    """Stop whatever is being sent, at once, until it is resumed.

    No message is marked any more from the moment this is written down; for those that had left already it waits a
    little, and names how many still have no answer.
    """
    desk: Desk = ctx.obj
    with _explaining_stop_by_hand(desk):
        _pause(desk, incident, desk.member(name).name)
    halt = wait_for_answers(desk.ledger, incident)
    shown = {"incident": incident, "state": "paused", "unanswered": halt.unanswered, "halted": halt.halted}
    desk.show(shown, str(halt))
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
