"""How a flow run is started: by one process, of this environment."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from amends.settings import Settings, prefect_environment
from tests.test_layout import deployments


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Of an installation whose `amends up` was called by its path, from a shell that knows other Pythons only."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return prefect_environment(Settings(home=tmp_path, public_url="https://notice.example"))


def started(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    """What every deployment has the runner call, found as the runner finds it."""
    (command,) = {str(entry["work_pool"]["job_variables"]["command"]) for entry in deployments()}
    name, *module = command.split()
    program = shutil.which(name, path=environment["PATH"])
    assert program
    return subprocess.run([program, *module, *arguments], env=environment, capture_output=True, text=True, timeout=180)


def test_a_run_is_started_by_prefects_engine_in_our_environment(environment: dict[str, str]) -> None:
    """A flow run is started by Prefect's engine, in an environment that has Prefect and Amends."""
    ended = started(environment, "no-run")
    assert "Invalid flow run id" in ended.stdout + ended.stderr, "only an environment with Prefect and Amends says so"


@pytest.mark.parametrize("leads_already", [False, True])
def test_what_is_typed_at_the_runners_terminal_does_not_reach_a_run(
    environment: dict[str, str], *, leads_already: bool
) -> None:
    code = "import os, runpy, flows.run.process; runpy.run_module = lambda *_, **__: print(os.getsid(0) == os.getpid())"
    asked = [sys.executable, "-c", f"{code}; flows.run.process.main()"]
    told = subprocess.run(
        asked, env=environment, capture_output=True, text=True, check=True, start_new_session=leads_already
    )
    assert told.stdout.strip() == "True"
