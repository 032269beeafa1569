"""Follow up: remind owners of their promises, escalate what is late, tell those promised how it ended."""

import asyncio

from prefect import State, flow

from amends.domain.case import Case
from amends.domain.commitment import Chase, Commitment, to_chase
from amends.domain.plan import Turn
from flows import artifacts
from flows.context import Context
from flows.turns import carry_out, say


@flow(name="follow_up", flow_run_name="{incident_id} {step} {occurrence}")
async def follow_up(incident_id: str, step: str = "promises", occurrence: int = 1) -> State[None]:
    """Look after every promise once a day.

    Args:
        incident_id: The incident, as `amends incident list` shows it.
        step: The playbook's step.
        occurrence: The turn of the step, from 1 on.
    """
    return await carry_out(incident_id, step, occurrence, _follow_up)


async def _follow_up(context: Context, case: Case, turn: Turn) -> str:
    chased = await asyncio.to_thread(_chase, context, case)
    if chased:
        await artifacts.show_chases(case, chased)
    said = await say(context, case, turn)
    return f"{said}; {len(chased)} reminders"


def _chase(context: Context, case: Case) -> list[str]:
    if case.playbook is None:
        return []
    now, incident_id = context.clock(), case.incident.id
    by_id = {commitment.id: commitment for commitment in case.commitments}
    chases = to_chase(case.commitments, now, case.playbook.remind_before)
    for commitment_id, chase in chases.items():
        context.ledger.chased(incident_id, commitment_id, chase, now)
    return [_line(by_id[commitment_id], chase) for commitment_id, chase in chases.items()]


def _line(commitment: Commitment, chase: Chase) -> str:
    due = f"{commitment.new_due_at or commitment.due_at:%d %b %Y}"
    if chase is Chase.REMIND:
        return f"{commitment.owner}: `{commitment.id}` is due on {due}"
    return f"**Late**: `{commitment.id}` of {commitment.owner} was due on {due}; say when it will be done, and why"
