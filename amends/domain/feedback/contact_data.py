"""Contact data in a text that somebody wrote: email addresses, phone numbers and references that it may hold.

Whether they are anybody's, only the ledger can say. The work is bounded whatever the text is.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from unicodedata import normalize

MOST_CHARACTERS = 1_000_000
MOST_OF_A_KIND = 20_000
"""The most addresses, numbers or references that are looked at."""
EMAIL = re.compile(r"[\w.%+'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}", re.ASCII)
PHONE_RUN = re.compile(r"[+(]?\d[\d()./ -]{5,200}", re.ASCII)
"""Digits as people write numbers: +49 30 123456, (030) 12 34 56, 138-0013-8000; several may stand side by side."""
FEWEST_DIGITS, MOST_DIGITS = 7, 15
REFERENCE = re.compile(r"(?<![\w@.+-])[A-Za-z0-9][A-Za-z0-9._/-]{2,39}(?![\w@])", re.ASCII)
"""A word such as C-00042 or K4711; a plain number counts from SHORTEST_NUMBER digits on, as a year or a sum is none."""
SHORTEST_NUMBER = 6


@dataclass(frozen=True, slots=True)
class Mentioned:
    """The contact data that a text may hold. Holds personal data: never log or print it."""

    emails: frozenset[str] = field(default=frozenset(), repr=False)
    """In lower case."""
    phones: frozenset[str] = field(default=frozenset(), repr=False)
    """In digits, those with a country code behind a plus."""
    refs: frozenset[str] = field(default=frozenset(), repr=False)
    """As written, in capitals and in small letters."""

    def __bool__(self) -> bool:
        return bool(self.emails or self.phones or self.refs)


def mentioned(text: str) -> Mentioned:
    """Return the contact data that the text may hold, of a longer text that of its first MOST_CHARACTERS."""
    looked_at = normalize("NFKC", text[:MOST_CHARACTERS])[:MOST_CHARACTERS]  # wide digits and spaces
    return Mentioned(_first(_emails(looked_at)), _first(_phones(looked_at)), _first(_references(looked_at)))


def international(phone: str, codes: Collection[int]) -> Iterator[str]:
    """Yield the ways to read a mentioned number as E.164: as it is, or as a number of a country with one of the codes.

    The zero before a national number belongs to the number in some countries, and not in others.
    """
    if phone.startswith("+"):
        yield phone
        return
    for code in codes:
        for digits in {phone, phone.removeprefix("0")}:
            yield f"+{code}{digits}"
        if phone.startswith(str(code)):
            yield f"+{phone}"


def _first(found: Iterator[str]) -> frozenset[str]:
    kept: set[str] = set()
    for one in found:
        kept.add(one)
        if len(kept) >= MOST_OF_A_KIND:
            break
    return frozenset(kept)


def _emails(text: str) -> Iterator[str]:
    return (found.lower() for found in EMAIL.findall(text))


def _phones(text: str) -> Iterator[str]:
    for run in PHONE_RUN.findall(text):
        groups = run.split()
        for start in range(len(groups)):
            yield from _numbers_from(groups[start : start + MOST_DIGITS])


def _numbers_from(groups: list[str]) -> Iterator[str]:
    """Yield the numbers that the first groups of digits may be together."""
    begins, digits = groups[0].lstrip("("), ""
    for group in groups:
        digits += "".join(filter(str.isdecimal, group))
        if len(digits) > MOST_DIGITS + 2:  # 00 before the country's code
            return
        if len(digits) >= FEWEST_DIGITS:
            yield _spelled(digits, with_code=begins.startswith("+"))


def _spelled(digits: str, *, with_code: bool) -> str:
    if with_code:
        return f"+{digits}"
    return f"+{digits[2:]}" if digits.startswith("00") else digits


def _references(text: str) -> Iterator[str]:
    for found in REFERENCE.findall(text):
        word = found.rstrip("._/-")
        has_digit = any(map(str.isdigit, word))
        if has_digit and (not word.isdigit() or len(word) >= SHORTEST_NUMBER):
            yield from (word, word.upper(), word.lower())
