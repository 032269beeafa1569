"""Sweep: make Prefect agree with the ledger again, whatever was lost, crashed, cancelled or late."""

import asyncio

from prefect import State, flow
from prefect.states import Completed

from amends.domain.case import Case, IncidentState
from flows.context import Context, opened
from flows.mirror import tag_own_run
from flows.turns import settle


@flow(name="sweep", flow_run_name="sweep {incident_id}")
async def sweep(incident_id: str = "") -> State[None]:
    """Set up the runs that the ledger says are due or come next.

    Args:
        incident_id: Only this incident; empty for all that are not over.
    """
    if incident_id:
        await tag_own_run(incident_id)
    with opened() as context:
        chosen = [incident_id] if incident_id else await asyncio.to_thread(_going_on, context)
        for one in chosen:
            await settle(context, one)
    return Completed(message=f"{len(chosen)} incidents looked after")


def _going_on(context: Context) -> list[str]:
    return [line.id for line in context.ledger.incidents() if not _over(context.ledger.case(line.id))]


def _over(case: Case) -> bool:
    settled = all(commitment.settled_at for commitment in case.commitments) and not case.untold
    return case.state is IncidentState.CLOSED and settled
