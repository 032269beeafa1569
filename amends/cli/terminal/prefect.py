"""Prefect's work pool, from which the runner takes runs: find out what is paused there, resume it, start a sweep."""

import asyncio
import os
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.domain.base.errors import AmendsError
from amends.domain.plan.plan import plan
from amends.settings import Settings, prefect_environment
from amends.system.tls import context_for

PATIENCE_SECONDS = 5
POOL = "amends"
QUEUE = "default"
ASK_SECONDS = 10
"""Seconds to wait for an answer: a stuck server takes calls and answers none, and Prefect's client waits long."""
CONNECT_SECONDS = 2
BUSY_PAUSES = (0.1, 0.3, 1.0, 2.0)
"""Seconds to wait after each answer that Prefect's database is busy."""
NOT_BEGUN = "Prefect does not begin it here (`amends doctor` says why)"


def why_idle(settings: Settings) -> tuple[str, ...]:
    """Return the reasons why Prefect would begin no run, or would miss runs that died; empty without any."""
    environment = prefect_environment(settings)
    name, _, password = environment["PREFECT_API_AUTH_STRING"].partition(":")
    address, seconds = environment["PREFECT_API_URL"], PATIENCE_SECONDS
    try:
        with _client(address, timeout=seconds, auth=(name, password)) as prefect:
            return tuple(_reasons(prefect))
    except httpx2.HTTPError:
        return ("Prefect's server does not answer as it should: see what `amends up` says",)


def _client(address: str, **given: Any) -> httpx2.Client:
    return httpx2.Client(base_url=address, verify=context_for(address), trust_env=False, **given)


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


def nudge(desk: Desk, incident: str) -> bool:
    """Wake the incident's runs that wait for what has just been done, or start a sweep of the incident, in Prefect.

    Return False when Prefect begins none, which only delays things: the next sweep finds all of it in the ledger.
    """
    elsewhere = os.environ.get("PREFECT_API_URL")
    if not answers(elsewhere or f"http://127.0.0.1:{desk.settings.prefect_port}"):
        return False
    try:
        with _writing_client(dict(os.environ) if elsewhere else prefect_environment(desk.settings)) as prefect:
            if not _woken(prefect, _due(desk, incident)):
                _ask(prefect, f"/deployments/{_sweep_id(prefect)}/create_flow_run", _sweep_of(incident))
    except (httpx2.HTTPError, AmendsError, KeyError, ValueError):
        return False
    return bool(elsewhere) or not why_idle(desk.settings)


@contextmanager
def _writing_client(environment: Mapping[str, str]) -> Iterator[httpx2.Client]:
    """Yield a client of Prefect's API that may change things there."""
    name, _, password = environment.get("PREFECT_API_AUTH_STRING", "").partition(":")
    key = environment.get("PREFECT_API_KEY")
    given: dict[str, Any] = {"auth": (name, password)} if name else {}
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    address = environment["PREFECT_API_URL"]
    with _client(address, timeout=ASK_SECONDS, headers=headers, **given) as prefect:
        client = str(uuid4())
        token = prefect.get("/csrf-token", params={"client": client})
        if token.is_success:  # a server may do without
            prefect.headers.update({"Prefect-Csrf-Token": token.json()["token"], "Prefect-Csrf-Client": client})
        yield prefect


def _ask(prefect: httpx2.Client, path: str, said: object) -> Any:
    """Send this to Prefect, again when its database was busy, and return the answer. Raises httpx2.HTTPError."""
    for pause in BUSY_PAUSES:
        answer = prefect.post(path, json=said)
        if answer.status_code != httpx2.codes.SERVICE_UNAVAILABLE:
            break
        time.sleep(pause)
    return answer.raise_for_status().json()


def _due(desk: Desk, incident: str) -> list[str]:
    """Return the keys of the runs that should begin now."""
    moment = now()
    return [one.key(incident) for one in plan(desk.ledger.cases.read(incident, moment), moment).due]


def _woken(prefect: httpx2.Client, keys: list[str]) -> bool:
    """Have the runs with these keys begin now, and return True when all of them stand there and none is missing."""
    chosen = {"idempotency_key": {"any_": keys}, "state": {"type": {"any_": ["SCHEDULED"]}}}
    found = _ask(prefect, "/flow_runs/filter", {"flow_runs": chosen}) if keys else []
    for run in found:
        _ask(prefect, f"/flow_runs/{run['id']}/set_state", {"state": {"type": "SCHEDULED"}})  # without a time: now
    return bool(keys) and len(found) == len(keys)


def _sweep_id(prefect: httpx2.Client) -> str:
    return str(prefect.get("/deployments/name/sweep/sweep").raise_for_status().json()["id"])


def _sweep_of(incident: str) -> dict[str, Any]:
    return {"parameters": {"incident_id": incident}, "name": f"look after {incident}"}


def send_on(desk: Desk, waiting: Iterable[tuple[str, str]]) -> None:
    """Start the sending of messages that wait on another channel; `waiting` holds their incidents and notices."""
    notices = sorted(waiting)
    for incident, notice in notices:
        desk.hint(f"`amends deliver {incident} {notice}` sends them, or the next sweep does")
    for incident in dict.fromkeys(incident for incident, _ in notices):
        nudge(desk, incident)


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
