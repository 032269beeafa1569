"""Cleaning of texts from strangers before they are stored."""

import unicodedata

KEPT_THOUGH_INVISIBLE = "\n\t\u200c\u200d"
"""Line breaks, tabs, and the joiners with which Persian and emoji are written."""
INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""The Unicode categories of invisible characters. Cn is not among them: a character that our version of Unicode does
not know yet may be part of a name, or an emoji."""


def clean(text: str) -> str:
    """Return the text as a person sees it: plain line breaks, and no character that hides, steers or reverses text."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    seen = (character for character in lines if character in KEPT_THOUGH_INVISIBLE or _visible(character))
    return unicodedata.normalize("NFC", "".join(seen)).strip()


def _visible(character: str) -> bool:
    return unicodedata.category(character) not in INVISIBLE
