"""Carrying out one occurrence of a step: check that it is due, act, record the outcome, schedule the next runs."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from prefect import State, task
from prefect.states import Cancelled, Completed

from amends.delivery.preflight import look_over
from amends.delivery.send.engine import Tally
from amends.delivery.send.workers import Part, Work, send
from amends.domain.base.errors import AmendsError, ChannelMisconfigured, ContentError, Finding
from amends.domain.base.text import parked
from amends.domain.base.value import NO_LONGER, TOLD_OTHERWISE
from amends.domain.case.case import Case, IncidentState, OccurrenceState, newly_reached
from amends.domain.case.next_update import holding_step
from amends.domain.deliver.preflight import Preflight
from amends.domain.draft.draft import Readers, Wanted, draft, in_its_words, notices_wanted, to_people_alone
from amends.domain.draft.recipients import count_as_told, why_no_recipients, why_no_recipients_left
from amends.domain.incident.gaps import why_not_draft
from amends.domain.lint.lint import lint_in
from amends.domain.notice.difference import Differences
from amends.domain.notice.notice import Draft, NoticeStage, NoticeStatus
from amends.domain.plan.closing import ready_to_close, somebody_must_hear
from amends.domain.plan.gates import shut, to_look_at_again
from amends.domain.plan.plan import PlannedOccurrence, plan
from amends.domain.playbook.checks import HOW_TO_ADD, too_few
from amends.domain.playbook.playbook import DEADLINES, HOLDING, Event, Phase, Step
from amends.ledger import Ledger
from amends.ledger.store.session import ENGINE
from flows.run import artifacts
from flows.run.cancellation import StoppedInPrefect, held, unless_stopped
from flows.run.context import Context, opened
from flows.run.next_update import watch_next_update
from flows.run.retry import nothing_due
from flows.run.schedule import mirror, tag_own_run

Act = Callable[[Context, Case, PlannedOccurrence], Coroutine[Any, Any, str]]
"""A coroutine that does the work of an occurrence and returns its outcome in a sentence: numbers and ids only."""


async def carry_out(phase: Phase, incident_id: str, step: str, number: int, act: Act) -> State[None]:
    """Carry out this occurrence of the phase's step when it is due by the ledger; otherwise change nothing."""
    await tag_own_run(incident_id)
    with opened() as context:
        case = await asyncio.to_thread(context.ledger.cases.read, incident_id, context.clock())
        planned = _due(case, phase, step, number, context)
        if planned is None:
            return await nothing_due(_why_nothing(case, phase, step, number))
        try:
            outcome = await unless_stopped(act(context, case, planned), context, incident_id, planned)
        except StoppedInPrefect as stop:
            return Cancelled(message=str(stop))
        await settle(context, incident_id)
        return Completed(message=outcome)


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
    mine = (one for one in case.occurrences if (one.step, one.number) == (step, number))
    return next((one.note for one in mine if one.state is OccurrenceState.HELD), "")


async def settle(context: Context, incident_id: str) -> None:
    """Bring the incident up to date after an occurrence, and schedule the runs that come next."""
    case = await bring_up_to_date(context, incident_id)
    now = context.clock()
    await artifacts.show_timeline(case, now)
    if context.mirrored:
        await mirror(context.ledger, case, now, context.ahead)


async def bring_up_to_date(context: Context, incident_id: str) -> Case:
    """Record reached thresholds, close a case that is ready, watch embargo and next update; return the case."""
    ledger, now = context.ledger, context.clock()
    case = await asyncio.to_thread(ledger.cases.read, incident_id, now)
    if case.destroyed_at:
        return case
    if reached := newly_reached(case):
        for name in reached:
            await asyncio.to_thread(ledger.incidents.note_event, incident_id, name, now)
        case = await asyncio.to_thread(ledger.cases.read, incident_id, now)
    if change := _opens_or_closes(ledger, case, now):
        await asyncio.to_thread(change, incident_id, ENGINE, now)
        case = await asyncio.to_thread(ledger.cases.read, incident_id, now)
    # Under a clock doubt nobody knows what is late, and a missed update makes the next notice apologise to everybody.
    if not case.clock_doubt:
        await asyncio.to_thread(_watch_time, ledger, case, now)
    return case


def _opens_or_closes(ledger: Ledger, case: Case, now: datetime) -> Callable[[str, str, datetime], None] | None:
    """Return what closes a case that is ready, or opens a closed one again for people who must hear more; else None."""
    if ready_to_close(case, now):
        return ledger.incidents.close
    reopens = case.state is IncidentState.CLOSED and somebody_must_hear(case, now)
    return ledger.incidents.reopen if reopens else None


def _watch_time(ledger: Ledger, case: Case, now: datetime) -> None:
    if ending := to_look_at_again(case, now):
        ledger.incidents.alert(case.incident.id, ending, now)
    watch_next_update(ledger, case, now)


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

    An error about one notice stops no other notice: it is raised after all of them, so that the run fails visibly.
    """
    incident_id, step = case.incident.id, step_of(case, planned)
    stopped: list[AmendsError] = []
    notices = notices_wanted(case, step, planned.number)
    if gap := _gap(case, planned, notices):
        await asyncio.to_thread(mark, context, planned, incident_id, OccurrenceState.HELD, gap)
        return f"held: {gap}"
    await asyncio.to_thread(_begin, context, planned, incident_id)
    for wanted in notices:
        with _raised_later(stopped):
            await _draft(context, case, step, planned, wanted)
    case = await asyncio.to_thread(context.ledger.cases.read, incident_id, context.clock())
    troubles: list[str] = []
    for notice in _to_send(context, case, planned):
        with _raised_later(stopped):
            troubles += await _send_unless_gated(context, case, notice)
    case = await asyncio.to_thread(context.ledger.cases.read, incident_id, context.clock())
    outcome = await asyncio.to_thread(conclude, context, case, planned, troubles, not stopped)
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
    if why is None or not any(_to_be_drafted(case, wanted) for wanted in notices):
        return ""
    incident_id = case.incident.id
    return (
        f"{why}; add it with `amends incident amend FILE --as NAME`, then "
        f"`amends step go {incident_id} {planned.step} {planned.number} --as NAME`"
    )


def _to_be_drafted(case: Case, wanted: Wanted) -> bool:
    """Return False when the notice is over, or its draft is of the present incident file."""
    existing = case.notice(wanted.id)
    return existing is None or not (existing.current or existing.is_over)


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


async def _send_unless_gated(context: Context, case: Case, notice: NoticeStatus) -> list[str]:
    """Send the notice unless a gate is shut, and return the trouble there was, in words."""
    if why := shut(case, notice.waits_for, context.clock()):
        return [f"{notice.id} waits: {reason}" for reason in why]
    tally = await _send(context, case, notice.id)
    return [f"{kind}: {trouble}" for kind, trouble in tally.trouble.items()]


def step_of(case: Case, planned: PlannedOccurrence) -> Step:
    """Return the step of the occurrence. Raises LookupError without a playbook or for an unknown step."""
    if planned.step == HOLDING:
        return holding_step(case)
    if case.playbook is None:
        raise LookupError("an occurrence comes from a playbook")
    return case.playbook.step(planned.step)


async def _draft(context: Context, case: Case, step: Step, planned: PlannedOccurrence, wanted: Wanted) -> None:
    if not _to_be_drafted(case, wanted):
        return
    existing = case.notice(wanted.id)
    if existing is not None and await asyncio.to_thread(_end_without_recipients, context, case, step, wanted, existing):
        return
    if written := await asyncio.to_thread(_write, context, case, step, planned, wanted):
        drafted, advice = written
        found = await _preflight(context, drafted)
        await artifacts.show_preview(drafted, advice, found)


def _end_without_recipients(context: Context, case: Case, step: Step, wanted: Wanted, notice: NoticeStatus) -> bool:
    """End the notice, alert the lead and return True when another version of the notice would reach nobody."""
    ledger, incident_id, now = context.ledger, case.incident.id, context.clock()
    if step.corrects:  # by what is known now, those who still wait for it may need no correction
        _differences(ledger, incident_id, step, wanted)
        notice = ledger.cases.read(incident_id, now).notice(wanted.id) or notice
    why = why_no_recipients_left(case, step, wanted, notice)
    if not (why and ledger.corrections.end_notice(incident_id, notice.id, now)):
        return False
    ledger.incidents.alert(incident_id, f"{notice.id} ends, and nobody is asked to approve it: {why}", now)
    return True


def _write(
    context: Context, case: Case, step: Step, planned: PlannedOccurrence, wanted: Wanted
) -> tuple[Draft, tuple[Finding, ...]] | None:
    """Check and record the draft; return the draft with the findings, or None when another run was faster.

    Raises ContentError when a finding blocks the draft.
    """
    ledger, incident_id, now = context.ledger, case.incident.id, context.clock()
    differences = _differences(ledger, incident_id, step, wanted)
    step = to_people_alone(step) if step.corrects and not differences.public else step
    audience = ledger.notices.audience(incident_id, wanted.audience, wanted.id)
    pages = ledger.told.pages(incident_id, wanted.id)
    readers = Readers(audience.digest, audience.people, audience.readers, differences, pages)
    wording = ledger.playbooks.wording(incident_id)
    step, wanted = in_its_words(step, wanted, wording)
    facts = ledger.incidents.facts_digest(incident_id)
    drafted = draft(case, wording, step, planned.number, wanted, readers, context.links, facts, now)
    findings = lint_in(case, drafted, wording, context.links.pages(incident_id))
    if blocking := [finding for finding in findings if finding.blocks]:
        more = f", and {len(blocking) - 1} findings more, which its run names" if len(blocking) > 1 else ""
        ledger.incidents.alert(incident_id, f"{wanted.id} cannot be drafted: {blocking[0]}{more}", now)
        raise ContentError(*blocking)
    existing = case.notice(wanted.id)
    ledger.notices.draft(drafted, now, seen=existing.version if existing else 0)
    if ledger.notices.latest_draft(incident_id, wanted.id).binding != drafted.binding:
        return None
    if why := why_no_recipients(case, wanted.audience):
        ledger.incidents.alert(incident_id, f"{step.id} tells nobody: {why}", now)
    for lack in too_few(drafted.approvals, ledger.team.members(), drafted.authors):
        ledger.incidents.alert(incident_id, f"nobody can release {wanted.id}: {lack}; {HOW_TO_ADD}", now)
    return drafted, findings


def _differences(ledger: Ledger, incident_id: str, step: Step, wanted: Wanted) -> Differences:
    """Return what the readers of a correction or an update were told otherwise; a first notice tells all."""
    if wanted.audience.startswith(TOLD_OTHERWISE):
        return ledger.told.to_correct(incident_id, wanted.id)
    if wanted.audience.startswith(NO_LONGER):
        ledger.told.to_take_back(incident_id, wanted.id)
    return ledger.told.to_update(incident_id, wanted.id) if step.phase is Phase.UPDATE else Differences()


async def _preflight(context: Context, drafted: Draft) -> Preflight | None:
    """Compose everybody's message without sending, and alert the lead when one cannot be composed.

    Return None when a channel is misconfigured.
    """
    ledger, now = context.ledger, context.clock()
    try:
        found = await look_over(ledger, drafted, context.channels, context.links, now)
    except ChannelMisconfigured:
        return None  # the preflight runs again when somebody approves the notice, and tells that person
    if why := found.why_not_approve(drafted.notice):
        await asyncio.to_thread(ledger.incidents.alert, drafted.incident, why, now)
    return found


async def _send(context: Context, case: Case, notice: str) -> Tally:
    """Send the approved messages of the notice that were not sent yet."""
    incident_id = case.incident.id
    work = Work(context.ledger, context.channels, incident_id, notice, context.links, context.clock, context.limits)
    async with artifacts.progress(incident_id, notice) as progress:
        return await send(work, progress.advance, each=as_task)


async def as_task(number: int, part: Part) -> Tally:
    """Run one process's part of a large send as a task that the Prefect UI shows; Prefect stores no result of it."""

    @task(name="send", task_run_name=f"send, process {number}", persist_result=False)
    async def sending() -> None:
        tallies.append(await part())

    tallies: list[Tally] = []
    await sending()
    return tallies[0]


def conclude(context: Context, case: Case, planned: PlannedOccurrence, troubles: list[str], complete: bool) -> str:
    """Record the outcome of the occurrence, also when an earlier run or a command without Prefect did the sending."""
    incident_id = case.incident.id
    mine = [n for n in case.notices if (n.step, n.occurrence) == (planned.step, planned.number)]
    troubles += [parked(incident_id, notice.id, notice.parked) for notice in mine if notice.parked]
    for trouble in troubles:
        context.ledger.incidents.alert(incident_id, trouble, context.clock())
    if planned.phase is Phase.NOTIFY and count_as_told(case, step_of(case, planned).audience, mine):
        context.ledger.incidents.note_event(incident_id, Event.NOTIFIED, context.clock())
    if complete and all(notice.is_over for notice in mine):
        dropped = any(notice.stage is NoticeStage.DROPPED for notice in mine)
        note = "nobody was left to tell" if dropped else ""
        mark_done(context, planned, incident_id, note, [notice.id for notice in mine])
    return "; ".join((*map(artifacts.notice_line, mine), *troubles)) or "nothing to tell"
