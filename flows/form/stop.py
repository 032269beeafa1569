"""Stop: stop what is being sent of an incident at once, and say when nothing leaves any more."""

import asyncio
from contextlib import suppress

from prefect import State, flow

from amends.delivery.stop import BY_HAND, wait_for_answers
from amends.domain.base.errors import LedgerUnavailable, NotAllowed
from amends.domain.team.member import FROM_PREFECT
from flows.run.context import Context
from flows.run.form import carry_out_form, tell_leads


@flow(name="stop", flow_run_name="{incident_id} stop")
async def stop(incident_id: str) -> State[None]:
    """Stop whatever is being sent of an incident at once, until somebody resumes it, and say when nothing leaves.

    For messages that had left already the run waits a little, and counts those that still have no answer. It begins
    within seconds; `amends stop INC --as NAME` is faster, and works without Prefect.

    Args:
        incident_id: The incident of which everything that is being sent stops at once. The run says when nothing leaves
            any more.
    """

    async def fill(context: Context) -> str:
        try:
            await asyncio.to_thread(_pause, context, incident_id)
        except LedgerUnavailable as error:
            raise LedgerUnavailable(f"{BY_HAND}: {error}") from None
        halt = await asyncio.to_thread(wait_for_answers, context.ledger, incident_id)
        return f"{halt}; `amends deliveries {incident_id}` says who was reached"

    return await carry_out_form("stop", incident_id, fill)


def _pause(context: Context, incident_id: str) -> None:
    """Pause the incident, unless it is paused already. Raises NotInLedger, LedgerUnavailable."""
    with suppress(NotAllowed):
        context.ledger.incidents.pause(incident_id, FROM_PREFECT, context.clock())
        tell_leads(context, incident_id, "stop", "everything that was being sent is stopped")
