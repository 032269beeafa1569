"""`amends incident new`: an incident file from an example or from ten questions, written whole or not at all."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from amends.cli.incident.questions import QUESTIONS
from amends.content.incident.incident import read_incident
from amends.content.incident.new_file import Answers, Example
from amends.domain.incident.facts import Facts
from amends.domain.incident.incident import CLOCK_EVENTS
from tests.cli.conftest import Office
from tests.terminals import hears_all

PROMPT = b"> "
NEEDED = "needed_before_the_first_notice"


@pytest.fixture
def nowhere(tmp_path: Path) -> Office:
    """An office without a home."""
    return Office(tmp_path / "nowhere")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "incident.yaml"


@pytest.mark.parametrize("example", Example)
def test_an_example_can_be_checked_and_assessed_as_it_is(nowhere: Office, file: Path, example: str) -> None:
    made = nowhere.values("incident", "new", file, "--like", example)
    checked = nowhere.values("incident", "check", file)
    assert (checked["incident"], len(checked[NEEDED])) == (made["incident"], 8)
    assert [finding["what"].split()[0] for finding in checked[NEEDED]] == made[NEEDED]
    assert nowhere.values("assess", file)["severity"]["band"]


def test_only_its_owner_can_read_a_new_file(nowhere: Office, file: Path) -> None:
    nowhere.values("incident", "new", file, "--like", "theft")
    assert (file.stat().st_mode & 0o777, list(file.parent.iterdir())) == (0o600, [file])


def test_the_file_may_be_left_unnamed(nowhere: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert nowhere.values("incident", "new", "--like", "vendor")["file"] == "incident.yaml"
    assert (tmp_path / "incident.yaml").is_file()


def test_a_file_that_is_there_stays_as_it_is(nowhere: Office, file: Path) -> None:
    file.write_text("mine", encoding="utf-8")
    answer = nowhere.amends("incident", "new", file, "--like", "theft")
    assert (answer.exit_code, file.read_text(encoding="utf-8")) == (1, "mine")
    assert "is there already" in answer.stderr


@pytest.mark.parametrize("name", ["incident.json", "incident", ""])
def test_a_name_that_would_not_be_read_as_yaml_is_refused(nowhere: Office, tmp_path: Path, name: str) -> None:
    answer = nowhere.amends("incident", "new", tmp_path / name, "--like", "theft")
    assert (answer.exit_code, list(tmp_path.iterdir())) == (2, [])


def test_a_folder_that_is_missing_is_told_in_words(nowhere: Office, tmp_path: Path) -> None:
    answer = nowhere.amends("incident", "new", tmp_path / "no" / "incident.yaml", "--like", "theft")
    assert (answer.exit_code, answer.stderr.count("incident.yaml: No such file")) == (1, 1)


def test_a_full_disk_leaves_nothing(nowhere: Office, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    answer = nowhere.amends("incident", "new", file, "--like", "theft")
    assert (answer.exit_code, list(file.parent.iterdir())) == (1, [])
    assert f"{file}: No space left" in answer.stderr


def test_nobody_to_ask_is_an_error_of_usage(nowhere: Office, file: Path) -> None:
    answer = nowhere.amends("incident", "new", file)
    assert (answer.exit_code, file.exists()) == (2, False)
    assert "--like with one of theft, ransomware, insider, lost-device, vendor" in answer.stderr


def test_an_example_that_does_not_exist_is_an_error_of_usage(nowhere: Office, file: Path) -> None:
    assert nowhere.amends("incident", "new", file, "--like", "fire").exit_code == 2


def test_the_words_are_printed_for_people_and_programs(nowhere: Office) -> None:
    known = nowhere.values("incident", "facts")
    assert [one["key"] for one in known["facts"]] == list(Facts.model_fields)
    assert {one["key"] for one in known["times"]} == CLOCK_EVENTS | {"occurred", "contained"}
    shown = nowhere.amends("incident", "facts").stdout
    assert [word for word in ("credentials_hashed", "misdelivered_post", "ransom_paid") if word not in shown] == []


def test_the_questions_are_ten_and_fill_every_answer() -> None:
    fields = [question.field for together in QUESTIONS for question in together]
    assert len(QUESTIONS) == 10
    assert sorted(fields) == sorted(Answers.__dataclass_fields__)
    assert [question for together in QUESTIONS for question in together if not question.help] == []


# At a terminal


class Terminal:
    """The command at a pseudo-terminal, and what it has shown so far."""

    def __init__(self, file: Path, *words: str) -> None:
        call = [sys.executable, "-c", "from amends.cli import main; main()", "incident", "new", str(file), *words]
        self._ours, theirs = pty.openpty()
        environment = {**os.environ, "AMENDS_HOME": ""}
        self.process = subprocess.Popen(
            call,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
            preexec_fn=hears_all,
        )
        os.close(theirs)
        self.said = b""

    def answer(self, *answers: str) -> None:
        """Type each answer once the command waits for one."""
        for answer in answers:
            seen = len(self.said)
            while PROMPT not in self.said[seen:]:
                self.said += os.read(self._ours, 1024)
            os.write(self._ours, f"{answer}\n".encode())

    def end(self) -> str:
        """What was shown until the command ended, whose exit code is 0."""
        with suppress(OSError):  # the other side hangs up
            while more := os.read(self._ours, 1024):
                self.said += more
        assert self.process.wait(timeout=120) == 0, self.said
        return self.said.decode()


@contextmanager
def at_a_terminal(file: Path, *words: str) -> Iterator[Terminal]:
    terminal = Terminal(file, *words)
    try:
        yield terminal
    finally:
        terminal.process.kill()
        terminal.process.wait()


def test_ten_answers_make_a_file_that_lacks_only_its_texts(nowhere: Office, file: Path) -> None:
    with at_a_terminal(file) as terminal:
        terminal.answer(
            "Customer database copied",
            "Beispiel GmbH",
            "de",
            "Europe/Berlin",
            "theft",
            "2026-03-02 08:00",
            "2026-03-01",
            "contact, payment_card",
            "200",
            "300",
            "no",
            "care@beispiel.example",
            "+49 30 5550100",
            "beispiel.example",
        )
        said = terminal.end()
    assert f"{file} is written" in said
    incident = read_incident(file)
    assert (incident.title, incident.organisation.established_in) == ("Customer database copied", "DE")
    assert incident.facts.cause.value == "external_attack"
    assert {key.split(".")[0] for key in needed(nowhere, file)} == {"texts"}


def needed(office: Office, file: Path) -> list[str]:
    return [finding["what"].split()[0] for finding in office.values("incident", "check", file)[NEEDED]]


@pytest.mark.parametrize("nobody_knows", ["", "unknown"])
def test_every_answer_may_be_unknown(nowhere: Office, file: Path, nobody_knows: str) -> None:
    with at_a_terminal(file) as terminal:
        terminal.answer(*[nobody_knows] * len(Answers.__dataclass_fields__))
        terminal.end()
    facts = read_incident(file).facts
    assert [name for name in Facts.model_fields if not getattr(facts, name).unknown] == []
    assert len(needed(nowhere, file)) == 8


def test_a_wrong_answer_is_asked_for_again_with_the_reason(file: Path) -> None:
    with at_a_terminal(file) as terminal:
        terminal.answer(
            "ab",
            "Copied",
            "",
            "germany",
            "DE",
            "Berlin",
            "Europe/Berlin",
            "fire",
            "insider",
            "2026-03-02",
            "2299-01-01 08:00",
            "2026-03-02 08:00",
            "2299-01-01",
            "2026-02-30",
            "2026-03-03",
            "2026-03-01 23:30",
            "card",
            "payment_card",
            "many",
            "5",
            "3",
            "9",
            "perhaps",
            "yes",
            "nobody",
            "",
            "call us",
            "",
            "com",
            "",
        )
        said = " ".join(terminal.end().split())
    reasons = (
        "title: at least 3 characters",
        "two capital letters as in DE",
        "no IANA time zone",
        "one of theft, ransomware",
        "has no hour",
        "2299-01-01 08:00 is still to come",
        "> 2299-01-01 2299-01-01 is still to come",
        "times.occurred: a time is expected here",
        "discovered is before occurred.from",
        "'card' is not a known word",
        "must be a whole number",
        "min is above max",
        "yes or no is meant",
        "an email address is expected",
        "this is not a phone number",
        "a domain of the organisation is meant",
    )
    assert [reason for reason in reasons if reason not in said] == []
    incident = read_incident(file)
    assert (incident.facts.cause.value, incident.facts.encrypted_at_rest.value) == ("insider", True)
    assert incident.facts.people.value
    assert (incident.facts.people.value.min, incident.facts.people.value.max) == (5, 9)


def test_breaking_off_writes_nothing(file: Path) -> None:
    with at_a_terminal(file) as terminal:
        terminal.answer("Copied", "Beispiel GmbH")
        os.kill(terminal.process.pid, signal.SIGINT)
        assert terminal.process.wait(timeout=120) != 0
    assert list(file.parent.iterdir()) == []


def test_an_example_is_not_asked_about_at_a_terminal(file: Path) -> None:
    with at_a_terminal(file, "--like", "ransomware", "--json") as terminal:
        said = terminal.end()
    assert json.loads(said)["like"] == "ransomware"
