"""The command `amends timeline`: what of an incident waits for whom, what comes, and what was done."""

from datetime import timedelta
from typing import Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import IncidentId
from amends.cli.terminal.text import fitted
from amends.domain.base.errors import DiskFull, LedgerUnavailable
from amends.domain.base.text import destroyed
from amends.domain.timeline.text import in_tables, standing
from amends.domain.timeline.timeline import timeline as timeline_of


def timeline(
    ctx: typer.Context,
    incident: IncidentId,
    days: Annotated[int, typer.Option(metavar="DAYS", min=1, max=366, help="How far to look ahead.")] = 14,
) -> None:
    """Show what waits for whom, what is expected, and what was done."""
    desk: Desk = ctx.obj
    at = now()
    case = desk.ledger.views.timeline(incident, at, domains=True)
    shown = timeline_of(case, at, timedelta(days=days))
    sections = (f"{title}\n{rows}" for title, rows in in_tables(shown, fitted).items())
    heading = f"{shown.incident}: {shown.title}\n{standing(shown)}"
    desk.show(shown, "\n\n".join((heading, *sections)))
    if case.destroyed_at:
        desk.hint(destroyed(case.destroyed_at))
    _say_when_full(desk)
    desk.hint(f"`amends incident timeline {incident}` says who did what")


def _say_when_full(desk: Desk) -> None:
    """Report a full disk: the ledger cannot take an alert then, so every send seems to go on."""
    try:
        desk.ledger.store.check_writable()
    except DiskFull as full:
        desk.complain(str(full))
    except LedgerUnavailable:
        return  # a reader who may not write looks at the timeline all the same
