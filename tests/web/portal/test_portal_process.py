"""`python -m amends.web`, as it runs in earnest."""

import base64
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from amends.ledger import Ledger
from amends.settings import Settings
from tests.web.scene import ADA, INCIDENT, KEY

HASTY = "[connections]\nhead_seconds = 2\n"
PATIENCE = 30
"""Seconds within which the portal, which gives way to all other processes, answers on a busy machine."""
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def running(ledger: Ledger, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Where the portal listens, and the file with everything it prints."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "keys").mkdir()
    (tmp_path / "amends.toml").write_text(f'public_url = "https://betapai.example"\nportal_port = {port}\n{HASTY}')
    environment = os.environ | {"AMENDS_HOME": str(tmp_path), "AMENDS_MASTER_KEY": base64.b64encode(KEY).decode()}
    printed = tmp_path / "printed"
    with printed.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "amends.web"], env=environment, stdout=out, stderr=subprocess.STDOUT
        )
        yield f"http://127.0.0.1:{port}", printed
        process.terminate()
        process.wait(PATIENCE)


def get(url: str) -> httpx2.Response:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return httpx2.get(url, timeout=PATIENCE)
        except httpx2.ConnectError:
            assert time.monotonic() < until, "the portal did not start"
            time.sleep(0.05)


def test_the_portal_serves_pages_and_prints_no_link(running: tuple[str, Path], ledger: Ledger) -> None:
    url, printed = running
    link = ledger.people.link_of(INCIDENT, ADA)
    answer = get(f"{url}/p/{link}")
    assert "Hello Ada Example" in answer.text
    assert "server" not in answer.headers
    assert link not in printed.read_text()


def test_pages_are_read_while_many_wait_for_a_locked_ledger(
    running: tuple[str, Path], ledger: Ledger, settings: Settings
) -> None:
    """Pages can be read while sixty opt-outs wait for a ledger that somebody is writing to: a release to a million
    people is one transaction, and mailbox providers go on pressing the button meanwhile.
    """
    url, _ = running
    page = f"{url}/p/{ledger.people.link_of(INCIDENT, ADA)}"
    get(page)
    pressed = f"{url}/u/{ledger.store.keys.opt_out_token(INCIDENT, ADA)}"
    holder = sqlite3.connect(settings.home / "ledger.sqlite3", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(60) as providers:
        for _ in range(60):
            providers.submit(httpx2.post, pressed, data=ONE_CLICK, timeout=60)
        time.sleep(1)
        try:
            looked = [
                httpx2.get(address, timeout=PATIENCE).status_code for address in (page, f"{url}/n/{INCIDENT}/en/")
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
def test_the_portal_closes_on_unclear_and_slow_requests(
    running: tuple[str, Path], request_: bytes, status: bytes
) -> None:
    url, _ = running
    get(f"{url}/healthz")
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 30) as line:
        line.sendall(request_)
        heard = b"".join(iter(lambda: line.recv(9999), b""))
    assert heard.startswith(b"HTTP/1.1 " + status)
    assert heard.count(b"HTTP/1.1 ") == 1
