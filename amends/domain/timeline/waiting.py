"""Waiting: the reason why an occurrence goes on later, in a word and in a sentence with the command that ends it."""

import re
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum

from amends.domain.base.text import counted, minute
from amends.domain.base.value import Value
from amends.domain.case.states import IncidentState, OccurrenceState
from amends.domain.case.views.timeline import TimelineView
from amends.domain.notice.notice import NoticeStage, NoticeStatus
from amends.domain.plan.gates import shut
from amends.domain.plan.plan import PlannedOccurrence
from amends.domain.playbook.playbook import DEADLINES, HOLDING
from amends.domain.timeline.timeline import (
    Wait,
    WaitingTask,
    domains_stopped,
    sends_stopped,
    tasks_of_notice,
    tasks_of_occurrence,
)


class WaitsFor(StrEnum):
    """The thing for which an occurrence waits, as the state of its run is called; the most pressing comes first."""

    STOP = "Stopped"
    """The incident is paused."""
    CLOCK = "WaitsForClock"
    """The machine's clock jumped."""
    HOLD = "Held"
    """A person decides whether the occurrence goes on."""
    EMBARGO = "WaitsForEmbargo"
    AUTHORITY = "WaitsForAuthority"
    """An authority must be told before the people."""
    APPROVAL = "WaitsForApproval"
    REWRITE = "WaitsForNewTexts"
    TASK = "WaitsForTask"
    REPAIR = "WaitsForRepair"
    """The send has stopped, on a channel or to a domain, until a person removes the reason."""
    DECISION = "WaitsForDecision"
    LETTERS = "WaitsForLetters"
    QUIET_HOURS = "WaitsForQuietHours"
    WAVE = "WaitsForWave"
    NEXT_TRY = "WaitsForNextTry"


class Waiting(Value):
    """The reason why an occurrence goes on later."""

    waits_for: WaitsFor
    why: str
    """All reasons, each with the command that ends it, or with the time at which it ends by itself."""

    @property
    def in_short(self) -> str:
        """Return the thing in words: stopped, waits for approval."""
        return CAPITAL.sub(r" \1", self.waits_for).lower()


CAPITAL = re.compile("(?<=[a-z])([A-Z])")
BY_TASK = {
    Wait.APPROVAL: WaitsFor.APPROVAL,
    Wait.REWRITE: WaitsFor.REWRITE,
    Wait.LETTERS: WaitsFor.LETTERS,
    Wait.DECISION: WaitsFor.DECISION,
}


def waiting(case: TimelineView, occurrence: PlannedOccurrence, now: datetime) -> Waiting | None:
    """Return what the occurrence waits for, or None when it only has its time or is due."""
    found = [*_stops(case, occurrence), *_of_occurrence(case, occurrence, now)]
    for notice in case.notices:
        if (notice.step, notice.occurrence) == (occurrence.step, occurrence.number):
            found += _of_notice(case, notice, now)
    if not found or (occurrence.due_at <= now and not occurrence.until_decided):
        return None
    order = list(WaitsFor)
    first = min(found, key=lambda one: order.index(one.waits_for))
    return Waiting(waits_for=first.waits_for, why="; ".join(dict.fromkeys(one.why for one in found)))


def _stops(case: TimelineView, occurrence: PlannedOccurrence) -> Iterator[Waiting]:
    if case.clock_doubt:
        yield Waiting(waits_for=WaitsFor.CLOCK, why=f"{case.clock_doubt}; `amends clock trust --as NAME` ends that")
    paused = case.state is IncidentState.PAUSED and occurrence.step not in (DEADLINES, HOLDING)
    if paused and occurrence.until_decided:
        ends = f"`amends incident resume {case.incident.id} --as NAME` ends that"
        yield Waiting(waits_for=WaitsFor.STOP, why=f"the incident is paused; {ends}")


def _of_occurrence(case: TimelineView, occurrence: PlannedOccurrence, now: datetime) -> Iterator[Waiting]:
    recorded = (one for one in case.occurrences if (one.step, one.number) == (occurrence.step, occurrence.number))
    for one in recorded:
        for task in tasks_of_occurrence(case, one, now):
            yield _task(task, WaitsFor.HOLD if one.state is OccurrenceState.HELD else WaitsFor.TASK)


def _of_notice(case: TimelineView, notice: NoticeStatus, now: datetime) -> Iterator[Waiting]:
    for task in tasks_of_notice(case, notice, now):
        yield _task(task, BY_TASK[task.wait])
    if notice.stage not in (NoticeStage.APPROVED, NoticeStage.SENDING):
        return
    for why in shut(case, notice.waits_for, now):
        yield Waiting(waits_for=_gate(case, why), why=f"{notice.id}: {why}")
    stops = [task for of, task in sends_stopped(case) if of == notice.id]
    for task in (*stops, *(domains_stopped(case) if notice.for_domains else ())):
        yield _task(task, WaitsFor.REPAIR)
    if notice.stage is NoticeStage.SENDING and notice.next_try_at and notice.next_try_at > now:
        yield _later(notice, notice.next_try_at)


def _gate(case: TimelineView, why: str) -> WaitsFor:
    """Return which of the gates is shut for this reason."""
    if case.embargo and why == case.embargo.says(case.incident.id):
        return WaitsFor.EMBARGO
    doubts = tuple(filter(None, (case.clock_doubt, case.ledger_doubt)))
    return WaitsFor.DECISION if doubts and why.startswith(doubts) else WaitsFor.AUTHORITY


def _task(task: WaitingTask, waits_for: WaitsFor) -> Waiting:
    by = f", by {minute(task.by)}" if task.by else ""
    return Waiting(waits_for=waits_for, why=f"{task.what} ({task.whom}{by}): `{task.do}`")


def _later(notice: NoticeStatus, at: datetime) -> Waiting:
    """Return why messages of the notice leave only then, by themselves."""
    left = counted(notice.pending, "message")
    if notice.kept_back:
        kept = counted(notice.kept_back, "message waits", "messages wait")
        why = f"{kept} for the end of the quiet hours where people live; the first leave at {minute(at)}"
        return Waiting(waits_for=WaitsFor.QUIET_HOURS, why=f"{notice.id}: {why}")
    if notice.more_waves:
        return Waiting(waits_for=WaitsFor.WAVE, why=f"{notice.id}: the next wave leaves at {minute(at)}")
    return Waiting(waits_for=WaitsFor.NEXT_TRY, why=f"{notice.id}: {left} to be tried again at {minute(at)}")
