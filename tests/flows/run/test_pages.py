"""The pages and signs that a sweep keeps in Prefect, on a real Prefect server: nothing piles up, nothing is hidden."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from prefect import State, flow
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey, FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import Artifact, FlowRun, StateType
from prefect.states import Scheduled

from amends.delivery.send.engine import Tally
from amends.ledger import Ledger
from flows.assess import assess
from flows.run.artifacts import KEPT, NOW, TIMELINE, Page, page_key, progress, write
from flows.run.context import using
from flows.sweep import sweep
from flows.watch.overdue import OVERDUE, sign
from flows.watch.overview import CALM
from tests.builders import NOW as BUILT
from tests.builders import a_case, a_commitment
from tests.story import INCIDENT, a_context, a_ledger, everybody, opened

DAY = timedelta(days=1)
PAGE = page_key(INCIDENT, TIMELINE)

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(180)]


class Desk:
    """A story whose clock the test moves, and what a lead sees of it in the Prefect UI."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        context, self.clock = a_context(ledger, folder)
        self.ledger, self.context = ledger, replace(context, mirrored=True)

    def sweep(self, incident_id: str = "") -> State[Any]:
        with using(self.context):
            ended: State[Any] = asyncio.run(sweep(incident_id, return_state=True))
        return ended

    def assess(self) -> None:
        with using(replace(self.context, mirrored=False)):
            asyncio.run(assess.fn(INCIDENT, "assess", 1))


@pytest.fixture
def desk(server: None, tmp_path: Path) -> Iterator[Desk]:
    ledger = a_ledger(tmp_path)
    opened(ledger, islice(everybody(), 5))
    yield Desk(ledger, tmp_path)
    ledger.dispose()
    asyncio.run(_delete_all())


async def _delete_all() -> None:
    async with get_client() as client:
        for run in await client.read_flow_runs():
            await client.delete_flow_run(run.id)
        for page in await client.read_artifacts():
            await client.delete_artifact(page.id)


def in_prefect(act: Callable[[PrefectClient], Awaitable[Any]]) -> Any:
    async def call() -> Any:
        async with get_client() as client:
            return await act(client)

    return asyncio.run(call())


def versions(key: str) -> list[Artifact]:
    chosen = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
    found: list[Artifact] = in_prefect(lambda client: client.read_artifacts(artifact_filter=chosen))
    return found


def signs() -> list[FlowRun]:
    chosen = FlowRunFilter(tags=FlowRunFilterTags(all_=[OVERDUE]))
    found: list[FlowRun] = in_prefect(lambda client: client.read_flow_runs(flow_run_filter=chosen))
    return found


def test_the_page_of_all_incidents_is_one_whatever_changes(desk: Desk) -> None:
    """The page *now* and the incident's page keep one version each, however often a sweep writes them."""
    for _ in range(3):
        assert desk.sweep().is_completed()
        desk.clock.now += timedelta(minutes=5)
    (now,), (page,) = versions(NOW), versions(PAGE)
    assert f"/artifacts/key/{PAGE}" in str(now.description)
    assert f"/artifacts/key/{NOW}" in str(page.description)
    desk.assess()
    desk.clock.now += 11 * DAY
    desk.sweep()
    (now,), (page,) = versions(NOW), versions(PAGE)
    assert str(now.description).splitlines()[0].startswith("**")
    assert "## Overdue" in str(now.description)
    assert str(page.description).startswith("**Overdue: ")


def test_a_sweep_of_one_incident_shows_the_others_too(desk: Desk) -> None:
    desk.sweep(INCIDENT)
    (now,) = versions(NOW)
    assert f"[{INCIDENT}]" in str(now.description)


def test_an_unchanged_incident_is_not_written_again(desk: Desk) -> None:
    desk.sweep()
    (before,) = versions(PAGE)
    desk.clock.now += timedelta(minutes=5)
    desk.sweep()
    (after,) = versions(PAGE)
    assert after.updated == before.updated


def test_without_an_incident_the_page_is_calm(server: None, tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)
    Desk(ledger, tmp_path).sweep()
    (now,) = versions(NOW)
    assert str(now.description).startswith(CALM)
    ledger.dispose()
    asyncio.run(_delete_all())


def test_old_versions_of_a_page_go_and_the_same_text_makes_none(server: None) -> None:
    @flow(name="writing")
    async def writing() -> None:
        for number in range(KEPT + 3):
            await write("a-page", Page(f"number {number}", ""))
            await write("a-page", Page(f"number {number}", ""))

    asyncio.run(writing())
    left = {page.description for page in versions("a-page")}
    assert left == {f"number {number}" for number in range(3, KEPT + 3)}


def test_a_short_send_writes_its_bar_at_its_start_and_its_end(server: None) -> None:
    @flow(name="sending")
    async def sending() -> str:
        async with progress("an-incident", "a-notice") as bar:
            bar.advance(Tally(messages=2))
            await asyncio.sleep(0.5)
            (shown,) = await asyncio.to_thread(versions, "an-incident-sending-a-notice")
        return str(shown.description)

    assert asyncio.run(sending()).endswith("a-notice: about to be sent")
    (shown,) = versions("an-incident-sending-a-notice")
    assert "0 of 2 messages have an answer" in str(shown.description)


def test_what_is_overdue_is_a_failed_run_until_it_is_settled(desk: Desk) -> None:
    """An incident with overdue duties has one failed run, renewed each day, which is taken down once they are filed."""
    desk.assess()
    desk.clock.now += 11 * DAY
    for _ in range(2):
        ended = desk.sweep()
    (run,) = signs()
    assert str(ended.message).endswith(f"; {run.name}"), "the sweep says it too"
    assert (run.state_type, run.state_name) == (StateType.FAILED, "Overdue")
    assert run.name.startswith("overdue: ")
    assert f"amends duty list {INCIDENT}" in str(run.state and run.state.message)
    desk.clock.now += DAY
    desk.sweep()
    assert sorted(str(run.state_name) for run in signs()) == ["NextDay", "Overdue"]


def test_a_sign_is_taken_down_and_put_up_again_the_same_day(server: None) -> None:
    late, kept = a_case(commitments=(a_commitment(due_at=BUILT),)), a_case()
    later = BUILT + timedelta(hours=1)
    names = []
    for case in (late, late, kept, kept, late):
        asyncio.run(sign([case], later))
        names.append([run.state_name for run in signs()])
    assert names == [["Overdue"], ["Overdue"], ["Settled"], ["Settled"], ["Overdue"]]
    (run,) = signs()
    asyncio.run(_retry(run))
    asyncio.run(sign([late], later))
    assert [run.state_name for run in signs()] == ["Overdue"], "a click on Retry changes nothing that the ledger says"
    asyncio.run(_delete_all())


async def _retry(run: FlowRun) -> None:
    async with get_client() as client:
        await client.set_flow_run_state(run.id, Scheduled(name="AwaitingRetry"), force=True)
