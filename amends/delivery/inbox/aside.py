"""Files of the inbox in the home: mails kept aside for a person, and attachments, sealed, under names of our own."""

from dataclasses import dataclass
from pathlib import Path

from amends.delivery.sealed_files import ONLY_OURS, SealedFiles
from amends.domain.receipt.attachment import Attachment, Attachments
from amends.ledger import Ledger
from amends.ledger.receipt.inbox import MailFile, NewMailFile
from amends.system.files import replace_file

KEPT, FILES = "kept", "files"
MOST_KEPT = 5_000
MOST_KEPT_BYTES = 1024**3
MOST_FILE_BYTES_OF_ALL = 1024**3
"""The bytes of all files of one incident; further files are left out, and stay in the mailbox with their mails."""


@dataclass(frozen=True)
class KeptMail:
    """A mail that lies in the folder of kept mails."""

    name: str
    size: int


class Aside:
    """The folder `inbox` of a home."""

    def __init__(self, home: Path, ledger: Ledger) -> None:
        self._folder = home / "inbox"
        self._ledger = ledger
        self._files = SealedFiles(self._folder / FILES, ledger.inbox)

    @property
    def kept_folder(self) -> Path:
        """Return the folder of the mails that were kept aside."""
        return self._folder / KEPT

    def keep(self, once: str, raw: bytes) -> Path | None:
        """Keep a whole mail aside, and return its file; None when the folder has no room. Safe to repeat."""
        path = _made(self.kept_folder) / f"{once}.eml"
        if not path.exists():
            kept = self.kept()
            if len(kept) >= MOST_KEPT or sum(one.size for one in kept) + len(raw) > MOST_KEPT_BYTES:
                return None
            replace_file(path, raw)
        return path

    def kept(self) -> tuple[KeptMail, ...]:
        """Return the mails that lie in the folder of kept mails, by name."""
        if not self.kept_folder.is_dir():
            return ()
        found = sorted(self.kept_folder.glob("*.eml"))
        return tuple(KeptMail(path.name, path.stat().st_size) for path in found if path.is_file())

    def set_aside(self, incident: str, once: str, attached: Attachments) -> tuple[NewMailFile, ...]:
        """Store the files of a mail, sealed with the incident's key; none when the incident has too many bytes."""
        if not attached.files:
            return ()
        size = sum(len(one.content) for one in attached.files)
        if self._ledger.inbox.bytes_of_files(incident) + size > MOST_FILE_BYTES_OF_ALL:
            return ()
        return tuple(self._stored(incident, f"{once}-{n}", one) for n, one in enumerate(attached.files, 1))

    def _stored(self, incident: str, name: str, one: Attachment) -> NewMailFile:
        self._files.store(incident, name, one.content)
        return NewMailFile(name, one.kind, len(one.content))

    def path_of(self, incident: str, name: str) -> Path:
        """Return where the file with this name of ours lies, sealed."""
        return self._files.path(incident, name)

    def content(self, incident: str, file: MailFile) -> bytes:
        """Return the content of a file that was set aside. Raises NotAllowed when it is gone, DataDamaged."""
        return self._files.content(incident, file.name, file.size)


def _made(folder: Path) -> Path:
    folder.parent.mkdir(mode=ONLY_OURS, parents=True, exist_ok=True)
    folder.mkdir(mode=ONLY_OURS, exist_ok=True)
    return folder
