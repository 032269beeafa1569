"""Nothing that anybody sends to the portal makes an error in it, or an answer that is not documented."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from limits import RateLimitItemPerSecond

from amends.domain.channel.channel import ChannelKind
from amends.ledger import Ledger
from amends.settings import ConnectionLimits, Settings
from amends.web.app import create_app
from amends.web.http.connections import BACKLOG, guarded
from amends.web.http.forms import FormTokens
from amends.web.portal.sections.page import FORMS
from tests.web.portal_api import openapi
from tests.web.scene import ADA, INCIDENT, INVITATION, TWILIO_ACCOUNT, Clock, ask_about_us

EXAMPLES = 12
"""Made-up requests for each operation, beside those that try its limits one by one."""
SEED = 32
TOKENS = 30
"""Tokens of each form: a form with another text needs another token."""
OFTEN = RateLimitItemPerSecond(10_000)
EXPECTED = """
[checks.positive_data_acceptance]
# A form that a person did not fill in is refused with a page, whatever its fields hold.
expected-statuses = ["2xx", "3xx", "400", "403", "404", "413", "415", "422", "429"]
[checks.negative_data_rejection]
# A page ignores what it does not know: people follow links that other programs have changed.
expected-statuses = ["2xx", "3xx", "4xx"]
"""


@pytest.fixture
def portal(settings: Settings, ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """The portal with all its webhooks, and limits that let so many requests in."""
    for name in ("PER_LINK", "PER_ADDRESS", "IN_ALL", "AT_ONCE"):
        monkeypatch.setattr(f"amends.web.http.limits.{name}", OFTEN)
    monkeypatch.setattr("amends.web.webhook.authenticate.REFUSED_PER_ADDRESS", OFTEN)
    monkeypatch.setattr("amends.web.portal.opt_out.ANSWER_SECONDS", 0.001)
    channels = {ChannelKind.SMS: TWILIO_ACCOUNT}
    return create_app(settings.model_copy(update={"channels": channels}), ledger, clock)


@pytest.fixture
def address(portal: FastAPI) -> Iterator[str]:
    """The portal's address, as served in production."""
    config = uvicorn.Config(
        portal,
        port=0,
        log_config=None,
        access_log=False,
        ws="none",
        server_header=False,
        http=guarded(ConnectionLimits()),
        backlog=BACKLOG,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    (listening,) = server.servers[0].sockets
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


def known_values(ledger: Ledger, now: Clock) -> dict[str, list[str]]:
    """Return links, tokens, names and form tokens that are good, so that requests come further than the door."""
    link = ledger.people.link_of(INCIDENT, ADA)
    tokens, written = FormTokens(ledger.store.keys.form_key), now() - timedelta(minutes=1)
    issued = {f"{form} form": [tokens.issue(link, form, written) for _ in range(TOKENS)] for form in FORMS}
    unseen = {f"{form} homepage": ["", "filled in by a machine"] for form in FORMS}
    return (
        issued
        | unseen
        | {
            "link": [link],
            "token": [ledger.store.keys.opt_out_token(INCIDENT, ADA)],
            "incident": [INCIDENT],
            "locale": ["en", "zh-CN"],
            "name": ["index.html", "first-notice.html", "feed.atom", "feed.json", "style.css"],
            "ask kind": ["question", "complaint"],
            "notice": ["first-notice"],
            "survey survey": [INVITATION],
            "survey answer-understood": ["1", "5"],
        }
    )


def test_all_checks_of_schemathesis_pass(
    portal: FastAPI, address: str, ledger: Ledger, clock: Clock, tmp_path: Path
) -> None:
    ask_about_us(ledger)
    document, expected = tmp_path / "openapi.json", tmp_path / "schemathesis.toml"
    document.write_text(json.dumps(openapi(portal, known_values(ledger, clock))))
    expected.write_text(EXPECTED)
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "--config-file",
        expected,
        "--no-color",
        "run",
        document,
        "--url",
        address,
        "--checks",
        "all",
        "--seed",
        str(SEED),
        "--max-examples",
        str(EXAMPLES),
        "--generation-database",
        "none",
        "--max-redirects",
        "0",
        "--suppress-health-check",
        "all",
        "--continue-on-failure",
        "--workers",
        "2",
    ]
    done = subprocess.run(command, cwd=tmp_path, env=_environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ledger.questions.all(INCIDENT), "no made-up form came further than the door"
    assert ledger.surveys.has_answered(INCIDENT, INVITATION, ADA)


def _environment() -> dict[str, str]:
    return {**os.environ, "NO_COLOR": "1", "COLUMNS": "160"}
