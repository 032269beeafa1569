"""Evidence of a claim that the desk takes in: files that are named, and those that came with its mail."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from amends.cli.terminal.desk import Desk
from amends.delivery.claims import MOST_FILE_BYTES, MOST_FILES, EvidenceFolder, kind_of_file
from amends.delivery.inbox.quarantine import Quarantine
from amends.domain.base.errors import NotAllowed
from amends.domain.base.home_file import NewHomeFile
from amends.domain.receipt.attachment import MOST_FILES as MOST_OF_MAIL
from amends.ledger.receipt.mail_files import MailFile


class DeskEvidence(NamedTuple):
    """The evidence of a claim that the desk takes in."""

    files: tuple[NewHomeFile, ...]
    of_mail: int
    """The number of those files that came with the mail."""
    left_out: tuple[str, ...]
    """The files of the mail that are no evidence, each with the reason."""


class _FileOfMail(NamedTuple):
    """A file of a mail, with its content, or with the reason why it is no evidence."""

    content: bytes
    why_not: str


def take_evidence(desk: Desk, incident: str, once: str, question: int | None, paths: Sequence[Path]) -> DeskEvidence:
    """Store the files of the mail that became the claim, as far as they are of kinds that are taken, and named files.

    Raises NotAllowed for a named file that is not taken.
    """
    found = tuple(_of_mail(desk, incident, question)) if question else ()
    of_mail = [one.content for one in found if not one.why_not]
    contents = [*of_mail, *map(_start_of, paths)]
    files = EvidenceFolder(desk.settings.home, desk.ledger).store(incident, once, contents, MOST_FILES + MOST_OF_MAIL)
    return DeskEvidence(files, len(of_mail), tuple(one.why_not for one in found if one.why_not))


def _start_of(path: Path) -> bytes:
    with path.open("rb") as opened:
        return opened.read(MOST_FILE_BYTES + 1)


def _of_mail(desk: Desk, incident: str, question: int) -> Iterator[_FileOfMail]:
    aside = Quarantine(desk.settings.home, desk.ledger)
    return (_read(aside, incident, file) for file in desk.ledger.mail_files.all(incident, question))


def _read(aside: Quarantine, incident: str, file: MailFile) -> _FileOfMail:
    try:
        content = aside.content(incident, file)
    except NotAllowed:
        return _FileOfMail(b"", f"file {file.id} lies on another machine, or was removed")
    if kind_of_file(content):
        return _FileOfMail(content, "")
    return _FileOfMail(b"", f"file {file.id} ({file.kind}) is no PDF, JPEG, PNG or HEIC")
