"""Assess: severity, risk to people, the tone that fits, who is affected by what, and every duty with its due time."""

import asyncio
from dataclasses import replace
from functools import partial

from prefect import State, flow

from amends.content.law.law import read_law
from amends.domain.assess.assess import assess as decide
from amends.domain.assess.assessment import Assessment
from amends.domain.assess.changes import changes
from amends.domain.base.text import counted
from amends.domain.case.case import Case
from amends.domain.case.filings import as_known
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.plan.plan import PlannedOccurrence
from amends.domain.playbook.playbook import Phase
from flows.run import artifacts
from flows.run.context import Context
from flows.run.graph import as_task, name_at_start
from flows.run.occurrence import carry_out, mark_done


@flow(name="assess", flow_run_name=name_at_start)
async def assess(incident_id: str, step: str = "assess", occurrence: int = 1) -> State[None]:
    """Assess the facts as they stand now, with the reasons for every number.

    Args:
        incident_id: The incident, as `amends incident list` shows it.
        step: The playbook's step.
        occurrence: The number of the step's occurrence; each version of the facts is one, and each event that starts
            a legal term.
    """
    return await carry_out(Phase.ASSESS, incident_id, step, occurrence, _assess)


def _record_assessment(context: Context, case: Case, planned: PlannedOccurrence) -> Assessment:
    """Assess the facts as known now, with the addenda in force, and record the assessment with what changed."""
    now, incident_id = context.clock(), case.incident.id
    law = replace(read_law(), addenda=context.ledger.playbooks.wording(incident_id).addenda)
    found = decide(as_known(case), case.audience, planned.number, now, law)
    assessment = found.model_copy(update={"changes": changes(case.assessment, found)})
    context.ledger.assessments.record(incident_id, assessment, now)
    return assessment


async def _assess(context: Context, case: Case, planned: PlannedOccurrence) -> str:
    incident_id, now = case.incident.id, context.clock()
    assessment = case.assessment
    # The numbers are equal when an earlier run recorded the assessment and died before it reported the changes.
    if assessment is None or assessment.version != planned.number:
        record = partial(asyncio.to_thread, _record_assessment, context, case, planned)
        assessment = await as_task("assess", record, _outcome)
    if assessment.changes:
        points = "1 point" if len(assessment.changes) == 1 else f"{len(assessment.changes)} points"
        what = f"assessment {planned.number} differs in {points}: {'; '.join(assessment.changes)}"
        changed = AlertId(AlertKind.ASSESSMENT_CHANGED, str(planned.number))
        await asyncio.to_thread(context.ledger.alerts.record, incident_id, Alert(changed, what, now))
    await asyncio.to_thread(mark_done, context, planned, incident_id)
    await artifacts.show_assessment(case, assessment)
    return _outcome(assessment)


def _outcome(assessment: Assessment) -> str:
    duties, changed = counted(len(assessment.duties), "duty", "duties"), counted(len(assessment.changes), "change")
    return f"severity {assessment.band}, risk {assessment.risk}, {duties}, {changed}"
