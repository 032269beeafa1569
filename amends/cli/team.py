"""Who works on incidents here, and what each may do."""

from typing import Annotated

import typer

from amends.cli.clock import now
from amends.cli.desk import Desk
from amends.cli.options import noun
from amends.cli.words import table
from amends.domain.errors import NotAllowed
from amends.domain.team import Member, TeamRole

FIRST = "amends"
"""Who adds the first lead, while there is none to ask."""

Lead = Annotated[str, typer.Option("--as", metavar="NAME", help="The lead who decides this; needed once there is one.")]

app = noun()


@app.command()
def add(
    ctx: typer.Context,
    name: str,
    role: Annotated[TeamRole, typer.Option(help="What they are there for.")],
    lead: Lead = "",
) -> None:
    """Add a person and print their token, this once."""
    desk: Desk = ctx.obj
    by = _lead(desk, lead)
    token = desk.ledger.add_member(name, role, by, now())
    desk.show({"name": name, "role": role, "token": token}, token)
    desk.hint(f"give this token to {name} alone, in person or by a channel you trust; it is not shown again")


@app.command("list")
def members(ctx: typer.Context) -> None:
    """Everybody who is or was in the team."""
    desk: Desk = ctx.obj
    everybody = desk.ledger.members()
    rows = ((member.name, member.role, member.active) for member in everybody)
    desk.show(everybody, table(("name", "role", "active"), rows))


@app.command()
def remove(ctx: typer.Context, name: str, lead: Lead = "") -> None:
    """From now on their word counts no more, not even where it was given already."""
    desk: Desk = ctx.obj
    by = _lead(desk, lead)
    if [member.name for member in _leads(desk)] == [name]:
        raise NotAllowed(f"{name} is the only lead; add another one first")
    desk.ledger.remove_member(name, by, now())
    desk.show({"removed": name}, f"{name} is not in the team any more")


def _lead(desk: Desk, name: str) -> str:
    """Who decides about the team: anybody while it has no lead, a lead from then on. Raises NotAllowed."""
    if not _leads(desk):
        return name or FIRST
    if not name:
        raise NotAllowed("the team has a lead; say with --as NAME which lead decides this")
    if desk.member(name).role is not TeamRole.LEAD:
        raise NotAllowed(f"{name} is not a lead; only leads decide who is in the team")
    return name


def _leads(desk: Desk) -> list[Member]:
    return [member for member in desk.ledger.members() if member.active and member.role is TeamRole.LEAD]
