"""The sign on Prefect's dashboard that something is overdue: one failed run for each incident, anew each day.

Prefect shows a green thumb as long as no run failed, also while duties are overdue. The run of the flow `overdue` has
no process and no deployment: the ledger says its state, and a sweep sets it.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

from prefect import State
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import FlowRunCreate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Completed, Failed, to_state_create

from amends.domain.base.text import counted, minute
from amends.domain.case.views.timeline import TimelineView
from amends.domain.timeline.overview import numbers, overdue_tasks
from amends.domain.timeline.timeline import WaitingTask
from flows.run.schedule import tag_of

OVERDUE = "overdue"
"""The flow and the tag of these runs."""
MOST_NAMED = 3
"""The most tasks that a state message names."""


async def sign(cases: Collection[TimelineView], now: datetime) -> None:
    """Make the signs in Prefect agree with what is overdue in these cases."""
    late = {case.incident.id: tasks for case in cases if (tasks := overdue_tasks(case, now))}
    async with get_client() as client:
        standing = await _standing(client, {case.incident.id for case in cases})
        for incident, tasks in late.items():
            await _raise_sign(client, incident, tasks, standing.get(incident, ()), now)
        for incident in standing.keys() - late.keys():
            for run in standing[incident]:
                await _set(client, run, Completed(name="Settled", message=f"settled by {minute(now)}"))


async def _standing(client: PrefectClient, incidents: Collection[str]) -> Mapping[str, list[FlowRun]]:
    """Return the signs of these incidents that were not taken down, also those that somebody has touched."""
    chosen = FlowRunFilter(
        tags=FlowRunFilterTags(all_=[OVERDUE]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(not_any_=[StateType.COMPLETED])),
    )
    found: dict[str, list[FlowRun]] = {}
    for run in await client.read_flow_runs(flow_run_filter=chosen):
        for incident in incidents:
            if tag_of(incident) in run.tags:
                found.setdefault(incident, []).append(run)
    return found


async def _raise_sign(
    client: PrefectClient, incident: str, tasks: tuple[WaitingTask, ...], standing: Collection[FlowRun], now: datetime
) -> None:
    """Make the incident's sign of today, or bring it up to date."""
    name = f"overdue: {numbers(tasks)} of {incident}"
    state: State[None] = Failed(name="Overdue", message=_message(tasks))
    key = f"{OVERDUE}:{incident}:{now:%Y-%m-%d}"
    today = next((run for run in standing if run.idempotency_key == key), None)
    if today is None:
        today = await _create(client, incident, name, key, state)
    if today.name != name:
        await client.update_flow_run(today.id, name=name)
    if today.state is None or (today.state.name, today.state.message) != (state.name, state.message):
        await _set(client, today, state)
    for earlier in standing:
        if earlier.id != today.id:
            await _set(client, earlier, Completed(name="NextDay", message="still overdue on the next day"))


async def _create(client: PrefectClient, incident: str, name: str, key: str, state: State[None]) -> FlowRun:
    """Return the run of this key, a new one unless it was taken down earlier today."""
    made = FlowRunCreate(
        flow_id=await client.create_flow_from_name(OVERDUE),
        name=name,
        tags=[OVERDUE, tag_of(incident)],
        idempotency_key=key,
        state=to_state_create(state),
    )
    answer = await client.request("POST", "/flow_runs/", json=made.model_dump(mode="json", exclude_unset=True))
    return FlowRun.model_validate(answer.json())


async def _set(client: PrefectClient, run: FlowRun, state: State[None]) -> None:
    await client.set_flow_run_state(run.id, state, force=True)


def _message(tasks: tuple[WaitingTask, ...]) -> str:
    """Return the longest overdue tasks in words, each with its command."""
    named = [f"{task.what}{f' (by {minute(task.by)})' if task.by else ''}: {task.do}" for task in tasks[:MOST_NAMED]]
    more = [f"and {counted(len(tasks) - MOST_NAMED, 'thing')} more"] if len(tasks) > MOST_NAMED else []
    return "; ".join((*named, *more))
