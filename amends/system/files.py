"""Files that survive a power cut: created or replaced as a whole, appended to, or locked against other processes."""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mktemp
from typing import IO

OWNER_ONLY = 0o600
LOCK_SECONDS = 15
"""The time for which a process waits for a lock that another process holds."""
PAUSE_SECONDS = 0.001


@contextmanager
def replacing(path: Path, mode: int = OWNER_ONLY, *, part: Path | None = None) -> Iterator[IO[bytes]]:
    """Yield a file that takes the path's name when the block ends and its content is on the disk.

    Readers see the old content or the new one. An error in the block leaves the old file. Until the block ends the new
    content stands in `part`, by default a file whose name no other process uses. Raises OSError.
    """
    part = part or _part_of(path)
    part.unlink(missing_ok=True)  # a killed process may have left the file
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
    sync_folder(path.parent)


def replace_file(path: Path, content: bytes, mode: int = OWNER_ONLY) -> None:
    """Write the content to this path, with this mode. Raises OSError."""
    with replacing(path, mode) as file:
        file.write(content)


def create_file(path: Path, content: bytes, mode: int = OWNER_ONLY) -> None:
    """Write the content to this path, which must not exist. Raises FileExistsError when it does, else OSError."""
    _require_absent(path)
    part = _part_of(path)
    try:
        replace_file(part, content, mode)
        _take_name(part, path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    sync_folder(path.parent)


def _part_of(path: Path) -> Path:
    """Return a path beside this one that no other process uses."""
    return Path(mktemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part"))  # noqa: S306 opened with O_EXCL


def _take_name(part: Path, path: Path) -> None:
    """Give the file this name, which no file must have. Raises FileExistsError when one has it."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        _require_absent(path)
        part.replace(path)


def _require_absent(path: Path) -> None:
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


def replace_locked(path: Path, text: str) -> None:
    """Write the text to this path, which the caller has locked. Raises OSError.

    The next call replaces a partial file that a killed process left.
    """
    with replacing(path, part=path.with_name(f"{path.name}.new")) as file:
        file.write(text.encode())


def append(path: Path, text: str) -> None:
    """Append the text to the file, which is created if needed. Raises OSError."""
    is_new = not path.exists()
    with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, OWNER_ONLY), "wb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        sync_folder(path.parent)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lock this path against all other processes during the block. The lock of a killed process is released.

    Raises OSError, also when another process holds the lock for longer than LOCK_SECONDS.
    """
    lock = os.open(path.with_name(f"{path.name}.lock"), os.O_CREAT | os.O_RDWR, OWNER_ONLY)
    try:
        _wait_for(lock)
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)  # closing alone would leave the lock with a process that was forked meanwhile
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


def changed_at(path: Path) -> datetime:
    """Return when a file was written last."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def sync_folder(folder: Path) -> None:
    """Write the folder's list of names to the disk. Raises OSError."""
    with suppress(PermissionError):  # this process may write to the folder, but not read it
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno != errno.EINVAL:  # EINVAL: a file system without fsync for folders
                raise
        finally:
            os.close(descriptor)
