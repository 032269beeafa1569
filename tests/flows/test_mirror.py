"""Prefect's runs agree with the ledger, on a real Prefect server, whatever people or accidents do to them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.states import Cancelled, Completed, Crashed
from prefect.testing.utilities import prefect_test_harness

from amends.domain.case import OccurrenceState
from amends.domain.playbook import Phase
from amends.ledger import Ledger
from flows.fast_forward import PHASES, PassedClock
from flows.mirror import MOST_CRASHES, mirror, tag_of
from tests.builders import a_duty, an_assessment
from tests.story import INCIDENT, START, a_ledger, everybody, opened

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=90), temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        asyncio.run(_deploy())
        yield


async def _deploy() -> None:
    async with get_client() as client:
        for phase in Phase:
            flow_id = await client.create_flow_from_name(phase.value)
            await client.create_deployment(flow_id, name=phase.value, parameter_openapi_schema={})
    assert set(PHASES) == set(Phase)


class Lead:
    """A story with its plan mirrored, and what a lead can do to it in the Prefect UI."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.clock = ledger, PassedClock(START)

    async def mirror(self) -> None:
        await mirror(self.ledger, self.ledger.case(INCIDENT, self.clock.now), self.clock.now)

    async def runs(self, client: PrefectClient) -> list[FlowRun]:
        chosen = FlowRunFilter(tags=FlowRunFilterTags(all_=[tag_of(INCIDENT)]))
        return await client.read_flow_runs(flow_run_filter=chosen)


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
    assert run.name == f"{INCIDENT} assess 1"
    assert run.parameters == {"incident_id": INCIDENT, "step": "assess", "occurrence": 1}


def test_a_run_that_somebody_cancelled_holds_its_step_and_is_not_made_again(lead: Lead) -> None:
    async def act(client: PrefectClient) -> list[FlowRun]:
        await lead.mirror()
        (run,) = await lead.runs(client)
        await client.set_flow_run_state(run.id, Cancelled(), force=True)
        await lead.mirror()
        await lead.mirror()
        return await lead.runs(client)

    assert len(in_prefect(act)) == 1
    (turn,) = lead.ledger.case(INCIDENT).occurrences
    assert turn.state is OccurrenceState.HELD


def test_after_prefect_lost_its_database_everything_stands_there_again(lead: Lead) -> None:
    async def act(client: PrefectClient) -> list[FlowRun]:
        await lead.mirror()
        for run in await lead.runs(client):
            await client.delete_flow_run(run.id)
        await lead.mirror()
        return await lead.runs(client)

    assert [run.name for run in in_prefect(act)] == [f"{INCIDENT} assess 1"]


def test_a_crashed_run_is_set_up_again_three_times_and_then_the_lead_is_told(lead: Lead) -> None:
    async def act(client: PrefectClient) -> int:
        for _ in range(MOST_CRASHES + 2):
            await lead.mirror()
            for run in await lead.runs(client):
                if run.state_type is StateType.SCHEDULED:
                    await client.set_flow_run_state(run.id, Crashed(), force=True)
        await lead.mirror()
        return len(await lead.runs(client))

    assert in_prefect(act) == 1 + MOST_CRASHES
    assert "alert" in {entry.act for entry in lead.ledger.timeline(INCIDENT)}
    assert [turn.state for turn in lead.ledger.case(INCIDENT).occurrences] == [OccurrenceState.HELD]


def test_a_run_that_ended_without_finishing_its_turn_is_followed_by_another(lead: Lead) -> None:
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
        lead.ledger.mark_occurrence(INCIDENT, "assess", 1, START, OccurrenceState.SKIPPED, START)
        await lead.mirror()
        return await lead.runs(client)

    assert in_prefect(act) == []


def test_follow_ups_stand_at_their_time_once_people_were_told(lead: Lead) -> None:
    async def act(client: PrefectClient) -> dict[str, Any]:
        lead.ledger.event(INCIDENT, "notified", START)
        lead.ledger.mark_occurrence(INCIDENT, "assess", 1, START, OccurrenceState.DONE, START)
        await lead.mirror()
        return {run.name: run.expected_start_time for run in await lead.runs(client)}

    times = in_prefect(act)
    assert times[f"{INCIDENT} update 1"] == START + timedelta(days=3)
    assert times[f"{INCIDENT} survey 1"] == START + timedelta(days=5)


def test_a_paused_incident_has_no_run_that_is_due(lead: Lead) -> None:
    async def act(client: PrefectClient) -> list[FlowRun]:
        await lead.mirror()
        lead.ledger.pause_incident(INCIDENT, "mei", START)
        await lead.mirror()
        return await lead.runs(client)

    assert in_prefect(act) == []


def test_the_next_reminder_of_a_deadline_stands_there_as_a_scheduled_run_and_moves_with_it(lead: Lead) -> None:
    def assessed(version: int, due_at: datetime) -> None:
        duty = a_duty(due_at=due_at, starts_at=due_at - timedelta(days=30))
        lead.ledger.record_assessment(INCIDENT, an_assessment(version=version, duties=(duty,)), START)

    async def act(client: PrefectClient) -> list[datetime | None]:
        seen = []
        for version, days in ((1, 20), (2, 10)):
            assessed(version, START + timedelta(days=days))
            await lead.mirror()
            (run,) = (run for run in await lead.runs(client) if run.name == f"{INCIDENT} deadlines 1")
            seen.append(run.expected_start_time)
        return seen

    assert in_prefect(act) == [START + timedelta(days=19), START + timedelta(days=9)]
