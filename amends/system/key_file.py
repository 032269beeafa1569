"""The file of the master key, which is replaced by a rotation so that a killed process loses neither key."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from amends.system.files import replace_file, sync_folder


@dataclass(frozen=True)
class KeyFile:
    """A file with a master key, and, while the key is rotated, a file with the next one beside it."""

    path: Path

    @property
    def next(self) -> Path:
        """Return the path of the next key."""
        return self.path.with_name(f"{self.path.name}.next")

    def texts(self) -> tuple[str, ...]:
        """Return the texts of both files, as far as the files are there and readable."""
        found = []
        for path in (self.path, self.next):
            with suppress(OSError, UnicodeDecodeError):
                found.append(path.read_text(encoding="ascii"))
        return tuple(found)

    def write_next(self, text: str) -> None:
        """Write the next key to the disk, before anything is sealed with it. Raises OSError."""
        replace_file(self.next, text.encode())

    def promote(self, now: datetime) -> Path | None:
        """Let the next key take the place of the key; return the file with the old one, for backups from before.

        Return None when there is no next key. Safe to repeat after a kill. Raises OSError.
        """
        if not self.next.exists():
            return None
        old = self.path.with_name(f"{self.path.name}.until-{now:%Y%m%dT%H%M%S}")
        if self.path.exists():
            replace_file(old, self.path.read_bytes())
        self.next.replace(self.path)
        sync_folder(self.path.parent)
        return old
