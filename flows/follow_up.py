"""Follow up: remind owners of their promises and of legal deadlines, tell those promised how it ended."""

import asyncio

from prefect import State, flow

from amends.domain.base.text import counted, minute
from amends.domain.case.case import Case, OccurrenceState
from amends.domain.case.deadlines import OVERDUE, Reminder, deadline_line, reminders
from amends.domain.incident.commitment import Chase, Commitment, to_chase
from amends.domain.plan.plan import TOLD_LATE, PlannedOccurrence
from amends.domain.playbook.playbook import DEADLINES, Phase, Step
from flows.run import artifacts
from flows.run.context import Context
from flows.run.turn import carry_out, done, mark, say, step_of


@flow(name="follow_up", flow_run_name="{incident_id} {step} {occurrence}")
async def follow_up(incident_id: str, step: str = "promises", occurrence: int = 1) -> State[None]:
    """Look after every promise once a day.

    Args:
        incident_id: The incident, as `amends incident list` shows it.
        step: The playbook's step.
        occurrence: The turn of the step, from 1 on.
    """
    return await carry_out(Phase.FOLLOW_UP, incident_id, step, occurrence, _follow_up)


async def _follow_up(context: Context, case: Case, turn: PlannedOccurrence) -> str:
    if turn.step == DEADLINES:
        return await _remind(context, case, turn)
    step = step_of(case, turn)
    if step.task:
        return await _ask_for(context, case, turn, step)
    chased = await asyncio.to_thread(_chase, context, case)
    if chased:
        await artifacts.show_chases(case, chased)
    said = await say(context, case, turn)
    return f"{said}; {counted(len(chased), 'reminder')}"


async def _ask_for(context: Context, case: Case, turn: PlannedOccurrence, step: Step) -> str:
    """Ask the owner for the task when the turn begins; when their time is over, tell whom the playbook names."""
    begun = any((o.step, o.number) == (turn.step, turn.number) and o.state.begun for o in case.occurrences)
    tell = _tell_late if begun else _ask_owner
    await artifacts.show_chases(case, [await asyncio.to_thread(tell, context, case, turn, step)])
    return f"{step.id} {turn.number}: {'told that it is late' if begun else 'waits for its owner'}"


def _ask_owner(context: Context, case: Case, turn: PlannedOccurrence, step: Step) -> str:
    by = step.within.after(turn.due_at, case.calendar) if step.within else turn.due_at
    line = f"{step.owner}: {step.task} By {minute(by)}. {_when_done(case, turn)}"
    context.ledger.incidents.alert(case.incident.id, line, context.clock())
    mark(context, turn, case.incident.id, OccurrenceState.WAITING)
    return line


def _tell_late(context: Context, case: Case, turn: PlannedOccurrence, step: Step) -> str:
    line = f"**Late**, for the {step.escalate_to}: {step.owner} has not done this: {step.task} {_when_done(case, turn)}"
    now, incident_id = context.clock(), case.incident.id
    context.ledger.incidents.alert(incident_id, line, now)
    told = (TOLD_LATE + step.id, turn.number, turn.due_at, OccurrenceState.DONE)
    context.ledger.occurrences.mark(incident_id, *told, now, f"told the {step.escalate_to}")
    return line


def _when_done(case: Case, turn: PlannedOccurrence) -> str:
    return f"`amends step done {case.incident.id} {turn.step} {turn.number}` records that it is done"


async def _remind(context: Context, case: Case, turn: PlannedOccurrence) -> str:
    """Say which duties come due or are overdue; each reminder is given once, and what is overdue is not due soon."""
    due = [reminder for reminder in reminders(case) if reminder.at <= context.clock()]
    overdue = {reminder.duty for reminder in due if reminder.number == OVERDUE}
    said = [one for one in due if one.number == OVERDUE or one.duty not in overdue]
    lines = [deadline_line(case, reminder) for reminder in said]
    await asyncio.to_thread(_note_reminders, context, case.incident.id, due, lines)
    await asyncio.to_thread(done, context, turn, case.incident.id)
    await artifacts.show_chases(case, lines)
    return f"{counted(len(lines), 'reminder')} of legal deadlines"


def _note_reminders(context: Context, incident_id: str, given: list[Reminder], lines: list[str]) -> None:
    ledger, now = context.ledger, context.clock()
    for line in lines:
        ledger.incidents.alert(incident_id, line, now)
    for one in given:
        ledger.occurrences.mark(incident_id, one.step, one.number, one.at, OccurrenceState.DONE, now, "reminded")


def _chase(context: Context, case: Case) -> list[str]:
    if case.playbook is None:
        return []
    now, incident_id = context.clock(), case.incident.id
    by_id = {commitment.id: commitment for commitment in case.commitments}
    chases = to_chase(case.commitments, now, case.playbook.remind_before)
    lines = [_line(by_id[commitment_id], chase) for commitment_id, chase in chases.items()]
    for line, (commitment_id, chase) in zip(lines, chases.items(), strict=True):
        context.ledger.incidents.alert(
            incident_id, line, now
        )  # first, and once for the same line: Prefect may not show it
        context.ledger.commitments.chased(incident_id, commitment_id, chase, now)
    return lines


def _line(commitment: Commitment, chase: Chase) -> str:
    due = f"{commitment.new_due_at or commitment.due_at:%d %b %Y}"
    if chase is Chase.REMIND:
        return f"{commitment.owner}: `{commitment.id}` is due on {due}"
    return f"**Late**: `{commitment.id}` of {commitment.owner} was due on {due}; say when it will be done, and why"
