"""Who looked at whom: personal data is shown to members alone, and each look stands in the audit chain first."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.builders import story_of_few
from tests.cli.conftest import AUDIENCE, INCIDENT, NOTICE, Office, a_copy, make_home

KIM = 2
PERSONAL = ("Kim", "kim@mail.example", "safe", "C-1")
LOOKS: dict[str, tuple[tuple[object, ...], dict[str, object]]] = {
    "questions list": ((), {"about": "questions", "count": 3, "person": None}),
    "questions search": (("safe",), {"about": "questions", "count": 2, "person": None}),
    "questions show": ((1,), {"about": "question 1", "count": 1, "person": KIM}),
    "questions groups": (("--words",), {"about": "questions", "count": 1, "person": None}),
    "questions answers": ((), {"about": "answers", "count": 0, "person": None}),
    "questions calls": ((), {"about": "people to call", "count": 0, "person": None}),
    "inbox files": ((), {"about": "files of mails", "count": 0, "person": None}),
    "surveys comments": ((), {"about": "comments of surveys", "count": 0, "person": None}),
    "told": (("--person", KIM), {"about": f"person {KIM}", "count": 1, "person": KIM}),
    "preview": ((NOTICE, "--people", 2), {"about": "messages", "person": None}),
    "dossier make": (("--number", KIM, "--out", "OUT"), {"about": f"person {KIM}", "count": 1, "person": KIM}),
    "link renew": ((KIM,), {"about": f"person {KIM}", "count": 1, "person": KIM}),
    "audit looked": (("--number", KIM), {"about": f"person {KIM}", "count": 1, "person": KIM}),
}
"""Commands that show people, with what the audit chain keeps of it."""


@pytest.fixture(scope="module")
def asked_template(template: Office, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """An office in which two people of the list have asked the same, and somebody unknown something else."""
    office = a_copy(template, tmp_path_factory.mktemp("asked") / "home")
    calls = office.home.parent / "calls.csv"
    rows = "C-1,question,en,2026-11-20T10:00:00Z,Is my data safe?\n,question,en,2026-11-20T11:00:00Z,Who are you?\n"
    rows += "C-2,question,en,2026-11-20T12:00:00Z,Is my data safe?\n"
    calls.write_text(f"person_id,kind,locale,asked_at,text\n{rows}", encoding="utf-8")
    office.values("questions", "import", INCIDENT, calls, by="rosa")
    return office


@pytest.fixture
def asked(asked_template: Office, tmp_path: Path) -> Office:
    return a_copy(asked_template, tmp_path / "home")


def call(verb: str, folder: Path) -> list[object]:
    rest = [folder / "out.html" if word == "OUT" else word for word in LOOKS[verb][0]]
    return [*verb.split(), INCIDENT, *rest]


def looks(office: Office, *more: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = office.values("audit", "looked", INCIDENT, *more, by="aude")
    return found


@pytest.mark.parametrize("verb", LOOKS)
def test_a_look_is_kept_with_ids_and_numbers_alone(asked: Office, tmp_path: Path, verb: str) -> None:
    answer = asked.amends(*call(verb, tmp_path), by="lena")
    assert answer.exit_code in (0, 3), answer.output  # 3: the preview has findings
    (look,) = looks(asked)
    assert (look["by"], look["verb"]) == ("lena", verb)
    assert {key: look[key] for key in LOOKS[verb][1]} == LOOKS[verb][1]
    ledger = asked.ledger()
    entries = str(ledger.audit.entries(INCIDENT))
    ledger.dispose()
    assert not any(word in entries for word in PERSONAL)


@pytest.mark.parametrize("verb", LOOKS)
def test_nobody_without_a_name_is_shown_people(asked: Office, tmp_path: Path, verb: str) -> None:
    asked.tokens.pop("lena")
    named = ["--as", "lena"] if verb in ("dossier make", "link renew") else []  # these cannot be called without a name
    answer = asked.amends(*call(verb, tmp_path), *named)
    assert (answer.exit_code, answer.stdout) == (1, "")


def test_a_name_and_a_token_from_the_environment_are_enough(asked: Office) -> None:
    asked.values("questions", "show", INCIDENT, 1)
    assert [look["by"] for look in looks(asked)] == ["lena"]


@pytest.mark.parametrize("verb", ["questions show", "questions list", "told", "dossier make"])
def test_what_cannot_be_kept_is_not_shown(asked: Office, tmp_path: Path, verb: str) -> None:
    with sqlite3.connect(asked.home / "ledger.sqlite3") as ledger:
        ledger.execute("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END")
    answer = asked.amends(*call(verb, tmp_path), by="lena")
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert not (tmp_path / "out.html").exists()


def test_looks_at_one_person_are_asked_for_by_reference(asked: Office) -> None:
    asked.values("questions", "show", INCIDENT, 1, by="rosa")
    asked.values("questions", "show", INCIDENT, 2, by="rosa")
    assert [(look["by"], look["about"]) for look in looks(asked, "--person", "C-1")] == [("rosa", "question 1")]
    assert [(look["by"], look["about"]) for look in looks(asked, "--person", "C-2")] == []
    assert [look["about"] for look in looks(asked)] == ["question 1", "question 2", "person 2", "person 3"]


def test_looks_at_several_are_mentioned_beside_those_at_one(asked: Office) -> None:
    asked.values("questions", "list", INCIDENT, by="rosa")
    answer = asked.amends("audit", "looked", INCIDENT, "--person", "C-1", by="aude")
    assert "1 other look showed several things" in answer.stderr


def test_who_has_no_part_in_the_case_asks_nobody_who_looked(asked: Office) -> None:
    answer = asked.amends("audit", "looked", INCIDENT, by="rosa")
    assert (answer.exit_code, "rosa is responder" in answer.stderr) == (1, True)


def test_counts_ask_for_nobody_and_are_no_look(asked: Office) -> None:
    asked.tokens.clear()
    for words in (["audience", "stats"], ["questions", "groups"], ["reports", "list"], ["deliveries"], ["told"]):
        assert asked.amends(*words, INCIDENT).exit_code == 0
    ledger = asked.ledger()
    assert ledger.looks.all(INCIDENT) == ()
    ledger.dispose()


def test_before_there_is_a_team_one_may_look(tmp_path: Path) -> None:
    office, audience = make_home(tmp_path / "home"), tmp_path / "audience.csv"
    audience.write_text(AUDIENCE, encoding="utf-8")
    office.values("incident", "open", story_of_few(), "--audience", audience)
    assert office.amends("questions", "list", INCIDENT).exit_code == 0
    assert [one["by"] for one in office.values("audit", "looked", INCIDENT)] == ["lena"]


def test_the_chain_holds_with_looks_in_it(asked: Office) -> None:
    asked.values("questions", "list", INCIDENT, by="rosa")
    assert asked.amends("audit", "verify").exit_code == 0


def test_looks_stand_in_their_own_list_and_not_in_the_timeline(asked: Office) -> None:
    before = asked.amends("incident", "timeline", INCIDENT).stdout
    asked.values("questions", "list", INCIDENT, by="rosa")
    assert asked.amends("incident", "timeline", INCIDENT).stdout == before
