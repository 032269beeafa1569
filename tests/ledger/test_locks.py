"""Who comes second waits for who came first, and then goes by what that one has done."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event

from amends.domain.bounces import ReportKind
from amends.domain.channel import ChannelKind
from amends.domain.errors import ApprovalMissing, NotInLedger
from amends.ledger import Ledger
from amends.ledger.bulk import Kept
from amends.ledger.optouts import opted_out
from amends.ledger.tables import IncidentRow
from tests.builders import NOW, a_member, a_person
from tests.ledger.test_reports import a_report
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


def claim(ledger: Ledger, most: int = 10) -> Any:
    return ledger.claim(INCIDENT, NOTICE, [ChannelKind.EMAIL], most, NOW)


def states(ledger: Ledger) -> dict[int, str]:
    lines = ledger.deliveries(INCIDENT, NOTICE)
    return {line.person: line.state.value for line in lines if line.channel is ChannelKind.EMAIL}


@pytest.fixture
def uncertain(released: Ledger) -> Any:
    """The messages of a worker that fell behind after it had marked them."""
    in_hand = claim(released)
    released.write_down(in_hand, (), INCIDENT, NOTICE, NOW)
    assert released.recover(INCIDENT, NOTICE, LATER) == len(in_hand) == 2
    return in_hand


def test_two_workers_that_claim_at_once_get_different_messages(released: Ledger, second: Second) -> None:
    others: list[Future[Any]] = []
    before(released, "INSERT INTO lease", lambda: others.append(second(lambda: claim(released, 1))))
    claimed = [*claim(released, 1), *(one for other in others for one in other.result())]
    assert sorted(one.about.number for one in claimed) == [1, 2]


def test_nobody_claims_by_a_list_that_is_just_being_replaced(released: Ledger, second: Second) -> None:
    with released.write() as write:
        write.session.get_one(IncidentRow, INCIDENT, with_for_update=True).audience_digest = "corrected"
        claimed = second(lambda: claim(released))
    with pytest.raises(ApprovalMissing):
        claimed.result()


def test_whoever_takes_over_sees_a_mark_that_was_just_being_kept(released: Ledger, second: Second) -> None:
    in_hand = claim(released)
    with released.swift_write() as swift:
        assert swift.keep_mark(in_hand[0].lease, [one.id for one in in_hand], NOW)
        taken_over = second(lambda: released.recover(INCIDENT, NOTICE, LATER))
    assert taken_over.result() + released.recover(INCIDENT, NOTICE, LATER) == 2
    assert states(released) == {1: "uncertain", 2: "uncertain"}


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


def test_what_turns_out_to_be_sent_while_somebody_decides_about_it_is_not_sent_again(
    released: Ledger, uncertain: Any, second: Second
) -> None:
    first = next(one for one in uncertain if one.about.number == 1)
    with released.swift_write() as swift:
        at = swift.spelled(LATER)
        swift.keep_answers([Kept("sent", "250", "", None, at, first.id, first.lease)])
        again = second(lambda: released.send_again(INCIDENT, NOTICE, 1, a_member(), LATER))
    with pytest.raises(NotInLedger):
        again.result()
    assert states(released) == {1: "sent", 2: "uncertain"}


def test_what_turns_out_to_be_there_while_a_worker_claims_it_once_more_does_not_leave(
    released: Ledger, uncertain: Any, second: Second
) -> None:
    first, reports = next(one for one in uncertain if one.about.number == 1), list[Future[Any]]()
    released.send_again(INCIDENT, NOTICE, 1, a_member(), LATER)

    def reporting() -> object:
        return released.reported([a_report(first, ReportKind.DELIVERED)], LATER)

    before(released, "INSERT INTO lease", lambda: reports.append(second(reporting)))
    once_more = claim(released)
    assert [[effect.value for effect in report.result().each] for report in reports] == [["delivered"]]
    assert released.write_down(once_more, (), INCIDENT, NOTICE, LATER) == frozenset()
