"""Commands for reports from personal pages: list and show them, and decide on one with words for the person."""

from typing import Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import As, AsLooker, IncidentId, noun, number
from amends.cli.terminal.text import table
from amends.domain.base.text import counted, minute
from amends.domain.people.report import PageReportKind, PageReportState, PersonReport

ReportId = Annotated[int, typer.Argument(metavar="REPORT", parser=number, help="The report's number.")]
HEAD = ("report", "at", "kind", "person", "state", "decided")
PERSONAL = {"text", "email", "phone", "words"}
"""Fields that lists leave out."""

app = noun()


@app.command("list")
def listed(
    ctx: typer.Context,
    incident: IncidentId,
    undecided: Annotated[bool, typer.Option("--open", help="Only those without a decision.")] = False,
) -> None:
    """List what people said of themselves on their pages: this is not me, or my address is outdated; without words.

    Nothing is sent to these people until somebody decides: `amends reports decide` does.
    """
    desk: Desk = ctx.obj
    found = desk.ledger.reports.all(incident, open_only=undecided)
    rows = [(one.id, one.at, one.kind.replace("_", " "), one.person, one.state, one.decided_by) for one in found]
    desk.show([one.model_dump(mode="json", exclude=PERSONAL) for one in found], table(HEAD, rows))
    if waiting := [one.id for one in found if one.state is PageReportState.OPEN]:
        desk.hint(f"`amends reports show {incident} {waiting[0]}` shows what was said")


@app.command()
def show(ctx: typer.Context, incident: IncidentId, report: ReportId, name: AsLooker = "") -> None:
    """Show one report with its words, and the addresses before and after; `amends reports decide` comes next."""
    desk: Desk = ctx.obj
    by, found = desk.looker(name), desk.ledger.reports.get(incident, report)
    desk.looked(incident, by, f"report {report}", found.person)
    person = desk.ledger.people.get(incident, found.person)
    lines = [
        f"report {found.id} of person {found.person}, {found.kind.replace('_', ' ')}, {minute(found.at)}: {found.state}"
    ]
    lines += [
        f"{field}: {old or '–'} → {new}" for field, old, new in _changes(found, person.email, person.phone) if new
    ]
    lines += ["", found.text] if found.text else []
    lines += ["", f"{found.state} by {found.decided_by}: {found.words or '–'}"] if found.decided_by else []
    desk.show(found, "\n".join(lines))
    if found.state is PageReportState.OPEN:
        desk.hint("whoever has the link can write this: ask the person by another way before you believe it")
        desk.hint(f"`amends reports decide {incident} {report} --accept|--refuse --words TEXT --as NAME`")


def _changes(found: PersonReport, email: str, phone: str) -> tuple[tuple[str, str, str], ...]:
    return ("email", email, found.email), ("phone", phone, found.phone)


@app.command()
def decide(
    ctx: typer.Context,
    incident: IncidentId,
    report: ReportId,
    name: As,
    accept: Annotated[bool, typer.Option("--accept/--refuse", help="Whether the report is right.")],
    words: Annotated[str, typer.Option(metavar="TEXT", help="For the person, in their language.")] = "",
) -> None:
    """Decide on a report; what was held goes on, to the new address where one was accepted.

    Of a wrong person that is accepted the link stops working and nothing is sent, until a list that is put in force by
    `amends audience correct` has another address.
    """
    desk: Desk = ctx.obj
    by, verb = desk.member(name).name, desk.ledger.reports.accept if accept else desk.ledger.reports.refuse
    waiting = verb(incident, report, words, by, now())
    state = PageReportState.ACCEPTED if accept else PageReportState.REFUSED
    said = f"report {report} is {state}; {counted(waiting, 'message')} of what was held will leave"
    desk.show({"report": report, "state": state, "waiting": waiting}, said)
    _after(desk, incident, desk.ledger.reports.get(incident, report))


def _after(desk: Desk, incident: str, report: PersonReport) -> None:
    if report.state is not PageReportState.ACCEPTED:
        return
    if report.kind is PageReportKind.WRONG_PERSON or not (report.email or report.phone):
        desk.hint(f"nothing is sent there until `amends audience correct {incident} FILE --as NAME` gives an address")
    else:
        desk.hint("put the new address into your own records too: the next corrected list takes the place of this one")
