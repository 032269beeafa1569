"""The queue is listed, searched and given to owners; groups of those who ask the same are answered at once."""

import json
from pathlib import Path

import pytest

from tests.builders import NOW, an_asked
from tests.cli.conftest import INCIDENT, Office

ADDRESS = ("Is my address among the stolen data?", "Was my address in the stolen data?")


def ask(office: Office, *wordings: str) -> None:
    ledger = office.ledger()
    for wording in wordings:
        ledger.questions.ask(INCIDENT, an_asked(wording), NOW)
    ledger.dispose()


def test_a_list_shows_one_page_and_how_many_there_are(office: Office) -> None:
    ask(office, *(f"Question {each}" for each in range(3)))
    listed = office.amends("questions", "list", INCIDENT, "--limit", "2")
    assert len(listed.stdout.splitlines()) == 3
    assert "2 of 3 questions; 1 more: --skip 2" in listed.stderr


def test_a_program_gets_every_line_unless_it_asks_for_less(office: Office) -> None:
    ask(office, *(f"Question {each}" for each in range(60)))
    assert len(office.values("questions", "list", INCIDENT)) == 60
    assert len(office.values("questions", "list", INCIDENT, "--limit", "5", "--skip", "58")) == 2


def test_a_search_shows_lines_and_no_words(office: Office) -> None:
    ask(office, *ADDRESS, "Something else")
    found = office.amends("questions", "search", INCIDENT, "ADDRESS", "stolen", "--json")
    assert [line["id"] for line in json.loads(found.stdout)] == [1, 2]
    assert "address" not in found.stdout.lower()


def test_a_search_without_words_is_a_usage_error(office: Office) -> None:
    assert office.amends("questions", "search", INCIDENT, " ").exit_code == 2


def test_only_a_member_can_own_a_question(office: Office) -> None:
    ask(office, ADDRESS[0])
    assert office.amends("questions", "assign", INCIDENT, 1, "--to", "nobody", by="rosa").exit_code == 2
    office.values("questions", "assign", INCIDENT, 1, "--to", "rosa", by="lena")
    assert [line["owner"] for line in office.values("questions", "list", INCIDENT, "--owner", "rosa")] == ["rosa"]


def test_words_of_a_group_are_shown_only_when_asked_for(office: Office) -> None:
    ask(office, *ADDRESS)
    plain, told = (office.amends("questions", "groups", INCIDENT, *words).stdout for words in ((), ("--words",)))
    assert (ADDRESS[0] in plain, ADDRESS[0] in told) == (False, True)


def test_one_answer_answers_the_whole_group(office: Office, tmp_path: Path) -> None:
    ask(office, *ADDRESS, "Something else")
    (tmp_path / "answer.txt").write_text("No, only your name.")
    words = ("questions", "answer-group", INCIDENT, 1, "--in", f"en={tmp_path / 'answer.txt'}")
    assert office.values(*words, by="rosa")["questions"] == [1, 2]
    assert [line["id"] for line in office.values("questions", "list", INCIDENT, "--open")] == [3]
    assert office.amends(*words, by="rosa").exit_code == 2


def test_an_answer_to_more_than_a_handful_waits_for_approval(office: Office, tmp_path: Path) -> None:
    ask(office, *(f"Is my address among the stolen data{'?' * each}" for each in range(1, 7)))
    (tmp_path / "answer.txt").write_text("No, only your name.")
    answer = office.amends("questions", "answer-group", INCIDENT, 1, "--in", f"en={tmp_path / 'answer.txt'}", by="rosa")
    assert (answer.exit_code, "waits for approval" in answer.stdout) == (4, True)


def test_a_later_question_of_the_group_shows_the_answer(office: Office) -> None:
    ask(office, ADDRESS[0])
    office.amends("questions", "answer", INCIDENT, 1, by="rosa", stdin="No, only your name.")
    ask(office, ADDRESS[1])
    assert "question 1 asked the same" in office.amends("questions", "show", INCIDENT, 2).stdout


@pytest.mark.parametrize("text", ["en", "=a.txt", "english=a.txt", "en=nowhere.txt"])
def test_a_text_names_its_language_and_its_file(office: Office, text: str) -> None:
    ask(office, *ADDRESS)
    assert office.amends("questions", "answer-group", INCIDENT, 1, "--in", text, by="rosa").exit_code == 2


def test_groups_are_merged_and_split_by_a_member(office: Office) -> None:
    ask(office, *ADDRESS, "Must I change my password?", "Should I change my password?")
    assert office.values("questions", "merge", INCIDENT, 1, 2, by="rosa") == {"group": 1}
    assert office.values("questions", "split", INCIDENT, 3, 4, by="rosa") == {"group": 3}


def test_a_canned_answer_is_listed_and_printed_with_its_slots_filled(office: Office) -> None:
    assert "scam-call" in [one["id"] for one in office.values("questions", "canned", INCIDENT)]
    printed = office.amends("questions", "canned", INCIDENT, "my-data", "--language", "zh-CN")
    assert (printed.exit_code, f"/n/{INCIDENT}/zh-CN/" in printed.stdout, "{" in printed.stdout) == (0, True, False)
    assert office.amends("questions", "canned", INCIDENT, "nothing").exit_code == 2


def test_one_question_can_be_answered_with_a_canned_answer(office: Office) -> None:
    ask(office, ADDRESS[0])
    office.values("questions", "answer", INCIDENT, 1, "--canned", "my-data", by="rosa")
    assert "personal page" in office.values("questions", "show", INCIDENT, 1)["answer"]


def test_a_group_can_be_answered_with_a_canned_answer(office: Office) -> None:
    ask(office, *ADDRESS)
    office.values("questions", "answer-group", INCIDENT, 1, "--canned", "my-data", by="rosa")
    assert "personal page" in office.values("questions", "show", INCIDENT, 2)["answer"]
