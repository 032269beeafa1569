"""Shows the plan in Prefect: the next turn of every step stands there as one scheduled run.

The ledger decides; this only makes Prefect's runs agree with it. Safe to repeat, also by two at the same time, and
after Prefect's database is lost it sets up everything anew.
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
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.context import FlowRunContext
from prefect.deployments import arun_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

from amends.domain.base.errors import AmendsError
from amends.domain.case.case import Case, OccurrenceState
from amends.domain.plan.plan import Plan, PlannedOccurrence, plan
from amends.ledger import Ledger
from amends.ledger.store.leases import Life, life_of, this_process

PAUSES = (timedelta(), timedelta(minutes=1), timedelta(minutes=5))
"""How long a turn rests after its first, second and third failure: what broke it may need a while to pass."""
MOST_CRASHES = len(PAUSES)
"""So often a turn is set up again after its run failed; then a person must look."""
SLACK = timedelta(seconds=60)
SILENT = timedelta(minutes=2)
"""A run that began, or was taken up to be begun, longer ago has died without telling Prefect, if nothing is known of
its process and no worker holds any message. One that lives may hold none for long: it looks over a large list, or
stores what is to leave."""
HALTED = timedelta(minutes=30)
"""The same for one whose process lives: nothing takes it so long without a lease, unless somebody has halted it."""
PROCESS = "amends.process"
"""What the label of a run begins with that names the process that carries it out."""
WAITING = (StateType.SCHEDULED,)
UNDER_WAY = (StateType.PENDING, StateType.RUNNING)
BROKEN = (StateType.FAILED, StateType.CRASHED)
STOPPED = {StateType.CANCELLED: "cancelled", StateType.CANCELLING: "cancelled", StateType.PAUSED: "paused"}
"""What a person has done to a run, which nobody but a person may undo."""
PAGE = 200
INCIDENT_TAG = "incident:"


def key_of(incident_id: str, turn: PlannedOccurrence) -> str:
    """Names a turn's run, so that Prefect never has two of them."""
    return f"{_keys_of(incident_id, turn)}{turn.revision}"


def _keys_of(incident_id: str, turn: PlannedOccurrence) -> str:
    """What the names of all the runs of one turn begin with."""
    return f"{incident_id}:{turn.step}:{turn.number}:r"


def tag_of(incident_id: str) -> str:
    """The tag that all runs of an incident bear."""
    return f"{INCIDENT_TAG}{incident_id}"


def process_label(run: FlowRun) -> str:
    """Names the process of this try of the run; a run that is tried again keeps the labels of its earlier ones."""
    return f"{PROCESS}.{run.run_count}"


async def tag_own_run(incident_id: str) -> None:
    """The run that we are in bears its incident's tag, however it was started, and names this process."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    run = context.flow_run
    async with get_client() as client:
        await client.update_flow_run_labels(run.id, {process_label(run): this_process()})
        if tag_of(incident_id) not in run.tags:
            await client.update_flow_run(run.id, tags=[*run.tags, tag_of(incident_id)])


Runs = Mapping[str, FlowRun]
"""Runs of one incident by their key."""


async def mirror(
    ledger: Ledger, case: Case, now: datetime, ahead: timedelta = timedelta(), runs: Runs | None = None
) -> bool:
    """Make Prefect's scheduled runs agree with the plan; whether any of them had to be touched.

    Our time may be ahead of Prefect's, in a rehearsal. Who looks at many incidents has asked for their runs already.
    """
    planned = plan(case, now)
    async with get_client() as client:
        if runs is None:
            runs = (await standing([case], now))[case.incident.id]
        look = _Look(client, ledger, case.incident.id, runs, now, ahead)
        touched = [await _agree(look, turn) for turn in _turns(planned)]
        return any([*touched, await _drop_obsolete(look, planned)])


async def standing(cases: Sequence[Case], now: datetime) -> dict[str, Runs]:
    """The runs of these incidents that have not come to a good end, and those of the turns that are planned."""
    wanted = {key_of(case.incident.id, turn) for case in cases for turn in _turns(plan(case, now))}
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


def _turns(planned: Plan) -> tuple[PlannedOccurrence, ...]:
    return (*planned.due, *planned.upcoming)


async def _read(client: PrefectClient, chosen: FlowRunFilter) -> list[FlowRun]:
    found: list[FlowRun] = []
    while page := await client.read_flow_runs(flow_run_filter=chosen, limit=PAGE, offset=len(found)):
        found += page
        if len(page) < PAGE:
            break
    return found


@dataclass(frozen=True)
class _Look:
    """One look at an incident's runs, and what time it is."""

    client: PrefectClient
    ledger: Ledger
    incident: str
    runs: Mapping[str, FlowRun] = field(repr=False)
    now: datetime
    ahead: timedelta

    def by_prefect(self, moment: datetime) -> datetime:
        """The same moment by Prefect's time."""
        return moment - self.ahead

    def failures(self, turn: PlannedOccurrence) -> int:
        """How often in a row runs of this turn have failed by now: whatever went well in between begins a new row."""
        names = (f"{_keys_of(self.incident, turn)}{revision}" for revision in range(turn.revision, -1, -1))
        states = (run.state_type if run else None for run in map(self.runs.get, names))
        ended = dropwhile((*WAITING, *UNDER_WAY).__contains__, states)
        return sum(1 for _ in takewhile(BROKEN.__contains__, ended))

    def rest(self, turn: PlannedOccurrence) -> timedelta:
        """How long this turn rests before its next run, for what has failed so far."""
        return PAUSES[min(self.failures(turn), MOST_CRASHES) - 1] if self.failures(turn) else timedelta()


async def _agree(look: _Look, turn: PlannedOccurrence) -> bool:
    """Have a run stand for this turn as it must; whether anything had to be done for that."""
    run = look.runs.get(key_of(look.incident, turn))
    if run is None:
        await _set_up(look, turn)
    elif run.state_type in STOPPED:
        await asyncio.to_thread(_hold, look, turn, f"its run was {STOPPED[run.state_type]} in Prefect")
    elif run.state_type in BROKEN and look.failures(turn) > MOST_CRASHES:
        await asyncio.to_thread(_hold, look, turn, "its run failed again and again")
    elif run.state_type in WAITING:
        return await _put_right(look, run, turn)
    elif run.state_type in UNDER_WAY and not (_ends_now(look, run, turn) or await _died(look, run)):
        return False
    else:
        await _set_up(look, await asyncio.to_thread(_revised, look, turn, str(run.state_type)))
    return True


async def _put_right(look: _Look, run: FlowRun, turn: PlannedOccurrence) -> bool:
    """A run that stands scheduled; whether it had to be put right."""
    if not (_moved(look, run, turn) or _edited(look, run, turn)):
        return False
    await _delete(look, run)
    await _set_up(look, turn)
    return True


def _ends_now(look: _Look, run: FlowRun, turn: PlannedOccurrence) -> bool:
    """It is the run that we are in, and the turn goes on later: then its next run can be set up already."""
    return _is_ours(run) and turn.due_at > look.now


def _is_ours(run: FlowRun) -> bool:
    """Whether it is the run that we are in."""
    context = FlowRunContext.get()
    return context is not None and context.flow_run is not None and context.flow_run.id == run.id


async def _died(look: _Look, run: FlowRun) -> bool:
    """Whether the run's process is gone although Prefect believes that it runs; then Prefect is told so."""
    life = _life(run)
    if life is not Life.ENDED and not await _silent(look, run, HALTED if life is Life.ALIVE else SILENT):
        return False
    await look.client.set_flow_run_state(run.id, Crashed(message="no sign of life"), force=True)
    return True


def _life(run: FlowRun) -> Life:
    """What is known of its process; one that is only being started has none, and counts as the try before."""
    return Life.UNKNOWN if run.state_type is StateType.PENDING else life_of(str(run.labels.get(process_label(run), "")))


async def _silent(look: _Look, run: FlowRun, long: timedelta) -> bool:
    """Whether it stands so for long and no worker holds messages; of a process elsewhere no more is known.

    When it began for the first time says nothing of a run that was retried, nor when it was due of one that was late.
    """
    if _is_ours(run) or run.state is None or look.by_prefect(look.now) - run.state.timestamp < long:
        return False
    return not await asyncio.to_thread(look.ledger.deliveries.busy, look.incident, look.now)


def _moved(look: _Look, run: FlowRun, turn: PlannedOccurrence) -> bool:
    """Whether it does not stand at its time; of what is due and overdue alike, both stand at now."""
    stands = run.next_scheduled_start_time or run.expected_start_time
    now, due_at = look.by_prefect(look.now), look.by_prefect(turn.due_at)
    late_by = max(stands, now) - max(due_at, now) if stands else timedelta()
    return not -SLACK <= late_by <= SLACK + look.rest(turn)


def _edited(look: _Look, run: FlowRun, turn: PlannedOccurrence) -> bool:
    """Whether it would do something else than its turn; what a deployment adds by itself is its own affair."""
    return not _parameters(look, turn).items() <= run.parameters.items()


def _revised(look: _Look, turn: PlannedOccurrence, why: str) -> PlannedOccurrence:
    revise, rest = look.ledger.occurrences.revise, look.rest(turn)
    revision = revise(look.incident, turn.step, turn.number, turn.due_at, look.now, why, after=turn.revision)
    return turn.model_copy(update={"revision": revision, "due_at": max(turn.due_at, look.now + rest)})


def _hold(look: _Look, turn: PlannedOccurrence, why: str) -> None:
    """Nothing more is done about this turn until a person says `amends step go` or `amends step skip`."""
    held = OccurrenceState.HELD
    look.ledger.occurrences.mark(look.incident, turn.step, turn.number, turn.due_at, held, look.now, why)


async def _set_up(look: _Look, turn: PlannedOccurrence) -> None:
    """Raises AmendsError when somebody has deleted the deployment."""
    try:
        await arun_deployment(
            f"{turn.phase}/{turn.phase}",
            parameters=_parameters(look, turn),
            scheduled_time=look.by_prefect(max(turn.due_at, look.now)),
            flow_run_name=f"{look.incident} {turn.step} {turn.number}",
            tags=[tag_of(look.incident)],
            idempotency_key=key_of(look.incident, turn),
            timeout=0,
            as_subflow=False,
        )
    except ObjectNotFound:
        gone = f"Prefect has no deployment {turn.phase} any more; `amends up`, started anew, makes it again"
        raise AmendsError(gone) from None


def _parameters(look: _Look, turn: PlannedOccurrence) -> dict[str, Any]:
    return {"incident_id": look.incident, "step": turn.step, "occurrence": turn.number}


async def _delete(look: _Look, run: FlowRun) -> None:
    with suppress(ObjectNotFound):  # somebody else looks at the same time
        await look.client.delete_flow_run(run.id)


async def _drop_obsolete(look: _Look, planned: Plan) -> bool:
    """Scheduled runs of ours that the plan does not know any more; whether there were any."""
    wanted = {key_of(look.incident, turn) for turn in _turns(planned)}
    ours = {key: run for key, run in look.runs.items() if key.startswith(f"{look.incident}:")}
    obsolete = [run for key, run in ours.items() if key not in wanted and run.state_type in WAITING]
    for run in obsolete:
        await _delete(look, run)
    return bool(obsolete)
