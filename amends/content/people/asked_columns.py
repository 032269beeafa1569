"""Columns that are not kept, although they sound as if they said who has died, is a minor, or has a guardian."""

import re
from collections.abc import Iterable

from amends.domain.base.text import listed

ASKED = (
    ("who has died", re.compile(r"\bstatus\b|deceas|\bdied\b|death|\bdod\b|verstorb|todes|sterbe|已故|死亡|去世|身故")),
    ("who is a minor", re.compile(r"\bminor|\bage\b|birth|\bdob\b|geburt|minderj|未成年|出生|年龄|生日")),
    ("who has a guardian", re.compile(r"guardian|\bparents?\b(?! company)|vormund|erziehungs|监护|家长")),
)
"""The questions about a column, each with the titles that raise it, in small letters and with blanks for marks."""
ADVICE = "write deceased or minor into the column flags, and the id of a guardian's child into guardian_of"


def question(titles: Iterable[str]) -> str:
    """Return the question whether these columns say something about people that must be heeded, or an empty text."""
    asked = [f"does the column {title!r} say {about}?" for title in titles if (about := _about(title))]
    return " ".join(asked)


def asked_titles(titles: Iterable[str]) -> tuple[str, ...]:
    """Return those of the titles that raise a question."""
    return tuple(title for title in titles if _about(title))


def _about(title: str) -> str:
    words = re.sub(r"[_.\-\s]+", " ", title.lower())
    return listed(about for about, sign in ASKED if sign.search(words)) if words else ""
