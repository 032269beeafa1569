"""Disk space reserved beside the ledger, and freed when the disk is full, to record the messages still in flight."""

import errno
import os
import shutil
from pathlib import Path

MEGABYTE = 1024 * 1024
SIZE = 64 * MEGABYTE
"""The bytes of a reserve, unless the ledger was opened with another size."""
LEAST = 4 * MEGABYTE
"""Bytes that must be free beside the reserve: the size that the ledger's log reaches before it is reused."""
FULL = (errno.ENOSPC, errno.EDQUOT)


def no_room(size: int = SIZE) -> str:
    """Return in words that the disk is full, and what to do."""
    wanted = (size + LEAST) // MEGABYTE
    return f"the disk with the ledger is full: make room, at least {wanted} MB, and run it again; nothing leaves before"


class Reserve:
    """A file beside the ledger that takes up `size` bytes; there is no such file for a ledger on a server."""

    def __init__(self, ledger: Path | None, size: int = SIZE) -> None:
        self.size = size
        self._file = ledger.with_name(f"{ledger.name}.reserve") if ledger else None
        self._expected = False
        """True once this process made or freed the reserve; only then a missing file says that the disk was full."""

    def keep(self) -> bool:
        """Create the reserve unless it exists; return False when the disk has no room for it."""
        if self._file is None or not self.has_room:
            return self._file is None
        try:
            _allocate(self._file, self.size)
        except OSError as error:
            self._file.unlink(missing_ok=True)
            return error.errno not in FULL  # a file system that cannot reserve space works without a reserve
        self._expected = True
        return True

    def give_up(self) -> None:
        """Free the reserved space for the ledger; every process that sends then finds the reserve gone."""
        if self._file:
            self._file.unlink(missing_ok=True)
            self._expected = True

    @property
    def gone(self) -> bool:
        """Return True when some process found the disk full and freed the reserve: no more messages may be sent."""
        return self._expected and self._file is not None and not self._file.exists()

    @property
    def has_room(self) -> bool:
        """Return True when the disk has room for the reserve, which counts as free, and for the ledger beside it."""
        if self._file is None:
            return True
        taken = self.size if self._file.exists() else 0
        return shutil.disk_usage(self._file.parent).free + taken >= self.size + LEAST


def _allocate(file: Path, size: int) -> None:
    """Create a file of this size whose blocks are allocated, not a sparse file. Raises OSError."""
    descriptor = os.open(file, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        if hasattr(os, "posix_fallocate"):  # macOS has none; there the missing file only tells other processes to stop
            os.posix_fallocate(descriptor, 0, size)
    finally:
        os.close(descriptor)
