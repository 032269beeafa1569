"""What a worker asks again and again leads to its rows by an index, however many messages a notice has.

Without one, each page would cost as much as all that were sent before it, which no test with a few people can feel.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import event

from amends.domain.channel.channel import ChannelKind
from amends.domain.notice.notice import PersonState
from amends.ledger import Ledger
from amends.ledger.deliver.deliveries import TAKE
from amends.ledger.notice import first_messages
from amends.ledger.notice.first_messages import PAGE
from amends.ledger.store.bulk import KEEP
from tests.builders import NOW, a_person
from tests.databases import NEEDS_POSTGRES, fresh_database
from tests.delivery.sending import INCIDENT, NOTICE, a_ledger, approved

BY_EMAIL = (ChannelKind.EMAIL,)
WHOLE_NOTICE = "delivery_1 (incident=? AND notice=?)"
"""SQLite's words for looking at all messages of the notice, by the index of the unique key."""


@pytest.fixture
def released(ledger_on_sqlite: Ledger) -> Ledger:
    approved(ledger_on_sqlite, [a_person(number=number) for number in range(1, 9)])
    ledger_on_sqlite.notices.release(INCIDENT, NOTICE, NOW)
    return ledger_on_sqlite


@contextmanager
def ways(ledger: Ledger) -> Iterator[list[str]]:
    """How SQLite finds its rows for each statement about messages."""
    found: list[str] = []

    def explain(connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        if "delivery" in statement and not many and statement.split(maxsplit=1)[0] in ("SELECT", "UPDATE"):
            plan = connection.connection.driver_connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            found.extend(row[3] for row in plan if "delivery" in row[3])

    event.listen(ledger.store.engine, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        event.remove(ledger.store.engine, "before_cursor_execute", explain)


def claim(ledger: Ledger) -> None:
    assert len(ledger.deliveries.claim(INCIDENT, NOTICE, BY_EMAIL, 3, NOW)) == 3


def end(ledger: Ledger) -> None:
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, BY_EMAIL, 3, NOW)
    ledger.deliveries.give_back(claims, NOW)
    ledger.deliveries.end_leases([claims[0].lease], {}, INCIDENT, NOTICE, NOW)


def at_work(ledger: Ledger) -> None:
    claim(ledger)
    assert ledger.deliveries.at_work(INCIDENT, NOTICE, BY_EMAIL)


def pending(ledger: Ledger) -> None:
    claim(ledger)
    assert ledger.deliveries.pending(INCIDENT, NOTICE) > 0


@pytest.mark.parametrize(
    "act", [claim, end, at_work, pending, lambda ledger: ledger.statistics.troubles(INCIDENT, NOTICE)]
)
def test_no_verb_of_a_worker_looks_at_every_message(released: Ledger, act: Callable[[Ledger], object]) -> None:
    with ways(released) as found:
        act(released)
    assert found
    assert [way for way in found if way.startswith("SCAN") or WHOLE_NOTICE in way] == []


@pytest.mark.parametrize(
    ("statement", "tables"), [(KEEP, 1), (TAKE.replace(":lease", "?").replace(":now", "?") + "id = ?", 0)]
)
def test_sqlite_builds_no_table_to_change_a_message(released: Ledger, statement: str, tables: int) -> None:
    """As it does for each list of more than two words, in the condition of an index too; KEEP has one of messages."""
    with released.store.engine.connect() as connection:
        asked = (None,) * statement.count("?")
        steps = connection.exec_driver_sql(f"EXPLAIN {statement}", asked).all()
    assert [step[1] for step in steps].count("OpenEphemeral") == tables


def test_everybody_gets_a_message_however_many_kinds_of_people(ledger_on_sqlite: Ledger) -> None:
    """Everybody gets a message however many kinds of people there are, such as one region for each of 2,600 people.

    So many kinds are more values than SQLite takes in one statement, as it is built by default.
    """
    people = [a_person(number=number, country="US", region=f"US-{number}") for number in range(1, 2_601)]
    approved(ledger_on_sqlite, people)
    ledger_on_sqlite.notices.release(INCIDENT, NOTICE, NOW)
    assert ledger_on_sqlite.statistics.people(INCIDENT, NOTICE) == {PersonState.WAITING: 2_600}


def test_everybody_gets_a_message_however_far_apart_the_rows_are(ledger: Ledger) -> None:
    """Each person gets exactly one message however far apart the rows of the list are, also after a second release."""
    rows = (1, PAGE, PAGE + 1, 2 * PAGE, 4 * PAGE + 7)
    approved(ledger, [a_person(number=row) for row in rows], channels=BY_EMAIL)
    for _ in range(2):
        ledger.notices.release(INCIDENT, NOTICE, NOW)
        assert [line.person for line in ledger.statistics.lines(INCIDENT, NOTICE) if line.person] == list(rows)


@pytest.mark.parametrize("server", [pytest.param("postgresql", marks=NEEDS_POSTGRES)])
def test_no_page_of_a_release_on_a_server_reads_the_whole_list(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_messages, "PAGE", 100)
    with fresh_database() as url:
        ledger = a_ledger(url, tmp_path).migrate()
        approved(ledger, [a_person(number=number) for number in range(1, 3_001)])
        before = rows_read(url, ledger)
        ledger.notices.release(INCIDENT, NOTICE, NOW)
        read = {table: rows - before[table] for table, rows in rows_read(url, ledger).items()}
    # Thirty pages: a list that is read whole for each is read thirty times.
    assert read["person"] < 12 * 3_000
    assert read["delivery"] < 4 * 3_000


def rows_read(url: str, ledger: Ledger) -> dict[str, int]:
    """How many rows of these tables the server has looked at, in order or by an index."""
    ledger.dispose()  # a session tells what it read at its end, at the latest
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as server:
        query = (
            "SELECT relname, seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables "
            "WHERE relname IN ('person', 'delivery')"
        )
        for _ in range(100):
            if server.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            ).fetchone() == (1,):
                break
            time.sleep(0.02)
        return dict(server.execute(query).fetchall())
