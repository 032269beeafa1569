"""Commands for personal links; each link leads one person to their own page."""

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import As, IncidentId, PersonNumber, noun

app = noun()


@app.command()
def revoke(ctx: typer.Context, incident: IncidentId, person: PersonNumber, name: As) -> None:
    """Stop a person's link, for example because it was passed on; their next message carries a new one."""
    desk: Desk = ctx.obj
    desk.ledger.people.revoke_link(incident, person, desk.member(name).name, now())
    desk.show({"incident": incident, "person": person}, f"the link of person {person} does not work any more")
