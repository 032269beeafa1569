"""The bytes of one email: a skeleton made once for a variant, a person's values between its pieces, and a check.

The standard library's EmailMessage is not used: up to Python 3.11.9 a display name that looks like an encoded word
with a line break in it becomes a header of its own, and EmailMessage costs a hundred times as much.
"""

import binascii
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from html import escape

from amends.domain.base.value import LOCALE
from amends.domain.channel.identifiers import message_id
from amends.domain.channel.message import Message, Pieces, VariantForm
from channels.smtp.quoted_printable import SOFT_BREAK, quoted, quoted_markup, quoted_value
from channels.smtp.webhook import ECHOED

UNSUBSCRIBE = ("List-Unsubscribe", "List-Unsubscribe-Post")
"""The two headers of RFC 8058, which only optional mail has."""
THREAD = ("In-Reply-To", "References")
"""The two headers that only an answer to somebody's mail has (RFC 5322, 3.6.4)."""
OPTIONAL_HEADERS = (*THREAD, *UNSUBSCRIBE, *(name for name, _ in ECHOED.values()))
"""Headers that not every email has: THREAD, UNSUBSCRIBE, and the token that a provider returns with each event."""
HEADERS = (
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    *OPTIONAL_HEADERS,
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "Content-Language",
    "MIME-Version",
    "Content-Type",
)
"""Every header that an email of ours can have, once each and in this order."""

FOLDED = rb"[!-~][ -~]*(?:\r\n [ -~]+)*"
HEAD = re.compile(
    b"".join(
        {
            "To": rb"%b: (%b)\r\n",
            "Subject": rb"%b: (?:%b)?\r\n",
            **dict.fromkeys(OPTIONAL_HEADERS, rb"(?:%b: %b\r\n)?"),
        }.get(name, rb"%b: %b\r\n")
        % (name.encode(), FOLDED)
        for name in HEADERS
    )
)
SILENCED = "RN, NRN, OOF, AutoReply"
"""Read receipts and automatic replies that we suppress; "All" would make Exchange suppress its bounces, too."""
BOUNDARY = b"=_amends"
"""A boundary that no line of quoted-printable text can hold, whatever the text is."""

LOCAL_PART = re.compile(r"[A-Za-z0-9#$&'*+/=^_`{|}~-]+(?:\.[A-Za-z0-9#$&'*+/=^_`{|}~-]+)*")
"""A dot-atom, without the % and ! that some relays route by and the ? that an encoded word needs."""
DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
LONGEST_LOCAL_PART, LONGEST_ADDRESS = 64, 254
PLAIN_WORDS = re.compile(r"[A-Za-z0-9#$&'*+/^_`{|}~-]{1,20}(?: [A-Za-z0-9#$&'*+/^_`{|}~-]{1,20}){0,2}")
"""A display name that needs no quoting; short enough for one line."""
MESSAGE_ID = re.compile(r"<[!#-'*+\-/-9=?A-Z^-~.]{1,100}@[!#-'*+\-./-9=?A-Z\[\]^-~]{1,140}>")
"""A msg-id without quotes, comments and spaces: <CAF=x+1@mail.example.org>."""
MOST_REFERENCES = 20
PLAIN_LINE = re.compile(r"[!-~](?:[ -~]{0,64}[!-~])?")
PRINTABLE = bytes(range(0x20, 0x7F))
NOT_IN_HEADERS = frozenset({"Cc", "Cs", "Zl", "Zp"})
WORD_BYTES = 39
"""Bytes of a text that fit into one encoded word of 76 characters with a header name before it."""
PAGE_HEAD = (
    '<!doctype html>\n<html lang="{locale}" dir="auto">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    '<meta name="color-scheme" content="light dark">\n<title>'
)
PAGE_BODY = (
    "</title>\n</head>\n"
    '<body style="margin:0;padding:24px 16px;font:16px/1.6 system-ui,sans-serif;overflow-wrap:anywhere">\n'
    '<div style="max-width:38em;margin:0 auto">\n'
)
PAGE_END = "\n</div>\n</body>\n</html>\n"
PRE_WRAPPED = ('<div style="white-space:pre-wrap">',)

Encode = Callable[[str], bytes]


class UnfitEmail(Exception):
    """A message that cannot become a safe email; the text says why, without personal data."""


class UnfitAddress(UnfitEmail):
    """A message that cannot become a safe email because of its address alone."""


@dataclass(frozen=True, slots=True)
class Letterhead:
    """The sender and addresses that all emails of one channel share."""

    sender: str
    sender_name: str
    reply_to: str
    message_id_domain: str
    echoed: tuple[str, str] | None = None
    """One of ECHOED: a header, and its value with %s in place of the message's token."""


@dataclass(frozen=True, slots=True)
class Email:
    """One email for one address, ready to be sent but for the final dot. Holds personal data."""

    key: str
    bounce: str
    to: str = field(repr=False)
    content: bytes = field(repr=False)
    values: tuple[bytes, ...] = field(repr=False)
    """The person's values as encoded in the body: each value of the skeleton once."""


@dataclass(frozen=True, slots=True)
class Skeleton:
    """The bytes that all emails of a form share."""

    head: tuple[bytes, bytes, bytes, bytes]
    """Up to the address; the Subject, with its text if all emails share it; Date, up to the Message-ID; Reply-To."""
    body: tuple[bytes, ...]
    """The other headers and both parts in pieces, with an empty piece at each slot."""
    values: tuple[tuple[Encode, str], ...]
    """Each value that stands in a slot, once: its encoding and its name."""
    slots: tuple[int, ...]
    """For each slot, the place of its value in `values`."""
    subject: Pieces
    """The Subject when it has slots; empty when it stands in the head."""

    def filled(self, values: Sequence[bytes]) -> bytes:
        """Return the rest of the head and the body, with these encoded values in the slots."""
        body = list(self.body)
        body[1::2] = [values[place] for place in self.slots]
        return b"".join(body)


def skeleton(form: VariantForm, letterhead: Letterhead) -> Skeleton:
    """Encode what all emails of this form share. Raises UnfitEmail."""
    if not LOCALE.fullmatch(form.locale):
        raise UnfitEmail("unsafe locale")
    sender = mailbox(form.sender or letterhead.sender_name, letterhead.sender)
    subject = "" if len(form.subject) > 1 else words(form.subject[0])
    rest = _lines(
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", SILENCED),
        ("Content-Language", form.locale),
        ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/alternative;\r\n boundary="{BOUNDARY.decode()}"'),
    )
    body, slots = _body(form)
    values = tuple(dict.fromkeys(slots))
    pieces = [b"%b\r\n%b" % (rest.encode(), body[0])]
    for piece in body[1:]:
        pieces += (b"", piece)
    if not all(map(_is_plain, pieces)):
        raise UnfitEmail("unsafe text")
    return Skeleton(
        head=(
            f"From: {sender}\r\nTo: ".encode(),
            f"\r\nSubject: {subject}".encode(),
            f"\r\nDate: {_date(form.published_at)}\r\nMessage-ID: ".encode(),
            f"\r\nReply-To: {letterhead.reply_to}\r\n".encode(),
        ),
        body=tuple(pieces),
        values=values,
        slots=tuple(map(values.index, slots)),
        subject=form.subject if len(form.subject) > 1 else (),
    )


def compose(message: Message, letterhead: Letterhead, shared: Skeleton) -> Email:
    """Put the person's values between the shared pieces; a message always gives the same bytes. Raises UnfitEmail."""
    to = plain_address(message.to)
    before, subject, date, reply = shared.head
    pieces = [before, mailbox(message.to_name, to).encode(), subject]
    if shared.subject:
        pieces.append(words(message.subject).encode())
    pieces += (
        date,
        message_id(message.key, letterhead.message_id_domain).encode(),
        reply,
        _optional_headers(message, letterhead),
    )
    try:
        values = tuple([encode(message.values[name]) for encode, name in shared.values])
    except ValueError:
        raise UnfitEmail("unsafe text") from None
    pieces.append(shared.filled(values))
    return Email(message.key, message.bounce, to, b"".join(pieces), values)


def check(email: Email, shared: Skeleton) -> None:
    """Check an email before it is sent: our headers and no others, one address, no unsafe byte. Raises UnfitEmail.

    The pieces that all emails of a form share were checked when the skeleton was made; here they must be unchanged.
    """
    content, filled = email.content, shared.filled(email.values)
    head = HEAD.fullmatch(content, 0, content.find(b"\r\n\r\n") + 2)
    if head is None or not _is_for_one(head[1].decode(), email.to):
        raise UnfitEmail("unsafe message")
    nothing_between = len(content) - len(filled) < head.end()
    # The values as they stand in the body, where each one is between two soft breaks.
    own = SOFT_BREAK.join((b"", *email.values, b""))
    if not (nothing_between and content.endswith(filled) and _is_plain(own)):
        raise UnfitEmail("unsafe message")


def _lines(*headers: tuple[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers)


def _optional_headers(message: Message, letterhead: Letterhead) -> bytes:
    if not (message.unsubscribe or letterhead.echoed or message.in_reply_to):
        return b""
    headers = _thread(message)
    if message.unsubscribe:
        headers += zip(UNSUBSCRIBE, (f"<{message.unsubscribe}>", "List-Unsubscribe=One-Click"), strict=True)
    if letterhead.echoed:
        name, value = letterhead.echoed
        headers.append((name, value % message.bounce))
    return _lines(*headers).encode()


def _thread(message: Message) -> list[tuple[str, str]]:
    """Return the headers by which an answer stands in its thread; what is no Message-ID is left out."""
    if not MESSAGE_ID.fullmatch(message.in_reply_to):
        return []
    named = [reference for reference in message.references if MESSAGE_ID.fullmatch(reference)][-MOST_REFERENCES:]
    folded = "\r\n ".join(named or [message.in_reply_to])
    return list(zip(THREAD, (message.in_reply_to, folded), strict=True))


def _body(form: VariantForm) -> tuple[tuple[bytes, ...], tuple[tuple[Encode, str], ...]]:
    """Return both parts in separately encoded pieces, and the slots between the pieces."""
    head = "\r\nContent-Type: text/{}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    pieces = [b"--" + BOUNDARY + head.format("plain").encode()]
    slots: list[tuple[Encode, str]] = []
    _add_part(pieces, slots, form.text, quoted_value)
    pieces[-1] += b"\r\n--" + BOUNDARY + head.format("html").encode()
    _add_part(pieces, slots, page(form), quoted_markup)
    pieces[-1] += b"\r\n--" + BOUNDARY + b"--\r\n"
    return tuple(pieces), tuple(slots)


def _add_part(pieces: list[bytes], slots: list[tuple[Encode, str]], text: Pieces, encode: Encode) -> None:
    try:
        for place, piece in enumerate(text):
            if place % 2:
                slots.append((encode, piece))
                pieces[-1] += SOFT_BREAK
                pieces.append(SOFT_BREAK)
            else:
                pieces[-1] += quoted(piece)
    except ValueError:
        raise UnfitEmail("unsafe text") from None


def plain_address(address: str) -> str:
    """Return the address in ASCII, its domain in A-labels. Raises UnfitAddress when it is not a plain addr-spec."""
    local, at, domain = address.rpartition("@")
    if not at or not local.isascii():
        raise UnfitAddress("needs SMTPUTF8" if at else "unsafe address")
    labels = _plain_domain(domain)
    plain = LOCAL_PART.fullmatch(local) and len(local) <= LONGEST_LOCAL_PART
    if not plain or len(local) + len(labels) >= LONGEST_ADDRESS:
        raise UnfitAddress("unsafe address")
    return f"{local}@{labels}"


@lru_cache(maxsize=4096)
def _plain_domain(domain: str) -> str:
    """Return the domain in A-labels; cached, as very many addresses have the same few domains. Raises UnfitAddress."""
    labels = _a_labels(domain)
    if not DOMAIN.fullmatch(labels.lower()):
        raise UnfitAddress("unsafe address")
    return labels


@lru_cache(maxsize=64)
def words(text: str) -> str:
    """Return a text for a header: unchanged if it is short plain ASCII, else as base64 encoded words, one to a line."""
    plain = not text or (PLAIN_LINE.fullmatch(text) and "=?" not in text)
    return text if plain else _encoded_words(text)


def mailbox(name: str, address: str) -> str:
    """Return a name and an address for a header; the name can never be read as an address."""
    if not name:
        return address
    if PLAIN_WORDS.fullmatch(name):
        return f"{name} <{address}>"
    return f"{_encoded_words(name)}\r\n <{address}>"


def page(form: VariantForm) -> Pieces:
    """Return the HTML part: a small document that loads nothing."""
    title = _escaped(form.subject)
    body = form.html if form.html != ("",) else _joined(PRE_WRAPPED, _escaped(form.text), ("</div>",))
    return _joined((PAGE_HEAD.format(locale=form.locale),), title, (PAGE_BODY,), body, (PAGE_END,))


def _escaped(pieces: Pieces) -> Pieces:
    return tuple(piece if place % 2 else escape(piece) for place, piece in enumerate(pieces))


def _joined(*texts: Pieces) -> Pieces:
    """Join several texts, each with an odd number of pieces, into one."""
    joined = [""]
    for first, *rest in texts:
        joined[-1] += first
        joined += rest
    return tuple(joined)


def _is_for_one(header: str, address: str) -> bool:
    named = header.endswith(f" <{address}>") and header.count("@") == 1 and "," not in header
    return named or header == address


def _is_plain(content: bytes) -> bool:
    """Return True for printable ASCII in lines that end with CR LF and do not begin with a dot."""
    return b"\r\n." not in content and len(content.translate(None, PRINTABLE)) == 2 * content.count(b"\r\n")


@lru_cache(maxsize=64)
def _date(moment: datetime | None) -> str:
    if moment is None:
        raise UnfitEmail("message has no date")
    return format_datetime(moment.astimezone(UTC))


def _base64(text: str) -> bytes:
    try:
        return binascii.b2a_base64(text.encode(), newline=False)
    except UnicodeEncodeError:
        raise UnfitEmail("unsafe text") from None


def _encoded_words(text: str) -> str:
    if not NOT_IN_HEADERS.isdisjoint(map(unicodedata.category, text)):
        raise UnfitEmail("unsafe message")
    return "\r\n ".join(f"=?utf-8?b?{_base64(piece).decode()}?=" for piece in _pieces(text))


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
        raise UnfitAddress("unsafe address")
    return labels.decode()
