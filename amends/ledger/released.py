"""Which notices were released, noted beside the ledger: an older copy of it does not know all of them."""

import os
from contextlib import suppress
from pathlib import Path

from amends.domain.errors import DiskFull, LedgerUnavailable
from amends.ledger.reserve import FULL, no_room


class ReleasedNotes:
    """A file with the ids of an incident and a notice on each line; none where nothing is noted beside the ledger."""

    def __init__(self, anchor: Path | None) -> None:
        self._file = anchor.with_name("released") if anchor else None

    def add(self, incident: str, notice: str) -> None:
        """On the disk before anything of the notice can leave. Raises DiskFull, LedgerUnavailable."""
        if self._file is None:
            return
        try:
            with os.fdopen(os.open(self._file, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), "w") as file:
                file.write(f"{incident} {notice}\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            if error.errno in FULL:
                raise DiskFull(no_room()) from error
            raise LedgerUnavailable(f"{self._file} cannot be written: {error.strerror}") from error

    def all(self) -> set[tuple[str, str]]:
        """Incident and notice of everything that was noted. A line that was cut off is left out."""
        noted: set[tuple[str, str]] = set()
        with suppress(FileNotFoundError):
            lines = self._file.read_text(encoding="utf-8").splitlines() if self._file else []
            noted = {(words[0], words[1]) for line in lines if len(words := line.split()) == 2}
        return noted
