"""A click in Prefect that stops a run: found in the run's history, and obeyed by the run's own process.

A cancelled run can stand as crashed for some seconds, until Prefect shows the run as cancelled; and nobody tells a
process that its run was paused. So the sweep reads the history, and each process looks at its own run.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeGuard
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.context import FlowRunContext
from prefect.exceptions import Pause, TerminationSignal

from amends.delivery.send.shutdown import cancel_once
from amends.domain.base.errors import AmendsError
from amends.domain.case.states import OccurrenceState
from amends.domain.plan.plan import PlannedOccurrence
from amends.ledger import Ledger
from flows.run.context import Context

BROKEN = (StateType.FAILED, StateType.CRASHED)
STOPPED = {StateType.CANCELLED: "cancelled", StateType.CANCELLING: "cancelled", StateType.PAUSED: "paused"}
"""States that a person gave a run, in words; only a person may undo them."""
LOOK_SECONDS = 1.0
"""Seconds between two looks of a process at its own run."""
ANSWER_SECONDS = 5.0
"""The most seconds to wait for Prefect's answer: when `amends up` ends, Prefect's server ends with its runs."""


class StoppedInPrefect(Exception):
    """Raised in place of an outcome when somebody cancelled the run or held its occurrence; says how to go on."""


async def why_stopped(client: PrefectClient, run: FlowRun) -> str:
    """Return the reason to hold the occurrence of a run that a person cancelled or paused; empty for any other run."""
    return _reason(await _last_click(client, run.id) if run.state_type in BROKEN else run.state)


def _reason(state: State[Any] | None) -> str:
    """Return the reason to hold the occurrence of a run with this state; empty when no person gave it."""
    word = STOPPED.get(state.type) if state else None
    return f"its run was {word} in Prefect" if word else ""


async def _last_click(client: PrefectClient, run: UUID) -> State[Any] | None:
    """Return the state that a person gave the run since it was last scheduled; a retry undoes every earlier click.

    A process can begin although its run was cancelled while it was being started, so the whole history counts.
    """
    history = await client.read_flow_run_states(run)
    for state in sorted(history, key=lambda state: state.timestamp, reverse=True):
        if state.type in STOPPED or state.type is StateType.SCHEDULED:
            return state if state.type in STOPPED else None
    return None


async def stay_paused() -> None:
    """Raise Pause when a person paused the current run: it may have begun after that, and is to end as they left it."""
    own = FlowRunContext.get()
    clicked = None
    with suppress(Exception):  # Prefect does not answer: there is no page to show anything on
        if own and own.flow_run:
            async with get_client() as client:
                clicked = await _last_click(client, own.flow_run.id)
                if _is_pause(clicked):
                    await _show_paused(client, own.flow_run.id, clicked)
    if _is_pause(clicked):
        raise Pause(state=clicked)


def _is_pause(state: State[Any] | None) -> TypeGuard[State[Any]]:
    return state is not None and state.type is StateType.PAUSED


async def _show_paused(client: PrefectClient, run: UUID, clicked: State[Any]) -> None:
    """Give a paused run its state again, if its process began after the click and Prefect showed it as running."""
    if not _is_pause((await client.read_flow_run(run)).state):
        await client.set_flow_run_state(run, clicked, force=True)


def hold(ledger: Ledger, incident_id: str, planned: PlannedOccurrence, now: datetime, why: str) -> None:
    """Hold the occurrence until a person says `amends step go` or `amends step skip`."""
    held = OccurrenceState.HELD
    ledger.occurrences.mark(incident_id, planned.step, planned.number, planned.due_at, held, now, why)


def held(incident_id: str, step: str, number: int, why: str) -> str:
    """Return a sentence about a held occurrence that names the commands with which a person decides."""
    which = f"{incident_id} {step} {number} --as NAME"
    go = f"`amends step go {which}` lets it go on, and `amends step skip {which}` leaves it out"
    return f"{step} {number} is held: {why}" + ("" if "amends step go" in why else f"; {go}")


async def unless_stopped(
    work: Coroutine[Any, Any, str], context: Context, incident_id: str, planned: PlannedOccurrence
) -> str:
    """Do the work of the current run's occurrence and return its outcome. Raises StoppedInPrefect.

    When somebody stops the run in Prefect, the ledger holds the occurrence, and the work is cancelled: messages in
    flight get their answers, and nothing else leaves. The same follows when the ledger holds the occurrence already, so
    a process whose run was deleted obeys a click on the run that took its place.
    """
    own = FlowRunContext.get()
    if own is None or own.flow_run is None:
        return await work
    async with get_client() as client:
        return await _Watch(client, own.flow_run.id, context, incident_id, planned).over(work)


class _Watch:
    """A watch over the work of one run."""

    def __init__(
        self, client: PrefectClient, run: UUID, context: Context, incident_id: str, planned: PlannedOccurrence
    ) -> None:
        self._client, self._run = client, run
        self._context, self._incident, self._planned = context, incident_id, planned
        self._why = ""
        self._clicked: State[Any] | None = None
        self._one_look = asyncio.Lock()

    async def over(self, work: Coroutine[Any, Any, str]) -> str:
        """Do the work and return its outcome. Raises StoppedInPrefect, and Pause for a run that was paused."""
        await self._look()
        if self._why:
            work.close()
            raise await self._end()
        working = asyncio.create_task(work)
        looking = asyncio.create_task(self._look_until_stopped(working))
        try:
            return await working
        except (asyncio.CancelledError, TerminationSignal, Pause) as end:
            await self._look()
            if not self._why or isinstance(end, Pause):  # Prefect itself ends a paused run
                raise
            raise await self._end() from None
        finally:
            looking.cancel()

    async def _end(self) -> StoppedInPrefect | Pause:
        """Return what ends the run: a paused one keeps its state, also when Prefect has not told its process yet."""
        if _is_pause(self._clicked):
            with suppress(Exception):  # Prefect does not answer: there is no page to show anything on
                await _show_paused(self._client, self._run, self._clicked)
            return Pause(state=self._clicked)
        return StoppedInPrefect(self._why)

    async def _look_until_stopped(self, working: "asyncio.Task[str]") -> None:
        try:
            while not self._why:
                await asyncio.sleep(LOOK_SECONDS)
                await self._look()
        except TerminationSignal:  # the process is to end, and its signal came while this code ran
            pass
        cancel_once(working)

    async def _look(self) -> None:
        """Hold the occurrence if somebody stopped the run, and note why; do so once, as a person may let it go on."""
        async with self._one_look:
            if self._why:
                return
            with suppress(Exception):  # Prefect does not answer, or the run was deleted: the ledger decides alone
                async with asyncio.timeout(ANSWER_SECONDS):
                    self._clicked = await _last_click(self._client, self._run)
            why = _reason(self._clicked)
            try:
                self._why = await asyncio.to_thread(self._hold, why)
            except AmendsError:  # the ledger is away: the sweep holds the occurrence later
                self._why = why

    def _hold(self, why: str) -> str:
        """Hold the occurrence when there is a reason to, and return why and how to go on; empty if it is not held."""
        planned, ledger = self._planned, self._context.ledger
        if why:
            hold(ledger, self._incident, planned, self._context.clock(), why)
        noted = ledger.occurrences.why_held(self._incident, planned.step, planned.number)
        if noted:
            return held(self._incident, planned.step, planned.number, noted)
        return f"{planned.step} {planned.number} had been carried out before {why}" if why else ""
