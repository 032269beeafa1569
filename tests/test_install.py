"""install.py: the lock as it stands, into an environment of its own, and one sentence for whatever keeps it from that."""

import os
import shutil
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
RIGHT = "sha256:{digest}"
WRONG = f"sha256:{'0' * 64}"


def package(folder: Path) -> str:
    """Write the smallest wheel that there can be, and return the hash of its file."""
    folder.mkdir()
    file = folder / "small-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as wheel:
        wheel.writestr("small.py", "")
        wheel.writestr("small-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: small\nVersion: 1.0\n")
        wheel.writestr("small-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("small-1.0.dist-info/RECORD", "")
    return sha256(file.read_bytes()).hexdigest()


def install(project: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run install.py of this project with the wheels of its folder and no package index."""
    pip = {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(project / "wheels"),
        "PIP_RETRIES": "0",
        "PIP_CONFIG_FILE": os.devnull,
    }
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    return subprocess.run(
        [sys.executable, "install.py"], cwd=project, env=clean | pip | environment, capture_output=True, text=True
    )


def project(folder: Path, lock: str) -> Path:
    """Return a folder with install.py and a lock of this text."""
    shutil.copy(TOP / "install.py", folder)
    digest = package(folder / "wheels")
    (folder / "requirements.lock").write_text(lock.format(digest=digest), encoding="utf-8")
    return folder


@pytest.mark.full
@pytest.mark.parametrize(
    ("lock", "sentence"),
    [
        ("small==1.0\n", "requirements.lock and the files that pip was given do not fit together"),
        (f"small==1.0 --hash={WRONG}\n", "requirements.lock and the files that pip was given do not fit together"),
        (f"other==1.0 --hash={WRONG}\n", "the package index has no file of other==1.0 for Python 3."),
    ],
    ids=["no hash", "another hash", "no such file"],
)
def test_a_lock_that_does_not_fit_is_one_sentence(tmp_path: Path, lock: str, sentence: str) -> None:
    done = install(project(tmp_path, lock))
    assert done.returncode == 1
    assert done.stderr.startswith(f"Amends is not installed: {sentence}")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / ".venv").exists()


@pytest.mark.full
def test_a_package_index_out_of_reach_is_one_sentence(tmp_path: Path) -> None:
    index = {"PIP_NO_INDEX": "", "PIP_RETRIES": "1", "PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
    done = install(project(tmp_path, f"other==1.0 --hash={WRONG}\n"), **index)
    assert done.stderr.startswith("Amends is not installed: pip reached no package index; check the network")
    assert not (tmp_path / ".venv").exists()


@pytest.mark.full
def test_an_environment_that_was_there_is_kept_after_a_failure(tmp_path: Path) -> None:
    folder = project(tmp_path, "small==1.0\n")
    subprocess.run([sys.executable, "-m", "venv", folder / ".venv"], check=True)
    assert install(folder).returncode == 1
    assert (folder / ".venv").exists()


@pytest.mark.parametrize("broken", ["ensurepip is not available", "No module named 'ensurepip'"])
def test_a_python_without_venv_is_one_sentence(tmp_path: Path, broken: str) -> None:
    folder = project(tmp_path, "")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "venv.py").write_text(f'raise SystemExit("{broken}")', encoding="utf-8")
    done = install(folder, PYTHONPATH=str(tmp_path / "elsewhere"))
    assert done.stderr.startswith("Amends is not installed: this Python comes without venv; install it")
    assert not (folder / ".venv").exists()


@pytest.mark.parametrize(("version", "has"), [("21.3.1", "has pip 21.3"), ("", "has no pip")])
def test_a_pip_that_is_too_old_is_one_sentence(tmp_path: Path, version: str, has: str) -> None:
    folder = project(tmp_path, "")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    if version:
        pip = next((folder / ".venv" / "lib").iterdir()) / "site-packages" / "pip"
        pip.mkdir()
        (pip / "__main__.py").write_text(f'print("pip {version} from nowhere")', encoding="utf-8")
    done = install(folder)
    assert has in done.stderr
    assert "needs pip 22.3 or newer: rm -r" in done.stderr
