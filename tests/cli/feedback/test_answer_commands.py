"""From the command line: one answer for many, approved by another; corrections, reasons, calls and replies."""

import csv
import json
from pathlib import Path

from amends.cli.terminal.clock import now
from amends.cli.terminal.exits import Exit
from amends.domain.feedback.question import QuestionSource, Sender
from tests.builders import an_asked
from tests.cli.conftest import INCIDENT, Office

KIM, LI = 2, 3
"""A person's number is the row of the audience file."""


def ask(office: Office, *sources: QuestionSource, locale: str = "en", person: int = KIM) -> list[int]:
    ledger = office.ledger()
    at = now()
    asked = [
        ledger.questions.ask(
            INCIDENT,
            an_asked(f"Question {place}", source=source, locale=locale, person=person, at=at, once=f"{place}{locale}"),
            at,
        )
        for place, source in enumerate(sources)
    ]
    ledger.dispose()
    return asked


def also(numbers: list[int]) -> list[object]:
    return [word for number in numbers for word in ("--also", number)]


def test_an_answer_to_many_waits_for_another_member(office: Office) -> None:
    first, *others = ask(office, *[QuestionSource.PORTAL] * 6)
    given = office.amends("questions", "answer", INCIDENT, first, *also(others), by="rosa", stdin="Yes.")
    assert given.exit_code == Exit.WAITING
    assert f"amends questions approve {INCIDENT} 1" in given.stderr
    assert "rosa wrote answer 1" in office.amends("questions", "approve", INCIDENT, 1, by="rosa").stderr
    assert "6 questions are answered" in office.amends("questions", "approve", INCIDENT, 1, by="omar").stdout
    assert {reply["channel"] for reply in office.values("questions", "replies", INCIDENT)} == {"email"}


def test_a_rejected_answer_says_nothing_to_anybody(office: Office) -> None:
    first, *others = ask(office, *[QuestionSource.PORTAL] * 6)
    office.amends("questions", "answer", INCIDENT, first, *also(others), by="rosa", stdin="Yes.")
    office.amends("questions", "reject", INCIDENT, 1, "--why", "not true", by="omar")
    assert office.values("questions", "replies", INCIDENT) == []
    assert [one["status"] for one in office.values("questions", "answers", INCIDENT)] == ["rejected"]


def test_one_answer_is_given_in_two_languages(office: Office, tmp_path: Path) -> None:
    (english,), (chinese,) = (
        ask(office, QuestionSource.PORTAL),
        ask(office, QuestionSource.PORTAL, locale="zh-CN", person=LI),
    )
    both = ["questions", "answer", INCIDENT, english, "--also", chinese]
    assert "give the answer in zh-CN too" in office.amends(*both, by="rosa", stdin="Yes.").stderr
    (tmp_path / "chinese.txt").write_text("是的。", encoding="utf-8")
    office.amends(*both, "--in", f"zh-CN={tmp_path / 'chinese.txt'}", by="rosa", stdin="Yes.")
    assert "是的。" in office.amends("questions", "show", INCIDENT, chinese).stdout


def test_a_bad_file_for_another_language_is_named(office: Office) -> None:
    (asked,) = ask(office, QuestionSource.PORTAL)
    said = office.amends("questions", "answer", INCIDENT, asked, "--in", "zh-CN", by="rosa", stdin="Yes.")
    assert said.exit_code == Exit.USAGE
    assert "zh-CN=answer.txt" in said.stderr


def test_a_correction_and_a_reason_reach_the_person(office: Office) -> None:
    wrong, closed = ask(office, QuestionSource.PORTAL, QuestionSource.PORTAL)
    office.amends("questions", "answer", INCIDENT, wrong, by="rosa", stdin="Wrong.")
    office.amends("questions", "correct", INCIDENT, 1, by="rosa", stdin="Right.")
    office.amends("questions", "close", INCIDENT, closed, "--reason", "You asked that yesterday.", by="rosa")
    kinds = {one["kind"]: one["corrects"] for one in office.values("questions", "answers", INCIDENT)}
    assert kinds == {"given": None, "correction": 1, "closed": None}
    assert "Right." in office.amends("questions", "show", INCIDENT, wrong).stdout
    assert "yesterday" in office.amends("questions", "answers", INCIDENT, 3).stdout


def test_the_list_of_calls_is_safe_in_a_spreadsheet(office: Office, tmp_path: Path) -> None:
    ledger, at = office.ledger(), now()
    asked = an_asked("=cmd|' /C calc'!A0", source=QuestionSource.HOTLINE, at=at, person=KIM)
    ledger.questions.ask(INCIDENT, asked, at)
    ledger.dispose()
    office.amends("questions", "answer", INCIDENT, 1, by="rosa", stdin="Yes.")
    office.amends("questions", "calls", INCIDENT, "--csv", tmp_path / "calls.csv")
    (row,) = csv.DictReader((tmp_path / "calls.csv").read_text(encoding="utf-8-sig").splitlines())
    assert (row["phone"], row["say"]) == ("+493055500001", "Yes.")
    assert row["asked"].startswith("'=")


def test_an_answer_by_mail_leaves_at_once_and_stands_in_the_outbox(office: Office) -> None:
    ledger, at = office.ledger(), now()
    sender = Sender(address="kim@other.example", message_id="<a@b.example>", subject="My card")
    ledger.questions.ask(
        INCIDENT, an_asked("Why?", source=QuestionSource.MAILBOX, at=at, sender=sender, person=KIM), at
    )
    ledger.dispose()
    answered = office.amends("questions", "answer", INCIDENT, 1, by="rosa", stdin="Because.")
    assert "1 email sent" in answered.stdout
    (mail,) = (json.loads(file.read_text()) for file in office.home.rglob("*.json") if "Because." in file.read_text())
    assert (mail["subject"], mail["to"]) == ("Re: My card", "kim@other.example")


def test_only_a_person_sends_again_and_says_who_they_are(office: Office) -> None:
    (asked,) = ask(office, QuestionSource.PORTAL)
    office.amends("questions", "answer", INCIDENT, asked, by="rosa", stdin="Yes.")
    assert office.amends("questions", "replies", INCIDENT, "--again", asked).exit_code == Exit.USAGE
    refused = office.amends("questions", "replies", INCIDENT, "--again", asked, by="rosa")
    assert "is sent" in refused.stderr
