"""Commands for the questions and answers on the public page: propose, approve, withdraw and list entries."""

from pathlib import Path
from typing import Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import As, IncidentId, noun, number
from amends.cli.terminal.text import table

HEAD = ("entry", "group", "state", "languages", "by", "approved by", "question")
Entry = Annotated[int, typer.Argument(metavar="ENTRY", parser=number, help="The entry's number.")]

app = noun()


@app.command()
def propose(
    ctx: typer.Context,
    incident: IncidentId,
    group: Annotated[int, typer.Argument(metavar="GROUP", parser=number, help="An answered group of questions.")],
    name: As,
    file: Annotated[
        Path,
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="YAML: texts: {en: {question: …, answer: …}}."),
    ],
) -> None:
    """Propose an entry for everybody to read; another member publishes it by `amends faq approve`."""
    from amends.content.feedback.faq import read_faq

    desk: Desk = ctx.obj
    by, texts = desk.member(name).name, read_faq(file)
    entry = desk.ledger.faq.propose(incident, group, texts, by, now())
    desk.show({"entry": entry}, f"entry {entry} is proposed")
    desk.hint(f"`amends faq approve {incident} {entry} --as NAME`, by another member, puts it on the page")


@app.command()
def approve(ctx: typer.Context, incident: IncidentId, entry: Entry, name: As) -> None:
    """Put an entry on the page that another member has written; `amends faq list` shows its words."""
    desk: Desk = ctx.obj
    desk.ledger.faq.approve(incident, entry, desk.member(name).name, now())
    desk.show({"entry": entry, "state": "public"}, f"entry {entry} is public")
    desk.hint(f"{desk.settings.public_url}/n/{incident}/en/questions shows it")


@app.command()
def withdraw(ctx: typer.Context, incident: IncidentId, entry: Entry, name: As) -> None:
    """Take an entry off the page; `amends faq propose` writes a better one."""
    desk: Desk = ctx.obj
    desk.ledger.faq.withdraw(incident, entry, desk.member(name).name, now())
    desk.show({"entry": entry, "state": "withdrawn"}, f"entry {entry} is withdrawn")
    desk.hint(f"`amends faq list {incident}` shows what is still public")


@app.command("list")
def listed(ctx: typer.Context, incident: IncidentId) -> None:
    """List the entries with their questions; `amends faq approve` publishes one that is proposed."""
    desk: Desk = ctx.obj
    found = desk.ledger.faq.all(incident)
    rows = [
        (
            one.id,
            one.together,
            one.state,
            ", ".join(one.texts),
            one.by,
            one.approved_by,
            next(iter(one.texts.values())).question,
        )
        for one in found
    ]
    desk.show([one.model_dump(mode="json") | {"state": one.state} for one in found], table(HEAD, rows))
    if waiting := next((one for one in found if one.state == "proposed"), None):
        desk.hint(f"`amends faq approve {incident} {waiting.id} --as NAME` publishes the one that waits")
