"""Audience files, and the people of an incident in numbers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.desk import Desk
from amends.cli.exits import Exit
from amends.cli.options import IncidentId, noun
from amends.cli.words import counts
from amends.domain.errors import ContentError

if TYPE_CHECKING:
    from amends.content.audience import AudienceReport

Encoding = Annotated[
    str | None, typer.Option(metavar="NAME", help="Such as gb18030; needed when the file is neither UTF-8 nor UTF-16.")
]

app = noun()


@app.command()
def check(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or XLSX.")],
    encoding: Encoding = None,
    max_bad_share: Annotated[
        float, typer.Option(min=0, max=1, help="Refuse the file when a larger share of its rows is bad.")
    ] = 0.05,
) -> None:
    """Read an audience file to its end: every row is accepted, or rejected with the reason. Nothing is stored."""
    from amends.content.audience import AudienceFile

    desk: Desk = ctx.obj
    audience = AudienceFile(file, encoding=encoding, max_bad_share=max_bad_share)
    try:
        for _ in audience.rows():
            pass
    except ContentError as error:
        where = error.findings[0].where
    else:
        where = str(file)
    report = audience.report
    desk.show(report.as_json(), "\n".join(told(where, report)))
    if report.refused or report.rejected:
        raise typer.Exit(Exit.FINDINGS)
    desk.hint(f"`amends incident open INCIDENT.yaml --audience {file}` opens an incident with these people")


def told(file: str, report: "AudienceReport") -> list[str]:
    """The report in lines, one for each row that is not as it should be."""
    lines = [f"{file}:{row.row}:{row.column or 1} {row.code} {row.reason}" for row in report.rejected]
    lines += [f"{file}:{row['row']} {row['code']} {row['reason']} (warning)" for row in report.as_json()["warnings"]]
    lines.append(f"{report.rows} rows: {report.accepted} accepted, {len(report.rejected)} rejected")
    return [*lines, f"{file} is refused: {report.refused}"] if report.refused else lines


@app.command()
def stats(ctx: typer.Context, incident: IncidentId) -> None:
    """Count the people of an incident."""
    desk: Desk = ctx.obj
    audience = desk.ledger.case(incident).audience
    lines = [
        f"people     {audience.people} ({audience.with_email} with email, {audience.with_phone} with phone)",
        f"places     {counts(audience.by_place)}",
        f"locales    {counts(audience.by_locale)}",
        f"segments   {counts(audience.by_segment)}",
        f"data       {counts(audience.by_category)}",
        f"flags      {counts(audience.by_flag)}; {audience.guardians} guardians",
    ]
    desk.show(audience, "\n".join(lines))
