"""The portal as a process of its own, `python -m amends.web`, for tests."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from amends.cli.home.up import answers, free_port

PATIENCE = 180
"""Seconds within which a portal, which gives way to all other processes, is there on a busy machine."""
TRIES = 3
"""A port that was free may be somebody else's before the portal takes it."""


@dataclass(frozen=True, slots=True)
class RunningPortal:
    """Where it listens, its process, and the file with everything that it prints."""

    url: str
    pid: int
    printed: Path


@contextmanager
def running_portal(home: Path, settings: str, environment: Mapping[str, str]) -> Iterator[RunningPortal]:
    """A portal of this home that answers, with these lines in its amends.toml.

    Raises:
        AssertionError: It did not start; what it printed is in the error.
    """
    printed = home / "printed"
    for _ in range(TRIES):
        port = free_port()
        (home / "amends.toml").write_text(f'public_url = "https://betapai.example"\nportal_port = {port}\n{settings}')
        with (
            printed.open("wb") as out,
            subprocess.Popen(
                [sys.executable, "-m", "amends.web"],
                env=os.environ | environment | {"AMENDS_HOME": str(home)},
                stdout=out,
                stderr=subprocess.STDOUT,
            ) as process,
        ):
            try:
                if _answers(process, port):
                    yield RunningPortal(f"http://127.0.0.1:{port}", process.pid, printed)
                    return
            finally:
                process.terminate()
    raise AssertionError(f"the portal did not start: {printed.read_text()}")


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    until = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < until:
        if answers(port):
            return process.poll() is None
        time.sleep(0.05)
    return False
