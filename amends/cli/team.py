"""Commands for the team: who works on incidents here, and what each member may do."""

import sys
from datetime import datetime
from typing import Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import As, any_of, noun
from amends.cli.terminal.text import fitted, table
from amends.cli.terminal.times import in_utc
from amends.domain.base.errors import NotAllowed
from amends.domain.base.text import listed, minute
from amends.domain.team.member import Member, TeamRole, nobody_alerted
from amends.domain.team.verbs import VERBS

ROLES_HEAD = ("verb", "roles", "people", "besides")
FIRST = "amends"
"""The name under which the first lead is added, while there is no lead to ask."""

Lead = Annotated[str, typer.Option("--as", metavar="NAME", help="The lead who decides this; needed once there is one.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Somebody in the team.")]

app = noun()


@app.command()
def add(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What they are called here, after --as for example.")],
    role: Annotated[TeamRole, typer.Option(metavar="ROLE", help=f"What they are there for: {any_of(TeamRole)}.")],
    lead: Lead = "",
) -> None:
    """Add a person and print their token, this once."""
    desk: Desk = ctx.obj
    by = _lead(desk, lead)
    token = desk.ledger.team.add(name, role, by, now())
    desk.show({"name": name, "role": role, "token": token}, token)
    desk.hint(f"give this token to {name} alone, in person or by a channel you trust; it is not shown again")


@app.command("list")
def members(ctx: typer.Context) -> None:
    """Everybody who is or was in the team."""
    desk: Desk = ctx.obj
    everybody = desk.ledger.team.members()
    at = now()
    rows = ((one.name, one.role, one.active, one.can_be_reached, _deputy(one, at)) for one in everybody)
    desk.show(everybody, table(("name", "role", "active", "reminded", "who stands in"), rows))
    if unreachable := [one.name for one in everybody if _wants_an_address(one)]:
        desk.hint(f"{listed(unreachable)} cannot be reminded of approvals: `amends team contact NAME --as NAME`")
    if why := nobody_alerted(everybody):
        desk.hint(why)


@app.command()
def roles(
    ctx: typer.Context,
    role: Annotated[
        TeamRole | None, typer.Option(metavar="ROLE", help=f"Only what this role may do: {any_of(TeamRole)}.")
    ] = None,
) -> None:
    """Show which roles may call which command, and how many people it takes; all other commands ask for nobody."""
    desk: Desk = ctx.obj
    asking = {verb: rule for verb, rule in VERBS.items() if not rule.is_open and role in (None, *rule.roles)}
    rows = [(verb, listed(rule.roles), rule.people, rule.besides) for verb, rule in asking.items()]
    desk.show([dict(zip(ROLES_HEAD, row, strict=True)) for row in rows], fitted(ROLES_HEAD, rows))


@app.command()
def remove(ctx: typer.Context, name: Name, lead: Lead = "") -> None:
    """From now on their word counts no more, not even where it was given already."""
    desk: Desk = ctx.obj
    by = _lead(desk, lead)
    if [member.name for member in _leads(desk)] == [name]:
        raise NotAllowed(f"{name} is the only lead; add another one first")
    desk.ledger.team.remove(name, by, now())
    desk.show({"removed": name}, f"{name} is not in the team any more")


@app.command()
def delegate(
    ctx: typer.Context,
    name: Name,
    by: As,
    to: Annotated[str, typer.Option(metavar="OTHER", help="Who may give your word until then.")] = "",
    until: Annotated[str, typer.Option(metavar="TIME", help="With its zone, such as 2026-12-01T18:00+01:00.")] = "",
    end: Annotated[bool, typer.Option("--end", help="Nobody stands in any more; a lead may say so too.")] = False,
) -> None:
    """Let another approver give your word until a time, such as while you are away.

    They give it with `amends approve INCIDENT NOTICE --as OTHER --for NAME`, and then not their own on the same notice.
    """
    desk: Desk = ctx.obj
    if end:
        _refuse_other_than(desk, name, by)
        desk.ledger.team.end_delegation(name, by, now())
        desk.show({"member": name, "deputy": ""}, f"{name} speaks for themselves again")
        return
    if not (to and until):
        raise typer.BadParameter("say who and until when: --to OTHER --until 2026-12-01T18:00+01:00; or --end")
    end_at = _time(until)
    if desk.member(by).name != name:
        raise NotAllowed(f"only {name} can give away the word of {name}")
    desk.ledger.team.delegate(name, to, end_at, now())
    desk.show({"member": name, "deputy": to, "until": end_at}, f"{to} stands in for {name} until {minute(end_at)}")
    desk.hint(
        f"{to} gives the word with `amends approve INCIDENT NOTICE --as {to} --for {name}`, in the role of {name}"
    )
    desk.hint(f"`amends team delegate {name} --end --as {name}` takes it back")


@app.command()
def contact(
    ctx: typer.Context,
    name: Name,
    by: As,
    url: Annotated[
        str, typer.Option(metavar="APPRISE_URL", help="Left out, it is asked for and not shown, or read from stdin.")
    ] = "",
    remove_it: Annotated[bool, typer.Option("--remove", help="Remind them nowhere any more.")] = False,
) -> None:
    """Say where a member is reminded, and a lead alerted: Slack, Teams, WeCom, DingTalk, Feishu, mail and more.

    The address may hold passwords: it is kept encrypted and never shown again. Rather leave --url out: what stands on
    the command line is kept by the shell and seen by others on this machine.
    """
    desk: Desk = ctx.obj
    if url and remove_it:
        raise typer.BadParameter("--url and --remove say two things; leave one out")
    _refuse_other_than(desk, name, by)
    address = "" if remove_it else url or _address_asked_for(name)
    if address:
        _refuse_unknown_address(address)
    desk.ledger.team.set_contact(name, address, by, now())
    said = f"{name} is reminded there from now on" if address else f"{name} is not reminded any more"
    desk.show({"member": name, "reminded": bool(address)}, said)


def _refuse_other_than(desk: Desk, name: str, by: str) -> None:
    """Raise NotAllowed for everybody but the member and the leads."""
    member = desk.member(by)
    if member.name != name and member.role is not TeamRole.LEAD:
        raise NotAllowed(f"{by} is neither {name} nor a lead; only they can change this")


def _address_asked_for(name: str) -> str:
    """Return the address from a hidden prompt, or from stdin when that is piped in; the address is never shown.

    Raises BadParameter when nothing is given, as when the command before the pipe failed.
    """
    if sys.stdin.isatty():
        given = str(typer.prompt(f"Apprise address of {name}", hide_input=True, err=True))
    else:
        given = sys.stdin.read()
    if not given.strip():
        raise typer.BadParameter("no address was given, so nothing is changed; --remove takes the address away")
    return given.strip()


def _refuse_unknown_address(address: str) -> None:
    """Raise NotAllowed for an address unknown to Apprise, without the address, which may hold a password."""
    from amends.delivery.alerts import is_understood

    if not is_understood(address):
        raise NotAllowed(
            "this is no address that Apprise understands, or it is several; write one, such as slack://…, "
            "workflows://… (Teams), wecombot://…, dingtalk://…, feishu://… or mailtos://…"
        )


def _time(text: str) -> datetime:
    """Return a point in time with its zone, in UTC. Raises BadParameter."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time such as 2026-12-01T18:00+01:00") from None
    if at.tzinfo is None:
        raise typer.BadParameter(f"{text!r} has no zone; write it as in 2026-12-01T18:00+01:00, or with Z for UTC")
    return in_utc(at)


def _deputy(member: Member, at: datetime) -> str:
    deputy = member.deputy_at(at)
    return f"{deputy} until {minute(member.deputy_until)}" if deputy else ""


def _wants_an_address(member: Member) -> bool:
    return member.active and member.role.may_approve and not member.can_be_reached


def _lead(desk: Desk, name: str) -> str:
    """Return who decides about the team: anybody while the team has no lead, then a lead. Raises NotAllowed."""
    if not _leads(desk):
        return name or FIRST
    if not name:
        raise NotAllowed("the team has a lead; say with --as NAME which lead decides this")
    if desk.member(name).role is not TeamRole.LEAD:
        raise NotAllowed(f"{name} is not a lead; only leads decide who is in the team")
    return name


def _leads(desk: Desk) -> list[Member]:
    return [member for member in desk.ledger.team.members() if member.active and member.role is TeamRole.LEAD]
