"""The readability of a text: its sentences and words, and the school grade of an English text."""

import re

LINK = re.compile(
    r"""(?:https?://|www\.)[^\s<>()\[\]"'，。；、！？】）]*"""
    r"""|(?<!@)\b(?:[a-z0-9-]{1,63}\.){1,10}[a-z]{2,63}/[^\s<>()\[\]"'，。；、！？】）]*""",
    re.IGNORECASE,
)
"""An address, with a scheme or without, that a mail program or a telephone turns into a link."""

MARKUP = re.compile(r"^\s*(?:#+|[-*+>]|\d+[.)])\s+|\((?:mailto|tel):[^)\s]*\)|[*_`\[\]]|\(link\)", re.MULTILINE)
ENDS = re.compile(r"[.!?](?=[\s)\"”]|$)|[。！？；：]|\n\s*\n|\n(?=\s*(?:#|[-*+]\s|\d+[.)]\s))")
VOWELS = re.compile(r"[aeiouy]+")


def sentences(text: str) -> tuple[str, ...]:
    """Return the sentences of a Markdown text, without markup; a heading or a list item is a sentence too."""
    cut = (MARKUP.sub("", part).strip() for part in ENDS.split(LINK.sub("link", text)))
    return tuple(sentence for sentence in cut if re.search(r"\w", sentence))


def words(sentence: str) -> tuple[str, ...]:
    """Return the words of a sentence in a language that separates words by spaces."""
    return tuple(re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", sentence))


def grade(text: str) -> float:
    """Return the Flesch-Kincaid school grade of an English text; most adults read grade 8 with ease."""
    said = [words(sentence) for sentence in sentences(text)]
    all_words = [word for sentence in said for word in sentence]
    if not all_words:
        return 0.0
    syllables = sum(map(_syllables, all_words))
    return 0.39 * len(all_words) / len(said) + 11.8 * syllables / len(all_words) - 15.59


def _syllables(word: str) -> int:
    spoken = re.sub(r"(?<=[^aeiouyl])e$|(?<=[^aeiouytd])ed$|(?<=[^aeiouysxzc])es$", "", word.lower())
    return max(len(VOWELS.findall(spoken)), 1)
