"""Commands for the work on a promise: its steps, the money spent on it, and who owns it."""

from datetime import datetime
from typing import Annotated

import typer

from amends.cli.commitment.words import point_out_owners
from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import As, CommitmentId, IncidentId, number
from amends.domain.base.money import Money
from amends.domain.base.text import minute
from amends.domain.commitment.outlook import over_budget
from amends.domain.incident.commitment import Commitment, CommitmentKind, CommitmentStep, due_by


def step(
    ctx: typer.Context,
    incident: IncidentId,
    commitment: CommitmentId,
    name: As,
    add: Annotated[str, typer.Option(metavar="WHAT", help="Add a step, with --due, and --owner if another.")] = "",
    done: Annotated[int | None, typer.Option(metavar="N", parser=number, help="This step is done.")] = None,
    move: Annotated[int | None, typer.Option(metavar="N", parser=number, help="This step gets the date --due.")] = None,
    due: Annotated[str, typer.Option(metavar="DATE", help="The last day, or a span from now: 2027-03-31, 14d.")] = "",
    owner: Annotated[str, typer.Option(metavar="NAME", help="The member who does the added step.")] = "",
) -> None:
    """Add a step to a promise, say that one is done, or give one another date."""
    desk: Desk = ctx.obj
    by, work = desk.member(name).name, desk.ledger.commitment_work
    if sum((bool(add), done is not None, move is not None)) != 1:
        raise typer.BadParameter("give one of --add, --done and --move")
    before = desk.ledger.commitments.get(incident, commitment)
    if done is not None:
        work.step_done(incident, commitment, done, by, now())
    elif move is not None:
        work.move_step(incident, commitment, move, _due(due, before), by, now())
    else:
        new = CommitmentStep(what=add, owner=owner, due_at=_due(due, before))
        work.add_step(incident, commitment, new, by, now())
        point_out_owners(desk, filter(None, (owner,)))
    changed = desk.ledger.commitments.get(incident, commitment)
    desk.show(changed, "\n".join(step_lines(changed)))


def _due(text: str, commitment: Commitment) -> datetime:
    """Return the time that is meant, in the time zone of the commitment. Raises BadParameter."""
    if not text:
        raise typer.BadParameter("--due is missing: the last day, such as 2027-03-31, or 14d from now")
    try:
        return due_by(text, commitment.zone, now())
    except ValueError as error:
        raise typer.BadParameter(f"--due: {error}") from None


def step_lines(commitment: Commitment) -> list[str]:
    """Return the steps in lines, each with its number, who does it, and its date or by whom it was done."""
    return [
        f"  {number}. {one.what} ({one.owner or commitment.owner}, "
        + (f"done {minute(one.done_at)} by {one.done_by})" if one.done_at else f"due {minute(one.due_at)})")
        for number, one in enumerate(commitment.steps, 1)
    ]


def spend(
    ctx: typer.Context,
    incident: IncidentId,
    commitment: CommitmentId,
    name: As,
    amount: Annotated[str, typer.Option(metavar="MONEY", help="What was spent: '1200.50 EUR'.")],
    invoice: Annotated[str, typer.Option(metavar="NUMBER", help="The invoice; each one counts once.")],
) -> None:
    """Record money that was spent on a promise; the same invoice again changes nothing."""
    desk: Desk = ctx.obj
    by = desk.member(name).name
    try:
        money = Money.parse(amount)
    except ValueError as error:
        raise typer.BadParameter(f"--amount: {error}") from None
    spent = desk.ledger.commitment_work.spend(incident, commitment, invoice, money, by, now())
    found = desk.ledger.commitments.get(incident, commitment)
    budget = f" of {found.budget}" if found.budget else ""
    values = {"commitment": commitment, "spent": str(spent), "budget": str(found.budget) if found.budget else None}
    desk.show(values, f"{spent}{budget} spent")
    if over_budget(found):
        desk.hint("that is more than the budget; the owner and the leads hear of it")
    if found.kind is CommitmentKind.COMPENSATION:
        desk.hint("what the bank paid on claims is counted by itself, and is no spending of this promise")


def give(
    ctx: typer.Context,
    incident: IncidentId,
    commitment: CommitmentId,
    name: As,
    owner: Annotated[str, typer.Option(metavar="NAME", help="The member who owns it from now on.")] = "",
    deputy: Annotated[
        str, typer.Option(metavar="NAME", help="The member reminded after the owner; - for nobody.")
    ] = "",
) -> None:
    """Hand a promise over to another owner or deputy."""
    desk: Desk = ctx.obj
    by, before = desk.member(name).name, desk.ledger.commitments.get(incident, commitment)
    if not (owner or deputy):
        raise typer.BadParameter("say to whom: --owner NAME, --deputy NAME")
    new = (owner or before.owner, "" if deputy == "-" else deputy or before.deputy)
    desk.ledger.commitments.hand_over(incident, commitment, *new, by, now())
    found = desk.ledger.commitments.get(incident, commitment)
    behind = f", then {found.deputy}" if found.deputy else ""
    desk.show(found, f"{commitment} is looked after by {found.owner}{behind}")
    point_out_owners(desk, filter(None, new))
