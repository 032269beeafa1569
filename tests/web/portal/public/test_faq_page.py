"""Everybody can read the approved answers to what many people ask; the form to ask leads there."""

import pytest
from starlette.testclient import TestClient

from amends.domain.feedback.queue.faq import FaqText
from amends.ledger import Ledger
from tests.builders import NOW, an_asked
from tests.web.scene import INCIDENT

PAGE = f"/n/{INCIDENT}/en/questions"
TEXTS = {
    "en": FaqText(question="Is my <b>address</b> among it?", answer="No.\n\nOnly your name."),
    "zh-CN": FaqText(question="有我的地址吗？", answer="没有。"),
}


def publish(ledger: Ledger) -> None:
    for once in ("1", "2"):
        asked = an_asked("Is my address among the stolen data?", once=f"faq {once}")
        number = ledger.questions.ask(INCIDENT, asked, NOW)
    ledger.questions.answer(INCIDENT, number, "No.", "omar", NOW)
    group = ledger.questions.get(INCIDENT, number).together or 0
    ledger.faq.approve(INCIDENT, ledger.faq.propose(INCIDENT, group, TEXTS, "omar", NOW), "wei", NOW)


def test_an_entry_stands_on_the_page_in_the_readers_language(ledger: Ledger, client: TestClient) -> None:
    assert "nothing here so far" in client.get(PAGE).text
    publish(ledger)
    page = client.get(PAGE).text
    assert ("<p>Only your name.</p>" in page, "&lt;b&gt;" in page, "<b>" in page) == (True, True, False)
    assert "有我的地址吗？" in client.get(f"/n/{INCIDENT}/zh-CN/questions").text


def test_the_form_to_ask_leads_to_the_answers_once_there_are_some(ledger: Ledger, client: TestClient) -> None:
    link = f"/p/{ledger.people.link_of(INCIDENT, 1)}"
    before = client.get(link).text
    publish(ledger)
    assert (PAGE in before, PAGE in client.get(link).text) == (False, True)


@pytest.mark.parametrize("path", ["/n/nothing/en/questions", "/n/..%2F/en/questions"])
def test_there_is_no_page_where_nothing_was_published(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404
