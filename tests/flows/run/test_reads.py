"""A run reads the case once, and again only after it has changed something itself."""

from collections.abc import Awaitable
from datetime import timedelta

from sqlalchemy import event

from amends.domain.plan.plan import plan
from amends.ledger import Ledger
from amends.ledger.tables.playbook import SubstituteRow
from flows.assess import assess
from flows.collect_feedback import collect_feedback
from flows.follow_up import follow_up
from flows.notify import notify
from flows.rehearsal.fast_forward import PassedClock
from flows.sweep import sweep
from tests.story import INCIDENT, START, approve_all

OF_A_READING = f"FROM {SubstituteRow.__tablename__} "
"""Part of a statement that each reading of a case makes once, and nothing else in a run."""


async def readings(ledger: Ledger, work: Awaitable[object]) -> int:
    """Do the work, and return how often it read the case."""
    made: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        made.append(" ".join(statement.split()))

    event.listen(ledger.store.engine, "before_cursor_execute", note)
    await work
    event.remove(ledger.store.engine, "before_cursor_execute", note)
    return sum(OF_A_READING in statement for statement in made)


async def test_a_run_reads_the_case_again_after_a_change(ledger: Ledger, clock: PassedClock) -> None:
    assert await readings(ledger, assess.fn(INCIDENT, "assess", 1)) == 2
    assert await readings(ledger, notify.fn(INCIDENT, "first-notice", 1)) == 3, "it has drafted"
    assert await readings(ledger, notify.fn(INCIDENT, "first-notice", 1)) == 1, "nothing was due"
    approve_all(ledger, START)
    assert await readings(ledger, notify.fn(INCIDENT, "first-notice", 1)) == 4, "it has sent, and promised"
    assert await readings(ledger, sweep.fn(INCIDENT)) == 1
    clock.now = START + timedelta(days=5)
    promises = _due(ledger, clock, "promises")
    assert await readings(ledger, follow_up.fn(INCIDENT, "promises", promises)) == 3, "it has reminded"
    deadlines = _due(ledger, clock, "deadlines")
    assert await readings(ledger, follow_up.fn(INCIDENT, "deadlines", deadlines)) == 2
    clock.now += timedelta(days=1)
    feedback = _due(ledger, clock, "feedback")
    assert await readings(ledger, collect_feedback.fn(INCIDENT, "feedback", feedback)) == 3


def _due(ledger: Ledger, clock: PassedClock, step: str) -> int:
    due = plan(ledger.cases.read(INCIDENT, clock.now), clock.now).due
    return next(one.number for one in due if one.step == step)
