"""The portal under a flood of forms, as `amends up` starts it: a process of its own on the ledger of a send."""

import base64
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any
from urllib.parse import urlencode

from amends.cli.home.up import answers, free_port
from amends.ledger import Ledger
from amends.web.http.forms import FormTokens

POSTS = Path(__file__).with_name("posts.py")
SECONDS = 60
"""The flood ends by itself after so long."""
STARTING = 60
ENDING = 15
ADDRESSES = 1_000
"""From so many, as a proxy tells; the portal lets one address send sixty an hour."""
WRITERS = 2_000
"""So many people write; the portal lets each of them send ten an hour."""
KINDS = ("question", "wrong form", "question", "wrong link")
TAKEN = "303"


@dataclass(frozen=True, slots=True)
class Flooded:
    """What the portal did in the flood."""

    posts: int
    rate: float
    """Posts a second, answered."""
    answers: dict[str, int]
    """By HTTP status; `closed` where there was none."""
    p95_ms: float
    taken: int
    """Questions that were answered with a yes."""
    lost: int
    """How many of those the ledger does not hold."""
    portal_cpu: float
    client_cpu: float
    """Shares of one core."""


@dataclass(frozen=True, slots=True)
class Portal:
    """An installation with an incident that this many people can write about."""

    home: Path
    ledger: Ledger
    incident: str
    key: bytes
    people: int


@contextmanager
def flooded(portal: Portal, rate: int) -> Iterator[list[Flooded]]:
    """While the block runs the portal gets so many posts a second; what it did is in the list afterwards."""
    told: list[Flooded] = []
    posts = portal.home / "posts"
    posts.write_text("\n".join(_posts(portal, rate * SECONDS)), encoding="utf-8")
    with _running(portal) as (process, port), _posting(port, posts, rate) as client:
        before, began = _cpu(process), time.perf_counter()
        yield told
        client.terminate()
        heard = json.loads(client.communicate(timeout=ENDING)[0])
        used = (_cpu(process) - before) / (time.perf_counter() - began)
    told.append(_told(heard, len(portal.ledger.questions.all(portal.incident)), used))


@contextmanager
def _running(portal: Portal) -> Iterator[tuple[int, int]]:
    """Its process and its port."""
    port = free_port()
    settings = f'public_url = "https://bench.example"\nportal_port = {port}\ntrusted_proxies = 1\n'
    (portal.home / "amends.toml").write_text(settings, encoding="utf-8")
    environment = os.environ | {
        "AMENDS_HOME": str(portal.home),
        "AMENDS_MASTER_KEY": base64.b64encode(portal.key).decode(),
        "AMENDS_DATABASE_URL": portal.ledger.store.engine.url.render_as_string(hide_password=False),
    }
    with subprocess.Popen([sys.executable, "-m", "amends.web"], env=environment, start_new_session=True) as process:
        try:
            until = time.monotonic() + STARTING
            while not answers(port):
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit("the portal did not start")
                time.sleep(0.1)
            yield process.pid, port
        finally:
            process.terminate()


@contextmanager
def _posting(port: int, posts: Path, rate: int) -> Iterator[subprocess.Popen[str]]:
    """The client, once it has its first answer."""
    command = [sys.executable, str(POSTS), str(port), str(posts), str(rate)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
        try:
            if not client.stdout or client.stdout.readline() != "POSTING\n":
                raise SystemExit("the flood did not begin")
            yield client
        finally:
            client.kill()


def _posts(portal: Portal, count: int) -> Iterator[str]:
    """Questions, and what a bot would send; no form twice."""
    tokens, now = FormTokens(portal.ledger.store.keys.form_key), datetime.now(UTC)
    written = now - timedelta(seconds=30)
    links = [
        portal.ledger.people.link_of(portal.incident, person) for person in range(1, min(portal.people, WRITERS) + 1)
    ]
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        link = links[number % len(links)][:: -1 if kind == "wrong link" else 1]
        token = "made up" if kind == "wrong form" else tokens.issue(link, "ask", written)
        fields = {"form": token, "kind": "question", "text": f"What of mine was taken? {number}"}
        yield json.dumps([kind, _request(f"/p/{link}/ask", urlencode(fields), number)])


def _request(path: str, body: str, number: int) -> str:
    address = f"10.{number % ADDRESSES // 250}.{number % 250}.1"
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: bench.example",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
        f"X-Forwarded-For: {address}",
    )
    return "\r\n".join((*lines, "", body))


def _told(heard: dict[str, Any], kept: int, portal_cpu: float) -> Flooded:
    by_status: Counter[str] = Counter()
    for answer, count in heard["answers"].items():
        by_status[answer.rpartition(" ")[2]] += count
    took, seconds, taken = heard["took"], heard["seconds"], heard["answers"].get(f"question {TAKEN}", 0)
    return Flooded(
        posts=len(took),
        rate=len(took) / seconds,
        answers=dict(by_status),
        p95_ms=quantiles(took, n=20)[-1] * 1000,
        taken=taken,
        lost=max(taken - kept, 0),
        portal_cpu=portal_cpu,
        client_cpu=heard["cpu"] / seconds,
    )


def _cpu(process: int) -> float:
    """Seconds that it has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
