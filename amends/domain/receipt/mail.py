"""Parsing of a mail from a stranger into parts, text and fields, at a bounded cost whatever the bytes."""

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
"""The rest is cut off: the content of a report, and the headers that a report returns, stand at its beginning."""
MOST_LINES = 20_000
MOST_PARTS = 200
MOST_CONTAINERS = 30
"""The most multipart and message types named anywhere in a mail, which also bounds the depth of nesting."""
LONGEST_FIELD = 1_000
"""The number of characters of a header that are read."""

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
"""The only charsets decoded by their name: some of Python's codecs, such as punycode, are slow on hostile text."""
GUESSES = ("utf-8", "gb18030")
STYLE = re.compile(r"<style\b[^<>]*>[^<]*", re.IGNORECASE)
TAG = re.compile(r"<(?:/?[a-z!][^<>@]*|)>", re.IGNORECASE)
"""A tag without @, so that an address or a Message-ID that some write into HTML in angle brackets stays."""


def parsed(raw: bytes, most_bytes: int = MOST_BYTES, most_lines: int = MOST_LINES) -> Mail | None:
    """Return the mail, cut to so many bytes and lines, or None for one that is built to be costly or is malformed."""
    mail = _plain(raw, most_bytes, most_lines)
    if _is_costly(mail):
        return None
    try:
        return BytesParser().parsebytes(mail)
    except (ValueError, TypeError, LookupError):  # The library raises these on contradicting parameters (RFC 2231).
        return None


def leaves(mail: Mail) -> Iterator[Mail]:
    """Yield the parts of the mail in their order; a message that the mail returns is one leaf, whatever it holds."""
    waiting = [mail]
    while waiting:
        part = waiting.pop()
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            waiting.extend(reversed(enclosed(part)))
        else:
            yield part


def enclosed(part: Mail) -> tuple[Mail, ...]:
    """Return the content of a part: its parts, the message it returns, or the blocks of fields of a delivery status."""
    payload = part.get_payload() if part.is_multipart() else ()
    blocks = tuple(block for block in payload if isinstance(block, Message))
    packed = part.get_content_maintype() == "message" and field(part, "Content-Transfer-Encoding").lower() == "base64"
    return _from_base64(blocks) if packed and not any(block.keys() for block in blocks) else blocks


def fields(text: str) -> Mail:
    """Parse the header fields of a text, up to its first empty line."""
    return HeaderParser().parsestr(text)


def field(part: Mail, name: str) -> str:
    """Return the first header of this name on one line, cut to LONGEST_FIELD characters, or an empty text."""
    return _one_line(part.get(name, ""))


def all_fields(part: Mail, name: str) -> tuple[str, ...]:
    """Return the headers of this name, ten at most."""
    return tuple(_one_line(value) for value in part.get_all(name, [])[:10])


def decoded_field(part: Mail, name: str) -> str:
    """Return the header with its encoded words decoded (RFC 2047), or an empty text when they are malformed.

    Some mail programs write UTF-8 or GB 18030 into headers as it is.
    """
    written = next((value for key, value in part.raw_items() if key.lower() == name.lower()), "")
    if not written.isascii():
        return _one_line(_decoded(written.encode(errors="surrogateescape"), ""))
    try:
        pieces = decode_header(field(part, name))
    except (HeaderParseError, ValueError):
        return ""
    return "".join(piece if isinstance(piece, str) else _decoded(piece, charset or "") for piece, charset in pieces)


def text(part: Mail) -> str:
    """Return the part as text without tags, with a replacement character for bytes that cannot be decoded."""
    plain = decoded(part)
    return without_tags(plain) if part.get_content_type() == "text/html" else plain


def decoded(part: Mail) -> str:
    """Return the part as text, tags included, with a replacement character for bytes that cannot be decoded."""
    try:
        content = part.get_payload(decode=True)
    except ValueError:  # Broken uuencode.
        return ""
    charset = CHARSET.search(field(part, "Content-Type"))
    plain = _decoded(content if isinstance(content, bytes) else b"", charset[1] if charset else "")
    return plain.replace("\r\n", "\n").replace("\r", "\n")


def without_tags(html: str) -> str:
    """Return the text of the HTML, each tag replaced by the end of a line."""
    bare = TAG.sub("\n", STYLE.sub("", html))
    try:
        return unescape(bare)
    except ValueError:  # A character reference of thousands of digits.
        return bare


def _from_base64(blocks: tuple[Mail, ...]) -> tuple[Mail, ...]:
    """Return the message in base64, which the library takes for the text of a message without fields."""
    try:
        mail = parsed(b64decode("".join(str(block.get_payload()) for block in blocks)))
    except ValueError:
        return ()
    return (mail,) if mail else ()


def _plain(raw: bytes, most_bytes: int, most_lines: int) -> bytes:
    cut = raw[:most_bytes].replace(b"\0", b"").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return b"\n".join(cut.split(b"\n", most_lines)[:most_lines])


def _is_costly(mail: bytes) -> bool:
    """Return True when the library would recurse deeply, or need time quadratic in the length of a parameter."""
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
