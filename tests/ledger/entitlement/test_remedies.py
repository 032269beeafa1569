"""A row for each person who was told of the promise; results are stored all or none, and the same again changes nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.deliver.correction import Ask
from amends.domain.entitlement.remedy import OWED, RemedyOutcome, RemedyState
from amends.ledger import Ledger
from amends.ledger.forget.rows import forget_whole
from tests.builders import NOW, a_commitment, a_person
from tests.commitments import keep
from tests.delivery.sending import INCIDENT
from tests.ledger.entitlement.remedy_scene import LOCKS, MOVED, REPLACED, SOUND, promised, send

LATER = NOW + timedelta(days=1)
MANY = 400


def settle(ledger: Ledger, outcomes: dict[int, RemedyOutcome], by: str = "lena") -> tuple[int, int]:
    said = ledger.remedies.settle(INCIDENT, LOCKS, outcomes, by, LATER)
    assert not said.refused
    return said.changed, said.same


def states(ledger: Ledger) -> dict[int, RemedyOutcome]:
    return {remedy.person: remedy.outcome for remedy in ledger.remedies.all(INCIDENT, LOCKS)}


def owed(ledger: Ledger) -> int:
    return ledger.remedies.counts(INCIDENT)[LOCKS].owed


def test_only_who_was_told_has_a_row(ledger_on_sqlite: Ledger) -> None:
    promised(ledger_on_sqlite, people=4, told=3)
    assert ledger_on_sqlite.remedies.enrol(INCIDENT, NOW) == 3
    assert ledger_on_sqlite.remedies.enrol(INCIDENT, NOW) == 0
    send(ledger_on_sqlite, 1)
    assert ledger_on_sqlite.remedies.enrol(INCIDENT, LATER) == 1
    assert owed(ledger_on_sqlite) == 4


def test_results_are_stored_once(ledger_on_sqlite: Ledger) -> None:
    promised(ledger_on_sqlite)
    outcomes = {1: SOUND, 2: REPLACED, 3: MOVED}
    assert settle(ledger_on_sqlite, outcomes) == (3, 0)
    entries = len(ledger_on_sqlite.audit.entries(INCIDENT))
    assert settle(ledger_on_sqlite, outcomes) == (0, 3)
    assert len(ledger_on_sqlite.audit.entries(INCIDENT)) == entries
    assert states(ledger_on_sqlite) == {**outcomes, 4: RemedyOutcome(RemedyState.OPEN)}


def test_one_person_who_was_not_told_refuses_all(ledger_on_sqlite: Ledger) -> None:
    promised(ledger_on_sqlite, people=3, told=2)
    said = ledger_on_sqlite.remedies.settle(INCIDENT, LOCKS, {1: SOUND, 3: SOUND, 9: SOUND}, "lena", LATER)
    assert set(said.refused) == {3, 9}
    assert said.changed == 0
    assert owed(ledger_on_sqlite) == 2


def test_a_wrong_result_is_put_right_before_it_is_told(ledger_on_sqlite: Ledger) -> None:
    promised(ledger_on_sqlite, people=1)
    settle(ledger_on_sqlite, {1: SOUND})
    settle(ledger_on_sqlite, {1: REPLACED})
    keep(ledger_on_sqlite, INCIDENT, LOCKS, {"*": "Report 7"}, "lena", LATER)
    settle(ledger_on_sqlite, {1: RemedyOutcome(RemedyState.DECLINED, "declined")})
    assert states(ledger_on_sqlite)[1].state is RemedyState.DECLINED


def test_a_promise_with_open_rows_is_not_kept(ledger_on_sqlite: Ledger) -> None:
    promised(ledger_on_sqlite)
    settle(ledger_on_sqlite, {1: SOUND, 2: SOUND, 3: RemedyOutcome(RemedyState.UNDER_WAY)})
    with pytest.raises(NotAllowed, match="2 people who heard of locks still wait"):
        keep(ledger_on_sqlite, INCIDENT, LOCKS, {"*": "Report 7"}, "lena", LATER)
    settle(ledger_on_sqlite, {3: SOUND, 4: MOVED})
    keep(ledger_on_sqlite, INCIDENT, LOCKS, {"*": "Report 7"}, "lena", LATER)


def test_a_dropped_promise_owes_nobody_a_result(ledger_on_sqlite: Ledger) -> None:
    promised(ledger_on_sqlite)
    ledger_on_sqlite.remedies.enrol(INCIDENT, NOW)
    ledger_on_sqlite.commitments.drop(INCIDENT, LOCKS, {"*": "No fitter"}, "lena", LATER)
    assert ledger_on_sqlite.views.closing(INCIDENT, LATER).remedies_owed == {}
    said = ledger_on_sqlite.remedies.settle(INCIDENT, LOCKS, {1: SOUND}, "lena", LATER)
    assert said.refused == {1: "locks was dropped, and those promised were told so"}


def test_a_promise_for_all_at_once_has_no_rows(ledger_on_sqlite: Ledger) -> None:
    promised(ledger_on_sqlite)
    ledger_on_sqlite.commitments.add(INCIDENT, [(a_commitment(id="audit-2", made_in=""), ())], "lena", NOW)
    with pytest.raises(NotAllowed, match="kept for all at once"):
        ledger_on_sqlite.remedies.words(INCIDENT, "audit-2")
    with pytest.raises(NotInLedger):
        ledger_on_sqlite.remedies.words(INCIDENT, "none")
    assert "audit-2" not in ledger_on_sqlite.remedies.counts(INCIDENT)


def test_an_unknown_result_stores_nothing(ledger_on_sqlite: Ledger) -> None:
    promised(ledger_on_sqlite)
    with pytest.raises(NotAllowed, match="the result is none of replaced, sound"):
        ledger_on_sqlite.remedies.settle(
            INCIDENT, LOCKS, {1: SOUND, 2: RemedyOutcome(RemedyState.DONE, "gone")}, "lena", LATER
        )
    assert ledger_on_sqlite.remedies.all(INCIDENT, LOCKS) == ()


def test_who_is_gone_is_set_aside_until_back(ledger_on_sqlite: Ledger) -> None:
    promised(ledger_on_sqlite)
    ledger_on_sqlite.remedies.enrol(INCIDENT, NOW)
    _list_is(ledger_on_sqlite, 3)
    counts = ledger_on_sqlite.remedies.counts(INCIDENT)[LOCKS]
    assert (counts.owed, counts.by_state[RemedyState.SET_ASIDE]) == (3, 1)
    assert len(ledger_on_sqlite.remedies.all(INCIDENT, LOCKS, states=OWED)) == 3
    _list_is(ledger_on_sqlite, 4)
    assert owed(ledger_on_sqlite) == 4


def _list_is(ledger: Ledger, people: int) -> None:
    correction = ledger.corrections.compare(INCIDENT, [a_person(number=number) for number in range(1, people + 1)])
    changes = {ask: correction.difference.counts[ask.value] for ask in Ask}
    ledger.corrections.apply(correction, changes, "", "lena", NOW)


def test_imports_at_once_are_each_whole(ledger: Ledger) -> None:
    """Three files about the same people at the same time: each is stored whole or not at all, the last one stands, and
    the audit chain knows all of it.
    """
    promised(ledger, people=MANY)
    files = [dict.fromkeys(range(1, MANY + 1), outcome) for outcome in (SOUND, REPLACED, MOVED)]
    with ThreadPoolExecutor(len(files)) as at_once:
        said = list(at_once.map(partial(settle, ledger), files))
    assert said == [(MANY, 0)] * 3
    assert len(set(states(ledger).values())) == 1
    assert ledger.audit.verify() == ()
    assert ledger.audit.disagreements() == ()


def test_keeping_and_importing_at_once_lose_nobody(ledger: Ledger) -> None:
    """Either the promise is kept after the import, or the import came too late for that and nobody waits all the same."""
    promised(ledger, people=50)

    def keeps() -> bool:
        try:
            keep(ledger, INCIDENT, LOCKS, {"*": "Report 7"}, "lena", LATER)
        except NotAllowed:
            return False
        return True

    with ThreadPoolExecutor(2) as at_once:
        kept = at_once.submit(keeps)
        at_once.submit(settle, ledger, dict.fromkeys(range(1, 51), SOUND)).result()
    assert owed(ledger) == 0
    assert kept.result() or keeps()


def test_a_forgotten_result_stays_counted(ledger_on_sqlite: Ledger) -> None:
    promised(ledger_on_sqlite)
    settle(ledger_on_sqlite, {1: SOUND, 2: MOVED})
    forget_whole(ledger_on_sqlite.store, INCIDENT, LATER)
    assert {remedy.word for remedy in ledger_on_sqlite.remedies.all(INCIDENT, LOCKS)} == {""}
    assert ledger_on_sqlite.remedies.counts(INCIDENT)[LOCKS].in_words == "2 open, 1 done, 1 not possible"
    assert ledger_on_sqlite.audit.disagreements() == ()
