"""Carrying out one occurrence of a step: check that it is due, act, record the outcome, schedule the next runs."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

from prefect import State
from prefect.states import Cancelled, Completed

from amends.domain.base.errors import AmendsError, ContentError
from amends.domain.base.text import counted, day, minute, parked
from amends.domain.case.case import Case, newly_reached
from amends.domain.case.next_update import Fate, holding_step, next_updates, warnings
from amends.domain.case.states import IncidentState, OccurrenceState
from amends.domain.case.views.closing import ClosingView
from amends.domain.case.views.timeline import TimelineView
from amends.domain.closing.closing import ready_to_close, somebody_must_hear, stays_open
from amends.domain.draft.draft import notices_wanted
from amends.domain.draft.recipients import count_as_told
from amends.domain.draft.writer import Wanted
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.incident.gaps import why_not_draft
from amends.domain.notice.notice import SENT_STATES, NoticeStage, NoticeStatus
from amends.domain.plan.gates import to_look_at_again
from amends.domain.plan.plan import PlannedOccurrence, plan
from amends.domain.playbook.playbook import DEADLINES, HOLDING, Event, Phase, Step
from amends.domain.timeline.waiting import waiting
from amends.ledger import Ledger
from amends.ledger.store.session import ENGINE
from flows.run import artifacts
from flows.run.cancellation import StoppedInPrefect, held, stay_paused, unless_stopped
from flows.run.context import Context, opened
from flows.run.drafting import draft_notice, to_be_drafted
from flows.run.graph import as_task, begin_graph, rename_own_run, run_name
from flows.run.retry import nothing_due
from flows.run.schedule import mirror, tag_own_run
from flows.run.sending import SendTrouble, alert_of_stop, send_unless_gated, show_letters

Act = Callable[[Context, Case, PlannedOccurrence], Coroutine[Any, Any, str]]
"""A coroutine that does the work of an occurrence and returns its outcome in a sentence: numbers and ids only."""


async def carry_out(phase: Phase, incident_id: str, step: str, number: int, act: Act) -> State[None]:
    """Carry out this occurrence of the phase's step when it is due by the ledger; otherwise change nothing."""
    await tag_own_run(incident_id)
    begin_graph()
    with opened() as context:
        case = await _read(context, incident_id)
        planned = _due(case, phase, step, number, context)
        if planned is None:
            await stay_paused()
            return await nothing_due(_why_nothing(case, phase, step, number))
        try:
            outcome = await unless_stopped(act(context, case, planned), context, incident_id, planned)
        except StoppedInPrefect as stop:
            return Cancelled(message=str(stop))
        case = await settle(context, incident_id)
        await rename_own_run(run_name(incident_id, step, number, _in_short(case, planned)))
        return Completed(message=outcome)


def _in_numbers(case: Case) -> str:
    notices, asked = counted(len(case.notices), "notice"), counted(case.questions.asked, "question")
    return f"{case.state}, facts {case.version}, {case.audience.people} people, {notices}, {asked}"


async def _read(context: Context, incident_id: str) -> Case:
    return await asyncio.to_thread(context.ledger.cases.read, incident_id, context.clock())


def _in_short(case: Case, planned: PlannedOccurrence) -> str:
    """Return how the notices of the occurrence stand, for the name of its run; empty for an occurrence without one."""
    mine = [notice for notice in case.notices if (notice.step, notice.occurrence) == (planned.step, planned.number)]
    begun = [one for one in mine if one.begun_at]
    if not begun:
        return "drafted" if mine else ""
    reached = sum(count for one in begun for state, count in one.people.items() if state in SENT_STATES)
    return f"{reached} of {sum(one.meant_for for one in begun)} sent"


def _due(case: Case, phase: Phase, step: str, number: int, context: Context) -> PlannedOccurrence | None:
    due = plan(case, context.clock()).due
    return next((one for one in due if (one.phase, one.step, one.number) == (phase, step, number)), None)


def _why_nothing(case: Case, phase: Phase, step: str, number: int) -> str:
    """Explain to a person who started the run by hand why nothing is due: the step may be another one than meant."""
    steps = case.playbook.steps if case.playbook else ()
    mine = [one.id for one in steps if one.phase is phase]
    if step in (*mine, DEADLINES, HOLDING):
        if case.clock_doubt:
            return f"nothing falls due until somebody says what time it is: {case.clock_doubt}"
        if why := _why_held(case, step, number):
            return held(case.incident.id, step, number, why)
        return f"{step} {number} is not due: the ledger says so"
    return f"{phase} has no step {step} for {case.incident.id}; it has {', '.join(mine) or 'none at all'}"


def _why_held(case: Case, step: str, number: int) -> str:
    """Return the note of a held occurrence; empty when the occurrence is not held."""
    mine = (occurrence for occurrence in case.occurrences if (occurrence.step, occurrence.number) == (step, number))
    return next((one.note for one in mine if one.state is OccurrenceState.HELD), "")


async def settle(context: Context, incident_id: str) -> TimelineView:
    """Bring the incident up to date after an occurrence, schedule the runs that come next, and return the case.

    It is one task of the run, whose end says how the incident stands in numbers, and what comes.
    """
    return await as_task("plan next", partial(_settle, context, incident_id), partial(_how_it_stands, context))


async def _settle(context: Context, incident_id: str) -> TimelineView:
    case = await bring_up_to_date(context, incident_id)
    now = context.clock()
    await artifacts.show_timeline(case, now)
    if context.mirrored:
        await mirror(context.ledger, case, now, context.ahead)
    return case


def _how_it_stands(context: Context, case: TimelineView) -> str:
    return f"{_in_numbers(case)}; {_what_comes(case, context.clock())}"


def _what_comes(case: TimelineView, now: datetime) -> str:
    """Return the occurrences that are due, wait or come next, by step and time."""
    planned = plan(case, now)
    lines = [f"{one.step} {one.number} is due" for one in planned.due]
    for one in planned.waiting:
        found = waiting(case, one, now)
        lines.append(f"{one.step} {one.number} {found.in_short if found else 'waits'}")
    lines += [f"{one.step} {one.number} at {minute(one.due_at)}" for one in planned.upcoming]
    return "; ".join(lines) or "nothing is left to do"


async def bring_up_to_date(context: Context, incident_id: str) -> TimelineView:
    """Record reached thresholds and promises that recur, close a ready case, watch the time; return the case."""
    ledger, now = context.ledger, context.clock()
    case = await asyncio.to_thread(ledger.views.timeline, incident_id, now)
    if case.destroyed_at:
        return case
    if reached := newly_reached(case):
        for name in reached:
            await asyncio.to_thread(ledger.incidents.note_event, incident_id, name, now)
        case = await asyncio.to_thread(ledger.views.timeline, incident_id, now)
    if await asyncio.to_thread(_follow_promises, ledger, case, now):
        case = await asyncio.to_thread(ledger.views.timeline, incident_id, now)
    if change := _opens_or_closes(ledger, case, now):
        await asyncio.to_thread(change, incident_id, ENGINE, now)
        case = await asyncio.to_thread(ledger.views.timeline, incident_id, now)
    elif alert := stays_open(case, now):
        await asyncio.to_thread(ledger.alerts.record, incident_id, alert)
    # Under a clock doubt nobody knows what is late, and a missed update makes the next notice apologise to everybody.
    if not case.clock_doubt:
        await asyncio.to_thread(_watch_time, ledger, case, now)
    return case


def _follow_promises(ledger: Ledger, case: Case, now: datetime) -> bool:
    """Bring promises per person and those that recur up to date; return True when anything is new."""
    return any([_own_results(ledger, case, now), _renew_promises(ledger, case, now)])


def _own_results(ledger: Ledger, case: Case, now: datetime) -> bool:
    """Record who is owed a result of their own, and let late results go out; return True when anything is new."""
    incident = case.incident.id
    if not any(commitment.per_person for commitment in case.commitments):
        return False
    return bool(ledger.remedies.enrol(incident, now) + ledger.latecomer_news.send_results(incident, now))


def _renew_promises(ledger: Ledger, case: Case, now: datetime) -> bool:
    """Record the occurrences that follow those that have come due of promises that recur; return True when any do."""
    recurs = not case.clock_doubt and any(commitment.series and commitment.every for commitment in case.commitments)
    return recurs and bool(ledger.commitments.renew(case.incident.id, now))


def _opens_or_closes(ledger: Ledger, case: ClosingView, now: datetime) -> Callable[[str, str, datetime], None] | None:
    """Return what closes a case that is ready, or opens a closed one again for people who must hear more; else None."""
    if ready_to_close(case, now):
        return ledger.incidents.close
    reopens = case.state is IncidentState.CLOSED and somebody_must_hear(case, now)
    return ledger.incidents.reopen if reopens else None


def _watch_time(ledger: Ledger, case: Case, now: datetime) -> None:
    if ending := to_look_at_again(case, now):
        ledger.alerts.record(case.incident.id, ending)
    _watch_next_update(ledger, case, now)


def _watch_next_update(ledger: Ledger, case: Case, now: datetime) -> None:
    """Record each announced time that was missed, and alert when no approved notice would keep one. Idempotent."""
    incident, zone = case.incident.id, case.incident.organisation.timezone
    for update in next_updates(case, now):
        if update.fate is Fate.MISSED and update.missed_event not in case.missed_updates:
            ledger.alerts.note_missed_update(incident, update, zone, now)
    for alert in warnings(case, now):
        ledger.alerts.record(incident, alert)


def mark_done(
    context: Context, planned: PlannedOccurrence, incident_id: str, note: str = "", after: Collection[str] = ()
) -> None:
    """Record the occurrence as done, unless one of the notices `after` has work again since the case was read."""
    mark(context, planned, incident_id, OccurrenceState.DONE, note, after)


def mark(
    context: Context,
    planned: PlannedOccurrence,
    incident_id: str,
    state: OccurrenceState,
    note: str = "",
    after: Collection[str] = (),
) -> None:
    """Record the state of the occurrence."""
    context.ledger.occurrences.mark(
        incident_id, planned.step, planned.number, planned.due_at, state, context.clock(), note, after
    )


async def draft_and_send(context: Context, case: Case, planned: PlannedOccurrence) -> str:
    """Draft the notices of the occurrence, send those that are approved, and mark it done when all are sent.

    The case is read again once anything was drafted, and once anything was sent, and not otherwise.
    An error about one notice stops no other notice: it is raised after all of them, so that the run fails visibly.
    """
    incident_id, step = case.incident.id, step_of(case, planned)
    stopped: list[AmendsError] = []
    notices = notices_wanted(case, step, planned.number)
    if gap := _gap(case, planned, notices):
        await asyncio.to_thread(mark, context, planned, incident_id, OccurrenceState.HELD, gap)
        return f"held: {gap}"
    await asyncio.to_thread(_begin, context, planned, incident_id)
    if drafts := [wanted for wanted in notices if to_be_drafted(case, wanted)]:
        view = await asyncio.to_thread(context.ledger.views.to_draft, case)
        for wanted in drafts:
            with _raised_later(stopped):
                await draft_notice(context, view, step, planned, wanted)
        case = await _read(context, incident_id)
    troubles: list[SendTrouble] = []
    if sends := _to_send(context, case, planned):
        for notice in sends:
            with _raised_later(stopped):
                troubles += await send_unless_gated(context, case, notice)
        case = await _read(context, incident_id)
    await show_letters(case, planned)
    outcome = await asyncio.to_thread(conclude, context, case, planned, troubles, not stopped)
    if sends:
        await alert_of_stop(context, case)
    if stopped:
        raise _joined(stopped)
    return outcome


def _begin(context: Context, planned: PlannedOccurrence, incident_id: str) -> None:
    """Record that the occurrence waits; one that was done waits again for its letters."""
    occurrences, now = context.ledger.occurrences, context.clock()
    occurrences.begin(incident_id, planned.step, planned.number, planned.due_at, now)
    occurrences.reopen(incident_id, planned.step, planned.number, now)


def _gap(case: Case, planned: PlannedOccurrence, notices: Iterable[Wanted]) -> str:
    """Return what the incident file must say before one of these notices can be drafted, and how to go on, or ""."""
    why = why_not_draft(case.incident)
    if why is None or not any(to_be_drafted(case, wanted) for wanted in notices):
        return ""
    incident_id = case.incident.id
    return (
        f"{why}; add it with `amends incident amend FILE --as NAME`, then "
        f"`amends step go {incident_id} {planned.step} {planned.number} --as NAME`"
    )


@contextmanager
def _raised_later(stopped: list[AmendsError]) -> Iterator[None]:
    """Collect an error that a person must act on, to be raised after everything else is done."""
    try:
        yield
    except AmendsError as error:
        stopped.append(error)


def _joined(stopped: list[AmendsError]) -> AmendsError:
    """Return one error that names all findings and messages."""
    if len(stopped) == 1:
        return stopped[0]
    content = [error for error in stopped if isinstance(error, ContentError)]
    if len(content) == len(stopped):
        return ContentError(*(finding for error in content for finding in error.findings))
    return AmendsError("\n".join(map(str, stopped)))


def _to_send(context: Context, case: Case, planned: PlannedOccurrence) -> list[NoticeStatus]:
    """Return the occurrence's notices for which the engine can do something now."""
    now = context.clock()
    mine = (n for n in case.notices if (n.step, n.occurrence) == (planned.step, planned.number))
    return [notice for notice in mine if notice.current and notice.wants_work(now)]


def step_of(case: Case, planned: PlannedOccurrence) -> Step:
    """Return the step of the occurrence. Raises LookupError without a playbook or for an unknown step."""
    if planned.step == HOLDING:
        return holding_step(case)
    if case.playbook is None:
        raise LookupError("an occurrence comes from a playbook")
    return case.playbook.step(planned.step)


def conclude(
    context: Context, case: Case, planned: PlannedOccurrence, troubles: list[SendTrouble], complete: bool
) -> str:
    """Record the outcome of the occurrence, also when an earlier run or a command without Prefect did the sending."""
    incident_id = case.incident.id
    mine = [n for n in case.notices if (n.step, n.occurrence) == (planned.step, planned.number)]
    troubles += [_parked(incident_id, notice, context.clock()) for notice in mine if notice.parked]
    for trouble in troubles:
        if trouble.alert:
            context.ledger.alerts.record(incident_id, Alert(trouble.alert, trouble.what, context.clock()))
    if planned.phase is Phase.NOTIFY and count_as_told(case, step_of(case, planned).audience, mine):
        context.ledger.incidents.note_event(incident_id, Event.NOTIFIED, context.clock())
    if complete and all(notice.is_over for notice in mine):
        dropped = any(notice.stage is NoticeStage.DROPPED for notice in mine)
        note = "nobody was left to tell" if dropped else ""
        mark_done(context, planned, incident_id, note, [notice.id for notice in mine])
    return "; ".join((*map(artifacts.notice_line, mine), *(trouble.what for trouble in troubles))) or "nothing to tell"


def _parked(incident_id: str, notice: NoticeStatus, now: datetime) -> SendTrouble:
    today = AlertId(AlertKind.MESSAGES_PARKED, notice.id, day(now))
    return SendTrouble(parked(incident_id, notice.id, notice.parked), today)
