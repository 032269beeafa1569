"""An incident's weeks in seconds: the real flows, in this process, with a clock that is passed on from turn to turn."""

from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime

from prefect import Flow, State

from amends.domain.plan.plan import PlannedOccurrence, plan
from amends.domain.playbook.playbook import Phase
from flows.assess import assess
from flows.collect_feedback import collect_feedback
from flows.follow_up import follow_up
from flows.notify import notify
from flows.run.context import Context
from flows.update import update

Run = Flow[[str, str, int], Coroutine[None, None, State[None]]]

PHASES: dict[Phase, Run] = {
    Phase.ASSESS: assess,
    Phase.NOTIFY: notify,
    Phase.UPDATE: update,
    Phase.COLLECT_FEEDBACK: collect_feedback,
    Phase.FOLLOW_UP: follow_up,
}

MOST_TURNS = 2_000


class PassedClock:
    """A clock that stands still until it is moved."""

    def __init__(self, start: datetime) -> None:
        self.now = start

    def __call__(self) -> datetime:
        """The time it was moved to."""
        return self.now


Between = Callable[[datetime], Awaitable[None]]
"""What people do meanwhile: approve, ask, keep promises; called before each look at the plan."""


async def fast_forward(
    context: Context, clock: PassedClock, incident_id: str, until: datetime, between: Between, *, in_prefect: bool
) -> list[PlannedOccurrence]:
    """Carry out every turn until this time, each at the time it is due; the turns, in order.

    In Prefect, each turn is a run of its flow on the server that PREFECT_API_URL names; otherwise it is called
    as a plain function.
    """
    carried_out: list[PlannedOccurrence] = []
    while len(carried_out) < MOST_TURNS:
        await between(clock.now)
        planned = plan(context.ledger.cases.read(incident_id, clock.now), clock.now)
        if planned.due:
            turn = planned.due[0]
            phase = PHASES[turn.phase]
            await (phase if in_prefect else phase.fn)(incident_id, turn.step, turn.number)
            carried_out.append(turn)
            continue
        coming = [turn.due_at for turn in planned.upcoming if turn.due_at <= until]
        if not coming:
            break
        clock.now = min(coming)
    return carried_out
