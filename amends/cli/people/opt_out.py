"""The command `amends opt-out`: records that a person told the team to stop, or to resume, optional messages."""

from typing import Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import As, IncidentId, PersonNumber

TOLD = "told the team"


def opt_out(
    ctx: typer.Context,
    incident: IncidentId,
    person: PersonNumber,
    name: As,
    again: Annotated[bool, typer.Option("--again", help="They want the optional messages again.")] = False,
) -> None:
    """Note that somebody wants no optional messages, or wants them again.

    As they said by phone or in a letter. What they must be told reaches them all the same; with --again they get the
    optional ones from the next on.
    """
    desk: Desk = ctx.obj
    ledger, by = desk.ledger, desk.member(name).name
    change = ledger.opt_outs.end if again else ledger.opt_outs.add
    new = change(incident, person, TOLD, now(), by=by)
    gets = "gets optional messages" if again else "gets no optional messages any more"
    desk.show(
        {"incident": incident, "person": person, "opted_out": not again, "new": new},
        f"person {person} {gets}{'' if new else ', as before'}",
    )
