"""The command `amends migrate`: shows what another playbook changes for a running incident, and puts it in force."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.list_hints import hints_on_claims
from amends.cli.terminal.options import IncidentId, Yes
from amends.cli.terminal.second_person import With, second_member
from amends.cli.terminal.text import table
from amends.domain.base.errors import ContentError, Finding, NotAllowed
from amends.domain.plan.changes import PlaybookChange, changes, changes_of_words
from amends.domain.plan.migration import Migration, Redone, Shift, Stranded, migration
from amends.domain.team.member import Member
from amends.domain.timeline.text import there

if TYPE_CHECKING:
    from amends.domain.case.case import Case
    from amends.domain.notice.wording import Wording
    from amends.domain.playbook.playbook import Playbook
    from amends.ledger.playbook.playbooks import Pinned

WITH = "migrate --with"
"""The verb of the second person in the table of roles."""
Lead = Annotated[
    str, typer.Option("--as", metavar="NAME", help="The lead who wants this; without it, it is shown and nothing more.")
]


def migrate(
    ctx: typer.Context,
    incident: IncidentId,
    to: Annotated[str, typer.Option("--to", metavar="NAME", help="A shipped playbook by name, or a file of your own.")],
    name: Lead = "",
    second: With = "",
    yes: Yes = False,
    days: Annotated[int, typer.Option(metavar="DAYS", min=1, max=366, help="How much of the calendar to show.")] = 30,
) -> None:
    """Replace the playbook of a running incident; shows first what that changes."""
    from amends.content.playbook.pin import impossible_approvals, open_for

    desk: Desk = ctx.obj
    old, at = desk.ledger.playbooks.pinned(incident), now()
    case = desk.ledger.views.drafting(incident, at)
    new = open_for(to, case)
    found = differences(old, new.playbook, new.wording)
    planned = migration(case, new.playbook, at, timedelta(days=days))
    values: dict[str, object] = {"incident": incident, "pinned": old.content, "changes": found, "migration": planned}
    if not found:
        desk.show({**values, "applied": False}, f"{incident} runs with exactly this already")
        return
    beyond = impossible_approvals(new, case, desk.ledger.team.members())
    text = "\n".join(_in_words(case, planned, found, days, at))
    if not name:
        _only_show(desk, f"amends migrate {incident} --to {to}", values, text, beyond)
        return
    if beyond:
        raise ContentError(*beyond)
    lead, other = _deciders(desk, name, second, _weaker(found))
    if not desk.json:
        desk.show({}, text)
    _confirm(incident, yes=yes)
    content = desk.ledger.playbooks.migrate(
        incident, planned.playbook, new.wording, old.content, lead, other, now(), planned.hold
    )
    desk.show(
        {**values, "applied": True, "content": content}, f"\n{incident} runs with {new.playbook.id} {content[:12]} now"
    )
    for hint in hints_on_claims(case.model_copy(update={"playbook": planned.playbook})):
        desk.hint(hint)
    _hint_at_next(desk, incident, planned)


def differences(old: "Pinned", playbook: "Playbook", wording: "Wording") -> tuple[PlaybookChange, ...]:
    """Return the changes from the playbook that runs to the new one, texts included."""
    words = changes_of_words(old.wording, wording, old.playbook, playbook)
    return (*changes(old.playbook, playbook), *words)


def change_lines(found: Iterable[PlaybookChange]) -> Iterator[str]:
    """Yield the changes in lines, each part of the playbook once; a change that weakens something says so."""
    where = ""
    for change in found:
        if change.where != where:
            where = change.where
            yield f"  {where}"
        yield f"    {change.what}"
        if change.weaker:
            yield f"      WEAKER: {change.weaker}"


def _weaker(found: Iterable[PlaybookChange]) -> int:
    return sum(bool(change.weaker) for change in found)


def _only_show(desk: Desk, command: str, values: dict[str, object], text: str, beyond: Sequence[Finding]) -> None:
    desk.show({**values, "applied": False, "findings": beyond}, "\n".join([text, *_not_approvable(beyond)]))
    once = " once the team can approve it" if beyond else ""
    desk.hint(f"nothing was changed; `{command} --as NAME` does it{once}")


def _deciders(desk: Desk, name: str, second: str, weaker: int) -> tuple[Member, Member | None]:
    """Return the lead, and the second person if one is named; weaker changes need one. Raises NotAllowed."""
    lead = desk.member(name)
    if weaker and not second:
        raise NotAllowed(
            f"{weaker} of the changes are weaker and never apply by themselves: a second person who may approve must "
            "want this too, with --with NAME and their own token; leave out --as to see the changes"
        )
    return lead, second_member(desk, lead, second, WITH) if second else None


def _confirm(incident: str, *, yes: bool) -> None:
    """Raise NotAllowed unless a person confirms the change, BadParameter when there is no terminal to ask at."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("say --yes, or call this from a terminal, where it asks")
    if typer.prompt("Type the incident's id to replace its playbook", err=True) != incident:
        raise NotAllowed("that is not the incident's id; nothing was changed")


def _hint_at_next(desk: Desk, incident: str, planned: Migration) -> None:
    from amends.cli.terminal.prefect import NOT_BEGUN, nudge

    for step, number in sorted(planned.hold):
        desk.hint(f"{step} {number} is held: `amends step go|skip {incident} {step} {number} --as NAME`")
    if nudge(desk, incident):
        desk.hint(f"what has not left is drafted anew; `amends timeline {incident}` says what waits for approval")
    else:
        desk.hint(f"{NOT_BEGUN}; `amends up` starts it, and what has not left is drafted anew")


def _in_words(
    case: "Case", planned: Migration, found: tuple[PlaybookChange, ...], days: int, at: datetime
) -> Iterator[str]:
    zone = case.incident.organisation.timezone
    yield f"What is different ({len(found)} changes, {_weaker(found)} weaker)"
    yield from change_lines(found)
    yield f"\nThe calendar of the next {days} days, if what waits is decided now ({zone})"
    shifts = [_shift_row(shift, at, zone) for shift in planned.shifts]
    yield table(("occurrence", "before", "after", "whom"), shifts) if shifts else "every occurrence comes as before"
    if planned.stranded:
        yield "\nBegun, and not in the new playbook"
        yield from (f"  {_begun(one)}" for one in planned.stranded)
    yield "\nNeeds approval again"
    yield from [f"  {_redone(notice)}" for notice in planned.redone] or ["  nothing"]
    sent = f": {', '.join(planned.sent)}" if planned.sent else ""
    yield f"\nWhat was sent stays as it is{sent}. Promises that were given stay owed."


def _not_approvable(beyond: Sequence[Finding]) -> Iterator[str]:
    if beyond:
        yield "\nIt would be refused: nobody could approve what it asks for"
        yield from (f"  {finding}" for finding in beyond)


def _shift_row(shift: Shift, at: datetime, zone: str) -> tuple[str, ...]:
    before = there(shift.before, at, zone) if shift.before else "–"
    after = there(shift.after, at, zone) if shift.after else "not any more"
    return f"{shift.step} {shift.number}", before, after, shift.whom


def _begun(one: Stranded) -> str:
    if one.left:
        return f"{one.step} {one.number}: some people have it, so it goes on until the others have it too"
    return f"{one.step} {one.number}: nothing of it has left; it is held until a lead lets it go on or leaves it out"


def _redone(notice: Redone) -> str:
    void = (
        f"{notice.approvals} given {'is' if notice.approvals == 1 else 'are'} void"
        if notice.approvals
        else "none given"
    )
    rest = f"; {notice.told} people have it, {notice.waiting} wait until then" if notice.told else ""
    return f"{notice.notice} is drafted anew in the new words; approvals: {void}{rest}"
