"""A lead sees what goes when, puts a person under hold, and erases one with a second person."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from amends.cli.app import app
from tests.cli.conftest import AUDIENCE, INCIDENT, Office
from tests.cli.terminal.test_command_line import modules_after

NOT_TO_LOOK = (
    "amends.domain.case.case",
    "amends.ledger.claim.claims",
    "amends.ledger.forget.erasure",
    "amends.ledger.forget.retention",
    "amends.ledger.forget.personal",
    "amends.ledger.notice.notices",
)
"""Rooms that forget what was brought back, and rooms that those import."""


def erase(office: Office, ref: str = "C-1", by: str = "lena", other: str = "omar", *more: str) -> Result:
    tokens = {"AMENDS_TOKEN": office.tokens[by], "AMENDS_TOKEN_2": office.tokens[other]}
    call = ["forget", "person", INCIDENT, ref, "--as", by, "--with", other, *(more or ("--yes",))]
    return CliRunner().invoke(app, call, env={"AMENDS_HOME": str(office.home), **tokens})


def in_home(office: Office) -> bytes:
    return b"".join(path.read_bytes() for path in office.home.rglob("*") if path.is_file())


def test_no_file_of_the_home_holds_an_erased_person(sent: Office) -> None:
    """The outbox had the message with name, address and link; the letter of nobody else goes with it."""
    canaries = [b"Kim Example", b"kim@mail.example", b"+493055500001"]
    assert all(canary in in_home(sent) for canary in canaries[:2])
    answer = erase(sent)
    assert answer.exit_code == 0, answer.output
    assert "person 2 was erased" in answer.stdout
    assert [canary for canary in canaries if canary in in_home(sent)] == []
    assert b"lilei@mail.example" in in_home(sent)
    assert sent.amends("audit", "verify").exit_code == 0
    assert sent.amends("deliveries", INCIDENT).exit_code == 0


def test_a_restored_backup_is_erased_again_by_any_command(sent: Office, tmp_path: Path) -> None:
    ledger = sent.home / "ledger.sqlite3"
    backup = tmp_path / "backup"
    shutil.copyfile(ledger, backup)
    erase(sent)
    for name in ("ledger.sqlite3-wal", "ledger.sqlite3-shm"):
        (sent.home / name).unlink(missing_ok=True)
    shutil.copyfile(backup, ledger)
    answer = sent.amends("forget", "plan", INCIDENT)
    assert (answer.exit_code, "person 2 was erased on" in answer.stdout) == (0, True), answer.output
    opened = sent.ledger()
    assert opened.people.get(INCIDENT, 2).name == ""
    opened.dispose()


def test_where_nothing_came_back_no_room_that_forgets_is_loaded(sent: Office) -> None:
    """Each command looks for restored data, also in a ledger in which somebody was erased."""
    erase(sent)
    loaded = modules_after("team", "list", home=sent.home)
    assert "amends.ledger.forget.restored_data" in loaded
    assert loaded & set(NOT_TO_LOOK) == set()


def test_erasing_again_finishes_and_says_the_same(sent: Office) -> None:
    first, second = erase(sent), erase(sent)
    assert (first.exit_code, second.exit_code, second.stdout) == (0, 0, first.stdout)


def test_a_corrected_list_says_that_it_leaves_the_person_out(sent: Office, tmp_path: Path) -> None:
    erase(sent)
    file = tmp_path / "people.csv"
    file.write_text(AUDIENCE, encoding="utf-8")
    answer = sent.amends("audience", "correct", INCIDENT, file, "--check")
    assert "1 person of the file erased on request, left out: row" in answer.stdout
    assert "0 people before" not in answer.stdout


@pytest.mark.parametrize(("by", "other"), [("lena", "lena"), ("rosa", "omar"), ("omar", "rosa")])
def test_two_different_people_who_may_approve_must_want_it(sent: Office, by: str, other: str) -> None:
    assert erase(sent, "C-1", by, other).exit_code == 1
    assert b"kim@mail.example" in in_home(sent)


def test_where_nobody_can_be_asked_it_needs_yes(sent: Office) -> None:
    assert erase(sent, "C-1", "lena", "omar", "--with", "omar").exit_code == 2


def test_an_id_that_nobody_has_is_no_person(sent: Office) -> None:
    answer = erase(sent, "C-99")
    assert (answer.exit_code, "C-99" in answer.output) == (1, False)


def test_a_person_under_hold_is_kept_until_it_is_lifted(sent: Office) -> None:
    hold = sent.values("forget", "hold", INCIDENT, "--person", 2, "--reason", "the court asked", by="omar")["hold"]
    refused = erase(sent)
    assert (refused.exit_code, "person 2 under hold by omar: the court asked" in refused.stderr) == (1, True)
    assert "hold 1: person 2 under hold by omar: the court asked" in sent.amends("forget", "plan", INCIDENT).stdout
    sent.values("forget", "lift", INCIDENT, hold, "--reason", "settled", by="lena")
    assert erase(sent).exit_code == 0
    (line,) = sent.values("forget", "holds", INCIDENT)
    assert (line["lifted_by"], line["lifted_why"]) == ("lena", "settled")


def test_the_plan_names_the_day_and_why_it_is_kept(office: Office) -> None:
    office.values("forget", "date", INCIDENT, "2090-01-31", "--reason", "limitation of claims", by="omar")
    said = office.amends("forget", "plan").stdout
    assert "all personal data of the case: goes on 2090-01-31; kept: the case is not closed" in said


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("date", INCIDENT, "soon", "--reason", "x"), 2, "is no day such as"),
        (("date", INCIDENT, "2020-01-01", "--reason", "x"), 1, "is past"),
        (("hold", INCIDENT, "--reason", "  "), 1, "say why"),
        (("hold", INCIDENT, "--person", "99", "--reason", "x"), 1, "has no person 99"),
        (("lift", INCIDENT, "7", "--reason", "x"), 1, "has no hold 7"),
    ],
)
def test_wrong_input_is_answered_in_words(office: Office, words: tuple[str, ...], code: int, said: str) -> None:
    answer = office.amends("forget", *words, by="omar")
    assert (answer.exit_code, said in answer.stderr) == (code, True)


def test_a_responder_may_put_nothing_under_hold(office: Office) -> None:
    assert office.amends("forget", "hold", INCIDENT, "--reason", "x", by="rosa").exit_code == 1
