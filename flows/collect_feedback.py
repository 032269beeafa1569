"""Collect feedback: invite to the survey, watch that every question is answered in time, sum up what people ask."""

import asyncio
from functools import partial

from prefect import State, flow

from amends.domain.case.case import Case
from amends.domain.plan.plan import PlannedOccurrence
from amends.domain.playbook.playbook import Phase
from flows.run import artifacts
from flows.run.context import Context
from flows.run.graph import as_task, name_at_start
from flows.run.occurrence import carry_out, draft_and_send


@flow(name="collect_feedback", flow_run_name=name_at_start)
async def collect_feedback(incident_id: str, step: str = "feedback", occurrence: int = 1) -> State[None]:
    """Send the survey's invitation when the step has one, and sum up questions and answers.

    Args:
        incident_id: The incident, as `amends incident list` shows it.
        step: The playbook's step.
        occurrence: The number of the step's occurrence, from 1 on.
    """
    return await carry_out(Phase.COLLECT_FEEDBACK, incident_id, step, occurrence, _collect)


async def _collect(context: Context, case: Case, planned: PlannedOccurrence) -> str:
    said = await draft_and_send(context, case, planned)
    asked = await as_task("sum up what people ask", partial(_sum_up, context, case), str)
    return f"{said}; {asked}"


async def _sum_up(context: Context, case: Case) -> str:
    """Show the page of questions and of the survey, and return the numbers of questions."""
    comments = await asyncio.to_thread(context.ledger.questions.comments_given, case.incident.id)
    await artifacts.show_feedback(case, comments)
    asked = case.questions
    if asked.overdue:
        await artifacts.show_chases(
            case, [f"{asked.overdue} questions are overdue: `amends questions list {case.incident.id} --open`"]
        )
    return f"{asked.open} questions open, {asked.overdue} overdue"
