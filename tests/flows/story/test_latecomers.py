"""Whoever a corrected list brings hears of it in the same turn, and those who know are left alone."""

from itertools import islice
from pathlib import Path

from amends.domain.case.states import OccurrenceState
from amends.domain.deliver.correction import Ask
from amends.domain.notice.notice import PersonState
from amends.domain.plan.plan import plan
from flows.assess import assess
from flows.notify import notify
from flows.run.context import using
from tests.story import INCIDENT, START, a_context, a_ledger, approve_all, everybody, opened

NOTICE = "first-notice"


async def test_a_turn_that_was_done_goes_on_for_who_is_found_late(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)
    known, everyone = list(islice(everybody(), 5)), list(islice(everybody(), 8))
    opened(ledger, known)
    with using(a_context(ledger, tmp_path)[0]):
        await assess.fn(INCIDENT, "assess", 1)
        await notify.fn(INCIDENT, NOTICE, 1)
        approve_all(ledger, START)
        await notify.fn(INCIDENT, NOTICE, 1)
        before = ledger.statistics.lines(INCIDENT, NOTICE)
        correction = ledger.corrections.compare(INCIDENT, everyone)
        ledger.corrections.apply(correction, dict.fromkeys(Ask), "", "lena", START)
        due = {turn.step for turn in plan(ledger.cases.read(INCIDENT, START), START).due}
        await assess.fn(INCIDENT, "assess", 3)
        await notify.fn(INCIDENT, NOTICE, 1)
        approve_all(ledger, START)
        await notify.fn(INCIDENT, NOTICE, 1)
    case = ledger.cases.read(INCIDENT, START)
    assert {"assess", NOTICE} <= due
    assert case.assessment is not None
    assert case.assessment.version == 3
    assert next(turn.state for turn in case.occurrences if turn.step == NOTICE) == OccurrenceState.DONE
    assert sum(ledger.statistics.people(INCIDENT, NOTICE).values()) == 8
    assert PersonState.WAITING not in ledger.statistics.people(INCIDENT, NOTICE)
    known_ones = {person.number for person in known}
    after = [line for line in ledger.statistics.lines(INCIDENT, NOTICE) if line.person in known_ones]
    assert after == [line for line in before if line.person in known_ones]
    ledger.dispose()
