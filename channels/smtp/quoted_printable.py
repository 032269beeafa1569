"""Quoted-printable (RFC 2045, 6.7): any text as printable ASCII in short lines, none of which begins with a dot.

Pieces are encoded separately and joined by soft line breaks, so that a piece that all emails share is encoded once.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from html import escape

from amends.domain.channel.message import Passage

SOFT_BREAK = b"=\r\n"
LINE = 72
"""Bytes in a line; with the = of a soft break the line stays under the 76 of RFC 2045."""
PLAIN_VALUE = re.compile(r"[!-<>-~](?:[ -<>-~]{0,70}[!-<>-~])?")
"""A short value that needs no encoding, unless it begins with a dot."""
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
PLAIN = re.compile(rb"[ -~]*")
BYTE = tuple(bytes([code]) if 32 <= code < 127 and code != ord("=") else b"=%02X" % code for code in range(256))


def quoted(text: str) -> bytes:
    """Encode a text of any length, line breaks as CR LF. Raises ValueError for controls and lone surrogates."""
    if CONTROL.search(text):
        raise ValueError("control character")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return b"\r\n".join(map(_line, lines))


@lru_cache(512, typed=True)  # a person's stolen data and steps, two of the values, are the same for very many people
def quoted_value(value: str) -> bytes:
    """Encode a person's value, to stand between soft breaks.

    Raises ValueError as `quoted`, and for a line break in any value but a passage.
    """
    if isinstance(value, Passage):
        return quoted(value)
    if PLAIN_VALUE.fullmatch(value) and value[0] != ".":
        return value.encode()
    if "\r" in value or "\n" in value:
        raise ValueError("line break in a value")
    return quoted(value)


@lru_cache(512, typed=True)
def quoted_markup(value: str) -> bytes:
    """Encode a person's value for HTML, escaped so that it can be text or an attribute; a passage as its markup."""
    return quoted(value.markup) if isinstance(value, Passage) else quoted_value(escape(value))


def _line(line: str) -> bytes:
    encoded = line.encode()
    if PLAIN.fullmatch(encoded):
        encoded = encoded.replace(b"=", b"=3D")
    else:
        encoded = b"".join([BYTE[code] for code in encoded])
    if encoded.endswith(b" "):
        encoded = encoded[:-1] + b"=20"
    return SOFT_BREAK.join(_short_lines(encoded))


def _short_lines(encoded: bytes) -> Iterator[bytes]:
    """Yield lines that cut no encoded byte; a dot at the start of a line is encoded, as SMTP gives it a meaning."""
    start = 0
    while start < len(encoded):
        end = start + LINE
        if end < len(encoded) and (inside := encoded.rfind(b"=", end - 2, end)) >= 0:
            end = inside
        piece = encoded[start:end]
        yield b"=2E" + piece[1:] if piece.startswith(b".") else piece
        start = end
