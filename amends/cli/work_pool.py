"""Prefect's work pool, from which the runner takes runs: what somebody has paused there, and how it goes on."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx2

from amends.settings import Settings, prefect_environment

POOL = "amends"
QUEUE = "default"
PATIENCE_SECONDS = 5


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


if __name__ == "__main__":  # in a process of its own, whose environment says which Prefect
    asyncio.run(resume())
