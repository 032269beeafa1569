"""A home with `amends up` running on it, in a world of its own, for tests that kill parts of it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2

from amends.content.people.audience import AudienceFile
from amends.rehearsal_clock import MARK, OFFSET_FILE
from amends.sandbox.mail import MailServer
from amends.sandbox.web import WebServices
from amends.settings import open_ledger, prefect_environment, read_settings
from tests.story import INCIDENT, STORY
from tests.terminals import hears_all

RUN = b"PREFECT__FLOW_RUN_ID="
AMENDS = str(Path(sys.executable).with_name("amends"))


def two_free_ports() -> list[int]:
    """Return two ports that nobody has; both are taken for a moment, so that they differ."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return [int(probe.getsockname()[1]) for probe in (one, other)]


def until(true: Callable[[], object], seconds: float, what: str, look_every: float = 0.25) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := true():
            return answer
        time.sleep(look_every)
    raise AssertionError(f"after {seconds} s still not: {what}")


def _answer(ask: Callable[[], httpx2.Response]) -> Any:
    """Prefect's, once it has one: its own client asks again too.

    On SQLite it says 503 while its database is locked, and who asks while it starts or ends may hear nothing.
    """

    def answer() -> httpx2.Response | None:
        try:
            said = ask()
        except httpx2.TransportError:
            return None
        return None if said.status_code == httpx2.codes.SERVICE_UNAVAILABLE else said.raise_for_status()

    return until(answer, 60, "Prefect answers")


class Installation:
    """A home of its own with `amends up` running on it, and the world outside."""

    def __init__(self, folder: Path, mail: MailServer, web: WebServices) -> None:
        self.home, self.mail, self.web = folder / "home", mail, web
        self.log = folder / "up.log"
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "AMENDS_"))
        }
        self.amends("init", str(self.home), "--public-url", "http://127.0.0.1:8400")
        self._set_up(web)
        self.settings = read_settings(self.home)
        self.ledger = open_ledger(self.settings)
        self.process: subprocess.Popen[bytes]

    def _set_up(self, web: WebServices) -> None:
        prefect_port, portal_port = two_free_ports()
        (self.home / "amends.toml").write_text(f"""
public_url = "http://127.0.0.1:8400"
prefect_port = {prefect_port}
portal_port = {portal_port}
[channels.email]
use = "email_smtp"
host = "127.0.0.1"
port = "{self.mail.port}"
security = "none"
sender = "care@btepai.example"
bounce_domain = "bounces.btepai.example"
[channels.sms]
use = "sms_http"
shape = "json"
url = "{web.url}/sms"
to_field = "to"
text_field = "text"
token = "t"
[channels.social]
use = "social_mastodon"
url = "{web.url}"
token = "t"
[channels.website]
use = "website_static"
folder = "{self.home / "site"}"
base_url = "http://127.0.0.1:8400/n"
""")

    def make_rehearsal(self, moment: datetime) -> None:
        """From now on it is this moment here, and the clock can be moved."""
        (self.home / MARK).touch()
        self.put_clock(moment)

    def put_clock(self, moment: datetime) -> None:
        """It is this moment here, for every process at once."""
        written = self.home / f"{OFFSET_FILE}.new"
        written.write_text(str(round((moment - datetime.now(UTC)).total_seconds())))
        written.replace(self.home / OFFSET_FILE)

    def amends(self, *arguments: str, token: str = "", code: int = 0) -> str:
        environment = self.environment | {"AMENDS_HOME": str(self.home)} | ({"AMENDS_TOKEN": token} if token else {})
        done = subprocess.run(
            [AMENDS, *arguments], env=environment, capture_output=True, text=True, timeout=180, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def member(self, name: str, role: str, token: str = "") -> str:
        by = ["--as", "mei"] if token else []
        return str(json.loads(self.amends("--json", "team", "add", name, "--role", role, *by, token=token))["token"])

    def up(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [AMENDS, "--home", str(self.home), "up"],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=hears_all,
            )
        until(
            lambda: b"Ctrl-C stops" in self.log.read_bytes(), 300, "amends up answers: " + self.log.read_text()[-2000:]
        )

    def up_again(self) -> None:
        """After all of it was killed."""
        self.log.write_bytes(b"")
        self.up()

    def children(self, *words: str) -> list[int]:
        """Processes below `amends up`, but for those that carry out runs, whose command line has these words."""
        return [pid for pid, line in self._processes(of_runs=False).items() if all(word in line for word in words)]

    def flow_processes(self) -> dict[int, str]:
        """The processes that carry out runs, also those whose runner is gone, each with the id of its run."""
        return self._processes(of_runs=True)

    def _processes(self, *, of_runs: bool) -> dict[int, str]:
        """Those that work in this home, told by their environment, with the run or else the command line of each."""
        found = {}
        for entry in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                words, line = ((entry / name).read_bytes().split(b"\0") for name in ("environ", "cmdline"))
                runs = [word[len(RUN) :] for word in words if word.startswith(RUN)]
                if f"AMENDS_HOME={self.home}".encode() in words and bool(runs) is of_runs:
                    found[int(entry.name)] = (runs[0] if runs else b" ".join(line)).decode(errors="replace")
        return found

    def kill_all(self) -> None:
        """SIGKILL: `amends up`, all that belongs to it, and every process that carries out a run."""
        for pid in [self.process.pid, *self.children(), *self.flow_processes()]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def kill(self, *words: str) -> None:
        pids = self.children(*words)
        assert pids, words
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def halt(self) -> None:
        """`amends up` stands still: what dies now is not started again."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After it stood still."""
        self.process.send_signal(signal.SIGCONT)

    @contextmanager
    def api(self) -> Iterator[httpx2.Client]:
        secret = prefect_environment(self.settings)["PREFECT_API_AUTH_STRING"]
        name, password = secret.split(":", 1)
        address = f"http://127.0.0.1:{self.settings.prefect_port}/api"
        with httpx2.Client(base_url=address, auth=(name, password), trust_env=False, timeout=60) as client:
            browser = str(uuid4())  # the next token for the same client makes the one before useless
            token = _answer(lambda: client.get("/csrf-token", params={"client": browser})).json()
            client.headers.update({"Prefect-Csrf-Token": token["token"], "Prefect-Csrf-Client": browser})
            yield client

    def run_deployment(self, name: str, parameters: dict[str, str]) -> None:
        with self.api() as api:
            deployment = _answer(lambda: api.get(f"/deployments/name/{name}/{name}")).json()
            create = f"/deployments/{deployment['id']}/create_flow_run"
            _answer(lambda: api.post(create, json={"parameters": parameters}))

    def let_its_time_come(self, run: str) -> None:
        """By Prefect's clock, which is the machine's and goes on by itself only: so the run is moved to now."""
        now = {"type": "SCHEDULED", "state_details": {"scheduled_time": datetime.now(UTC).isoformat()}}
        with self.api() as api:
            move = f"/flow_runs/{run}/set_state"
            _answer(lambda: api.post(move, json={"state": now}))

    def runs(self) -> list[dict[str, Any]]:
        """The incident's runs, and those that look after incidents apart from the ones of the timetable to come."""
        with self.api() as api:
            mine, after = (self._tagged(api, tag) for tag in (f"incident:{INCIDENT}", "look-after"))
            return mine + [one for one in after if one["state_type"] != "SCHEDULED" or not one["auto_scheduled"]]

    def _tagged(self, api: httpx2.Client, tag: str) -> list[dict[str, Any]]:
        chosen = {"flow_runs": {"tags": {"all_": [tag]}}, "limit": 200, "sort": "EXPECTED_START_TIME_ASC"}
        found: list[dict[str, Any]] = _answer(lambda: api.post("/flow_runs/filter", json=chosen)).json()
        return found

    def page_in_prefect(self, key: str) -> str:
        """The text of an artifact, as it was last written."""
        with self.api() as api:
            page = _answer(lambda: api.get(f"/artifacts/{key}/latest")).json()
            return f"{page['description']}\n{page['data']}"

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(40)
        self.ledger.dispose()

    def everything_prefect_wrote(self) -> bytes:
        """Its databases with their journals, and what it and we said on the terminal."""
        folder = self.home / "prefect"
        return b"".join(path.read_bytes() for path in [*folder.rglob("*"), self.log] if path.is_file())


def canaries() -> set[bytes]:
    """Every address, number and name of the story's audience, as it would stand in a file or in JSON."""
    people = list(AudienceFile(STORY / "audience.csv").rows())
    words = {word for person in people for word in (person.email, person.phone, person.postal_address) if word}
    words |= {person.name for person in people if len(person.name) > 3 or re.search(r"[一-鿿]{2}", person.name)}
    return {spelled.encode() for word in words for spelled in (word, json.dumps(word)[1:-1])}


@contextmanager
def running(folder: Path) -> Iterator[Installation]:
    """An installation that runs until the block ends."""
    with MailServer(folder / "mail") as mail, WebServices(folder / "web") as web:
        made = Installation(folder, mail, web)
        made.up()
        try:
            yield made
        finally:
            if made.process.poll() is None:
                made.stop()
