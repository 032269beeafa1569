"""The portal is flooded with forms while a notice leaves, both as they run in earnest, on one ledger."""

import base64
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path

import httpx2

from amends.domain.channel.channel import ChannelKind
from amends.settings import ANCHOR_FILE
from amends.web.http.forms import FormTokens
from tests.builders import a_person
from tests.delivery.sending import INCIDENT, Rig, approved
from tests.portals import PATIENCE, running_portal
from tests.web.scene import KEY

PEOPLE, CLIENTS = 150, 6
MOST = 150
"""So many posts each client sends at most."""
TAKEN, REFUSED = {HTTPStatus.SEE_OTHER}, {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


def post_until(sent: threading.Event, rig: Rig, url: str, client: int) -> dict[str, int]:
    """Ask question after question until all is sent; the status that each of them was answered with."""
    tokens, written = FormTokens(rig.ledger.store.keys.form_key), datetime.now(UTC) - timedelta(minutes=1)
    answers: dict[str, int] = {}
    with httpx2.Client(timeout=PATIENCE) as browser:
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
    (tmp_path / ANCHOR_FILE).parent.mkdir()
    key = {"AMENDS_MASTER_KEY": base64.b64encode(KEY).decode()}
    with running_portal(tmp_path, "trusted_proxies = 1\n", key) as portal, ThreadPoolExecutor(CLIENTS) as clients:
        assert os.getpriority(os.PRIO_PROCESS, portal.pid) > os.getpriority(os.PRIO_PROCESS, 0), "a send goes first"
        floods = [clients.submit(post_until, sent, rig, portal.url, client) for client in range(CLIENTS)]
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
