"""Small files beside the ledger that outlast a power cut: what they say, and that they are there at all.

After a power cut the ledger may have to be restored from a backup, and then these say what it lacks.
"""

import errno
import os
import threading
from contextlib import suppress
from pathlib import Path


def put(file: Path, text: str) -> None:
    """Let the file say this and nothing else; whoever reads it meanwhile finds what it said before. Raises OSError."""
    fresh = file.with_name(f"{file.name}.{os.getpid()}.{threading.get_ident()}")
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


def keep_names(folder: Path) -> None:
    """Keep on the disk which names are in the folder. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that cannot be asked for it
            raise
    finally:
        os.close(descriptor)
