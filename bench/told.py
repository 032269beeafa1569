"""How long the record of what people were told takes to ask, and what it costs a send to keep.

    python bench/told.py [--sizes 10000,100000,1000000] [--notices 30] [--ledger ADDRESS] [--out docs/performance.md]

Every size has a ledger of its own, in which everybody got every notice. Two facts were told wrongly. Of the *rare* one,
one person in a hundred was told the old value, in the first version of a notice. The *corrected* one was told to
everybody, and a correction reached all but one in a hundred. The messages are stored at once instead of sent, and
`amends audit verify` must find that they are counted rightly. Each figure is of a ledger opened anew, without caches.

    python bench/told.py --sending 40000 --rounds 5 [--out docs/performance.md]

The engine as it is, beside a ledger whose triggers were dropped, in turn: the share of a send's CPU that counts take.
It needs Linux and a C compiler.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import text

from amends.content.incident.incident import read_incident
from amends.content.playbook.playbook import load_playbook
from amends.domain.base.audience import EVERYONE
from amends.domain.channel.channel import ChannelKind
from amends.domain.draft.draft import draft
from amends.domain.draft.writer import Readers, Wanted
from amends.domain.incident.facts import Cause, Certainty, Fact, Vector
from amends.domain.incident.incident import Incident, StatementKey
from amends.domain.notice.notice import Draft, NoticeStage
from amends.domain.notice.statement import Statement
from amends.domain.playbook.playbook import Event
from amends.ledger import Keys, Ledger
from amends.ledger.tables.notice import NoticeRow, ReleaseRow
from bench.deliver import LINKS, STORY, invented
from bench.peers.engine import add_options, engine, fresh_ledger, options_told
from bench.peers.measure import Run
from bench.peers.page import fill, machine, number, table
from bench.peers.ready import require_sink

HEAD = (
    "people",
    "messages",
    "case, ms",
    "… rare",
    "… corrected",
    "rare: count, ms",
    "… set, ms",
    "corrected: count, ms",
    "… set, ms",
    "one person, ms",
    "verify, s",
)
STORE = """
INSERT INTO delivery (
    incident, notice, version, person, channel, address_index, variant, state, provider_id, elements, attempts,
    updated_at
)
SELECT person.incident, :notice, :version, person.number, 'email', person.email_index, 'en/self', 'sent', '',
    element_set.id, 1, :at
FROM person JOIN element_set ON element_set.incident = person.incident AND element_set.elements = person.data
    AND element_set.country = person.country AND element_set.region = person.region
WHERE person.incident = :incident AND {whom} ORDER BY person.number
"""
ALL, FEW, REST = "person.number > 0", "person.number % 100 = 0", "person.number % 100 <> 0"
OLD_CAUSE, NEW_CAUSE = Cause.EXTERNAL_ATTACK, Cause.INSIDER
OLD_VECTOR, NEW_VECTOR = Vector.PHISHING, Vector.RANSOMWARE
TOLD: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("notice-1", FEW, {StatementKey.CAUSE: OLD_CAUSE}),
    ("notice-1", REST, {StatementKey.CAUSE: NEW_CAUSE}),
    ("notice-2", ALL, {StatementKey.VECTOR: OLD_VECTOR}),
    ("notice-3", REST, {StatementKey.VECTOR: NEW_VECTOR}),
)
"""What notices said, one after another: the notice, to whom, and the value."""
BEGUN = datetime(2026, 3, 1, tzinfo=UTC)
KEY = b"b" * 32


def main() -> None:
    """Measure, print, write."""
    options, described = _options(), machine()
    name, body = ("counting", _counting(options)) if options.sending else ("told", _told(options))
    page = f"{described} `{_command(options)}`\n\n{body}"
    print(f"\n{page}")
    if options.out:
        fill(options.out, name, page)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=_numbers, default=(10_000, 100_000, 1_000_000))
    parser.add_argument("--notices", type=int, default=30)
    parser.add_argument(
        "--sending", type=int, default=0, help="send to so many people instead, with and without counts"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the ledgers are made: 8 GB for a million people")
    parser.add_argument("--out", type=Path, help="the page whose table is replaced")
    add_options(parser)
    return parser.parse_args()


def _numbers(told: str) -> tuple[int, ...]:
    return tuple(int(size) for size in told.split(","))


def _command(options: argparse.Namespace) -> str:
    what = f"--sizes {','.join(map(str, options.sizes))} --notices {options.notices}"
    what = f"--sending {options.sending} --rounds {options.rounds}" if options.sending else what
    return f"python bench/told.py {what} {options_told(options)}".strip()


def _told(options: argparse.Namespace) -> str:
    rows = []
    for people in options.sizes:
        with _made(people, options) as reopened:
            rows.append(_row(people, options.notices, reopened))
            print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
    return table(HEAD, rows)


@contextmanager
def _made(people: int, options: argparse.Namespace) -> Iterator[Callable[[], Ledger]]:
    """A ledger in which everybody was told; called, it is opened anew."""
    with tempfile.TemporaryDirectory(dir=options.folder) as folder, fresh_ledger(options.ledger) as server:
        url = server or f"sqlite:///{folder}/ledger.sqlite3"
        ledger = Ledger(url, Keys(KEY), durable=False).migrate()
        tell(ledger, people, options.notices)
        ledger.dispose()
        yield lambda: Ledger(url, Keys(KEY))


def tell(ledger: Ledger, people: int, notices: int) -> None:
    """Store so many people, and as many notices to each, as if they had been sent."""
    file = _file()
    playbook, wording = load_playbook("customer-data-theft")
    ledger.incidents.open(file, invented(people), "mei", BEGUN)
    ledger.playbooks.pin(file.id, playbook, wording, "mei", BEGUN)
    ledger.incidents.note_event(file.id, Event.NOTIFIED, BEGUN)
    step = next(step for step in playbook.steps if step.notice == "first-notice")
    step = step.model_copy(update={"channels": (ChannelKind.EMAIL,), "cascade": ()})
    audience = ledger.notices.audience(file.id, EVERYONE)
    readers = Readers(audience.digest, audience.people, audience.readers)
    facts, wanted = ledger.incidents.facts_digest(file.id), Wanted("first-notice", "first-notice", EVERYONE)
    whole = draft(ledger.views.drafting(file.id), wording, step, 1, wanted, readers, LINKS, facts, BEGUN)
    later: list[tuple[str, str, dict[str, str]]] = [(f"notice-{one}", ALL, {}) for one in range(4, notices + 1)]
    for hours, (notice, whom, said) in enumerate([*TOLD, *later], 1):
        _release(ledger, _saying(whole, notice, said, BEGUN + timedelta(hours=hours)), whom)
    if ledger.store.path is None:
        with ledger.store.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def _file(**facts: Any) -> Incident:
    """The example incident; of the cause and the vector is known what is given."""
    file, unknown = read_incident(STORY / "incident.yaml"), {"certainty": Certainty.UNKNOWN}
    known = {
        "cause": Fact[Cause](value=facts["cause"]) if "cause" in facts else Fact[Cause](**unknown),
        "vector": Fact[Vector](value=facts["vector"]) if "vector" in facts else Fact[Vector](**unknown),
    }
    return file.model_copy(update={"facts": file.facts.model_copy(update=known)})


def _saying(whole: Draft, notice: str, said: dict[str, str], at: datetime) -> Draft:
    """The draft under this name; its email says this and the data of its reader."""
    elements = tuple(statement for statement in whole.statements if statement.key == StatementKey.ELEMENTS)
    statements = (*elements, *(Statement(key=key, value=value) for key, value in said.items()))
    states = tuple(statement.key for statement in statements)
    variants = tuple(
        variant.model_copy(update={"states": states}) for variant in whole.variants if variant.channel.personal
    )
    named = {"notice": notice, "dated": at, "variants": variants, "statements": statements, "next_news_at": None}
    return whole.model_copy(update=named)


def _release(ledger: Ledger, drafted: Draft, whom: str) -> None:
    version = ledger.notices.draft(drafted, drafted.dated)
    named: dict[str, Any] = {"incident": drafted.incident, "notice": drafted.notice, "version": version}
    with ledger.store.write() as write:
        write.session.add(ReleaseRow(**named, binding=drafted.binding, prepared=drafted.people, at=drafted.dated))
        write.session.flush()
        write.session.execute(text(STORE.format(whom=whom)), named | {"at": drafted.dated})
        row = write.session.get_one(NoticeRow, tuple(named.values()))
        row.stage, row.sent_at = NoticeStage.SENT, drafted.dated


def _row(people: int, notices: int, reopened: Callable[[], Ledger]) -> tuple[str, ...]:
    incident = _file().id
    unchanged, _ = _timed(reopened, lambda ledger: ledger.cases.read(incident))
    rare = _asked(reopened, _file(cause=NEW_CAUSE), StatementKey.CAUSE, OLD_CAUSE, people // 100)
    corrected = _asked(reopened, _file(vector=NEW_VECTOR), StatementKey.VECTOR, OLD_VECTOR, people)
    person, heard = _timed(reopened, lambda ledger: ledger.told.person(incident, people // 2 + 1))
    verified, problems = _timed(reopened, lambda ledger: ledger.audit.miscounted())
    if problems or len(heard) != notices:
        sys.exit(f"the counts or the record are wrong: {problems}, {len(heard)} messages of one person")
    read, rest = [[one[0] for one in (rare, corrected)], [*rare[1:], *corrected[1:]]]
    thousandths = (number(seconds * 1000, 1) for seconds in (unchanged, *read, *rest, person))
    return (number(people), number(people * notices), *thousandths, number(verified, 1))


def _asked(
    reopened: Callable[[], Ledger], file: Incident, key: StatementKey, old: str, told: int
) -> tuple[float, float, float]:
    """Seconds to read the case, to count those who were told the old value, and to find who was told it last."""
    ledger = reopened()
    ledger.incidents.amend(file, "mei", datetime.now(UTC))
    sayings = [saying.saying for saying in ledger.told.sayings(file.id)]
    ledger.dispose()
    texts = [saying for saying in sayings if key in saying.statements and saying.statements[key].value == old]
    read, case = _timed(reopened, lambda ledger: ledger.cases.read(file.id))
    count, counted = _timed(reopened, lambda ledger: ledger.told.people(file.id, texts))
    find, found = _timed(reopened, lambda ledger: ledger.told.otherwise(file.id))
    people = case.audience.people
    if case.told_wrongly != (key,) or counted != (told, 0) or len(found) != people // 100:
        sys.exit(f"the record is wrong: {case.told_wrongly}, {counted}, {len(found)}")
    return read, count, find


def _timed(reopened: Callable[[], Ledger], ask: Callable[[Ledger], Any]) -> tuple[float, Any]:
    """The seconds of an answer by a ledger just opened, and the answer: of CPU, or until a server has answered."""
    ledger = reopened()
    ledger.incidents.all()
    clock = time.process_time if ledger.store.path else time.perf_counter
    started = clock()
    answer = ask(ledger)
    seconds = clock() - started
    ledger.dispose()
    return seconds, answer


def _counting(options: argparse.Namespace) -> str:
    require_sink()
    rounds = [_round(options, turn) for turn in range(options.rounds)]
    if not all(run.exact for pair in rounds for run in pair):
        sys.exit("the engine did not reach everybody once: nothing is written")
    rows = [
        (label, *(number(median(pick(pair[place]) for pair in rounds), 1) for pick in (_rate, _cpu)))
        for place, label in enumerate(("as it is", "without counts"))
    ]
    share = median(1 - _cpu(without) / _cpu(as_it_is) for as_it_is, without in rounds)
    shares = ", ".join(f"{1 - _cpu(without) / _cpu(as_it_is):.1%}" for as_it_is, without in rounds)
    head = ("the engine", "messages a second", "CPU µs a person")
    return f"{table(head, rows)}\n\nCounting takes {share:.1%} of the CPU ({shares})."


def _round(options: argparse.Namespace, turn: int) -> tuple[Run, Run]:
    """Both, each time in the other order."""
    without = argparse.Namespace(**{**vars(options), "engine_args": f"{options.engine_args} --uncounted"})
    order = (without, options) if turn % 2 else (options, without)
    first, second = (engine(options.sending, which) for which in order)
    for run in (first, second):
        print(run.problem or f"{_cpu(run):.1f} µs", file=sys.stderr, flush=True)
    return (second, first) if turn % 2 else (first, second)


def _rate(run: Run) -> float:
    return run.rate


def _cpu(run: Run) -> float:
    return run.cpu_us or 0.0


if __name__ == "__main__":
    main()
