"""Every click on a run in Prefect's UI, at six moments of a send, beside a sweep that runs all the time.

The clicks are the calls that the UI makes. After a cancel or a pause nothing leaves but what was in flight; nobody is
told twice; and once a person lets a held step go on, everybody has been told.
"""

import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from amends.content.incident.incident import read_incident
from amends.content.playbook.playbook import load_playbook
from amends.domain.case.states import OccurrenceState
from amends.domain.draft.draft import Links
from amends.domain.team.approval import Decision
from amends.domain.team.member import TeamRole
from amends.sandbox.mail import MailServer
from amends.sandbox.web import WebServices
from amends.settings import prefect_environment
from flows.assess import assess
from flows.notify import notify
from flows.run.context import Context, using
from tests.builders import a_person, story_of_few
from tests.e2e.installation import Installation, until
from tests.story import APPROVERS

AT_ONCE = 3
"""Sends at the same time: each takes a process, and the machine may have two processors."""
PEOPLE = 30
CONNECTIONS = 2
SECONDS = 0.5
"""The time that the relay takes for each message."""
IN_FLIGHT = 4 * CONNECTIONS
"""The most messages that the engine hands to its connections before the first answer, with room for a look's length."""
NOTICE, STEP = "first-notice", "first-notice"
MOST_RUNS = 40
"""More runs than one send can have."""
CALM = 20.0
"""Seconds for which nothing leaves after a click: a run that Prefect took for dead used to be followed in 16 s."""
SWEEP = """
import asyncio
from flows.sweep import sweep
while True:
    print(asyncio.run(sweep.fn()).message, flush=True)
"""
SHOWN = {"cancel": "CANCELLED", "pause": "PAUSED"}
"""The state in which the page shows a run that was stopped."""

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(2400)]

MOMENTS = ("scheduled", "pending", "begun", "in the middle", "near the end", "over")
CLICKS: dict[str, tuple[str, str, dict[str, Any] | None]] = {
    "cancel": ("POST", "/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}, "force": True}),
    "pause": ("POST", "/set_state", {"state": {"type": "PAUSED", "name": "Suspended"}, "force": True}),
    "retry": (
        "POST",
        "/set_state",
        {"state": {"type": "SCHEDULED", "name": "AwaitingRetry", "message": "Retry from the UI"}, "force": False},
    ),
    "delete": ("DELETE", "", None),
    "edit": ("PATCH", "", {"parameters": {"incident_id": "another", "step": "another", "occurrence": 2}}),
}
"""What the UI asks of Prefect's API: method, path below the run, body."""


class Send:
    """An incident whose first notice is approved, and its run in Prefect."""

    def __init__(self, installation: Installation, api: httpx2.Client, incident: str, token: str) -> None:
        self._installation, self._api, self.incident, self._token = installation, api, incident, token
        self.ledger = installation.ledger
        self.people = {f"kim{number}@{incident}.example" for number in range(1, PEOPLE + 1)}
        self.run = ""

    def prepare(self, context: Context) -> None:
        """Open the incident, assess it, draft its first notice and approve that."""
        now, incident = datetime.now(UTC), read_incident(story_of_few()).model_copy(update={"id": self.incident})
        people = [a_person(number=n + 1, email=one, phone="") for n, one in enumerate(sorted(self.people))]
        self.ledger.incidents.open(incident, people, "mei", now)
        playbook, *words = load_playbook("customer-data-theft")
        short = playbook.model_copy(update={"steps": tuple(s for s in playbook.steps if s.id in {"assess", STEP})})
        self.ledger.playbooks.pin(self.incident, short, *words, "mei", now)
        with using(context):
            asyncio.run(assess.fn(self.incident, "assess", 1))
            asyncio.run(notify.fn(self.incident, STEP, 1))
        notice = self.notice
        for member in APPROVERS:
            self.ledger.approvals.decide(
                self.incident, NOTICE, member, Decision.APPROVE, notice.binding, "", datetime.now(UTC)
            )

    @property
    def notice(self) -> Any:
        return self.ledger.cases.read(self.incident).notice(NOTICE)

    @property
    def occurrence(self) -> Any:
        recorded = self.ledger.cases.read(self.incident).occurrences
        return next(one for one in recorded if (one.step, one.number) == (STEP, 1))

    @property
    def arrived(self) -> list[str]:
        """The addresses of all messages of this incident, as they arrived."""
        return [one.recipients[0] for one in self._installation.mail.arrived if one.recipients[0] in self.people]

    def set_up(self) -> None:
        """Wait until a sweep has set up the send's run."""
        self.run = until(self.runs, 300, f"{self.incident} has a run", look_every=0.05)[0]["id"]

    def runs(self) -> list[dict[str, Any]]:
        """The send's runs, the latest first."""
        keys = [f"{self.incident}:{STEP}:1:r{revision}" for revision in range(MOST_RUNS)]
        mine = {"flow_runs": {"idempotency_key": {"any_": keys}}, "sort": "EXPECTED_START_TIME_DESC"}
        found: list[dict[str, Any]] = self._ask("POST", "/flow_runs/filter", mine).json()
        return found

    def _ask(self, method: str, path: str, body: Any) -> httpx2.Response:
        """Ask until Prefect's database is not locked."""

        def answer() -> httpx2.Response | None:
            said = self._api.request(method, path, json=body)
            return None if said.status_code == httpx2.codes.SERVICE_UNAVAILABLE else said.raise_for_status()

        answered: httpx2.Response = until(answer, 60, "Prefect answers")
        return answered

    @property
    def page(self) -> dict[str, Any]:
        """The run that is clicked on; empty once it was deleted."""
        return next((run for run in self.runs() if run["id"] == self.run), {})

    @property
    def state(self) -> str:
        return str(self.page.get("state_type"))

    def wait_for(self, moment: str) -> None:
        """Wait until the send is at this moment; a run that never began is followed by another."""
        begun = {"RUNNING", "COMPLETED"}
        reached: dict[str, Callable[[], bool]] = {
            "scheduled": lambda: True,
            "pending": lambda: self.state in {"PENDING", *begun},
            "begun": lambda: self.state in begun,
            "in the middle": lambda: len(self.arrived) >= PEOPLE // 3,
            "near the end": lambda: len(self.arrived) >= PEOPLE - 3,
            "over": lambda: self.state == "COMPLETED",
        }

        def there() -> bool:
            self.run = next((run["id"] for run in self.runs()), "")
            return reached[moment]()

        until(there, 600, f"{self.incident} is {moment}", look_every=0.05)

    def click(self, click: str) -> None:
        method, path, body = CLICKS[click]
        if click == "pause" and body:
            timeout = (datetime.now(UTC) + timedelta(seconds=300)).isoformat()
            details = {"pause_timeout": timeout, "pause_reschedule": True}
            body = body | {"state": body["state"] | {"state_details": details}}
        self._ask(method, f"/flow_runs/{self.run}{path}", body)

    def go_on(self) -> None:
        """Let the held step go on, as a person does."""
        self._installation.amends("step", "go", self.incident, STEP, "1", "--as", "mei", token=self._token)

    def is_decided(self) -> bool:
        """The click stands in the ledger, or came too late."""
        return self.occurrence.state in {OccurrenceState.HELD, OccurrenceState.DONE}

    def everybody_once(self) -> bool:
        assert max(Counter(self.arrived).values(), default=0) <= 1, "nobody is told twice"
        return set(self.arrived) == self.people and self.occurrence.state is OccurrenceState.DONE


@contextmanager
def sweeping(installation: Installation, log: Path) -> Iterator[None]:
    """A process that sweeps all incidents, again and again."""
    environment = prefect_environment(installation.settings)
    with (
        log.open("wb") as said,
        subprocess.Popen([sys.executable, "-c", SWEEP], env=environment, stdout=said) as process,
    ):
        try:
            yield
            assert process.poll() is None, "a sweep runs all the time"
        finally:
            process.kill()
    assert b"looked after" in log.read_bytes()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("clicks")
    with MailServer(folder / "mail") as mail, WebServices(folder / "web") as web:
        made = Installation(folder, mail, web)
        settings = made.home / "amends.toml"
        settings.write_text(
            settings.read_text().replace("bounce_domain", f'connections = "{CONNECTIONS}"\nbounce_domain')
        )
        mail.delay = SECONDS
        made.up()
        try:
            yield made
        finally:
            made.stop()


@pytest.fixture(scope="module")
def api(installation: Installation) -> Iterator[httpx2.Client]:
    with installation.api() as client:
        yield client


@pytest.fixture(scope="module")
def token(installation: Installation) -> str:
    """The lead's; the approvers decide in the ledger."""
    lead = installation.member("mei", "lead")
    for member in APPROVERS:
        installation.ledger.team.add(member.name, TeamRole(member.role), "mei", datetime.now(UTC))
    return lead


@pytest.mark.parametrize("click", CLICKS)
def test_a_click_tells_nobody_twice_and_forgets_nobody(
    installation: Installation, api: httpx2.Client, token: str, click: str, tmp_path: Path
) -> None:
    """Whatever somebody clicks, at whatever moment, nobody is told twice and nobody is forgotten."""
    alone = Context(installation.ledger, Links("http://127.0.0.1:8400"), installation.settings.channels, mirrored=False)
    sends = {moment: Send(installation, api, f"{click}-{moment.replace(' ', '-')}", token) for moment in MOMENTS}
    with sweeping(installation, tmp_path / "swept"), ThreadPoolExecutor(AT_ONCE) as at_once:
        clicked = [at_once.submit(_click, send, alone, moment, click) for moment, send in sends.items()]
        for one in clicked:
            one.result()


def _click(send: Send, alone: Context, moment: str, click: str) -> None:
    send.prepare(alone)
    send.set_up()
    send.wait_for(moment)
    send.click(click)
    if click in {"cancel", "pause"}:
        _stays_stopped(send, SHOWN[click])
    until(send.everybody_once, 900, f"everybody of {send.incident} is told once")
    if (click, moment) == ("retry", "over"):
        until(lambda: send.page["state_name"] == "NothingDue", 240, "the run was retried")
        assert f"first-notice sent: {PEOPLE} sent" in send.page["state"]["message"]


def _stays_stopped(send: Send, shown: str) -> None:
    """Nothing leaves any more, until a person lets the step go on; the page says that the run was stopped."""
    until(send.is_decided, 120, f"the click on {send.incident} stands in the ledger")
    had_arrived, decided = len(send.arrived), time.monotonic()
    until(lambda: send.state == shown, 240, f"the page of {send.incident} says that it was stopped")
    until(lambda: time.monotonic() > decided + CALM, 2 * CALM, "the sweeps had time to go on")
    assert send.state == shown
    assert len(send.arrived) - had_arrived <= IN_FLIGHT, "only what was in flight leaves after the click"
    if send.occurrence.state is OccurrenceState.HELD:
        send.go_on()
