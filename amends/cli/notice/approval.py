"""The commands `amends approve` and `amends reject`: a member's word on exactly the notice that was looked at."""

import sys
from typing import Annotated

import typer

from amends.cli.notice.approval_text import approval_lines
from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import SECOND_TOKEN, Desk
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.options import As, IncidentId, NoticeId, Yes, number_or_none
from amends.cli.terminal.second_person import With
from amends.domain.base.errors import NotAllowed
from amends.domain.base.text import minute
from amends.domain.channel.channel import kept_here
from amends.domain.notice.notice import Draft, NoticeStage
from amends.domain.team.approval import Decision
from amends.domain.team.member import Member

EMERGENCY = "approve --emergency"
Note = Annotated[str, typer.Option(metavar="TEXT", help="A note for the others and for the audit chain.")]


def _require_hash(binding: str | None) -> str | None:
    """Return the hash. Raises BadParameter when empty, as from an unset variable: every notice would agree with it."""
    if binding is not None and not binding.strip():
        raise typer.BadParameter(
            "it is empty, so nothing would be compared; give the hash that `amends preview` showed"
        )
    return binding


Binding = Annotated[
    str | None,
    typer.Option(
        metavar="HASH",
        callback=_require_hash,
        help="The hash that `amends preview` showed; refused when the notice is another now.",
    ),
]
InPlaceOf = Annotated[
    str, typer.Option("--for", metavar="NAME", help="Give the word of this member, for whom you stand in.")
]


def approve(
    ctx: typer.Context,
    incident: IncidentId,
    notice: NoticeId,
    name: As,
    note: Note = "",
    people: Annotated[
        int | None,
        typer.Option(metavar="COUNT", parser=number_or_none, help="How many people it goes to, instead of typing it."),
    ] = None,
    yes: Yes = False,
    not_lawfully: Annotated[
        int | None,
        typer.Option(
            metavar="COUNT",
            parser=number_or_none,
            help="So many people, as you know, get no message that counts as notice.",
        ),
    ] = None,
    binding: Binding = None,
    in_place_of: InPlaceOf = "",
    emergency: Annotated[
        bool, typer.Option("--emergency", help="Let it leave with fewer approvals, on the word of two; see --with.")
    ] = False,
    other: With = "",
    why: Annotated[str, typer.Option(metavar="TEXT", help="Why the approvals cannot be had in time.")] = "",
) -> None:
    """Approve exactly this notice. Once it was drafted afresh, --binding must say which draft you looked at.

    With --emergency two named people, at least one of them a lead or an executive, let it leave with fewer approvals
    than it needs. The audit chain, an alert and the report say so.
    """
    desk: Desk = ctx.obj
    _check_options(emergency, other, why, in_place_of)
    draft, verb = desk.ledger.notices.latest_draft(incident, notice), EMERGENCY if emergency else ""
    member = desk.member(name, verb=verb)
    second = desk.member(other, SECOND_TOKEN, verb) if emergency else None
    if binding is None:
        _require_single_draft(desk, draft, member)
    if draft.binding.startswith(binding or ""):
        if not yes or people is not None:
            _confirm_count(draft, people)
        _look_over(desk, draft, not_lawfully)
    if second:
        _release_in_emergency(desk, draft, _decided_hash(draft, binding), member, second, why)
        return
    stage = desk.ledger.approvals.decide(
        incident, notice, member, Decision.APPROVE, _decided_hash(draft, binding), note, now(), in_place_of=in_place_of
    )
    _say_how_it_stands(desk, draft, stage)


def _check_options(emergency: bool, other: str, why: str, in_place_of: str) -> None:
    """Raise BadParameter when options exclude each other, or are given without the options that they need."""
    if emergency and in_place_of:
        raise typer.BadParameter("in an emergency everybody speaks for themselves: leave out --for")
    if emergency and not (other and why.strip()):
        raise typer.BadParameter("an emergency needs a second person and a reason: --with NAME --why TEXT")
    if (other or why) and not emergency:
        raise typer.BadParameter("--with and --why belong to --emergency")


def _decided_hash(draft: Draft, binding: str | None) -> str:
    """Return the hash of the decision; the ledger refuses a hash other than the draft's, and records the attempt."""
    return draft.binding if binding is None or draft.binding.startswith(binding) else binding


def _release_in_emergency(desk: Desk, draft: Draft, binding: str, first: Member, second: Member, why: str) -> None:
    declared = desk.ledger.approvals.release_in_emergency(
        draft.incident, draft.notice, first, second, binding, why, now()
    )
    answer = {"notice": draft.notice, "binding": binding, "stage": NoticeStage.APPROVED, "emergency": declared}
    desk.show(answer, f"EMERGENCY: {draft.notice} {binding[:12]} is {declared}")
    desk.hint("the audit chain, the timeline and the report say so; tell those who could not be asked")
    _start_sending(desk, draft)


def _say_how_it_stands(desk: Desk, draft: Draft, stage: NoticeStage) -> None:
    incident, notice = draft.incident, draft.notice
    status = desk.ledger.cases.read(incident, now()).notice(notice)
    given, needed = len(status.approvals) if status else 0, draft.approvals.needed
    answer = {"notice": notice, "binding": draft.binding, "stage": stage, "approvals": given, "needed": needed}
    missing = status.standing.missing_roles if status else ()
    desk.show(answer | {"missing_roles": missing}, f"{notice} {draft.binding[:12]}: {given} of {needed} approvals")
    if status:
        for line in approval_lines(status):
            desk.hint(line)
    if stage is not NoticeStage.APPROVED:
        desk.hint(f"others approve with `amends approve {incident} {notice} --as NAME --binding {draft.binding[:12]}`")
        raise typer.Exit(Exit.WAITING)
    _start_sending(desk, draft)


def reject(
    ctx: typer.Context,
    incident: IncidentId,
    notice: NoticeId,
    name: As,
    note: Note = "",
    binding: Binding = None,
    in_place_of: InPlaceOf = "",
) -> None:
    """Reject a notice; it must be drafted anew."""
    desk: Desk = ctx.obj
    draft, member = desk.ledger.notices.latest_draft(incident, notice), desk.member(name)
    stage = desk.ledger.approvals.decide(
        incident, notice, member, Decision.REJECT, _decided_hash(draft, binding), note, now(), in_place_of=in_place_of
    )
    desk.show({"notice": notice, "binding": draft.binding, "stage": stage}, f"{notice} is rejected")
    desk.hint("correct the facts or texts and hand them in: `amends incident amend FILE --as NAME`; it is drafted anew")


def _require_single_draft(desk: Desk, draft: Draft, member: Member) -> None:
    """Raise NotAllowed when the notice was redrafted, so that the member may have looked at another draft."""
    status = desk.ledger.cases.read(draft.incident, now()).notice(draft.notice)
    if status is None or not status.is_open or status.version == 1:
        return
    about = f"{draft.incident} {draft.notice}"
    raise NotAllowed(
        f"{draft.notice} was redrafted at {minute(status.drafted_at)} (version {status.version}); say which draft you "
        f"looked at: `amends preview {about}` shows this one, `amends approve {about} --as {member.name} "
        f"--binding {status.binding[:12]}` approves it"
    )


def _confirm_count(draft: Draft, said: int | None) -> None:
    """Check that the approver knows how many people the notice goes to. Raises NotAllowed."""
    if said is None:
        if not sys.stdin.isatty():
            raise typer.BadParameter("say how many people it goes to with --people COUNT, or --yes")
        said = typer.prompt(f"{draft.notice} {draft.binding[:12]}: type how many people it goes to", type=int, err=True)
    if said != draft.people:
        raise NotAllowed(f"{draft.notice} goes to {draft.people} people, not {said}; nothing was approved")


def _look_over(desk: Desk, draft: Draft, not_lawfully: int | None) -> None:
    """Put everybody's message together, unless that was done before.

    Raises ChannelMisconfigured, and NotAllowed when many are not told lawfully and nobody has said that they know it.
    """
    from amends.cli.notice.preview import look_over

    status = desk.ledger.cases.read(draft.incident).notice(draft.notice)
    found = look_over(desk, draft, status) if status else None
    if found and (why := found.why_ask(draft, not_lawfully)):
        raise NotAllowed(why)


def _start_sending(desk: Desk, draft: Draft) -> None:
    from amends.cli.terminal.prefect import NOT_BEGUN, nudge

    incident, notice = draft.incident, draft.notice
    if warning := kept_here(desk.settings.channels, draft.channels):
        desk.hint(warning)
    if nudge(desk, incident):
        desk.hint(f"it is being sent; `amends deliveries {incident} {notice}` says where every message stands")
    else:
        desk.hint(f"{NOT_BEGUN}: `amends deliver {incident} {notice}` sends it, or `amends up` does")
