"""Makes the peers ready to run, in a folder that git ignores."""

import json
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
BUILT = HERE / ".build"
COMPILING = 60
INSTALLING = 300
"""Seconds."""


class NotHere(Exception):
    """Raised when something that a peer needs is not on this machine; says what."""


@cache
def compiled(name: str) -> Path:
    """The C program of that name."""
    compiler = shutil.which("cc")
    if not compiler:
        raise NotHere("no C compiler (cc)")
    BUILT.mkdir(exist_ok=True)
    program = BUILT / name
    _done([compiler, "-O2", "-o", str(program), str(HERE / f"{name}.c")], COMPILING)
    return program


def require_sink() -> None:
    """Raises SystemExit where the mail server of the benchmarks cannot be made."""
    try:
        compiled("sink")
    except NotHere as missing:
        raise SystemExit(f"the mail server needs Linux and a C compiler: {missing}") from None


@cache
def node_modules() -> Path:
    """The folder with the packages that package.json names."""
    if not (shutil.which("node") and shutil.which("npm")):
        raise NotHere("no Node.js (node and npm)")
    BUILT.mkdir(exist_ok=True)
    wanted, installed, folder = HERE / "package.json", BUILT / "package.json", BUILT / "node_modules"
    if not folder.exists() or not _same(wanted, installed):
        shutil.copyfile(wanted, installed)
        try:
            _done(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(BUILT)], INSTALLING)
        except NotHere:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    _done(["node", "-e", f"new (require({json.dumps(str(folder / 'better-sqlite3'))}))(':memory:')"], COMPILING)
    return folder


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.read_bytes() == other.read_bytes()


def _done(command: list[str], limit: float) -> None:
    try:
        subprocess.run(command, check=True, timeout=limit, capture_output=True, text=True)
    except subprocess.TimeoutExpired:
        raise NotHere(f"{Path(command[0]).name} took longer than {limit:.0f} s") from None
    except subprocess.CalledProcessError as error:
        print(error.stderr, file=sys.stderr)
        raise NotHere(f"{Path(command[0]).name} failed") from None
