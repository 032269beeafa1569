"""How hard a text is to read: its sentences, and the school grade that English asks for."""

import re

LINK = re.compile(
    r"""(?:https?://|www\.)[^\s<>()\[\]"'，。；、！？】）]*"""
    r"""|(?<!@)\b(?:[a-z0-9-]{1,63}\.){1,10}[a-z]{2,63}/[^\s<>()\[\]"'，。；、！？】）]*""",
    re.IGNORECASE,
)
"""An address that a mail program or a telephone makes into a link, with a scheme or without."""

MARKUP = re.compile(r"^\s*(?:#+|[-*+>]|\d+[.)])\s+|[*_`\[\]]|\(link\)", re.MULTILINE)
ENDS = re.compile(r"[.!?](?=[\s)\"”]|$)|[。！？；：]|\n\s*\n|\n(?=\s*(?:#|[-*+]\s|\d+[.)]\s))")
VOWELS = re.compile(r"[aeiouy]+")


def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a Markdown text, without its markup; a heading or a point of a list is one too."""
    cut = (MARKUP.sub("", part).strip() for part in ENDS.split(LINK.sub("link", text)))
    return tuple(sentence for sentence in cut if re.search(r"\w", sentence))


def words(sentence: str) -> tuple[str, ...]:
    """The words of a sentence in a language that parts them by spaces."""
    return tuple(re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", sentence))


def grade(text: str) -> float:
    """The school grade of an English text after Flesch and Kincaid; 8 is what most adults read with ease."""
    said = [words(sentence) for sentence in sentences(text)]
    all_words = [word for sentence in said for word in sentence]
    if not all_words:
        return 0.0
    syllables = sum(map(_syllables, all_words))
    return 0.39 * len(all_words) / len(said) + 11.8 * syllables / len(all_words) - 15.59


def _syllables(word: str) -> int:
    spoken = re.sub(r"(?<=[^aeiouyl])e$|(?<=[^aeiouytd])ed$|(?<=[^aeiouysxzc])es$", "", word.lower())
    return max(len(VOWELS.findall(spoken)), 1)
