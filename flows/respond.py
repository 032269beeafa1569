"""Respond: start a playbook for an incident."""

import asyncio
from functools import partial

from prefect import State, flow
from prefect.states import Completed

from amends.content.playbook.pin import ready_to_start
from flows.run.context import Context, opened
from flows.run.graph import as_task, begin_graph
from flows.run.occurrence import settle
from flows.run.schedule import tag_own_run

STARTER = "prefect"
"""The actor recorded for a playbook started in Prefect: a run there does not prove who started it, as a token does."""


@flow(name="respond", flow_run_name="{incident_id} · respond with {playbook}")
async def respond(incident_id: str, playbook: str = "customer-data-theft") -> State[None]:
    """Pin a playbook to an incident and set up its first steps. Nothing is sent before it is approved.

    Args:
        incident_id: The incident, as `amends incident list` shows it.
        playbook: A playbook's name, as `amends playbook list` shows it.
    """
    await tag_own_run(incident_id)
    begin_graph()
    with opened() as context:
        pin = partial(asyncio.to_thread, _pin, context, incident_id, playbook)
        pinned = await as_task("start the playbook", pin, lambda pinned: f"{playbook} {pinned[:12]}")
        await settle(context, incident_id)
    return Completed(message=f"{playbook} {pinned[:12]} runs")


def _pin(context: Context, incident_id: str, name: str) -> str:
    ledger, now = context.ledger, context.clock()
    playbook, wording, _ = ready_to_start(name, ledger.cases.read(incident_id, now), ledger.team.members())
    return ledger.playbooks.pin(incident_id, playbook, wording, STARTER, now, seen="")
