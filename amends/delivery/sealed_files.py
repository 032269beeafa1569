"""Files that lie in the home, sealed with their incident's key, under names of our own."""

from pathlib import Path
from typing import Protocol

from amends.domain.base.errors import DataDamaged, NotAllowed
from amends.system.files import replace_file

ONLY_OURS = 0o700


class FileSeal(Protocol):
    """A part of the ledger that seals the content of files, each for its name."""

    def sealed(self, incident: str, name: str, content: bytes) -> bytes:
        """Return the content sealed. Raises DataDestroyed."""

    def opened(self, incident: str, name: str, sealed: bytes) -> bytes:
        """Return the content of a sealed file. Raises DataDamaged, DataDestroyed."""


class SealedFiles:
    """A folder with a folder of sealed files for each incident."""

    def __init__(self, folder: Path, seal: FileSeal) -> None:
        self._folder, self._seal = folder, seal

    def path(self, incident: str, name: str) -> Path:
        """Return where the file with this name of ours lies, sealed."""
        return self._folder / incident / f"{name}.sealed"

    def store(self, incident: str, name: str, content: bytes) -> None:
        """Store a file whole, or not at all; a file of this name is replaced."""
        path = self.path(incident, name)
        for made in (self._folder.parent, self._folder, path.parent):
            made.mkdir(mode=ONLY_OURS, exist_ok=True)
        replace_file(path, self._seal.sealed(incident, name, content))

    def content(self, incident: str, name: str, size: int) -> bytes:
        """Return the content of a file with so many bytes. Raises NotAllowed when the file is gone, DataDamaged."""
        path = self.path(incident, name)
        try:
            sealed = path.read_bytes()
        except FileNotFoundError:
            raise NotAllowed(f"{path} is not there: it was taken in on another machine, or removed") from None
        content = self._seal.opened(incident, name, sealed)
        if len(content) != size:
            raise DataDamaged(f"{path} is not as long as it was")
        return content
