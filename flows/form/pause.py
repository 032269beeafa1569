"""Pause: send nothing and begin nothing until somebody resumes the incident."""

import asyncio

from prefect import State, flow

from amends.domain.base.errors import NotAllowed
from amends.domain.team.member import FROM_PREFECT
from flows.run.context import Context
from flows.run.form import carry_out_form, tell_leads


@flow(name="pause", flow_run_name="{incident_id} pause")
async def pause(incident_id: str) -> State[None]:
    """Send nothing and begin nothing of an incident until somebody resumes it; a send that is under way stops too.

    Args:
        incident_id: The incident of which nothing is sent and nothing begins until somebody resumes it. A send that is
            under way stops too.
    """
    ends_it = f"the form `resume`, or `amends incident resume {incident_id} --as NAME`, ends the pause"

    async def fill(context: Context) -> str:
        try:
            await asyncio.to_thread(_pause, context, incident_id)
        except NotAllowed as error:
            raise NotAllowed(f"{error}, and nothing leaves; {ends_it}") from None
        return f"{incident_id} is paused, and nothing leaves; {ends_it}"

    return await carry_out_form("incident pause", incident_id, fill)


def _pause(context: Context, incident_id: str) -> None:
    """Pause the incident. Raises NotInLedger, and NotAllowed when the incident is paused already."""
    context.ledger.incidents.pause(incident_id, FROM_PREFECT, context.clock())
    tell_leads(context, incident_id, "pause", "it is paused")
