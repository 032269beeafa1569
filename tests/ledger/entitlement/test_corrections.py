"""A result that a message told is put right for one person, and each message keeps what it told."""

import pytest
from sqlalchemy import event

from amends.domain.base.errors import NotAllowed
from amends.domain.entitlement.remedy import RemedyOutcome, ResultCorrection, RightOutcome
from amends.ledger import Ledger
from amends.ledger.entitlement.remedies import Corrected
from amends.ledger.entitlement.told_results import ToldResult, words_of
from amends.ledger.forget.rows import forget_whole
from tests.builders import NOW, a_commitment, an_incident
from tests.delivery.sending import INCIDENT
from tests.ledger.entitlement.remedy_scene import (
    KEPT,
    LOCKS,
    MOVED,
    REPLACED,
    SOUND,
    WORDS,
    promised,
    send,
    tell,
    told_results,
)

FIRST, SECOND = (f"result-corrected-{LOCKS}-{number}" for number in (1, 2))
WHY = "two doors were mixed up"


def correct(ledger: Ledger, person: int, outcome: RemedyOutcome, why: str = WHY, by: str = "lena") -> Corrected:
    return ledger.remedies.correct(INCIDENT, LOCKS, person, RightOutcome(outcome, why), by, NOW)


def tell_first(ledger: Ledger, people: int) -> None:
    """The first correction is approved and released, and so many people get it."""
    (one,) = ledger.cases.read(INCIDENT, NOW).result_corrections
    tell(ledger, one.notice, people, one.audience)


def told(ledger: Ledger, person: int = 1) -> dict[str, ToldResult]:
    """What each notice tells the person."""
    with ledger.store.read() as session:
        found = words_of(session, INCIDENT, [(notice, person) for notice in (KEPT, FIRST, SECOND)])
    return {notice: result for (notice, _), result in found.items()}


def test_a_told_result_is_put_right(ledger_on_sqlite: Ledger) -> None:
    told_results(ledger_on_sqlite)
    assert correct(ledger_on_sqlite, 1, REPLACED) == Corrected(SOUND, FIRST)
    assert ledger_on_sqlite.remedies.of_person(INCIDENT, 1)[LOCKS].outcome == REPLACED
    (one,) = ledger_on_sqlite.cases.read(INCIDENT, NOW).result_corrections
    assert one == ResultCorrection(commitment=LOCKS, number=1, since=NOW, by=("lena",))
    assert ledger_on_sqlite.notices.audience(INCIDENT, one.audience).people == 1


def test_the_same_correction_again_changes_nothing(ledger_on_sqlite: Ledger) -> None:
    told_results(ledger_on_sqlite)
    correct(ledger_on_sqlite, 1, REPLACED)
    entries = len(ledger_on_sqlite.audit.entries(INCIDENT))
    assert correct(ledger_on_sqlite, 1, REPLACED) == Corrected(REPLACED)
    assert len(ledger_on_sqlite.audit.entries(INCIDENT)) == entries
    assert ledger_on_sqlite.audit.disagreements() == ()


def test_the_audit_chain_says_why(ledger_on_sqlite: Ledger) -> None:
    told_results(ledger_on_sqlite)
    correct(ledger_on_sqlite, 1, REPLACED)
    last = ledger_on_sqlite.audit.entries(INCIDENT)[-1]
    assert (last.actor, last.act, last.detail["why"]) == ("lena", "result corrected", WHY)


def test_what_is_not_told_yet_is_only_changed(ledger_on_sqlite: Ledger) -> None:
    """The notice has left for one person; the message of another still waits, and will tell what is right."""
    told_results(ledger_on_sqlite, told=1)
    said = ledger_on_sqlite.remedies.settle(INCIDENT, LOCKS, {1: REPLACED, 2: REPLACED}, "lena", NOW)
    assert set(said.refused) == {1}
    with pytest.raises(NotAllowed, match="person 2: no message has told them a result yet"):
        correct(ledger_on_sqlite, 2, REPLACED)
    assert ledger_on_sqlite.remedies.settle(INCIDENT, LOCKS, {2: REPLACED}, "lena", NOW).changed == 1
    send(ledger_on_sqlite, 1, KEPT)
    assert told(ledger_on_sqlite, 2) == {KEPT: ToldResult("replaced")}


@pytest.mark.parametrize(
    ("person", "outcome", "why", "refused"),
    [
        (1, REPLACED, "  ", "say why the result was wrong"),
        (1, RemedyOutcome(SOUND.state, "gone"), WHY, "the result is none of replaced, sound"),
        (9, REPLACED, WHY, "person 9: nobody has told this person of the promise"),
    ],
)
def test_a_correction_needs_a_reason_and_words(
    ledger_on_sqlite: Ledger, person: int, outcome: RemedyOutcome, why: str, refused: str
) -> None:
    told_results(ledger_on_sqlite)
    with pytest.raises(NotAllowed, match=refused):
        correct(ledger_on_sqlite, person, outcome, why)


def test_before_the_promise_is_kept_nothing_was_told(ledger_on_sqlite: Ledger) -> None:
    promised(ledger_on_sqlite)
    ledger_on_sqlite.remedies.settle(INCIDENT, LOCKS, {1: SOUND}, "lena", NOW)
    with pytest.raises(NotAllowed, match="`amends remedies done` changes it"):
        correct(ledger_on_sqlite, 1, REPLACED)


def test_a_correction_that_nobody_has_read_is_changed(ledger_on_sqlite: Ledger) -> None:
    told_results(ledger_on_sqlite)
    correct(ledger_on_sqlite, 1, REPLACED)
    tell_first(ledger_on_sqlite, 0)
    assert correct(ledger_on_sqlite, 1, MOVED) == Corrected(REPLACED, FIRST)
    assert told(ledger_on_sqlite) == {KEPT: ToldResult("sound"), FIRST: ToldResult("moved", "sound")}


def test_a_correction_is_taken_back_before_its_draft(ledger_on_sqlite: Ledger) -> None:
    told_results(ledger_on_sqlite)
    correct(ledger_on_sqlite, 1, REPLACED)
    assert correct(ledger_on_sqlite, 1, SOUND) == Corrected(REPLACED)
    assert ledger_on_sqlite.cases.read(INCIDENT, NOW).result_corrections == ()
    assert ledger_on_sqlite.audit.disagreements() == ()


def test_nothing_is_called_wrong_and_right(ledger_on_sqlite: Ledger) -> None:
    """The message that calls the first result wrong waits, so that the first result cannot be right again."""
    told_results(ledger_on_sqlite)
    correct(ledger_on_sqlite, 1, REPLACED)
    tell_first(ledger_on_sqlite, 0)
    with pytest.raises(NotAllowed, match=f"{FIRST} is about to call sound wrong"):
        correct(ledger_on_sqlite, 1, SOUND)


def test_each_message_keeps_what_it_told(ledger_on_sqlite: Ledger) -> None:
    told_results(ledger_on_sqlite)
    correct(ledger_on_sqlite, 1, REPLACED)
    tell_first(ledger_on_sqlite, 1)
    assert correct(ledger_on_sqlite, 1, SOUND).notice == SECOND
    assert told(ledger_on_sqlite) == {KEPT: ToldResult("sound"), FIRST: ToldResult("replaced", "sound")}
    assert told(ledger_on_sqlite, 2) == {KEPT: ToldResult("sound")}


def test_corrections_share_a_notice_until_its_draft(ledger_on_sqlite: Ledger) -> None:
    told_results(ledger_on_sqlite)
    assert [correct(ledger_on_sqlite, person, REPLACED, by=by).notice for person, by in ((1, "lena"), (2, "omar"))] == [
        FIRST,
        FIRST,
    ]
    (one,) = ledger_on_sqlite.cases.read(INCIDENT, NOW).result_corrections
    assert one.by == ("lena", "omar")
    tell_first(ledger_on_sqlite, 0)
    assert correct(ledger_on_sqlite, 3, REPLACED).notice == SECOND


def test_destroyed_corrections_stay_counted(ledger_on_sqlite: Ledger) -> None:
    told_results(ledger_on_sqlite)
    correct(ledger_on_sqlite, 1, REPLACED)
    forget_whole(ledger_on_sqlite.store, INCIDENT, NOW)
    assert told(ledger_on_sqlite) == {}
    assert len(ledger_on_sqlite.cases.read(INCIDENT, NOW).result_corrections) == 1
    assert ledger_on_sqlite.audit.disagreements() == ()


def asks_for_corrections(ledger: Ledger) -> bool:
    """Whether reading the case asks the database for corrections of results."""
    asked: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(ledger.store.engine, "before_cursor_execute", note)
    ledger.cases.read(INCIDENT, NOW)
    event.remove(ledger.store.engine, "before_cursor_execute", note)
    return any("result_correction" in statement for statement in asked)


def test_a_case_asks_for_corrections_only_where_results_are_owed(ledger_on_sqlite: Ledger) -> None:
    ledger_on_sqlite.incidents.open(an_incident(), [], "lena", NOW)
    assert not asks_for_corrections(ledger_on_sqlite)
    ledger_on_sqlite.commitments.add(INCIDENT, [(a_commitment(id=LOCKS, per_person=WORDS), ())], "lena", NOW)
    assert asks_for_corrections(ledger_on_sqlite)
