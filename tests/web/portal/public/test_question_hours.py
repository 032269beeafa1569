"""A question hour on the public page and on the personal page."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from amends.domain.feedback.hour import HourAnswer, QuestionHour
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from tests.web.scene import ADA, INCIDENT, LI, SAM, Clock, Visitor

PAGE = f"/s/{INCIDENT}/ask-us"
OMAR = Member(name="omar", role=TeamRole.LEGAL)


def an_hour(clock: Clock, **changes: object) -> QuestionHour:
    ordinary = {
        "id": "ask-us",
        "title": {"en": "Ask our engineers", "zh-CN": "向工程师提问"},
        "where": {"en": "https://meet.betapai.example/hour", "zh-CN": "+86 400 555 0100"},
        "begins_at": (clock.now + timedelta(days=3)).replace(hour=9, minute=0, second=0, microsecond=0),
        "minutes": 60,
    }
    return QuestionHour.model_validate(ordinary | changes)


@pytest.fixture
def announced(ledger: Ledger, clock: Clock) -> QuestionHour:
    hour = an_hour(clock)
    ledger.hours.announce(INCIDENT, hour, "lena", clock.now)
    return hour


def test_only_an_announced_hour_has_a_page(client: TestClient) -> None:
    assert [client.get(path).status_code for path in (PAGE, "/s/nothing/ask-us", "/s/../x")] == [404, 404, 404]


def test_the_page_shows_the_time_on_each_clock(client: TestClient, announced: QuestionHour) -> None:
    """The organisation's clock is Shanghai's; the reader's country is that of the browser or of the personal page."""
    page = client.get(PAGE, headers={"Accept-Language": "en-GB"})
    assert (page.status_code, "Ask our engineers" in page.text) == (200, True)
    for said in ("09:00 (UTC)", "17:00 (UTC+8)", "London", "Shanghai", "https://meet.betapai.example/hour"):
        assert said in page.text, page.text
    assert "10:00 (UTC+1)" in client.get(f"{PAGE}?country=DE&lang=en").text
    assert "<script" not in page.text


def test_the_page_speaks_chinese(client: TestClient, announced: QuestionHour) -> None:
    page = client.get(PAGE, headers={"Accept-Language": "zh-CN"}).text
    assert "向工程师提问" in page
    assert 'href="tel:+864005550100"' in page


def test_a_person_signs_up_once(ledger: Ledger, ada: Visitor, announced: QuestionHour) -> None:
    assert "/s/november-breach/ask-us" in ada.look().text
    for _ in range(2):
        assert ada.send("remind", {"form": ada.token("remind") if not _signed(ledger) else "x", "hour": "ask-us"})
    assert _signed(ledger) == 1
    assert "an email the day before and an hour before" in ada.look().text


def _signed(ledger: Ledger) -> int:
    return ledger.hours.counts(INCIDENT, "ask-us").signed_up


def test_a_question_beforehand_is_noted_with_the_hour(
    ledger: Ledger, ada: Visitor, clock: Clock, announced: QuestionHour
) -> None:
    token = ada.token("hour")
    clock.forward(seconds=30)
    done = ada.send("hour", {"form": token, "hour": "ask-us", "text": "Who had the key?"})
    assert done.status_code == 303
    (number,) = ledger.hours.counts(INCIDENT, "ask-us").questions
    question = ledger.questions.get(INCIDENT, number)
    assert (question.person, question.source, question.text) == (ADA, "portal", "Who had the key?")
    assert "You will find our answer" in ada.look("?sent=hour").text


def test_an_empty_question_for_an_hour_is_given_back(ada: Visitor, clock: Clock, announced: QuestionHour) -> None:
    token = ada.token("hour")
    clock.forward(seconds=30)
    assert ada.send("hour", {"form": token, "hour": "ask-us", "text": " "}).status_code == 422


@pytest.mark.parametrize(("form", "hour"), [("remind", "nothing"), ("hour", "nothing"), ("remind", "")])
def test_a_form_about_no_hour_records_nothing(
    ledger: Ledger, ada: Visitor, clock: Clock, announced: QuestionHour, form: str, hour: str
) -> None:
    token = ada.token(form)
    clock.forward(seconds=30)
    assert ada.send(form, {"form": token, "hour": hour, "text": "Hello?"}).status_code == 422
    assert (_signed(ledger), ledger.questions.all(INCIDENT)) == (0, ())


def test_nobody_signs_up_once_the_hour_has_begun(
    ledger: Ledger, ada: Visitor, clock: Clock, announced: QuestionHour
) -> None:
    token = ada.token("remind")
    clock.now = announced.begins_at
    ada.send("remind", {"form": token, "hour": "ask-us"})
    assert _signed(ledger) == 0
    assert "/remind" not in ada.look().text


def test_answers_stand_on_the_page_once_approved(
    client: TestClient, ledger: Ledger, clock: Clock, announced: QuestionHour
) -> None:
    clock.now = announced.ends_at
    assert "It is over" in client.get(PAGE).text
    said = HourAnswer(question={"en": "Who had <b>it</b>?"}, answer={"en": "A thief. Nobody else."})
    ledger.hours.publish(INCIDENT, "ask-us", [said], "lena", clock.now)
    assert "A thief" not in client.get(PAGE).text
    ledger.hours.approve(INCIDENT, "ask-us", OMAR, clock.now)
    page = client.get(PAGE).text
    assert "A thief. Nobody else." in page
    assert "Who had &lt;b&gt;it&lt;/b&gt;?" in page


def test_the_hour_stands_on_each_personal_page(visitor: Callable[[int], Visitor], announced: QuestionHour) -> None:
    for number, said in ((LI, "17:00 (UTC+8)"), (SAM, "hour")):
        assert said in visitor(number).look().text.replace("（", " (").replace("）", ")")
