"""Commands for surveys: list them, show their results, and read what people wrote."""

import typer

from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import AsLooker, IncidentId, noun
from amends.cli.terminal.text import table
from amends.domain.base.text import counted
from amends.domain.feedback.survey.text import in_short, result_tables

HEAD = ("survey", "invitation", "released", "invited", "answered", "counted", "texts")
UNREADABLE = "(cannot be read: it was altered, moved, or sealed with another key)"

app = noun()


@app.command("list")
def listed(ctx: typer.Context, incident: IncidentId) -> None:
    """List each invitation to a survey with its numbers; `amends surveys results` shows what was answered."""
    desk: Desk = ctx.obj
    found = desk.ledger.views.closing(incident).surveys
    rows = [
        (one.survey, one.invitation, one.released_at, one.invited, one.answered, one.counted, one.texts)
        for one in found
    ]
    desk.show(found, table(HEAD, rows))
    if any(one.counted for one in found):
        desk.hint(f"`amends surveys results {incident}` shows what people answered")


@app.command()
def results(ctx: typer.Context, incident: IncidentId) -> None:
    """Show the results with 95 % intervals, of ten or more answers; `amends surveys comments` has the free texts."""
    desk: Desk = ctx.obj
    found = desk.ledger.views.closing(incident).surveys
    parts = []
    for one in found:
        tables = (table(head, rows) for head, rows in result_tables(one))
        parts.append("\n\n".join([f"{one.survey}, {in_short(one)}", *tables]))
    desk.show(found, "\n\n".join(parts) or "none")
    if texts := sum(one.texts for one in found):
        desk.hint(f"{counted(texts, 'text')} for people to read: `amends surveys comments {incident}`")


@app.command()
def comments(ctx: typer.Context, incident: IncidentId, name: AsLooker = "") -> None:
    """Show what people wrote, in no order and of nobody; answer nobody here: `amends questions list` has who asked."""
    desk: Desk = ctx.obj
    by, found = desk.looker(name), desk.ledger.surveys.comments(incident)
    desk.looked(incident, by, "comments of surveys", count=sum(len(one.texts) for one in found))
    parts = []
    for one in found:
        texts = "\n\n".join(text or UNREADABLE for text in one.texts)
        parts.append(f"{one.invitation}, {one.question}\n\n{texts}")
    desk.show(found, "\n\n".join(parts) or "none")
