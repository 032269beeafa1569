"""All incidents at one glance: what is overdue, what waits for whom, and what comes in the next days."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from amends.domain.base.text import counted, length, listed
from amends.domain.base.value import Moment, Value
from amends.domain.case.views.timeline import TimelineView
from amends.domain.timeline.text import due, there
from amends.domain.timeline.timeline import LineKind, TimelineLine, Wait, WaitingTask, dated_events, waiting_tasks

NEXT_DAYS = timedelta(days=3)
NOUNS = {
    Wait.RESUME: "incident to resume",
    Wait.APPROVAL: "approval",
    Wait.REWRITE: "rejected notice",
    Wait.DECISION: "task",
    Wait.PROMISE: "promise",
    Wait.NEWS: "update",
    Wait.LETTERS: "batch of letters",
    Wait.OVERRIDE: "override",
    Wait.SUBSTITUTE: "substitute notice",
    Wait.LEAK: "leak",
    Wait.GAP: "question of many",
    Wait.STOPPED: "stopped send",
}
PLURALS = {Wait.RESUME: "incidents to resume", Wait.GAP: "questions of many", Wait.LETTERS: "batches of letters"}
SHOWN_BY = {
    LineKind.DEADLINE: "amends duty list {incident}",
    LineKind.PROMISE: "amends commitments list {incident}",
    LineKind.NEWS: "amends incident show {incident}",
}
"""The command that shows more about a coming event, by the event's kind."""
TIMELINE = "amends timeline {incident}"


class OverviewLine(Value):
    """One task or coming event of one incident."""

    incident: str
    at: Moment | None
    when: str
    """The time in words, on the clock of the incident's organisation."""
    zone: str
    whom: str = ""
    what: str
    do: str
    """The command that settles the task, or shows more."""


class Overview(Value):
    """Everything that people must know now, over all incidents that are not over."""

    at: Moment
    zones: tuple[str, ...] = ()
    """The time zones of the organisations; when they differ, each line names its own."""
    incidents: tuple[str, ...] = ()
    overdue: tuple[OverviewLine, ...] = ()
    """The longest overdue task first."""
    waiting: tuple[OverviewLine, ...] = ()
    """Tasks due at once first, then by their time."""
    coming: tuple[OverviewLine, ...] = ()
    """Events of the next days whose time is set already."""


def overview(cases: Iterable[TimelineView], now: datetime) -> Overview:
    """Return the tasks that wait in all these cases, and the events of the next days."""
    cases = tuple(cases)
    zones = tuple(sorted({case.incident.organisation.timezone for case in cases}))
    tasks = [(case, task) for case in cases for task in waiting_tasks(case, now)]
    lines = [(case, line) for case in cases for line in dated_events(case, now, now + NEXT_DAYS)]
    return Overview(
        at=now,
        zones=zones,
        incidents=tuple(case.incident.id for case in cases),
        overdue=_in_time((_task_line(case, task, now) for case, task in tasks if task.overdue), zones),
        waiting=_in_time((_task_line(case, task, now) for case, task in tasks if not task.overdue), zones),
        coming=_in_time((_event_line(case, line, now) for case, line in lines), zones),
    )


def overdue_tasks(case: TimelineView, now: datetime) -> tuple[WaitingTask, ...]:
    """Return the overdue tasks of the case, the longest overdue first."""
    return tuple(task for task in waiting_tasks(case, now) if task.overdue)


def numbers(tasks: Sequence[WaitingTask]) -> str:
    """Return the tasks in numbers by their kind, as in 2 duties, 1 promise and answers to questions."""
    counts = Counter[Wait]()
    for task in tasks:
        counts[task.wait] += task.missing if task.wait is Wait.DEADLINE else 1
    return listed(_number(wait, count) for wait, count in counts.items())


def _number(wait: Wait, count: int) -> str:
    if wait is Wait.ANSWER:  # the task counts all open questions, not only those that are late
        return "answers to questions"
    if wait is Wait.DEADLINE:
        return counted(count, "duty", "duties")
    return counted(count, NOUNS[wait], PLURALS.get(wait, ""))


def _task_line(case: TimelineView, task: WaitingTask, now: datetime) -> OverviewLine:
    incident, zone = case.incident.id, case.incident.organisation.timezone
    when = due(task, now, zone)
    if task.overdue and task.by:
        when = f"{length(now - task.by)} late, since {there(task.by, now, zone)}"
    return OverviewLine(incident=incident, at=task.by, when=when, zone=zone, whom=task.whom, what=task.what, do=task.do)


def _event_line(case: TimelineView, line: TimelineLine, now: datetime) -> OverviewLine:
    incident, zone = case.incident.id, case.incident.organisation.timezone
    do = SHOWN_BY.get(line.kind, TIMELINE).format(incident=incident)
    return OverviewLine(incident=incident, at=line.at, when=there(line.at, now, zone), zone=zone, what=line.what, do=do)


def _in_time(lines: Iterable[OverviewLine], zones: Sequence[str]) -> tuple[OverviewLine, ...]:
    """Return the lines by their time, which names its zone where the zones differ."""
    if len(zones) > 1:
        lines = (line.model_copy(update={"when": f"{line.when} {line.zone}"}) if line.at else line for line in lines)
    return tuple(sorted(lines, key=lambda line: (line.at.timestamp() if line.at else 0, line.incident, line.what)))
