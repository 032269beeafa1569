"""Which notices were released, noted beside the ledger: an older copy of it does not know all of them."""

from pathlib import Path

from amends.domain.errors import DiskFull, LedgerUnavailable
from amends.ledger import outlast
from amends.ledger.reserve import FULL, no_room


class ReleasedNotes:
    """A file with the ids of an incident and a notice on each line; none where nothing is noted beside the ledger."""

    def __init__(self, anchor: Path | None) -> None:
        self._file = anchor.with_name("released") if anchor else None

    def add(self, incident: str, notice: str) -> None:
        """On the disk before anything of the notice can leave from here. Raises DiskFull, LedgerUnavailable."""
        if self._file is None or (incident, notice) in self.all():
            return
        try:
            outlast.add(self._file, f"\n{incident} {notice}\n")  # the last line may have been cut off
        except OSError as error:
            if error.errno in FULL:
                raise DiskFull(no_room()) from error
            raise LedgerUnavailable(f"{self._file} cannot be written: {error.strerror}") from error

    def all(self) -> set[tuple[str, str]]:
        """Incident and notice of all that was noted, without lines that were cut off. Raises LedgerUnavailable."""
        try:
            text = self._file.read_text(encoding="utf-8", errors="replace") if self._file else ""
        except FileNotFoundError:
            return set()
        except OSError as error:
            raise LedgerUnavailable(f"{self._file} cannot be read: {error.strerror}") from error
        return {(words[0], words[1]) for line in text.splitlines() if len(words := line.split()) == 2}
