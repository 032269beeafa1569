"""A question hour at the command line, from its announcement to its published answers."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from amends.content.file.document import read_document
from amends.domain.feedback.hour import HourAnswer
from tests.cli.conftest import INCIDENT, Office

FILE = """id: ask-us
title: {{en: Ask us, zh-CN: 向我们提问}}
where: {{"*": "{where}"}}
on: "{on}"
lasts: 90min
"""
ANSWERS = "- question: {en: Who had it?, zh-CN: 谁拿走了？}\n  answer: {en: A thief., zh-CN: 一个小偷。}\n"


def announce(office: Office, tmp_path: Path, where: str = "https://live.btepai.example/a", **after: float) -> Any:
    on = datetime.now(UTC) + timedelta(**(after or {"days": 3}))
    (tmp_path / "session.yaml").write_text(FILE.format(where=where, on=on.isoformat()), encoding="utf-8")
    return office.amends("sessions", "announce", INCIDENT, "ask-us", "--file", tmp_path / "session.yaml", by="lena")


def test_an_hour_is_announced_and_listed(office: Office, tmp_path: Path) -> None:
    done = announce(office, tmp_path)
    assert (done.exit_code, f"https://btepai.example/s/{INCIDENT}/ask-us" in done.stdout) == (0, True), done.output
    (listed,) = office.values("sessions", "list", INCIDENT)
    assert (listed["session"], listed["state"], listed["signed_up"]) == ("ask-us", "announced", 0)
    shown = office.values("sessions", "show", INCIDENT, "ask-us")
    assert (shown["hour"]["minutes"], shown["counts"]["questions"]) == (90, [])
    assert "nothing yet" in office.amends("sessions", "show", INCIDENT, "ask-us").stdout


@pytest.mark.parametrize("where", ["https://evil.example/a", "come by"])
def test_a_place_that_is_not_ours_is_refused(office: Office, tmp_path: Path, where: str) -> None:
    assert announce(office, tmp_path, where).exit_code == 1
    assert office.values("sessions", "list", INCIDENT) == []


def test_a_session_that_the_playbook_lacks_is_named(office: Office) -> None:
    refused = office.amends("sessions", "announce", INCIDENT, "ask-us", by="lena")
    assert (refused.exit_code, "plans no session" in refused.stderr) == (1, True)


@pytest.mark.parametrize("content", ["id: other\ntitle: A\nwhere: B\nof: notified\n", "id: ask-us\n", "["])
def test_a_wrong_session_file_is_named(office: Office, tmp_path: Path, content: str) -> None:
    (tmp_path / "session.yaml").write_text(content, encoding="utf-8")
    done = office.amends("sessions", "announce", INCIDENT, "ask-us", "--file", tmp_path / "session.yaml", by="lena")
    assert (done.exit_code, "session.yaml:1" in done.stdout) == (3, True)


def test_answers_are_published_once_another_approved(office: Office, tmp_path: Path) -> None:
    assert announce(office, tmp_path).exit_code == 0
    file = tmp_path / "answers.yaml"
    file.write_text(ANSWERS, encoding="utf-8")
    publish = ("sessions", "publish", INCIDENT, "ask-us")
    assert "afterwards" in office.amends(*publish, "--file", file, by="rosa").stderr
    ledger = office.ledger()
    later = datetime.now(UTC) + timedelta(days=4)
    answers = [HourAnswer.model_validate(one) for one in read_document(file).content]
    ledger.hours.publish(INCIDENT, "ask-us", answers, "rosa", later)
    ledger.dispose()
    done = office.amends(*publish, "--approve", by="lena")
    assert (done.exit_code, "are public" in done.stdout) == (0, True), done.output
    assert office.values("sessions", "show", INCIDENT, "ask-us")["hour"]["approved_by"] == "lena"


def test_publish_takes_a_file_or_an_approval(office: Office) -> None:
    assert office.amends("sessions", "publish", INCIDENT, "ask-us", by="lena").exit_code == 2


@pytest.mark.parametrize("content", ["question: x\n", "- {question: {}, answer: {en: A}}\n", "- {q: 1}\n"])
def test_a_wrong_answer_file_is_named(office: Office, tmp_path: Path, content: str) -> None:
    (tmp_path / "answers.yaml").write_text(content, encoding="utf-8")
    done = office.amends("sessions", "publish", INCIDENT, "ask-us", "--file", tmp_path / "answers.yaml", by="rosa")
    assert (done.exit_code, "answers.yaml:1" in done.stdout) == (3, True), done.output


def test_reminders_can_be_sent_by_hand(office: Office, tmp_path: Path) -> None:
    """The hour begins in half an hour, so that the reminder of the hour before is due at once, and once."""
    assert announce(office, tmp_path, minutes=30).exit_code == 0
    ledger = office.ledger()
    ledger.hours.sign_up(INCIDENT, "ask-us", 2, datetime.now(UTC))
    ledger.dispose()
    assert [office.values("sessions", "remind", INCIDENT)["sent"] for _ in range(2)] == [1, 0]
