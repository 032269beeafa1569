"""`amends up` as people use it: triggered over Prefect's API, approved on the command line, killed in the middle."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path
from typing import Any

import httpx2
import pytest

from amends.cli.up import answers
from amends.content.audience import AudienceFile
from amends.settings import open_ledger, prefect_environment, read_settings
from amends.world import MailServer, WebServices
from tests.story import INCIDENT, STORY

AMENDS = str(Path(sys.executable).with_name("amends"))
PEOPLE = 240

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(280)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(true: Callable[[], object], seconds: float, what: str) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := true():
            return answer
        time.sleep(0.25)
    raise AssertionError(f"after {seconds} s still not: {what}")


class Installation:
    """A home of its own with `amends up` running on it, and the world outside."""

    def __init__(self, folder: Path, mail: MailServer, web: WebServices) -> None:
        self.home, self.mail = folder / "home", mail
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
        (self.home / "amends.toml").write_text(f"""
public_url = "http://127.0.0.1:8400"
prefect_port = {free_port()}
portal_port = {free_port()}
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

    def amends(self, *arguments: str, token: str = "", code: int = 0) -> str:
        environment = self.environment | {"AMENDS_HOME": str(self.home)} | ({"AMENDS_TOKEN": token} if token else {})
        done = subprocess.run(
            [AMENDS, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
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
            )
        until(
            lambda: b"Ctrl-C stops" in self.log.read_bytes(), 90, "amends up answers: " + self.log.read_text()[-2000:]
        )

    def children(self, *words: str) -> list[int]:
        """Processes below `amends up` whose command line has these words."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    group = os.getpgid(int(entry.name))
                except (OSError, ProcessLookupError):
                    continue
                if all(word in line for word in words) and os.getsid(int(entry.name)) == self.process.pid and group:
                    found.append(int(entry.name))
        return found

    def kill(self, *words: str) -> None:
        pids = self.children(*words)
        assert pids, words
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    @contextmanager
    def api(self) -> Iterator[httpx2.Client]:
        secret = prefect_environment(self.settings)["PREFECT_API_AUTH_STRING"]
        name, password = secret.split(":", 1)
        address = f"http://127.0.0.1:{self.settings.prefect_port}/api"
        with httpx2.Client(base_url=address, auth=(name, password), trust_env=False) as client:
            token = client.get("/csrf-token", params={"client": "test"}).raise_for_status().json()
            client.headers.update({"Prefect-Csrf-Token": token["token"], "Prefect-Csrf-Client": "test"})
            yield client

    def run_deployment(self, name: str, parameters: dict[str, str]) -> None:
        with self.api() as api:
            deployment = api.get(f"/deployments/name/{name}/{name}").raise_for_status().json()
            create = f"/deployments/{deployment['id']}/create_flow_run"
            # Prefect on SQLite answers 503 while its database is locked; its own client tries again too.
            until(lambda: api.post(create, json={"parameters": parameters}).is_success, 20, "Prefect takes the run")

    def runs(self) -> list[dict[str, Any]]:
        with self.api() as api:
            chosen = {"flow_runs": {"tags": {"all_": [f"incident:{INCIDENT}"]}}, "limit": 200}
            answer: list[dict[str, Any]] = api.post("/flow_runs/filter", json=chosen).raise_for_status().json()
            return answer

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(40)
        self.ledger.dispose()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("up")
    with MailServer(folder / "mail") as mail, WebServices(folder / "web") as web:
        made = Installation(folder, mail, web)
        made.up()
        try:
            yield made
        finally:
            if made.process.poll() is None:
                made.stop()


def _notice(installation: Installation) -> Any:
    return installation.ledger.case(INCIDENT).notice("first-notice")


def _told(notice: Any) -> bool:
    """Nothing is left but the two mailboxes that said `later`, whose next try is set."""
    return bool(notice.next_try_at) and notice.pending == 2


def test_a_lead_tells_everybody_although_everything_is_killed_in_the_middle(installation: Installation) -> None:
    mei = installation.member("mei", "lead")
    secrets = {
        name: installation.member(name, role, token=mei) for name, role in [("omar", "legal"), ("wei", "security")]
    }
    files = [str(STORY / "incident.yaml"), "--audience", str(STORY / "audience.csv")]
    installation.amends("incident", "open", *files, "--as", "mei", token=mei)
    installation.run_deployment("respond", {"incident_id": INCIDENT, "playbook": "customer-data-theft"})
    until(lambda: _notice(installation), 90, "the first notice is drafted")

    installation.mail.delay = 0.15
    people = ["--people", str(PEOPLE), "--yes"]
    installation.amends("approve", INCIDENT, "first-notice", "--as", "omar", *people, token=secrets["omar"], code=4)
    installation.amends("approve", INCIDENT, "first-notice", "--as", "wei", *people, token=secrets["wei"])

    until(lambda: len(installation.mail.arrived) > 20, 90, "the first messages arrive")
    installation.kill("prefect", "server", "start")
    installation.kill("worker", "start")
    installation.mail.delay = 0.0
    until(lambda: _told(_notice(installation)), 150, "all have been told")

    names = Counter(message_from_bytes(arrived.content)["Message-ID"] for arrived in installation.mail.arrived)
    assert set(names.values()) == {1}, "no message arrives twice"
    twice = {
        address
        for address, count in Counter(arrived.recipients[0] for arrived in installation.mail.arrived).items()
        if count > 1
    }
    guardians = {person.email for person in AudienceFile(STORY / "audience.csv").rows() if person.guardian_of}
    assert twice <= guardians, "they are written to for themselves and for the child"
    assert sum(_notice(installation).people.values()) == PEOPLE


def test_what_comes_next_stands_in_prefect_as_scheduled_runs(installation: Installation) -> None:
    def scheduled() -> bool:
        waiting = {run["name"] for run in installation.runs() if run["state_type"] == "SCHEDULED"}
        wanted = {f"{INCIDENT} {turn} 1" for turn in ("feedback", "update", "survey", "promises")}
        return wanted <= waiting

    until(lambda: answers(installation.settings.prefect_port), 60, "Prefect is there again")
    until(scheduled, 90, "feedback, update, survey and promises stand as scheduled runs")


def test_prefect_knows_nobody(installation: Installation) -> None:
    """The canaries are the audience itself: no name, address or number of it in Prefect's database or in any log."""
    everything = b"".join(
        path.read_bytes()
        for path in [*installation.home.joinpath("prefect").rglob("*"), installation.log]
        if path.is_file()
    )
    assert b"first-notice" in everything, "the scan reads what it should"
    people = list(AudienceFile(STORY / "audience.csv").rows())
    canaries = {word for person in people for word in (person.email, person.phone, person.postal_address) if word}
    canaries |= {person.name for person in people if len(person.name) > 3 or re.search(r"[一-鿿]{2}", person.name)}
    found = [word for word in canaries if word.encode() in everything or json.dumps(word)[1:-1].encode() in everything]
    assert not found, f"{len(found)} of {len(canaries)} canaries were found"


def test_prefect_is_private(installation: Installation) -> None:
    port = installation.settings.prefect_port
    assert httpx2.get(f"http://127.0.0.1:{port}/api/admin/version", trust_env=False).status_code == 401
    forged = httpx2.post(f"http://127.0.0.1:{port}/api/flow_runs/filter", json={}, trust_env=False)
    assert forged.status_code == 403, "a page in somebody's browser cannot speak to it"
    modes = {path.name: path.stat().st_mode & 0o077 for path in installation.home.rglob("*.db*") if path.is_file()}
    assert modes and not any(modes.values()), modes


def test_ctrl_c_stops_all_of_it(installation: Installation) -> None:
    installation.process.send_signal(signal.SIGINT)
    installation.process.wait(60)
    until(lambda: not installation.children(""), 20, "no process is left")
