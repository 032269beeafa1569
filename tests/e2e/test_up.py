"""`amends up` as people use it: triggered over Prefect's API, approved on the command line, killed in the middle."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import httpx2
import pytest

from amends.cli.home.up import answers
from amends.content.people.audience import AudienceFile
from amends.system.processes import AUTOGROUP
from amends.web.app import NICENESS
from flows.run.graph import run_name
from tests.e2e.installation import Installation, canaries, running, until
from tests.story import INCIDENT, STORY

PEOPLE = 240

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with running(tmp_path_factory.mktemp("up")) as made:
        yield made


def _notice(installation: Installation) -> Any:
    return installation.ledger.cases.read(INCIDENT).notice("first-notice")


def _told(notice: Any) -> bool:
    """Nothing is left but the two mailboxes that said `later`, whose next try is set."""
    return bool(notice.next_try_at) and notice.pending == 2


def _stands(installation: Installation) -> bool:
    """What comes next stands in Prefect as scheduled runs."""
    waiting = {run["name"] for run in installation.runs() if run["state_type"] == "SCHEDULED"}
    return {run_name(INCIDENT, turn, 1) for turn in ("feedback", "update", "survey", "promises")} <= waiting


def test_a_lead_tells_everybody_though_everything_is_killed(installation: Installation) -> None:
    """When Prefect's server and the worker are killed in the middle of a send, everybody is told, and no message
    arrives twice.
    """
    mei = installation.member("mei", "lead")
    secrets = {
        name: installation.member(name, role, token=mei) for name, role in [("omar", "legal"), ("wei", "security")]
    }
    files = [str(STORY / "incident.yaml"), "--audience", str(STORY / "audience.csv")]
    installation.amends("incident", "open", *files, "--as", "mei", token=mei)
    installation.run_deployment("respond", {"incident_id": INCIDENT, "playbook": "customer-data-theft"})
    until(lambda: _notice(installation), 300, "the first notice is drafted")

    installation.mail.delay = 0.15
    people = ["--people", str(PEOPLE), "--yes"]
    installation.amends("approve", INCIDENT, "first-notice", "--as", "omar", *people, token=secrets["omar"], code=4)
    installation.amends("approve", INCIDENT, "first-notice", "--as", "wei", *people, token=secrets["wei"])

    until(lambda: len(installation.mail.arrived) > 20, 300, "the first messages arrive")
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
    until(lambda: answers(installation.settings.prefect_port), 300, "Prefect is there again")
    until(lambda: _stands(installation), 300, "feedback, update, survey and promises stand as scheduled runs")


def test_prefects_server_yields_to_a_send_and_the_runner_does_not(installation: Installation) -> None:
    """Prefect's server runs with lower priority than a send, also after it was started again, and the runner does not:
    a flow run has the priority of the runner that started it.
    """
    ours = os.getpriority(os.PRIO_PROCESS, installation.process.pid)
    servers, runners = (
        installation.children("prefect", *words) for words in (("server", "start"), ("worker", "start"))
    )
    assert servers
    assert runners
    assert all(os.getpriority(os.PRIO_PROCESS, pid) > ours for pid in servers)
    assert all(os.getpriority(os.PRIO_PROCESS, pid) == ours for pid in runners)


def test_the_portal_yields_processor_time_to_everything_else(installation: Installation) -> None:
    (portal,) = installation.children("amends.web")
    assert os.getpriority(os.PRIO_PROCESS, portal) == NICENESS
    if AUTOGROUP.exists():
        assert Path(f"/proc/{portal}/autogroup").read_text().split()[-1] == str(NICENESS), (
            "to a send of another session, too"
        )


def test_prefect_knows_nobody(installation: Installation) -> None:
    """The canaries are the audience itself: no name, address or number of it in Prefect's database or in any log."""
    everything = installation.everything_prefect_wrote()
    assert b"first-notice" in everything, "the scan reads what it should"
    found = [word for word in canaries() if word in everything]
    assert not found, f"{len(found)} of {len(canaries())} canaries were found"


def test_prefect_is_private(installation: Installation) -> None:
    port = installation.settings.prefect_port
    assert httpx2.get(f"http://127.0.0.1:{port}/api/admin/version", trust_env=False).status_code == 401
    forged = httpx2.post(f"http://127.0.0.1:{port}/api/flow_runs/filter", json={}, trust_env=False)
    assert forged.status_code == 403, "a page in somebody's browser cannot speak to it"
    modes = {path.name: path.stat().st_mode & 0o077 for path in installation.home.rglob("*.db*") if path.is_file()}
    assert modes and not any(modes.values()), modes


def test_runs_stand_again_after_prefect_lost_its_running_database(installation: Installation) -> None:
    """When Prefect's database is deleted while Amends runs, the next runs stand in Prefect again once its server is
    back.
    """
    installation.halt()
    installation.kill("prefect", "server", "start")
    for file in (installation.home / "prefect").glob("prefect.db*"):
        file.unlink()
    installation.go_on()
    until(lambda: answers(installation.settings.prefect_port), 300, "Prefect is there again")
    until(lambda: _stands(installation), 300, "what comes next stands there again")


def test_ctrl_c_stops_all_of_it(installation: Installation) -> None:
    installation.process.send_signal(signal.SIGINT)
    installation.process.wait(60)
    until(lambda: not installation.children(""), 20, "no process is left")
