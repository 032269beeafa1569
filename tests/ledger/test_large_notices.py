"""What a worker asks again and again leads to its rows by an index, however many messages a notice has.

Without one, each page would cost as much as all that were sent before it, which no test with a few people can feel.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from amends.domain.channel import ChannelKind
from amends.domain.notice import PersonState
from amends.ledger import Ledger
from tests.builders import NOW, a_person
from tests.sending import INCIDENT, NOTICE, approved

BY_EMAIL = (ChannelKind.EMAIL,)
WHOLE_NOTICE = "delivery_1 (incident=? AND notice=?)"
"""SQLite's words for looking at all messages of the notice, by the index of the unique key."""


@pytest.fixture
def released(ledger_on_sqlite: Ledger) -> Ledger:
    approved(ledger_on_sqlite, [a_person(number=number) for number in range(1, 9)])
    ledger_on_sqlite.release(INCIDENT, NOTICE, NOW)
    return ledger_on_sqlite


@contextmanager
def ways(ledger: Ledger) -> Iterator[list[str]]:
    """How SQLite finds its rows for each statement about messages."""
    found: list[str] = []

    def explain(connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        if "delivery" in statement and not many and statement.split(maxsplit=1)[0] in ("SELECT", "UPDATE"):
            plan = connection.connection.driver_connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            found.extend(row[3] for row in plan if "delivery" in row[3])

    event.listen(ledger.engine, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        event.remove(ledger.engine, "before_cursor_execute", explain)


def claim(ledger: Ledger) -> None:
    assert len(ledger.claim(INCIDENT, NOTICE, BY_EMAIL, 3, NOW)) == 3


def end(ledger: Ledger) -> None:
    claims = ledger.claim(INCIDENT, NOTICE, BY_EMAIL, 3, NOW)
    ledger.give_back(claims, NOW)
    ledger.end([claims[0].lease], {}, INCIDENT, NOTICE, NOW)


def at_work(ledger: Ledger) -> None:
    claim(ledger)
    assert ledger.at_work(INCIDENT, NOTICE, BY_EMAIL)


def pending(ledger: Ledger) -> None:
    claim(ledger)
    assert ledger.pending(INCIDENT, NOTICE) > 0


@pytest.mark.parametrize("act", [claim, end, at_work, pending, lambda ledger: ledger.troubles(INCIDENT, NOTICE)])
def test_no_verb_of_a_worker_looks_at_every_message(released: Ledger, act: Callable[[Ledger], object]) -> None:
    with ways(released) as found:
        act(released)
    assert found
    assert [way for way in found if way.startswith("SCAN") or WHOLE_NOTICE in way] == []


def test_everybody_gets_a_message_however_many_kinds_of_people_there_are(ledger_on_sqlite: Ledger) -> None:
    """More than SQLite takes values in one statement, as it is built by default."""
    people = [a_person(number=number, country="US", region=f"US-{number}") for number in range(1, 2_601)]
    approved(ledger_on_sqlite, people)
    ledger_on_sqlite.release(INCIDENT, NOTICE, NOW)
    assert ledger_on_sqlite.standing(INCIDENT, NOTICE) == {PersonState.WAITING: 2_600}
