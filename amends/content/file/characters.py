"""Characters that no text may hold, because they are invisible, steer machines, or mark slots inside the engine."""

import re
import unicodedata
from collections.abc import Iterator

from amends.content.file.codes import Code
from amends.content.file.document import Document
from amends.domain.base.errors import Finding

ODD_IN_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\uf8ff]")
"""Control characters other than newline and tab, lone surrogates, and the private-use characters that mark slots."""

BREAKS_HEADERS = re.compile(r"[\r\n\t]|=\?")
"""A line break, a tab or the start of an encoded word (RFC 2047): each can become a header of its own in an email."""

JOINERS = "\u200c\u200d"
"""Zero-width characters that are allowed, because Persian and several Indian scripts need them to write a name."""

HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""The Unicode categories of characters that no reader sees or that only machines read."""


def code_point(character: str) -> str:
    """Return a name for a character that cannot be shown, as in U+200B."""
    return f"U+{ord(character):04X}"


def hidden_character(text: str) -> str | None:
    """Return the first character of the text that no reader sees or that only machines read, or None.

    JOINERS do not count.
    """
    if text.isprintable():
        return None
    for character in text:
        if unicodedata.category(character) in HIDDEN and character not in JOINERS:
            return character
    return None


def odd_characters(document: Document) -> Iterator[Finding]:
    """Yield a finding for each text of the document that holds a control or private-use character."""
    for trail, text in document.texts():
        if odd := ODD_IN_TEXT.search(text):
            what = f"{code_point(odd[0])} stands in this text, at character {odd.start() + 1}"
            yield Finding(document.where(trail), Code.CHARACTER, what, "delete it and type the text again")
