"""The graph of each run reads like the incident: named tasks, each with what it did; waiting is a state; nobody in it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, StateType, TaskRun

from amends.domain.base.errors import AmendsError
from amends.domain.plan.plan import plan
from amends.ledger import Ledger
from flows.assess import assess
from flows.collect_feedback import collect_feedback
from flows.follow_up import follow_up
from flows.notify import notify
from flows.run.context import using
from flows.run.graph import as_task, begin_graph, run_name
from flows.run.retry import NOTHING_DUE
from flows.run.schedule import tag_of
from flows.sweep import sweep
from tests.story import INCIDENT, LEAD, START, a_context, a_ledger, approve_all, everybody, opened

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(180)]
DRAFTED = ["draft", "lint", "look over everybody's message", "ask for approval"]
END = "plan next"


class Story:
    """The stolen terminals, carried out as real runs of Prefect."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        context, self.clock = a_context(ledger, folder)
        self.ledger, self.context = ledger, replace(context, mirrored=True)

    def run(self, phase: Callable[..., Awaitable[Any]], *given: object) -> tuple[FlowRun, dict[str, TaskRun]]:
        """Carry out the flow; return its run, and its tasks by name in the order in which they began."""
        with using(self.context):
            asyncio.run(phase(*given))
        return asyncio.run(self._latest())

    async def _latest(self) -> tuple[FlowRun, dict[str, TaskRun]]:
        async with get_client() as client:
            begun = {
                read_flow_run.start_time: read_flow_run
                for read_flow_run in await client.read_flow_runs()
                if read_flow_run.start_time
            }
            run = begun[max(begun)]
            return run, await _tasks(client, run)

    def standing(self, step: str) -> FlowRun:
        """Return the one run of this step that has not begun."""
        return asyncio.run(self._standing(step))

    async def _standing(self, step: str) -> FlowRun:
        async with get_client() as client:
            runs = [
                read_flow_run
                for read_flow_run in await client.read_flow_runs()
                if tag_of(INCIDENT) in read_flow_run.tags
            ]
        mine = [run for run in runs if str(run.idempotency_key).startswith(f"{INCIDENT}:{step}:")]
        (found,) = (one for one in mine if one.state_type is StateType.SCHEDULED)
        return found


async def _tasks(client: PrefectClient, run: FlowRun) -> dict[str, TaskRun]:
    """Return the tasks of the run, which Prefect's server stores a moment after they ended."""
    for _ in range(200):
        tasks = [
            read_task_run for read_task_run in await client.read_task_runs() if read_task_run.flow_run_id == run.id
        ]
        if _are_over(run, tasks):
            return {task.name: task for task in sorted(tasks, key=lambda task: task.start_time or START)}
        await asyncio.sleep(0.1)
    raise AssertionError(f"the tasks of {run.name} are not all there")


def _are_over(run: FlowRun, tasks: list[TaskRun]) -> bool:
    last = run.name.startswith("look after") or END in {task.name for task in tasks}
    return last and all(task.state and task.state.is_final() for task in tasks)


@pytest.fixture
def story(server: None, tmp_path: Path) -> Iterator[Story]:
    ledger = a_ledger(tmp_path)
    opened(ledger, everybody())
    yield Story(ledger, tmp_path)
    ledger.dispose()
    asyncio.run(_delete_all())


async def _logged(run: FlowRun) -> list[str]:
    async with get_client() as client:
        return [read_log.message for read_log in await client.read_logs() if read_log.flow_run_id == run.id]


async def _delete_all() -> None:
    async with get_client() as client:
        for run in await client.read_flow_runs():
            await client.delete_flow_run(run.id)


def said(task: TaskRun) -> str:
    return str(task.state.message) if task.state else ""


def test_each_phase_is_a_graph_of_named_tasks(story: Story) -> None:
    _, tasks = story.run(assess, INCIDENT)
    assert [*tasks] == ["assess", END]
    assert said(tasks["assess"]).startswith("severity ")
    assert said(tasks[END]).startswith("open, facts 1, 240 people, 0 notices, 0 questions; first-notice 1 is due")
    run, tasks = story.run(notify, INCIDENT)
    assert [*tasks] == [*DRAFTED, END]
    assert run.name == run_name(INCIDENT, "first-notice", 1, "drafted")
    asking = tasks["ask for approval"].state
    assert asking and asking.name == "WaitsForApproval"
    assert f"`amends approve {INCIDENT} first-notice --as NAME --binding " in str(asking.message)
    approve_all(story.ledger, START)
    run, tasks = story.run(notify, INCIDENT)
    assert [*tasks][:1] == ["publish the page"]
    assert {*tasks} >= {"send email", "send SMS", "post", "print letters", END}
    assert run.name == run_name(INCIDENT, "first-notice", 1, "234 of 240 sent")
    assert said(tasks["send email"]).startswith("first-notice: ")


def test_a_run_in_which_nothing_is_due_has_no_task(story: Story) -> None:
    with using(story.context):
        state = asyncio.run(follow_up(INCIDENT, "deadlines", 99, return_state=True))
    story.run(assess, INCIDENT)
    idle, worked = asyncio.run(_tasks_by_flow())
    assert (state.name, idle) == (NOTHING_DUE, [])
    assert END in worked


async def _tasks_by_flow() -> list[list[str]]:
    """Return the names of the tasks of each run, by the order in which the runs began."""
    async with get_client() as client:
        runs = sorted(await client.read_flow_runs(), key=lambda run: run.start_time or START)
        tasks = await client.read_task_runs()
    return [[task.name for task in tasks if task.flow_run_id == run.id] for run in runs if run.start_time]


def test_the_graph_has_the_order_of_the_work(story: Story) -> None:
    """Each task comes after the one before it; what is sent at the same time stands side by side."""
    story.run(assess, INCIDENT)
    story.run(notify, INCIDENT)
    approve_all(story.ledger, START)
    _, tasks = story.run(notify, INCIDENT)
    names = {one.id: name for name, one in tasks.items()}
    after = {name: {names[one.id] for one in task.task_inputs.get("wait_for", [])} for name, task in tasks.items()}
    assert after["send email"] == after["send SMS"] == {"publish the page"}
    assert after["post"] == {"send email", "send SMS"}
    assert after[END] == {"print letters"}


def test_what_waits_for_approval_stands_and_is_woken(story: Story) -> None:
    story.run(assess, INCIDENT)
    story.run(notify, INCIDENT)
    waits = story.standing("first-notice")
    assert waits.state_name == "WaitsForApproval"
    assert waits.name == run_name(INCIDENT, "first-notice", 1, "waits for approval")
    assert waits.state and "2 of 2 approvals are missing" in str(waits.state.message)
    assert asyncio.run(_logged(waits)) == [waits.state.message], "its page opens with its log"
    approve_all(story.ledger, START)
    story.run(sweep, INCIDENT)
    woken = story.standing("first-notice")
    assert (woken.id, woken.state_name) == (waits.id, "Scheduled")
    assert woken.next_scheduled_start_time == START


def test_an_embargo_is_a_state_with_its_end(story: Story) -> None:
    story.run(assess, INCIDENT)
    story.run(notify, INCIDENT)
    until = START + timedelta(days=2)
    story.ledger.incidents.embargo(INCIDENT, until, "the police asked", LEAD.name, START)
    approve_all(story.ledger, START)
    story.run(sweep, INCIDENT)
    waits = story.standing("first-notice")
    assert (waits.state_name, waits.next_scheduled_start_time) == ("WaitsForEmbargo", until)
    assert waits.state and f"`amends incident lift {INCIDENT}`" in str(waits.state.message)


def test_every_other_phase_is_a_graph_too(story: Story) -> None:
    story.run(assess, INCIDENT)
    story.run(notify, INCIDENT)
    approve_all(story.ledger, START)
    story.run(notify, INCIDENT)
    story.clock.now = START + timedelta(days=5)
    _, tasks = story.run(collect_feedback, INCIDENT, "survey")
    assert [*tasks] == [*DRAFTED, "sum up what people ask", END]
    _, tasks = story.run(follow_up, INCIDENT, "promises", _due(story, "promises"))
    assert [*tasks][:1] == ["remind the owners of promises"]
    _, tasks = story.run(follow_up, INCIDENT, "deadlines", _due(story, "deadlines"))
    assert "remind of legal deadlines" in tasks


def _due(story: Story, step: str) -> int:
    due = plan(story.ledger.cases.read(INCIDENT, story.clock.now), story.clock.now).due
    return next(one.number for one in due if one.step == step)


def test_prefect_holds_nobody(story: Story) -> None:
    story.run(assess, INCIDENT)
    story.run(notify, INCIDENT)
    approve_all(story.ledger, START)
    story.run(notify, INCIDENT)
    written = asyncio.run(_all_that_is_written())
    assert "first-notice" in written
    assert not [one.name for one in everybody() if one.name and one.name in written]
    assert not [one.email for one in everybody() if one.email and one.email in written]


async def _all_that_is_written() -> str:
    async with get_client() as client:
        runs, tasks = await client.read_flow_runs(), await client.read_task_runs()
        logs, shown = await client.read_logs(), await client.read_artifacts()
    return "\n".join(one.model_dump_json() for one in (*runs, *tasks, *logs, *shown))


def test_work_that_is_done_stays_done_when_nothing_can_be_said(server: None) -> None:
    """The next task comes after it, and neither is done twice."""
    done: list[str] = []

    async def work(name: str) -> str:
        done.append(name)
        return name

    def no_words(_: str) -> str:
        raise AmendsError("the ledger is away")

    @flow(name="telling")
    async def telling() -> list[str]:
        begin_graph()
        return [await as_task(name, partial(work, name), no_words) for name in ("one", "two")]

    assert asyncio.run(telling()) == done == ["one", "two"]
