"""Files that lie in the home, sealed with their incident's key, under names of our own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amends.domain.base.errors import DataDamaged, NotAllowed
from amends.domain.base.home_file import HomeFile, NewHomeFile
from amends.domain.receipt.attachment import Attachment
from amends.ledger.home_files import HomeFiles
from amends.system.files import replace_file

ONLY_OURS = 0o700


class SealedFiles:
    """A folder with a folder of sealed files for each incident."""

    def __init__(self, folder: Path, listed: HomeFiles[Any]) -> None:
        self._folder, self._listed = folder, listed

    def path(self, incident: str, name: str) -> Path:
        """Return where the file with this name of ours lies, sealed."""
        return self._folder / incident / f"{name}.sealed"

    def store(self, incident: str, once: str, files: Sequence[Attachment], most: int) -> tuple[NewHomeFile, ...] | None:
        """Store the files that came together, each whole or not at all, and return them; None without room for them.

        All files of the incident have `most` bytes. A file that the ledger lists already stays as it is: what is sent
        again may be another.
        """
        if files and self._listed.bytes_in_all(incident) + sum(len(file.content) for file in files) > most:
            return None
        return tuple(self._stored(incident, f"{once}-{number}", file) for number, file in enumerate(files, 1))

    def _stored(self, incident: str, name: str, file: Attachment) -> NewHomeFile:
        path = self.path(incident, name)
        if not self._listed.lists(incident, name):
            for made in (self._folder.parent, self._folder, path.parent):
                made.mkdir(mode=ONLY_OURS, exist_ok=True)
            replace_file(path, self._listed.sealed(incident, name, file.content))
        return NewHomeFile(name, file.kind, len(file.content))

    def content(self, incident: str, file: HomeFile) -> bytes:
        """Return the content of a file. Raises NotAllowed when the file is gone, DataDamaged."""
        path = self.path(incident, file.name)
        try:
            sealed = path.read_bytes()
        except FileNotFoundError:
            raise NotAllowed(f"{path} is not there: it was taken in on another machine, or removed") from None
        content = self._listed.opened(incident, file.name, sealed)
        if len(content) != file.size:
            raise DataDamaged(f"{path} is not as long as it was")
        return content
