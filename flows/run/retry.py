"""The record of a run that somebody retries in Prefect, which shows only what the last attempt said."""

from contextlib import suppress

from prefect import State
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.states import Completed

NOTHING_DUE = "NothingDue"


async def nothing_due(why: str) -> State[None]:
    """Return the state of a run that changed nothing; a retried run repeats what its earlier attempt said."""
    said = await _earlier()
    return Completed(name=NOTHING_DUE, message=f"{why}. Before this attempt: {said}" if said else why)


async def _earlier() -> str:
    """Return what the last attempt of the current run that did anything said in the end; empty without one."""
    own = FlowRunContext.get()
    if own is None or own.flow_run is None:
        return ""
    with suppress(Exception):  # Prefect does not answer; why nothing is due is still worth showing
        async with get_client() as client:
            states = await client.read_flow_run_states(own.flow_run.id)
        ends = [one for one in states if one.is_final() and one.name != NOTHING_DUE]
        return (max(ends, key=lambda state: state.timestamp).message or "") if ends else ""
    return ""
