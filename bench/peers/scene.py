"""An incident opened on the command line, `amends up`, and a team whose last approval lets the first notice go."""

import csv
import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from amends.cli.terminal.exits import Exit
from amends.content.playbook.playbook import find_playbook
from amends.ledger import Ledger
from bench.deliver import STORY, invented
from bench.peers.home import INCIDENT, NOTICE, Home, made
from bench.peers.measure import cpu, ended, group

LEAD, FIRST, LAST = "mei", "omar", "wei"
TEAM = {LEAD: "lead", FIRST: "legal", LAST: "security"}
URL = "http://127.0.0.1:8400"
"""A host of the incident's organisation; nobody follows the links."""
PLAYBOOK = "customer-data-theft"
TOLD_PEOPLE = 240
"""The number of people in the facts and texts of the incident file; a notice must name as many as the list has."""
COLUMNS = ("id", "name", "email", "phone", "locale", "country", "data")
RUNNING = b"Ctrl-C stops"
LOOK, LOOK_AT_LEDGER = 0.25, 2.0
ENDING = 60
"""Seconds that `amends up` may take to end before it is killed."""
RESTING, RESTED = 0.2, 3.0
"""Prefect rests when it takes less than this share of a core for so many seconds."""


class Scene:
    """A home with this incident. All of it must be over within three times what one command may take."""

    def __init__(self, folder: Path, people: int, mail_port: int, connections: int) -> None:
        self.folder, self.people = folder, people
        self.home: Home = made(folder / "home", people, URL, mail_port, connections)
        self.approved_at = 0.0
        """When the last one began to approve, as time.monotonic() counts."""
        self._until = time.monotonic() + 3 * self.home.limit
        self._log, self._tokens = folder / "up.log", dict[str, str]()
        for name, role in TEAM.items():
            self._join(name, role)
        self._open()

    @contextmanager
    def up(self) -> Iterator[int]:
        """`amends up`, by its process id, once it runs; at the end it is asked to stop, and killed if it does not."""
        with self._log.open("wb") as output, group(self.home.command("up"), self.folder, output) as process:
            try:
                self.wait(process.pid, lambda: RUNNING in self._log.read_bytes(), LOOK, "it runs")
                yield process.pid
            finally:
                os.kill(process.pid, signal.SIGTERM)  # a shell has what it starts aside ignore SIGINT
                latest = time.monotonic() + ENDING
                while not ended(process.pid) and time.monotonic() < latest:
                    time.sleep(LOOK)

    def draft(self, up: int) -> None:
        """Start the playbook; the first notice is drafted by Prefect, and lacks one approval then."""
        playbook = self.folder / "playbook.json"
        playbook.write_text(json.dumps(_by_email_alone()), encoding="utf-8")
        self._act(LEAD, "run", INCIDENT, "--playbook", str(playbook))
        with self.home.ledger() as ledger:
            self.wait(up, lambda: _drafted(ledger), LOOK_AT_LEDGER, f"{NOTICE} is drafted")
        self._approve(FIRST, Exit.WAITING)
        self.wait(up, lambda: _rests(up), 0, "Prefect rests")

    def approve(self) -> None:
        """The last approval: the notice may leave."""
        self.approved_at = time.monotonic()
        self._approve(LAST, Exit.OK)

    def wait(self, up: int, true: Callable[[], object], every: float, what: str) -> None:
        """Until that is true. Raises SystemExit when `amends up` has ended, or it takes too long."""
        while not true():
            if ended(up) or time.monotonic() > self._until:
                words = self._log.read_text(encoding="utf-8", errors="replace")[-1500:]
                raise SystemExit(f"`amends up` ended, or it took too long until {what}:\n{words}")
            time.sleep(every)

    def _join(self, name: str, role: str) -> None:
        """The first is the lead, who adds the others."""
        by = ("--as", LEAD) if self._tokens else ()
        words = ("--json", "team", "add", name, "--role", role, *by)
        self._tokens[name] = json.loads(self.home.amends(*words, token=self._tokens.get(LEAD, "")))["token"]

    def _open(self) -> None:
        audience = self.folder / "audience.csv"
        with audience.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(COLUMNS)
            for one in invented(self.people):
                rows.writerow((one.ref, one.name, one.email, one.phone, one.locale, one.country, "|".join(one.data)))
        incident = self.folder / "incident.yaml"
        told = (STORY / "incident.yaml").read_text(encoding="utf-8")
        incident.write_text(re.sub(rf"\b{TOLD_PEOPLE}\b", str(self.people), told), encoding="utf-8")
        self._act(LEAD, "incident", "open", str(incident), "--audience", str(audience))

    def _approve(self, name: str, code: int) -> None:
        self._act(name, "approve", INCIDENT, NOTICE, "--people", str(self.people), "--yes", code=code)

    def _act(self, name: str, *words: str, code: int = Exit.OK) -> None:
        self.home.amends(*words, "--as", name, token=self._tokens[name], code=code)


def _by_email_alone() -> dict[str, Any]:
    """The playbook, with no other channel in any step."""
    content: dict[str, Any] = YAML(typ="safe").load(find_playbook(PLAYBOOK))
    for step in content["steps"]:
        if "channels" in step:
            step |= {"channels": ["email"], "cascade": []}
    return content


def _drafted(ledger: Ledger) -> bool:
    """Everybody's message was put together, too: nobody can approve before."""
    there = NOTICE in ledger.statistics.drafted_notices(INCIDENT)
    return there and ledger.notices.preflight(ledger.notices.latest_draft(INCIDENT, NOTICE)) is not None


def _rests(up: int) -> bool:
    before = cpu(up)
    time.sleep(RESTED)
    return cpu(up) - before < RESTING * RESTED
