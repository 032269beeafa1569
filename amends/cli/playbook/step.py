"""Commands for occurrences that wait for a person: tasks, and those whose run somebody cancelled in Prefect."""

from typing import Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import As, IncidentId, noun, number_or_none
from amends.domain.base.errors import NotAllowed
from amends.domain.case.states import OccurrenceState, RecordedOccurrence

StepId = Annotated[str, typer.Argument(metavar="STEP", help="The step's id.")]
Number = Annotated[
    int,
    typer.Argument(
        metavar="NUMBER", parser=number_or_none, help="Which occurrence of the step; 1 when it has only one."
    ),
]

app = noun()


@app.command()
def go(ctx: typer.Context, incident: IncidentId, step: StepId, number: Number, name: As) -> None:
    """Let the occurrence go on after all."""
    desk: Desk = ctx.obj
    by = desk.member(name).name
    occurrence = _held(desk, incident, step, number)
    # The old run stays cancelled in Prefect; a new revision of the occurrence gets a new run.
    desk.ledger.occurrences.revise(incident, step, number, occurrence.due_at, now(), f"{by} lets it go on")
    _decide(desk, incident, occurrence, _next_state(desk, incident, occurrence), by, "goes on")


@app.command()
def done(
    ctx: typer.Context,
    incident: IncidentId,
    step: StepId,
    number: Number,
    name: As,
    note: Annotated[str, typer.Option(metavar="TEXT", help="What came of it, or where the evidence is.")] = "",
) -> None:
    """Say that a task is done."""
    desk: Desk = ctx.obj
    by = desk.member(name).name
    occurrence = _task(desk, incident, step, number)
    if step in _reviews(desk, incident):
        raise NotAllowed(f"{step} is a review: `amends review end {incident} --as NAME` stores its figures and ends it")
    _decide(desk, incident, occurrence, OccurrenceState.DONE, f"{by}: {note}" if note else by, "is done")


@app.command()
def skip(ctx: typer.Context, incident: IncidentId, step: StepId, number: Number, name: As) -> None:
    """Leave this turn out for good."""
    desk: Desk = ctx.obj
    by = desk.member(name).name
    _decide(desk, incident, _held(desk, incident, step, number), OccurrenceState.SKIPPED, by, "is left out")


def _held(desk: Desk, incident: str, step: str, number: int) -> RecordedOccurrence:
    """Return the held occurrence. Raises NotAllowed when the occurrence is not held."""
    occurrence, stands = _found(desk, incident, step, number)
    if occurrence is None or occurrence.state is not OccurrenceState.HELD:
        raise NotAllowed(f"{step} {number} is {stands}; only a held occurrence waits for a decision")
    return occurrence


def _next_state(desk: Desk, incident: str, occurrence: RecordedOccurrence) -> OccurrenceState:
    """Return the state in which the occurrence goes on.

    A task that was held before its owner was asked has yet to begin; everything else waits.
    """
    asked = ("step waiting", f"{occurrence.step} {occurrence.number}")
    begun = any((entry.act, entry.subject) == asked for entry in desk.ledger.audit.entries(incident))
    return (
        OccurrenceState.WAITING if begun or occurrence.step not in _tasks(desk, incident) else OccurrenceState.PLANNED
    )


def _task(desk: Desk, incident: str, step: str, number: int) -> RecordedOccurrence:
    """Return the task that waits for somebody to do it. Raises NotAllowed when there is none."""
    occurrence, stands = _found(desk, incident, step, number)
    tasks = _tasks(desk, incident)
    if step not in tasks:
        raise NotAllowed(f"{step} is no task that somebody has to do; tasks are: {', '.join(tasks) or 'none'}")
    if occurrence is None or occurrence.state is not OccurrenceState.WAITING:
        raise NotAllowed(f"{step} {number} is {stands}; only a task that was begun can be done")
    return occurrence


def _tasks(desk: Desk, incident: str) -> list[str]:
    """Return the ids of the steps that are tasks."""
    playbook = desk.ledger.cases.outline(incident).playbook
    return [step.id for step in playbook.steps if step.task] if playbook else []


def _reviews(desk: Desk, incident: str) -> list[str]:
    """Return the ids of the steps that are reviews."""
    playbook = desk.ledger.cases.outline(incident).playbook
    return [step.id for step in playbook.steps if step.review] if playbook else []


def _found(desk: Desk, incident: str, step: str, number: int) -> tuple[RecordedOccurrence | None, str]:
    """Return the recorded occurrence, None when it has not begun, and its state in words."""
    recorded = desk.ledger.cases.read(incident).occurrences
    found = next((one for one in recorded if (one.step, one.number) == (step, number)), None)
    return found, found.state if found else "not begun"


def _decide(
    desk: Desk, incident: str, occurrence: RecordedOccurrence, state: OccurrenceState, by: str, said: str
) -> None:
    from amends.cli.terminal.prefect import NOT_BEGUN, nudge

    desk.ledger.occurrences.mark(
        incident, occurrence.step, occurrence.number, occurrence.due_at, state, now(), f"decided by {by}"
    )
    desk.show(
        {"step": occurrence.step, "number": occurrence.number, "state": state},
        f"{occurrence.step} {occurrence.number} {said}",
    )
    if not nudge(desk, incident):
        desk.hint(f"{NOT_BEGUN}; `amends up` starts it and it goes on from there")
