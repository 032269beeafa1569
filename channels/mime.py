"""The bytes of one email: built from a fixed list of headers, then read back as if somebody else had built them.

The standard library's EmailMessage is not used: up to Python 3.11.9 a display name that looks like an encoded word
with a line break in it becomes a header of its own, and it costs a hundred times as much.
"""

import binascii
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from html import escape

from amends.domain.channel import Message
from amends.domain.marks import mark, message_id
from amends.domain.value import LOCALE

HEADERS = (
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "Content-Language",
    "MIME-Version",
    "Content-Type",
)
"""Every header that an email of ours has, once each and in this order."""

LOCAL_PART = re.compile(r"[A-Za-z0-9#$&'*+/=^_`{|}~-]+(?:\.[A-Za-z0-9#$&'*+/=^_`{|}~-]+)*")
"""A dot-atom, without the % and ! that some relays route by and the ? that an encoded word needs."""
DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
LONGEST_LOCAL_PART, LONGEST_ADDRESS = 64, 254
PLAIN_WORDS = re.compile(r"[A-Za-z0-9#$&'*+/^_`{|}~-]{1,20}(?: [A-Za-z0-9#$&'*+/^_`{|}~-]{1,20}){0,2}")
"""A display name that needs no quoting; short enough for one line."""
PLAIN_LINE = re.compile(r"[!-~](?:[ -~]{0,64}[!-~])?")
PRINTABLE = bytes(range(0x20, 0x7F))
NOT_IN_HEADERS = frozenset({"Cc", "Cs", "Zl", "Zp"})
WORD_BYTES = 39
"""So much of a text fits into one encoded word, with a header name before it, in 76 characters."""
LINE = 76


class Unfit(Exception):
    """The message cannot become a safe email; the text says why, without anything personal."""


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What all emails of one channel share."""

    sender: str
    sender_name: str
    reply_to: str
    message_id_domain: str


@dataclass(frozen=True, slots=True)
class Letter:
    """One email for one address, ready for the wire but for its dots. Holds personal data."""

    key: str
    to: str = field(repr=False)
    content: bytes = field(repr=False)


def compose(message: Message, letterhead: Letterhead) -> Letter:
    """Turn a message into an email; the same message gives the same bytes. Raises Unfit."""
    to = plain_address(message.to)
    boundary = f"=_{mark(message.key, 'boundary')}"
    head = "".join(
        f"{name}: {value}\r\n" for name, value in zip(HEADERS, _values(message, letterhead, to, boundary), strict=True)
    )
    parts = (_part("plain", message.text, boundary), _part("html", page(message), boundary))
    return Letter(message.key, to, b"%b\r\n%b--%b--\r\n" % (head.encode(), b"".join(parts), boundary.encode()))


def check(letter: Letter) -> None:
    """The last look before the wire: our headers and no others, one address, no stray byte. Raises Unfit."""
    head, _, body = letter.content.partition(b"\r\n\r\n")
    fields = [line.partition(": ") for line in head.decode("ascii", "replace").replace("\r\n ", " ").split("\r\n")]
    to = next((value for name, _, value in fields if name == "To"), "")
    ours = tuple(name for name, _, _ in fields) == HEADERS
    if not (ours and body and _is_for_one(to, letter.to) and _is_plain(letter.content)):
        raise Unfit("unsafe message")


def plain_address(address: str) -> str:
    """The address in ASCII, its domain in A-labels. Raises Unfit when it is no plain addr-spec."""
    local, at, domain = address.rpartition("@")
    if not at or not local.isascii():
        raise Unfit("needs SMTPUTF8" if at else "unsafe address")
    ascii_domain = _a_labels(domain)
    plain = LOCAL_PART.fullmatch(local) and DOMAIN.fullmatch(ascii_domain.lower())
    if not plain or len(local) > LONGEST_LOCAL_PART or len(local) + len(ascii_domain) >= LONGEST_ADDRESS:
        raise Unfit("unsafe address")
    return f"{local}@{ascii_domain}"


@lru_cache(maxsize=64)
def words(text: str) -> str:
    """A text for a header: as it is when it is short plain ASCII, else in base64 words, one to a line."""
    plain = not text or (PLAIN_LINE.fullmatch(text) and "=?" not in text)
    return text if plain else _encoded_words(text)


def mailbox(name: str, address: str) -> str:
    """A name and an address as a header shows them; the name can never become an address."""
    if not name:
        return address
    if PLAIN_WORDS.fullmatch(name):
        return f"{name} <{address}>"
    return f"{_encoded_words(name)}\r\n <{address}>"


def page(message: Message) -> str:
    """The HTML part: a small document of its own that loads nothing."""
    body = message.html or f'<div style="white-space:pre-wrap">{escape(message.text)}</div>'
    return (
        f'<!doctype html>\n<html lang="{message.locale}" dir="auto">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(message.subject)}</title>\n</head>\n"
        '<body style="margin:0;padding:24px 16px;font:16px/1.6 system-ui,sans-serif;overflow-wrap:anywhere">\n'
        f'<div style="max-width:38em;margin:0 auto">\n{body}\n</div>\n</body>\n</html>\n'
    )


def _is_for_one(header: str, address: str) -> bool:
    named = header.endswith(f" <{address}>") and header.count("@") == 1 and "," not in header
    return named or header == address


def _is_plain(content: bytes) -> bool:
    """Nothing but printable ASCII in lines that end with CR LF."""
    return len(content.translate(None, PRINTABLE)) == 2 * content.count(b"\r\n")


def _values(message: Message, letterhead: Letterhead, to: str, boundary: str) -> tuple[str, ...]:
    if not LOCALE.fullmatch(message.locale):
        raise Unfit("unsafe locale")
    return (
        _organisation(message.sender or letterhead.sender_name, letterhead.sender),
        mailbox(message.to_name, to),
        words(message.subject),
        _date(message.published_at),
        message_id(message.key, letterhead.message_id_domain),
        letterhead.reply_to,
        "auto-generated",
        "All",
        message.locale,
        "1.0",
        f'multipart/alternative;\r\n boundary="{boundary}"',
    )


@lru_cache(maxsize=64)
def _date(moment: datetime | None) -> str:
    if moment is None:
        raise Unfit("message has no date")
    return format_datetime(moment.astimezone(UTC))


def _part(subtype: str, text: str, boundary: str) -> bytes:
    head = f"--{boundary}\r\nContent-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    encoded = _base64(text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n"))
    lines = [encoded[start : start + LINE] for start in range(0, len(encoded), LINE)]
    return b"%b%b\r\n" % (head.encode(), b"\r\n".join(lines))


def _base64(text: str) -> bytes:
    try:
        return binascii.b2a_base64(text.encode(), newline=False)
    except UnicodeEncodeError:
        raise Unfit("unsafe text") from None


def _encoded_words(text: str) -> str:
    if not NOT_IN_HEADERS.isdisjoint(map(unicodedata.category, text)):
        raise Unfit("unsafe message")
    return "\r\n ".join(f"=?utf-8?b?{_base64(piece).decode()}?=" for piece in _pieces(text))


@lru_cache(maxsize=64)
def _organisation(name: str, address: str) -> str:
    return mailbox(name, address)


def _pieces(text: str) -> list[str]:
    pieces, piece, used = [], "", 0
    for character in text:
        size = len(character.encode())
        if used + size > WORD_BYTES:
            pieces.append(piece)
            piece, used = "", 0
        piece, used = piece + character, used + size
    return [*pieces, piece]


def _a_labels(domain: str) -> str:
    if domain.isascii():
        return domain
    # IDNA 2003 maps some characters to others, such as ß to ss, which names another owner's domain. So only
    # a domain that comes back unchanged is used.
    try:
        labels = domain.encode("idna")
        unchanged = labels.decode("idna") == domain.lower()
    except UnicodeError:
        unchanged = False
    if not unchanged:
        raise Unfit("unsafe address")
    return labels.decode()
