"""What stands around every page: headers, sizes, errors, bad links."""

import logging
import re
import time
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from amends.domain.incident.incident import Contacts
from amends.ledger import Keys, Ledger
from amends.settings import Settings
from amends.web.app import create_app
from tests.web.scene import INCIDENT, KEY, Clock, Visitor

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "strict-transport-security": "max-age=31536000",
}
ANSWERS = ["/healthz", "/static/style.css", "/", "/p/x", "/n/x", "/docs", f"/n/{INCIDENT}/", f"/n/{INCIDENT}/en/"]
FORM = {"content-type": "application/x-www-form-urlencoded"}
UNKNOWN = "A" * 27


@pytest.mark.parametrize("path", [*ANSWERS, f"/p/{UNKNOWN}"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "OPTIONS"])
def test_every_answer_bears_the_safe_headers(resting: TestClient, path: str, method: str) -> None:
    answer = resting.request(method, path, follow_redirects=False)
    assert HEADERS.items() <= dict(answer.headers).items()
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "permissions-policy" in answer.headers


def test_a_personal_page_loads_nothing_but_our_style(ada: Visitor) -> None:
    answer = ada.look()
    assert answer.headers["content-security-policy"] == POLICY
    assert not re.search(r"<script|style=|\son\w+=", answer.text)


def test_a_personal_page_is_kept_nowhere(ada: Visitor) -> None:
    assert ada.look().headers["cache-control"] == "no-store"
    assert ada.ask("Hello?").headers["cache-control"] == "no-store"


def test_no_answer_sets_a_cookie(ada: Visitor) -> None:
    assert all("set-cookie" not in answer.headers for answer in (ada.look(), ada.ask("Hello?")))


def test_no_strict_transport_where_there_is_no_tls(ledger: Ledger, settings: Settings) -> None:
    local = settings.model_copy(update={"public_url": "http://127.0.0.1:8400"})
    assert "strict-transport-security" not in TestClient(create_app(local, ledger)).get("/healthz").headers


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_there_is_no_description_of_the_interface(resting: TestClient, path: str) -> None:
    assert resting.get(path).status_code == 404


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_a_bad_link_is_explained_in_both_languages_the_readers_first(resting: TestClient, language: str) -> None:
    answer = resting.get(f"/p/{UNKNOWN}", headers={"Accept-Language": language})
    assert answer.status_code == 404
    assert f'<html lang="{language}">' in answer.text
    assert "This link does not work" in answer.text
    assert "这个链接打不开" in answer.text


PHONE = 'href="tel:+49305550100"'


@pytest.mark.parametrize("path", ["/", f"/p/{UNKNOWN}", "/n/x", "/u/" + "a" * 300])
def test_a_page_that_says_to_call_us_says_where(resting: TestClient, path: str) -> None:
    assert PHONE in resting.get(path).text


def test_who_is_turned_away_in_a_flood_can_call(client: TestClient) -> None:
    answers = [client.post(f"/p/{number:027}/ask", data={"text": "x"}) for number in range(60)]
    turned_away = [answer.text for answer in answers if answer.status_code == 429]
    assert turned_away
    assert all(PHONE in text for text in turned_away)


def test_who_finds_the_ledger_gone_can_call(settings: Settings, ledger: Ledger, ada: Visitor) -> None:
    ledger.dispose()
    (settings.home / "ledger.sqlite3").rename(settings.home / "elsewhere.sqlite3")
    answer = ada.look()
    assert answer.status_code == 503
    assert PHONE in answer.text


def test_a_number_that_was_corrected_is_the_one_to_call(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    incident = ledger.cases.incident_file(INCIDENT)
    contacts = incident.organisation.contacts.model_copy(update={"phone": "+49 30 5550199"})
    organisation = incident.organisation.model_copy(update={"contacts": contacts})
    ledger.incidents.amend(incident.model_copy(update={"organisation": organisation}), "lena", clock())
    ada.look()
    assert "tel:+49305550199" in ada.client.get("/").text


def test_a_number_that_an_amendment_left_out_still_answers(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    """An amendment without contacts takes the number off the personal page, and leaves it where people look for help."""
    assert PHONE in ada.client.get("/").text
    incident = ledger.cases.incident_file(INCIDENT)
    organisation = incident.organisation.model_copy(update={"contacts": Contacts()})
    ledger.incidents.amend(incident.model_copy(update={"organisation": organisation}), "lena", clock())
    page = ada.look()
    assert (page.status_code, 'href="tel:' in page.text, 'href="mailto:' in page.text) == (200, False, False)
    assert PHONE in ada.client.get("/").text


def test_without_any_incident_there_is_nobody_to_call(settings: Settings) -> None:
    empty = Ledger(settings.ledger_url, Keys(KEY)).migrate()
    assert "tel:" not in TestClient(create_app(settings, empty)).get("/").text
    empty.dispose()


def test_who_sent_what_cannot_be_taken_is_led_back_to_their_page(ada: Visitor) -> None:
    too_large = ada.client.post(f"{ada.page}/ask", content=b"text=" + b"a" * 65_536, headers=FORM)
    from_elsewhere = ada.send("ask", {"form": ada.token(), "text": "x"}, **{"Sec-Fetch-Site": "cross-site"})
    for answer in (too_large, from_elsewhere):
        assert f'<a href="{ada.page}">Back to your page</a>' in answer.text


@given(token=st.text(max_size=60))
@example(token="a" * 26 + "\n")
@example(token="../../etc/passwd")
@example(token="%00" * 9)
@example(token="-" * 28)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_for_a_link_leads_to_the_same_page(resting: TestClient, token: str) -> None:
    answer = resting.get("/p/" + quote(token, safe="", errors="replace"))
    assert answer.status_code == 404
    assert answer.text == resting.get(f"/p/{UNKNOWN}").text


def test_a_wrong_link_takes_no_longer_than_a_malformed_one_by_much(resting: TestClient) -> None:
    def quickest(path: str) -> float:
        took = []
        for _ in range(20):
            began = time.perf_counter()
            resting.get(path)
            took.append(time.perf_counter() - began)
        return min(took)

    assert abs(quickest(f"/p/{UNKNOWN}") - quickest("/p/x")) < 0.01


@pytest.mark.parametrize("form", ["ask", "survey"])
def test_a_form_sent_to_a_bad_link_is_not_found(client: TestClient, form: str) -> None:
    assert client.post(f"/p/{UNKNOWN}/{form}", data={"text": "x"}).status_code == 404


def test_a_body_that_says_it_is_too_large_is_refused(ada: Visitor) -> None:
    answer = ada.client.post(f"{ada.page}/ask", content=b"text=" + b"a" * 65_536, headers=FORM)
    assert answer.status_code == 413
    assert "This text is too long." in answer.text


def test_a_body_without_end_is_given_up_at_the_limit(ada: Visitor) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield b"a" * 1024

    answer = ada.client.post(f"{ada.page}/ask", content=endless(), headers=FORM)
    assert answer.status_code == 413


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "application/json", "text/plain", ""])
def test_only_plain_forms_are_read(ada: Visitor, kind: str) -> None:
    answer = ada.client.post(f"{ada.page}/ask", content=b'{"text": "x"}', headers={"content-type": kind})
    assert answer.status_code == 415


def test_a_form_with_hundreds_of_fields_is_refused(ada: Visitor) -> None:
    body = "&".join(f"f{number}=1" for number in range(300))
    assert ada.client.post(f"{ada.page}/ask", content=body.encode(), headers=FORM).status_code == 400


@given(body=st.binary(max_size=400))
@example(body=b"form=%ff%fe&text=%00")
@example(body=b"\xff\xfe=&=&&&;;")
@example(body=b"text=a&text=b&form=1&form=2")
@example(body="text=\ud800".encode("utf-8", "surrogatepass"))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_breaks_the_form(restarted: Callable[[], Visitor], body: bytes) -> None:
    ada = restarted()
    assert ada.client.post(f"{ada.page}/ask", content=body, headers=FORM).status_code in (400, 422)


@given(text=st.text(min_size=1, max_size=300))
@example(text="</textarea><script>alert(1)</script>")
@example(text='"><form action="https://evil.example">')
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_adds_anything_to_the_page_but_text(restarted: Callable[[], Visitor], text: str) -> None:
    ada = restarted()
    came_back, plain = (ada.send("ask", {"form": "not ours", "text": typed}).text for typed in (text, "Hello?"))
    assert elements_of(came_back) == elements_of(plain)


def elements_of(html: str) -> list[str]:
    found = Elements()
    found.feed(html)
    return found.names


class Elements(HTMLParser):
    """The names of the elements of a page, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.names.append(tag)


def test_an_error_shows_an_id_and_nothing_else(
    app: FastAPI, client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/breaks")
    def breaks() -> None:
        raise RuntimeError("ada@mail.example")

    with caplog.at_level(logging.DEBUG):
        answer = client.get("/breaks")
    error_id = re.search(r"<code>([0-9a-f]{8})</code>", answer.text)
    assert answer.status_code == 500
    assert error_id
    assert f"error {error_id[1]}: RuntimeError" in caplog.text
    assert "ada@mail.example" not in answer.text + caplog.text


def test_nothing_that_a_person_writes_or_is_stands_in_the_log(ada: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        ada.ask("My secret is Rosebud")
        ada.look("?sent=ask")
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("amends"))
    assert not re.search(rf"Rosebud|Ada|{ada.link}", ours)


def test_the_portal_is_not_healthy_without_its_ledger(settings: Settings, ledger: Ledger) -> None:
    client = TestClient(create_app(settings, ledger))
    assert client.get("/healthz").text == "ok"
    ledger.dispose()
    (settings.home / "ledger.sqlite3").rename(settings.home / "elsewhere.sqlite3")
    assert client.get("/healthz").status_code == 503
