"""Steps whose run somebody cancelled in Prefect: a person decides how to go on."""

from typing import Annotated

import typer

from amends.cli.clock import now
from amends.cli.desk import Desk
from amends.cli.options import As, IncidentId, noun
from amends.domain.case import Occurrence, OccurrenceState
from amends.domain.errors import NotAllowed

StepId = Annotated[str, typer.Argument(metavar="STEP", help="The step's id.")]
Number = Annotated[int, typer.Argument(metavar="NUMBER", help="Which turn of the step; 1 when it has only one.")]

app = noun()


@app.command()
def go(ctx: typer.Context, incident: IncidentId, step: StepId, number: Number, name: As) -> None:
    """Let the turn go on after all."""
    desk: Desk = ctx.obj
    by = desk.member(name).name
    turn = _held(desk, incident, step, number)
    # Its run stays cancelled in Prefect; under a new revision it gets a new one.
    desk.ledger.revise_occurrence(incident, step, number, turn.due_at, now(), f"{by} lets it go on")
    _decide(desk, incident, turn, OccurrenceState.WAITING, by)


@app.command()
def skip(ctx: typer.Context, incident: IncidentId, step: StepId, number: Number, name: As) -> None:
    """Leave this turn out for good."""
    desk: Desk = ctx.obj
    by = desk.member(name).name
    _decide(desk, incident, _held(desk, incident, step, number), OccurrenceState.SKIPPED, by)


def _held(desk: Desk, incident: str, step: str, number: int) -> Occurrence:
    """The held turn. Raises NotAllowed when it is not held."""
    turns = desk.ledger.case(incident).occurrences
    turn = next((turn for turn in turns if (turn.step, turn.number) == (step, number)), None)
    if turn is None or turn.state is not OccurrenceState.HELD:
        stands = turn.state if turn else "not begun"
        raise NotAllowed(f"{step} {number} is {stands}; only a held turn waits for a decision")
    return turn


def _decide(desk: Desk, incident: str, turn: Occurrence, state: OccurrenceState, by: str) -> None:
    from amends.cli.nudge import nudge

    desk.ledger.mark_occurrence(incident, turn.step, turn.number, turn.due_at, state, now(), f"decided by {by}")
    goes_on = "goes on" if state is OccurrenceState.WAITING else "is left out"
    desk.show({"step": turn.step, "number": turn.number, "state": state}, f"{turn.step} {turn.number} {goes_on}")
    if not nudge(desk.settings, incident):
        desk.hint("Prefect is not running; `amends up` starts it and it goes on from there")
