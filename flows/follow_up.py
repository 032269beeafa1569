"""Follow up: remind owners of their promises and of legal deadlines, tell those promised how it ended."""

import asyncio

from prefect import State, flow

from amends.domain.case import Case, OccurrenceState
from amends.domain.commitment import Chase, Commitment, to_chase
from amends.domain.deadlines import OVERDUE, Reminder, deadline_line, reminders
from amends.domain.plan import Turn
from amends.domain.playbook import DEADLINES
from flows import artifacts
from flows.context import Context
from flows.turns import carry_out, done, say


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
    if turn.step == DEADLINES:
        return await _remind(context, case, turn)
    chased = await asyncio.to_thread(_chase, context, case)
    if chased:
        await artifacts.show_chases(case, chased)
    said = await say(context, case, turn)
    return f"{said}; {len(chased)} reminders"


async def _remind(context: Context, case: Case, turn: Turn) -> str:
    """Say which duties come due or are overdue; each reminder is given once, and what is overdue is not due soon."""
    due = [reminder for reminder in reminders(case) if reminder.at <= context.clock()]
    overdue = {reminder.duty for reminder in due if reminder.number == OVERDUE}
    said = [one for one in due if one.number == OVERDUE or one.duty not in overdue]
    lines = [deadline_line(case, reminder) for reminder in said]
    await asyncio.to_thread(_note_reminders, context, case.incident.id, due, lines)
    await asyncio.to_thread(done, context, turn, case.incident.id)
    await artifacts.show_chases(case, lines)
    return f"{len(lines)} reminders of legal deadlines"


def _note_reminders(context: Context, incident_id: str, given: list[Reminder], lines: list[str]) -> None:
    ledger, now = context.ledger, context.clock()
    for line in lines:
        ledger.alert(incident_id, line, now)
    for one in given:
        ledger.mark_occurrence(incident_id, one.step, one.number, one.at, OccurrenceState.DONE, now, "reminded")


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
