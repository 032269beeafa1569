"""Asks Prefect to look at an incident at once, instead of at its next sweep."""

import asyncio
import os
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from amends.cli.desk import Desk
from amends.cli.work_pool import held
from amends.settings import Settings, prefect_environment

NOT_BEGUN = "Prefect does not begin it here (`amends doctor` says why)"
PATIENCE_SECONDS = 2
ASK_SECONDS = 10
"""A server that is stuck takes calls and answers none, and Prefect's own client waits long for it."""


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
        socket.create_connection((parts.hostname or "", port), PATIENCE_SECONDS).close()
    except OSError:
        return False
    return True
