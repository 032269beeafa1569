"""The words for what an incident file must say before the first notice."""

from collections.abc import Iterator, Sequence

from amends.domain.base.errors import Finding
from amends.domain.case.case import Case
from amends.domain.case.states import OccurrenceState
from amends.domain.incident.gaps import why_not_draft
from amends.domain.incident.incident import Incident

NEEDED = "needed_before_the_first_notice"
"""The key of the gaps in the answer to a program."""


def gap_lines(gaps: Sequence[Finding]) -> Iterator[str]:
    """Yield a title and one line for each gap, which names its place in the file; nothing without gaps."""
    if gaps:
        yield f"needed before the first notice: {len(gaps)}"
        yield from (f"  {gap}" for gap in gaps)


def gap_hints(incident: Incident) -> Iterator[str]:
    """Yield what keeps notices of the incident from being drafted, and the command that adds it."""
    if why := why_not_draft(incident):
        yield f"needed before the first notice: {why}; add it with `amends incident amend FILE --as NAME`"


def go_hints(before: Case, incident: Incident) -> Iterator[str]:
    """Yield the command for each held step of the case, once this version of the file has filled the last gap."""
    if why_not_draft(before.incident) is None or why_not_draft(incident):
        return
    for occurrence in before.occurrences:
        if occurrence.state is OccurrenceState.HELD:
            step = f"{occurrence.step} {occurrence.number}"
            yield f"{occurrence.step} is held: `amends step go {incident.id} {step} --as NAME` lets it go on"
