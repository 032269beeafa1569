"""Prefect's work pool, from which the runner takes runs: what somebody has paused there, and how it goes on."""

import asyncio
import os
import socket
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2

from amends.cli.terminal.desk import Desk
from amends.settings import Settings, prefect_environment

POOL = "amends"
QUEUE = "default"
PATIENCE_SECONDS = 5
NOT_BEGUN = "Prefect does not begin it here (`amends doctor` says why)"
CONNECT_SECONDS = 2
ASK_SECONDS = 10
"""A server that is stuck takes calls and answers none, and Prefect's own client waits long for it."""


def held(settings: Settings) -> tuple[str, ...]:
    """Why Prefect would begin nothing, or miss what died; empty when it would not."""
    environment = prefect_environment(settings)
    name, _, password = environment["PREFECT_API_AUTH_STRING"].partition(":")
    address, seconds = environment["PREFECT_API_URL"], PATIENCE_SECONDS
    try:
        with httpx2.Client(base_url=address, auth=(name, password), timeout=seconds, trust_env=False) as prefect:
            return tuple(_held(prefect))
    except httpx2.HTTPError:
        return ("Prefect's server does not answer as it should: see what `amends up` says",)


def _held(prefect: httpx2.Client) -> Iterator[str]:
    pool = _found(prefect, f"/work_pools/{POOL}")
    queue = _found(prefect, f"/work_pools/{POOL}/queues/{QUEUE}")
    sweep = _found(prefect, "/deployments/name/sweep/sweep")
    for what, it in ((f"work pool `{POOL}`", pool), (f"work queue `{QUEUE}`", queue)):
        if _is_stopped(it):
            yield f"its {what} is paused, limited to no run, or gone"
    if not _is_stopped(pool) and pool.get("status") == "NOT_READY":
        yield "no runner takes runs from it"
    if sweep.get("paused", True) or not any(schedule["active"] for schedule in sweep["schedules"]):
        yield "its deployment sweep has no schedule, or is paused"


def _found(prefect: httpx2.Client, path: str) -> dict[str, Any]:
    """What stands there; nothing when somebody has deleted it."""
    answer = prefect.get(path)
    if answer.status_code == httpx2.codes.NOT_FOUND:
        return {}
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def _is_stopped(it: dict[str, Any]) -> bool:
    return it.get("is_paused", True) or it.get("concurrency_limit") == 0


async def resume() -> None:
    """Whoever starts `amends up` means it to work, whatever was paused in Prefect before."""
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
    """Let Prefect look at this incident now; False when it does not, which only delays things."""
    elsewhere = os.environ.get("PREFECT_API_URL")
    if not answers(elsewhere or f"http://127.0.0.1:{settings.prefect_port}"):
        return False
    if not elsewhere:
        os.environ.update(prefect_environment(settings))  # Prefect reads it when it is imported
    from prefect.deployments import arun_deployment

    async def ask() -> None:
        about, name = {"incident_id": incident}, f"sweep {incident}"
        await arun_deployment("sweep/sweep", parameters=about, flow_run_name=name, timeout=0, as_subflow=False)

    try:
        asyncio.run(asyncio.wait_for(ask(), ASK_SECONDS))
    except Exception:  # noqa: BLE001 - the ledger has it all; the next sweep finds it
        return False
    return bool(elsewhere) or not held(settings)


def send_on(desk: Desk, waiting: Iterable[tuple[str, str]]) -> None:
    """What is to be written on another channel leaves soon; by incident and notice."""
    notices = sorted(waiting)
    for incident, notice in notices:
        desk.hint(f"`amends deliver {incident} {notice}` sends them, or the next sweep does")
    for incident in dict.fromkeys(incident for incident, _ in notices):
        nudge(desk.settings, incident)


def answers(url: str) -> bool:
    """Whether a server listens at this address."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":  # in a process of its own, whose environment says which Prefect
    asyncio.run(resume())
