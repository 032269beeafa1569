"""An adversary with a copy of the whole ledger, its log and its master key cannot say who gave which survey answer.

Forty people answer in an order that the adversary knows, each otherwise than all others. The adversary orders the opened
ballots by whatever the copy tells (row numbers, names, places of bytes, first mention in the log or in the audit chain,
PostgreSQL's transaction and row numbers) and guesses that the ballots came in that order, or backwards. Ballots are
opened ten at a time, so that by chance one of ten is right. A leak would make nearly all forty right.
"""

import random
import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import event, text

from amends.domain.base.errors import KeyMissing
from amends.ledger import Ledger
from amends.ledger.feedback.survey.ballots import text_place
from tests.builders import NOW
from tests.delivery.sending import INCIDENT
from tests.ledger.feedback.surveyed import INVITATION, answer, customers, invited

PEOPLE = 40
BY_CHANCE = 17
"""More right guesses than this come by chance once in more than a million times: about four are expected of each."""
SCORES = list(product("12345", "12345", ("email", "sms")))[:PEOPLE]
"""The answers of the people, in the order in which they answer; no two are the same."""


def said_by(place: int) -> str:
    return f"Canary {place:02} says so"


def all_answer(ledger: Ledger) -> Ledger:
    """All have answered, each a minute after the one before, not in the order of their numbers."""
    invited(ledger, customers(PEOPLE + 1))
    numbers = list(range(1, PEOPLE + 1))
    random.Random(7).shuffle(numbers)
    for place, (person, (understood, trust, way)) in enumerate(zip(numbers, SCORES, strict=True)):
        given = {"understood": understood, "trust_now": trust, "best-way": way, "comment": said_by(place)}
        assert answer(ledger, person, NOW + timedelta(minutes=place), **given)
    return ledger


@pytest.fixture
def answered(ledger: Ledger) -> Ledger:
    return all_answer(ledger)


def right(order: Sequence[str], truth: Mapping[str, int]) -> int:
    """Return how many guesses are right when the things came in this order, or backwards, by their true places."""
    forwards = sum(truth[name] == place for place, name in enumerate(order))
    in_tens = sum(truth[name] == place // 10 * 10 + 9 - place % 10 for place, name in enumerate(order))
    backwards = sum(truth[name] == place for place, name in enumerate(reversed(order)))
    return max(forwards, in_tens, backwards)


def places_of_ballots(ledger: Ledger) -> dict[str, int]:
    """Return the true place of each opened ballot, by its name: the test alone knows whose answers these are."""
    with ledger.store.read() as session:
        rows = session.execute(text("SELECT id, answers FROM ballot")).all()
    known = {scores: place for place, scores in enumerate(SCORES)}
    return {
        name: known[tuple(re.findall(r'"([1-5]|email|sms)"', str(given).replace("'", '"')))] for name, given in rows
    }


def places_of_texts(ledger: Ledger) -> dict[str, int]:
    with ledger.store.read() as session:
        seal = ledger.store.seal(session, INCIDENT)
        rows = session.execute(text("SELECT id, sealed_text FROM survey_text")).all()
    return {name: int(seal.open(bytes(sealed), text_place(name)).split()[1]) for name, sealed in rows}


def by_sql(ledger: Ledger, table: str, order: str) -> list[str]:
    with ledger.store.read() as session:
        return [name for (name,) in session.execute(text(f"SELECT id FROM {table} ORDER BY {order}"))]


def by_first_mention(names: Iterable[str], content: bytes) -> list[str]:
    return sorted(names, key=lambda name: content.find(name.encode()))


def by_last_mention(names: Iterable[str], content: bytes) -> list[str]:
    return sorted(names, key=lambda name: content.rfind(name.encode()))


def test_the_rows_of_the_database_tell_nobodys_answers(answered: Ledger) -> None:
    """Neither the numbers of rows, nor PostgreSQL's transactions and places, nor the names, tell the order."""
    on_postgresql = answered.store.engine.dialect.name == "postgresql"
    orders = ("xmin::text::bigint, ctid", "ctid", "id") if on_postgresql else ("rowid", "id")
    for table, truth in (("ballot", places_of_ballots(answered)), ("survey_text", places_of_texts(answered))):
        assert len(truth) == PEOPLE
        for order in orders:
            assert right(by_sql(answered, table, order), truth) <= BY_CHANCE, f"{table} by {order}"


def test_the_audit_chain_tells_nobodys_answers(answered: Ledger) -> None:
    """The chain has an entry for every ten ballots, whose rows stand in no telling order, and none for an answer."""
    with answered.store.read() as session:
        chain = session.execute(text("SELECT act, subject, detail, rows FROM audit ORDER BY seq")).all()
    opened = [entry for entry in chain if "survey_text" in entry.rows]
    assert [(entry.act, entry.detail) for entry in opened] == [("survey ballots opened", '{"ballots": 10}')] * 4
    assert len([entry for entry in chain if "survey" in entry.act]) == 4
    content = "".join(entry.rows for entry in chain).encode()
    for truth in (places_of_ballots(answered), places_of_texts(answered)):
        assert right(by_first_mention(truth, content), truth) <= BY_CHANCE


def test_no_table_says_when_in_the_day_somebody_answered(answered: Ledger) -> None:
    with answered.store.read() as session:
        days = session.execute(text("SELECT day, count(*) FROM survey_answered GROUP BY day")).all()
        held = session.execute(text("SELECT count(*) FROM held_ballot")).scalar_one()
    assert ([(str(day), count) for day, count in days], held) == ([(NOW.date().isoformat(), PEOPLE)], 0)


# The files of SQLite


@pytest.fixture
def files(ledger_on_sqlite: Ledger) -> tuple[Ledger, bytes, bytes]:
    """The ledger, its database and its log, which keeps all that was written since the beginning."""
    path = ledger_on_sqlite.store.path
    assert path
    event.listen(ledger_on_sqlite.store.engine, "connect", lambda raw, _: raw.execute("PRAGMA wal_autocheckpoint=0"))
    ledger_on_sqlite.store.engine.dispose()
    all_answer(ledger_on_sqlite)
    return ledger_on_sqlite, path.read_bytes(), path.with_name(f"{path.name}-wal").read_bytes()


Attack = Callable[[Iterable[str], bytes], list[str]]


@pytest.mark.parametrize("attack", [by_first_mention, by_last_mention])
def test_the_places_of_bytes_tell_nobodys_answers(files: tuple[Ledger, bytes, bytes], attack: Attack) -> None:
    ledger, database, log = files
    for truth in (places_of_ballots(ledger), places_of_texts(ledger)):
        assert all(name.encode() in log for name in truth)
        for content in (log, database + log):
            assert right(attack(truth, content), truth) <= BY_CHANCE


def test_no_answer_stands_in_the_files_before_ten_are_opened(ledger_on_sqlite: Ledger, tmp_path: Path) -> None:
    """Nine held ballots can be opened with no key that the ledger or its master key has, and all are equally long."""
    invited(ledger_on_sqlite, customers(12))
    for person in range(1, 10):
        answer(ledger_on_sqlite, person, understood="4", comment="Canarycomment" * person)
    store = ledger_on_sqlite.store
    with store.read() as session:
        seals = [store.seal(session, INCIDENT), store.keys.team_seal]
        held = session.execute(text("SELECT id, sealed FROM held_ballot")).all()
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("ledger.sqlite3*"))
    assert (b"Canarycomment" in content, len({len(sealed) for _, sealed in held})) == (False, 1)
    places = (f"held_ballot:sealed:{name}:{INCIDENT}/{INVITATION}" for name, _ in held)
    for place, (_, sealed), seal in (
        (place, row, seal) for place, row in zip(places, held, strict=True) for seal in seals
    ):
        with suppress(KeyMissing):
            raise AssertionError(seal.open(sealed, place))


def test_a_key_is_gone_once_its_ballots_are_opened(ledger_on_sqlite: Ledger, tmp_path: Path) -> None:
    invited(ledger_on_sqlite, customers(12))
    keys = tmp_path / "survey-keys" / f"{INCIDENT}.{INVITATION}"
    kept = []
    for person in range(1, 12):
        answer(ledger_on_sqlite, person, understood="4")
        kept.append(keys.read_text())
    assert len(set(kept[:9])) == 1
    assert (kept[9], kept[10] != kept[0], keys.stat().st_mode & 0o777) == ("", True, 0o600)


def test_the_attacks_find_ballots_that_are_stored_as_they_come(tmp_path: Path) -> None:
    """Against a table that a careless program fills, the same attacks are right about everybody."""
    path = tmp_path / "careless.sqlite3"
    names = [random.Random(place).randbytes(16).hex() for place in range(PEOPLE)]
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript("PRAGMA journal_mode=WAL; CREATE TABLE ballot (id TEXT PRIMARY KEY)")
        for name in names:
            database.execute("INSERT INTO ballot VALUES (?)", (name,))
        log = path.with_name(f"{path.name}-wal").read_bytes()
        rows = [name for (name,) in database.execute("SELECT id FROM ballot ORDER BY rowid")]
    truth = {name: place for place, name in enumerate(names)}
    assert [right(order, truth) for order in (rows, by_first_mention(names, log))] == [PEOPLE, PEOPLE]
