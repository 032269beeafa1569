"""Shows the plan in Prefect: the next turn of every step stands there as one scheduled run.

The ledger decides; this only makes Prefect's runs agree with it. Safe to repeat, and after Prefect's database is lost
it sets up everything anew.
"""

import asyncio
from datetime import datetime, timedelta

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.context import FlowRunContext
from prefect.deployments import arun_deployment
from prefect.states import Crashed

from amends.domain.case import Case, OccurrenceState
from amends.domain.plan import Plan, Turn, plan
from amends.ledger import Ledger

MOST_CRASHES = 3
"""So often a turn is set up again after its run failed; then a person must look."""
SLACK = timedelta(seconds=60)
SILENT = timedelta(minutes=2)
"""A run that began longer ago, while no worker holds any message, has died without telling Prefect."""
WAITING = (StateType.SCHEDULED,)
UNDER_WAY = (StateType.PENDING, StateType.RUNNING, StateType.PAUSED)
BROKEN = (StateType.FAILED, StateType.CRASHED)
STOPPED = (StateType.CANCELLED, StateType.CANCELLING)
PAGE = 200


def key_of(incident_id: str, turn: Turn) -> str:
    """Names a turn's run, so that Prefect never has two of them."""
    return f"{incident_id}:{turn.step}:{turn.number}:r{turn.revision}"


def tag_of(incident_id: str) -> str:
    """The tag that all runs of an incident bear."""
    return f"incident:{incident_id}"


async def tag_own_run(incident_id: str) -> None:
    """The run that we are in bears its incident's tag, however it was started."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None or tag_of(incident_id) in context.flow_run.tags:
        return
    async with get_client() as client:
        await client.update_flow_run(context.flow_run.id, tags=[*context.flow_run.tags, tag_of(incident_id)])


async def mirror(ledger: Ledger, case: Case, now: datetime) -> None:
    """Make Prefect's scheduled runs agree with the plan."""
    planned = plan(case, now)
    async with get_client() as client:
        runs = await _runs_of(client, case.incident.id)
        for turn in (*planned.due, *planned.upcoming):
            await _agree(client, ledger, case, turn, runs, now)
        await _drop_obsolete(client, case, planned, runs)


async def _runs_of(client: PrefectClient, incident_id: str) -> dict[str, FlowRun]:
    chosen = FlowRunFilter(tags=FlowRunFilterTags(all_=[tag_of(incident_id)]))
    found: dict[str, FlowRun] = {}
    while page := await client.read_flow_runs(flow_run_filter=chosen, limit=PAGE, offset=len(found)):
        found |= {run.idempotency_key or str(run.id): run for run in page}
        if len(page) < PAGE:
            break
    return found


async def _agree(
    client: PrefectClient, ledger: Ledger, case: Case, turn: Turn, runs: dict[str, FlowRun], now: datetime
) -> None:
    incident_id = case.incident.id
    run = runs.get(key_of(incident_id, turn))
    state = run.state_type if run else None
    if run is None:
        await _set_up(incident_id, turn, now)
    elif state in STOPPED:
        await asyncio.to_thread(_hold, ledger, incident_id, turn, "its run was cancelled in Prefect", now)
    elif state in BROKEN and turn.revision >= MOST_CRASHES:
        await asyncio.to_thread(_hold, ledger, incident_id, turn, "its run failed again and again", now)
    elif state in WAITING and _moved(run, turn, now):
        await client.delete_flow_run(run.id)
        await _set_up(incident_id, turn, now)
    elif state in UNDER_WAY and not (_ends_now(run, turn, now) or await _died(client, ledger, incident_id, run, now)):
        return
    elif state not in WAITING:
        again = await asyncio.to_thread(_revised, ledger, incident_id, turn, now, str(state))
        await _set_up(incident_id, again, now)


def _ends_now(run: FlowRun, turn: Turn, now: datetime) -> bool:
    """It is the run that we are in, and the turn goes on later: then its next run can be set up already."""
    context = FlowRunContext.get()
    ours = context is not None and context.flow_run is not None and context.flow_run.id == run.id
    return ours and turn.due_at > now


async def _died(client: PrefectClient, ledger: Ledger, incident_id: str, run: FlowRun, now: datetime) -> bool:
    """Whether the run's process is gone although Prefect believes that it runs; then Prefect is told so."""
    since = run.start_time or run.expected_start_time
    if since is None or now - since < SILENT or await asyncio.to_thread(ledger.busy, incident_id, now):
        return False
    await client.set_flow_run_state(run.id, Crashed(message="no sign of life"), force=True)
    return True


def _moved(run: FlowRun, turn: Turn, now: datetime) -> bool:
    expected = run.expected_start_time or run.next_scheduled_start_time
    return expected is not None and abs(expected - max(turn.due_at, min(expected, now))) > SLACK


def _revised(ledger: Ledger, incident_id: str, turn: Turn, now: datetime, why: str) -> Turn:
    revision = ledger.revise_occurrence(incident_id, turn.step, turn.number, turn.due_at, now, why)
    return turn.model_copy(update={"revision": revision})


def _hold(ledger: Ledger, incident_id: str, turn: Turn, why: str, now: datetime) -> None:
    """Nothing more is done about this turn until a person says `amends step go` or `amends step skip`."""
    ledger.mark_occurrence(incident_id, turn.step, turn.number, turn.due_at, OccurrenceState.HELD, now, why)
    ledger.alert(incident_id, f"{turn.step} {turn.number} is held: {why}", now)


async def _set_up(incident_id: str, turn: Turn, now: datetime) -> None:
    await arun_deployment(
        f"{turn.phase}/{turn.phase}",
        parameters={"incident_id": incident_id, "step": turn.step, "occurrence": turn.number},
        scheduled_time=max(turn.due_at, now),
        flow_run_name=f"{incident_id} {turn.step} {turn.number}",
        tags=[tag_of(incident_id)],
        idempotency_key=key_of(incident_id, turn),
        timeout=0,
        as_subflow=False,
    )


async def _drop_obsolete(client: PrefectClient, case: Case, planned: Plan, runs: dict[str, FlowRun]) -> None:
    """Scheduled runs of ours that the plan does not know any more."""
    wanted = {key_of(case.incident.id, turn) for turn in (*planned.due, *planned.upcoming)}
    for key, run in runs.items():
        if key.startswith(f"{case.incident.id}:") and key not in wanted and run.state_type in WAITING:
            await client.delete_flow_run(run.id)
