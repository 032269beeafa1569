"""Prefect's runs agree with the ledger, on a real Prefect server, whatever people or accidents do to them."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from prefect import flow
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow_async
from prefect.settings import PREFECT_API_URL
from prefect.states import (
    AwaitingRetry,
    Cancelled,
    Cancelling,
    Completed,
    Crashed,
    Failed,
    Late,
    Pending,
    Running,
    Scheduled,
    Suspended,
)

from amends.cli.home.up import deploy, end_pauses
from amends.cli.terminal import prefect
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.prefect import POOL, nudge, why_idle
from amends.content.playbook.playbook import load_playbook
from amends.domain.base.errors import AmendsError
from amends.domain.case.states import OccurrenceState
from amends.domain.plan.plan import LOOK_AGAIN, plan
from amends.domain.playbook.playbook import Phase, Step
from amends.ledger import Ledger
from amends.ledger.store.leases import this_process
from amends.settings import new_settings, prefect_environment
from flows.assess import assess
from flows.rehearsal.fast_forward import PassedClock
from flows.run.cancellation import StoppedInPrefect, hold, unless_stopped
from flows.run.context import using
from flows.run.graph import run_name
from flows.run.retry import nothing_due
from flows.run.schedule import (
    HALTED,
    MOST_CRASHES,
    PAUSES,
    SILENT,
    mirror,
    process_label,
    runs_by_incident,
    tag_of,
    tag_own_run,
)
from flows.sweep import sweep
from tests.builders import a_duty, an_assessment, an_incident
from tests.flows.run.conftest import deploy_phases
from tests.story import INCIDENT, START, a_context, a_ledger, everybody, opened

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(180)]


class Lead:
    """A story with its plan mirrored, and what a lead can do to it in the Prefect UI."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.clock = ledger, PassedClock(START)
        self.ahead = timedelta()

    async def mirror(self) -> None:
        await mirror(self.ledger, self.ledger.views.timeline(INCIDENT, self.clock.now), self.clock.now, self.ahead)

    async def runs(self, client: PrefectClient) -> list[FlowRun]:
        chosen = FlowRunFilter(tags=FlowRunFilterTags(all_=[tag_of(INCIDENT)]))
        return await client.read_flow_runs(flow_run_filter=chosen)

    async def waiting(self, client: PrefectClient) -> list[FlowRun]:
        """What stands there and has not begun."""
        return [run for run in await self.runs(client) if run.state_type is StateType.SCHEDULED]

    async def crash(self, client: PrefectClient) -> None:
        for run in await self.waiting(client):
            await client.set_flow_run_state(run.id, Crashed(), force=True)

    async def name_process(self, client: PrefectClient, process: str) -> None:
        """The one run names this process, as it does when it begins."""
        (run,) = await self.runs(client)
        await client.update_flow_run_labels(run.id, {process_label(run): process})

    def states(self) -> list[OccurrenceState]:
        return [turn.state for turn in self.ledger.cases.read(INCIDENT).occurrences]


@pytest.fixture
def lead(server: None, tmp_path: Path) -> Iterator[Lead]:
    ledger = a_ledger(tmp_path)
    opened(ledger, islice(everybody(), 5))
    yield Lead(ledger)
    ledger.dispose()
    asyncio.run(_delete_all())


async def _delete_all() -> None:
    async with get_client() as client:
        for run in await client.read_flow_runs():
            await client.delete_flow_run(run.id)


async def sweeping(lead: Lead, folder: Path, incident_id: str = "") -> str | None:
    """What the sweep says in the end."""
    with using(replace(a_context(lead.ledger, folder)[0], mirrored=True)):
        return (await sweep.fn(incident_id)).message


def in_prefect(act: Callable[[PrefectClient], Awaitable[Any]]) -> Any:
    async def call() -> Any:
        async with get_client() as client:
            return await act(client)

    return asyncio.run(call())


def test_what_is_due_stands_as_one_run_with_the_name_people_look_for(lead: Lead) -> None:
    async def act(client: PrefectClient) -> list[FlowRun]:
        await lead.mirror()
        await lead.mirror()
        return await lead.runs(client)

    (run,) = in_prefect(act)
    assert run.name == run_name(INCIDENT, "assess", 1)
    assert run.parameters == {"incident_id": INCIDENT, "step": "assess", "occurrence": 1}


def test_a_run_that_was_cancelled_holds_its_step_and_is_not_remade(lead: Lead) -> None:
    """A run that somebody cancelled in Prefect holds its step, and no other run is made for it."""

    async def act(client: PrefectClient) -> list[FlowRun]:
        await lead.mirror()
        (run,) = await lead.runs(client)
        await client.set_flow_run_state(run.id, Cancelled(), force=True)
        await lead.mirror()
        await lead.mirror()
        return await lead.runs(client)

    assert len(in_prefect(act)) == 1
    (turn,) = lead.ledger.cases.read(INCIDENT).occurrences
    assert turn.state is OccurrenceState.HELD


def test_a_suspended_run_holds_its_step_though_its_process_ended(lead: Lead) -> None:
    """A run that somebody suspended in Prefect stays paused and holds its step with a note, although its process has
    ended.
    """

    async def act(client: PrefectClient) -> list[FlowRun]:
        await lead.mirror()
        (run,) = await lead.runs(client)
        await client.set_flow_run_state(run.id, Running(), force=True)
        await lead.name_process(client, ended_process())
        await client.set_flow_run_state(run.id, Suspended(timeout_seconds=3600), force=True)
        await lead.mirror()
        return await lead.runs(client)

    assert [run.state_type for run in in_prefect(act)] == [StateType.PAUSED]
    (turn,) = lead.ledger.cases.read(INCIDENT).occurrences
    assert (turn.state, turn.note) == (OccurrenceState.HELD, "its run was paused in Prefect")


@pytest.mark.parametrize(
    ("click", "said"),
    [
        (Cancelling(), "its run was cancelled in Prefect"),
        (Suspended(timeout_seconds=300), "its run was paused in Prefect"),
    ],
)
def test_a_stopped_run_that_stands_as_crashed_holds_its_step(lead: Lead, click: State[Any], said: str) -> None:
    """A run that stands as crashed for the moment between a person's click and Prefect's last word holds its step, and
    no other run is made for it.
    """

    async def act(client: PrefectClient) -> list[FlowRun]:
        await lead.mirror()
        (run,) = await lead.runs(client)
        for state in (Running(), click, Crashed()):
            await client.set_flow_run_state(run.id, state, force=True)
        await lead.mirror()
        await lead.mirror()
        return await lead.runs(client)

    assert len(in_prefect(act)) == 1
    (turn,) = lead.ledger.cases.read(INCIDENT).occurrences
    assert (turn.state, turn.note) == (OccurrenceState.HELD, said)


def test_a_retry_makes_up_for_the_cancel_before_it(lead: Lead) -> None:
    """A run that was cancelled, retried by a person and then crashed is followed by another run."""

    async def act(client: PrefectClient) -> list[FlowRun]:
        await lead.mirror()
        (run,) = await lead.runs(client)
        for state in (Running(), Cancelling(), Crashed(), AwaitingRetry(), Running(), Crashed()):
            await client.set_flow_run_state(run.id, state, force=True)
        await lead.mirror()
        return await lead.runs(client)

    assert sorted(run.state_type or "" for run in in_prefect(act)) == [StateType.CRASHED, StateType.SCHEDULED]


def test_a_run_that_somebody_retries_is_not_taken_away(lead: Lead) -> None:
    """A run that somebody retries after its step was done stays, with the record of what it did."""

    async def act(client: PrefectClient) -> list[FlowRun]:
        await lead.mirror()
        (run,) = await lead.runs(client)
        lead.ledger.occurrences.mark(INCIDENT, "assess", 1, START, OccurrenceState.DONE, START)
        for state in (Running(), Completed(), AwaitingRetry()):
            await client.set_flow_run_state(run.id, state, force=True)
        await lead.mirror()
        return [one for one in await lead.runs(client) if one.id == run.id]

    assert len(in_prefect(act)) == 1


def test_a_cancel_that_no_runner_carries_out_comes_to_an_end(lead: Lead) -> None:
    """A run that is cancelling, whose process died with its runner, is shown as cancelled, and its step is held."""

    async def act(client: PrefectClient) -> list[FlowRun]:
        await lead.mirror()
        (run,) = await lead.runs(client)
        await client.set_flow_run_state(run.id, Running(), force=True)
        await lead.name_process(client, ended_process())
        await client.set_flow_run_state(run.id, Cancelling(), force=True)
        await lead.mirror()
        return await lead.runs(client)

    assert [run.state_type for run in in_prefect(act)] == [StateType.CANCELLED]
    assert lead.states() == [OccurrenceState.HELD]


@pytest.mark.parametrize(
    ("click", "shown"),
    [
        (Cancelling(), StateType.CANCELLED),
        (Suspended(timeout_seconds=300), StateType.PAUSED),
        (None, StateType.CANCELLED),
    ],
    ids=["cancel", "pause", "held in the ledger"],
)
def test_a_process_stops_its_work_by_itself_when_told_to(
    lead: Lead, tmp_path: Path, click: State[Any] | None, shown: StateType
) -> None:
    """A process whose run somebody cancels or pauses, or whose step is held, holds its step and stops its work without
    being told to by a runner. The step stays held when Prefect loses its database the next moment.
    """
    planned = plan(lead.ledger.cases.read(INCIDENT, START), START).due[0]
    context = a_context(lead.ledger, tmp_path)[0]
    began = asyncio.Event()

    async def for_ever() -> str:
        began.set()
        await asyncio.Event().wait()
        return "never"

    async def clicking(client: PrefectClient, run: FlowRun) -> None:
        await began.wait()
        if click:
            await client.set_flow_run_state(run.id, click, force=True)
        else:
            hold(lead.ledger, INCIDENT, planned, START, "somebody said so")

    @flow
    async def at_work() -> State[None]:
        try:
            await unless_stopped(for_ever(), context, INCIDENT, planned)
        except StoppedInPrefect as stop:
            return Cancelled(message=str(stop))
        return Completed()

    async def act(client: PrefectClient) -> FlowRun:
        await lead.mirror()
        (run,) = await lead.runs(client)
        await client.set_flow_run_state(run.id, Pending(), force=True)
        ends = run_flow_async(at_work, flow_run=await client.read_flow_run(run.id))
        await asyncio.gather(ends, clicking(client, run), return_exceptions=True)
        stopped = await client.read_flow_run(run.id)
        await client.delete_flow_run(run.id)  # as if Prefect had lost its database
        await lead.mirror()
        assert [one.state_name for one in await lead.runs(client)] == ["Held"]
        return stopped

    run = in_prefect(act)
    assert run.state_type is shown
    assert shown is StateType.PAUSED or f"amends step go {INCIDENT} assess 1 --as NAME" in run.state.message
    assert lead.states() == [OccurrenceState.HELD]


def test_a_run_that_begins_after_it_was_cancelled_does_nothing(lead: Lead, tmp_path: Path) -> None:
    """A process that was being started while somebody cancelled its run begins no work."""
    planned = plan(lead.ledger.cases.read(INCIDENT, START), START).due[0]
    context = a_context(lead.ledger, tmp_path)[0]
    done: list[str] = []

    async def at_once() -> str:
        done.append("a message left")
        return "all told"

    @flow
    async def begun() -> None:
        with pytest.raises(StoppedInPrefect, match="its run was cancelled in Prefect"):
            await unless_stopped(at_once(), context, INCIDENT, planned)

    async def act(client: PrefectClient) -> None:
        await lead.mirror()
        (run,) = await lead.runs(client)
        for state in (Pending(), Cancelling(), Cancelled()):
            await client.set_flow_run_state(run.id, state, force=True)
        await run_flow_async(begun, flow_run=await client.read_flow_run(run.id))

    in_prefect(act)
    assert not done
    assert lead.states() == [OccurrenceState.HELD]


def test_a_paused_run_stays_paused_when_its_process_hears_of_it_first(
    lead: Lead, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prefect tells a process of a pause seconds late; whoever looks at the run meanwhile sees that it is paused."""
    monkeypatch.setattr("prefect.flow_engine.observe_flow_run_suspension", lambda *_: nullcontext())
    planned = plan(lead.ledger.cases.read(INCIDENT, START), START).due[0]
    context = a_context(lead.ledger, tmp_path)[0]

    async def act(client: PrefectClient) -> FlowRun:
        @flow
        async def at_work() -> State[None]:
            await client.set_flow_run_state(run.id, Suspended(timeout_seconds=300), force=True)
            await unless_stopped(asyncio.sleep(60, "never"), context, INCIDENT, planned)
            return Completed()

        await lead.mirror()
        (run,) = await lead.runs(client)
        await client.set_flow_run_state(run.id, Pending(), force=True)
        with suppress(Pause):
            await run_flow_async(at_work, flow_run=await client.read_flow_run(run.id))
        return await client.read_flow_run(run.id)

    assert in_prefect(act).state_name == "Suspended"
    assert lead.states() == [OccurrenceState.HELD]


def test_a_run_that_begins_after_its_pause_stays_paused(lead: Lead, tmp_path: Path) -> None:
    """A sweep holds the occurrence before the process reads the case, for which nothing is due then."""
    context = a_context(lead.ledger, tmp_path)[0]

    async def act(client: PrefectClient) -> FlowRun:
        await lead.mirror()
        (run,) = await lead.runs(client)
        await client.set_flow_run_state(run.id, Suspended(timeout_seconds=300), force=True)
        await lead.mirror()
        await client.set_flow_run_state(run.id, Running(), force=True)
        with suppress(Pause), using(context):
            await run_flow_async(assess, flow_run=await client.read_flow_run(run.id), parameters=run.parameters)
        return await client.read_flow_run(run.id)

    assert in_prefect(act).state_name == "Suspended"
    assert lead.states() == [OccurrenceState.HELD]


def test_a_retried_run_repeats_what_it_said_at_first(lead: Lead) -> None:
    """However often a run is retried, its page says what the attempt did that did anything."""

    @flow
    async def twice() -> State[None]:
        return Completed(message="all were told") if not told else await nothing_due("assess 1 is not due")

    async def act(client: PrefectClient) -> str | None:
        await lead.mirror()
        (run,) = await lead.runs(client)
        for _ in range(3):
            await client.set_flow_run_state(run.id, Pending(), force=True)
            await run_flow_async(twice, flow_run=await client.read_flow_run(run.id), return_type="state")
            told.append(True)
        return (await client.read_flow_run(run.id)).state.message  # type: ignore[union-attr]

    told: list[bool] = []
    assert in_prefect(act) == "assess 1 is not due. Before this attempt: all were told"


def test_who_deleted_a_deployment_hears_what_brings_it_back(lead: Lead) -> None:
    async def deleted() -> None:
        async with get_client() as client:
            name = f"{Phase.ASSESS}/{Phase.ASSESS}"
            await client.delete_deployment((await client.read_deployment_by_name(name)).id)
            try:
                with pytest.raises(AmendsError, match="no deployment assess any more; `amends up`"):
                    await lead.mirror()
            finally:
                await deploy_phases()

    asyncio.run(deleted())


def test_runs_stand_again_after_prefect_lost_its_database(lead: Lead) -> None:
    """After Prefect has lost its database, the next mirror sets up the runs again."""

    async def act(client: PrefectClient) -> list[FlowRun]:
        await lead.mirror()
        for run in await lead.runs(client):
            await client.delete_flow_run(run.id)
        await lead.mirror()
        return await lead.runs(client)

    assert [run.name for run in in_prefect(act)] == [run_name(INCIDENT, "assess", 1)]


def test_a_crashed_run_is_made_thrice_and_then_the_lead_is_told(lead: Lead) -> None:
    """A run that crashes is set up again three times; then its step is held and the lead gets an alert."""

    async def act(client: PrefectClient) -> int:
        for _ in range(MOST_CRASHES + 2):
            await lead.mirror()
            for run in await lead.runs(client):
                if run.state_type is StateType.SCHEDULED:
                    await client.set_flow_run_state(run.id, Crashed(), force=True)
        await lead.mirror()
        return len(await lead.runs(client))

    assert in_prefect(act) == 1 + MOST_CRASHES
    assert "alert" in {entry.act for entry in lead.ledger.audit.entries(INCIDENT)}
    assert [turn.state for turn in lead.ledger.cases.read(INCIDENT).occurrences] == [OccurrenceState.HELD]


def test_a_run_ending_without_its_occurrence_is_followed_by_another(lead: Lead) -> None:
    """A run that ended without finishing its occurrence is followed by another run."""

    async def act(client: PrefectClient) -> list[FlowRun]:
        await lead.mirror()
        (run,) = await lead.runs(client)
        await client.set_flow_run_state(run.id, Completed(), force=True)
        await lead.mirror()
        return await lead.runs(client)

    assert sorted(run.state_type or "" for run in in_prefect(act)) == [StateType.COMPLETED, StateType.SCHEDULED]


def test_runs_that_the_plan_does_not_know_any_more_are_taken_away(lead: Lead) -> None:
    async def act(client: PrefectClient) -> list[FlowRun]:
        await lead.mirror()
        lead.ledger.occurrences.mark(INCIDENT, "assess", 1, START, OccurrenceState.SKIPPED, START)
        await lead.mirror()
        return await lead.runs(client)

    assert in_prefect(act) == []


def test_a_run_set_up_since_the_case_was_read_stays(lead: Lead) -> None:
    """A sweep that has read the case before another process goes on with an occurrence leaves its next run alone."""

    async def act(client: PrefectClient) -> list[FlowRun]:
        await lead.mirror()
        before = lead.ledger.views.timeline(INCIDENT, lead.clock.now)
        (run,) = await lead.runs(client)
        await client.set_flow_run_state(run.id, Completed(), force=True)
        await lead.mirror()
        await mirror(lead.ledger, before, lead.clock.now)
        return await lead.waiting(client)

    assert [run.idempotency_key for run in in_prefect(act)] == [f"{INCIDENT}:assess:1:r1"]


def test_follow_ups_stand_at_their_time_once_people_were_told(lead: Lead) -> None:
    async def act(client: PrefectClient) -> dict[str, Any]:
        lead.ledger.incidents.note_event(INCIDENT, "notified", START)
        lead.ledger.occurrences.mark(INCIDENT, "assess", 1, START, OccurrenceState.DONE, START)
        await lead.mirror()
        return {run.name: run.expected_start_time for run in await lead.runs(client)}

    times = in_prefect(act)
    assert times[run_name(INCIDENT, "update", 1)] == START + timedelta(days=3)
    assert times[run_name(INCIDENT, "survey", 1)] == START + timedelta(days=5)


def test_the_run_of_a_paused_incident_is_stopped_and_goes_on(lead: Lead) -> None:
    async def act(client: PrefectClient) -> list[FlowRun]:
        await lead.mirror()
        lead.ledger.incidents.pause(INCIDENT, "mei", START)
        await lead.mirror()
        stopped = await lead.runs(client)
        await lead.mirror()
        assert [run.state_id for run in await lead.runs(client)] == [run.state_id for run in stopped]
        lead.ledger.incidents.resume(INCIDENT, "mei", START)
        await lead.mirror()
        return [*stopped, *await lead.runs(client)]

    stopped, goes_on = in_prefect(act)
    assert stopped.id == goes_on.id
    assert (stopped.state_name, stopped.name) == ("Stopped", run_name(INCIDENT, "assess", 1, "stopped"))
    assert stopped.state and f"`amends incident resume {INCIDENT} --as NAME`" in (stopped.state.message or "")
    assert (goes_on.state_name, goes_on.name) == ("Scheduled", run_name(INCIDENT, "assess", 1))
    assert stopped.next_scheduled_start_time == START + LOOK_AGAIN
    assert goes_on.next_scheduled_start_time == START


def test_a_deadlines_next_reminder_is_a_run_that_moves_with_it(lead: Lead) -> None:
    """The next reminder of a deadline stands in Prefect as a scheduled run, and moves when the deadline moves."""

    def assessed(version: int, due_at: datetime) -> None:
        duty = a_duty(due_at=due_at, starts_at=due_at - timedelta(days=30))
        lead.ledger.assessments.record(INCIDENT, an_assessment(version=version, duties=(duty,)), START)

    async def act(client: PrefectClient) -> list[datetime | None]:
        seen = []
        for version, days in ((1, 20), (2, 10)):
            assessed(version, START + timedelta(days=days))
            await lead.mirror()
            (run,) = (run for run in await lead.runs(client) if run.name == run_name(INCIDENT, "deadlines", 1))
            seen.append(run.expected_start_time)
        return seen

    assert in_prefect(act) == [START + timedelta(days=19), START + timedelta(days=9)]


def test_a_run_with_edited_parameters_is_replaced_by_a_right_one(lead: Lead) -> None:
    """A run whose parameters somebody edited in Prefect is replaced by a run with the right parameters."""

    async def act(client: PrefectClient) -> list[FlowRun]:
        await lead.mirror()
        (run,) = await lead.runs(client)
        await client.update_flow_run(run.id, parameters={**run.parameters, "step": "closing"})
        await lead.mirror()
        return await lead.runs(client)

    assert [run.parameters["step"] for run in in_prefect(act)] == ["assess"]


def test_what_a_deployment_adds_to_the_parameters_is_left_alone(lead: Lead) -> None:
    async def act(client: PrefectClient) -> list[FlowRun]:
        await lead.mirror()
        (before,) = await lead.runs(client)
        await client.update_flow_run(before.id, parameters={**before.parameters, "more": 1})
        await lead.mirror()
        return [before, *await lead.runs(client)]

    before, after = in_prefect(act)
    assert after.id == before.id


def test_a_run_that_somebody_moved_stands_at_its_time_again(lead: Lead) -> None:
    async def act(client: PrefectClient) -> list[FlowRun]:
        await lead.mirror()
        (run,) = await lead.runs(client)
        await client.set_flow_run_state(run.id, Scheduled(scheduled_time=START + timedelta(days=9)), force=True)
        await lead.mirror()
        return await lead.runs(client)

    assert [run.next_scheduled_start_time for run in in_prefect(act)] == [START]


@pytest.mark.parametrize("before", ["nothing", "a crash", "a move", "the end of a turn"])
def test_two_sweeps_at_the_same_time_set_up_one_run(lead: Lead, before: str) -> None:
    async def act(client: PrefectClient) -> list[FlowRun]:
        if before != "nothing":
            await lead.mirror()
        if before == "a crash":
            await lead.crash(client)
        if before == "a move":
            (run,) = await lead.runs(client)
            await client.set_flow_run_state(run.id, Scheduled(scheduled_time=START + timedelta(days=9)), force=True)
        if before == "the end of a turn":
            lead.ledger.occurrences.mark(INCIDENT, "assess", 1, START, OccurrenceState.SKIPPED, START)
            lead.ledger.incidents.note_event(INCIDENT, "assessed", START)
        await asyncio.gather(*(lead.mirror() for _ in range(4)))
        return await lead.waiting(client)

    assert len(in_prefect(act)) == 1
    assert not any(turn.revision > 1 for turn in lead.ledger.cases.read(INCIDENT).occurrences)


def test_a_run_late_because_nobody_began_it_is_left_standing(lead: Lead) -> None:
    """A run that is late because no runner was there to begin it is left standing, and is not made anew."""

    async def act(client: PrefectClient) -> list[FlowRun]:
        lead.ledger.occurrences.mark(INCIDENT, "assess", 1, START, OccurrenceState.WAITING, START)  # goes on at once
        await lead.mirror()
        (before,) = await lead.runs(client)
        await client.set_flow_run_state(before.id, Late(scheduled_time=START), force=True)
        lead.clock.now += timedelta(hours=3)
        await lead.mirror()
        return [before, *await lead.runs(client)]

    before, after = in_prefect(act)
    assert (after.id, after.state_name) == (before.id, "Late")


def test_a_turn_that_went_on_often_is_not_held_for_one_crash(lead: Lead) -> None:
    async def act(client: PrefectClient) -> list[FlowRun]:
        for _ in range(MOST_CRASHES + 2):
            await lead.mirror()
            for run in await lead.waiting(client):
                await client.set_flow_run_state(run.id, Completed(), force=True)
        await lead.mirror()
        await lead.crash(client)
        await lead.mirror()
        return await lead.waiting(client)

    assert len(in_prefect(act)) == 1
    assert OccurrenceState.HELD not in lead.states()


def test_an_occurrence_that_fails_at_times_and_gets_on_is_not_held(lead: Lead) -> None:
    """An occurrence whose runs crash now and then and get on in between is not held. An occurrence goes on for weeks,
    and each restart of the machine costs a run.
    """

    async def act(client: PrefectClient) -> list[FlowRun]:
        for _ in range(MOST_CRASHES + 1):
            await lead.mirror()
            await lead.crash(client)
            await lead.mirror()
            for run in await lead.waiting(client):
                await client.set_flow_run_state(run.id, Completed(), force=True)
        await lead.mirror()
        await lead.crash(client)
        await lead.mirror()
        return await lead.waiting(client)

    (run,) = in_prefect(act)
    assert run.next_scheduled_start_time == START + PAUSES[0]
    assert OccurrenceState.HELD not in lead.states()


def test_after_each_crash_a_turn_rests_longer(lead: Lead) -> None:
    async def act(client: PrefectClient) -> list[datetime | None]:
        seen = []
        for _ in PAUSES:
            await lead.mirror()
            await lead.crash(client)
            await lead.mirror()
            lead.clock.now += timedelta(seconds=10)
            await lead.mirror()  # it is left to rest
            (run,) = await lead.waiting(client)
            seen.append(run.next_scheduled_start_time)
            lead.clock.now = START
        return seen

    assert in_prefect(act) == [START + pause for pause in PAUSES]


def ended_process() -> str:
    """A process that is no more, as the label of its run names it."""
    say = "from amends.ledger.store.leases import this_process; print(this_process())"
    return subprocess.run([sys.executable, "-c", say], capture_output=True, text=True, check=True).stdout.strip()


def elsewhere() -> str:
    """A process of another machine, with the number of one here."""
    return f"another-boot {this_process().partition(' ')[2]}"


@pytest.mark.parametrize(
    ("process", "since", "states"),
    [
        (ended_process, timedelta(seconds=1), [StateType.CRASHED, StateType.SCHEDULED]),
        (this_process, timedelta(seconds=1), [StateType.RUNNING]),
        (this_process, SILENT + timedelta(seconds=5), [StateType.RUNNING]),
        (str, timedelta(seconds=1), [StateType.RUNNING]),
        (str, SILENT + timedelta(seconds=5), [StateType.CRASHED, StateType.SCHEDULED]),
        (elsewhere, SILENT + timedelta(seconds=5), [StateType.CRASHED, StateType.SCHEDULED]),
    ],
    ids=[
        "its process has ended",
        "its process lives",
        "its process lives and holds no message for long",
        "nothing is known",
        "nothing is known, for long",
        "its process is on another machine, silent for long",
    ],
)
def test_a_run_without_a_process_is_followed_by_another(
    lead: Lead, process: Callable[[], str], since: timedelta, states: list[StateType]
) -> None:
    async def act(client: PrefectClient) -> list[FlowRun]:
        await lead.mirror()
        (run,) = await lead.runs(client)
        await client.set_flow_run_state(run.id, Running(), force=True)
        await lead.name_process(client, process())
        lead.clock.now = datetime.now(UTC) + since
        await lead.mirror()
        return await lead.runs(client)

    assert sorted(run.state_type or "" for run in in_prefect(act)) == states


def test_a_run_that_completes_during_a_look_stays_completed(lead: Lead) -> None:
    """A run that completes between the snapshot and the look at its process is not marked as crashed."""

    async def act(client: PrefectClient) -> list[FlowRun]:
        await lead.mirror()
        (run,) = await lead.runs(client)
        await client.set_flow_run_state(run.id, Running(), force=True)
        await lead.name_process(client, ended_process())
        case = lead.ledger.views.timeline(INCIDENT, lead.clock.now)
        snapshot = (await runs_by_incident([case], lead.clock.now))[INCIDENT]
        await client.set_flow_run_state(run.id, Completed(), force=True)
        await mirror(lead.ledger, case, lead.clock.now, lead.ahead, snapshot)
        return await lead.runs(client)

    assert [run.state_type for run in in_prefect(act)] == [StateType.COMPLETED]


@pytest.mark.parametrize("process", [str, ended_process], ids=["for the first time", "once more"])
def test_a_late_run_that_is_just_starting_is_not_taken_for_dead(lead: Lead, process: Callable[[], str]) -> None:
    """A run that is late and just being started is not taken for dead, for the first time or once more: its time was
    hours ago, when no runner was there, and its process does not exist yet.
    """

    async def act(client: PrefectClient) -> list[FlowRun]:
        await lead.mirror()
        (run,) = await lead.runs(client)
        await lead.name_process(client, process())
        await client.set_flow_run_state(run.id, Late(scheduled_time=START), force=True)
        await client.set_flow_run_state(run.id, Pending(), force=True)
        lead.clock.now = datetime.now(UTC) + timedelta(seconds=1)
        await lead.mirror()
        return await lead.runs(client)

    assert [run.state_type for run in in_prefect(act)] == [StateType.PENDING]


def test_a_run_that_was_never_started_is_followed_by_another(lead: Lead) -> None:
    """A run that stays pending beyond the time of silence counts as crashed, and is followed by another run."""

    async def act(client: PrefectClient) -> list[FlowRun]:
        await lead.mirror()
        (run,) = await lead.runs(client)
        await client.set_flow_run_state(run.id, Pending(), force=True)
        lead.clock.now = datetime.now(UTC) + SILENT + timedelta(seconds=5)
        await lead.mirror()
        return await lead.runs(client)

    assert sorted(run.state_type or "" for run in in_prefect(act)) == [StateType.CRASHED, StateType.SCHEDULED]


def test_a_run_that_somebody_retried_in_prefect_is_not_taken_for_dead(lead: Lead) -> None:
    """It began long ago for the first time, and just now for the second."""

    async def act(client: PrefectClient) -> list[FlowRun]:
        await lead.mirror()
        (run,) = await lead.runs(client)
        await client.set_flow_run_state(run.id, Running(), force=True)
        await client.set_flow_run_state(run.id, Failed(), force=True)
        await asyncio.sleep(0.5)
        await client.set_flow_run_state(run.id, Running(), force=True)
        await lead.name_process(client, this_process())
        (retried,) = await lead.runs(client)
        assert retried.start_time
        lead.clock.now = retried.start_time + HALTED + timedelta(milliseconds=100)
        await lead.mirror()
        return await lead.runs(client)

    assert [run.state_type for run in in_prefect(act)] == [StateType.RUNNING]


def test_a_retried_run_is_not_dead_before_it_names_its_process(lead: Lead) -> None:
    """A run that was retried is not taken for dead before it names its process: the process that stands there is that
    of the try before, which has ended.
    """

    async def act(client: PrefectClient) -> list[FlowRun]:
        await lead.mirror()
        (run,) = await lead.runs(client)
        await client.set_flow_run_state(run.id, Running(), force=True)
        await lead.name_process(client, ended_process())
        await client.set_flow_run_state(run.id, Crashed(), force=True)
        await client.set_flow_run_state(run.id, Running(), force=True)
        lead.clock.now = datetime.now(UTC) + timedelta(seconds=1)
        await lead.mirror()
        return await lead.runs(client)

    assert [run.state_type for run in in_prefect(act)] == [StateType.RUNNING]


def test_a_run_names_its_process_each_time_that_it_is_carried_out(lead: Lead) -> None:
    @flow
    async def begun() -> FlowRun:
        await tag_own_run(INCIDENT)
        async with get_client() as client:
            (run,) = await lead.runs(client)
            return run

    async def act(client: PrefectClient) -> list[str]:
        await lead.mirror()
        (run,) = await lead.runs(client)
        named = []
        for _ in range(2):
            await client.set_flow_run_state(run.id, Pending(), force=True)
            running = cast("FlowRun", await run_flow_async(begun, flow_run=await client.read_flow_run(run.id)))
            named.append(running.labels[process_label(running)])
        return named

    assert in_prefect(act) == [this_process(), this_process()]


def test_a_run_that_took_long_does_not_take_itself_for_dead(lead: Lead) -> None:
    """It sent for most of an hour, and a channel has left something to be done at once."""

    @flow
    async def at_its_end() -> list[FlowRun]:
        await tag_own_run(INCIDENT)
        lead.clock.now = datetime.now(UTC) + HALTED + timedelta(seconds=5)
        await lead.mirror()
        async with get_client() as client:
            return await lead.runs(client)

    async def act(client: PrefectClient) -> list[FlowRun]:
        await lead.mirror()
        (run,) = await lead.runs(client)
        await client.set_flow_run_state(run.id, Pending(), force=True)
        return cast("list[FlowRun]", await run_flow_async(at_its_end, flow_run=await client.read_flow_run(run.id)))

    assert [run.state_type for run in in_prefect(act)] == [StateType.RUNNING]


def test_rehearsal_runs_stand_at_prefects_time_and_move_along(lead: Lead) -> None:
    """In a rehearsal, runs stand at Prefect's time, which is the machine's whatever the rehearsal clock says, and move
    as the rehearsal clock is put forward.
    """

    async def act(client: PrefectClient) -> list[datetime | None]:
        lead.ledger.incidents.note_event(INCIDENT, "notified", START)
        seen = []
        for ahead in (timedelta(days=100), timedelta(days=102), timedelta(days=104)):
            lead.ahead, lead.clock.now = ahead, START + ahead - timedelta(days=100)
            await lead.mirror()
            (run,) = (run for run in await lead.runs(client) if run.name == run_name(INCIDENT, "update", 1))
            seen.append(run.next_scheduled_start_time)
        return seen

    prefects_now = START - timedelta(days=100)
    assert in_prefect(act) == [prefects_now + timedelta(days=3), prefects_now + timedelta(days=1), prefects_now]


def test_prefect_sweeps_once_when_a_run_dies_though_deployed_twice(lead: Lead) -> None:
    """When a run has died, Prefect starts one sweep of the incident at once, also after the flows were deployed more
    than once.
    """
    environment = {**os.environ, "PREFECT_API_URL": PREFECT_API_URL.value()}
    deploy(environment)
    deploy(environment)

    async def act(client: PrefectClient) -> list[FlowRun]:
        await lead.mirror()
        await lead.crash(client)
        for _ in range(60):
            await asyncio.sleep(0.5)
            runs = await client.read_flow_runs()
            if found := [run for run in runs if run.created_by and run.created_by.type == "AUTOMATION"]:
                await asyncio.sleep(1)
                return found
        return []

    assert [run.parameters for run in in_prefect(act)] == [{"incident_id": INCIDENT}]


@pytest.mark.timeout(600)
def test_what_is_paused_in_prefect_is_named_and_ended_by_a_start(
    lead: Lead, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What somebody paused in Prefect (work pool, work queue, deployment, schedule) is named as the reason why nothing
    runs, and the next start ends the pauses.
    """
    server = PREFECT_API_URL.value()
    environment = {**os.environ, "PREFECT_API_URL": server}
    port = urlsplit(server).port
    settings = new_settings(tmp_path, "https://btepai.example").model_copy(update={"prefect_port": port})
    for name, value in prefect_environment(settings).items():
        monkeypatch.setenv(name, value)  # so that what a nudge sets is taken back again
    monkeypatch.delenv("PREFECT_API_URL")

    async def pause(client: PrefectClient) -> None:
        await client.update_work_pool(POOL, WorkPoolUpdate(is_paused=True, concurrency_limit=0))
        for queue in await client.read_work_queues(POOL):
            await client.update_work_queue(queue.id, is_paused=True, concurrency_limit=0)
        sweeping = await client.read_deployment_by_name("sweep/sweep")
        await client.pause_deployment(sweeping.id)
        for schedule in sweeping.schedules:
            await client.delete_deployment_schedule(sweeping.id, schedule.id)

    monkeypatch.setattr(prefect, "PATIENCE_SECONDS", 60)
    deploy(environment)
    in_prefect(pause)
    assert [why.split("`")[0].strip() for why in why_idle(settings)] == [
        "its work pool",
        "its work queue",
        "its deployment sweep has no schedule, or is paused",
    ]
    desk = Desk(tmp_path)
    vars(desk).update(settings=settings, ledger=lead.ledger)
    assert not nudge(desk, INCIDENT), "a sweep was asked for, and nothing begins it"
    deploy(environment)
    end_pauses(environment)
    assert why_idle(settings) == ("no runner takes runs from it",)


def test_a_case_that_cannot_be_planned_spares_the_others(lead: Lead, tmp_path: Path) -> None:
    """A case that cannot be planned is named by the sweep, and the runs of the other cases are set up."""
    lead.ledger.incidents.open(an_incident(), iter(()), "mei", START)
    playbook, wording = load_playbook("customer-data-theft")
    step = Step.model_validate(
        {"id": "beyond", "phase": "collect_feedback", "on": "2030-12-31T23:00:00Z", "at": "09:00"}
    )
    beyond = step.model_copy(update={"on": datetime(2300, 12, 31, 23, tzinfo=UTC)})
    damaged = playbook.model_copy(update={"steps": (*playbook.steps, beyond)})
    lead.ledger.playbooks.pin("november-breach", damaged, wording, "mei", START)

    async def act(client: PrefectClient) -> tuple[str | None, list[FlowRun]]:
        return await sweeping(lead, tmp_path), await lead.runs(client)

    message, runs = in_prefect(act)
    assert message == "november-breach: ValidationError"
    assert [run.name for run in runs] == [run_name(INCIDENT, "assess", 1)]


def test_closing_a_case_removes_the_runs_that_were_to_come(lead: Lead, tmp_path: Path) -> None:
    """After a person has closed a case, no run of the case waits in Prefect any more but for the review of it."""

    async def act(client: PrefectClient) -> tuple[list[FlowRun], list[FlowRun]]:
        lead.ledger.incidents.note_event(INCIDENT, "notified", START)
        lead.ledger.occurrences.mark(INCIDENT, "assess", 1, START, OccurrenceState.DONE, START)
        await lead.mirror()
        before = await lead.waiting(client)
        lead.ledger.incidents.close(INCIDENT, "mei", START)
        await sweeping(lead, tmp_path, INCIDENT)
        return before, await lead.waiting(client)

    before, after = in_prefect(act)
    assert len(before) > 1
    assert [run.name for run in after] == [run_name(INCIDENT, "review", 1)]


def test_a_follow_up_after_closing_is_set_up_again_in_prefect(lead: Lead, tmp_path: Path) -> None:
    """A follow-up that outlives its closed case is set up again after Prefect has lost its database."""
    renew = {
        "id": "renew",
        "phase": "follow_up",
        "after": "90d",
        "of": "opened",
        "task": "Renew the monitoring.",
        "owner": "Privacy office",
        "within": "5d",
    }
    playbook, wording = load_playbook("customer-data-theft")
    steps = (step for step in playbook.steps if not step.review)
    longer = playbook.model_copy(update={"steps": (*steps, Step.model_validate(renew))})
    lead.ledger.playbooks.pin(INCIDENT, longer, wording, "mei", START)
    lead.ledger.incidents.close(INCIDENT, "mei", START)

    async def act(client: PrefectClient) -> list[FlowRun]:
        await sweeping(lead, tmp_path)
        return await lead.waiting(client)

    assert [run.name for run in in_prefect(act)] == [run_name(INCIDENT, "renew", 1)]
