"""Turns that wait for a person: those whose run somebody cancelled in Prefect, and tasks."""

from typing import Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import As, IncidentId, noun, number_or_none
from amends.domain.base.errors import NotAllowed
from amends.domain.case.case import OccurrenceState, RecordedOccurrence

StepId = Annotated[str, typer.Argument(metavar="STEP", help="The step's id.")]
Number = Annotated[
    int,
    typer.Argument(metavar="NUMBER", parser=number_or_none, help="Which turn of the step; 1 when it has only one."),
]

app = noun()


@app.command()
def go(ctx: typer.Context, incident: IncidentId, step: StepId, number: Number, name: As) -> None:
    """Let the turn go on after all."""
    desk: Desk = ctx.obj
    by = desk.member(name).name
    turn = _held(desk, incident, step, number)
    # Its run stays cancelled in Prefect; under a new revision it gets a new one.
    desk.ledger.occurrences.revise(incident, step, number, turn.due_at, now(), f"{by} lets it go on")
    _decide(desk, incident, turn, _goes_on_as(desk, incident, turn), by, "goes on")


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
    turn = _task(desk, incident, step, number)
    _decide(desk, incident, turn, OccurrenceState.DONE, f"{by}: {note}" if note else by, "is done")


@app.command()
def skip(ctx: typer.Context, incident: IncidentId, step: StepId, number: Number, name: As) -> None:
    """Leave this turn out for good."""
    desk: Desk = ctx.obj
    by = desk.member(name).name
    _decide(desk, incident, _held(desk, incident, step, number), OccurrenceState.SKIPPED, by, "is left out")


def _held(desk: Desk, incident: str, step: str, number: int) -> RecordedOccurrence:
    """The held turn. Raises NotAllowed when it is not held."""
    turn, stands = _found(desk, incident, step, number)
    if turn is None or turn.state is not OccurrenceState.HELD:
        raise NotAllowed(f"{step} {number} is {stands}; only a held turn waits for a decision")
    return turn


def _goes_on_as(desk: Desk, incident: str, turn: RecordedOccurrence) -> OccurrenceState:
    """As one that waits; but a task that was held before its owner was asked has yet to begin."""
    asked = ("step waiting", f"{turn.step} {turn.number}")
    begun = any((entry.act, entry.subject) == asked for entry in desk.ledger.audit.entries(incident))
    return OccurrenceState.WAITING if begun or turn.step not in _tasks(desk, incident) else OccurrenceState.PLANNED


def _task(desk: Desk, incident: str, step: str, number: int) -> RecordedOccurrence:
    """The task that waits for somebody to do it. Raises NotAllowed when there is none."""
    turn, stands = _found(desk, incident, step, number)
    tasks = _tasks(desk, incident)
    if step not in tasks:
        raise NotAllowed(f"{step} is no task that somebody has to do; tasks are: {', '.join(tasks) or 'none'}")
    if turn is None or turn.state is not OccurrenceState.WAITING:
        raise NotAllowed(f"{step} {number} is {stands}; only a task that was begun can be done")
    return turn


def _tasks(desk: Desk, incident: str) -> list[str]:
    """The steps that are tasks."""
    playbook = desk.ledger.cases.read(incident).playbook
    return [one.id for one in playbook.steps if one.task] if playbook else []


def _found(desk: Desk, incident: str, step: str, number: int) -> tuple[RecordedOccurrence | None, str]:
    """The turn, if it was begun, and how it stands."""
    turns = desk.ledger.cases.read(incident).occurrences
    turn = next((turn for turn in turns if (turn.step, turn.number) == (step, number)), None)
    return turn, turn.state if turn else "not begun"


def _decide(desk: Desk, incident: str, turn: RecordedOccurrence, state: OccurrenceState, by: str, said: str) -> None:
    from amends.cli.terminal.prefect import NOT_BEGUN, nudge

    desk.ledger.occurrences.mark(incident, turn.step, turn.number, turn.due_at, state, now(), f"decided by {by}")
    desk.show({"step": turn.step, "number": turn.number, "state": state}, f"{turn.step} {turn.number} {said}")
    if not nudge(desk.settings, incident):
        desk.hint(f"{NOT_BEGUN}; `amends up` starts it and it goes on from there")
