"""Accounts to which compensation is paid: an IBAN, or a number with its bank."""

import re
import unicodedata

from pydantic import Field

from amends.domain.base.errors import Refusal
from amends.domain.base.value import Value

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
    "ß": "ss",
    "æ": "ae",
    "Æ": "AE",
    "ø": "o",
    "Ø": "O",
    "œ": "oe",
    "Œ": "OE",
    "ł": "l",
    "Ł": "L",
    "đ": "d",
    "Đ": "D",
    "ð": "d",
    "Ð": "D",
    "þ": "th",
    "Þ": "Th",
    "ı": "i",
    "’": "'",
    "`": "'",
    "–": "-",
    "&": "+",
}
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
    return bool(IBAN.fullmatch(joined)) or (joined[2:4].isdecimal() and _has_ibans(joined[:2]))


def _has_ibans(country: str) -> bool:
    """Return True for a country that the registry of ISO 13616 lists."""
    from stdnum import numdb  # what no command needs that reads no account

    return bool(numdb.get("iban").info(country)[0][1])


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
    from stdnum import iban
    from stdnum.exceptions import InvalidChecksum, ValidationError

    if not IBAN.fullmatch(text) or not text.isascii():
        return Refusal("an IBAN begins with two letters and two digits, as in DE89 3704 0044 0532 0130 00")
    if not _has_ibans(text[:2]):
        return Refusal(f"{text[:2]} is no country with IBANs")
    try:
        iban.validate(text, check_country=False)
    except InvalidChecksum:
        return Refusal("the check digits of this IBAN are wrong: a digit is mistyped, missing or too many")
    except ValidationError:
        return Refusal(f"no bank in {text[:2]} has such an IBAN: a character is mistyped, missing or too many")
    return None


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
