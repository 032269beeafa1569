"""Mirroring the plan to Prefect: the next occurrence of every step is one scheduled run there.

The ledger decides; this module only makes Prefect's runs agree with the ledger. Mirroring is idempotent, also when two
processes do it at the same time, and creates all runs anew after Prefect's database was lost.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import dropwhile, takewhile
from typing import Any

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterIdempotencyKey,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.context import FlowRunContext
from prefect.deployments import arun_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed

from amends.domain.base.errors import AmendsError
from amends.domain.case.case import Case
from amends.domain.plan.plan import Plan, PlannedOccurrence, plan
from amends.ledger import Ledger
from amends.ledger.store.leases import Life, life_of, this_process
from flows.run.cancellation import BROKEN, hold, why_stopped

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
PAGE = 200
"""Runs that Prefect returns at once, and keys in one filter."""
INCIDENT_TAG = "incident:"


def key_of(incident_id: str, planned: PlannedOccurrence) -> str:
    """Return the idempotency key of the occurrence's run, so that Prefect never has two of them."""
    return f"{_key_prefix(incident_id, planned)}{planned.revision}"


def _key_prefix(incident_id: str, planned: PlannedOccurrence) -> str:
    """Return the beginning that the keys of all runs of one occurrence share."""
    return f"{incident_id}:{planned.step}:{planned.number}:r"


def tag_of(incident_id: str) -> str:
    """Return the tag of all runs of an incident."""
    return f"{INCIDENT_TAG}{incident_id}"


def process_label(run: FlowRun) -> str:
    """Return the label that names the process of this attempt; a retried run keeps the labels of earlier attempts."""
    return f"{PROCESS}.{run.run_count}"


async def tag_own_run(incident_id: str) -> None:
    """Tag the current flow run with its incident, however the run was started, and label it with this process."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    run = context.flow_run
    async with get_client() as client:
        await client.update_flow_run_labels(run.id, {process_label(run): this_process()})
        if tag_of(incident_id) not in run.tags:
            await client.update_flow_run(run.id, tags=[*run.tags, tag_of(incident_id)])


Runs = Mapping[str, FlowRun]
"""The runs of one incident by their idempotency key, or by their id when they have none."""


async def mirror(
    ledger: Ledger, case: Case, now: datetime, ahead: timedelta = timedelta(), runs: Runs | None = None
) -> bool:
    """Make Prefect's scheduled runs agree with the plan, and return True when a run or an occurrence was changed.

    In a rehearsal the clock is `ahead` of Prefect's. A caller that mirrors many incidents passes the `runs` it read.
    """
    wanted = plan(case, now)
    async with get_client() as client:
        if runs is None:
            runs = (await runs_by_incident([case], now))[case.incident.id]
        look = _Look(client, ledger, case.incident.id, runs, now, ahead)
        touched = [await _agree(look, planned) for planned in _occurrences(wanted)]
        return any([*touched, await _drop_obsolete(look, wanted), await _end_cancelled(look)])


async def runs_by_incident(cases: Sequence[Case], now: datetime) -> dict[str, Runs]:
    """Read the runs of these incidents that have not completed, and the runs of all planned occurrences."""
    wanted = {key_of(case.incident.id, planned) for case in cases for planned in _occurrences(plan(case, now))}
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
    return (*wanted.due, *wanted.upcoming)


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
    incident: str
    runs: Mapping[str, FlowRun] = field(repr=False)
    now: datetime
    ahead: timedelta

    def by_prefect(self, moment: datetime) -> datetime:
        """Return the moment by Prefect's clock."""
        return moment - self.ahead

    def failures(self, planned: PlannedOccurrence) -> int:
        """Count the latest runs of the occurrence that failed in a row; a run that did not fail ends the count."""
        keys = (f"{_key_prefix(self.incident, planned)}{revision}" for revision in range(planned.revision, -1, -1))
        states = (run.state_type if run else None for run in map(self.runs.get, keys))
        ended = dropwhile((*WAITING, *UNDER_WAY).__contains__, states)
        return sum(1 for _ in takewhile(BROKEN.__contains__, ended))

    def backoff(self, planned: PlannedOccurrence) -> timedelta:
        """Return the pause before the next run of the occurrence, by the number of its failures."""
        return PAUSES[min(self.failures(planned), MOST_CRASHES) - 1] if self.failures(planned) else timedelta()


async def _agree(look: _Look, planned: PlannedOccurrence) -> bool:
    """Make the occurrence's run agree with the plan, and return True when anything was changed."""
    run = look.runs.get(key_of(look.incident, planned))
    if run is None:
        await _set_up(look, planned)
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
    """Replace a scheduled run that has another time or other parameters; return True when it was replaced.

    A run that somebody retries keeps its record, and finds out itself whether anything is due.
    """
    if run.run_count or not (_moved(look, run, planned) or _edited(look, run, planned)):
        return False
    await _delete(look, run)
    await _set_up(look, planned)
    return True


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
    try:
        await arun_deployment(
            f"{planned.phase}/{planned.phase}",
            parameters=_parameters(look, planned),
            scheduled_time=look.by_prefect(max(planned.due_at, look.now)),
            flow_run_name=f"{look.incident} {planned.step} {planned.number}",
            tags=[tag_of(look.incident)],
            idempotency_key=key_of(look.incident, planned),
            timeout=0,
            as_subflow=False,
        )
    except ObjectNotFound:
        gone = f"Prefect has no deployment {planned.phase} any more; `amends up`, started anew, makes it again"
        raise AmendsError(gone) from None


def _parameters(look: _Look, planned: PlannedOccurrence) -> dict[str, Any]:
    return {"incident_id": look.incident, "step": planned.step, "occurrence": planned.number}


async def _delete(look: _Look, run: FlowRun) -> None:
    with suppress(ObjectNotFound):  # another process that mirrors at the same time has deleted it
        await look.client.delete_flow_run(run.id)


async def _drop_obsolete(look: _Look, wanted: Plan) -> bool:
    """Delete scheduled runs of the incident that the plan no longer has; return True when there were any.

    A run that somebody retries stays: it would take the record of what its first attempt did with it.
    """
    keys = {key_of(look.incident, planned) for planned in _occurrences(wanted)}
    ours = {key: run for key, run in look.runs.items() if key.startswith(f"{look.incident}:")}
    obsolete = [run for key, run in ours.items() if key not in keys and run.state_type in WAITING and not run.run_count]
    for run in obsolete:
        await _delete(look, run)
    return bool(obsolete)


async def _end_cancelled(look: _Look) -> bool:
    """Show runs as cancelled whose process died meanwhile; return True when there were any.

    Prefect waits for their runner to say so, which may have been killed before, or never had a process of theirs.
    """
    cancelling = [run for run in look.runs.values() if run.state_type is StateType.CANCELLING]
    return any([await _died(look, run, Cancelled(message="no process was left")) for run in cancelling])
