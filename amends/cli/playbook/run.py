"""The command `amends run`: starts a playbook for an incident."""

from typing import Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.list_hints import hints_on_claims
from amends.cli.terminal.options import As, IncidentId
from amends.domain.base.text import minute
from amends.domain.plan.plan import plan


def run(
    ctx: typer.Context,
    incident: IncidentId,
    playbook: Annotated[str, typer.Option(metavar="NAME", help="A shipped playbook by name, or a file of your own.")],
    name: As,
) -> None:
    """Start a playbook for an incident."""
    from amends.cli.terminal.prefect import nudge
    from amends.content.playbook.pin import ready_to_start

    desk: Desk = ctx.obj
    member = desk.member(name)
    case = desk.ledger.views.drafting(incident, now())
    chosen, wording, _ = ready_to_start(playbook, case, desk.ledger.team.members())
    content = desk.ledger.playbooks.pin(incident, chosen, wording, member.name, now(), seen="")
    planned = plan(desk.ledger.cases.read(incident, now()), now())
    coming = [f"  {minute(one.due_at)}  {one.step} {one.number}" for one in (*planned.due, *planned.upcoming)]
    text = "\n".join([f"{chosen.id} {content[:12]} runs for {incident}; what comes next:", *coming])
    desk.show({"incident": incident, "playbook": chosen.id, "content": content, "plan": planned}, text)
    if chosen.offers and not (chosen.commitments or case.incident.commitments):
        desk.hint("nothing is promised; pick in the incident file what you can keep: `amends commitments library`")
    for hint in hints_on_claims(case.model_copy(update={"playbook": chosen})):
        desk.hint(hint)
    desk.hint(_what_now(incident, reached=nudge(desk, incident), again=bool(case.pinned)))


def _what_now(incident: str, *, reached: bool, again: bool) -> str:
    from amends.cli.terminal.prefect import NOT_BEGUN

    if not reached:
        begins = "it goes on from there" if again else "the first step begins"
        return f"{NOT_BEGUN}: `amends up` starts it, and {begins}"
    if again:
        return f"it ran already and goes on as it was; `amends timeline {incident}` says where it stands"
    return f"Prefect begins now; `amends incident show {incident}` says what waits for approval"
