"""A large send is split into tasks of a real flow run: one for each process, seen in the UI, with nobody's data in it."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.logging.handlers import APILogHandler
from prefect.settings import (
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_LOCAL_STORAGE_PATH,
    PREFECT_RESULTS_PERSIST_BY_DEFAULT,
    temporary_settings,
)
from prefect.testing.utilities import prefect_test_harness

from amends.delivery.send import workers
from amends.delivery.send.engine import Tally
from amends.delivery.send.workers import Work, send
from amends.domain.channel.channel import ChannelKind
from amends.sandbox.mail import MailServer
from amends.sandbox.web import WebServices
from flows.run import artifacts
from flows.run.graph import as_task
from flows.run.sending import process_as_task
from tests.builders import a_person
from tests.delivery.sending import INCIDENT, LINKS, NOTICE, a_ledger, approved, channel_settings, sqlite_url

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(180)]
PEOPLE = 60


@pytest.fixture
def server() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=90), temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield


def test_each_process_is_a_task_and_everybody_is_told_once(
    server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "SHARE", PEOPLE // 2)
    ledger = a_ledger(sqlite_url(tmp_path), tmp_path).migrate()
    people = [a_person(number=number) for number in range(1, PEOPLE + 1)]
    approved(ledger, people, channels=(ChannelKind.WEBSITE, ChannelKind.EMAIL))
    with MailServer(tmp_path / "mail") as mail, WebServices(tmp_path / "web") as web:
        work = Work(ledger, channel_settings(mail.port, web.url, tmp_path), INCIDENT, NOTICE, LINKS)

        @flow(name="sending")
        async def sending() -> bool:
            async with artifacts.progress(INCIDENT, NOTICE) as progress:
                return (await send(work, progress.advance, cores=2, each=process_as_task)).finished

        assert asyncio.run(sending())
        told = Counter(address for arrived in mail.arrived for address in arrived.recipients)
    ledger.dispose()
    assert told == {person.email: 1 for person in people}
    assert asyncio.run(_tasks()) == {("send, process 1", "COMPLETED"), ("send, process 2", "COMPLETED")}
    assert asyncio.run(_artifacts()) == [(f"{INCIDENT}-sending-{NOTICE}", 100.0)]


def test_no_part_takes_anothers_result_where_prefect_keeps_results(server: None, tmp_path: Path) -> None:
    """Where Prefect is set to keep results, each part of a send runs and gives its own result; else Prefect would say
    of the second part that its result exists already.
    """

    @flow(name="sending")
    async def sending() -> list[int]:
        return [(await as_task("send", partial(_part, number))).messages for number in (1, 2)]

    kept = {PREFECT_RESULTS_PERSIST_BY_DEFAULT: True, PREFECT_LOCAL_STORAGE_PATH: tmp_path}
    with temporary_settings(kept):
        assert asyncio.run(sending()) == [1, 2]


async def _part(number: int) -> Tally:
    return Tally(messages=number)


async def _tasks() -> set[tuple[str, str]]:
    async with get_client() as client:
        return {(run.name, run.state_type.value) for run in await client.read_task_runs()}


async def _artifacts() -> list[tuple[str | None, object]]:
    async with get_client() as client:
        return [(artifact.key, artifact.data) for artifact in await client.read_artifacts()]


def test_what_prefect_does_not_show_stops_no_draft_and_no_send(server: None) -> None:
    """It takes no capital letter in the name of a page, so these have none; what was refused is not quoted."""

    @flow(name="telling")
    async def telling() -> bool:
        await artifacts.show("Kim", "timeline", "What waits for whom", "for the team")
        async with artifacts.progress("Kim", NOTICE) as progress:
            await progress.flush()
        return True

    assert asyncio.run(telling())
    warnings = asyncio.run(_warnings())
    assert [words.rpartition(": ")[0] for words in warnings] == [
        "the page timeline cannot be shown",
        f"the page sending-{NOTICE} cannot be shown",
    ]
    assert "Kim" not in "".join(warnings)


async def _warnings() -> list[str]:
    await APILogHandler.aflush()
    async with get_client() as client:
        return [log.message for log in await client.read_logs() if log.level == logging.WARNING]
