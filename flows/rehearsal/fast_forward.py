"""Weeks of an incident in seconds: the real flows in this process, with a clock that jumps to the next occurrence."""

from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime

from prefect import Flow, State

from amends.domain.case.case import Case
from amends.domain.plan.plan import PlannedOccurrence, plan
from amends.domain.playbook.playbook import Phase
from flows.assess import assess
from flows.collect_feedback import collect_feedback
from flows.follow_up import follow_up
from flows.notify import notify
from flows.run.context import Context
from flows.update import update

Run = Flow[[str, str, int], Coroutine[None, None, State[None]]]
Between = Callable[[Case], Awaitable[bool]]
"""A callback for the acts of people, such as approvals and questions, called before each occurrence.

It returns True when people may have changed the case.
"""

PHASES: dict[Phase, Run] = {
    Phase.ASSESS: assess,
    Phase.NOTIFY: notify,
    Phase.UPDATE: update,
    Phase.COLLECT_FEEDBACK: collect_feedback,
    Phase.FOLLOW_UP: follow_up,
}

MOST_OCCURRENCES = 2_000


class PassedClock:
    """A clock that shows the same time until it is moved."""

    def __init__(self, start: datetime) -> None:
        self.now = start

    def __call__(self) -> datetime:
        """Return the time to which the clock was moved."""
        return self.now


async def fast_forward(
    context: Context, clock: PassedClock, incident_id: str, until: datetime, between: Between, *, in_prefect: bool
) -> list[PlannedOccurrence]:
    """Carry out every occurrence until this time, each when it is due, and return them in order.

    With `in_prefect`, each occurrence is a flow run on the server that PREFECT_API_URL names; otherwise the flow is
    called as a plain function.
    """
    carried_out: list[PlannedOccurrence] = []
    while len(carried_out) < MOST_OCCURRENCES:
        case = context.ledger.cases.read(incident_id, clock.now)
        if await between(case):
            case = context.ledger.cases.read(incident_id, clock.now)
        found = plan(case, clock.now)
        if found.due:
            planned = found.due[0]
            phase = PHASES[planned.phase]
            await (phase if in_prefect else phase.fn)(incident_id, planned.step, planned.number)
            carried_out.append(planned)
            continue
        coming = [planned.due_at for planned in found.upcoming if planned.due_at <= until]
        if not coming:
            break
        clock.now = min(coming)
    return carried_out
