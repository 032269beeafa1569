"""Approve and reject: a member's word on exactly the notice that they looked at."""

import sys
from typing import Annotated

import typer

from amends.cli.clock import now
from amends.cli.desk import Desk
from amends.cli.exits import Exit
from amends.cli.options import As, IncidentId, NoticeId
from amends.domain.approval import Decision
from amends.domain.errors import NotAllowed
from amends.domain.notice import Draft, NoticeStage

Note = Annotated[str, typer.Option(metavar="TEXT", help="A note for the others and for the audit chain.")]
Binding = Annotated[
    str,
    typer.Option(metavar="HASH", help="The hash that `amends preview` showed; refused when the notice is another now."),
]


def approve(
    ctx: typer.Context,
    incident: IncidentId,
    notice: NoticeId,
    name: As,
    note: Note = "",
    people: Annotated[
        int | None, typer.Option(metavar="COUNT", help="How many people it goes to, instead of typing it.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
    binding: Binding = "",
) -> None:
    """Approve exactly this notice."""
    desk: Desk = ctx.obj
    draft = _looked_at(desk, incident, notice, binding)
    member = desk.member(name)
    if not yes or people is not None:
        _count(draft, people)
    _look_over(desk, draft)
    stage = desk.ledger.decide(incident, notice, member, Decision.APPROVE, draft.binding, note, now())
    status = desk.ledger.case(incident).notice(notice)
    given = len(status.approvals) if status else 0
    answer = {"notice": notice, "binding": draft.binding, "stage": stage, "approvals": given, "needed": draft.approvals}
    desk.show(answer, f"{notice} {draft.binding[:12]}: {given} of {draft.approvals} approvals")
    if stage is not NoticeStage.APPROVED:
        desk.hint(f"{draft.approvals - given} more must approve: `amends approve {incident} {notice} --as NAME`")
        raise typer.Exit(Exit.WAITING)
    _let_it_go(desk, incident, notice)


def reject(
    ctx: typer.Context, incident: IncidentId, notice: NoticeId, name: As, note: Note = "", binding: Binding = ""
) -> None:
    """Reject a notice; it must be drafted anew."""
    desk: Desk = ctx.obj
    draft = _looked_at(desk, incident, notice, binding)
    stage = desk.ledger.decide(incident, notice, desk.member(name), Decision.REJECT, draft.binding, note, now())
    desk.show({"notice": notice, "binding": draft.binding, "stage": stage}, f"{notice} is rejected")
    desk.hint("correct the facts or texts and hand them in: `amends incident amend FILE --as NAME`; it is drafted anew")


def _looked_at(desk: Desk, incident: str, notice: str, binding: str) -> Draft:
    """The draft as it stands. Raises NotAllowed when it is not the one with this hash."""
    draft = desk.ledger.draft(incident, notice)
    if not draft.binding.startswith(binding):
        raise NotAllowed(
            f"{notice} is another by now than the one you looked at; see `amends preview {incident} {notice}`"
        )
    return draft


def _count(draft: Draft, said: int | None) -> None:
    """Make sure that who approves knows how many it goes to. Raises NotAllowed."""
    if said is None:
        if not sys.stdin.isatty():
            raise typer.BadParameter("say how many people it goes to with --people COUNT, or --yes")
        said = typer.prompt(f"{draft.notice} {draft.binding[:12]}: type how many people it goes to", type=int, err=True)
    if said != draft.people:
        raise NotAllowed(f"{draft.notice} goes to {draft.people} people, not {said}; nothing was approved")


def _look_over(desk: Desk, draft: Draft) -> None:
    """Everybody's message is put together, unless that was done before. Raises ChannelMisconfigured."""
    from amends.cli.preview import look_over

    if status := desk.ledger.case(draft.incident).notice(draft.notice):
        look_over(desk, draft, status)


def _let_it_go(desk: Desk, incident: str, notice: str) -> None:
    from amends.cli.nudge import nudge

    if nudge(desk.settings, incident):
        desk.hint(f"it is being sent; `amends deliveries {incident} {notice}` says where every message stands")
    else:
        desk.hint(f"Prefect is not running: `amends deliver {incident} {notice}` sends it, or `amends up` does")
