"""Notify: draft in every variant, check, wait for approval, publish, send."""

from prefect import State, flow

from amends.domain.playbook.playbook import Phase
from flows.run.graph import name_at_start
from flows.run.occurrence import carry_out, draft_and_send


@flow(name="notify", flow_run_name=name_at_start)
async def notify(incident_id: str, step: str = "first-notice", occurrence: int = 1) -> State[None]:
    """Draft the notice, and send what is approved of it: page, email, SMS, then social.

    Args:
        incident_id: The incident, as `amends incident list` shows it.
        step: The playbook's step.
        occurrence: The number of the step's occurrence, from 1 on.
    """
    return await carry_out(Phase.NOTIFY, incident_id, step, occurrence, draft_and_send)
