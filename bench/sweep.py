"""How long one sweep takes over many open incidents, each with its follow-ups standing as scheduled runs in Prefect.

    python bench/sweep.py --incidents 300

It starts a Prefect server of its own in a temporary home, opens the incidents for two invented people each, brings them
to the day after their first notice, and sweeps: once to set everything up, and then with nothing to repair.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from amends.cli.home.init import make_home
from amends.cli.home.up import Parts, deploy, free_port, prefect_server
from amends.content.file.shipped import library
from amends.content.incident.incident import read_incident
from amends.content.playbook.playbook import load_playbook
from amends.domain.case.states import OccurrenceState
from amends.domain.people.person import Person
from amends.domain.playbook.playbook import Event, Phase, Step
from amends.ledger import Ledger
from amends.settings import Settings, open_ledger, prefect_environment
from bench.peers.page import machine

PAGE = 200
PLAYBOOK = "customer-data-theft"
STORY = library() / "examples" / "stolen-terminals"
DONE = ("assess", "first-notice")
DATES = (20, 40, 60)
"""Days from now for which each incident has a step more."""
SWEEPING = """
import asyncio, json, sys, time
from flows.sweep import sweep
for _ in range(int(sys.argv[1])):
    started, cpu = time.perf_counter(), time.process_time()
    state = asyncio.run(sweep(return_state=True))
    took = [time.perf_counter() - started, time.process_time() - cpu]
    print(json.dumps([*took, state.name, state.message]), flush=True)
"""


def main() -> None:
    """Set up, sweep, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--incidents", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3, help="how many sweeps with nothing to repair")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, at_work(Path(folder) / "home") as (settings, environment):
        ledger = open_ledger(settings)
        opened(ledger, options.incidents)
        told = sweeps(environment, options.rounds + 1)
        runs = asyncio.run(_scheduled(environment))
    print(machine())
    print(f"standing    {runs} scheduled runs of {options.incidents} open incidents")
    for number, (seconds, cpu, name, message) in enumerate(told):
        what = "nothing to repair" if number else "all set up anew"
        print(f"{what:<18} {seconds:6.1f} s, {cpu:5.1f} s of CPU here: {name}, {message}")


@contextmanager
def at_work(home: Path) -> Iterator[tuple[Settings, dict[str, str]]]:
    """A home with a Prefect server and the deployments, and what a flow needs to find both."""
    settings = Settings(home=home, public_url="http://127.0.0.1:8400", prefect_port=free_port())
    make_home(home, settings)
    environment = prefect_environment(settings) | {"PREFECT_LOGGING_LEVEL": "WARNING", "AMENDS_HOME": str(home)}
    with Parts(environment) as parts:
        parts.start("Prefect server", prefect_server(settings.prefect_port), quiet=True)
        parts.wait_for("Prefect server", settings.prefect_port)
        deploy(environment)
        yield settings, environment


def opened(ledger: Ledger, incidents: int) -> None:
    """So many incidents, a day after people were told."""
    shipped, wording = load_playbook(PLAYBOOK)
    playbook = shipped.model_copy(update={"steps": (*shipped.steps, *_dated())})
    file, now = read_incident(STORY / "incident.yaml"), datetime.now(UTC)
    told = now - timedelta(hours=23)
    for number in range(incidents):
        incident = file.model_copy(update={"id": f"incident-{number}"})
        people = [Person(n, f"P-{n}", "Kim Example", f"kim{n}@mail.example", "", "en", "DE") for n in (1, 2)]
        ledger.incidents.open(incident, people, "mei", told)
        ledger.playbooks.pin(incident.id, playbook, wording, "mei", told)
        for step in DONE:
            ledger.occurrences.mark(incident.id, step, 1, told, OccurrenceState.DONE, told)
        for event in (Event.ASSESSED, Event.NOTIFIED):
            ledger.incidents.note_event(incident.id, event, told)


def _dated() -> Iterator[Step]:
    for days in DATES:
        on = datetime.now(UTC) + timedelta(days=days)
        yield Step(id=f"look-again-{days}", phase=Phase.COLLECT_FEEDBACK, on=on)


def sweeps(environment: dict[str, str], count: int) -> list[list[object]]:
    """So many sweeps in a process of their own, as a flow run is; seconds, CPU and what each says."""
    command = [sys.executable, "-c", SWEEPING, str(count)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]


async def _scheduled(environment: dict[str, str]) -> int:
    """How many runs stand scheduled."""
    os.environ.update(environment)  # Prefect reads it when it is imported
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
    from prefect.client.schemas.objects import StateType

    chosen = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])))
    count = 0
    async with get_client() as client:
        while page := await client.read_flow_runs(flow_run_filter=chosen, limit=PAGE, offset=count):
            count += len(page)
    return count


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"all of it   {time.monotonic() - started:.0f} s")
