"""What the hotline noted is taken in row by row and once; every question can be answered from here."""

import json
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from amends.cli.app import app
from amends.cli.terminal.clock import now
from tests.builders import an_asked, story_of_few
from tests.cli.conftest import INCIDENT, Office

HEAD = "person_id,kind,locale,asked_at,text\n"
GOOD = 'C-1,question,en,2026-11-19T08:35:00+08:00,"Is this call a scam?"\n'


def import_(office: Office, tmp_path: Path, content: str | bytes) -> tuple[int, dict[str, object]]:
    file = tmp_path / "hotline.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    answer = office.amends("questions", "import", INCIDENT, file, "--json")
    return answer.exit_code, json.loads(answer.stdout)


def asked(office: Office) -> list[dict[str, object]]:
    listed: list[dict[str, object]] = office.values("questions", "list", INCIDENT)
    return listed


def damage(office: Office, statement: str) -> None:
    """Alter what is stored, behind the ledger's back."""
    ledger = office.ledger()
    with ledger.store.write() as write:
        write.session.execute(text(statement))
    ledger.dispose()


def test_a_good_row_becomes_a_question_of_its_person(office: Office, tmp_path: Path) -> None:
    import_(office, tmp_path, HEAD + GOOD)
    assert [(q["person"], q["topic"], q["source"]) for q in asked(office)] == [(2, "scam", "hotline")]


def test_what_came_by_mail_is_not_taken_for_a_call(office: Office, tmp_path: Path) -> None:
    (tmp_path / "mails.csv").write_text(HEAD + GOOD)
    for _ in range(2):
        office.values("questions", "import", INCIDENT, tmp_path / "mails.csv", "--mailbox")
    assert [(q["person"], q["source"]) for q in asked(office)] == [(2, "mailbox")]


def test_the_reply_is_due_from_the_time_it_was_asked(office: Office, tmp_path: Path) -> None:
    import_(office, tmp_path, HEAD + GOOD)
    assert asked(office)[0]["reply_due_at"] == "2026-11-21T00:35:00Z"


def test_the_same_file_again_adds_nothing(office: Office, tmp_path: Path) -> None:
    import_(office, tmp_path, HEAD + GOOD)
    code, report = import_(office, tmp_path, HEAD + GOOD)
    assert (code, report["accepted"], report["new"], len(asked(office))) == (0, 1, 0, 1)


def test_two_callers_whom_nobody_knows_and_who_say_the_same_are_two(office: Office, tmp_path: Path) -> None:
    calls = HEAD + GOOD.replace("C-1", "") * 2
    _, first = import_(office, tmp_path, calls)
    _, again = import_(office, tmp_path, calls)
    assert (first["new"], again["new"], len(asked(office))) == (2, 0, 2)


def test_a_later_file_with_one_more_such_caller_adds_that_one(office: Office, tmp_path: Path) -> None:
    reports = [import_(office, tmp_path, HEAD + GOOD.replace("C-1", "") * calls)[1] for calls in (1, 2)]
    assert [report["new"] for report in reports] == [1, 1]


def test_a_known_caller_who_was_noted_twice_asked_once(office: Office, tmp_path: Path) -> None:
    assert import_(office, tmp_path, HEAD + GOOD + GOOD)[1]["new"] == 1


def test_a_person_who_is_not_in_the_audience_is_kept_and_reported(office: Office, tmp_path: Path) -> None:
    code, report = import_(office, tmp_path, HEAD + GOOD.replace("C-1", "C-77"))
    assert (code, report["unmatched"], [q["person"] for q in asked(office)]) == (0, [2], [None])


def test_a_caller_without_an_id_is_nobody_unknown(office: Office, tmp_path: Path) -> None:
    assert import_(office, tmp_path, HEAD + GOOD.replace("C-1", ""))[1]["unmatched"] == []


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("question", "rant", "kind is none of question, complaint, suggestion"),
        ("en,", "english,", "locale is not written like en or zh-CN"),
        ("+08:00", "", "asked_at has no time zone"),
        ("2026-11-19T08:35:00+08:00", "yesterday", "asked_at is not a time such as 2026-11-19T08:35:00+08:00"),
        ("2026", "2126", "asked_at is in the future"),
        ("2026", "1066", "asked_at is out of range: a time between the years 1970 and 2300 is meant"),
        ("2026", "2926", "asked_at is out of range: a time between the years 1970 and 2300 is meant"),
        ("2026-11-19T08", "0001-01-01T00", "asked_at is out of range: a time between the years 1970 and 2300 is meant"),
        ('"Is this call a scam?"', "", "text must have 1 to 4000 characters"),
        ('"Is this call a scam?"', "a,b", "it has more or fewer cells than the header"),
    ],
)
def test_a_row_that_cannot_be_kept_is_rejected_by_its_number(
    office: Office, tmp_path: Path, old: str, new: str, reason: str
) -> None:
    code, report = import_(office, tmp_path, HEAD + GOOD.replace(old, new, 1) + GOOD)
    assert (code, report["accepted"]) == (3, 1)
    assert [(row["row"], row["reason"]) for row in report["rejected"]] == [(2, reason)]
    assert len(asked(office)) == 1


@pytest.mark.parametrize(
    "content", ["person,words\n1,x\n", HEAD.encode() + b"C-1,question,en,\xff\xff,x\n", HEAD + '"C']
)
def test_a_file_that_is_no_such_table_leaves_nothing_stored(
    office: Office, tmp_path: Path, content: str | bytes
) -> None:
    code, report = import_(office, tmp_path, content)
    assert (code, list(report), asked(office)) == (3, ["findings"], [])


def test_a_list_holds_no_words_of_a_question(office: Office, tmp_path: Path) -> None:
    import_(office, tmp_path, HEAD + GOOD)
    assert "scam?" not in office.amends("questions", "list", INCIDENT, "--json").stdout


def test_an_answer_is_read_from_stdin(office: Office, tmp_path: Path) -> None:
    import_(office, tmp_path, HEAD + GOOD)
    answer = office.amends("questions", "answer", INCIDENT, 1, by="rosa", stdin="Yes. Hang up.\n")
    assert answer.exit_code == 0
    assert office.values("questions", "show", INCIDENT, 1)["answer"] == "Yes. Hang up."


def test_an_answer_is_read_from_a_file(office: Office, tmp_path: Path) -> None:
    import_(office, tmp_path, HEAD + GOOD)
    (tmp_path / "answer.txt").write_text("是的。", encoding="utf-8")
    office.values("questions", "answer", INCIDENT, 1, "--file", tmp_path / "answer.txt", by="rosa")
    assert "是的。" in office.amends("questions", "show", INCIDENT, 1).stdout


def test_an_answer_file_that_is_not_utf8_is_named(office: Office, tmp_path: Path) -> None:
    import_(office, tmp_path, HEAD + GOOD)
    (tmp_path / "answer.txt").write_bytes("Für Sie".encode("latin-1"))
    answer = office.amends("questions", "answer", INCIDENT, 1, "--file", tmp_path / "answer.txt", by="rosa")
    assert (answer.exit_code, "answer.txt" in answer.stdout, "UTF-8" in answer.stdout) == (3, True, True)


def test_a_piped_answer_that_is_not_utf8_is_refused_in_words(office: Office, tmp_path: Path) -> None:
    import_(office, tmp_path, HEAD + GOOD)
    words = ["questions", "answer", INCIDENT, "1", "--as", "rosa"]
    environment = {"AMENDS_HOME": str(office.home), "AMENDS_TOKEN": office.tokens["rosa"]}
    answer = CliRunner().invoke(app, words, input="Für Sie".encode("latin-1"), env=environment)
    assert (answer.exit_code, "not UTF-8" in answer.stdout) == (3, True)


def test_an_empty_answer_is_refused(office: Office, tmp_path: Path) -> None:
    import_(office, tmp_path, HEAD + GOOD)
    assert office.amends("questions", "answer", INCIDENT, 1, by="rosa", stdin=" \n").exit_code == 1


def test_an_answered_question_is_not_open(office: Office, tmp_path: Path) -> None:
    import_(office, tmp_path, HEAD + GOOD)
    office.amends("questions", "answer", INCIDENT, 1, by="rosa", stdin="Yes.")
    assert office.values("questions", "list", INCIDENT, "--open") == []


def test_a_question_can_be_moved_to_another_topic(office: Office, tmp_path: Path) -> None:
    import_(office, tmp_path, HEAD + GOOD)
    office.values("questions", "topic", INCIDENT, 1, "door-locks", by="rosa")
    assert asked(office)[0]["topic"] == "door-locks"


def test_a_question_that_is_not_there_is_an_error(office: Office) -> None:
    assert office.amends("questions", "show", INCIDENT, 9).exit_code == 1


@pytest.mark.parametrize("number", ["9" * 22, 2**63, 0])
@pytest.mark.parametrize("words", [("answer",), ("topic", "door-locks"), ("show",)])
def test_a_number_that_no_question_has_is_a_usage_error(office: Office, words: tuple[str, ...], number: object) -> None:
    verb, *rest = words
    by = {} if verb == "show" else {"by": "rosa"}
    assert office.amends("questions", verb, INCIDENT, number, *rest, **by).exit_code == 2


def test_what_a_caller_said_cannot_take_over_the_terminal(office: Office, tmp_path: Path) -> None:
    import_(office, tmp_path, HEAD + GOOD.replace("Is this", "\x1b[2J\u202eIs this"))
    shown = office.amends("questions", "show", INCIDENT, 1).stdout
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_a_single_row_is_counted_as_one(office: Office, tmp_path: Path) -> None:
    calls = tmp_path / "hotline.csv"
    calls.write_text(HEAD + GOOD, encoding="utf-8")
    assert "1 row: 1 accepted (1 new), 0 rejected" in office.amends("questions", "import", INCIDENT, calls).stdout


def test_nothing_is_imported_before_a_playbook_says_when_to_answer(empty: Office, tmp_path: Path) -> None:
    from tests.cli.conftest import AUDIENCE

    audience, calls = tmp_path / "people.csv", tmp_path / "hotline.csv"
    audience.write_text(AUDIENCE, encoding="utf-8")
    calls.write_text(HEAD + GOOD, encoding="utf-8")
    empty.values("incident", "open", story_of_few(), "--audience", audience)
    answer = empty.amends("questions", "import", INCIDENT, calls)
    assert answer.exit_code == 1
    assert "no playbook runs" in answer.stderr


def test_an_unreadable_question_is_named_and_the_rest_listed(office: Office, tmp_path: Path) -> None:
    """A question that cannot be decrypted is named, the other questions are listed and readable, and the answer
    suggests asking the person to ask again.
    """
    import_(office, tmp_path, HEAD + GOOD + GOOD.replace("C-1", ""))
    damage(office, "UPDATE question SET sealed_text = zeroblob(40) WHERE id = 2")
    listed = office.amends("questions", "list", INCIDENT)
    assert (listed.exit_code, "cannot be read: 2" in listed.stderr) == (0, True)
    assert {q["id"]: q["readable"] for q in asked(office)} == {1: True, 2: False}
    assert "Is this call a scam?" in office.amends("questions", "show", INCIDENT, 1).stdout
    shown = office.amends("questions", "show", INCIDENT, 2)
    assert "cannot be read" in shown.stdout
    assert "ask them to ask again" in shown.stderr


def test_an_answer_that_cannot_be_read_is_not_shown_as_an_empty_one(office: Office, tmp_path: Path) -> None:
    import_(office, tmp_path, HEAD + GOOD)
    office.amends("questions", "answer", INCIDENT, 1, by="rosa", stdin="Yes.")
    damage(office, "UPDATE answer SET sealed_texts = zeroblob(40)")
    assert "cannot be read" in office.amends("questions", "show", INCIDENT, 1).stdout
    assert "cannot be read: 1" in office.amends("questions", "list", INCIDENT).stderr


def test_answering_a_caller_leads_to_the_list_of_calls(office: Office, tmp_path: Path) -> None:
    """A member who answers a question from the hotline hears that somebody must call, also a caller nobody knows."""
    import_(office, tmp_path, HEAD + GOOD + GOOD.replace("C-1", ""))
    for number in (1, 2):
        answered = office.amends("questions", "answer", INCIDENT, number, by="rosa", stdin="Yes.")
        assert f"amends questions calls {INCIDENT}" in answered.stderr
    called = office.values("questions", "calls", INCIDENT)
    assert [(call["question"], call["say"]) for call in called] == [("1", "Yes."), ("2", "Yes.")]
    office.amends("questions", "called", INCIDENT, 1, by="rosa")
    assert [call["question"] for call in office.values("questions", "calls", INCIDENT)] == ["2"]


def test_whoever_answers_what_was_asked_on_a_page_need_do_no_more(office: Office) -> None:
    ledger = office.ledger()
    ledger.questions.ask(INCIDENT, an_asked(), now())
    ledger.dispose()
    assert office.amends("questions", "answer", INCIDENT, 1, by="rosa", stdin="Yes.").stderr == ""
