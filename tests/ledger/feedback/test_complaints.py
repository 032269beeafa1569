"""An open complaint goes to its owner and pauses optional messages; only its own state says so."""

from datetime import timedelta

import pytest

from amends.domain.channel.channel import ChannelKind
from amends.domain.feedback.question import QuestionKind
from amends.ledger import Ledger
from tests.builders import NOW, a_person, a_playbook, an_asked
from tests.delivery.sending import INCIDENT, NOTICE, approved

LATER = NOW + timedelta(hours=1)


def released(ledger: Ledger, *, optional: bool) -> Ledger:
    people = [a_person(number=1), a_person(number=2)]
    approved(ledger, people, channels=(ChannelKind.EMAIL,), cascade=(), optional=optional)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    return ledger


def complain(ledger: Ledger, kind: QuestionKind = QuestionKind.COMPLAINT) -> int:
    return ledger.questions.ask(INCIDENT, an_asked("Nobody called me back.", person=1, kind=kind), NOW)


def written_to(ledger: Ledger) -> set[int]:
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, tuple(ChannelKind), 100, LATER)
    return {claim.about.number for claim in claims if claim.about}


def test_an_open_complaint_pauses_optional_messages(ledger: Ledger) -> None:
    complain(released(ledger, optional=True))
    assert written_to(ledger) == {2}
    held = [line for line in ledger.statistics.lines(INCIDENT, NOTICE) if line.person == 1]
    assert [(line.state, line.reason) for line in held] == [("held", "a complaint of the person is open")]


def test_what_people_must_get_goes_on(ledger: Ledger) -> None:
    complain(released(ledger, optional=False))
    assert written_to(ledger) == {1, 2}


@pytest.mark.parametrize("kind", [QuestionKind.QUESTION, QuestionKind.SUGGESTION])
def test_a_question_pauses_nothing(ledger_on_sqlite: Ledger, kind: QuestionKind) -> None:
    complain(released(ledger_on_sqlite, optional=True), kind)
    assert written_to(ledger_on_sqlite) == {1, 2}


def test_a_settled_complaint_pauses_nothing(ledger: Ledger) -> None:
    number = complain(released(ledger, optional=True))
    ledger.questions.answer(INCIDENT, number, "We are sorry. We called you today.", "omar", NOW)
    assert written_to(ledger) == {1, 2}


def test_a_complaint_goes_to_the_owner_that_the_playbook_names() -> None:
    book = a_playbook(complaints_owner="maria")
    assert book.owner_of(QuestionKind.COMPLAINT) == "maria"
    assert book.owner_of(QuestionKind.QUESTION) == book.questions_owner
    assert a_playbook().owner_of(QuestionKind.COMPLAINT) == book.questions_owner


def test_an_answer_that_does_not_satisfy_is_a_complaint_that_pauses(ledger: Ledger) -> None:
    number = complain(released(ledger, optional=True), QuestionKind.QUESTION)
    ledger.questions.answer(INCIDENT, number, "No.", "omar", NOW)
    ledger.answers.reopen(INCIDENT, number, LATER, "That is no answer.", owner="maria")
    assert (written_to(ledger), ledger.questions.get(INCIDENT, number).owner) == ({2}, "maria")


def test_a_complaint_closed_with_a_reason_pauses_nothing(ledger: Ledger) -> None:
    number = complain(released(ledger, optional=True))
    ledger.answers.close(INCIDENT, number, "You told us by telephone that it is settled.", "omar", NOW)
    assert written_to(ledger) == {1, 2}
    assert ledger.cases.read(INCIDENT, LATER).questions.open == 0
