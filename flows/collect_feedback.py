"""Collect feedback: invite to the survey, watch that every question is answered in time, sum up what people ask."""

import asyncio
from functools import partial

from prefect import State, flow

from amends.delivery.answers.send import send_replies
from amends.domain.case.case import Case
from amends.domain.notice.notice import NoticeStage
from amends.domain.plan.plan import PlannedOccurrence
from amends.domain.playbook.playbook import Phase
from amends.ledger.store.session import ENGINE
from flows.run import artifacts
from flows.run.context import Context
from flows.run.graph import as_task, name_at_start
from flows.run.occurrence import carry_out, draft_and_send, step_of


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
    await asyncio.to_thread(_announce, context, case, planned)
    said = await draft_and_send(context, case, planned)
    asked = await as_task("sum up what people ask", partial(_sum_up, context, case), str)
    return f"{said}; {asked}"


def _announce(context: Context, case: Case, planned: PlannedOccurrence) -> None:
    """Make the page of the step's question hour public just before the approved notice leaves that leads to it.

    Raises NotAllowed for an hour that would have begun already, so that nobody is invited to it.
    """
    step = step_of(case, planned)
    session = case.playbook.session(step.session) if case.playbook and step.session else None
    notices = [notice for notice in case.notices if (notice.step, notice.occurrence) == (planned.step, planned.number)]
    if session is None or (step.notice and not any(notice.stage is NoticeStage.APPROVED for notice in notices)):
        return
    context.ledger.hours.announce(case.incident.id, case.hour_of(session), ENGINE, context.clock())


async def _sum_up(context: Context, case: Case) -> str:
    """Send the answers that are due, show the page of questions and surveys, and return numbers of questions."""
    await send_replies(context.ledger, context.channels, context.links, case.incident.id, context.clock)
    await asyncio.to_thread(context.ledger.surveys.open_waiting, case.incident.id, context.clock())
    view = await asyncio.to_thread(context.ledger.views.closing, case.incident.id, context.clock())
    await artifacts.show_feedback(view)
    asked = view.questions
    if asked.overdue:
        await artifacts.show_chases(
            case, [f"{asked.overdue} questions are overdue: `amends questions list {case.incident.id} --open`"]
        )
    return f"{asked.open} questions open, {asked.overdue} overdue"
