"""Every question is kept once and answered once."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.feedback.question import Question
from amends.ledger import Ledger, once_for
from tests.builders import NOW, a_person, an_asked, an_incident
from tests.delivery.sending import INCIDENT

TWO_DAYS = timedelta(hours=48)


@pytest.fixture
def opened(ledger_on_sqlite: Ledger) -> Ledger:
    ledger_on_sqlite.incidents.open(an_incident(), [a_person(number=1), a_person(number=2)], "lena", NOW)
    return ledger_on_sqlite


def ask(ledger: Ledger, wording: str = "Is my address among it?", **changes: Any) -> int:
    return ledger.questions.ask(INCIDENT, an_asked(wording, **changes), NOW)


def the_question(ledger: Ledger) -> Question:
    (question,) = ledger.questions.all(INCIDENT)
    return question


def test_a_question_is_kept_with_its_words_and_when_a_reply_is_due(opened: Ledger) -> None:
    ask(opened, "  Is my address among it?\n")
    question = the_question(opened)
    assert (question.text, question.person, question.asked_at) == ("Is my address among it?", 1, NOW)
    assert (question.reply_due_at, question.owner) == (NOW + TWO_DAYS, "support")


def test_the_same_form_sent_again_is_the_same_question(opened: Ledger) -> None:
    assert [ask(opened, once="form-1"), ask(opened, "Edited meanwhile", once="form-1")] == [1, 1]
    assert the_question(opened).text == "Is my address among it?"


def test_each_question_of_an_incident_has_its_own_number(opened: Ledger) -> None:
    assert [ask(opened, once=str(number)) for number in range(3)] == [1, 2, 3]


def test_a_question_that_reached_us_earlier_is_due_earlier(opened: Ledger) -> None:
    ask(opened, at=NOW - TWO_DAYS)
    assert the_question(opened).reply_due_at == NOW


@pytest.mark.parametrize("wording", ["", "  \n", "x" * 4_001])
def test_an_empty_or_overlong_question_is_refused(opened: Ledger, wording: str) -> None:
    with pytest.raises(NotAllowed, match="1 to 4000 characters"):
        ask(opened, wording)


def test_a_question_is_filed_by_what_it_is_about(opened: Ledger) -> None:
    ask(opened, "When do I get compensation?")
    assert the_question(opened).topic == "compensation"


def test_a_question_can_be_filed_elsewhere(opened: Ledger) -> None:
    opened.questions.file_under(INCIDENT, ask(opened), "next_steps", "mei", NOW)
    assert the_question(opened).topic == "next_steps"


def test_a_question_is_answered_once(opened: Ledger) -> None:
    number = ask(opened)
    opened.questions.answer(INCIDENT, number, " Yes. ", "mei", NOW)
    with pytest.raises(NotAllowed, match="answered already"):
        opened.questions.answer(INCIDENT, number, "No.", "omar", NOW)
    question = the_question(opened)
    assert (question.answer, question.answered_by, question.answered_at) == ("Yes.", "mei", NOW)


def test_an_answer_needs_words(opened: Ledger) -> None:
    with pytest.raises(NotAllowed, match="words"):
        opened.questions.answer(INCIDENT, ask(opened), " ", "mei", NOW)


@pytest.mark.parametrize("verb", ["answer", "file_under"])
def test_a_question_that_nobody_asked_is_not_in_the_ledger(opened: Ledger, verb: str) -> None:
    with pytest.raises(NotInLedger, match="no question 9"):
        getattr(opened.questions, verb)(INCIDENT, 9, "x", "mei", NOW)


def test_questions_come_with_the_one_due_first_in_front(opened: Ledger) -> None:
    for hours in (3, 1, 2):
        ask(opened, f"in {hours}", reply_within=timedelta(hours=hours))
    assert [question.text for question in opened.questions.all(INCIDENT)] == ["in 1", "in 2", "in 3"]


def test_a_person_reads_only_their_own_questions(opened: Ledger) -> None:
    ask(opened, "mine", person=1)
    ask(opened, "theirs", person=2)
    ask(opened, "a caller's", person=None)
    assert [question.text for question in opened.questions.all(INCIDENT, person=1)] == ["mine"]


def test_only_open_questions_are_listed_when_asked_so(opened: Ledger) -> None:
    opened.questions.answer(INCIDENT, ask(opened, "old"), "Yes.", "mei", NOW)
    ask(opened, "new")
    assert [question.text for question in opened.questions.all(INCIDENT, open_only=True)] == ["new"]


def test_a_question_copied_over_another_does_not_open(opened: Ledger) -> None:
    """When the sealed text of one question was copied over all others, the others are empty and the first is read."""
    ask(opened, "one")
    ask(opened, "two")
    with opened.store.write() as write:
        write.session.execute(text("UPDATE question SET sealed_text = (SELECT sealed_text FROM question WHERE id = 1)"))
    assert [question.text for question in opened.questions.all(INCIDENT)] == ["one", ""]


def test_a_question_is_read_although_its_answer_was_altered(opened: Ledger) -> None:
    opened.questions.answer(INCIDENT, ask(opened, "one"), "Yes.", "mei", NOW)
    with opened.store.write() as write:
        write.session.execute(text("UPDATE answer SET sealed_texts = x'01'"))
    question = the_question(opened)
    assert (question.text, question.answer, question.answered_by) == ("one", "", "mei")


def test_the_case_counts_questions_by_topic_and_what_is_overdue(opened: Ledger) -> None:
    ask(opened, "Refund?")
    ask(opened, "Refund, please?")
    opened.questions.answer(INCIDENT, ask(opened, "My password?"), "Change it.", "mei", NOW)
    counts = opened.cases.read(INCIDENT, NOW + TWO_DAYS + timedelta(seconds=1)).questions
    assert (counts.asked, counts.open, counts.overdue) == (3, 2, 2)
    assert (counts.by_topic, counts.open_by_topic) == ({"compensation": 2, "password": 1}, {"compensation": 2})


def test_a_reply_is_not_overdue_at_the_very_moment_it_is_due(opened: Ledger) -> None:
    ask(opened)
    assert opened.cases.read(INCIDENT, NOW + TWO_DAYS).questions.overdue == 0


def test_an_idempotency_key_keeps_its_parts_apart() -> None:
    """An idempotency key differs when its characters are divided into other parts, as "ab", "c" and "a", "bc" are."""
    assert once_for("ab", "c") != once_for("a", "bc")
