"""Letters of different scripts that look alike, by which one name passes for another."""

from unicodedata import name as name_of
from unicodedata import normalize

SCRIPTS = frozenset({"LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "CHEROKEE"})
"""The scripts of which many letters look alike, as the Unicode names of their letters begin."""
LIKE_LATIN = str.maketrans("аеорсухіјѕһӏԁԛԝαινορυοսօհ", "aeopcyxijshldqwaivopyouoh")
"""Small letters of other scripts, each with the Latin letter that nobody can tell from it."""


def mixes_look_alikes(text: str) -> bool:
    """Return True when letters of several scripts that look alike stand side by side; Latin beside Han is usual."""
    if text.isascii():
        return False
    scripts = {name_of(letter, "").partition(" ")[0] for letter in text if letter.isalpha()}
    return len(scripts & SCRIPTS) > 1


def spelled_alike(text: str) -> str:
    """Return one spelling for all texts that look the same: no capitals, no full width, Latin letters where they pass.

    The spelling is for comparison only.
    """
    return normalize("NFKC", normalize("NFKC", text).casefold()).translate(LIKE_LATIN)


def passes_for_latin(text: str) -> bool:
    """Return True when a text without a Latin letter reads as Latin: every letter looks like one."""
    return not text.isascii() and spelled_alike(text).isascii()
