"""Works out how grave an incident is, from its file alone; no ledger is needed."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.clock import now
from amends.cli.desk import Desk
from amends.cli.words import moment
from amends.domain.assessment import Assessment, Deadline
from amends.domain.people import AudienceCounts, Person

if TYPE_CHECKING:
    from amends.domain.incident import Incident


def assess(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An incident file.")],
    audience: Annotated[Path | None, typer.Option(metavar="FILE", help="Its audience file.")] = None,
) -> None:
    """Work out how grave an incident is, from its file alone."""
    from amends.content.audience import AudienceFile
    from amends.content.incidents import read_incident

    desk: Desk = ctx.obj
    incident = read_incident(file)
    people = counted(AudienceFile(audience).rows()) if audience else AudienceCounts()
    assessment = assessed(incident, people)
    desk.show(assessment, "\n".join(in_words(assessment)))
    desk.hint(f"`amends incident open {file} --audience AUDIENCE.csv` opens the incident")


def assessed(incident: "Incident", people: AudienceCounts) -> Assessment:
    """The assessment of the first version, with the shipped table of deadlines."""
    from amends.content.duties import read_duties
    from amends.domain.assess import assess as weigh

    return weigh(incident, people, 1, now(), read_duties())


def counted(people: Iterable[Person]) -> AudienceCounts:
    """These people in numbers."""
    by: dict[str, Counter[str]] = {name: Counter() for name in ("country", "locale", "segment", "category", "flag")}
    totals: Counter[str] = Counter()
    for person in people:
        by["country"][person.country] += 1
        by["locale"][person.locale] += 1
        by["segment"][person.segment] += 1
        by["category"].update(person.data)
        by["flag"].update(person.flags)
        held = {"people": True, "with_email": person.email, "with_phone": person.phone, "guardians": person.guardian_of}
        totals.update(name for name, has_it in held.items() if has_it)
    return AudienceCounts.model_validate({**{f"by_{name}": dict(count) for name, count in by.items()}, **totals})


def in_words(assessment: Assessment) -> Iterator[str]:
    """An assessment for people to read, line by line."""
    yield f"severity {assessment.band.replace('_', ' ')}, score {assessment.score:.2f} (ENISA, 0.25 to 6)"
    yield f"tone {assessment.tone}, signed by the {assessment.signed_by}, channels {', '.join(assessment.channels)}"
    yield "\nwhy"
    yield from (f"  {part.name} {part.value:g}: {part.reason}" for part in assessment.components)
    yield "\nwhat would change it"
    yield from (f"  {line}" for line in assessment.would_change_it or ("nothing that we know of",))
    yield "\nfirst deadlines"
    for deadline in assessment.deadlines:
        yield from _deadline(deadline)
    yield "\nopen questions"
    yield from (f"  {question}" for question in assessment.open_questions or ("none",))


def _deadline(deadline: Deadline) -> Iterator[str]:
    by = moment(deadline.due_at) if deadline.due_at else deadline.standard
    yield f"  {by}: {deadline.recipient} ({deadline.country}), {deadline.citation}"
    notes = {"the clock is assumed": deadline.assumed, "ask a lawyer": deadline.lawyer_needed}
    yield f"    {'; '.join(filter(None, (deadline.applies_when, *(note for note, holds in notes.items() if holds))))}"
