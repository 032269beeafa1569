"""Update: what is new, how each commitment stands, when the next update comes."""

from prefect import State, flow

from amends.domain.playbook.playbook import Phase
from flows.run.graph import name_at_start
from flows.run.occurrence import carry_out, draft_and_send


@flow(name="update", flow_run_name=name_at_start)
async def update(incident_id: str, step: str = "update", occurrence: int = 1) -> State[None]:
    """Draft the next update, and send what is approved of it.

    Args:
        incident_id: The incident, as `amends incident list` shows it.
        step: The playbook's step.
        occurrence: The number of the step's occurrence, from 1 on.
    """
    return await carry_out(Phase.UPDATE, incident_id, step, occurrence, draft_and_send)
