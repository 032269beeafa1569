"""The queue is listed page by page without words, searched through its words, and each question has an owner."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from amends.domain.base.errors import LedgerAltered
from amends.domain.feedback.question import QuestionKind, Urgency
from amends.domain.feedback.queue.queue import QueueFilter, search_words
from amends.ledger import Ledger
from tests.builders import NOW, a_person, an_asked, an_incident
from tests.delivery.sending import INCIDENT

ALL = QueueFilter()


@pytest.fixture
def opened(ledger_on_sqlite: Ledger) -> Ledger:
    ledger_on_sqlite.incidents.open(an_incident(), [a_person(number=1), a_person(number=2)], "lena", NOW)
    return ledger_on_sqlite


def ask(ledger: Ledger, wording: str, **changes: Any) -> int:
    return ledger.questions.ask(INCIDENT, an_asked(wording, **changes), NOW)


def found(ledger: Ledger, said: str, wanted: QueueFilter = ALL) -> tuple[int, ...]:
    return ledger.queue.search(INCIDENT, search_words(said), wanted, NOW)


def numbers(ledger: Ledger, wanted: QueueFilter = ALL, limit: int = 50, skip: int = 0) -> list[int]:
    return [line.id for line in ledger.queue.page(INCIDENT, wanted, NOW, limit, skip).lines]


def test_a_page_begins_with_the_question_due_first(opened: Ledger) -> None:
    for days in (3, 1, 2):
        ask(opened, f"After {days} days", at=NOW - timedelta(days=days))
    assert (numbers(opened, limit=2), numbers(opened, limit=2, skip=2)) == ([1, 3], [2])


def test_a_page_says_how_many_there_are_on_all_pages(opened: Ledger) -> None:
    for days in (3, 1, 4):
        ask(opened, f"After {days} days", at=NOW - timedelta(days=days))
    page = opened.queue.page(INCIDENT, ALL, NOW, 1)
    assert (page.total, page.overdue, page.first_overdue) == (3, 2, 3)


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        (QueueFilter(open=True), [2, 3]),
        (QueueFilter(overdue=True), [3]),
        (QueueFilter(topic="scam"), [2]),
        (QueueFilter(urgency=Urgency.MONEY), [2]),
        (QueueFilter(owner="rosa"), [3]),
        (QueueFilter(locale="zh-CN"), [3]),
        (QueueFilter(kind=QuestionKind.COMPLAINT), [1]),
        (QueueFilter(together=7), []),
    ],
)
def test_a_filter_lets_through_what_it_names(opened: Ledger, wanted: QueueFilter, left: list[int]) -> None:
    ask(opened, "Answered", kind=QuestionKind.COMPLAINT)
    opened.questions.answer(INCIDENT, 1, "Yes", "rosa", NOW)
    ask(opened, "Is it a scam?", urgency=Urgency.MONEY)
    ask(opened, "我的地址", locale="zh-CN", owner="rosa", at=NOW - timedelta(days=9))
    assert sorted(numbers(opened, wanted)) == left


@pytest.mark.parametrize(
    ("said", "hits"),
    [
        ("password", (1,)),
        ("PASSWORD stolen", (1,)),
        ("password refund", ()),
        ("密码", (2,)),
        ("übermittelt", (3,)),
        ("straße", (3,)),
        ("reset", (2,)),
    ],
)
def test_a_search_finds_each_word_in_text_or_answer(opened: Ledger, said: str, hits: tuple[int, ...]) -> None:
    for wording in ("My Password was STOLEN?", "我的密码呢？", "Wurde meine STRASSE ÜBERMITTELT?"):
        ask(opened, wording)
    opened.questions.answer(INCIDENT, 2, "Please reset it.", "rosa", NOW)
    assert found(opened, said) == hits


def test_a_search_looks_only_where_the_filter_lets_it(opened: Ledger) -> None:
    for wording in ("My password, is it a scam?", "My password!"):
        ask(opened, wording)
    assert found(opened, "password", QueueFilter(topic="scam")) == (1,)


def test_a_text_that_cannot_be_read_is_listed_and_holds_no_word(opened: Ledger) -> None:
    ask(opened, "My password")
    with opened.store.write() as write:
        write.session.execute(text("UPDATE question SET sealed_text = zeroblob(40)"))
    assert [line.readable for line in opened.queue.page(INCIDENT, ALL, NOW, 50).lines] == [False]
    assert found(opened, "password") == ()


def test_a_row_that_somebody_altered_is_not_listed(opened: Ledger) -> None:
    ask(opened, "My password")
    with opened.store.write() as write:
        write.session.execute(text("UPDATE question SET owner = 'nobody'"))
    with pytest.raises(LedgerAltered, match="question"):
        opened.queue.page(INCIDENT, ALL, NOW, 50)


@pytest.mark.parametrize("said", ["", "  ", " ".join(map(str, range(11))), "x" * 201])
def test_a_search_has_some_words_but_not_too_many(said: str) -> None:
    with pytest.raises(ValueError, match="a search"):
        search_words(said)


def test_a_question_can_be_given_to_another_owner(opened: Ledger) -> None:
    ask(opened, "My password")
    opened.queue.assign(INCIDENT, 1, "rosa", "lena", NOW)
    assert opened.questions.get(INCIDENT, 1).owner == "rosa"
