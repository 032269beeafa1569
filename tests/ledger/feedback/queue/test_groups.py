"""Questions that ask the same come together as they come in; groups can be merged, split and answered."""

from typing import Any

import pytest
from sqlalchemy import text

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.feedback.question import Urgency
from amends.ledger import Ledger
from tests.builders import NOW, a_person, an_asked, an_incident
from tests.delivery.sending import INCIDENT

ADDRESS = ("Is my address among the stolen data?", "Was my address in the stolen data?", "Is my address stolen data??")
PASSWORD = ("Do I need to change my password?", "Should I change my password now?")


@pytest.fixture
def opened(ledger_on_sqlite: Ledger) -> Ledger:
    ledger_on_sqlite.incidents.open(an_incident(), [a_person(number=1), a_person(number=2)], "lena", NOW)
    return ledger_on_sqlite


def ask(ledger: Ledger, *wordings: str, **changes: Any) -> list[int]:
    return [ledger.questions.ask(INCIDENT, an_asked(wording, **changes), NOW) for wording in wordings]


def groups(ledger: Ledger) -> dict[int, tuple[int, ...]]:
    return {line.id: ledger.groups.members(INCIDENT, line.id) for line in ledger.groups.lines(INCIDENT)}


def marked(ledger: Ledger) -> set[int]:
    with ledger.store.read() as session:
        return set(session.execute(text("SELECT question FROM question_likeness")).scalars())


def test_who_asks_the_same_is_in_one_group(opened: Ledger) -> None:
    ask(opened, ADDRESS[0], PASSWORD[0], ADDRESS[1], PASSWORD[1], ADDRESS[2], "Something else entirely")
    assert groups(opened) == {1: (1, 3, 5), 2: (2, 4)}


def test_only_the_first_of_a_group_has_marks(opened: Ledger) -> None:
    ask(opened, *ADDRESS)
    assert marked(opened) == {1}


def test_a_group_is_listed_without_words(opened: Ledger) -> None:
    ask(opened, *ADDRESS)
    opened.questions.answer(INCIDENT, 2, "No.", "omar", NOW)
    (line,) = opened.groups.lines(INCIDENT)
    assert (line.questions, line.open, line.example, line.answered, line.topic) == (3, 2, 1, 2, "my_data")
    assert opened.groups.lines(INCIDENT, unanswered=True) == ()


def test_somebody_in_danger_is_never_in_a_group(opened: Ledger) -> None:
    ask(opened, *ADDRESS, urgency=Urgency.SAFETY)
    assert (groups(opened), marked(opened)) == ({}, set())


def test_a_later_member_of_an_answered_group_has_a_suggestion(opened: Ledger) -> None:
    ask(opened, *ADDRESS[:2])
    assert opened.groups.suggestion(INCIDENT, 2) is None
    opened.answers.give(INCIDENT, [1, 2], {"en": "No, only your name."}, "omar", NOW)
    ask(opened, ADDRESS[2])
    assert opened.groups.suggestion(INCIDENT, 3) == (2, "No, only your name.")


def test_merged_groups_are_one(opened: Ledger) -> None:
    ask(opened, *ADDRESS, *PASSWORD)
    assert opened.groups.merge(INCIDENT, [2, 1], "omar", NOW) == 1
    ask(opened, "Must I really change my password?")
    assert groups(opened) == {1: (1, 2, 3, 4, 5, 6)}


def test_a_number_of_a_merged_group_is_never_used_again(opened: Ledger) -> None:
    ask(opened, *ADDRESS, *PASSWORD, "When will you pay me compensation?", "When will you pay compensation to me?")
    opened.groups.merge(INCIDENT, [1, 2], "omar", NOW)
    assert opened.groups.split(INCIDENT, [1, 2], "omar", NOW) == 4
    assert groups(opened) == {1: (3, 4, 5), 3: (6, 7), 4: (1, 2)}


def test_a_question_split_off_alone_is_in_no_group(opened: Ledger) -> None:
    ask(opened, *ADDRESS)
    assert opened.groups.split(INCIDENT, [1], "omar", NOW) is None
    assert (groups(opened), opened.groups.lines(INCIDENT)[0].example) == ({1: (2, 3)}, 2)
    assert marked(opened) == {1, 2}


def test_a_group_of_one_is_none(opened: Ledger) -> None:
    ask(opened, *PASSWORD)
    opened.groups.split(INCIDENT, [2], "omar", NOW)
    assert groups(opened) == {}


@pytest.mark.parametrize("chosen", [[1], [], [1, 1]])
def test_one_group_cannot_be_merged(opened: Ledger, chosen: list[int]) -> None:
    with pytest.raises(NotAllowed, match="two groups"):
        opened.groups.merge(INCIDENT, chosen, "omar", NOW)


@pytest.mark.parametrize("chosen", [[], [1, 4], [6]])
def test_only_questions_of_one_group_are_split_off(opened: Ledger, chosen: list[int]) -> None:
    ask(opened, *ADDRESS, *PASSWORD, "Something else entirely")
    with pytest.raises(NotAllowed, match="of one group"):
        opened.groups.split(INCIDENT, chosen, "omar", NOW)


def test_a_group_that_is_not_there_is_named(opened: Ledger) -> None:
    with pytest.raises(NotInLedger, match="no group 7"):
        opened.groups.members(INCIDENT, 7)


def test_the_marks_of_an_incident_are_made_with_its_own_key(opened: Ledger) -> None:
    """Two incidents with the same question share no mark, so that a mark of one confirms nothing of the other."""
    opened.incidents.open(an_incident(id="another"), [a_person(number=1)], "lena", NOW)
    for incident in (INCIDENT, "another"):
        opened.questions.ask(incident, an_asked(ADDRESS[0]), NOW)
    with opened.store.read() as session:
        marks = session.execute(text("SELECT incident, mark FROM question_likeness")).all()
    assert len({mark for _, mark in marks}) == len(marks) == 20
