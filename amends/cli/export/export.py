"""The command `amends export`: a case or a playbook in a form that other programs read; no personal data."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk, save
from amends.cli.terminal.options import IncidentId, noun
from amends.cli.terminal.times import time_from

PUBLISHER = "Amends"

Out = Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write it; a name is made when left out.")]

app = noun()


@app.command("case")
def case_(ctx: typer.Context, incident: IncidentId, out: Out = None) -> None:
    """Write all figures of a case as one JSON document, those of the report among them.

    It names no member of the team and no person affected. `amends schema case` prints its JSON schema.
    """
    from amends import __version__
    from amends.cli.export.case_json import in_json
    from amends.domain.export.case_file import case_file
    from amends.domain.review import stated_costs

    desk: Desk = ctx.obj
    at = now()
    case = desk.ledger.views.timeline(incident, at)
    by_day = desk.ledger.over_time.read(incident, case.incident.organisation.timezone)
    made, stated = desk.ledger.assessments.all(incident), stated_costs(desk.ledger.reviews.ended(incident))
    file = case_file(case, by_day, made, at, f"amends {__version__}", stated)
    path = out or Path(f"{incident}-case.json")
    save(path, in_json(file))
    values = {"incident": incident, "export": path, "format": file.format, "format_version": file.format_version}
    desk.show(values, f"{path} is written: {file.format}, version {file.format_version}")


@app.command()
def veris(ctx: typer.Context, incident: IncidentId, out: Out = None) -> None:
    """Write an incident as a record of VERIS 1.4.1, without the company's name; `incident import --veris` reads it.

    It says what VERIS has words for, and nothing more surely than the incident file does.
    """
    from amends.content.incident.veris.writing import VERSION, in_json, veris_record

    desk: Desk = ctx.obj
    case = desk.ledger.cases.read(incident, now())
    path = out or Path(f"{incident}-veris.json")
    save(path, in_json(veris_record(case.incident, case.opened_at)))
    desk.show({"incident": incident, "export": path, "schema_version": VERSION}, f"{path} is written: VERIS {VERSION}")
    desk.hint("the company is not named in it; its id is that of the incident")


@app.command()
def cacao(
    ctx: typer.Context,
    playbook: Annotated[str, typer.Argument(metavar="PLAYBOOK", help="A shipped playbook by name, or a file.")],
    at: Annotated[str, typer.Option(metavar="TIME", help="When this version was made; now when left out.")] = "",
    created: Annotated[
        str, typer.Option(metavar="TIME", help="When its first version was made; as --at when left out.")
    ] = "",
    by: Annotated[
        str, typer.Option(metavar="NAME", help="Who publishes it; only a hash of the name is in it.")
    ] = PUBLISHER,
    out: Out = None,
) -> None:
    """Write a playbook in the form of CACAO 2.0 (OASIS); the same options give the same bytes.

    A time without a zone is UTC.
    """
    from amends.content.playbook.playbook import load_playbook
    from amends.domain.export.cacao import cacao_playbook
    from amends.ledger.playbook.pins import content_hash

    desk: Desk = ctx.obj
    book, wording = load_playbook(playbook)
    modified = _time(at) or now()
    first = _time(created) or modified
    if modified < first:
        raise typer.BadParameter("--created is later than --at")
    document = cacao_playbook(book, content_hash(book, wording), first, modified, by)
    path = out or Path(f"{book.id}-cacao.json")
    save(path, document.as_json())
    values = {"playbook": book.id, "export": path, "id": document.id, "steps": len(document.workflow)}
    desk.show(values, f"{path} is written: {document.id}, {len(document.workflow)} steps")


def _time(text: str) -> datetime | None:
    return time_from(text, "UTC") if text else None
