"""The command `amends assess`: how grave an incident is, from its file alone; no ledger is needed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk, save
from amends.cli.terminal.options import AudienceFileIfAny
from amends.domain.assess.assessment import Assessment
from amends.domain.assess.letters import required_letters
from amends.domain.assess.text import in_words
from amends.domain.people.census import counted
from amends.domain.people.person import AudienceCounts

if TYPE_CHECKING:
    from amends.domain.incident.incident import Incident


def assess(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An incident file.")],
    audience: AudienceFileIfAny = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it as a page too.")] = None,
) -> None:
    """Work out how grave an incident is, from its file alone; facts are enough."""
    from amends.content.incident.incident import read_incident
    from amends.content.law.law import read_law
    from amends.content.people.audience import AudienceFile

    desk: Desk = ctx.obj
    incident = read_incident(file)
    people = counted(AudienceFile(audience, today=now().date()).rows()) if audience else AudienceCounts()
    assessment = assessed(incident, people)
    letters = required_letters(assessment, read_law().addenda)
    desk.show(assessment, "\n".join(in_words(assessment, incident.organisation.timezone, letters)))
    if report:
        from amends.cli.assess.page import assessment_page

        save(report, assessment_page(incident, people, assessment))
        desk.hint(f"{report} is written; open it in a browser")
    desk.hint(f"`amends incident open {file} --audience AUDIENCE.csv` opens the incident")


def assessed(incident: "Incident", people: AudienceCounts) -> Assessment:
    """Return the assessment of the incident's first version as of now, with the shipped table of duties."""
    from amends.content.law.law import read_law
    from amends.domain.assess.assess import assess as weigh

    return weigh(incident, people, 1, now(), read_law())
