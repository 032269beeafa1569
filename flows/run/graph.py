"""The graph of a run in Prefect: each part of its work is a named task that says what it did, and the run a name.

Names, states and messages hold numbers and ids only. Without Prefect, as in tests and in the demo, the work is the same
and no graph is made.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from prefect import State, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.runtime import flow_run
from prefect.states import Completed

from amends.domain.base.errors import AmendsError
from amends.domain.playbook.playbook import DEADLINES, HOLDING
from amends.domain.timeline.waiting import Waiting

Found = TypeVar("Found")
Says = Callable[[Found], str | Waiting]
"""A function that says what a task found or did, in numbers, or for what it left the occurrence waiting."""
IN_WORDS = {DEADLINES: "legal deadlines", HOLDING: "holding statement"}
"""The steps that no playbook names."""

_latest: ContextVar[list[State[Any]]] = ContextVar("latest")
"""The ends of the tasks after which the next task of the run comes."""


def begin_graph() -> None:
    """Have the tasks from here on stand in the order in which they are done."""
    _latest.set([])


def run_name(incident_id: str, step: str, number: int, said: str = "") -> str:
    """Return the name of an occurrence's run: stolen-terminals · update 2 · 232 of 240 sent."""
    words = IN_WORDS.get(step, step.replace("-", " "))
    return " · ".join(filter(None, (incident_id, words if number == 1 else f"{words} {number}", said)))


def name_at_start() -> str:
    """Return the name of the current run, which its parameters say, until it is known what the run did."""
    given = flow_run.parameters
    return run_name(given["incident_id"], given["step"], given["occurrence"])


async def rename_own_run(name: str) -> None:
    """Rename the current flow run; leave it as it is without Prefect, or when Prefect does not answer."""
    context = FlowRunContext.get()
    if context is not None and context.flow_run is not None:
        with suppress(Exception):
            async with get_client() as client:
                await client.update_flow_run(context.flow_run.id, name=name)


async def as_task(name: str, work: Callable[[], Awaitable[Found]], says: Says[Found] = lambda _: "") -> Found:
    """Do this part of the work as a task of the current run, after the tasks before it, and return what it found.

    The task ends in a state with what `says` says of it as its message; Prefect stores no result of it. Work is done
    without a task when Prefect cannot begin one. Raises what the work raises.
    """
    if FlowRunContext.get() is None:
        return await work()
    found: list[Found] = []
    failed: list[BaseException] = []

    @task(name=name, task_run_name=name, persist_result=False, cache_policy=NO_CACHE)
    async def part() -> State[None]:
        try:
            found.append(await work())
        except BaseException as error:
            failed.append(error)
            raise
        return _end(says, found[0])

    latest = _latest.get([])
    before = tuple(latest)
    ending = cast(Awaitable[State[Any]], part(wait_for=before, return_state=True))
    state = await ending
    for error in failed:
        raise error
    if not found:
        return await work()
    # The end of a task that ran beside this one stays: the next task comes after both.
    latest[:] = [*(one for one in latest if one not in before), state]
    return found[0]


def _end(says: Says[Found], found: Found) -> State[None]:
    """Return the end of a task whose work is done, without words when the ledger does not give them now."""
    said: str | Waiting = ""
    with suppress(AmendsError):
        said = says(found)
    if isinstance(said, Waiting):
        return Completed(name=said.waits_for, message=said.why)
    return Completed(message=said or None)
