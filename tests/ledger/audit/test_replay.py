"""The replay of the chain says what the chain says, however the entries come."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from amends.domain.base.errors import LedgerAltered
from amends.ledger import Ledger
from amends.ledger.audit.replay import Replay, Spans
from tests.builders import NOW, a_person
from tests.delivery.sending import INCIDENT, NOTICE, approved

IDS = st.integers(1, 30)
RUNS = st.lists(st.tuples(IDS, IDS, st.sampled_from(["sent", "bounced", ""])), max_size=20)


@given(RUNS)
def test_runs_of_ids_say_the_same_as_each_id_alone(runs: list[tuple[int, int, str]]) -> None:
    spans, each = Spans(), dict.fromkeys(range(1, 31), "")
    for one, other, state in runs:
        first, last = min(one, other), max(one, other)
        spans.set(first, last, state)
        each.update(dict.fromkeys(range(first, last + 1), state))
    assert {number: spans.state_of(number) for number in each} == each
    found = list(spans)
    assert found == sorted(found)
    assert all(before[1] < after[0] for before, after in pairwise(found))
    assert not any(a[1] + 1 == b[0] and a[2] == b[2] for a, b in pairwise(found))


def test_an_entry_that_was_taken_out_stops_the_send(ledger_on_sqlite: Ledger) -> None:
    approved(ledger_on_sqlite, [a_person(number=1)])
    with ledger_on_sqlite.store.engine.execution_options(writes=True).begin() as connection:
        connection.execute(text("DROP TRIGGER audit_no_delete"))
        connection.execute(text("DELETE FROM audit WHERE seq = 3"))
    with pytest.raises(LedgerAltered, match="entry 4 of the audit chain does not follow the one before"):
        ledger_on_sqlite.notices.release(INCIDENT, NOTICE, NOW)


def test_the_replay_goes_on_where_it_stopped(ledger_on_sqlite: Ledger) -> None:
    """A replay that reads on knows the same as one that begins anew."""
    kept = Replay(ledger_on_sqlite.store)
    approved(ledger_on_sqlite, [a_person(number=1), a_person(number=2)])
    for step in (lambda: None, lambda: ledger_on_sqlite.notices.release(INCIDENT, NOTICE, NOW)):
        step()
        with ledger_on_sqlite.store.read() as session:
            kept.advance(session)
    fresh = Replay(ledger_on_sqlite.store)
    with ledger_on_sqlite.store.read() as session:
        fresh.advance(session)
    assert (kept.rows, kept.sums) == (fresh.rows, fresh.sums)
    assert kept.rows
