"""Follow up: remind owners of commitments and of legal deadlines, and tell people how each commitment ended."""

import asyncio
from datetime import datetime
from functools import partial

from prefect import State, flow

from amends.domain.alert.commitments import CommitmentStage, id_at
from amends.domain.base.text import counted, day, minute
from amends.domain.case.case import Case
from amends.domain.case.deadlines import OVERDUE, Reminder, deadline_alert, reminders
from amends.domain.case.states import OccurrenceKind
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.incident.commitment import Chase, Commitment, to_chase, to_foresee
from amends.domain.plan.plan import PlannedOccurrence
from amends.domain.playbook.playbook import DEADLINES, Phase, Step
from flows.run import artifacts
from flows.run.context import Context
from flows.run.graph import as_task, name_at_start
from flows.run.occurrence import carry_out, draft_and_send, mark_done, step_of


@flow(name="follow_up", flow_run_name=name_at_start)
async def follow_up(incident_id: str, step: str = "promises", occurrence: int = 1) -> State[None]:
    """Look after every commitment once a day.

    Args:
        incident_id: The incident, as `amends incident list` shows it.
        step: The playbook's step.
        occurrence: The number of the step's occurrence, from 1 on.
    """
    return await carry_out(Phase.FOLLOW_UP, incident_id, step, occurrence, _follow_up)


async def _follow_up(context: Context, case: Case, planned: PlannedOccurrence) -> str:
    if planned.step == DEADLINES:
        return await _remind(context, case, planned)
    step = step_of(case, planned)
    if step.task:
        return await _ask_for(context, case, planned, step)
    lines = await as_task("remind the owners of promises", partial(_look_after_promises, context, case), _reminders)
    if lines:
        case = await asyncio.to_thread(context.ledger.cases.read, case.incident.id, context.clock())
    said = await draft_and_send(context, case, planned)
    return f"{said}; {_reminders(lines)}"


def _reminders(lines: list[str]) -> str:
    return counted(len(lines), "reminder")


async def _look_after_promises(context: Context, case: Case) -> list[str]:
    """Remind owners, foresee what will be late, and return a line for each."""
    chased = await asyncio.to_thread(_chase, context, case)
    foreseen = await asyncio.to_thread(_foresee, context, case)
    if lines := [*chased, *foreseen]:
        await artifacts.show_chases(case, lines)
    return lines


def _foresee(context: Context, case: Case) -> list[str]:
    """Record which commitments will be late unless a person says otherwise, so that a notice is drafted in time."""
    if case.playbook is None:
        return []
    now, incident_id, before = context.clock(), case.incident.id, case.playbook.late_before
    foreseen = to_foresee(case.commitments, now, before, case.playbook.next_word_within)
    alerts = [_foreseen(incident_id, commitment, at, now) for commitment, at in foreseen.items()]
    for alert, (commitment, at) in zip(alerts, foreseen.items(), strict=True):
        context.ledger.alerts.record(incident_id, alert)
        context.ledger.commitments.foresee(incident_id, commitment, at, now)
    return [alert.what for alert in alerts]


def _foreseen(incident_id: str, commitment: str, next_word_at: datetime, now: datetime) -> Alert:
    words = (
        f"`{commitment}` is not settled: a notice is drafted that it will be late, and that people hear more by "
        f"{minute(next_word_at)}; `amends commitments keep|late|drop {incident_id} {commitment} --as NAME` replaces it"
    )
    return Alert(AlertId(AlertKind.COMMITMENT, commitment, f"foreseen {minute(next_word_at)}"), words, now)


async def _ask_for(context: Context, case: Case, planned: PlannedOccurrence, step: Step) -> str:
    """Ask the owner for the task when the occurrence begins; when its time is over, alert the person to escalate to."""
    begun = any((o.step, o.number) == (planned.step, planned.number) and o.state.begun for o in case.occurrences)
    ask = _escalate if begun else _ask_owner
    said = f"{step.id} {planned.number}: {'told that it is late' if begun else 'waits for its owner'}"
    line = await as_task("ask the owner", partial(asyncio.to_thread, ask, context, case, planned, step), lambda _: said)
    await artifacts.show_chases(case, [line])
    return said


def _ask_owner(context: Context, case: Case, planned: PlannedOccurrence, step: Step) -> str:
    by = step.within.after(planned.due_at, case.calendar) if step.within else planned.due_at
    line = f"{step.owner}: {step.task} By {minute(by)}. {_when_done(case, planned, step)}"
    asked = AlertId(AlertKind.TASK, f"{planned.step} {planned.number}", minute(by))
    context.ledger.alerts.record(case.incident.id, Alert(asked, line, context.clock()))
    context.ledger.occurrences.begin(case.incident.id, planned.step, planned.number, planned.due_at, context.clock())
    return line


def _escalate(context: Context, case: Case, planned: PlannedOccurrence, step: Step) -> str:
    how = _when_done(case, planned, step)
    line = f"**Late**, for the {step.escalate_to}: {step.owner} has not done this: {step.task} {how}"
    now, incident_id = context.clock(), case.incident.id
    late = AlertId(AlertKind.TASK_LATE, f"{step.id} {planned.number}")
    context.ledger.alerts.record(incident_id, Alert(late, line, now))
    told = (OccurrenceKind.LATE, step.id, planned.number, planned.due_at)
    context.ledger.occurrences.record_reminder(incident_id, *told, now, f"told the {step.escalate_to}")
    return line


def _when_done(case: Case, planned: PlannedOccurrence, step: Step) -> str:
    if step.review:
        return f"`amends review show {case.incident.id}` has the figures, and `amends review end` stores them"
    return f"`amends step done {case.incident.id} {planned.step} {planned.number}` records that it is done"


async def _remind(context: Context, case: Case, planned: PlannedOccurrence) -> str:
    """Alert the lead to duties that come due or are overdue, each reminder once; an overdue duty only as overdue."""
    due = [reminder for reminder in reminders(case) if reminder.at <= context.clock()]
    overdue = {reminder.duty for reminder in due if reminder.number == OVERDUE}
    named = [one for one in due if one.number == OVERDUE or one.duty not in overdue]
    alerts = [deadline_alert(case, reminder, context.clock()) for reminder in named]
    lines = [alert.what for alert in alerts]
    record = partial(asyncio.to_thread, _record_reminders, context, case.incident.id, due, alerts)
    await as_task("remind of legal deadlines", record, lambda _: _reminders(lines))
    await asyncio.to_thread(mark_done, context, planned, case.incident.id)
    await artifacts.show_chases(case, lines)
    return f"{_reminders(lines)} of legal deadlines"


def _record_reminders(context: Context, incident_id: str, given: list[Reminder], alerts: list[Alert]) -> None:
    ledger, now = context.ledger, context.clock()
    for alert in alerts:
        ledger.alerts.record(incident_id, alert)
    for one in given:
        given_now = (OccurrenceKind.DEADLINE, one.step, one.number, one.at)
        ledger.occurrences.record_reminder(incident_id, *given_now, now, "reminded")


def _chase(context: Context, case: Case) -> list[str]:
    if case.playbook is None:
        return []
    now, incident_id = context.clock(), case.incident.id
    by_id = {commitment.id: commitment for commitment in case.commitments}
    chases = to_chase(case.commitments, now, case.playbook.remind_before)
    alerts = [_chasing(by_id[commitment_id], chase, now) for commitment_id, chase in chases.items()]
    reached = {member.name for member in context.ledger.team.members() if member.active and member.can_be_reached}
    for alert, (commitment_id, chase) in zip(alerts, chases.items(), strict=True):
        # The alert is recorded first, once for the date, because Prefect may fail to show the page.
        if chase is Chase.ESCALATE or not reached & {by_id[commitment_id].owner, by_id[commitment_id].deputy}:
            context.ledger.alerts.record(incident_id, alert)
        context.ledger.commitments.chased(incident_id, commitment_id, chase, now)
    return [alert.what for alert in alerts]


def _chasing(commitment: Commitment, chase: Chase, now: datetime) -> Alert:
    due_at = commitment.new_due_at or commitment.due_at
    due, name = f"{due_at:%d %b %Y}", commitment.id
    if chase is Chase.REMIND:
        coming = id_at(name, CommitmentStage.COMING, day(due_at))
        return Alert(coming, f"{commitment.owner}: `{name}` is due on {due}", now)
    what = f"**Late**: `{name}` of {commitment.owner} was due on {due}; say when it will be done, and why"
    return Alert(id_at(name, CommitmentStage.LATE, day(due_at)), what, now)
