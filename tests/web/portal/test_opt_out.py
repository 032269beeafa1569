"""Ending the optional messages: one POST from anywhere does it, looking does not, and guessing tells nothing."""

import asyncio
import re
import sqlite3
from collections.abc import Callable, Iterator
from html.parser import HTMLParser

import pytest
from fastapi import FastAPI
from httpx2 import Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from amends.ledger import Ledger
from amends.ledger.store import database
from amends.settings import Settings
from amends.web.portal import opt_out
from tests.web.scene import ADA, INCIDENT, LI, TOBY, Clock, Visitor

ONE_CLICK = "List-Unsubscribe=One-Click"
FORM = {"content-type": "application/x-www-form-urlencoded"}
MULTIPART = {"content-type": "multipart/form-data; boundary=b"}
PART = '--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n{}\r\nOne-Click\r\n--b--\r\n'
WRONG = "A" * 49
SECONDS = opt_out.ANSWER_SECONDS
PERSONAL = ("Ada", "李雷", "kim1@", "example.org", INCIDENT, "card")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits as long as people do."""
    monkeypatch.setattr(opt_out, "ANSWER_SECONDS", 0)


def address(ledger: Ledger, person: int = ADA) -> str:
    return f"/u/{ledger.store.keys.opt_out_token(INCIDENT, person)}"


def press(client: TestClient, path: str, body: str = ONE_CLICK, **headers: str) -> Response:
    return client.post(path, content=body, headers=FORM | headers, follow_redirects=False)


def without(path: str, text: str) -> str:
    """The page, with the only thing that differs from token to token taken out."""
    return text.replace(path, "/u/…")


class Buttons(HTMLParser):
    """The forms of a page: where each leads, what it sends, what its button says."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action, self.fields, self.words = "", {}, ""
        self.count = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "form":
            self.count += 1
            self.action = values["action"]
        elif tag == "input":
            self.fields[values["name"]] = values["value"]

    def handle_data(self, data: str) -> None:
        if self.get_starttag_text() and self.get_starttag_text().startswith("<button"):
            self.words = self.words or data.strip()


def test_one_post_opts_out_and_says_so_kindly(client: TestClient, ledger: Ledger) -> None:
    answer = press(client, address(ledger))
    assert answer.status_code == 200
    assert "Done. You get no more of these messages" in answer.text
    assert ledger.opt_outs.has(INCIDENT, ADA)
    assert not ledger.opt_outs.has(INCIDENT, LI)


@pytest.mark.parametrize("extra", ["", "Content-Type: text/plain\r\n"])
def test_a_mail_program_may_send_the_form_in_parts(client: TestClient, ledger: Ledger, extra: str) -> None:
    assert press(client, address(ledger), PART.format(extra), **MULTIPART).status_code == 200
    assert ledger.opt_outs.has(INCIDENT, ADA)


def test_it_works_from_any_origin_without_cookie_or_form(client: TestClient, ledger: Ledger) -> None:
    elsewhere = {"origin": "https://mail.example", "sec-fetch-site": "cross-site"}
    answer = press(client, address(ledger), **elsewhere)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert ledger.opt_outs.has(INCIDENT, ADA)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
@pytest.mark.parametrize("end", ["", "/again", f"?{ONE_CLICK}"])
def test_a_scanner_that_looks_changes_nothing(client: TestClient, ledger: Ledger, method: str, end: str) -> None:
    ledger.opt_outs.add(INCIDENT, LI, "test", Clock().now)
    client.request(method, address(ledger) + end)
    client.request(method, address(ledger, LI) + end)
    assert [ledger.opt_outs.has(INCIDENT, who) for who in (ADA, LI)] == [False, True]


@pytest.mark.parametrize("body", ["", "x=y", "List-Unsubscribe=", "List-Unsubscribe=Two-Clicks", "One-Click"])
def test_a_post_that_says_something_else_changes_nothing(client: TestClient, ledger: Ledger, body: str) -> None:
    answer = press(client, address(ledger), body)
    assert answer.status_code == 200
    assert not ledger.opt_outs.has(INCIDENT, ADA)


def test_pressed_again_and_again_it_is_kept_once(client: TestClient, ledger: Ledger) -> None:
    answers = {press(client, address(ledger)).status_code for _ in range(30)}
    assert answers == {200}
    assert [entry.act for entry in ledger.audit.entries(INCIDENT)].count("opted out") == 1


def test_a_provider_opting_out_many_people_never_has_to_wait(client: TestClient, ledger: Ledger) -> None:
    """A mailbox provider that presses the opt-out button for many people in a row is answered 200 each time, and is
    never asked to wait.
    """
    paths = [address(ledger, who) for who in (ADA, LI, TOBY)] * 25
    assert {press(client, path).status_code for path in paths} == {200}


def test_looking_tells_nothing_about_anybody(client: TestClient, ledger: Ledger) -> None:
    for answer in (client.get(address(ledger, LI)), press(client, address(ledger, LI))):
        assert [word for word in PERSONAL if word in answer.text] == []


@pytest.mark.parametrize("opted_out", [False, True])
def test_a_wrong_token_gets_the_answers_of_a_right_one(client: TestClient, ledger: Ledger, opted_out: bool) -> None:
    if opted_out:
        ledger.opt_outs.add(INCIDENT, LI, "test", Clock().now)
    for send in (
        client.get,
        client.head,
        client.post,
        lambda path: press(client, path),
        lambda path: client.post(f"{path}/again"),
    ):
        right, wrong = (
            (answer.status_code, without(path, answer.text), sorted(answer.headers))
            for path in (address(ledger, LI), f"/u/{WRONG}")
            for answer in (send(path),)
        )
        assert right == wrong


@pytest.mark.parametrize("end", ["", "/again"])
@pytest.mark.parametrize("known", [True, False], ids=["right", "wrong"])
def test_no_token_is_answered_before_the_same_pause_is_over(
    client: TestClient, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, known: bool, end: str
) -> None:
    pauses, sleep = [], asyncio.sleep

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr(opt_out, "ANSWER_SECONDS", SECONDS)
    monkeypatch.setattr(asyncio, "sleep", noted)
    press(client, (address(ledger) if known else f"/u/{WRONG}") + end)
    assert [pause for pause in pauses if pause] == [SECONDS]


@given(token=st.text("ABCabc012_-", min_size=1, max_size=120))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_guessed_gets_the_same_page(resting: TestClient, token: str) -> None:
    path = f"/u/{token}"
    for send in (resting.get, lambda path: press(resting, path)):
        answer = send(path)
        assert answer.status_code == 200
        assert without(path, answer.text) == without(f"/u/{WRONG}", send(f"/u/{WRONG}").text)


def test_the_token_of_a_person_who_is_gone_gets_the_same_answer(client: TestClient, ledger: Ledger) -> None:
    for gone in (ledger.store.keys.opt_out_token(INCIDENT, 999), ledger.store.keys.opt_out_token("deleted", 1)):
        assert press(client, f"/u/{gone}").status_code == 200


def test_the_token_opens_no_page_and_a_personal_link_ends_nothing(
    client: TestClient, ledger: Ledger, ada: Visitor
) -> None:
    token = address(ledger).removeprefix("/u/")
    assert client.get(f"/p/{token}").status_code == 404
    press(client, f"/u/{ada.link}")
    assert not ledger.opt_outs.has(INCIDENT, ADA)


def test_the_button_on_the_page_does_what_a_mail_program_does(client: TestClient, ledger: Ledger) -> None:
    button = Buttons(client.get(address(ledger)).text)
    assert (button.count, button.words) == (1, "Stop these messages")
    assert client.post(button.action, data=button.fields).status_code == 200
    assert ledger.opt_outs.has(INCIDENT, ADA)


def test_who_pressed_by_mistake_gets_them_again_from_the_same_page(client: TestClient, ledger: Ledger) -> None:
    button = Buttons(press(client, address(ledger)).text)
    assert (button.count, button.words) == (1, "I want them again")
    answer = client.post(button.action, data=button.fields)
    assert "From now on you get these messages again." in answer.text
    assert not ledger.opt_outs.has(INCIDENT, ADA)


def test_the_page_always_says_that_legal_messages_still_come(client: TestClient, ledger: Ledger) -> None:
    """The opt-out page says before an opt-out, after it, and after it was undone that the messages that the law demands
    will still come.
    """
    path = address(ledger)
    for answer in (client.get(path), press(client, path), client.post(f"{path}/again")):
        assert "We will still send what the law requires." in answer.text


@pytest.mark.parametrize(
    ("asked", "chosen", "locale"), [("en", "", "en"), ("zh", "", "zh-CN"), ("en", "zh-CN", "zh-CN")]
)
def test_the_page_speaks_the_browsers_language_or_the_chosen_one(
    client: TestClient, ledger: Ledger, asked: str, chosen: str, locale: str
) -> None:
    query = f"?lang={chosen}" if chosen else ""
    answer = client.get(address(ledger) + query, headers={"accept-language": asked})
    assert f'<html lang="{locale}">' in answer.text
    button = Buttons(answer.text)
    stopped = client.post(button.action, data=button.fields, headers={"accept-language": asked})
    assert f'<html lang="{locale}">' in stopped.text


@pytest.mark.parametrize("lang", ["xx", "<script>", "../en"])
def test_a_language_that_there_is_not_is_passed_over(client: TestClient, ledger: Ledger, lang: str) -> None:
    answer = client.get(address(ledger), params={"lang": lang}, headers={"accept-language": "en"})
    assert '<html lang="en">' in answer.text
    assert "<script>" not in answer.text


@pytest.mark.usefixtures("as_many_at_once_as_come")
def test_undoing_again_and_again_is_slowed_down_for_every_token_alike(client: TestClient, ledger: Ledger) -> None:
    for path in (address(ledger), f"/u/{WRONG}"):
        answers = [client.post(f"{path}/again").status_code for _ in range(11)]
        assert answers == [200] * 10 + [429]


def test_the_page_is_kept_nowhere_and_runs_nothing(client: TestClient, ledger: Ledger) -> None:
    answer = client.get(address(ledger))
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert not re.search(r"<script|style=|\son\w+=", answer.text)


def test_a_body_that_is_too_large_is_refused(client: TestClient, ledger: Ledger) -> None:
    assert press(client, address(ledger), "a" * 70_000 + ONE_CLICK).status_code == 413
    assert not ledger.opt_outs.has(INCIDENT, ADA)


@pytest.fixture
def locked(settings: Settings, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Somebody writes to the ledger and does not come to an end."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    holder = sqlite3.connect(settings.home / "ledger.sqlite3", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    yield
    holder.close()


@pytest.fixture
def stopped(ledger: Ledger) -> None:
    ledger.opt_outs.add(INCIDENT, ADA, "test", Clock().now)


@pytest.mark.usefixtures("stopped", "locked")
def test_pressed_again_it_asks_for_no_turn_to_write(client: TestClient, ledger: Ledger) -> None:
    assert press(client, address(ledger)).status_code == 200


@pytest.mark.usefixtures("locked")
def test_nobody_is_told_that_it_is_done_while_it_cannot_be_kept(app: FastAPI, ledger: Ledger) -> None:
    answer = press(TestClient(app, raise_server_exceptions=False), address(ledger))
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    assert "Done." not in answer.text


@pytest.mark.usefixtures("locked")
def test_the_page_is_there_while_the_ledger_is_locked(client: TestClient, ledger: Ledger) -> None:
    assert client.get(address(ledger)).status_code == 200


def test_the_personal_page_has_the_button_too(ada: Visitor, ledger: Ledger) -> None:
    answer = ada.send("stop", {"form": ada.token("stop")})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{ada.page}?sent=stop#stop")
    assert ledger.opt_outs.has(INCIDENT, ADA)
    assert "You get no more of these messages" in ada.look("?sent=stop").text


def test_the_personal_page_offers_them_again(ada: Visitor, ledger: Ledger) -> None:
    ada.send("stop", {"form": ada.token("stop")})
    ada.send("again", {"form": ada.token("again")})
    assert not ledger.opt_outs.has(INCIDENT, ADA)
    assert "From now on you get these messages again." in ada.look("?sent=again").text


def test_the_personal_page_says_what_holds_and_not_what_was_asked_for(ada: Visitor) -> None:
    assert "You get no more of these messages" not in ada.look("?sent=stop").text
    ada.send("stop", {"form": ada.token("stop")})
    assert "From now on you get these messages again." not in ada.look("?sent=again").text


def test_the_opt_out_button_of_the_page_takes_no_foreign_posts(ada: Visitor, ledger: Ledger) -> None:
    """The opt-out button of the personal page refuses a POST from another site and a POST with another form's token,
    and records nothing.
    """
    fields = {"form": ada.token("stop")}
    assert ada.send("stop", fields, **{"sec-fetch-site": "cross-site"}).status_code == 403
    assert ada.send("stop", {"form": ada.token("ask")}).status_code == 422
    assert not ledger.opt_outs.has(INCIDENT, ADA)


@pytest.mark.parametrize("form", ["stop", "again"])
def test_the_address_of_a_button_opened_like_a_page_leads_back(ada: Visitor, ledger: Ledger, form: str) -> None:
    answer = ada.client.get(f"{ada.page}/{form}", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{ada.page}#{form}")
    assert f'id="{form}"' in ada.look().text
    assert not ledger.opt_outs.has(INCIDENT, ADA)


def test_a_guardian_presses_the_button_on_the_childs_page(visitor: Callable[[int], Visitor], ledger: Ledger) -> None:
    toby = visitor(TOBY)
    toby.send("stop", {"form": toby.token("stop")})
    assert ledger.opt_outs.has(INCIDENT, TOBY)


def test_the_audit_tells_the_two_ways_apart(client: TestClient, ledger: Ledger, li: Visitor) -> None:
    press(client, address(ledger))
    li.send("stop", {"form": li.token("stop")})
    ways = [entry.detail["how"] for entry in ledger.audit.entries(INCIDENT) if entry.act == "opted out"]
    assert ways == ["link in a message", "personal page"]
