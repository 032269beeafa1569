"""Alerts about tasks that are not done in time, to the members whose role the playbook names beside the leads."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from amends.domain.alert.leads import NEWS
from amends.domain.case.case import Case
from amends.domain.case.states import OccurrenceKind, OccurrenceState, RecordedOccurrence
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.playbook.playbook import Step
from amends.domain.team.member import Member, TeamRole

OVER = (OccurrenceState.DONE, OccurrenceState.SKIPPED)


def task_alerts(case: Case, team: Iterable[Member], now: datetime) -> dict[str, tuple[Alert, ...]]:
    """Return, by member, each alert of the last day about a late task that the playbook escalates to the member's role.

    A lead hears of a late task by `lead_alerts`, and so is left out; a task that was done meanwhile is too.
    """
    if case.destroyed_at:
        return {}
    late = list(_late(case, now))
    found: dict[str, tuple[Alert, ...]] = {}
    for member in team:
        theirs = tuple(alert for role, alert in late if role is member.role)
        if theirs and member.active and member.can_be_reached:
            found[member.name] = theirs
    return found


def _late(case: Case, now: datetime) -> Iterator[tuple[TeamRole, Alert]]:
    """Yield each late task of the last day with the role that hears of it, except the leads."""
    steps = {step.id: step for step in case.playbook.steps} if case.playbook else {}
    done = {(occurrence.step, occurrence.number) for occurrence in case.occurrences if occurrence.state in OVER}
    for told in case.recorded_reminders:
        step = steps.get(told.step)
        if told.kind is not OccurrenceKind.LATE or step is None or (told.step, told.number) in done:
            continue
        at = told.done_at or told.due_at
        if step.escalate_to is not TeamRole.LEAD and at > now - NEWS:
            yield step.escalate_to, _alert(case.incident.id, step, told, at)


def _alert(incident: str, step: Step, told: RecordedOccurrence, at: datetime) -> Alert:
    do = f"`amends step done {incident} {step.id} {told.number}` records that it is done"
    late = AlertId(AlertKind.TASK_LATE, f"{step.id} {told.number}")
    return Alert(late, f"late: {step.owner} has not done this: {step.task} {do}", at)
