"""The SMS gateway is asked from the command line, for cron; without one that can be asked, that is said."""

import json
import re
from pathlib import Path

import pytest

from amends.world import WebServices
from tests.cli.conftest import Office


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


@pytest.mark.parametrize("gateway", [False, True])
def test_a_gateway_that_cannot_be_asked_is_named_as_the_fault(office: Office, *, gateway: bool) -> None:
    if gateway:
        with_gateway(office, "https://sms.example")
    answer = office.amends("receipts")
    assert (answer.exit_code, "status_url" in answer.stderr) == (1, True)
