"""What people write is searched for the data of other people of the list; an alarm holds ids and counts only."""

import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from amends.domain.base.errors import LedgerError
from amends.domain.people.person import Flag, Person
from amends.domain.timeline.timeline import Wait, waiting_tasks
from amends.ledger import Ledger
from tests.builders import NOW, a_person, an_asked, an_incident
from tests.delivery.sending import INCIDENT
from tests.ledger.feedback.surveyed import answer, customers, invited

ADA, LI, CHILD, MOTHER, TWIN = 1, 2, 3, 4, 5
SOON = NOW + timedelta(minutes=1)


def people() -> list[Person]:
    return [
        a_person(number=ADA),
        a_person(number=LI, email="Li@Mail.example", phone="+8613812345678", country="CN", locale="zh-CN"),
        a_person(number=CHILD, email="", phone="", flags=frozenset({Flag.MINOR})),
        a_person(number=MOTHER, guardian_of="C-00003"),
        a_person(number=TWIN, phone=a_person(number=ADA).phone),
        a_person(number=6, email="care@betapai.example", phone="+49305550100"),
    ]


@pytest.fixture
def opened(ledger_on_sqlite: Ledger) -> Ledger:
    ledger_on_sqlite.incidents.open(an_incident(), people(), "lena", NOW)
    return ledger_on_sqlite


def ask(ledger: Ledger, wording: str, **changes: Any) -> int:
    return ledger.questions.ask(INCIDENT, an_asked(wording, **changes), NOW)


def leaks(ledger: Ledger) -> tuple[int, ...]:
    return ledger.views.timeline(INCIDENT, SOON).leaks


def alerts(ledger: Ledger) -> list[str]:
    return [alert.what for alert in ledger.views.timeline(INCIDENT, SOON).alerts]


@pytest.mark.parametrize(
    "wording",
    [
        "Why do I get mail for li@mail.example?",
        "Your mail names LI@MAIL.EXAMPLE",
        "Somebody called me: 138 1234 5678",
        "The letter says +86 138-1234-5678",
        "0086 13812345678 stood in it",
        "我收到了C-00002的信息",
        "c-00002",
    ],
)
def test_data_of_another_person_raises_the_alarm(opened: Ledger, wording: str) -> None:
    ask(opened, wording, person=ADA)
    assert leaks(opened) == (1,)
    (alert,) = alerts(opened)
    assert alert.startswith("question 1 holds contact data of 1 other person of the list")
    assert f"amends questions show {INCIDENT} 1" in alert


@pytest.mark.parametrize(
    "wording",
    [
        "Is kim1@mail.example among it? My number is +4930555000 01, my reference C-00001",
        "I share +49 30 55500005 with nobody",
        "I called +49 30 5550100 and wrote to care@betapai.example",
        "somebody@elsewhere.example told me, +49 30 999999",
        "please stop sharing my data",
    ],
)
def test_own_data_and_the_company_s_are_no_leak(opened: Ledger, wording: str) -> None:
    ask(opened, wording, person=ADA)
    assert (leaks(opened), alerts(opened)) == ((), [])


def test_the_alarm_is_the_same_on_both_databases(ledger: Ledger) -> None:
    ledger.incidents.open(an_incident(), people(), "lena", NOW)
    ask(ledger, "li@mail.example, 138 1234 5678, C-00003 and my own C-00001", person=ADA)
    (alert,) = alerts(ledger)
    assert alert.startswith("question 1 holds contact data of 2 other people of the list")


def test_a_shared_telephone_is_no_leak(opened: Ledger) -> None:
    ask(opened, f"call me at {a_person(number=ADA).phone}", person=ADA)
    assert leaks(opened) == ()


def test_a_family_may_name_each_other(opened: Ledger) -> None:
    """A guardian may name the child, and the child's mail the guardian."""
    ask(opened, "My daughter's reference is C-00003", person=MOTHER, once="a")
    ask(opened, "My mother is kim4@mail.example", person=CHILD, once="b")
    assert leaks(opened) == ()
    ask(opened, "My daughter's reference is C-00003", person=ADA, once="c")
    assert leaks(opened) == (3,)


def test_a_stranger_may_give_one_person_s_data(opened: Ledger) -> None:
    """A caller whom nobody matched gives their own data; data of two people are not one caller's."""
    ask(opened, "I am kim1@mail.example, C-00001", person=None, once="a")
    ask(opened, "I have C-00001 and C-00002", person=None, once="b")
    ask(opened, "kim1@mail.example writes about C-00002", person=None, once="c", own=("kim1@mail.example",))
    assert leaks(opened) == (2,)


def test_the_whole_text_is_looked_through(opened: Ledger) -> None:
    ask(opened, "What is this?", person=ADA, whole="What is this?\n> Dear Li, C-00002")
    assert leaks(opened) == (1,)


def test_no_data_stand_in_the_alarm(opened: Ledger) -> None:
    ask(opened, "li@mail.example, C-00002, +8613812345678", person=ADA)
    case = opened.views.timeline(INCIDENT, SOON)
    shown = str(waiting_tasks(case, SOON)) + str(case.alerts) + str(opened.audit.entries(INCIDENT))
    assert "li@" not in shown.lower()
    assert "C-00002" not in shown
    assert "138" not in shown


def test_the_alarm_stands_until_the_question_is_answered(opened: Ledger) -> None:
    ask(opened, "Why do you write to me about C-00002?", person=ADA, once="a")
    ask(opened, "Why do you write to me about C-00002?", person=ADA, once="a")
    (task,) = (
        waiting_task
        for waiting_task in waiting_tasks(opened.views.timeline(INCIDENT, SOON), SOON)
        if waiting_task.wait is Wait.LEAK
    )
    assert (task.whom, task.do) == ("the lead", f"amends questions show {INCIDENT} 1")
    assert len(alerts(opened)) == 1
    opened.questions.answer(INCIDENT, 1, "We look into it", "lena", SOON)
    assert leaks(opened) == ()


def test_a_text_in_a_survey_is_an_alert_about_nobody(ledger_on_sqlite: Ledger) -> None:
    """Contact data of other people in a text is an alert once the text is opened, and the alert names nobody."""
    invited(ledger_on_sqlite, customers(12))
    for person in range(1, 11):
        assert alerts(ledger_on_sqlite) == []
        answer(ledger_on_sqlite, person, comment="You sent me C-00002" if person == 1 else "Thanks")
    (alert,) = alerts(ledger_on_sqlite)
    assert alert == (
        "what people wrote in the survey of survey-invitation holds contact data of 1 other person of the list: "
        f"`amends surveys comments {INCIDENT}`"
    )


def test_question_and_alarm_are_stored_together(opened: Ledger) -> None:
    """A fault while the alarm is written leaves no question either, so the text that comes again raises it."""
    when = "BEFORE INSERT ON alert WHEN NEW.kind = 'question_leaks'"
    broken = f"CREATE TRIGGER broken {when} BEGIN SELECT RAISE(ABORT, 'no'); END"
    with opened.store.engine.begin() as connection:
        connection.execute(text(broken))
    with pytest.raises(LedgerError):
        ask(opened, "C-00002", person=ADA)
    with opened.store.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER broken"))
    assert opened.questions.all(INCIDENT) == ()
    ask(opened, "C-00002", person=ADA)
    assert leaks(opened) == (1,)


def test_ten_thousand_addresses_take_little_time(opened: Ledger) -> None:
    listed = (
        "".join(f"p{number}@elsewhere-{number}.example {'x' * 70}\n" for number in range(10_000)) + "li@mail.example"
    )
    assert len(listed) > 900_000
    begun = time.monotonic()
    ask(opened, "Look at this list", person=ADA, whole=listed)
    assert time.monotonic() - begun < 20
    assert leaks(opened) == (1,)
