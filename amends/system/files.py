"""Files that survive a power cut: replaced as a whole, appended to, or locked against other processes."""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mktemp
from typing import IO

OWNER_ONLY = 0o600
LOCK_SECONDS = 15
"""How long a process waits for another one to unlock a file."""
PAUSE_SECONDS = 0.001


@contextmanager
def replacing(path: Path, mode: int = OWNER_ONLY, *, part: Path | None = None) -> Iterator[IO[bytes]]:
    """Yield a file that takes the path's name when the block ends and its content is on the disk.

    Readers see the old content or the new one. An error in the block leaves the old file. The new content stands in
    `part` until then; without one, in a file of a name that no other process uses. Raises OSError.
    """
    part = part or Path(mktemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part"))  # noqa: S306 opened with O_EXCL
    part.unlink(missing_ok=True)  # what a killed process left
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "wb") as file:
            yield file
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    keep_names(path.parent)


def replace_file(path: Path, content: bytes, mode: int = OWNER_ONLY) -> None:
    """Write the content to this path, with this mode. Raises OSError."""
    with replacing(path, mode) as file:
        file.write(content)


def replace_locked(path: Path, text: str) -> None:
    """Write the text to this path, which the caller has locked, so that no remnant of a killed process stays.

    Raises OSError.
    """
    with replacing(path, part=path.with_name(f"{path.name}.new")) as file:
        file.write(text.encode())


def append(path: Path, text: str) -> None:
    """Append the text to the file, which is made if need be. Raises OSError."""
    is_new = not path.exists()
    with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, OWNER_ONLY), "wb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        keep_names(path.parent)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep all other processes out of this block for this path. The lock of a process that is killed is free again.

    Raises OSError, also when another process keeps the lock for longer than LOCK_SECONDS.
    """
    lock = os.open(path.with_name(f"{path.name}.lock"), os.O_CREAT | os.O_RDWR, OWNER_ONLY)
    try:
        _wait_for(lock)
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)  # closing is not enough when a process was forked from here meanwhile
        os.close(lock)


def _wait_for(lock: int) -> None:
    latest = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > latest:
                raise TimeoutError(errno.ETIMEDOUT, "another process is at it, and may have been halted") from None
        time.sleep(PAUSE_SECONDS)


def keep_names(folder: Path) -> None:
    """Write the folder's list of names to the disk. Raises OSError."""
    with suppress(PermissionError):  # one may write to a folder and not look into it
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno != errno.EINVAL:  # a file system that cannot be asked for it
                raise
        finally:
            os.close(descriptor)
