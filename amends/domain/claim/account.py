"""Accounts to which compensation is paid: an IBAN, or a number with its bank."""

import re
import unicodedata

from pydantic import Field

from amends.domain.base.errors import Refusal
from amends.domain.base.value import Value

IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18,
    "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SD": 18,
    "SE": 24, "SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22,
    "VG": 24, "XK": 20,
}  # fmt: skip
"""The length of an IBAN by country (registry of ISO 13616)."""
IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
BIC = re.compile(r"[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?")
"""A BIC of 8 or 11 characters (ISO 9362): DEUTDEFF, DEUTDEFF500."""
NUMBER = re.compile(r"[0-9A-Za-z][0-9A-Za-z /-]{2,33}")
LONGEST_NAME = 70
"""The most characters of a name in a payment file (Max70Text in the EPC's rules)."""
LONGEST_BANK = 140
NOT_IN_SEPA = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]")
"""A character outside of those that every bank in SEPA takes (EPC217-08)."""
LETTERS = {
    "ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D",
    "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i", "’": "'", "`": "'", "–": "-", "&": "+",
}  # fmt: skip
"""Letters that no decomposition leads to a letter of SEPA, with what is written instead."""


class Account(Value):
    """An account that a person named for a payment. Personal data: never log or print it."""

    holder: str = Field(repr=False)
    iban: str = Field(default="", repr=False)
    bic: str = Field(default="", repr=False)
    number: str = Field(default="", repr=False)
    """The account's number where there are no IBANs."""
    bank: str = Field(default="", repr=False)
    """The bank of an account without an IBAN: its name, or the country's code for it, as CNAPS in China."""

    @property
    def identity(self) -> str:
        """Return what is equal for equal accounts, whoever names them."""
        return self.iban or f"{self.bank.casefold()} {self.number.casefold()}"

    @property
    def hidden(self) -> str:
        """Return the last four characters of the number, enough for its owner to know the account."""
        return (self.iban or self.number)[-4:]


class UnfitAccount(ValueError):
    """An account that cannot be paid to; `field` is holder, account or bank."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


class UnfitLetters(UnfitAccount):
    """A holder's name in letters that banks with IBANs do not take."""


def read_account(holder: str, account: str, bank: str = "") -> Account:
    """Return the account as it is stored. Raises UnfitAccount; its words hold nothing of what was given.

    Beside an IBAN the holder's name is in letters that each bank takes, and `bank` is a BIC; anything else there is
    left out, because an IBAN names its bank. Any other number needs the bank's name or code, and takes any letters.
    """
    name, number, at = (" ".join(unicodedata.normalize("NFKC", one).split()) for one in (holder, account, bank))
    if not name or len(name) > LONGEST_NAME:
        raise UnfitAccount("holder", f"the name of the account's holder has 1 to {LONGEST_NAME} characters")
    joined = re.sub(r"[ .-]", "", number).upper()
    if _looks_like_iban(joined):
        return _with_iban(name, joined, at)
    if not NUMBER.fullmatch(number):
        raise UnfitAccount("account", "this is neither an IBAN nor the number of an account")
    if not at or len(at) > LONGEST_BANK:
        raise UnfitAccount("bank", "an account without an IBAN needs the name or the code of its bank")
    return Account(holder=name, number=number.replace(" ", ""), bank=at)


def _looks_like_iban(joined: str) -> bool:
    """Return True for an IBAN, and for one that is too short or has a mistyped country."""
    return bool(IBAN.fullmatch(joined)) or (joined[:2] in IBAN_LENGTHS and joined[2:4].isdecimal())


def _with_iban(name: str, joined: str, bank: str) -> Account:
    if why := why_not_iban(joined):
        raise UnfitAccount("account", why)
    if not sepa_text(name):
        raise UnfitLetters("holder", "an IBAN needs the holder's name in Latin letters, as the bank writes it")
    bic = bank.replace(" ", "").upper()
    fits = BIC.fullmatch(bic) and bic[4:6] == joined[:2]
    return Account(holder=name, iban=joined, bic=bic if fits else "")


def why_not_iban(text: str) -> Refusal | None:
    """Return why this text, without spaces and in capitals, is no IBAN, or None (ISO 13616, ISO 7064 MOD 97-10)."""
    if not IBAN.fullmatch(text) or not text.isascii():
        return Refusal("an IBAN begins with two letters and two digits, as in DE89 3704 0044 0532 0130 00")
    if text[:2] not in IBAN_LENGTHS:
        return Refusal(f"{text[:2]} is no country with IBANs")
    if len(text) != IBAN_LENGTHS[text[:2]]:
        return Refusal(f"an IBAN of {text[:2]} has {IBAN_LENGTHS[text[:2]]} characters")
    digits = "".join(str(int(character, 36)) for character in text[4:] + text[:4])
    return None if int(digits) % 97 == 1 else Refusal("the check digits of this IBAN are wrong: a digit is mistyped")


def sepa_text(text: str) -> str | None:
    """Return a text in the characters that every bank in SEPA takes (EPC217-08); None when a letter cannot be written.

    An accent is left out. Other signs become a full stop, so that nobody's name reads as another's.
    """
    written = []
    for character in unicodedata.normalize("NFKC", text):
        plain = LETTERS.get(character) or _without_accent(character)
        if NOT_IN_SEPA.search(plain):
            if unicodedata.category(character)[0] == "L":
                return None
            plain = "."
        written.append(plain)
    return " ".join("".join(written).split())


def _without_accent(character: str) -> str:
    bare = unicodedata.normalize("NFKD", character)
    return "".join(one for one in bare if not unicodedata.combining(one)) or ""
