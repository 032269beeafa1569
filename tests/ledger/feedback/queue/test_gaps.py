"""A question that enough people ask is a gap of the case until somebody is answered, and a task until then."""

import pytest

from amends.domain.feedback.queue.faq import FaqText
from amends.domain.feedback.queue.gaps import gaps
from amends.domain.timeline.timeline import Wait, waiting_tasks
from amends.ledger import Ledger
from tests.builders import NOW, a_person, a_playbook, a_wording, an_asked, an_incident
from tests.delivery.sending import INCIDENT

TEXTS = {"en": FaqText(question="Is my address in it?", answer="No.")}


@pytest.fixture
def asked(ledger_on_sqlite: Ledger) -> Ledger:
    """Three people have asked the same, where three are a gap."""
    ledger = ledger_on_sqlite
    ledger.incidents.open(an_incident(), [a_person(number=1)], "lena", NOW)
    ledger.playbooks.pin(INCIDENT, a_playbook(gap_at=3), a_wording(), "lena", NOW)
    for each in range(3):
        ledger.questions.ask(INCIDENT, an_asked("Is my address among the stolen data?", once=str(each)), NOW)
    return ledger


def test_a_question_of_enough_people_is_a_gap_and_a_task(asked: Ledger) -> None:
    case = asked.views.timeline(INCIDENT, NOW)
    assert [(gap.group, gap.topic, gap.questions) for gap in gaps(case.many_asked)] == [(1, "my_data", 3)]
    (task,) = [task for task in waiting_tasks(case, NOW) if task.wait is Wait.GAP]
    assert (task.whom, "amends questions answer-group" in task.do) == ("support", True)


def test_an_answered_question_of_many_is_none_any_more(asked: Ledger) -> None:
    asked.answers.give(INCIDENT, [1, 2, 3], {"en": "No."}, "omar", NOW)
    case = asked.views.timeline(INCIDENT, NOW)
    assert ([one.answered for one in case.many_asked], gaps(case.many_asked)) == ([True], ())


def test_a_case_knows_the_public_answer_to_what_many_ask(asked: Ledger) -> None:
    asked.answers.give(INCIDENT, [1], {"en": "No."}, "omar", NOW)
    asked.faq.approve(INCIDENT, asked.faq.propose(INCIDENT, 1, TEXTS, "omar", NOW), "wei", NOW)
    (one,) = asked.views.timeline(INCIDENT, NOW).many_asked
    assert (one.public, one.public_at) == (TEXTS, NOW)


def test_questions_of_fewer_people_are_no_gap(asked: Ledger) -> None:
    asked.groups.split(INCIDENT, [3], "omar", NOW)
    assert asked.views.timeline(INCIDENT, NOW).many_asked == ()
