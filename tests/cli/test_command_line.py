"""What holds for every command: errors in words, exit codes, hints apart from answers, a quick start."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from amends.cli.app import COMMANDS, globals_first, load
from tests.cli.conftest import INCIDENT, PLAYBOOK, STORY, Office

SLOW = ("sqlmodel", "prefect", "fastapi", "rich", "sqlalchemy")


def run_apart(*args: object, home: Path | None = None, **more: str) -> "subprocess.CompletedProcess[str]":
    """The command in a process of its own, with more in its environment."""
    words = [sys.executable, "-c", "from amends.cli import main; main()", *map(str, args)]
    environment = {"PATH": "/usr/bin:/bin"} | ({"AMENDS_HOME": str(home)} if home else {}) | more
    return subprocess.run(words, capture_output=True, text=True, check=False, env=environment, timeout=60)


def modules_after(*args: object) -> set[str]:
    """Which slow libraries a command loads."""
    script = (
        "import sys, atexit; atexit.register(lambda: print('loaded', *sys.modules, file=sys.stderr));"
        "from amends.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, args)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split()) & set(SLOW)


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
    assert modules_after(*args) == set()


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


def test_findings_are_one_per_line_with_their_place(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "incident.yaml"
    file.write_text("id: Not A Slug\ntitel: typo\n")
    answer = office.amends("incident", "check", file)
    assert answer.exit_code == 3
    assert all(line.startswith(f"{file}:") for line in answer.stdout.splitlines())


def test_findings_come_as_json_too(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "incident.yaml"
    file.write_text("titel: typo\n")
    answer = office.amends("incident", "check", file, "--json")
    assert answer.exit_code == 3
    assert {"where", "code", "what", "advice", "blocks"} == set(json.loads(answer.stdout)["findings"][0])


def test_what_nobody_expected_is_one_line_with_its_type(empty: Office) -> None:
    (empty.home / "ledger.sqlite3").write_bytes(b"this is no database" * 100)
    done = run_apart("incident", "list", home=empty.home)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "amends: unexpected DatabaseError; --debug shows more\n"


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
