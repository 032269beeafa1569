"""How fast an approved notice leaves, with every mark and every receipt kept.

Start any SMTP sink on this machine (Postfix's smtp-sink, for instance), then

    python bench/deliver.py --people 10000 --port 2525

It makes a ledger in a temporary folder, opens the example incident for that many invented people, approves its first
notice and sends it by email. Only the sending is timed. Absolute numbers swing from machine to machine and from run
to run; compare CPU time per person, and runs made in turn.
"""

import argparse
import asyncio
import json
import os
import platform
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import text

from amends.content.file.shipped import library
from amends.content.incident.incident import read_incident
from amends.content.playbook.playbook import load_playbook
from amends.delivery.channels import ChannelSettings, connect
from amends.delivery.preflight import look_over
from amends.delivery.send import group_commit
from amends.delivery.send.engine import Tally
from amends.delivery.send.group_commit import GroupCommit
from amends.delivery.send.workers import Work, send
from amends.domain.base.audience import EVERYONE
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Called
from amends.domain.draft.draft import draft
from amends.domain.draft.writer import Links, Readers, Wanted
from amends.domain.incident.facts import DataCategory
from amends.domain.notice.notice import Draft, Variant
from amends.domain.people.person import Person
from amends.domain.team.approval import Decision
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Keys, Ledger
from amends.settings import ANCHOR_FILE

STORY = library() / "examples" / "stolen-terminals"
TEXT_CHARACTERS = 1_850
UNMARKED_SECONDS = 0.05
BEFOREHAND = "beforehand"
"""The small incident."""
LINKS = Links("https://bench.example")
KEYS: dict[str, Callable[[], Ed25519PrivateKey | RSAPrivateKey]] = {
    "ed25519": Ed25519PrivateKey.generate,
    "rsa": lambda: generate_private_key(65_537, 2048),
}
APPROVERS = (Member(name="omar", role=TeamRole.LEGAL), Member(name="wei", role=TeamRole.SECURITY))


def main() -> None:
    """Set up, send, print."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        home, key = Path(folder), os.urandom(32)
        (home / ANCHOR_FILE).parent.mkdir()
        url = options.ledger or f"sqlite:///{home}/ledger.sqlite3"
        channel = {"use": "email_smtp", "host": "127.0.0.1", "port": str(options.port), "security": "none"}
        identity = {"sender": "care@bench.example", "bounce_domain": "bench.example"}
        signed = _dkim(home, options.sign)
        settings = {ChannelKind.EMAIL: {**channel, **identity, **signed, "connections": str(options.connections)}}
        with ProcessPoolExecutor(1, get_context("fork")) as aside:  # what it leaves in memory is not the engine's
            names = aside.submit(_prepared, url, key, home / ANCHOR_FILE, options.people, settings).result()
        ledger = Ledger(url, Keys(key), home / ANCHOR_FILE).migrate()
        _make_ready(ledger, names[1], home, settings)
        work = Work(ledger, settings, *names, LINKS)
        if options.unmarked:
            _leave_unmarked()
        if options.uncounted:
            _leave_uncounted(ledger)
        with _flood(home, ledger, key, options) as flood:
            print("SENDING", flush=True)
            started, cpu = time.perf_counter(), _cpu()
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
                tally = loop.run(send(work, cores=options.cores))
            _report(tally, options.people, time.perf_counter() - started, _cpu() - cpu)
        if flood:
            options.told.write_text(json.dumps(asdict(flood[0])), encoding="utf-8")
        ledger.dispose()


def _make_ready(ledger: Ledger, notice: str, home: Path, settings: ChannelSettings) -> None:
    """Have what is set up once in a process, as the peers have: statements prepared, modules loaded.

    The same notice of a small incident goes to a file before the clock starts.
    """
    connect(ChannelKind.EMAIL, settings[ChannelKind.EMAIL])
    to_a_file = {ChannelKind.EMAIL: {"use": "outbox", "kind": "email", "folder": str(home / "outbox")}}
    asyncio.run(send(Work(ledger, to_a_file, BEFOREHAND, notice, LINKS)))


def _leave_unmarked() -> None:
    """Let each message leave at once, here and in what is forked from here, and write answers down in large groups."""

    def at_once(_group_commit: object, _claim: object, then: Called) -> None:
        asyncio.get_running_loop().call_soon(then, None)

    GroupCommit.mark = at_once  # type: ignore[assignment, method-assign]
    group_commit.GATHER_SECONDS = UNMARKED_SECONDS


def _leave_uncounted(ledger: Ledger) -> None:
    """Let the database count no messages."""
    with ledger.store.engine.execution_options(writes=True).connect() as connection:
        if ledger.store.path is None:
            connection.execute(text("ALTER TABLE delivery DISABLE TRIGGER USER"))
        else:
            for name in connection.scalars(text("SELECT name FROM sqlite_master WHERE tbl_name = 'delivery'")).all():
                connection.execute(text(f"DROP TRIGGER IF EXISTS {name}"))
        connection.commit()


def _flood(home: Path, ledger: Ledger, key: bytes, options: argparse.Namespace) -> AbstractContextManager[Any]:
    """What the portal does meanwhile, if there is to be a flood; else nothing of the portal is loaded."""
    if not options.flood:
        return nullcontext()
    from bench.peers.portal import Portal, flooded

    return flooded(Portal(home, ledger, read_incident(STORY / "incident.yaml").id, key, options.people), options.flood)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--port", type=int, required=True, help="where the sink listens on 127.0.0.1")
    parser.add_argument("--connections", type=int, default=40)
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="how many processes")
    parser.add_argument("--ledger", default="", help="the address of an empty database instead of SQLite")
    parser.add_argument("--sign", choices=KEYS, help="sign every message with DKIM, instead of leaving it to the relay")
    parser.add_argument("--unmarked", action="store_true", help="send without marks: to measure what they cost")
    parser.add_argument("--uncounted", action="store_true", help="count no messages: to measure what that costs")
    parser.add_argument("--flood", type=int, default=0, help="so many form posts a second to the portal meanwhile")
    parser.add_argument("--told", type=Path, default=Path(os.devnull), help="the file for what the portal did then")
    return parser.parse_args()


def _dkim(home: Path, kind: str | None) -> dict[str, str]:
    """A key of this kind and the settings that use it; none of both without a kind."""
    if kind is None:
        return {}
    file = home / "dkim.pem"
    file.write_bytes(KEYS[kind]().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return {"dkim_key_file": str(file), "dkim_domain": "bench.example", "dkim_selector": "bench"}


def _now() -> datetime:
    return datetime.now(UTC)


def invented(count: int) -> Iterator[Person]:
    for number in range(1, count + 1):
        yield Person(
            number=number,
            ref=f"B-{number:08}",
            name=f"Robin Bench {number}",
            email=address(number),
            phone="",
            locale="en",
            country="DE",
            data=(DataCategory.BASIC_IDENTITY, DataCategory.CONTACT),
        )


def address(number: int) -> str:
    return f"robin{number}@mail{number % 500}.example"


def _prepared(url: str, key: bytes, anchor: Path, count: int, settings: ChannelSettings) -> tuple[str, str]:
    """A new ledger with an approved notice; the names of incident and notice."""
    ledger = Ledger(url, Keys(key), anchor).migrate()
    try:
        add_team(ledger)
        approved(ledger, 1, settings, BEFOREHAND)
        drafted = approved(ledger, count, settings)
        return drafted.incident, drafted.notice
    finally:
        ledger.dispose()


def add_team(ledger: Ledger) -> None:
    for member in APPROVERS:
        ledger.team.add(member.name, member.role, "mei", _now())


def approved(ledger: Ledger, count: int, settings: ChannelSettings, name: str = "") -> Draft:
    """The example incident for these people, its first notice approved by two, by email alone."""
    incident = read_incident(STORY / "incident.yaml")
    incident = incident.model_copy(update={"id": name or incident.id})
    playbook, wording = load_playbook("customer-data-theft")
    ledger.incidents.open(incident, invented(count), "mei", _now())
    ledger.playbooks.pin(incident.id, playbook, wording, "mei", _now())
    step = next(step for step in playbook.steps if step.notice == "first-notice")
    by_email = step.model_copy(update={"channels": (ChannelKind.EMAIL,), "cascade": ()})
    audience = ledger.notices.audience(incident.id, EVERYONE)
    readers = Readers(audience.digest, audience.people, audience.readers)
    facts, wanted = ledger.incidents.facts_digest(incident.id), Wanted("first-notice", "first-notice", EVERYONE)
    whole = draft(ledger.views.drafting(incident.id), wording, by_email, 1, wanted, readers, LINKS, facts, _now())
    drafted = whole.model_copy(update={"variants": tuple(map(_short, whole.variants))})
    ledger.notices.draft(drafted, _now())
    asyncio.run(look_over(ledger, drafted, settings, LINKS, _now()))
    for member in APPROVERS:
        ledger.approvals.decide(incident.id, drafted.notice, member, Decision.APPROVE, drafted.binding, "", _now())
    return drafted


def _short(variant: Variant) -> Variant:
    """So much of the text that the email is as long as those of its peers."""
    lines = variant.text.split("\n")
    kept = [line for place, line in enumerate(lines) if sum(map(len, lines[:place])) < TEXT_CHARACTERS]
    return variant.model_copy(update={"text": "\n".join(kept)})


def _cpu() -> float:
    """Seconds of this process and of those that it started and that have ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _report(tally: Tally, people: int, seconds: float, cpu: float) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"machine            {platform.node()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"people             {people}: {dict(tally.answers)}, finished: {tally.finished}")
    print(f"messages/s         {people / seconds:,.0f} in {seconds:.1f} s")
    print(f"CPU µs per person  {cpu / people * 1e6:,.0f}")
    print(f"peak RSS           {peak:,.0f} MiB")
    print(f"SEND_S={seconds:.3f}\nCPU_S={cpu:.3f}")


if __name__ == "__main__":
    main()
