"""The command `amends incident close`: what is missing, who ends it, and what two people pass over."""

from collections.abc import Sequence
from typing import Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.options import As, IncidentId
from amends.domain.base.errors import NotAllowed
from amends.domain.case.views.closing import ClosingView
from amends.domain.closing.criteria import as_unmet, missing, overrides_waiting, unmet
from amends.domain.closing.figures import overrides_in_force
from amends.domain.closing.missing import Missing
from amends.domain.playbook.closing import MAY_OVERRIDE, NEVER_OVERRIDDEN, Criterion
from amends.domain.team.member import Member

Override = Annotated[
    list[Criterion],
    typer.Option(
        "--override",
        metavar="CRITERION",
        help="Pass over this criterion as it is unmet now; a second person says the same. Once for each.",
    ),
]


def close(
    ctx: typer.Context,
    incident: IncidentId,
    name: As,
    override: Override = [],  # noqa: B006 - typer copies the default
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why it is passed over; it stands in the report, so it names nobody.")
    ] = "",
) -> None:
    """Say that there is nothing new to tell: the closing notice is drafted, open promises go on.

    Lists what is missing by the playbook's criteria, and who ends it. Two people of the roles lead, executive or legal
    can pass over a criterion together, for what is missing at that time alone. Whoever asked gets a word in any case.
    """
    desk: Desk = ctx.obj
    member = desk.member(name, verb="incident close --override" if override else "")
    case = desk.ledger.views.closing(incident, now())
    if bool(override) != bool(reason.strip()):
        raise typer.BadParameter("--override and --reason belong together")
    for criterion in dict.fromkeys(override):
        _pass_over(desk, case, criterion, member, reason)
    case = desk.ledger.views.closing(incident, now())
    if found := unmet(case, now()):
        _show_missing(desk, case, found)
        raise typer.Exit(Exit.FINDINGS)
    desk.ledger.incidents.resolve(incident, member.name, now(), "; ".join(_passed_over(case)))
    _close_at_once_or_later(desk, case, member.name)


def _pass_over(desk: Desk, case: ClosingView, criterion: Criterion, member: Member, reason: str) -> None:
    """Record the member's word on all that is missing by the criterion. Raises NotAllowed when nothing is."""
    unmet_now = as_unmet(criterion, missing(case, now()))
    if any((over.criterion, over.binding) == unmet_now[:2] for over in overrides_in_force(case)):
        desk.hint(f"{criterion} is passed over already, as it is unmet now")
        return
    desk.ledger.closing.override(case.incident.id, unmet_now, member, reason, now())


def _show_missing(desk: Desk, case: ClosingView, found: Sequence[Missing]) -> None:
    incident = case.incident.id
    waiting = overrides_waiting(case, now())
    values = {"incident": incident, "unmet": found, "overrides": case.closing_overrides}
    desk.show(values, "\n".join((*(one.in_words for one in found), *(one.in_words for one in waiting))))
    for one in waiting:
        same = f"amends incident close {incident} --override {one.criterion} --reason TEXT --as NAME"
        desk.hint(f"{one.criterion}: a second person confirms with `{same}`")
    may = {one.criterion for one in found} - {*NEVER_OVERRIDDEN, *(one.criterion for one in waiting)}
    if may:
        desk.hint(
            f"settle these; or two people ({', '.join(MAY_OVERRIDE)}) pass over one by name: "
            f"--override {next(one for one in Criterion if one in may)} --reason TEXT"
        )


def _passed_over(case: ClosingView) -> tuple[str, ...]:
    return tuple(override.in_words for override in overrides_in_force(case))


def _close_at_once_or_later(desk: Desk, case: ClosingView, by: str) -> None:
    from amends.cli.terminal.prefect import nudge

    incident = case.incident.id
    if case.was_closed:
        raise NotAllowed(f"incident {incident} is closed already")
    closing = [step.id for step in case.playbook.steps if step.of == "resolved"] if case.playbook else []
    if not closing:
        desk.ledger.incidents.close(incident, by, now())
    state = "resolved" if closing else "closed"
    passed = _passed_over(case)
    values = {"incident": incident, "state": state, "steps": closing, "overrides": overrides_in_force(case)}
    desk.show(values, "\n".join((f"{incident} is {state}", *passed)))
    nudge(desk, incident)
    if closing:
        desk.hint(f"next: {', '.join(closing)}; when that is done, it closes by itself")
