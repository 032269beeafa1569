"""Commands for people's requests for their data: list them, approve one with a dossier, or refuse it with a reason."""

from typing import Annotated

import typer

from amends.cli.people.dossier import sealed_page
from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import As, IncidentId, noun, number
from amends.cli.terminal.text import table
from amends.domain.base.errors import NotAllowed
from amends.domain.base.text import minute
from amends.domain.people.access_request import RequestState

RequestId = Annotated[int, typer.Argument(metavar="REQUEST", parser=number, help="The request's number.")]
HEAD = ("request", "due", "person", "state", "decided", "offered until")

app = noun()


@app.command("list")
def listed(
    ctx: typer.Context,
    incident: IncidentId,
    undecided: Annotated[bool, typer.Option("--open", help="Only those without a decision.")] = False,
) -> None:
    """List who asked for their data, the one due first in front; `amends requests approve` or `refuse` decides."""
    desk: Desk = ctx.obj
    desk.ledger.requests.clear(incident, now())
    found = desk.ledger.requests.all(incident, open_only=undecided)
    rows = [(one.id, one.due_at, one.person, one.state, one.decided_by, one.offered_until) for one in found]
    desk.show([one.model_dump(mode="json", exclude={"words"}) for one in found], table(HEAD, rows))
    if late := [one.id for one in found if one.overdue(now())]:
        desk.hint(f"overdue: {', '.join(map(str, late))}; the law gives one month")
    if waiting := [one.id for one in found if one.state is RequestState.OPEN]:
        desk.hint(
            f"`amends requests approve {incident} {waiting[0]} --as NAME` writes the dossier for the person's page"
        )


@app.command()
def approve(ctx: typer.Context, incident: IncidentId, request: RequestId, name: As) -> None:
    """Approve a request: write the dossier, which the person's page offers to the holder of the link for two weeks.

    Make sure first that it is the person who asks: whoever has the link gets it. `amends dossier` shows what it holds.
    """
    desk: Desk = ctx.obj
    by = desk.member(name)
    found = desk.ledger.requests.get(incident, request)
    if why := desk.ledger.requests.why_not_approve(incident, request):
        raise NotAllowed(why)
    until = desk.ledger.requests.approve(
        incident, request, sealed_page(desk, incident, found.person, by.name), by, now()
    )
    desk.show(
        {"request": request, "person": found.person, "offered_until": until},
        f"request {request} is approved; the page of person {found.person} offers the copy until {minute(until)}",
    )
    desk.hint(f"they find it on their page; `amends requests list {incident} --open` shows who else waits")


@app.command()
def refuse(
    ctx: typer.Context,
    incident: IncidentId,
    request: RequestId,
    name: As,
    words: Annotated[str, typer.Option(metavar="TEXT", help="Why, for the person, in their language.")],
) -> None:
    """Refuse a request with a reason, which the person reads on their page; they may ask again."""
    desk: Desk = ctx.obj
    desk.ledger.requests.refuse(incident, request, words, desk.member(name), now())
    desk.show({"request": request, "state": RequestState.REFUSED}, f"request {request} is refused")
    desk.hint(f"`amends requests list {incident} --open` shows who else waits")
