"""What holds for every command: errors in words, exit codes, hints apart from answers, a quick start."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner, Result

from amends.cli import main
from amends.cli.app import COMMANDS, app, globals_first, load
from amends.ledger.store.database import BUSY_SECONDS
from amends.ledger.tables.team import MemberRow
from tests.cli.conftest import INCIDENT, NOTICE, PLAYBOOK, STORY, Office
from tests.privileges import given_to_nobody, of_nobody
from tests.rewriting import rewrite

SLOW = ("sqlmodel", "prefect", "fastapi", "rich", "sqlalchemy")
NOT_FOR_A_TIMELINE = (
    "prefect",
    "fastapi",
    "rich",
    "jinja2",
    "httpx2",
    "phonenumbers",
    "sqlalchemy.dialects.postgresql",
    "amends.ledger.audit.audit",
    "amends.ledger.case.dossier",
    "amends.ledger.case.visits",
    "amends.ledger.claim.payments",
    "amends.ledger.deliver.letters",
    "amends.ledger.deliver.previews",
    "amends.ledger.feedback.mentions",
    "amends.ledger.forget.erasure",
    "amends.ledger.forget.rotation",
    "amends.ledger.forget.personal",
    "amends.ledger.review",
)
"""Libraries, and rooms of the ledger, of which a timeline shows nothing."""


def run_apart(*args: object, home: Path | None = None, **more: str) -> "subprocess.CompletedProcess[str]":
    """The command in a process of its own, with more in its environment."""
    words = [sys.executable, "-c", "from amends.cli import main; main()", *map(str, args)]
    environment = {"PATH": "/usr/bin:/bin"} | ({"AMENDS_HOME": str(home)} if home else {}) | more
    return subprocess.run(words, capture_output=True, text=True, check=False, env=environment, timeout=180)


def modules_after(*args: object, home: Path | None = None) -> set[str]:
    """Which modules a command loads."""
    return set(words_after("*sys.modules", *args, home=home))


def words_after(said: str, *args: object, home: Path | None = None) -> list[str]:
    """The words of an expression, evaluated in the process of a command at its end."""
    script = (
        f"import gc, sys, atexit; atexit.register(lambda: print('at the end', {said}, file=sys.stderr));"
        "from amends.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *(("--home", str(home)) if home else ()), *map(str, args)],
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()[-1].split()[3:]


@pytest.mark.parametrize(
    "args",
    [
        ("--help",),
        ("playbook", "validate", PLAYBOOK),
        ("incident", "check", STORY / "incident.yaml"),
        ("audience", "check", STORY / "audience.csv"),
    ],
    ids=["help", "playbook", "incident", "audience"],
)
def test_help_and_checks_load_no_slow_library(args: tuple[object, ...]) -> None:
    assert modules_after(*args) & set(SLOW) == set()


def test_help_loads_no_values() -> None:
    assert {name.partition(".")[0] for name in modules_after("--help")} & {"pydantic", "pydantic_core"} == set()


def test_a_timeline_loads_no_room_that_it_does_not_read(office: Office) -> None:
    assert modules_after("timeline", INCIDENT, home=office.home) & set(NOT_FOR_A_TIMELINE) == set()


def test_a_command_searches_for_garbage_a_few_times_only(office: Office) -> None:
    """With the thresholds of Python a timeline does so nearly four hundred times."""
    searches = words_after("*(one['collections'] for one in gc.get_stats())", "timeline", INCIDENT, home=office.home)
    assert sum(map(int, searches)) < 40


def test_a_command_builds_no_validator_of_a_row(office: Office) -> None:
    rows = "sys.modules['amends.ledger.tables.row'].Row.__subclasses__()"
    built = f"*(one.__name__ for one in {rows} if one.__pydantic_complete__)"
    assert words_after(built, "team", "list", home=office.home) == []


def test_a_command_builds_the_tables_of_its_rooms_alone(office: Office) -> None:
    """The members of the team are listed without the tables of people, messages, questions, promises and claims."""
    loaded = "*(name.rpartition('.')[2] for name in sys.modules if name.startswith('amends.ledger.tables.'))"
    words_after(loaded, "team", "list", home=office.home)  # which keeps the identifier of all tables
    rooms = sorted(words_after(loaded, "team", "list", home=office.home))
    assert rooms == ["audit", "declared", "incident", "row", "team"]


def test_a_command_without_a_home_says_how_to_get_one() -> None:
    done = run_apart("incident", "list")
    assert (done.returncode, done.stdout) == (1, "")
    assert "amends init DIR" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("noun", ["", "incident", "audience"])
def test_help_tells_every_summary_to_its_end(noun: str) -> None:
    done = run_apart(*noun.split(), "--help")
    assert done.returncode == 0, done.stderr
    assert "..." not in done.stdout.replace("[ARGS]...", "")


def test_an_unknown_command_is_a_usage_error_with_the_nearest_name() -> None:
    done = run_apart("incidnt")
    assert done.returncode == 2
    assert "Did you mean 'incident'" in done.stderr


def test_a_missing_argument_is_a_usage_error(office: Office) -> None:
    assert office.amends("preview", INCIDENT).exit_code == 2


def test_a_word_that_is_none_of_the_choices_is_told_in_our_words(office: Office) -> None:
    answer = office.amends("team", "add", "ann", "--role", "leed")
    assert (answer.exit_code, "Invalid value for '--role': 'leed' is not one of" in answer.stderr) == (2, True)


def test_help_that_cannot_be_written_is_one_line() -> None:
    words = (sys.executable, "-c", "from amends.cli import main; main()", "--help")
    with Path("/dev/full").open("w") as full:
        answer = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (answer.returncode, answer.stderr) == (1, "amends: No space left on device\n")


def test_who_interrupts_it_while_it_is_loaded_sees_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(ModuleType):
        def __getattr__(self, _name: str) -> object:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "amends.cli.app", Interrupted("amends.cli.app"))
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130


def test_findings_are_one_per_line_with_their_place(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "incident.yaml"
    file.write_text("id: Not A Slug\ntitel: typo\n")
    answer = office.amends("incident", "check", file)
    assert answer.exit_code == 3
    places = [line.startswith(f"{file}:") for line in answer.stdout.splitlines()]
    assert places and all(places)


def test_findings_come_as_json_too(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "incident.yaml"
    file.write_text("titel: typo\n")
    answer = office.amends("incident", "check", file, "--json")
    assert answer.exit_code == 3
    assert {"where", "code", "what", "advice", "blocks"} == set(json.loads(answer.stdout)["findings"][0])


def test_what_nobody_expected_is_one_line_with_its_type(office: Office) -> None:
    rewrite(ledger := office.ledger(), MemberRow, role="king")
    ledger.dispose()
    done = run_apart("team", "list", home=office.home)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "amends: unexpected ValidationError; --debug shows more\n"


def test_debug_shows_where_an_error_came_from(office: Office) -> None:
    answer = office.amends("incident", "show", "nowhere", "--debug")
    assert answer.exit_code == 1
    assert "Traceback" in answer.stderr


def test_hints_go_to_stderr(office: Office) -> None:
    answer = office.amends("incident", "show", INCIDENT)
    assert "→" in answer.stderr
    assert "→" not in answer.stdout


def test_json_comes_without_hints(office: Office) -> None:
    answer = office.amends("incident", "show", INCIDENT, "--json")
    assert (answer.exit_code, answer.stderr) == (0, "")
    assert json.loads(answer.stdout)["case"]["state"] == "open"


def test_global_options_may_stand_anywhere() -> None:
    words = ["incident", "--json", "list", "--home", "/h", "--debug"]
    assert globals_first(words) == ["--json", "--home", "/h", "--debug", "incident", "list"]


def test_what_follows_two_dashes_is_no_option() -> None:
    assert globals_first(["x", "--", "--json"]) == ["x", "--", "--json"]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_can_be_loaded_and_has_help(name: str) -> None:
    command = load(COMMANDS[name])
    assert command.get_short_help_str(200) == COMMANDS[name].summary


def test_every_command_of_a_group_has_help() -> None:
    groups = {name: load(entry) for name, entry in COMMANDS.items() if entry.place.endswith(":app")}
    silent = [f"{name} {sub}" for name, group in groups.items() for sub, c in group.commands.items() if not c.help]
    assert silent == []


def every_help() -> Iterator[tuple[str, str]]:
    """The help of each command, as a terminal of 80 columns shows it."""
    for name, entry in COMMANDS.items():
        below = [[name, sub] for sub in getattr(load(entry), "commands", {})]
        for words in ([name], *below):
            done = CliRunner().invoke(app, [*words, "--help"], prog_name="amends", terminal_width=80)
            yield " ".join(words), done.stdout


def test_every_help_fits_into_eighty_columns_and_breaks_no_option() -> None:
    shown = [(words, line) for words, text in every_help() for line in text.splitlines()]
    assert len(shown) > 1000
    assert [(words, line) for words, line in shown if len(line) > 80 or line.endswith("-")] == []


def test_every_argument_and_option_says_in_words_what_it_takes() -> None:
    """Typer's own word for a number within bounds is the name of a class."""
    odd = re.compile(r"^  --[a-z-]+ <(?!\w+\|)|^  [A-Z.]+ <\S+>\s+\[required\]$", re.MULTILINE)
    assert [(words, found) for words, text in every_help() for found in odd.findall(text)] == []


def test_shell_completion_is_offered() -> None:
    """Without looking for the shell above it, because tests may run below none."""
    done = run_apart("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert "amends" in done.stdout + done.stderr


def test_output_into_a_pipe_has_no_colours(empty: Office) -> None:
    done = run_apart("doctor", home=empty.home)
    assert "\x1b" not in done.stdout + done.stderr


def test_a_broken_settings_file_is_an_error_that_names_the_key(empty: Office) -> None:
    with (empty.home / "amends.toml").open("a") as settings:
        settings.write('\n[channels.fax]\nuse = "outbox"\n')
    done = run_apart("incident", "list", home=empty.home)
    assert done.returncode == 1
    assert "channels.fax" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("--home", "", "incident", "list"),
        ("--home=", "incident", "list"),
        ("init", "", "--public-url", "https://x.example"),
    ],
)
def test_an_empty_home_is_a_variable_that_was_not_set_and_no_place(words: tuple[str, ...]) -> None:
    done = run_apart(*words)
    assert done.returncode == 2
    assert "is the variable set" in done.stderr


def test_what_is_no_utf8_is_said_in_words(empty: Office) -> None:
    done = run_apart("incident", "show", os.fsdecode(b"caf\xe9"), home=empty.home)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "amends: something in the arguments is not UTF-8; write it in UTF-8\n"


def test_an_encoding_that_lacks_signs_is_no_usage_error(office: Office) -> None:
    """When the terminal's encoding cannot show the answer, the command fails with exit code 1, not with the code for
    wrong arguments, and says to set PYTHONUTF8=1.
    """
    done = run_apart("preview", INCIDENT, NOTICE, "--json", home=office.home, PYTHONIOENCODING="latin-1")
    assert done.returncode == 1
    assert "cannot be written in latin-1; set PYTHONUTF8=1" in done.stderr


def test_a_closed_stdin_is_no_terminal_to_ask_at(office: Office) -> None:
    words = ["bash", "-c", f"exec {sys.executable} -c 'from amends.cli import main; main()' \"$@\" <&-", "amends"]
    environment = {"PATH": "/usr/bin:/bin", "AMENDS_HOME": str(office.home)}
    call = [*words, "stop", INCIDENT, "--as", "lena"]
    done = subprocess.run(call, capture_output=True, text=True, check=False, env=environment, timeout=180)
    assert done.returncode == 1
    assert "set AMENDS_TOKEN, or call this from a terminal" in done.stderr


def test_a_lost_ledger_lets_nobody_begin_anew(office: Office) -> None:
    for file in office.home.glob("ledger.sqlite3*"):
        file.unlink()
    answer = office.amends("team", "add", "eve", "--role", "lead")
    assert answer.exit_code == 1
    assert "ledger.sqlite3 is gone" in answer.stderr
    assert not list(office.home.glob("ledger.sqlite3*"))


def listed_by_nobody(office: Office, mode: int) -> Result:
    """What another user hears, to whom the home belongs, while it has this mode."""
    with given_to_nobody(office.home) as home:
        given = Office(home)
        assert given.amends("incident", "list").exit_code == 0
        for file in home.glob("ledger.sqlite3-*"):
            file.unlink()
        home.chmod(mode)
        with of_nobody():
            return given.amends("incident", "list")


def test_no_home_and_a_home_without_settings_are_told_apart(empty: Office, tmp_path: Path) -> None:
    """For a folder that is no home the command shows how to make one; for a home that has lost its settings it says to
    put a copy of them there again.
    """
    elsewhere = tmp_path / "elsewhere"
    assert f"`amends init {elsewhere} --public-url URL`" in Office(elsewhere).amends("incident", "list").stderr
    (empty.home / "amends.toml").unlink()
    assert "put its copy there again" in empty.amends("incident", "list").stderr


def test_a_home_that_must_not_be_written_is_said_at_once(empty: Office) -> None:
    started = time.monotonic()
    answer = listed_by_nobody(empty, 0o555)
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert "ledger.sqlite3 cannot be opened" in answer.stderr
    assert "must be able to write" in answer.stderr
    assert time.monotonic() - started < BUSY_SECONDS


def test_a_home_that_must_not_be_read_is_said_in_words(empty: Office) -> None:
    answer = listed_by_nobody(empty, 0)
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert answer.stderr.endswith("amends.toml cannot be read: Permission denied\n")
