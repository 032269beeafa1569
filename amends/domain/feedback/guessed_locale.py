"""The locale of a writer whom nobody knows, guessed from the writing alone."""

from collections.abc import Sequence

CHINESE = "zh-CN"
HAN, OTHER = range(0x4E00, 0xA000), range(0x3040, 0x3100)
"""Chinese characters; and kana, which only Japanese has."""
SHARE = 0.2
"""The share of Chinese characters among the letters from which on a text is Chinese."""


def guessed_locale(words: str, offered: Sequence[str], default: str) -> str:
    """Return zh-CN for a text in Chinese characters, if it is among the offered locales; else the default."""
    letters = [ord(character) for character in words if character.isalpha()]
    han, kana = sum(letter in HAN for letter in letters), sum(letter in OTHER for letter in letters)
    is_chinese = bool(letters) and not kana and han >= SHARE * len(letters)
    return CHINESE if is_chinese and CHINESE in offered else default
