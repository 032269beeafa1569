"""The checks of the columns of an audience file. A cell is used as it stands or refused; nothing is repaired.

Each check returns the value of the cell, or raises UnfitCell. The reason in UnfitCell is shown and stored, so it never
holds the content of the cell.
"""

import re
import unicodedata
from datetime import date, timedelta
from difflib import get_close_matches
from enum import StrEnum
from functools import cache, lru_cache
from typing import TypeVar

from amends.content.file.characters import BREAKS_HEADERS, code_point, hidden_character
from amends.content.file.countries import COUNTRIES
from amends.content.people.phone_numbers import OF_NO_COUNTRY, numbering_plan
from amends.domain.base.audience import EVERYONE, Segment, audience_of
from amends.domain.base.look_alikes import mixes_look_alikes, passes_for_latin
from amends.domain.base.value import LOCALE
from amends.domain.incident.facts import DataCategory
from amends.domain.people.person import NULL_LIKE, Flag

Word = TypeVar("Word", bound=StrEnum)

LONGEST = 200
_PLAIN = re.compile(r"[!-~](?:[ -~]{0,198}[!-~])?")
LONGEST_ADDRESS = 500

NO_NAME, ODD_NAME = "no_name", "odd_name"
"""The codes of cells that hold no name, or one that nobody should read in a message."""
_NO_WORD = NULL_LIKE | {"nan"}
_NO_NAME = _NO_WORD | {"0"}
_LETTER = "[A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u017f\u4e00-\u9fff]"
_PLAIN_NAME = re.compile(rf"{_LETTER}{{1,40}}(?:[ '’-]{_LETTER}{{1,40}}){{0,3}}")
"""The form that most names have, in which no other check can find anything."""
_ODD_NAME = re.compile(
    r"[{}<>@]|[a-z][a-z0-9+.-]+:/|\bwww\.|[^\s.]{2}\.(?:com|net|org|info|biz|io|ly|ru|cn|de|uk|eu|fr|top|xyz|app|dev|"
    r"shop|site|online|link|click|example)(?![a-z.])",
    re.IGNORECASE,
)
"""A sign of a link, an address of email or a template, which mail programs or readers would follow."""

_EMAIL = re.compile(
    r"(?![^@]{65})(?!.*--)[A-Za-z0-9_][A-Za-z0-9_+'=~-]*(?:\.[A-Za-z0-9_+'=~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+([A-Za-z]{2,63})"
)
"""The plain form that nearly all addresses have; any other address is checked by email_validator, which is slower."""
LONGEST_EMAIL = 254
_NO_MAIL = frozenset({"arpa", "invalid", "local", "localhost", "onion"})
"""Top-level domains to which no email can be sent."""
_STEERS_MAIL = re.compile(r"[\s,;:<>()\[\]\\\"%!?|`{}]")
LONGEST_LOCAL_PART = 64

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WRITE_THE_DAY = "write the day on which the person consented, as in 2025-03-31, or leave the cell empty"
_PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{3,30}")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_NUMBER_OF_A_SPREADSHEET = re.compile(r"[-+]?\d+(?:[.,]\d+)?[eE]\+?\d+|\d+[.,]0+")
"""A text that a spreadsheet has turned into a number: 1.23E+11, 4711.0."""

_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
_LOOKS_LATIN = re.compile(r"[\u0370-\u03ff\u0400-\u052f\u0530-\u058f\u13a0-\u13ff]")
"""Greek, Cyrillic, Armenian and Cherokee letters, of which many look like Latin ones."""


class UnfitCell(Exception):
    """The refusal of a cell that cannot be used; the code is stable, the reason is for people."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


def text(cell: str, longest: int = LONGEST) -> str:
    """Return one line of visible characters, in NFC, without space around it; may be empty."""
    if not cell or _PLAIN.fullmatch(cell):
        return cell
    if cell.strip() != cell:
        raise UnfitCell("spaces", "there is white space before or after the text")
    if hidden := hidden_character(cell):
        raise UnfitCell("characters", f"the character {code_point(hidden)} cannot be seen or breaks lines")
    if "\ufffd" in cell:
        raise UnfitCell("characters", "a character was lost when the file was converted (U+FFFD)")
    if len(cell) > longest:
        raise UnfitCell("too_long", f"longer than {longest} characters")
    if not unicodedata.is_normalized("NFC", cell):
        raise UnfitCell("not_nfc", "letters and their accents are written apart; save the text in Unicode form NFC")
    return cell


def needed(cell: str) -> str:
    """Return a text that is not empty."""
    if not cell:
        raise UnfitCell("missing", "is empty")
    return text(cell)


def customer_id(cell: str) -> str:
    """Return the company's own id for the person."""
    return _no_spreadsheet_number(needed(cell))


def guardian_of(cell: str) -> str:
    """Return the id of another row, the child's; may be empty."""
    return _no_spreadsheet_number(text(cell))


def name(cell: str) -> str:
    """Return a name that can stand in a header of an email and in a greeting.

    The code of UnfitCell is NO_NAME or ODD_NAME when the person can be told without the name.
    """
    if cell.lower() in _NO_NAME:
        raise UnfitCell(NO_NAME, "the export wrote a word for 'nothing' as the name")
    if _PLAIN_NAME.fullmatch(cell):
        return cell
    whole = needed(cell)
    if BREAKS_HEADERS.search(whole):
        raise UnfitCell("encoded_word", "'=?' stands in it, which mail programs take for an encoded header")
    if _ODD_NAME.search(whole):
        raise UnfitCell(ODD_NAME, "the name holds a link, an address or a brace")
    if not any(map(str.isalnum, whole)):
        raise UnfitCell("characters", "there is no letter in it")
    return whole


def region(cell: str) -> str:
    """Return a state or province; may be empty."""
    return text(cell)


def postal_address(cell: str) -> str:
    """Return free text, its lines separated by line feeds; may be empty."""
    if "\n" not in cell:
        return text(cell, LONGEST_ADDRESS)
    if len(cell) > LONGEST_ADDRESS:
        raise UnfitCell("too_long", f"longer than {LONGEST_ADDRESS} characters")
    for line in cell.replace("\r\n", "\n").split("\n"):
        text(line, LONGEST_ADDRESS)
    return cell


@lru_cache(4096)
def segment(cell: str) -> str:
    """Return the name of a part of the audience; may be empty."""
    if cell == EVERYONE:
        raise UnfitCell("segment", f"{EVERYONE!r} is the whole audience and cannot be a segment")
    if not isinstance(audience_of(cell), Segment):
        raise UnfitCell("segment", f"a segment cannot begin with {cell.partition(':')[0]}:, which names an audience")
    return text(cell)


@lru_cache(4096)
def locale(cell: str) -> str:
    """Return a locale as BCP 47 writes it."""
    if not LOCALE.fullmatch(needed(cell)):
        raise UnfitCell("locale", "a locale is written as in en, zh-CN or zh-Hant-TW")
    return cell


@lru_cache(4096)
def country(cell: str) -> str:
    """Return a country as ISO 3166-1 alpha-2 writes it."""
    if needed(cell) not in COUNTRIES:
        raise UnfitCell("country", "a country is two capital letters of ISO 3166-1, as in CN, DE or GB")
    return cell


@lru_cache(4096)
def timezone(cell: str) -> str:
    """Return an IANA time zone; may be empty."""
    if cell and cell not in _zones():
        raise UnfitCell("timezone", "a time zone is written as in Asia/Shanghai or Europe/Berlin")
    return cell


@cache
def _zones() -> frozenset[str]:
    from zoneinfo import available_timezones

    return frozenset(available_timezones())


@lru_cache(4096)
def data(cell: str) -> tuple[DataCategory, ...]:
    """Return kinds of data, separated by | in the cell; may be empty."""
    return tuple(_words(cell, DataCategory))


@lru_cache(4096)
def flags(cell: str) -> frozenset[Flag]:
    """Return flags, separated by | in the cell; may be empty."""
    return frozenset(_words(cell, Flag))


def consents_to_email(cell: str) -> date | None:
    """Return the day on which the person consented to notice by email; None for an empty cell."""
    if not cell:
        return None
    if not _DAY.fullmatch(cell):
        raise UnfitCell("consent", f"only the day of the consent shows that there is one: {_WRITE_THE_DAY}")
    try:
        return date.fromisoformat(cell)
    except ValueError:
        raise UnfitCell("consent", f"there is no such day: {_WRITE_THE_DAY}") from None


def not_after(day: date, today: date) -> date:
    """Return the day, unless it is yet to come; in the east a day begins before it does in UTC."""
    if day > today + timedelta(days=1):
        raise UnfitCell("consent", f"the day is yet to come: {_WRITE_THE_DAY}")
    return day


def _words(cell: str, kind: type[Word]) -> dict[Word, None]:
    """Return each word of the cell once, in the order of the cell."""
    known = {word.value: word for word in kind}
    words = cell.split("|") if cell else []
    for place, word in enumerate(words, 1):
        if word not in known:
            near = get_close_matches(word[:80], known, 1)
            advice = f"did you mean {near[0]}?" if near else "words are parted by |"
            raise UnfitCell("unknown_word", f"word {place} is not known; {advice}")
    return dict.fromkeys(known[word] for word in words)


def email(cell: str) -> str:
    """Return one email address with its domain in ASCII, as it is sent; may be empty."""
    if not cell:
        return cell
    plain = _EMAIL.fullmatch(cell)
    if plain and len(cell) <= LONGEST_EMAIL and plain[1].lower() not in _NO_MAIL:
        return cell
    return _unusual_email(_no_null(text(cell, LONGEST_EMAIL)))


def _unusual_email(cell: str) -> str:
    from email_validator import EmailNotValidError, validate_email

    local = cell.rpartition("@")[0]
    if _STEERS_MAIL.search(cell) or "@" in local or local.startswith("-") or len(local) > LONGEST_LOCAL_PART:
        raise UnfitCell(
            "email", "exactly one plain address is expected, without a name, a list or signs that steer mail"
        )
    if not local.isascii():
        raise UnfitCell("smtputf8", "there are letters before the @ that not every mail server takes")
    try:
        # The reserved domain .test is accepted, because people try Amends out with it.
        found = validate_email(cell, check_deliverability=False, allow_smtputf8=False, test_environment=True)
    except EmailNotValidError:
        raise UnfitCell("email", "this is not an email address") from None
    if cell.lower() not in (found.normalized.lower(), (found.ascii_email or "").lower()):
        raise UnfitCell("email", "the domain holds look-alike characters")
    if any(mixes_look_alikes(label) or passes_for_latin(label) for label in found.domain.split(".")):
        raise UnfitCell("look_alike_domain", "the domain passes for another by letters that look alike")
    return f"{local}@{found.ascii_domain}"


def plain_address(cell: str) -> str:
    """Return one address without a form of its own; may be empty."""
    return _no_null(text(cell))


def phone(cell: str, home: str) -> str:
    """Return the phone number as E.164; may be empty. Without + or 00 it is read as a number of the home country."""
    if not cell or _is_e164(cell):
        return cell
    _no_spreadsheet_number(_no_null(text(cell)))
    if not _PHONE.fullmatch(cell):
        raise UnfitCell("phone", "a phone number is written in digits, best as in +4915112345678")
    number = f"+{cell[2:]}" if cell.startswith("00") else cell
    return number if _is_e164(number) else read_phone(number, home if is_national(cell) else None)


def is_national(cell: str) -> bool:
    """Return True for a phone number without + or 00, which is only complete together with a country."""
    return bool(cell) and not cell.startswith(("+", "00"))


def _is_e164(number: str) -> bool:
    """Return True when the number is assigned and spelled as `read_phone`, which takes six times as long, spells it."""
    plan = numbering_plan(number[1:4]) if _E164.fullmatch(number) else None
    if plan is None:
        return False
    national = number[1 + len(plan.code) :]
    if national.startswith("0") or (plan.prefix and plan.prefix.match(national)):
        return False  # the first digits may be a prefix that is not part of the number
    return plan.assigns(national)


def read_phone(number: str, home: str | None) -> str:
    """Return a phone number of any form as E.164; without + it is read as a number of the home country.

    Raises UnfitCell when no such number is assigned, and for a premium number and one of no country.
    """
    from phonenumbers import (
        NumberParseException,
        PhoneNumberFormat,
        PhoneNumberType,
        format_number,
        is_valid_number,
        number_type,
        parse,
        region_code_for_country_code,
    )

    try:
        parsed = parse(number, home)
    except NumberParseException:
        raise UnfitCell("phone", "this is not a phone number; write it as in +4915112345678") from None
    if not is_valid_number(parsed):
        raise UnfitCell("phone", "no such number is assigned; write it with + and the country's code")
    if number_type(parsed) == PhoneNumberType.PREMIUM_RATE:
        raise UnfitCell("premium_number", "this is a premium number: its owner is paid by whoever writes there")
    if region_code_for_country_code(parsed.country_code or 0) == OF_NO_COUNTRY:
        raise UnfitCell("number_of_no_country", "this number is of a satellite or a service, not of a country")
    return format_number(parsed, PhoneNumberFormat.E164)


def _no_null(cell: str) -> str:
    if cell.lower() in _NO_WORD:
        raise UnfitCell("null_like", "the export wrote a word for 'nothing'; leave the cell empty")
    return cell


def _no_spreadsheet_number(cell: str) -> str:
    if cell and _NUMBER_OF_A_SPREADSHEET.fullmatch(cell):
        raise UnfitCell(
            "spreadsheet_number", "a spreadsheet turned it into a number and lost digits; export it as text"
        )
    return cell


def mixes_scripts(whole: str) -> bool:
    """Return True when Latin letters stand beside letters of a script that look the same.

    The scripts are Greek, Cyrillic, Armenian and Cherokee. Latin beside Han is usual.
    """
    return not whole.isascii() and bool(_LATIN.search(whole) and _LOOKS_LATIN.search(whole))
