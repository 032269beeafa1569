"""The SMS gateway is asked from the command line, for cron; without one that can be asked, that is said."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.receipt.webhook import ProviderReceipt
from amends.sandbox.web import WebServices
from tests.builders import NOW, a_person
from tests.cli.conftest import Office
from tests.delivery.sending import INCIDENT, NOTICE, approved


def with_gateway(office: Office, url: str, *more: str) -> Office:
    settings = office.home / "amends.toml"
    section = ["[channels.sms]", 'use = "sms_http"', 'shape = "json"', f'url = "{url}/sms"', 'to_field = "to"']
    lines = [*section, 'text_field = "text"', 'id_field = "id"', 'token = "t"', *more]
    others = re.sub(r"\[channels\.sms\][^\[]*", "", settings.read_text(encoding="utf-8"))
    settings.write_text(others + "\n".join(["", *lines, ""]), encoding="utf-8")
    return office


def test_with_nothing_to_ask_for_nobody_is_asked(office: Office, tmp_path: Path) -> None:
    with WebServices(tmp_path / "web") as web:
        answer = with_gateway(office, web.url, f'status_url = "{web.url}/status"').amends("receipts")
    assert (answer.exit_code, answer.stdout) == (0, "0 SMS were asked for: none\n"), answer.stderr


def test_the_numbers_are_there_for_machines_too(office: Office, tmp_path: Path) -> None:
    with WebServices(tmp_path / "web") as web:
        answer = with_gateway(office, web.url, f'status_url = "{web.url}/status"').amends("--json", "receipts")
    assert json.loads(answer.stdout) == {"messages": 0, "effects": {}, "handed_over": 0, "waiting": [], "trouble": ""}


def with_sms(office: Office, *names: str) -> Office:
    """A gateway took SMS half an hour ago and calls them so, and nothing was told of them since."""
    at, ledger = datetime.now(UTC) - timedelta(minutes=30), office.ledger()
    people = [a_person(number=number) for number, _ in enumerate(names, 1)]
    approved(ledger, people, channels=(ChannelKind.SMS,), cascade=(ChannelKind.SMS,))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.SMS], len(names), NOW)
    ledger.deliveries.record(claims, (), INCIDENT, NOTICE, NOW)
    taken = [(one, Receipt(one.key, Status.SENT, provider_id=name)) for one, name in zip(claims, names, strict=True)]
    ledger.deliveries.record((), taken, INCIDENT, NOTICE, at)
    return office


class KnowsNothing(BaseHTTPRequestHandler):
    """Says 404 to every question."""

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *args: object) -> None:
        """Nothing in the output of tests."""


@contextmanager
def knows_nothing() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), KnowsNothing) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_gateway_that_knows_none_of_the_messages_is_no_success(empty: Office) -> None:
    """Its address is wrong, most likely, and nothing would ever be heard."""
    with_sms(empty, "SM1")
    with knows_nothing() as url:
        answer = with_gateway(empty, url, f'status_url = "{url}/wrong"').amends("receipts")
    assert (answer.exit_code, answer.stdout) == (5, "1 SMS were asked for: none\n"), answer.stderr
    assert "status_url may be wrong" in answer.stderr
    assert "SM1" not in answer.output


def test_one_forgotten_sms_does_not_make_the_gateways_url_suspect(empty: Office) -> None:
    """When the gateway has forgotten one SMS and has reported on others, its URL is right: the command names the
    forgotten SMS and succeeds. Else every run would fail until this SMS is three days old.
    """
    with_sms(empty, "SM1", "SM2")
    ledger, at = empty.ledger(), datetime.now(UTC) - timedelta(hours=1)
    ledger.receipts.take([ProviderReceipt("SM2", Status.DELIVERED)], at)
    with knows_nothing() as url:
        answer = with_gateway(empty, url, f'status_url = "{url}/status"').amends("receipts")
    assert (answer.exit_code, answer.stdout) == (0, "1 SMS were asked for: none\n"), answer.stderr
    assert "the gateway has forgotten these SMS" in answer.stderr


@pytest.mark.parametrize("gateway", [False, True])
def test_a_gateway_that_cannot_be_asked_is_named_as_the_fault(office: Office, *, gateway: bool) -> None:
    if gateway:
        with_gateway(office, "https://sms.example")
    answer = office.amends("receipts")
    assert (answer.exit_code, "status_url" in answer.stderr) == (1, True)
