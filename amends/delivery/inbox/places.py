"""Mails where they lie: in files, folders of files, mboxes and Maildirs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from amends.domain.base.errors import Finding
from amends.domain.base.text import printable
from amends.domain.receipt.mail import MOST_BYTES


@dataclass(frozen=True, slots=True)
class FoundMail:
    """One mail as it came, cut to the bytes that are looked at."""

    raw: bytes = field(repr=False)
    delivered_to: str = field(default="", repr=False)
    unseen: Path | None = None
    """The mail's path in a Maildir while nobody has seen the mail; else None."""
    uid: str = ""
    """The number of the mail in a mailbox on a mail server; else empty."""


def mails_at(path: Path, *, again: bool = False, most: int = MOST_BYTES) -> Iterator[FoundMail | Finding]:
    """Yield every mail at this path; a place that cannot be read becomes a finding, and reading goes on."""
    try:
        if (path / "new").is_dir() and (path / "cur").is_dir():
            yield from _in_folder(path / "new", partial(_in_maildir, most=most))
            yield from _in_folder(path / "cur", partial(_in_maildir, again=again, most=most))
        elif path.is_dir():
            yield from _in_folder(path, partial(mails_at, most=most))
        else:
            yield from _in_file(path, most)
    except OSError as error:
        yield _finding(path, error.strerror or type(error).__name__)


def _in_folder(folder: Path, read: Callable[[Path], Iterator[FoundMail | Finding]]) -> Iterator[FoundMail | Finding]:
    """Yield what `read` finds in the files of the folder, without hidden files, subfolders and symbolic links."""
    for path in sorted(folder.iterdir()):
        if not path.name.startswith(".") and not path.is_symlink() and not path.is_dir():
            yield from read(path)


def _in_maildir(path: Path, *, again: bool = False, most: int) -> Iterator[FoundMail | Finding]:
    """Yield the mail; a mail that is marked as seen only with `again`.

    Lying in cur is not enough: a mail program moves all new mails there as soon as somebody opens the mailbox.
    """
    seen = "S" in _flags(path)
    if seen and not again:
        return
    try:
        with _opened(path) as file:
            yield FoundMail(file.read(most), unseen=None if seen else path)
    except OSError as error:
        yield _finding(path, error.strerror or type(error).__name__)


def moved_to_cur(mail: Path) -> list[Finding]:
    """Move the mail to cur as one that was seen; return a finding when that fails.

    A mail that is not moved is only read once more the next time.
    """
    name, flags = mail.name.partition(":")[0], "".join(sorted({"S", *_flags(mail)}))
    try:
        mail.rename(mail.parents[1] / "cur" / f"{name}:2,{flags}")
    except OSError as error:
        return [_finding(mail, f"it cannot be moved to cur: {error.strerror}")]
    return []


def _flags(mail: Path) -> str:
    return mail.name.partition(":2,")[2]


def _in_file(path: Path, most: int) -> Iterator[FoundMail]:
    """Yield the one mail of a file, or the mails of an mbox, which begins with a line `From ` as no mail does."""
    with _opened(path) as file:
        start = file.read(5)
        if start == b"From ":
            yield from map(FoundMail, _in_mbox(file, most))
        else:
            yield FoundMail(start + file.read(most))


def _opened(path: Path) -> IO[bytes]:
    """Open a file. Raises OSError, also for a pipe or a device, which might never end."""
    if path.exists() and not path.is_file():
        raise OSError(None, "it is no file")
    return path.open("rb")


def _in_mbox(file: IO[bytes], most: int) -> Iterator[bytes]:
    """Yield the mails of an mbox, each cut to so many bytes, so that the largest takes no more memory."""
    mail, line_begins, after_empty_line = bytearray(), False, False
    while line := file.readline(most):
        if line_begins and after_empty_line and line.startswith(b"From "):
            yield bytes(mail)
            mail.clear()
        elif mail or line_begins:  # the rest of the line `From ` belongs to no mail
            mail += line[: most - len(mail)]
        after_empty_line = line_begins and line in (b"\n", b"\r\n")
        line_begins = line.endswith(b"\n")
    yield bytes(mail)


def _finding(path: Path, what: str) -> Finding:
    return Finding(printable(str(path)), "E204", what)
