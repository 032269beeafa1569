"""The two commands of the README, as somebody starts them who has just cloned the project and has no caches."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
CACHES = {"PIP_NO_CACHE_DIR": "1", "PYTHONNOUSERSITE": "1"}
OURS = ("AMENDS_", "PREFECT_", "PYTHON", "PYTEST_", "VIRTUAL_ENV", "XDG_", "MAKE", "MFLAGS")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files of this project that git knows."""
    files = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, capture_output=True, text=True)
    if files.returncode:
        pytest.skip("the project is not a clone")
    folder = tmp_path_factory.mktemp("clone")
    for name in filter(None, files.stdout.split("\0")):
        if (TOP / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((TOP / name).read_bytes())
    return folder


def make(clone: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start make in the clone, with a home of its own and nothing of this test's environment."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    environment = clean | CACHES | {"HOME": str(clone / "home")}
    return subprocess.Popen(
        ["make", *arguments],
        cwd=clone,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.mark.timeout(1200)
def test_both_commands_of_the_readme_start_on_a_fresh_machine(clone: Path) -> None:
    demo, printed = make(clone, "demo"), ""
    assert demo.stdout
    for line in demo.stdout:
        printed += line
        if "opens the incident" in line:
            os.killpg(demo.pid, signal.SIGINT)
            break
    demo.communicate()
    if "pip reached no package index" in printed:
        pytest.skip("no package index can be reached")
    assert "opens the incident" in printed, printed

    tests = make(clone, "test", "ARGS=tests/domain/team")
    printed, _ = tests.communicate()
    assert tests.returncode == 0, printed
    assert " passed" in printed
