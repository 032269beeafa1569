"""Respond: start a playbook for an incident."""

import asyncio
from functools import partial

from prefect import State, flow

from amends.content.playbook.pin import ready_to_start
from amends.domain.team.member import FROM_PREFECT
from flows.run.context import Context
from flows.run.form import carry_out_form
from flows.run.graph import as_task


@flow(name="respond", flow_run_name="{incident_id} · respond with {playbook}")
async def respond(incident_id: str, playbook: str = "customer-data-theft") -> State[None]:
    """Pin a playbook to an incident and set up its first steps. Nothing is sent before it is approved.

    Args:
        incident_id: The incident for which the playbook starts. Nothing is sent before it is approved.
        playbook: A playbook's name, as `amends playbook list` shows it, or the absolute path of a file of your own.
    """

    async def fill(context: Context) -> str:
        pin = partial(asyncio.to_thread, _pin, context, incident_id, playbook)
        pinned = await as_task("start the playbook", pin, lambda pinned: f"{playbook} {pinned[:12]}")
        return f"{playbook} {pinned[:12]} runs; `amends timeline {incident_id}` says what waits for whom"

    return await carry_out_form("run", incident_id, fill)


def _pin(context: Context, incident_id: str, name: str) -> str:
    ledger, now = context.ledger, context.clock()
    playbook, wording, _ = ready_to_start(name, ledger.views.drafting(incident_id, now), ledger.team.members())
    return ledger.playbooks.pin(incident_id, playbook, wording, FROM_PREFECT, now, seen="")
