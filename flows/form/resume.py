"""Resume: end a pause that was made in Prefect, when nothing has changed meanwhile."""

import asyncio

from prefect import State, flow

from amends.domain.base.errors import NotAllowed
from amends.domain.case.states import IncidentState
from amends.domain.plan.resume import changed_meanwhile
from amends.domain.team.member import FROM_PREFECT
from flows.run.context import Context
from flows.run.form import carry_out_form, tell_leads


@flow(name="resume", flow_run_name="{incident_id} resume")
async def resume(incident_id: str) -> State[None]:
    """Let an incident go on that a form has paused or stopped, if nothing has changed since: what is approved leaves.

    A run in Prefect does not prove who began it. What a member of the team has paused, what has stopped by itself, and
    what has changed meanwhile therefore needs `amends incident resume INC --as NAME`, with a token.

    Args:
        incident_id: The incident that goes on: what is approved leaves. A form must have paused or stopped it, and
            nothing may have changed since; else it takes `amends incident resume INC --as NAME`, with a token.
    """

    async def fill(context: Context) -> str:
        await asyncio.to_thread(_resume, context, incident_id)
        return f"{incident_id} goes on"

    return await carry_out_form("incident resume", incident_id, fill)


def _resume(context: Context, incident_id: str) -> None:
    """End the pause. Raises NotAllowed when something has changed since, or the pause is not that of a form."""
    ledger, now = context.ledger, context.clock()
    case = ledger.cases.read(incident_id, now)
    if case.state is not IncidentState.PAUSED:
        raise NotAllowed(f"{incident_id} is {case.state}, not paused: there is nothing to resume")
    asks = f"`amends incident resume {incident_id} --as NAME` asks, and goes on"
    if changed := changed_meanwhile(case, ledger.audit.entries(incident_id), now):
        raise NotAllowed(f"since {incident_id} was paused: {'; '.join(changed)}; {asks}")
    try:
        ledger.incidents.resume(incident_id, FROM_PREFECT, now)
    except NotAllowed as error:
        raise NotAllowed(f"{error}; {asks}") from None
    tell_leads(context, incident_id, "resume", "it goes on")
