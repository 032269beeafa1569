"""Who comes second waits for who came first, and then goes by what that one has done."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event

from amends.domain.channel import ChannelKind
from amends.ledger import Ledger
from amends.ledger.optouts import opted_out
from tests.builders import NOW, a_person
from tests.sending import INCIDENT, NOTICE, approved

LATER = NOW + timedelta(minutes=10)
"""When the lease of whoever claimed at NOW has run out."""
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

Second = Callable[[Callable[[], Any]], "Future[Any]"]


@pytest.fixture
def second(ledger: Ledger) -> Iterator[Second]:
    """Begins something in another thread; returns when that is at its end, or waits for what this one holds."""

    def begins(act: Callable[[], Any]) -> "Future[Any]":
        begun = thread.submit(act)
        while not (begun.done() or has_to_wait(ledger)):
            time.sleep(0.005)
        return begun

    with ThreadPoolExecutor(1) as thread:
        yield begins


def has_to_wait(ledger: Ledger) -> bool:
    """Whether somebody waits for a lock; on SQLite whoever wants to write waits for whoever writes."""
    if ledger.engine.dialect.name == "sqlite":
        return True
    with ledger.engine.connect() as look:
        return look.exec_driver_sql(WAITING).scalar_one() > 0


def before(ledger: Ledger, statement: str, act: Callable[[], object]) -> None:
    """Do this once, just before the first statement with these words."""
    once = [act]

    def look(_: Connection, __: object, said: str, *___: object) -> None:
        if statement in said and once:
            once.pop()()

    event.listen(ledger.engine, "before_cursor_execute", look)


@pytest.fixture
def released(ledger: Ledger) -> Ledger:
    approved(ledger, [a_person(number=1), a_person(number=2)], optional=True, template="news")
    ledger.release(INCIDENT, NOTICE, NOW)
    return ledger


def claim(ledger: Ledger) -> Any:
    return ledger.claim(INCIDENT, NOTICE, [ChannelKind.EMAIL], 10, NOW)


def test_nothing_leaves_any_more_once_an_opt_out_is_kept_that_was_under_way_before(
    released: Ledger, second: Second
) -> None:
    in_hand = claim(released)
    with released.write() as write:
        opted_out(write.session, INCIDENT, 1, NOW)
        marked = second(lambda: released.write_down(in_hand, (), INCIDENT, NOTICE, NOW))
    assert marked.result() == frozenset()


def test_a_worker_that_wants_to_mark_what_is_just_taken_over_hears_that_it_may_not(
    released: Ledger, second: Second
) -> None:
    in_hand, marks = claim(released), list[Future[Any]]()

    def marking() -> object:
        return released.write_down(in_hand, (), INCIDENT, NOTICE, LATER)

    before(released, "DELETE FROM lease", lambda: marks.append(second(marking)))
    assert released.recover(INCIDENT, NOTICE, LATER) == 0
    assert [mark.result() for mark in marks] == [frozenset()]
