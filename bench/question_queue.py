"""How long the queue of questions takes with many of them: listing, counting, searching, grouping.

    python bench/question_queue.py [--questions 50000] [--rounds 5] [--out docs/performance.md]

The questions are really encrypted, each with its own seal, and are stored at once instead of asked. Each figure is the
median of several rounds in one process, without the time that Python takes to start.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from sqlalchemy import insert

from amends.content.file.shipped import library
from amends.content.incident.incident import read_incident
from amends.domain.feedback.question import topic_of
from amends.domain.feedback.queue.groups import marks, shingles
from amends.domain.feedback.queue.queue import PAGE, QueueFilter
from amends.domain.people.person import Person
from amends.ledger import Keys, Ledger
from amends.ledger.feedback.question_rows import question_place
from amends.ledger.tables.feedback import QuestionGroupRow, QuestionLikenessRow, QuestionRow
from bench.peers.page import fill, machine, number, table

STORY = library() / "examples" / "stolen-terminals"
NOW = datetime(2026, 3, 20, tzinfo=UTC)
BEGINNINGS = (
    "Hello, I got your letter about the theft of customer data and I am worried.",
    "Good morning. My husband and I both have an account with you.",
    "您好，我收到了你们关于信息被盗的通知，很担心。",
    "To whom it may concern: your message of last week left me with more questions than answers.",
)
WISHES = (
    "Is my bank account number among the stolen data, and do I have to change it?",
    "Somebody called me in your name yesterday. Is that a scam?",
    "我的身份证号码有没有泄露？我现在该怎么办？",
    "Please delete everything that you keep about me, and confirm it in writing.",
    "Who pays for the credit monitoring, and for how long?",
)
GROUPS = 300
COMMON, RARE, CHINESE = "account", "confirm monitoring", "身份证"


def main() -> None:
    """Store, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="the page whose table is replaced")
    options = parser.parse_args()
    described = machine()
    with tempfile.TemporaryDirectory() as folder:
        ledger, incident = _opened(Path(folder))
        _store(ledger, incident, options.questions)
        rows = [(what, *map(number, _milliseconds(call, options.rounds))) for what, call in _calls(ledger, incident)]
        ledger.dispose()
    command = f"python bench/question_queue.py --questions {options.questions} --rounds {options.rounds}"
    page = f"{described} `{command}`\n\n{table((f'of {options.questions:,} questions', 'ms of CPU', 'ms'), rows)}"
    print(f"\n{page}")
    if options.out:
        fill(options.out, "question-queue", page)


def _opened(folder: Path) -> tuple[Ledger, str]:
    ledger = Ledger(f"sqlite:///{folder}/ledger.db", Keys(b"b" * 32)).migrate()
    incident = read_incident(STORY / "incident.yaml")
    people = [Person(n, f"P-{n}", "Kim Example", f"kim{n}@mail.example", "", "en", "DE") for n in range(1, 101)]
    ledger.incidents.open(incident, people, "mei", NOW - timedelta(days=30))
    return ledger, incident.id


def _store(ledger: Ledger, incident: str, questions: int) -> None:
    with ledger.store.write() as write:
        seal = ledger.store.seal(write.session, incident)
        rows = []
        for row in _rows(incident, questions):
            text = row.pop("text")
            row["sealed_text"] = seal.close(str(text), question_place(incident, int(str(row["id"])), "text"))
            row["seal"] = ledger.store.sealer.seal_of("question", row)
            rows.append(row)
        write.session.connection().execute(insert(QuestionRow), rows)
        groups = [QuestionGroupRow(incident=incident, id=each, example=each, at=NOW) for each in range(1, GROUPS)]
        write.session.add_all(groups)
        marked = (
            {"incident": incident, "mark": mark, "question": each}
            for each, text in enumerate(_distinct(questions), start=1)
            for mark in marks(shingles(text), seal.likeness)
        )
        write.session.connection().execute(insert(QuestionLikenessRow), list(marked))


def _rows(incident: str, questions: int) -> Iterator[dict[str, object]]:
    chance = random.Random(7)
    for each in range(1, questions + 1):
        text = f"{chance.choice(BEGINNINGS)} {chance.choice(WISHES)} ({each})"
        asked_at = NOW - timedelta(minutes=chance.randrange(40_000))
        yield {
            "incident": incident,
            "id": each,
            "once": str(each),
            "person": chance.randrange(1, 101),
            "kind": "question",
            "source": "portal",
            "locale": "en",
            "text": text,
            "topic": topic_of(text),
            "urgency": "",
            "together": chance.randrange(1, GROUPS) if each % 2 else None,
            "sealed_sender": None,
            "asked_at": asked_at,
            "reply_due_at": asked_at + timedelta(hours=72),
            "owner": "support",
            "answer_id": None,
            "answered_at": None,
            "answered_by": "",
            "sealed_objection": None,
            "reopened_at": None,
        }


def _distinct(questions: int) -> Iterator[str]:
    """Yield a text for every tenth question that is like few others."""
    chance = random.Random(8)
    words = [f"word{each}" for each in range(3_000)]
    for _ in range(questions // 10):
        yield f"{chance.choice(WISHES)} {' '.join(chance.sample(words, 12))}"


def _calls(ledger: Ledger, incident: str) -> Iterator[tuple[str, Callable[[], object]]]:
    queue, everything = ledger.queue, QueueFilter()
    yield "one page of the queue", lambda: queue.page(incident, everything, NOW, PAGE)
    yield "the last page of the queue", lambda: queue.page(incident, everything, NOW, PAGE, 49_950)
    yield "one page of a topic", lambda: queue.page(incident, QueueFilter(topic="scam"), NOW, PAGE)
    yield "one page of what is overdue", lambda: queue.page(incident, QueueFilter(overdue=True), NOW, PAGE)
    yield "the case with its counts", lambda: ledger.cases.read(incident, NOW)
    yield "the groups, by size", lambda: ledger.groups.lines(incident)
    yield "the group of a new question", lambda: ledger.groups.find(incident, WISHES[0], None)
    for words in (COMMON, RARE, CHINESE):
        yield f"a search for “{words}”", lambda words=words: queue.search(incident, words.split(), everything, NOW)  # type: ignore[misc]


def _milliseconds(call: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Return the medians of CPU and of wall time."""
    call()
    took = []
    for _ in range(rounds):
        started, cpu = time.perf_counter(), time.process_time()
        call()
        took.append(((time.process_time() - cpu) * 1000, (time.perf_counter() - started) * 1000))
    return median(one for one, _ in took), median(other for _, other in took)


if __name__ == "__main__":
    main()
