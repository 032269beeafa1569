"""The secret token of a personal link, spelled for paper: no characters that look alike, in groups of three.

The spelling for paper encodes the same number, so it is as hard to guess, and links sent earlier still work.
"""

import re
from string import ascii_lowercase, ascii_uppercase, digits

AS_SENT = ascii_uppercase + ascii_lowercase + digits + "-_"
ON_PAPER = "23456789abcdefghijkmnpqrstuvwxyz"
"""The alphabet on paper: without 0 and o, 1 and l; capitals are read as lower case."""
SENT_LENGTH, PAPER_LENGTH, GROUP = 27, 33, 3
NOT_TYPED = re.compile(r"[\s.-]")


def on_paper(token: str) -> str:
    """Return the token as a paper letter prints it."""
    code = _spelled(_number(token, AS_SENT), ON_PAPER, PAPER_LENGTH)
    return "-".join(code[start : start + GROUP] for start in range(0, PAPER_LENGTH, GROUP))


def as_sent(typed: str) -> str:
    """Return the token for a code typed from a paper letter, in groups or not; return any other text unchanged."""
    code = NOT_TYPED.sub("", typed).lower()
    if len(code) != PAPER_LENGTH or not set(code) <= set(ON_PAPER):
        return typed
    return _spelled(_number(code, ON_PAPER), AS_SENT, SENT_LENGTH)


def _number(text: str, alphabet: str) -> int:
    number = 0
    for character in text:
        number = number * len(alphabet) + alphabet.index(character)
    return number


def _spelled(number: int, alphabet: str, length: int) -> str:
    text = ""
    for _ in range(length):
        number, place = divmod(number, len(alphabet))
        text = alphabet[place] + text
    return text
