"""Files attached to a mail, each under no name but ours; what is too large or too many is counted and left out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from amends.domain.receipt.mail import Mail, leaves, parsed
from amends.domain.receipt.reply import SHOWN, is_attached

MOST_MAIL_BYTES = 12 * 1024 * 1024
MOST_MAIL_LINES = 250_000
MOST_FILES = 10
MOST_FILE_BYTES = 5 * 1024 * 1024
MOST_BYTES_TOGETHER = 8 * 1024 * 1024
"""The bytes of all files of one mail."""
TYPE = re.compile(r"[a-z]{1,20}/[a-z0-9][a-z0-9.+-]{0,80}")
UNKNOWN_TYPE = "application/octet-stream"
NO_FILES = ("application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file attached to a mail. Its content is a stranger's: never open, unpack or log it."""

    kind: str
    """The media type that the sender states."""
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Attachments:
    """The files of one mail."""

    files: tuple[Attachment, ...] = ()
    left_out: int = 0
    """The number of files that are too large, or more than MOST_FILES."""


def attachments_of(raw: bytes) -> Attachments:
    """Return the files attached to a mail; none for a mail that cannot be parsed."""
    mail = parsed(raw, MOST_MAIL_BYTES, MOST_MAIL_LINES)
    if mail is None:
        return Attachments()
    cut_off = len(raw) > MOST_MAIL_BYTES
    files: list[Attachment] = []
    left_out = room = 0
    for one in _attached(mail):
        room += len(one.content)
        if len(files) < MOST_FILES and len(one.content) <= MOST_FILE_BYTES and room <= MOST_BYTES_TOGETHER:
            files.append(one)
        else:
            left_out += 1
    if cut_off and files:
        return Attachments(tuple(files[:-1]), left_out + 1)
    return Attachments(tuple(files), left_out + cut_off)


def _attached(mail: Mail) -> Iterator[Attachment]:
    for part in leaves(mail):
        kind = part.get_content_type()
        is_text = kind in SHOWN and not is_attached(part)
        if not is_text and kind not in NO_FILES and (content := _content(part)):
            yield Attachment(kind if TYPE.fullmatch(kind) else UNKNOWN_TYPE, content)


def _content(part: Mail) -> bytes:
    """Return the bytes of a part; a message that is attached as it was written. No bytes when they are malformed."""
    try:
        if part.is_multipart():
            inner = part.get_payload(0)
            return inner.as_bytes() if isinstance(inner, Mail) else b""
        content = part.get_payload(decode=True)
    except (ValueError, TypeError, LookupError, AttributeError, UnicodeError):
        return b""
    return content if isinstance(content, bytes) else b""
