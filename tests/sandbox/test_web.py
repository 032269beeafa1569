"""The web services of the rehearsal world."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from amends.sandbox.web import HttpTrouble, WebServices


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebServices]:
    with WebServices(tmp_path / "web") as services:
        yield services


def post(web: WebServices, path: str, key: str = "", **fields: str) -> httpx2.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return httpx2.post(f"{web.url}{path}", json=fields, headers=headers, trust_env=False)


def test_an_sms_is_kept_in_memory_and_in_a_file(web: WebServices, tmp_path: Path) -> None:
    post(web, "/sms", to="+4915112345678", text="你好")
    assert [taken.fields["text"] for taken in web.taken] == ["你好"]
    assert json.loads((tmp_path / "web" / "sms.jsonl").read_text())["text"] == "你好"


@pytest.mark.parametrize("path", ["/sms", "/api/v1/statuses"])
def test_a_repeated_key_is_answered_as_the_first_time_and_taken_once(web: WebServices, path: str) -> None:
    answers = [post(web, path, key="k", text="hello").json() for _ in range(2)]
    assert (answers[0], len(web.taken)) == (answers[1], 1)


def test_messages_without_a_key_are_all_taken(web: WebServices) -> None:
    ids = [post(web, "/sms", text="hello").json()["id"] for _ in range(2)]
    assert ids == ["sms-1", "sms-2"]


def test_it_fails_to_order_and_takes_nothing(web: WebServices) -> None:
    web.trouble = HttpTrouble(429, {"Retry-After": "7"})
    answer = post(web, "/sms", text="hello")
    assert (answer.status_code, answer.headers["Retry-After"], web.taken) == (429, "7", [])


def test_it_can_take_a_message_and_say_nothing(web: WebServices) -> None:
    web.trouble = HttpTrouble(silent=True)
    with pytest.raises(httpx2.HTTPError):
        post(web, "/sms", text="hello")
    assert len(web.taken) == 1


def test_a_service_that_is_not_there_is_not_found(web: WebServices) -> None:
    assert post(web, "/fax").status_code == 404
