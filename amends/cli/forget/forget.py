"""Commands for forgetting: what goes when, legal holds, and the erasure of one person on the word of two."""

import sys
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import As, IncidentId, Yes, noun, number
from amends.cli.terminal.second_person import With, second_member
from amends.cli.terminal.text import table
from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.base.text import minute
from amends.domain.forget.plan import due, in_words

if TYPE_CHECKING:
    from amends.delivery.forget import DataPlaces

WHAT_IS_LEFT = (
    "backups, files you wrote, your relay's and providers' logs still have the person: docs/forget.md says what to do; "
    "a restored backup is erased again at the next start"
)
NOTHING = "nothing goes by itself: its playbook names no retention, and it has no day of its own"
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why, without naming the person; it stands in the plan.")]
HoldId = Annotated[int, typer.Argument(metavar="HOLD", parser=number, help="The hold's number.")]
OfPerson = Annotated[
    int | None, typer.Option("--person", metavar="PERSON", parser=number, help="Only this person, by number.")
]

app = noun()


@app.command()
def plan(
    ctx: typer.Context, incident: Annotated[str, typer.Argument(metavar="[INCIDENT]", help="Only this one.")] = ""
) -> None:
    """Show what is forgotten when, what went, and what is kept and why; of all incidents, or of one."""
    desk: Desk = ctx.obj
    chosen = [incident] if incident else [line.id for line in desk.ledger.incidents.all()]
    values, lines = [], []
    for one in chosen:
        planned = desk.ledger.retention.plan(desk.ledger.views.closing(one, now()), now())
        erased = desk.ledger.erasure.erased(one)
        holds = [hold for hold in desk.ledger.holds.all(one) if hold.in_force]
        values.append({"incident": one, "plan": planned, "holds": holds, "erased": sorted(erased)})
        lines += [f"{one}: {in_words(line)}" for line in planned] or [f"{one}: {NOTHING}"]
        lines += [f"{one}: hold {hold.id}: {hold.in_words}: {hold.reason}" for hold in holds]
        lines += [f"{one}: person {person} was erased on {at:%Y-%m-%d}" for person, at in erased.items()]
    desk.show(values, "\n".join(lines))


@app.command("due")
def forget_now(ctx: typer.Context, incident: IncidentId, name: As) -> None:
    """Forget at once what is due by the plan; the sweep of `amends up` does the same by itself."""
    from amends.delivery.forget import forget_due

    desk: Desk = ctx.obj
    desk.member(name)
    case = desk.ledger.views.closing(incident, now())
    kinds = forget_due(desk.ledger, _places(desk), case, now())
    went = f"{incident}: forgotten: {', '.join(kinds)}" if kinds else f"{incident}: nothing is due"
    desk.show({"incident": incident, "forgotten": kinds}, went)
    if not due(desk.ledger.retention.plan(case, now()), now()):
        desk.hint(f"`amends forget plan {incident}` shows what goes later")


@app.command()
def hold(ctx: typer.Context, incident: IncidentId, reason: Reason, name: As, person: OfPerson = None) -> None:
    """Put a case, or one person of it, under legal hold: nothing of it is forgotten until the hold is lifted."""
    desk: Desk = ctx.obj
    given = desk.ledger.holds.give(incident, person, reason, desk.member(name), now())
    whom = f"person {person} of {incident}" if person else incident
    desk.show({"incident": incident, "hold": given, "person": person}, f"{whom} is kept: hold {given} by {name}")
    desk.hint(f"`amends forget lift {incident} {given} --reason TEXT --as NAME` ends it")


@app.command()
def lift(ctx: typer.Context, incident: IncidentId, hold: HoldId, reason: Reason, name: As) -> None:
    """Lift a legal hold; what was due meanwhile goes with the next sweep."""
    desk: Desk = ctx.obj
    desk.ledger.holds.lift(incident, hold, reason, desk.member(name), now())
    desk.show({"incident": incident, "hold": hold}, f"hold {hold} of {incident} is lifted by {name}")
    desk.hint(f"`amends forget plan {incident}` shows what goes now")


@app.command()
def holds(ctx: typer.Context, incident: IncidentId) -> None:
    """List the legal holds of an incident, lifted ones too."""
    desk: Desk = ctx.obj
    found = desk.ledger.holds.all(incident)
    rows = [(one.id, one.person or "all", one.by, one.at, one.reason, one.lifted_by, one.lifted_at) for one in found]
    desk.show(found, table(("hold", "person", "by", "since", "reason", "lifted by", "lifted"), rows))


@app.command("date")
def set_date(
    ctx: typer.Context,
    incident: IncidentId,
    day: Annotated[str, typer.Argument(metavar="DAY", help="The day on which everything goes, such as 2028-06-30.")],
    reason: Reason,
    name: As,
) -> None:
    """Set the day on which all personal data of an incident goes, in place of its playbook's span; UTC."""
    desk: Desk = ctx.obj
    until = _day(day)
    desk.ledger.retention.set_date(incident, until, reason, desk.member(name), now())
    desk.show({"incident": incident, "until": until}, f"all personal data of {incident} goes on {until:%Y-%m-%d}")


def _day(typed: str) -> datetime:
    """Return the beginning of a typed day in UTC. Raises BadParameter."""
    try:
        return datetime.combine(date.fromisoformat(typed), datetime.min.time(), UTC)
    except ValueError:
        raise typer.BadParameter(f"{typed!r} is no day such as 2028-06-30") from None


@app.command("person")
def erase(
    ctx: typer.Context,
    incident: IncidentId,
    ref: Annotated[str, typer.Argument(metavar="REF", help="Your own id for the person, as in the audience file.")],
    name: As,
    other: With,
    yes: Yes = False,
) -> None:
    """Erase one person on request, on the word of two; that they were told stays proven, and who it was does not.

    Called again, it finishes what was broken off. A corrected list that still has the person does not bring them back.
    """
    from amends.delivery.forget import erase_person

    desk: Desk = ctx.obj
    first = desk.member(name)
    second = second_member(desk, first, other)
    person = desk.ledger.people.number_of(incident, ref)
    person = desk.ledger.erasure.number_of(incident, ref) if person is None else person
    if person is None:
        raise NotInLedger(f"nobody in {incident} has this id; `amends audience` commands take the file's own ids")
    desk.ledger.erasure.refuse(incident, person, first, second)
    _ask_to_erase(desk, incident, person, yes=yes)
    erase_person(desk.ledger, _places(desk), incident, person, first, second, now())
    at = desk.ledger.erasure.erased(incident)[person]
    desk.show(
        {"incident": incident, "person": person, "erased_at": at},
        f"{incident}: person {person} was erased at {minute(at)}; notices, times, channels and states stay",
    )
    desk.hint(WHAT_IS_LEFT)


def _ask_to_erase(desk: Desk, incident: str, person: int, *, yes: bool) -> None:
    """Raise NotAllowed unless a person confirms the erasure, BadParameter when there is no terminal to ask at."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("say --yes, or call this from a terminal, where it asks")
    desk.hint(f"name, addresses and words of person {person} of {incident} are lost for ever")
    if typer.prompt("Type the person's number to erase them", err=True) != str(person):
        raise NotAllowed("that is not the person's number; nothing was erased")


def _places(desk: Desk) -> "DataPlaces":
    from amends.delivery.forget import DataPlaces

    return DataPlaces(desk.settings.channels, desk.settings.home)
