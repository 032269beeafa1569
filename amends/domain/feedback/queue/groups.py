"""Groups of questions that ask the same: a likeness of texts, and keyed marks by which alike texts are found quickly.

A text becomes a set of shingles: words that mean something and pairs of them, or pairs of characters in a script
without blanks. Two texts are alike when their sets are (Jaccard). The marks are a MinHash of the set in bands: alike
texts most probably have one in common. They are made with a secret key, so that nobody can confirm a guessed question
by its marks.
"""

import random
import re
import unicodedata
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import pairwise

from amends.domain.base.value import Moment, Value

ALIKE = 0.6
"""The likeness from which on two texts ask the same."""
BANDS, ROWS = 10, 3
"""Texts with a likeness of 0.6, 0.7, 0.8 have a mark in common in 91, 98, 99.9 of 100 cases; with 0.3 in 24."""
MOST_SHINGLES = 200
"""The shingles of a long text that count for its marks; those with the smallest hashes are taken."""
WORD = re.compile(r"[^\W_]+")
UNSPACED = re.compile(r"[⺀-鿿豈-﫿぀-ヿ]+")
"""Characters of Chinese and Japanese, which put no blanks between words."""
EMPTY = frozenset(
    # English
    "a an and are am as at be been by can could did do does for from had has have hello hi how i if in is it its "
    "me my of on or our please regards should so than thank thanks that the their them then there these they this "
    "to us was we were what when where which who will with would you your yours dear sir madam team among already "
    "also just must need now really tell "
    # German
    "aber als am an auch auf aus bei bin bitte da danke das dass dem den der des die dies diese dieser ein eine "
    "einem einen einer er es für grüße guten hallo hat habe haben herren damen sehr geehrte ich ihr ihre ihrer "
    "ihren im in ist kann können könnte mein meine meiner meinem meinen mir mich mit nach noch oder sein sich sie "
    "sind so tag um und uns dabei jetzt muss müssen schon soll sollte wirklich unter von vom war was welche "
    "welcher welches wenn wer wie wird wo zu zum zur "
    # French
    "à au aux avec bonjour ce ces cette cordialement dans de des du elle en est et il ils je la le les leur lui "
    "ma madame mais me merci mes mon monsieur ne nous ont ou où par plaît pour quand que quel quelle quelles "
    "quels qui sa maintenant dois faut déjà se ses si sont sur ta te tes ton tu un une vos votre vous y".split()
)
"""Words that tell nothing of what is asked. A word that denies, such as not, is none of them."""
EMPTY_CHARACTERS = frozenset("的了吗呢吧啊呀我你您他她们是在请问有没里中内和与及也就都还想要能会可以谢您好")
"""The same in Chinese."""
PRIME = (1 << 61) - 1
_chance = random.Random(1)  # noqa: S311 - fixed numbers; the secret is in the hash of each shingle
STEPS = tuple((_chance.randrange(1, PRIME), _chance.randrange(PRIME)) for _ in range(BANDS * ROWS))


class GroupLine(Value):
    """One group of questions that ask the same, without words."""

    id: int
    topic: str
    """The topic of the example."""
    questions: int
    open: int
    """The questions among them without an answer."""
    first_at: Moment
    last_at: Moment
    example: int
    """The question that stands for the group."""
    answered: int | None = None
    """The question of the group that was answered last, whose answer fits the others; None as long as none was."""


def shingles(text: str) -> frozenset[str]:
    """Return the shingles of a text; capitals, width and signs make no difference."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return frozenset((*_of_words(UNSPACED.sub(" ", plain)), *_of_characters(UNSPACED.findall(plain))))


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the share of shingles that both texts have, from 0 to 1 (Jaccard)."""
    return len(one & other) / len(one | other) if one and other else 0.0


def marks(of: frozenset[str], key: bytes) -> tuple[int, ...]:
    """Return the marks of a text's shingles, one for each band; none for a text without words."""
    hashes = sorted(int.from_bytes(blake2b(one.encode(), key=key, digest_size=8).digest()) for one in of)
    if not hashes:
        return ()
    least = [min((step * hash_ + begin) % PRIME for hash_ in hashes[:MOST_SHINGLES]) for step, begin in STEPS]
    return tuple(_mark(band, least[band * ROWS : (band + 1) * ROWS], key) for band in range(BANDS))


def _mark(band: int, rows: Iterable[int], key: bytes) -> int:
    """Return the mark as a number that fits into a signed column of 64 bits."""
    spelled = f"{band}:{','.join(map(str, rows))}".encode()
    return int.from_bytes(blake2b(spelled, key=key, digest_size=8).digest()) >> 1


def _of_words(text: str) -> Iterator[str]:
    words = WORD.findall(text)
    telling = [word for word in words if word not in EMPTY] or words
    yield from telling
    yield from (f"{one} {two}" for one, two in pairwise(telling))


def _of_characters(runs: Iterable[str]) -> Iterator[str]:
    for run in runs:
        telling = "".join(one for one in run if one not in EMPTY_CHARACTERS) or run
        yield from (map("".join, pairwise(telling)) if len(telling) > 1 else (telling,))
