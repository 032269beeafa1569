"""Prefect's work pool, from which the runner takes runs: find out what is paused there, resume it, start a sweep."""

import asyncio
import os
import socket
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2

from amends.cli.terminal.desk import Desk
from amends.settings import Settings, prefect_environment

PATIENCE_SECONDS = 5
POOL = "amends"
QUEUE = "default"
ASK_SECONDS = 10
"""Seconds to wait for an answer: a stuck server takes calls and answers none, and Prefect's client waits long."""
CONNECT_SECONDS = 2
NOT_BEGUN = "Prefect does not begin it here (`amends doctor` says why)"


def why_idle(settings: Settings) -> tuple[str, ...]:
    """Return the reasons why Prefect would begin no run, or would miss runs that died; empty without any."""
    environment = prefect_environment(settings)
    name, _, password = environment["PREFECT_API_AUTH_STRING"].partition(":")
    address, seconds = environment["PREFECT_API_URL"], PATIENCE_SECONDS
    try:
        with httpx2.Client(base_url=address, auth=(name, password), timeout=seconds, trust_env=False) as prefect:
            return tuple(_reasons(prefect))
    except httpx2.HTTPError:
        return ("Prefect's server does not answer as it should: see what `amends up` says",)


def _reasons(prefect: httpx2.Client) -> Iterator[str]:
    pool = _found(prefect, f"/work_pools/{POOL}")
    queue = _found(prefect, f"/work_pools/{POOL}/queues/{QUEUE}")
    sweep = _found(prefect, "/deployments/name/sweep/sweep")
    for what, found in ((f"work pool `{POOL}`", pool), (f"work queue `{QUEUE}`", queue)):
        if _is_stopped(found):
            yield f"its {what} is paused, limited to no run, or gone"
    if not _is_stopped(pool) and pool.get("status") == "NOT_READY":
        yield "no runner takes runs from it"
    if sweep.get("paused", True) or not any(schedule["active"] for schedule in sweep["schedules"]):
        yield "its deployment sweep has no schedule, or is paused"


def _found(prefect: httpx2.Client, path: str) -> dict[str, Any]:
    """Return what Prefect has under this path; empty when somebody has deleted it."""
    answer = prefect.get(path)
    if answer.status_code == httpx2.codes.NOT_FOUND:
        return {}
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def _is_stopped(found: dict[str, Any]) -> bool:
    return found.get("is_paused", True) or found.get("concurrency_limit") == 0


async def resume() -> None:
    """Resume everything that was paused in Prefect, because a person who starts `amends up` means it to work."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolUpdate

    async with get_client() as client:
        if (await client.read_work_pool(POOL)).concurrency_limit == 0:
            await client.update_work_pool(POOL, WorkPoolUpdate(concurrency_limit=None))
        for queue in await client.read_work_queues(POOL):
            unlimited: dict[str, Any] = {"concurrency_limit": None} if queue.concurrency_limit == 0 else {}
            await client.update_work_queue(queue.id, is_paused=False, **unlimited)
        for deployment in await client.read_deployments():
            if deployment.paused:
                await client.resume_deployment(deployment.id)


def nudge(settings: Settings, incident: str) -> bool:
    """Start a sweep of this incident in Prefect; return False when Prefect begins none, which only delays things."""
    elsewhere = os.environ.get("PREFECT_API_URL")
    if not answers(elsewhere or f"http://127.0.0.1:{settings.prefect_port}"):
        return False
    if not elsewhere:
        os.environ.update(prefect_environment(settings))  # Prefect reads the environment when it is imported
    from prefect.deployments import arun_deployment

    async def ask() -> None:
        about, name = {"incident_id": incident}, f"sweep {incident}"
        await arun_deployment("sweep/sweep", parameters=about, flow_run_name=name, timeout=0, as_subflow=False)

    try:
        asyncio.run(asyncio.wait_for(ask(), ASK_SECONDS))
    except Exception:  # noqa: BLE001 - the next sweep finds all of it in the ledger
        return False
    return bool(elsewhere) or not why_idle(settings)


def send_on(desk: Desk, waiting: Iterable[tuple[str, str]]) -> None:
    """Start the sending of messages that wait on another channel; `waiting` holds their incidents and notices."""
    notices = sorted(waiting)
    for incident, notice in notices:
        desk.hint(f"`amends deliver {incident} {notice}` sends them, or the next sweep does")
    for incident in dict.fromkeys(incident for incident, _ in notices):
        nudge(desk.settings, incident)


def answers(url: str) -> bool:
    """Return True when a server listens at this address."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":  # run in a process of its own, whose environment says which Prefect
    asyncio.run(resume())
