"""Assess: how grave it is, which tone fits, who is affected by what, and the first deadlines."""

import asyncio

from prefect import State, flow

from amends.content.duties import read_duties
from amends.domain.assess import assess as decide
from amends.domain.case import Case
from amends.domain.plan import Turn
from flows import artifacts
from flows.context import Context
from flows.turns import carry_out, done


@flow(name="assess", flow_run_name="{incident_id} {step} {occurrence}")
async def assess(incident_id: str, step: str = "assess", occurrence: int = 1) -> State[None]:
    """Assess the facts as they stand now, with the reasons for every number.

    Args:
        incident_id: The incident, as `amends incident list` shows it.
        step: The playbook's step.
        occurrence: The turn of the step; each version of the facts is one.
    """
    return await carry_out(incident_id, step, occurrence, _assess)


async def _assess(context: Context, case: Case, turn: Turn) -> str:
    incident_id, now = case.incident.id, context.clock()
    table = await asyncio.to_thread(read_duties)
    assessment = decide(case.incident, case.audience, case.version, now, table)
    await asyncio.to_thread(context.ledger.record_assessment, incident_id, assessment, now)
    await asyncio.to_thread(done, context, turn, incident_id)
    await artifacts.show_assessment(case, assessment)
    return f"severity {assessment.band}, {len(assessment.deadlines)} deadlines"
