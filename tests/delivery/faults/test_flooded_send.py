"""The portal is flooded with forms while a notice leaves, both as they run in earnest, on one ledger."""

import base64
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path

import httpx2

from amends.cli.home.up import free_port
from amends.domain.channel.channel import ChannelKind
from amends.settings import ANCHOR_FILE
from amends.web.http.forms import FormTokens
from tests.builders import a_person
from tests.delivery.sending import INCIDENT, Rig, approved
from tests.web.scene import KEY

PEOPLE, CLIENTS = 150, 6
MOST = 150
"""So many posts each client sends at most."""
TAKEN, REFUSED = {HTTPStatus.SEE_OTHER}, {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


@contextmanager
def a_portal(home: Path) -> Iterator[tuple[str, int]]:
    """Where it listens, and its process."""
    port = free_port()
    (home / ANCHOR_FILE).parent.mkdir()
    (home / "amends.toml").write_text(
        f'public_url = "https://betapai.example"\nportal_port = {port}\ntrusted_proxies = 1\n'
    )
    environment = os.environ | {"AMENDS_HOME": str(home), "AMENDS_MASTER_KEY": base64.b64encode(KEY).decode()}
    with subprocess.Popen(
        [sys.executable, "-m", "amends.web"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        yield f"http://127.0.0.1:{port}", process.pid
        process.terminate()


def wait_for(url: str) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            httpx2.get(f"{url}/healthz")
            return
        except httpx2.ConnectError:
            assert time.monotonic() < until, "the portal did not start"
            time.sleep(0.05)


def post_until(sent: threading.Event, rig: Rig, url: str, client: int) -> dict[str, int]:
    """Ask question after question until all is sent; the status that each of them was answered with."""
    tokens, written = FormTokens(rig.ledger.store.keys.form_key), datetime.now(UTC) - timedelta(minutes=1)
    answers: dict[str, int] = {}
    with httpx2.Client(timeout=30) as browser:
        for number in range(MOST):
            text, link = (
                f"question {number} of client {client}",
                rig.ledger.people.link_of(INCIDENT, number % PEOPLE + 1),
            )
            fields = {"form": tokens.issue(link, "ask", written), "kind": "question", "text": text}
            headers = {"x-forwarded-for": f"10.{client}.{number}.1"}
            answers[text] = browser.post(f"{url}/p/{link}/ask", data=fields, headers=headers).status_code
            if sent.is_set():
                break
    return answers


def test_a_flooded_portal_loses_no_person_and_no_question_it_took(rig: Rig, tmp_path: Path) -> None:
    """While the portal is flooded with forms, everybody is told once and no question that the portal took is lost."""
    people = [a_person(number=number) for number in range(1, PEOPLE + 1)]
    approved(rig.ledger, people, channels=(ChannelKind.WEBSITE, ChannelKind.EMAIL))
    rig.settings[ChannelKind.EMAIL] |= {"rate": "120/s"}
    sent = threading.Event()
    with a_portal(tmp_path) as (url, process), ThreadPoolExecutor(CLIENTS) as clients:
        wait_for(url)
        assert os.getpriority(os.PRIO_PROCESS, process) > os.getpriority(os.PRIO_PROCESS, 0), "a send goes first"
        floods = [clients.submit(post_until, sent, rig, url, client) for client in range(CLIENTS)]
        try:
            tally = rig.run()
        finally:
            sent.set()
        answers = {text: status for flood in floods for text, status in flood.result().items()}
    assert (tally.finished, tally.trouble) == (True, {})
    assert rig.mailed() == sorted(person.email for person in people)
    assert set(answers.values()) <= TAKEN | REFUSED
    taken = {text for text, status in answers.items() if status in TAKEN}
    assert taken, "some were taken; how many depends on how busy the machine is"
    assert taken <= {question.text for question in rig.ledger.questions.all(INCIDENT)}
    assert rig.ledger.audit.verify() == ()
