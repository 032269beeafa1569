"""Sweep: make Prefect agree with the ledger again, whatever was lost, crashed, cancelled or late."""

import asyncio

from prefect import State, flow
from prefect.states import Completed, Failed

from amends.domain.plan import is_over
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
        chosen = [incident_id] if incident_id else [line.id for line in context.ledger.incidents()]
        troubles = [trouble for one in chosen if (trouble := await _look_after(context, one))]
    if troubles:
        return Failed(message="; ".join(troubles))
    return Completed(message=f"{len(chosen)} incidents looked after")


async def _look_after(context: Context, incident_id: str) -> str | None:
    """Its trouble, if it has any: that of one incident must not keep the others from their turn."""
    try:
        if not is_over(await asyncio.to_thread(context.ledger.case, incident_id)):
            await settle(context, incident_id)
    except Exception as error:  # noqa: BLE001
        return f"{incident_id}: {type(error).__name__}"
    return None
