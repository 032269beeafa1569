"""The secret part of a personal link as people type it from paper: no letters that look alike, in groups of three.

It is the same number in another spelling, so it is as hard to guess, and every link that was ever given still works.
"""

import re
from string import ascii_lowercase, ascii_uppercase, digits

AS_SENT = ascii_uppercase + ascii_lowercase + digits + "-_"
ON_PAPER = "23456789abcdefghijkmnpqrstuvwxyz"
"""Without 0 and o, 1 and l; capitals are read as small letters."""
SENT_LENGTH, PAPER_LENGTH, GROUP = 27, 33, 3
NOT_TYPED = re.compile(r"[\s.-]")


def on_paper(token: str) -> str:
    """The token as a letter prints it."""
    letters = _spelled(_number(token, AS_SENT), ON_PAPER, PAPER_LENGTH)
    return "-".join(letters[start : start + GROUP] for start in range(0, PAPER_LENGTH, GROUP))


def as_sent(typed: str) -> str:
    """The token that a letter prints so, with or without its groups; any other text as it is."""
    letters = NOT_TYPED.sub("", typed).lower()
    if len(letters) != PAPER_LENGTH or not set(letters) <= set(ON_PAPER):
        return typed
    return _spelled(_number(letters, ON_PAPER), AS_SENT, SENT_LENGTH)


def _number(text: str, letters: str) -> int:
    number = 0
    for letter in text:
        number = number * len(letters) + letters.index(letter)
    return number


def _spelled(number: int, letters: str, length: int) -> str:
    text = ""
    for _ in range(length):
        number, place = divmod(number, len(letters))
        text = letters[place] + text
    return text
