"""What a code for each person costs a send: the CPU of releasing a notice and claiming its messages, with and without.

    python bench/codes.py [--people 100000] [--rounds 3] [--ledger ADDRESS] [--out docs/performance.md]

Each round has a ledger with the same invented people and the same notice twice in turn: once as it is, and once with a
commitment of which each person gets a code, from a stock of as many codes. Nothing is sent: composing and sending are
the same in both. As in a send by several processes, Python's garbage collector leaves alone what was there before.
Figures are medians. `--ledger` is the address of a PostgreSQL server, on which databases are made.
"""

import argparse
import gc
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple
from uuid import uuid4

import psycopg

from amends.content.incident.incident import read_incident
from amends.content.playbook.playbook import load_playbook
from amends.domain.base.audience import EVERYONE
from amends.domain.channel.channel import ChannelKind
from amends.domain.deliver.preflight import Preflight
from amends.domain.draft.draft import draft
from amends.domain.draft.writer import Readers, Wanted
from amends.domain.entitlement.code import CodeVariant, NewCode, part_of
from amends.domain.incident.commitment import CodePlace
from amends.domain.incident.incident import Incident
from amends.domain.notice.notice import Draft, code_slot
from amends.domain.team.approval import Decision
from amends.ledger import Keys, Ledger
from bench.deliver import APPROVERS, LINKS, STORY, add_team, invented
from bench.peers.page import fill, machine, number, table

OFFER = "number-protection"
PAGE = 2_000
HEAD = ("what", "without, µs a person", "with codes, µs a person", "codes alone")


class Took(NamedTuple):
    """The microseconds of CPU for each person."""

    release: float
    claim: float

    @property
    def both(self) -> float:
        """Return the sum."""
        return self.release + self.claim


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ledger", default="", help="such as postgresql://postgres@127.0.0.1:5432")
    parser.add_argument("--out", type=Path, help="the page whose table is replaced")
    options = parser.parse_args()
    described, rounds = machine(), []
    for _ in range(options.rounds):
        rounds.append([_measured(options.ledger, options.people, coded=coded) for coded in (False, True)])
        print([[round(figure, 1) for figure in one] for one in rounds[-1]], flush=True)
    rows = [_row(name, rounds) for name in ("release", "claim", "both")]
    where = f" --ledger {options.ledger}" if options.ledger else ""
    command = f"python bench/codes.py --people {options.people} --rounds {options.rounds}{where}"
    page = f"{described} `{command}`\n\n{table(HEAD, rows)}"
    print(f"\n{page}")
    if options.out:
        fill(options.out, "codes", page)


def _row(name: str, rounds: list[list[Took]]) -> tuple[str, ...]:
    plain, coded = (median(getattr(round_[which], name) for round_ in rounds) for which in (0, 1))
    return name, number(plain), number(coded), number(coded - plain)


def _measured(server: str, people: int, *, coded: bool) -> Took:
    with tempfile.TemporaryDirectory() as folder, _database(server, folder) as url:
        ledger = Ledger(url, Keys(b"b" * 32), Path(folder) / "audit-head").migrate()
        drafted = _approved(ledger, people, coded=coded)
        gc.freeze()
        begun = time.process_time()
        ledger.notices.release(drafted.incident, drafted.notice, _now())
        released = time.process_time()
        claimed = 0
        while page := ledger.deliveries.claim(drafted.incident, drafted.notice, [ChannelKind.EMAIL], PAGE, _now()):
            claimed += len(page)
        done = time.process_time()
        if claimed != people or (coded and ledger.codes.stock(drafted.incident, _now())[0].given != people):
            raise SystemExit(f"{claimed} of {people} messages were claimed, or some without a code")
        ledger.dispose()
    return Took(*(seconds * 1e6 / people for seconds in (released - begun, done - released)))


@contextmanager
def _database(server: str, folder: str) -> Iterator[str]:
    """An empty database, which is dropped afterwards."""
    if not server:
        yield f"sqlite:///{folder}/ledger.sqlite3"
        return
    name = f"bench_{uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{server.replace('postgresql:', 'postgresql+psycopg:')}/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _approved(ledger: Ledger, people: int, *, coded: bool) -> Draft:
    add_team(ledger)
    incident = _promising(read_incident(STORY / "incident.yaml"), coded=coded)
    playbook, wording = load_playbook("customer-data-theft")
    ledger.incidents.open(incident, invented(people), "mei", _now())
    ledger.playbooks.pin(incident.id, playbook, wording, "mei", _now())
    if coded:
        codes = [NewCode(f"BENCH-{code:08}", CodeVariant.EVERYONE) for code in range(people)]
        ledger.codes.add(incident.id, OFFER, codes, "mei", _now())
    step = next(step for step in playbook.steps if step.notice == "first-notice")
    by_email = step.model_copy(update={"channels": (ChannelKind.EMAIL,), "cascade": ()})
    audience = ledger.notices.audience(incident.id, EVERYONE)
    readers = Readers(audience.digest, audience.people, audience.readers)
    facts, wanted = ledger.incidents.facts_digest(incident.id), Wanted("first-notice", "first-notice", EVERYONE)
    drafted = draft(ledger.views.drafting(incident.id), wording, by_email, 1, wanted, readers, LINKS, facts, _now())
    if coded and not all(code_slot(OFFER) in variant.text for variant in drafted.variants):
        raise SystemExit("the letter has no room for the code")
    ledger.notices.draft(drafted, _now())
    needed = {part_of(OFFER, CodeVariant.EVERYONE): people} if coded else {}
    ledger.notices.keep_preflight(drafted, Preflight(messages=people, codes=needed), _now())
    for member in APPROVERS:
        ledger.approvals.decide(incident.id, drafted.notice, member, Decision.APPROVE, drafted.binding, "", _now())
    return drafted


def _promising(incident: Incident, *, coded: bool) -> Incident:
    place = CodePlace.LETTER if coded else None
    offers = (
        commitment.model_copy(update={"take_up": commitment.take_up.model_copy(update={"codes": place})})
        if commitment.id == OFFER
        else commitment
        for commitment in incident.commitments
    )
    return incident.model_copy(update={"commitments": tuple(offers)})


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    main()
