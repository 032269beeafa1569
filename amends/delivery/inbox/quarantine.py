"""Files of the inbox in the home: mails kept aside for a person, and attachments, sealed, under names of our own."""

from dataclasses import dataclass
from pathlib import Path

from amends.delivery.sealed_files import ONLY_OURS, SealedFiles
from amends.domain.base.home_file import NewHomeFile
from amends.domain.receipt.attachment import Attachments
from amends.ledger import Ledger
from amends.ledger.receipt.mail_files import MailFile
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


class Quarantine:
    """The folder `inbox` of a home."""

    def __init__(self, home: Path, ledger: Ledger) -> None:
        self._folder = home / "inbox"
        self._files = SealedFiles(self._folder / FILES, ledger.mail_files)

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

    def set_aside(self, incident: str, once: str, attached: Attachments) -> tuple[NewHomeFile, ...]:
        """Store the files of a mail, sealed with the incident's key; none when the incident has too many bytes."""
        return self._files.store(incident, once, attached.files, MOST_FILE_BYTES_OF_ALL) or ()

    def path_of(self, incident: str, name: str) -> Path:
        """Return where the file with this name of ours lies, sealed."""
        return self._files.path(incident, name)

    def content(self, incident: str, file: MailFile) -> bytes:
        """Return the content of a file that was set aside. Raises NotAllowed when it is gone, DataDamaged."""
        return self._files.content(incident, file)


def _made(folder: Path) -> Path:
    folder.parent.mkdir(mode=ONLY_OURS, parents=True, exist_ok=True)
    folder.mkdir(mode=ONLY_OURS, exist_ok=True)
    return folder
