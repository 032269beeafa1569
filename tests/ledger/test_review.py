"""Reviews in the ledger: notes of the team, lessons that became promises, and figures that stay as they were."""

from datetime import timedelta

import pytest

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.review import ReviewFigures, ReviewKind
from amends.ledger import Ledger
from tests.builders import NOW, an_asked
from tests.delivery.sending import INCIDENT
from tests.ledger.commitment.test_commitments import promise_in

DAY = timedelta(days=1)


def a_lesson(ledger: Ledger, text: str = "Print sooner.") -> int:
    return ledger.reviews.note(INCIDENT, ReviewKind.LESSON, text, "mei", NOW).number


@pytest.fixture
def promised(ledger: Ledger) -> Ledger:
    return promise_in(ledger)


def test_notes_are_kept_in_their_order(promised: Ledger) -> None:
    for kind, text in ((ReviewKind.WELL, "Fast."), (ReviewKind.BADLY, "Dear."), (ReviewKind.WELL, "Fast.")):
        promised.reviews.note(INCIDENT, kind, text, "mei", NOW)
    assert [(note.number, note.text) for note in promised.reviews.notes(INCIDENT)] == [(1, "Fast."), (2, "Dear.")]
    assert promised.audit.verify() == ()


def test_a_note_with_an_address_is_refused(promised: Ledger) -> None:
    with pytest.raises(NotAllowed, match="names no person"):
        promised.reviews.note(INCIDENT, ReviewKind.BADLY, "kim@mail.example was angry", "mei", NOW)
    assert promised.reviews.notes(INCIDENT) == ()


def test_a_lesson_becomes_one_promise(promised: Ledger) -> None:
    number = a_lesson(promised)
    for _ in range(2):
        promised.reviews.becomes(INCIDENT, number, "audit", "mei", NOW)
    assert [note.commitment for note in promised.reviews.notes(INCIDENT)] == ["audit"]
    with pytest.raises(NotAllowed, match="became the commitment audit already"):
        promised.reviews.becomes(INCIDENT, number, "fix", "mei", NOW)


def test_only_a_lesson_becomes_a_promise_that_exists(promised: Ledger) -> None:
    well = promised.reviews.note(INCIDENT, ReviewKind.WELL, "Fast.", "mei", NOW).number
    with pytest.raises(NotAllowed, match="is no lesson"):
        promised.reviews.becomes(INCIDENT, well, "audit", "mei", NOW)
    for number, commitment in ((99, "audit"), (a_lesson(promised), "another")):
        with pytest.raises(NotInLedger):
            promised.reviews.becomes(INCIDENT, number, commitment, "mei", NOW)


def test_the_figures_of_a_review_stay_as_they_were(promised: Ledger) -> None:
    a_lesson(promised)
    for people in (3, 4):
        promised.reviews.end(INCIDENT, "review", ReviewFigures(at=NOW, days_open=1, people=people), "mei", NOW)
    a_lesson(promised, "Call sooner.")
    (ended,) = promised.reviews.ended(INCIDENT)
    assert (ended.figures.people, ended.notes, ended.by) == (3, 1, "mei")


def test_a_review_without_a_word_of_the_team_does_not_end(promised: Ledger) -> None:
    with pytest.raises(NotAllowed, match="nobody has said"):
        promised.reviews.end(INCIDENT, "review", ReviewFigures(at=NOW, days_open=1), "mei", NOW)


def test_the_times_of_replies_are_read(promised: Ledger) -> None:
    asked = an_asked(person=1, at=NOW, reply_within=DAY)
    promised.questions.answer(INCIDENT, promised.questions.ask(INCIDENT, asked, NOW), "Yes.", "mei", NOW + 2 * DAY)
    assert promised.reviews.reply_times(INCIDENT) == ((NOW, NOW + DAY, NOW + 2 * DAY),)
