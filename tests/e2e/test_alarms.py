"""The alarms of `amends up` come to the team's own channel, each once, on a real Prefect server."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from amends.sandbox.mail import MailServer
from amends.sandbox.web import WebServices
from amends.settings import prefect_environment
from tests.desks import SECRET, Desks, served
from tests.e2e.installation import Installation, canaries, until
from tests.story import INCIDENT, START, STORY

NAMES = {"Alarm: a run failed", "Alarm: a duty is near", "Alarm: nobody approves", "Alarm: no runner"}
ALARM_SECONDS = 120
GONE_SECONDS = 420
"""Prefect sees after a minute and a half that a runner is gone, and waits two minutes for another."""

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(1500)]


class Watch(Installation):
    """An installation whose alarms come to a desk, and the time of its home."""

    desks: Desks

    def heard(self, begins: str) -> list[str]:
        """Return the messages whose subject begins so."""
        return [content["message"] for _, content in self.desks.got if content["title"].startswith(begins)]

    def first(self, begins: str, seconds: float = ALARM_SECONDS) -> str:
        return str(until(lambda: self.heard(begins), seconds, f"an alarm {begins}")[0])

    def sweep(self) -> None:
        """Sweep, and wait for its end."""
        name = f"look after {INCIDENT}"
        before = self.ended(name)
        self.run_deployment("sweep", {"incident_id": INCIDENT})
        until(lambda: self.ended(name) > before, 120, "the sweep has ended")

    def ended(self, name: str) -> int:
        return sum(run["name"].startswith(name) and run["state_type"] == "COMPLETED" for run in self.runs())

    def automations(self) -> dict[str, Any]:
        with self.api() as api:
            found = api.post("/automations/filter", json={}).raise_for_status().json()
            return {one["name"]: one for one in found if one["name"] in NAMES}

    def set_alarms(self, address: str) -> None:
        """Do it as `amends up` does at its start."""
        environment = prefect_environment(self.settings) | {"AMENDS_ALARM_URL": address}
        subprocess.run([sys.executable, "-m", "amends.cli.home.alarms"], env=environment, timeout=120, check=True)


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    folder = tmp_path_factory.mktemp("alarms")
    with MailServer(folder / "mail") as mail, WebServices(folder / "web") as web, served() as desks:
        made = Watch(folder, mail, web)
        made.desks = desks
        made.environment["AMENDS_ALARM_URL"] = desks.address("team")
        made.make_rehearsal(START)
        made.up()
        try:
            yield made
        finally:
            if made.process.poll() is None:
                made.go_on()
                made.stop()


def test_a_duty_that_is_near_raises_one_alarm(watch: Watch) -> None:
    mei = watch.member("mei", "lead")
    for name, role in [("omar", "legal"), ("wei", "security")]:
        watch.member(name, role, token=mei)
    files = [str(STORY / "incident.yaml"), "--audience", str(STORY / "audience.csv")]
    watch.amends("incident", "open", *files, "--as", "mei", token=mei)
    watch.run_deployment("respond", {"incident_id": INCIDENT, "playbook": "customer-data-theft"})
    until(lambda: watch.ledger.cases.read(INCIDENT).notices, 300, "the first notice is drafted")
    watch.sweep()
    said = watch.first(f"Legal deadline: {INCIDENT}")
    assert "must be told by" in said
    assert f"amends duty list {INCIDENT}" in said
    watch.sweep()


def test_a_notice_that_nobody_approves_raises_one_alarm(watch: Watch) -> None:
    assert not watch.heard("Not approved")
    watch.put_clock(START + timedelta(hours=2, minutes=30))
    watch.sweep()
    said = watch.first(f"Not approved: {INCIDENT}")
    assert "first-notice has waited since" in said
    assert f"amends preview {INCIDENT} first-notice" in said
    watch.sweep()


def test_a_run_that_fails_raises_one_alarm(watch: Watch) -> None:
    for _ in range(2):
        watch.run_deployment("notify", {"incident_id": "no-such-incident"})
    said = watch.first("Failed: no-such-incident")
    assert f"http://127.0.0.1:{watch.settings.prefect_port}/runs/flow-run/" in said
    assert "amends timeline no-such-incident" in said


def test_a_start_leaves_alone_what_somebody_changed(watch: Watch) -> None:
    """Another start makes no second automation, leaves one that is switched off, and brings back one that is gone."""
    assert set(watch.automations()) == NAMES
    off, gone = watch.automations()["Alarm: nobody approves"], watch.automations()["Alarm: a duty is near"]
    with watch.api() as api:
        api.patch(f"/automations/{off['id']}", json={"enabled": False}).raise_for_status()
        api.delete(f"/automations/{gone['id']}").raise_for_status()
    watch.set_alarms(watch.desks.address("team"))
    found = watch.automations()
    assert set(found) == NAMES
    assert (found["Alarm: nobody approves"]["id"], found["Alarm: nobody approves"]["enabled"]) == (off["id"], False)


def test_a_runner_that_is_gone_raises_one_alarm(watch: Watch) -> None:
    watch.halt()
    watch.kill("worker", "start")
    said = watch.first("No runner", GONE_SECONDS)
    assert "amends doctor" in said
    watch.go_on()


def test_each_alarm_came_once_and_names_nobody(watch: Watch) -> None:
    titles = Counter(content["title"] for _, content in watch.desks.got)
    assert titles.pop(f"Legal deadline: {INCIDENT}") == len(set(watch.heard("Legal deadline"))), "each duty once"
    assert set(titles.values()) == {1}, titles
    said = str(watch.desks.got).encode()
    assert not [word for word in canaries() if word in said]


def test_the_address_of_the_channel_stands_nowhere(watch: Watch) -> None:
    assert SECRET.encode() not in watch.everything_prefect_wrote()


def test_without_an_address_the_alarms_are_taken_away(watch: Watch) -> None:
    for _ in range(2):
        watch.set_alarms("")
        assert watch.automations() == {}
    with watch.api() as api:
        blocks = api.post("/block_documents/filter", json={}).raise_for_status().json()
    assert "amends-alarms" not in {block["name"] for block in blocks}
