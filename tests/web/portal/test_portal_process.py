"""`python -m amends.web`, as it runs in earnest."""

import base64
import socket
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from amends.ledger import Ledger
from amends.settings import Settings
from tests.portals import PATIENCE, RunningPortal, running_portal
from tests.web.scene import ADA, INCIDENT, KEY

HASTY = "[connections]\nhead_seconds = 2\n"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def running(ledger: Ledger, tmp_path: Path) -> Iterator[RunningPortal]:
    (tmp_path / "keys").mkdir()
    with running_portal(tmp_path, HASTY, {"AMENDS_MASTER_KEY": base64.b64encode(KEY).decode()}) as portal:
        yield portal


def test_the_portal_serves_pages_and_prints_no_link(running: RunningPortal, ledger: Ledger) -> None:
    link = ledger.people.link_of(INCIDENT, ADA)
    answer = httpx2.get(f"{running.url}/p/{link}", timeout=PATIENCE)
    assert "Hello Ada Example" in answer.text
    assert "server" not in answer.headers
    assert link not in running.printed.read_text()


def test_pages_are_read_while_many_wait_for_a_locked_ledger(
    running: RunningPortal, ledger: Ledger, settings: Settings
) -> None:
    """Pages can be read while sixty opt-outs wait for a ledger that somebody is writing to: a release to a million
    people is one transaction, and mailbox providers go on pressing the button meanwhile.
    """
    page = f"{running.url}/p/{ledger.people.link_of(INCIDENT, ADA)}"
    httpx2.get(page, timeout=PATIENCE)
    pressed = f"{running.url}/u/{ledger.store.keys.opt_out_token(INCIDENT, ADA)}"
    holder = sqlite3.connect(settings.home / "ledger.sqlite3", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(60) as providers:
        for _ in range(60):
            providers.submit(httpx2.post, pressed, data=ONE_CLICK, timeout=PATIENCE)
        time.sleep(1)
        try:
            looked = [
                httpx2.get(address, timeout=PATIENCE).status_code
                for address in (page, f"{running.url}/n/{INCIDENT}/en/")
            ]
        finally:
            holder.close()
    assert looked == [200, 200]
    assert ledger.opt_outs.has(INCIDENT, ADA)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (
            b"POST /p/x/ask HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"400",
        ),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b"408"),
    ],
    ids=["two lengths", "no end"],
)
def test_the_portal_closes_on_unclear_and_slow_requests(running: RunningPortal, request_: bytes, status: bytes) -> None:
    httpx2.get(f"{running.url}/healthz", timeout=PATIENCE)
    with socket.create_connection(("127.0.0.1", int(running.url.rpartition(":")[2])), PATIENCE) as line:
        line.sendall(request_)
        heard = b"".join(iter(lambda: line.recv(9999), b""))
    assert heard.startswith(b"HTTP/1.1 " + status)
    assert heard.count(b"HTTP/1.1 ") == 1
