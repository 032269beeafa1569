"""The forms in Prefect as a browser sends them off: once each, beside a send, on a running `amends up`."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from itertools import count
from typing import Any

import httpx2
import pytest

from amends.domain.team.member import FROM_PREFECT
from flows.run.choices import FORMS
from flows.run.form import REFUSED
from tests.e2e.installation import Installation, running, until
from tests.story import INCIDENT, STORY

PEOPLE = 240
SENT_OFF = 40
"""Forms beside the send."""
WRITERS = 2
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with running(tmp_path_factory.mktemp("forms")) as made:
        yield made


@pytest.fixture(scope="module")
def tokens(installation: Installation) -> dict[str, str]:
    mei = installation.member("mei", "lead")
    others = {
        name: installation.member(name, role, token=mei) for name, role in (("omar", "legal"), ("wei", "security"))
    }
    files = [str(STORY / "incident.yaml"), "--audience", str(STORY / "audience.csv")]
    installation.amends("incident", "open", *files, "--as", "mei", token=mei)
    return {"mei": mei, **others}


def schema_of(api: httpx2.Client, form: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/deployments/name/{form}/{form}").json()
    return found


def send_off(api: httpx2.Client, deployment: str, at: datetime | None = None, **parameters: Any) -> httpx2.Response:
    """Send a form off as the browser does, which does not try again."""
    when = (at or datetime.now(UTC)).isoformat()
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": when}}
    return api.post(f"/deployments/{deployment}/create_flow_run", json={"parameters": parameters, "state": state})


def fill_in(installation: Installation, form: str, **parameters: Any) -> dict[str, Any]:
    """Send the form off, and return the state in which its run has ended."""
    with installation.api() as api:
        run = send_off(api, schema_of(api, form)["id"], **parameters).raise_for_status().json()["id"]

        def ended() -> dict[str, Any] | None:
            state: dict[str, Any] = api.get(f"/flow_runs/{run}").json().get("state") or {}
            return state if state.get("type") in ENDED else None

        state: dict[str, Any] = until(ended, 600, f"{form} has ended")  # a rehearsal yields to everything else
    return state


def offered(api: httpx2.Client, form: str, parameter: str) -> list[str]:
    asked = schema_of(api, form)["parameter_openapi_schema"]["properties"][parameter]
    return [word for way in asked.get("anyOf", []) for word in way.get("enum", [])]


def test_each_form_offers_an_incident_soon_after_its_opening(
    installation: Installation, tokens: dict[str, str]
) -> None:
    with installation.api() as api:
        for form in set(FORMS) - {"rehearse"}:
            until(lambda form=form: offered(api, form, "incident_id") == [INCIDENT], 120, f"{form} offers it")
        assert "customer-data-theft" in offered(api, "respond", "playbook")


def test_an_incident_that_no_list_has_is_taken_and_answered(installation: Installation, tokens: dict[str, str]) -> None:
    """When an incident is not in the list, as one that was opened a second ago, the form takes it all the same, and the
    run's state says what the ledger knows of it.
    """
    state = fill_in(installation, "respond", incident_id="unheard-of")
    assert (state["type"], state["name"]) == ("FAILED", REFUSED)
    assert state["message"].startswith("no incident unheard-of")
    assert f"open are: {INCIDENT}" in state["message"]


def test_no_form_is_refused_beside_a_send_and_other_writers(installation: Installation, tokens: dict[str, str]) -> None:
    assert fill_in(installation, "respond", incident_id=INCIDENT)["type"] == "COMPLETED"
    until(lambda: notice(installation), 300, "the first notice is drafted")
    installation.mail.delay = 1.5
    yes = ["--people", str(PEOPLE), "--yes"]
    installation.amends("approve", INCIDENT, "first-notice", "--as", "omar", *yes, token=tokens["omar"], code=4)
    installation.amends("approve", INCIDENT, "first-notice", "--as", "wei", *yes, token=tokens["wei"])
    until(lambda: installation.mail.arrived, 300, "the first message arrives")
    later, refused = datetime.now(UTC) + timedelta(days=1), list[str]()
    with installation.api() as api, busy(installation, refused):
        respond = schema_of(api, "respond")["id"]
        answers = [send_off(api, respond, later, incident_id=INCIDENT) for _ in range(SENT_OFF)]
        runs = [answer.json()["id"] for answer in answers if answer.is_success]
        left = [api.delete(f"/flow_runs/{run}") for run in runs]
    assert Counter(answer.status_code for answer in answers) == {201: SENT_OFF}
    assert Counter(answer.status_code for answer in left) == {204: SENT_OFF}
    assert refused == []


def test_a_stop_by_a_form_stops_a_send_at_once(installation: Installation, tokens: dict[str, str]) -> None:
    state = fill_in(installation, "stop", incident_id=INCIDENT)
    assert "nothing leaves any more, and everything that left has its answer" in state["message"]
    left = len(installation.mail.arrived)
    assert 0 < left < PEOPLE
    until(lambda: not installation.flow_processes(), 120, "the send has ended")
    assert len(installation.mail.arrived) == left
    paused = [entry.actor for entry in installation.ledger.audit.entries(INCIDENT) if entry.act == "paused"]
    assert paused == [FROM_PREFECT]


def test_a_resume_by_a_form_tells_the_rest_and_nobody_twice(installation: Installation, tokens: dict[str, str]) -> None:
    installation.mail.delay = 0.0
    assert fill_in(installation, "resume", incident_id=INCIDENT)["type"] == "COMPLETED"
    until(lambda: told(installation), 180, "all have been told")
    names = Counter(message_from_bytes(arrived.content)["Message-ID"] for arrived in installation.mail.arrived)
    assert set(names.values()) == {1}


def test_a_rehearsal_by_a_form_shows_its_report(installation: Installation) -> None:
    before = len(installation.mail.arrived)
    state = fill_in(installation, "rehearse", playbook="vendor-breach", injects=["bounces"], days=3)
    assert state["type"] == "COMPLETED", state["message"]
    assert "nothing was sent" in state["message"]
    assert "# Rehearsal of vendor-breach" in installation.page_in_prefect("vendor-breach-rehearsal")
    assert len(installation.mail.arrived) == before


def notice(installation: Installation) -> Any:
    return installation.ledger.cases.read(INCIDENT).notice("first-notice")


def told(installation: Installation) -> bool:
    """Return True when nothing is left but the two mailboxes that said `later`, whose next try is set."""
    found = notice(installation)
    return bool(found.next_try_at) and found.pending == 2


@contextmanager
def busy(installation: Installation, refused: list[str]) -> Iterator[None]:
    """Keep Prefect's database busy until the block ends, and collect what was refused."""
    stopped = threading.Event()
    threads = [threading.Thread(target=write, args=(installation, stopped, refused)) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


def write(installation: Installation, stopped: threading.Event, refused: list[str]) -> None:
    with installation.api() as api:
        for number in count():
            if stopped.is_set():
                return
            answer = api.post("/artifacts/", json={"key": "busy", "type": "markdown", "data": str(number)})
            refused += [] if answer.is_success else [f"{answer.status_code} {answer.text}"]
