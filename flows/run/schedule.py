"""Mirroring the plan to Prefect: the next occurrence of every step is one scheduled run there.

The ledger decides; this module only makes Prefect's runs agree with the ledger. Mirroring is idempotent, also when two
processes do it at the same time, and creates all runs anew after Prefect's database was lost.
"""

import asyncio
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import dropwhile, takewhile
from typing import Any

from prefect import State
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import LogCreate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterIdempotencyKey,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed, Scheduled

from amends.domain.base.errors import AmendsError
from amends.domain.case.states import OccurrenceState
from amends.domain.case.views.timeline import TimelineView
from amends.domain.plan.plan import Plan, PlannedOccurrence, plan
from amends.domain.timeline.waiting import WaitsFor, waiting
from amends.ledger import Ledger
from amends.ledger.store.leases import Life, life_of, this_process
from flows.run.cancellation import BROKEN, STOPPED, hold, why_stopped
from flows.run.graph import run_name

PAUSES = (timedelta(), timedelta(minutes=1), timedelta(minutes=5))
"""The backoff after the first, second and third failure of an occurrence: the cause may need a while to pass."""
MOST_CRASHES = len(PAUSES)
"""Retries of an occurrence whose run failed; then it is held until a person looks."""
SLACK = timedelta(seconds=60)
"""Difference between a run's scheduled time and its planned time that is left alone."""
SILENT = timedelta(minutes=2)
"""Age at which a running or pending run counts as dead, if nothing is known of its process and no worker holds a lease
on messages. A run that lives may hold no lease for long: it checks a large audience, or stores messages to be sent."""
HALTED = timedelta(minutes=30)
"""Age at which a run without a lease counts as dead although its process lives: only a halted process takes so long."""
PROCESS = "amends.process"
"""Prefix of the label that names the process of a run."""
WAITING = (StateType.SCHEDULED,)
UNDER_WAY = (StateType.PENDING, StateType.RUNNING)
PLAIN = "Scheduled"
"""The name of the state of a run that only has its time."""
WAITS = frozenset({*WaitsFor})
"""The names of the states of runs that wait for something."""
PAGE = 200
"""Runs that Prefect returns at once, and keys in one filter."""
INCIDENT_TAG = "incident:"


def tag_of(incident_id: str) -> str:
    """Return the tag of all runs of an incident."""
    return f"{INCIDENT_TAG}{incident_id}"


def process_label(run: FlowRun) -> str:
    """Return the label that names the process of this attempt; a retried run keeps the labels of earlier attempts."""
    return f"{PROCESS}.{run.run_count}"


async def tag_own_run(incident_id: str) -> None:
    """Tag the current flow run with its incident, however the run was started, and label it with this process.

    Whatever Prefect answers, the run goes on: without the label it only takes longer until its death is noticed.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    run = context.flow_run
    with suppress(Exception):
        async with get_client() as client:
            await client.update_flow_run_labels(run.id, {process_label(run): this_process()})
            if tag_of(incident_id) not in run.tags:
                await client.update_flow_run(run.id, tags=[*run.tags, tag_of(incident_id)])


Runs = Mapping[str, FlowRun]
"""The runs of one incident by their idempotency key, or by their id when they have none."""


async def mirror(
    ledger: Ledger, case: TimelineView, now: datetime, ahead: timedelta = timedelta(), runs: Runs | None = None
) -> bool:
    """Make Prefect's scheduled runs agree with the plan, and return True when a run or an occurrence was changed.

    In a rehearsal the clock is `ahead` of Prefect's. A caller that mirrors many incidents passes the `runs` it read.
    """
    wanted = plan(case, now)
    async with get_client() as client:
        if runs is None:
            runs = (await runs_by_incident([case], now))[case.incident.id]
        look = _Look(client, ledger, case, runs, now, ahead)
        touched = [await _agree(look, planned) for planned in _occurrences(wanted)]
        return any([*touched, await _drop_obsolete(look, wanted), await _end_cancelled(look)])


async def runs_by_incident(cases: Sequence[TimelineView], now: datetime) -> dict[str, Runs]:
    """Read the runs of these incidents that have not completed, and the runs of all planned occurrences."""
    wanted = {planned.key(case.incident.id) for case in cases for planned in _occurrences(plan(case, now))}
    tags = FlowRunFilterTags(any_=[tag_of(case.incident.id) for case in cases])
    unfinished = FlowRunFilterState(type=FlowRunFilterStateType(not_any_=[StateType.COMPLETED]))
    async with get_client() as client:
        found = await _read(client, FlowRunFilter(tags=tags, state=unfinished))
        known = {run.idempotency_key for run in found}
        for keys in _pages(sorted(wanted - known)):
            found += await _read(client, FlowRunFilter(idempotency_key=FlowRunFilterIdempotencyKey(any_=keys)))
    runs: dict[str, dict[str, FlowRun]] = {case.incident.id: {} for case in cases}
    for run in found:
        for incident_id in runs.keys() & {tag.removeprefix(INCIDENT_TAG) for tag in run.tags}:
            runs[incident_id][run.idempotency_key or str(run.id)] = run
    return dict(runs)


def _pages(keys: Sequence[str]) -> Iterator[list[str]]:
    return (list(keys[start : start + PAGE]) for start in range(0, len(keys), PAGE))


def _occurrences(wanted: Plan) -> tuple[PlannedOccurrence, ...]:
    return (*wanted.due, *wanted.upcoming, *wanted.waiting)


async def _read(client: PrefectClient, chosen: FlowRunFilter) -> list[FlowRun]:
    found: list[FlowRun] = []
    while page := await client.read_flow_runs(flow_run_filter=chosen, limit=PAGE, offset=len(found)):
        found += page
        if len(page) < PAGE:
            break
    return found


@dataclass(frozen=True)
class _Look:
    """A snapshot of an incident's runs, and the time at which it was taken."""

    client: PrefectClient
    ledger: Ledger
    case: TimelineView = field(repr=False)
    runs: Mapping[str, FlowRun] = field(repr=False)
    now: datetime
    ahead: timedelta

    @property
    def incident(self) -> str:
        """Return the id of the incident."""
        return self.case.incident.id

    def is_held(self, planned: PlannedOccurrence) -> bool:
        """Return True when a person must decide whether the occurrence goes on."""
        mine = (
            occurrence
            for occurrence in self.case.occurrences
            if (occurrence.step, occurrence.number) == (planned.step, planned.number)
        )
        return any(one.state is OccurrenceState.HELD for one in mine)

    def state(self, planned: PlannedOccurrence) -> State[None]:
        """Return the state of a run that has not begun: its time, and what it waits for as its name and message."""
        at = self.by_prefect(max(planned.due_at, self.now))
        found = waiting(self.case, planned, self.now)
        if found is None:
            return Scheduled(scheduled_time=at)
        return Scheduled(scheduled_time=at, name=found.waits_for, message=found.why)

    def name(self, planned: PlannedOccurrence) -> str:
        """Return the name of a run that has not begun."""
        found = waiting(self.case, planned, self.now)
        return run_name(self.incident, planned.step, planned.number, found.in_short if found else "")

    def by_prefect(self, moment: datetime) -> datetime:
        """Return the moment by Prefect's clock."""
        return moment - self.ahead

    def failures(self, planned: PlannedOccurrence) -> int:
        """Count the latest runs of the occurrence that failed in a row; a run that did not fail ends the count."""
        keys = (
            f"{planned.key_of_any_revision(self.incident)}{revision}" for revision in range(planned.revision, -1, -1)
        )
        states = (run.state_type if run else None for run in map(self.runs.get, keys))
        ended = dropwhile((*WAITING, *UNDER_WAY).__contains__, states)
        return sum(1 for _ in takewhile(BROKEN.__contains__, ended))

    def backoff(self, planned: PlannedOccurrence) -> timedelta:
        """Return the pause before the next run of the occurrence, by the number of its failures."""
        return PAUSES[min(self.failures(planned), MOST_CRASHES) - 1] if self.failures(planned) else timedelta()


async def _agree(look: _Look, planned: PlannedOccurrence) -> bool:
    """Make the occurrence's run agree with the plan, and return True when anything was changed."""
    run = look.runs.get(planned.key(look.incident))
    if run is None:
        await _set_up(look, planned)
    elif run.state_type in (*STOPPED, *BROKEN) and look.is_held(planned):
        return False
    elif why := await why_stopped(look.client, run):
        await asyncio.to_thread(_hold, look, planned, why)
    elif run.state_type in BROKEN and look.failures(planned) > MOST_CRASHES:
        await asyncio.to_thread(_hold, look, planned, "its run failed again and again")
    elif run.state_type in WAITING:
        return await _correct(look, run, planned)
    elif run.state_type in UNDER_WAY and not (_ends_now(look, run, planned) or await _died(look, run)):
        return False
    else:
        await _set_up(look, await asyncio.to_thread(_revise, look, planned, str(run.state_type)))
    return True


async def _correct(look: _Look, run: FlowRun, planned: PlannedOccurrence) -> bool:
    """Give a run that has not begun the time, the parameters and the state that it must have; return True if changed.

    A run that waited keeps its place and is woken. Any other one is made anew, because Prefect sorts its lists of runs
    to come by the time that a run was given first. A run that somebody retries keeps its record, and finds out itself
    whether anything is due.
    """
    if run.run_count:
        return False
    wanted = look.state(planned)
    if {wanted.name, run.state_name} & WAITS and not _edited(look, run, planned):
        return await _wake(look, run, planned, wanted)
    if not (_moved(look, run, planned) or _edited(look, run, planned)):
        return False
    await _delete(look, run)
    await _set_up(look, planned)
    return True


async def _wake(look: _Look, run: FlowRun, planned: PlannedOccurrence, wanted: State[None]) -> bool:
    """Give a run that waits its new reason or its new time; return False when both are as they were."""
    said = run.state.message if run.state else None
    if (run.state_name, said) == (wanted.name, wanted.message) and not _moved(look, run, planned):
        return False
    await look.client.set_flow_run_state(run.id, wanted)
    await look.client.update_flow_run(run.id, name=look.name(planned))
    await _explain(look, run, wanted)
    return True


async def _explain(look: _Look, run: FlowRun, state: State[None]) -> None:
    """Put the reason why a run waits into its log, which its page in the UI opens with; there is none for a time."""
    if state.message:
        at = look.by_prefect(look.now)
        line = LogCreate(name="amends", level=logging.INFO, message=state.message, timestamp=at, flow_run_id=run.id)
        await look.client.create_logs([line])


def _ends_now(look: _Look, run: FlowRun, planned: PlannedOccurrence) -> bool:
    """Return True for the current flow run when its occurrence goes on later, so that the next run can be set up."""
    return _is_current(run) and planned.due_at > look.now


def _is_current(run: FlowRun) -> bool:
    """Return True when this code runs within the given flow run."""
    context = FlowRunContext.get()
    return context is not None and context.flow_run is not None and context.flow_run.id == run.id


async def _died(look: _Look, run: FlowRun, as_shown: State[Any] | None = None) -> bool:
    """Show the run as crashed, or as given, and return True when its process has died and Prefect knows nothing of it.

    The run is read again first: a process also ends when its run completes, possibly after the snapshot was taken.
    """
    life = _life(run)
    if life is not Life.ENDED and not await _silent(look, run, HALTED if life is Life.ALIVE else SILENT):
        return False
    if (await look.client.read_flow_run(run.id)).state_id != run.state_id:
        return False
    await look.client.set_flow_run_state(run.id, as_shown or Crashed(message="no sign of life"), force=True)
    return True


def _life(run: FlowRun) -> Life:
    """Return what is known of the run's process; a pending run has none yet, and its label is of an earlier attempt."""
    return Life.UNKNOWN if run.state_type is StateType.PENDING else life_of(str(run.labels.get(process_label(run), "")))


async def _silent(look: _Look, run: FlowRun, age: timedelta) -> bool:
    """Return True when the run's state has this age and no worker holds a lease; a remote process shows no more.

    The age of the state counts, because a retried run has an earlier start, and a late run was due earlier.
    """
    if _is_current(run) or run.state is None or look.by_prefect(look.now) - run.state.timestamp < age:
        return False
    return not await asyncio.to_thread(look.ledger.deliveries.busy, look.incident, look.now)


def _moved(look: _Look, run: FlowRun, planned: PlannedOccurrence) -> bool:
    """Return True when the run has another time than planned; a time in the past counts as now on both sides."""
    scheduled = run.next_scheduled_start_time or run.expected_start_time
    now, due_at = look.by_prefect(look.now), look.by_prefect(planned.due_at)
    if planned.until_decided:
        return not (scheduled and now < scheduled <= due_at + SLACK)
    late_by = max(scheduled, now) - max(due_at, now) if scheduled else timedelta()
    return not -SLACK <= late_by <= SLACK + look.backoff(planned)


def _edited(look: _Look, run: FlowRun, planned: PlannedOccurrence) -> bool:
    """Return True when the run's parameters name another occurrence; parameters added by a deployment do not count."""
    return not _parameters(look, planned).items() <= run.parameters.items()


def _revise(look: _Look, planned: PlannedOccurrence, why: str) -> PlannedOccurrence:
    revise, backoff = look.ledger.occurrences.revise, look.backoff(planned)
    revision = revise(
        look.incident, planned.step, planned.number, planned.due_at, look.now, why, after=planned.revision
    )
    return planned.model_copy(update={"revision": revision, "due_at": max(planned.due_at, look.now + backoff)})


def _hold(look: _Look, planned: PlannedOccurrence, why: str) -> None:
    hold(look.ledger, look.incident, planned, look.now, why)


async def _set_up(look: _Look, planned: PlannedOccurrence) -> None:
    """Schedule a run for the occurrence. Raises AmendsError when somebody has deleted the deployment."""
    state = look.state(planned)
    try:
        deployment = await look.client.read_deployment_by_name(f"{planned.phase}/{planned.phase}")
        run = await look.client.create_flow_run_from_deployment(
            deployment.id,
            parameters=_parameters(look, planned),
            state=state,
            name=look.name(planned),
            tags=[tag_of(look.incident)],
            idempotency_key=planned.key(look.incident),
        )
    except ObjectNotFound:
        gone = f"Prefect has no deployment {planned.phase} any more; `amends up`, started anew, makes it again"
        raise AmendsError(gone) from None
    await _explain(look, run, state)


def _parameters(look: _Look, planned: PlannedOccurrence) -> dict[str, Any]:
    return {"incident_id": look.incident, "step": planned.step, "occurrence": planned.number}


async def _delete(look: _Look, run: FlowRun) -> None:
    with suppress(ObjectNotFound):  # another process that mirrors at the same time has deleted it
        await look.client.delete_flow_run(run.id)


async def _drop_obsolete(look: _Look, wanted: Plan) -> bool:
    """Delete scheduled runs of the incident that the plan no longer has; return True when there were any.

    A later run of a planned occurrence stays: another process set it up after this one had read the case. A run that
    somebody retries stays too: it would take the record of what its first attempt did with it.
    """
    ours = {key: run for key, run in look.runs.items() if key.startswith(f"{look.incident}:") and not run.run_count}
    revisions = {
        occurrence.key_of_any_revision(look.incident): occurrence.revision for occurrence in _occurrences(wanted)
    }
    obsolete = [run for key, run in ours.items() if run.state_type in WAITING and not _is_wanted(key, revisions)]
    for run in obsolete:
        await _delete(look, run)
    return bool(obsolete)


def _is_wanted(key: str, revisions: Mapping[str, int]) -> bool:
    """Return True for the key of a planned occurrence's run, or of a later one, by the planned revisions."""
    occurrence, _, revision = key.rpartition(":r")
    return int(revision) >= revisions.get(f"{occurrence}:r", sys.maxsize)


async def _end_cancelled(look: _Look) -> bool:
    """Show runs as cancelled whose process died meanwhile; return True when there were any.

    Prefect waits for their runner to say so, which may have been killed before, or never had a process of theirs.
    """
    cancelling = [run for run in look.runs.values() if run.state_type is StateType.CANCELLING]
    return any([await _died(look, run, Cancelled(message="no process was left")) for run in cancelling])
