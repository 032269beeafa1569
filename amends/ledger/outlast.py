"""Small files beside the ledger that outlast a power cut: what they say, and that they are there at all.

After a power cut the ledger may have to be restored from a backup, and then these say what it lacks.
"""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from amends.folders import keep_names

PATIENCE_SECONDS = 15
"""So long is waited for others who put a file."""
PAUSE_SECONDS = 0.001


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Nobody else is in here for this file meanwhile, in whatever process; one that is killed in here is out of it.

    Raises OSError, also when somebody else does not come out.
    """
    lock = os.open(file.with_name(f"{file.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        _wait_for(lock)
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)  # closing it is not enough when somebody was forked from here meanwhile
        os.close(lock)


def _wait_for(lock: int) -> None:
    latest = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > latest:
                raise TimeoutError(errno.ETIMEDOUT, "another process is at it, and may have been halted") from None
        time.sleep(PAUSE_SECONDS)


def put(file: Path, text: str) -> None:
    """Let the file say this and nothing else; whoever reads it meanwhile finds what it said before. Raises OSError.

    For whoever is alone with it. What a killed process left is written over.
    """
    fresh = file.with_name(f"{file.name}.new")
    try:
        _write(fresh, text, os.O_TRUNC)
        fresh.replace(file)
    except OSError:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise
    keep_names(file.parent)


def add(file: Path, text: str) -> None:
    """Let the file say this too. Raises OSError."""
    new = not file.exists()
    _write(file, text, os.O_APPEND)
    if new:
        keep_names(file.parent)


def _write(file: Path, text: str, how: int) -> None:
    with os.fdopen(os.open(file, os.O_CREAT | os.O_WRONLY | how, 0o600), "w", encoding="utf-8") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
