"""Room beside the ledger that is given up when its disk is full, so that what is in hand can still be written down."""

import errno
import os
import shutil
from pathlib import Path

SIZE = 64 * 1024 * 1024
LEAST = 4 * 1024 * 1024
"""Bytes that must be free beside it: what the ledger's log takes before it is used again."""
FULL = (errno.ENOSPC, errno.EDQUOT)


def no_room() -> str:
    """What is wrong when the disk is full, and what to do."""
    wanted = (SIZE + LEAST) // (1024 * 1024)
    return f"the disk with the ledger is full: make room, at least {wanted} MB, and run it again; nothing leaves before"


class Reserve:
    """A file beside the ledger that takes up SIZE bytes; none for a ledger that is not in a file."""

    def __init__(self, ledger: Path | None) -> None:
        self._file = ledger.with_name(f"{ledger.name}.reserve") if ledger else None
        self._missed = False
        """Whether it means something that the file is not there."""

    def keep(self) -> bool:
        """Put it there, unless it is; whether there is room for it."""
        if self._file is None or not self.has_room:
            return self._file is None
        try:
            _allocate(self._file)
        except OSError as error:
            self._file.unlink(missing_ok=True)
            return error.errno not in FULL  # a file system that cannot promise room has none to give up
        self._missed = True
        return True

    def give_up(self) -> None:
        """The room is there for the ledger now, and everybody who sends finds the reserve gone."""
        if self._file:
            self._file.unlink(missing_ok=True)
            self._missed = True

    @property
    def gone(self) -> bool:
        """Somebody found the disk full, in whichever process, and gave it up: nothing more may leave."""
        return self._missed and self._file is not None and not self._file.exists()

    @property
    def has_room(self) -> bool:
        """Whether there is room for it, or was when it was put there, and for the ledger beside it."""
        if self._file is None:
            return True
        taken = SIZE if self._file.exists() else 0
        return shutil.disk_usage(self._file.parent).free + taken >= SIZE + LEAST


def _allocate(file: Path) -> None:
    """Not a sparse file: its blocks are taken. Raises OSError."""
    descriptor = os.open(file, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        if hasattr(os, "posix_fallocate"):  # macOS has none; there the file only tells others to stop
            os.posix_fallocate(descriptor, 0, SIZE)
    finally:
        os.close(descriptor)
