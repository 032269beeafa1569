"""Opens a mail from a stranger: its parts, its text and its fields, at a cost that has a bound, whatever the bytes."""

import re
from base64 import b64decode
from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser, HeaderParser
from html import unescape

Mail = Message

MOST_BYTES = 256 * 1024
"""The rest is cut off: what a report has to say, and the headers that it returns, stand at its beginning."""
MOST_LINES = 20_000
MOST_PARTS = 200
MOST_CONTAINERS = 30
"""Multipart and message types that are named anywhere, which is also how deep they can be nested."""
LONGEST_FIELD = 1_000
"""Characters of a header that are looked at."""

CONTAINER = re.compile(rb"(?:multipart|message)/", re.IGNORECASE)
LONG_TYPE = re.compile(rb"^content-type:(?:[^\n]|\n[ \t]){%d}" % LONGEST_FIELD, re.IGNORECASE | re.MULTILINE)
CHARSET = re.compile(r"""charset\*?\s*=\s*["']?([a-z0-9_-]{1,40})""", re.IGNORECASE)
CHARSETS = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5hkscs",
    "iso-8859-1": "cp1252",
    "iso-8859-15": "cp1252",
    "windows-1252": "cp1252",
    "iso-2022-jp": "iso2022_jp",
    "shift_jis": "cp932",
    "euc-kr": "cp949",
    "koi8-r": "koi8_r",
    "windows-1251": "cp1251",
}
"""Only these are read as they are named: some of Python's codecs are slow on purpose-made text, such as punycode."""
GUESSES = ("utf-8", "gb18030")
STYLE = re.compile(r"<style\b[^<>]*>[^<]*", re.IGNORECASE)
TAG = re.compile(r"<(?:/?[a-z!][^<>@]*|)>", re.IGNORECASE)
"""No @ in it, so that the address or the Message-ID in angle brackets that some write into HTML stays."""


def opened(raw: bytes) -> Mail | None:
    """The mail, cut to MOST_BYTES and MOST_LINES; None for one that is built to be costly or cannot be read."""
    mail = _plain(raw)
    if _is_costly(mail):
        return None
    try:
        return BytesParser().parsebytes(mail)
    except (ValueError, TypeError, LookupError):  # The library's on parameters of RFC 2231 that contradict each other.
        return None


def leaves(mail: Mail) -> Iterator[Mail]:
    """The parts of the mail itself in their order; a message that it returns is one leaf, whatever it holds."""
    waiting = [mail]
    while waiting:
        part = waiting.pop()
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            waiting.extend(reversed(enclosed(part)))
        else:
            yield part


def enclosed(part: Mail) -> tuple[Mail, ...]:
    """What the part is made of: parts, the message it returns, or the blocks of fields of a delivery status."""
    payload = part.get_payload() if part.is_multipart() else ()
    blocks = tuple(block for block in payload if isinstance(block, Message))
    packed = part.get_content_maintype() == "message" and field(part, "Content-Transfer-Encoding").lower() == "base64"
    return _unpacked(blocks) if packed and not any(block.keys() for block in blocks) else blocks


def fields(text: str) -> Mail:
    """Header fields that stand in a text, up to its first empty line."""
    return HeaderParser().parsestr(text)


def field(part: Mail, name: str) -> str:
    """The first header of this name on one line, cut to LONGEST_FIELD characters, or nothing."""
    return _one_line(part.get(name, ""))


def all_fields(part: Mail, name: str) -> tuple[str, ...]:
    """Every header of this name, ten at most."""
    return tuple(_one_line(value) for value in part.get_all(name, [])[:10])


def spoken(part: Mail, name: str) -> str:
    """The header as a person reads it, its encoded words decoded (RFC 2047)."""
    try:
        pieces = decode_header(field(part, name))
    except (HeaderParseError, ValueError):
        return ""
    return "".join(piece if isinstance(piece, str) else _decoded(piece, charset or "") for piece, charset in pieces)


def text(part: Mail) -> str:
    """The part as text without tags; whatever cannot be decoded stands as a replacement character."""
    try:
        content = part.get_payload(decode=True)
    except ValueError:  # Broken uuencode.
        return ""
    charset = CHARSET.search(field(part, "Content-Type"))
    said = _decoded(content if isinstance(content, bytes) else b"", charset[1] if charset else "")
    said = said.replace("\r\n", "\n").replace("\r", "\n")
    return _without_tags(said) if part.get_content_type() == "text/html" else said


def _unpacked(blocks: tuple[Mail, ...]) -> tuple[Mail, ...]:
    """What stands there in base64, which the library takes for the text of something without fields."""
    try:
        mail = opened(b64decode("".join(str(block.get_payload()) for block in blocks)))
    except ValueError:
        return ()
    return (mail,) if mail else ()


def _plain(raw: bytes) -> bytes:
    cut = raw[:MOST_BYTES].replace(b"\0", b"").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return b"\n".join(cut.split(b"\n", MOST_LINES)[:MOST_LINES])


def _is_costly(mail: bytes) -> bool:
    """Nesting is recursion in the library, and its reading of parameters takes the square of their length."""
    parts = mail.count(b"\n--")
    return parts > MOST_PARTS or len(CONTAINER.findall(mail)) > MOST_CONTAINERS or bool(LONG_TYPE.search(mail))


def _one_line(value: object) -> str:
    return " ".join(str(value)[:LONGEST_FIELD].split())


def _decoded(content: bytes, charset: str) -> str:
    for codec in (CHARSETS.get(charset.lower(), "utf-8"), *GUESSES):
        try:
            return content.decode(codec)
        except UnicodeDecodeError:
            continue
    return content.decode(errors="replace")


def _without_tags(html: str) -> str:
    bare = TAG.sub("\n", STYLE.sub("", html))
    try:
        return unescape(bare)
    except ValueError:  # A character reference of thousands of digits.
        return bare
