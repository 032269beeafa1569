"""Posts of the public become questions once; an answer in public is approved by another, and posted once."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.channels.scripted_http import HANG_UP, ScriptedHttp, reply, scripted_http
from tests.cli.conftest import INCIDENT, Office

NOTIFICATIONS, STATUSES = "GET /api/v1/notifications", "POST /api/v1/statuses"
ANSWER = "We told everybody concerned by mail. Your card is safe."


def a_notification(number: int, text: str = "Is my card safe?", **changes: Any) -> dict[str, Any]:
    post = {
        "id": f"9{number}",
        "created_at": datetime.now(UTC).isoformat(),
        "url": f"https://social.example/@kim/9{number}",
        "content": f'<p><span class="h-card">@amends</span> {text}<br />Please &amp; thanks</p>',
        "visibility": "public",
        "language": "zh",
        "account": {"acct": "kim@social.example"},
    }
    return {"id": str(number), "type": "mention", "status": post | changes}


def script(*pages: list[dict[str, Any]], **more: Any) -> dict[str, bytes | list[bytes]]:
    return {NOTIFICATIONS: [*(reply(200, page) for page in pages), reply(200, [])], **more}


def talk(
    office: Office, replies: dict[str, bytes | list[bytes]], *calls: tuple[object, ...]
) -> tuple[ScriptedHttp, list[Any]]:
    """Call the commands one after the other while a server on loopback answers."""

    async def play() -> tuple[ScriptedHttp, list[Any]]:
        async with scripted_http(replies) as server:
            channel = f'[channels.social]\nuse = "social_mastodon"\nurl = "{server.url}"\ntoken = "s3cret"\n'
            settings = office.home / "amends.toml"
            before = settings.read_text(encoding="utf-8").split("[channels.social]")[0]
            settings.write_text(before + channel, encoding="utf-8")
            answers = [await asyncio.to_thread(office.amends, *call, by="rosa") for call in calls]
            return server, answers

    return asyncio.run(play())


def listed(office: Office) -> Any:
    return office.values("mentions", "list", INCIDENT)


def shown(office: Office, question: int = 1) -> Any:
    return office.values("questions", "show", INCIDENT, question)


TAKE = ("mentions", "take", INCIDENT)


def answer(office: Office, tmp_path: Path, text: str = ANSWER, question: int = 1) -> Any:
    (tmp_path / "answer.txt").write_text(text, encoding="utf-8")
    return office.amends("mentions", "answer", INCIDENT, question, "--file", tmp_path / "answer.txt", by="rosa")


def test_a_post_becomes_a_question_of_nobody(office: Office) -> None:
    server, (done,) = talk(office, script([a_notification(5)]), TAKE)
    assert done.exit_code == 0, done.output
    question = shown(office)
    assert (question["source"], question["person"], question["locale"]) == ("social", None, "zh-CN")
    assert question["text"] == "@amends Is my card safe?\nPlease & thanks"
    assert server.heard[0].headers["authorization"] == "Bearer s3cret"
    assert "min_id=0" in server.lines[0]
    assert "min_id=5" in server.lines[1]


def test_the_next_visit_begins_behind_the_last_post(office: Office) -> None:
    server, (_, again) = talk(office, script([a_notification(5)], [a_notification(12)]), TAKE, TAKE)
    assert [line.rpartition("=")[2] for line in server.lines] == ["0", "5", "12", "12"]
    assert (again.exit_code, len(listed(office))) == (0, 2)


def test_a_post_that_comes_by_another_way_again_is_one(office: Office) -> None:
    for _ in range(2):  # each server has a port of its own, so that the second is visited from the beginning
        talk(office, script([a_notification(5)]), TAKE)
    assert len(listed(office)) == 1


def test_posts_from_before_the_incident_are_left_out(office: Office) -> None:
    old = a_notification(5, created_at=(datetime.now(UTC) - timedelta(days=9)).isoformat())
    _, (done,) = talk(office, script([old, {"id": "6", "status": None}]), TAKE)
    assert "1 post: 0 new, 1 from before the incident" in done.stdout
    assert "look at the account" in done.stderr
    assert listed(office) == []


@pytest.mark.parametrize("answer", [reply(500), reply(200, {"error": "x"}), HANG_UP])
def test_a_server_that_does_not_answer_leaves_nothing(office: Office, answer: bytes) -> None:
    _, (done,) = talk(office, {NOTIFICATIONS: answer}, TAKE)
    assert (done.exit_code, listed(office)) == (1, [])


def test_a_token_that_may_not_read_is_named(office: Office) -> None:
    _, (done,) = talk(office, {NOTIFICATIONS: reply(403)}, TAKE)
    assert "read:notifications" in done.stderr


def test_an_approved_answer_is_posted_once_as_a_reply(office: Office, tmp_path: Path) -> None:
    talk(office, script([a_notification(5)]), TAKE)
    assert answer(office, tmp_path).exit_code == 0
    assert office.amends("mentions", "approve", INCIDENT, 1, by="lena").exit_code == 0
    post = ("mentions", "post", INCIDENT, 1)
    taken = reply(200, {"id": "77", "url": "https://social.example/@us/77"})
    server, (first, second) = talk(office, {STATUSES: taken}, post, post)
    assert (first.exit_code, second.exit_code, len(server.heard)) == (0, 1, 1), first.output
    assert server.heard[0].fields == {
        "status": f"@kim@social.example {ANSWER}",
        "visibility": "public",
        "language": "zh",
        "in_reply_to_id": "95",
    }
    assert server.heard[0].headers["idempotency-key"]
    assert (shown(office)["answer"], listed(office)[0]["answer"]) == (ANSWER, "posted")


def test_nobody_approves_their_own_public_answer(office: Office, tmp_path: Path) -> None:
    talk(office, script([a_notification(5)]), TAKE)
    (tmp_path / "answer.txt").write_text(ANSWER, encoding="utf-8")
    office.amends("mentions", "answer", INCIDENT, 1, "--file", tmp_path / "answer.txt", by="lena")
    assert "another member" in office.amends("mentions", "approve", INCIDENT, 1, by="lena").stderr
    server, (done,) = talk(office, {STATUSES: reply(200)}, ("mentions", "post", INCIDENT, 1))
    assert (done.exit_code, server.heard) == (1, [])


def test_a_changed_answer_is_approved_anew(office: Office, tmp_path: Path) -> None:
    talk(office, script([a_notification(5)]), TAKE)
    answer(office, tmp_path)
    office.amends("mentions", "approve", INCIDENT, 1, by="lena")
    answer(office, tmp_path, "Another text.")
    assert listed(office)[0]["answer"] == "waits for approval"


def test_a_lost_answer_of_the_server_is_uncertain(office: Office, tmp_path: Path) -> None:
    talk(office, script([a_notification(5)]), TAKE)
    answer(office, tmp_path)
    office.amends("mentions", "approve", INCIDENT, 1, by="lena")
    server, (first, second) = talk(office, {STATUSES: HANG_UP}, *[("mentions", "post", INCIDENT, 1)] * 2)
    assert (first.exit_code, second.exit_code, len(server.heard)) == (5, 1, 1)
    assert listed(office)[0]["answer"] == "uncertain"
    by_hand = ("mentions", "posted", INCIDENT, 1, "--url", "https://social.example/@us/77")
    assert office.amends(*by_hand, by="rosa").exit_code == 0
    assert shown(office)["answered_by"] == "rosa"


def test_a_refused_post_may_be_posted_again(office: Office, tmp_path: Path) -> None:
    talk(office, script([a_notification(5)]), TAKE)
    answer(office, tmp_path)
    office.amends("mentions", "approve", INCIDENT, 1, by="lena")
    _, (done,) = talk(office, {STATUSES: reply(422)}, ("mentions", "post", INCIDENT, 1))
    assert (done.exit_code, listed(office)[0]["answer"]) == (5, "approved")
    taken = reply(200, {"id": "77", "url": "https://social.example/@us/77"})
    _, (done,) = talk(office, {STATUSES: taken}, ("mentions", "post", INCIDENT, 1))
    assert (done.exit_code, listed(office)[0]["answer"]) == (0, "posted")


def test_a_post_whose_answer_was_lost_is_repeated_by_a_person(office: Office, tmp_path: Path) -> None:
    talk(office, script([a_notification(5)]), TAKE)
    answer(office, tmp_path)
    office.amends("mentions", "approve", INCIDENT, 1, by="lena")
    post = ("mentions", "post", INCIDENT, 1)
    lost, _ = talk(office, {STATUSES: HANG_UP}, post)
    taken = reply(200, {"id": "77", "url": "https://social.example/@us/77"})
    again, (done,) = talk(office, {STATUSES: taken}, (*post, "--again"))
    assert (done.exit_code, listed(office)[0]["answer"]) == (0, "posted")
    keys = {one.headers["idempotency-key"] for one in (*lost.heard, *again.heard)}
    assert len(keys) == 1


def test_a_server_that_cannot_be_reached_leaves_it_approved(office: Office, tmp_path: Path) -> None:
    talk(office, script([a_notification(5)]), TAKE)
    answer(office, tmp_path)
    office.amends("mentions", "approve", INCIDENT, 1, by="lena")
    assert office.amends("mentions", "post", INCIDENT, 1, by="rosa").exit_code == 1
    assert listed(office)[0]["answer"] == "approved"


def test_nothing_is_posted_while_the_incident_is_paused(office: Office, tmp_path: Path) -> None:
    talk(office, script([a_notification(5)]), TAKE)
    answer(office, tmp_path)
    office.amends("mentions", "approve", INCIDENT, 1, by="lena")
    office.amends("incident", "pause", INCIDENT, by="lena")
    server, (done,) = talk(office, {STATUSES: reply(200)}, ("mentions", "post", INCIDENT, 1))
    assert (done.exit_code, server.heard, "is paused" in done.stderr) == (1, [], True)


@pytest.mark.parametrize("visibility", ["private", "direct"])
def test_what_was_said_in_private_is_never_answered_in_public(office: Office, tmp_path: Path, visibility: str) -> None:
    talk(office, script([a_notification(5, visibility=visibility)]), TAKE)
    refused = answer(office, tmp_path)
    assert (refused.exit_code, "never answered in public" in refused.stderr) == (1, True)


def test_a_public_answer_is_short(office: Office, tmp_path: Path) -> None:
    talk(office, script([a_notification(5)]), TAKE)
    assert "at most 500 characters" in answer(office, tmp_path, "x" * 490).stderr


def test_a_question_of_a_person_is_not_answered_in_public(office: Office, tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_text(
        "person_id,kind,locale,asked_at,text\nC-1,question,en,2026-11-19T08:35:00Z,Safe?\n", encoding="utf-8"
    )
    office.values("questions", "import", INCIDENT, tmp_path / "calls.csv")
    assert "another way than a post" in answer(office, tmp_path).stderr


POST = {"account": "@kim@social.example", "text": "Safe?", "posted_at": "2026-11-19T08:35:00Z"}


@pytest.mark.parametrize("form", ["json", "csv"])
def test_posts_come_in_from_a_file_once(office: Office, tmp_path: Path, form: str) -> None:
    file = tmp_path / f"posts.{form}"
    lines = [",".join(POST), ",".join(POST.values()), ""]
    file.write_text(json.dumps([POST]) if form == "json" else "\n".join(lines), encoding="utf-8")
    reports = [office.values("mentions", "import", INCIDENT, file, by="rosa") for _ in range(2)]
    assert [report["new"] for report in reports] == [1, 0]
    assert (shown(office)["source"], shown(office)["text"]) == ("social", "Safe?")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"posted_at": "soon"}, "posted_at is not a time"),
        ({"text": " "}, "text is empty"),
        ({"url": "javascript:1"}, "url is empty, too long or no address"),
        ({"visibility": "secret"}, "visibility is none of"),
        ({"locale": "english"}, "locale is not written like"),
    ],
)
def test_a_post_that_cannot_be_kept_is_named(
    office: Office, tmp_path: Path, change: dict[str, str], reason: str
) -> None:
    file = tmp_path / "posts.json"
    file.write_text(json.dumps([POST | change]), encoding="utf-8")
    done = office.amends("mentions", "import", INCIDENT, file, by="rosa")
    assert (done.exit_code, f"{file}:1:" in done.stdout, reason in done.stdout) == (3, True, True), done.stdout


@pytest.mark.parametrize("content", ['{"a": 1}', "[", '["text"]', '[{"account": "kim"}]'])
def test_a_json_file_that_is_no_list_of_posts_is_refused(office: Office, tmp_path: Path, content: str) -> None:
    (tmp_path / "posts.json").write_text(content, encoding="utf-8")
    assert office.amends("mentions", "import", INCIDENT, tmp_path / "posts.json", by="rosa").exit_code == 3
    assert listed(office) == []
