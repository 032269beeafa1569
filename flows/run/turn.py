"""How a turn of any step is carried out: look whether it is due, do it, note it, set up what comes next."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime

from prefect import State, task
from prefect.states import Completed

from amends.delivery.preflight import look_over
from amends.delivery.send.engine import Tally
from amends.delivery.send.workers import Part, Work, send
from amends.domain.base.errors import AmendsError, ChannelMisconfigured, ContentError, Finding
from amends.domain.base.text import parked
from amends.domain.case.case import Case, OccurrenceState, newly_reached
from amends.domain.case.next_update import holding_step
from amends.domain.deliver.preflight import Preflight
from amends.domain.draft.draft import Readers, Wanted, draft, in_its_words, notices_wanted
from amends.domain.draft.recipients import count_as_told, why_no_recipients, why_no_recipients_left
from amends.domain.lint.lint import lint_in
from amends.domain.notice.notice import Draft, NoticeStage, NoticeStatus
from amends.domain.plan.closing import ready_to_close
from amends.domain.plan.gates import shut, to_look_at_again
from amends.domain.plan.plan import PlannedOccurrence, plan
from amends.domain.playbook.checks import ADD, too_few
from amends.domain.playbook.playbook import DEADLINES, HOLDING, Event, Phase, Step
from amends.ledger import Ledger
from amends.ledger.store.session import ENGINE
from flows.run import artifacts
from flows.run.context import Context, opened
from flows.run.next_update import watch_news
from flows.run.schedule import mirror, tag_own_run

Act = Callable[[Context, Case, PlannedOccurrence], Awaitable[str]]
"""Does a turn's work and says in a sentence what came of it; numbers and ids only."""


async def carry_out(phase: Phase, incident_id: str, step: str, occurrence: int, act: Act) -> State[None]:
    """Do this turn of a step of this phase if the ledger says that it is due; otherwise change nothing."""
    await tag_own_run(incident_id)
    with opened() as context:
        case = await asyncio.to_thread(context.ledger.cases.read, incident_id, context.clock())
        turn = _due(case, phase, step, occurrence, context)
        if turn is None:
            return Completed(name="NothingDue", message=_why_nothing(case, phase, step, occurrence))
        said = await act(context, case, turn)
        await settle(context, incident_id)
        return Completed(message=said)


def _due(case: Case, phase: Phase, step: str, occurrence: int, context: Context) -> PlannedOccurrence | None:
    due = plan(case, context.clock()).due
    return next((turn for turn in due if (turn.phase, turn.step, turn.number) == (phase, step, occurrence)), None)


def _why_nothing(case: Case, phase: Phase, step: str, occurrence: int) -> str:
    """For who started the run by hand: perhaps they meant another step."""
    steps = case.playbook.steps if case.playbook else ()
    mine = [one.id for one in steps if one.phase is phase]
    if step in (*mine, DEADLINES, HOLDING):
        if case.clock_doubt:
            return f"nothing falls due until somebody says what time it is: {case.clock_doubt}"
        return f"{step} {occurrence} is not due: the ledger says so"
    return f"{phase} has no step {step} for {case.incident.id}; it has {', '.join(mine) or 'none at all'}"


async def settle(context: Context, incident_id: str) -> None:
    """After a turn: note what has come about, close what is ready, and set up the runs that come next."""
    case = await noted(context, incident_id)
    now = context.clock()
    await artifacts.show_timeline(case, now)
    if context.mirrored:
        await mirror(context.ledger, case, now, context.ahead)


async def noted(context: Context, incident_id: str) -> Case:
    """Note what time has brought about: thresholds, an embargo that ends, the end of the case, news that are late."""
    ledger, now = context.ledger, context.clock()
    case = await asyncio.to_thread(ledger.cases.read, incident_id, now)
    if case.destroyed_at:
        return case
    if reached := newly_reached(case):
        for name in reached:
            await asyncio.to_thread(ledger.incidents.note_event, incident_id, name, now)
        case = await asyncio.to_thread(ledger.cases.read, incident_id, now)
    if ready_to_close(case):
        await asyncio.to_thread(ledger.incidents.close, incident_id, ENGINE, now)
        case = await asyncio.to_thread(ledger.cases.read, incident_id, now)
    if not case.clock_doubt:  # else nobody can tell what is late, and for news noted as missed everybody is told sorry
        await asyncio.to_thread(_watch_time, ledger, case, now)
    return case


def _watch_time(ledger: Ledger, case: Case, now: datetime) -> None:
    if ending := to_look_at_again(case, now):
        ledger.incidents.alert(case.incident.id, ending, now)
    watch_news(ledger, case, now)


def done(
    context: Context, turn: PlannedOccurrence, incident_id: str, note: str = "", after: Collection[str] = ()
) -> None:
    """Note that the turn is finished, unless one of these notices goes on since just now."""
    mark(context, turn, incident_id, OccurrenceState.DONE, note, after)


def mark(
    context: Context,
    turn: PlannedOccurrence,
    incident_id: str,
    state: OccurrenceState,
    note: str = "",
    after: Collection[str] = (),
) -> None:
    """Note where the turn stands."""
    context.ledger.occurrences.mark(
        incident_id, turn.step, turn.number, turn.due_at, state, context.clock(), note, after
    )


async def say(context: Context, case: Case, turn: PlannedOccurrence) -> str:
    """Draft what the turn has to say, send what is approved, and finish when all of it has gone.

    What stops one notice stops no other: it is raised once the others had their turn, so that the run fails visibly.
    """
    incident_id, step = case.incident.id, step_of(case, turn)
    stopped: list[AmendsError] = []
    await asyncio.to_thread(mark, context, turn, incident_id, OccurrenceState.WAITING)
    for wanted in notices_wanted(case, step, turn.number):
        with _raised_later(stopped):
            await _draft(context, case, step, turn, wanted)
    case = await asyncio.to_thread(context.ledger.cases.read, incident_id, context.clock())
    troubles: list[str] = []
    for notice in _to_send(context, case, turn):
        with _raised_later(stopped):
            troubles += await _send_if_it_may(context, case, notice)
    case = await asyncio.to_thread(context.ledger.cases.read, incident_id, context.clock())
    said = await asyncio.to_thread(conclude, context, case, turn, troubles, not stopped)
    if stopped:
        raise _all_of(stopped)
    return said


@contextmanager
def _raised_later(stopped: list[AmendsError]) -> Iterator[None]:
    """Keep what a person must act on, to be raised when nothing else is left to do."""
    try:
        yield
    except AmendsError as error:
        stopped.append(error)


def _all_of(stopped: list[AmendsError]) -> AmendsError:
    """One error that names everything."""
    if len(stopped) == 1:
        return stopped[0]
    content = [error for error in stopped if isinstance(error, ContentError)]
    if len(content) == len(stopped):
        return ContentError(*(finding for error in content for finding in error.findings))
    return AmendsError("\n".join(map(str, stopped)))


def _to_send(context: Context, case: Case, turn: PlannedOccurrence) -> list[NoticeStatus]:
    """The turn's notices for which the engine can do something now."""
    now = context.clock()
    mine = (n for n in case.notices if (n.step, n.occurrence) == (turn.step, turn.number))
    return [notice for notice in mine if notice.current and notice.wants_work(now)]


async def _send_if_it_may(context: Context, case: Case, notice: NoticeStatus) -> list[str]:
    """Send it unless something must come first; what trouble there was, in words."""
    if why := shut(case, notice.waits_for, context.clock()):
        return [f"{notice.id} waits: {reason}" for reason in why]
    tally = await _send(context, case, notice.id)
    return [f"{kind}: {trouble}" for kind, trouble in tally.trouble.items()]


def step_of(case: Case, turn: PlannedOccurrence) -> Step:
    """The step whose turn it is. Raises LookupError."""
    if turn.step == HOLDING:
        return holding_step(case)
    if case.playbook is None:
        raise LookupError("a turn comes from a playbook")
    return case.playbook.step(turn.step)


async def _draft(context: Context, case: Case, step: Step, turn: PlannedOccurrence, wanted: Wanted) -> None:
    existing = case.notice(wanted.id)
    if existing and (existing.current or existing.stage.is_over):
        return
    if existing is not None and await asyncio.to_thread(_ended, context, case, step, wanted, existing):
        return
    if written := await asyncio.to_thread(_write, context, case, step, turn, wanted):
        drafted, advice = written
        found = await _looked_over(context, drafted)
        await artifacts.show_preview(drafted, advice, found)


def _ended(context: Context, case: Case, step: Step, wanted: Wanted, notice: NoticeStatus) -> bool:
    """Whether it ends without another version, because one would tell nobody; a lead hears of it."""
    ledger, incident_id, now = context.ledger, case.incident.id, context.clock()
    why = why_no_recipients_left(case, step, wanted, notice)
    if not (why and ledger.corrections.end_notice(incident_id, notice.id, now)):
        return False
    ledger.incidents.alert(incident_id, f"{notice.id} ends, and nobody is asked to approve it: {why}", now)
    return True


def _write(
    context: Context, case: Case, step: Step, turn: PlannedOccurrence, wanted: Wanted
) -> tuple[Draft, tuple[Finding, ...]] | None:
    """The draft, checked and kept, with what approvers should know; None when another run of this turn was faster.

    Raises ContentError when a finding stops it.
    """
    ledger, incident_id, now = context.ledger, case.incident.id, context.clock()
    audience = ledger.notices.audience(incident_id, wanted.audience)
    readers = Readers(audience.digest, audience.people, audience.readers)
    wording = ledger.playbooks.wording(incident_id)
    step, wanted = in_its_words(step, wanted, wording)
    facts = ledger.incidents.facts_digest(incident_id)
    drafted = draft(case, wording, step, turn.number, wanted, readers, context.links, facts, now)
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
        ledger.incidents.alert(incident_id, f"nobody can release {wanted.id}: {lack}; {ADD}", now)
    return drafted, findings


async def _looked_over(context: Context, drafted: Draft) -> Preflight | None:
    """Whether everybody's message can be put together; a lead hears of it when one cannot."""
    ledger, now = context.ledger, context.clock()
    try:
        found = await look_over(ledger, drafted, context.channels, context.links, now)
    except ChannelMisconfigured:
        return None  # the first who wants to approve it looks, and is told
    if why := found.why_not_approve(drafted.notice):
        await asyncio.to_thread(ledger.incidents.alert, drafted.incident, why, now)
    return found


async def _send(context: Context, case: Case, notice: str) -> Tally:
    """Send what is approved of a notice and has not gone yet."""
    incident_id = case.incident.id
    work = Work(context.ledger, context.channels, incident_id, notice, context.links, context.clock, context.limits)
    async with artifacts.progress(incident_id, notice) as progress:
        return await send(work, progress.told, each=as_task)


async def as_task(number: int, part: Part) -> Tally:
    """One process's part of a large send, as a task that is seen in the UI; nothing of it is kept there."""

    @task(name="send", task_run_name=f"send, process {number}", persist_result=False)
    async def sending() -> None:
        tallies.append(await part())

    tallies: list[Tally] = []
    await sending()
    return tallies[0]


def conclude(context: Context, case: Case, turn: PlannedOccurrence, troubles: list[str], complete: bool) -> str:
    """Note what has come of the turn; also when the sending was done by an earlier run, or without Prefect."""
    incident_id = case.incident.id
    mine = [n for n in case.notices if (n.step, n.occurrence) == (turn.step, turn.number)]
    troubles += [parked(incident_id, notice.id, notice.parked) for notice in mine if notice.parked]
    for trouble in troubles:
        context.ledger.incidents.alert(incident_id, trouble, context.clock())
    if turn.phase is Phase.NOTIFY and count_as_told(case, step_of(case, turn).audience, mine):
        context.ledger.incidents.note_event(incident_id, Event.NOTIFIED, context.clock())
    if complete and all(notice.stage.is_over for notice in mine):
        dropped = any(notice.stage is NoticeStage.DROPPED for notice in mine)
        note = "nobody was left to tell" if dropped else ""
        done(context, turn, incident_id, note, [notice.id for notice in mine])
    return "; ".join((*map(artifacts.notice_line, mine), *troubles)) or "nothing to tell"
