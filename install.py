"""Install Amends and what it needs into a virtual environment, exactly as requirements.lock names each file.

    python3 install.py [FOLDER]

The lock is complete, so nothing is resolved: what is published tomorrow changes nothing here. The folder, `.venv`
unless named, is made where there is none; one that is there keeps its pip (22.3 or newer). A failure is one sentence
that says what to do, and a folder that this run made goes again. Only the standard library is used: nothing else is
there yet.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOCK = "requirements.lock"
OLDEST_PIP = (22, 3)
PACKAGES = ("amends", "channels", "flows")
NO_VENV = (
    "this Python comes without venv; install it (on Debian and Ubuntu: apt install python3-venv) and run this again."
)
REASONS = {
    r"--require-hashes mode|DO NOT MATCH THE HASHES|Hashes are required": (
        f"{LOCK} and the files that pip was given do not fit together, so none was trusted; take {LOCK} as it was "
        f"published (git checkout {LOCK}), or ask who runs your package index."
    ),
    r"name resolution|NewConnectionError|Connection (?:refused|reset)|timed out|Network is unreachable|ProxyError": (
        "pip reached no package index; check the network, or name your own index (PIP_INDEX_URL), and run this again."
    ),
    r"No matching distribution found for (\S+)": (
        "the package index has no file of {0} for Python {python}; try another Python (make PYTHON=python3.12), or ask "
        "who runs your package index."
    ),
    r"No space left on device": "the disk is full; make room for one gigabyte and run this again.",
    r"Permission denied": "{folder} cannot be written; run this as the user to whom it belongs.",
}
"""What pip says of each trouble, and what is to be done.

    ERROR: Hashes are required in --require-hashes mode, but they are missing from some requirements
    Failed to establish a new connection: [Errno -3] Temporary failure in name resolution
    ERROR: No matching distribution found for uvloop==0.22.1
    ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device
    ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: '/srv/amends/.venv/lib'
"""


def main(folder: Path) -> None:
    """Install all, or end with one sentence."""
    made = not python_of(folder).exists()
    try:
        if made:
            make_environment(folder)
        check_pip(folder)
        pip(folder, "install", "--quiet", "--no-deps", "--require-hashes", "--requirement", HERE / LOCK)
        pip(folder, "install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", HERE)
        pip(folder, "check")
    except BaseException:
        if made:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    compile_package(folder)


def make_environment(folder: Path) -> None:
    """Make a virtual environment with pip, or end with what is missing."""
    print(f"Amends and what it needs go into {os.path.relpath(folder)}, once; that takes some minutes", flush=True)  # noqa: T201
    if (done := run(Path(sys.executable), "-m", "venv", folder)).returncode:
        stop(NO_VENV if "ensurepip" in done.stdout or "No module named" in done.stdout else done.stdout.strip())


def check_pip(folder: Path) -> None:
    """End when the environment has no pip, or one that cannot install a project by its pyproject.toml alone."""
    found = re.match(r"pip (\d+)\.(\d+)", run(python_of(folder), "-m", "pip", "--version").stdout)
    if found is None or (int(found[1]), int(found[2])) < OLDEST_PIP:
        has = f"pip {found[1]}.{found[2]}" if found else "no pip"
        oldest = ".".join(map(str, OLDEST_PIP))
        stop(f"{folder} has {has}, and Amends needs pip {oldest} or newer: rm -r {folder}, and run this again.")


def pip(folder: Path, *arguments: str | Path) -> None:
    """Run pip, or end with one sentence about what it could not do."""
    done = run(python_of(folder), "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments)
    if done.returncode:
        stop(reason_of(done.stdout, folder))


def reason_of(output: str, folder: Path) -> str:
    """Return what is to be done about pip's output, or pip's own last words where the trouble is a new one."""
    for pattern, reason in REASONS.items():
        if found := re.search(pattern, output):
            return reason.format(*found.groups(), folder=folder, python=f"{sys.version_info[0]}.{sys.version_info[1]}")
    return f"pip's last words: {' '.join(output.strip().splitlines()[-3:])}"


def compile_package(folder: Path) -> None:
    """Compile the package's own files once, also where the environment says that Python is to keep none compiled.

    Files that cannot be written are no error: Python then compiles at each start.
    """
    run(python_of(folder), "-m", "compileall", "-q", *(HERE / name for name in PACKAGES))


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command and return how it ended, with its output and errors as one text."""
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def python_of(folder: Path) -> Path:
    """Return the path of the environment's Python."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def stop(sentence: str) -> None:
    """Raise the end of this run, with a sentence for its user."""
    sys.exit(f"Amends is not installed: {sentence}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if sys.argv[1:] else ".venv").absolute())
