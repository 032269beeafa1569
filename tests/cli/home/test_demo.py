"""The demo ends well; one that is stopped says so, and not that all of it went well."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from amends.cli.home import demo, up
from amends.cli.home.demo import called
from amends.settings import new_settings
from tests.cli.conftest import Office
from tests.terminals import hears_all

AMENDS = (sys.executable, "-c", "from amends.cli import main; main()")
START_SECONDS = 180


@pytest.mark.prefect
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_demo_that_is_stopped_says_so(tmp_path: Path, number: signal.Signals, code: int) -> None:
    home = tmp_path / "demo"
    words = [*AMENDS, "demo", "--home", home]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=hears_all
    ) as demo:
        until = time.monotonic() + START_SECONDS
        while not (home / "prefect").exists() and time.monotonic() < until:
            time.sleep(0.1)
        demo.send_signal(number)
        told, _ = demo.communicate(timeout=START_SECONDS)
    assert demo.returncode == code
    assert "The demo was stopped before its end" in told
    assert "Done in" not in told


@pytest.mark.prefect
@pytest.mark.timeout(900)
def test_the_demo_ends_well(tmp_path: Path) -> None:
    words = [*AMENDS, "demo", "--home", tmp_path / "demo"]
    played = subprocess.run(words, capture_output=True, text=True, check=False)
    assert played.returncode == 0, played.stdout[-4000:] + played.stderr[-4000:]
    assert "Every person stands in exactly one state for each notice" in played.stdout
    token = (tmp_path / "demo" / "token-mei").read_text(encoding="utf-8")
    looked = Office(tmp_path / "demo", {"mei": token}).amends("questions", "list", "stolen-terminals", by="mei")
    assert (looked.exit_code, "scam" in looked.stdout) == (0, True)


def test_what_to_type_next_is_the_command_as_it_was_called(tmp_path: Path) -> None:
    command = tmp_path / "my tools" / "amends"
    command.parent.mkdir()
    command.touch()
    assert called(str(command)) == f"'{command}'"


def test_what_to_type_next_is_plain_where_python_was_called() -> None:
    assert called("-c") == "amends"


def test_commands_to_type_next_can_be_copied_with_a_blank_in_home(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """When the path of the home has a blank, the commands and variables that init, demo and up show are quoted, so that
    they can be copied.
    """
    home = tmp_path / "two words"
    made = Office(home).amends("init", home, "--public-url", "https://btepai.example")
    assert f"export AMENDS_HOME='{home}'" in made.stderr
    settings = new_settings(home, "https://btepai.example")
    demo._say_where(settings, 1.0)
    up._say_where(settings)
    assert capsys.readouterr().out.count(f"--home '{home}' ") == 5
