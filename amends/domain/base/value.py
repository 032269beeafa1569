"""The base class of all domain values, and the small types that several of them share."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

UNKNOWN = "unknown"
"""The word that stands in an incident file for any value that nobody knows yet."""
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")
SCRIPT = re.compile(r"[A-Z][a-z]{3}")
BRITISH = "en-GB"
AMERICAN = ("en-US", "en-PR", "en-PH", "en-LR")
"""The locales of English whose readers write dates and words as in the United States."""
FIRST_YEAR, LAST_YEAR = 1970, 2300
FIRST_STATED, LAST_STATED = 1990, 2099
"""The years in which a date lies that a person writes into a file; another one is a typing error."""
MOST_PEOPLE = 10_000_000_000
LAST_MINUTE = time(23, 59)
"""The minute at which a day ends for people."""
LARGEST_NUMBER = 2**63 - 1
"""The largest number of a person or a question that a ledger can hold."""
SPAN = re.compile(r"(\d+)\s*(min|h|d|w)")
ISO_SPAN = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?")
UNITS = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
LONGEST = timedelta(days=36_525)
"""The longest span: a longer one is a typing error, and a date reckoned with it would lie outside every calendar."""


class Value(BaseModel):
    """A frozen value that refuses unknown keys; two values are equal when their content is equal."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


class Unfinished(Value):
    """A part of a file that is written step by step: an optional key that holds nothing, or `unknown`, is left out."""

    @model_validator(mode="before")
    @classmethod
    def _leave_out(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        optional = {
            key for name, field in cls.model_fields.items() if not field.is_required() for key in (name, field.alias)
        }
        return {key: value for key, value in given.items() if key not in optional or not is_unknown(value)}


def is_unknown(given: object) -> bool:
    """Return True for nothing at all and for the word `unknown`."""
    return given is None or (isinstance(given, str) and given == UNKNOWN)


def _slug(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError("use small letters, digits, '-' and '_' only, at most 64, a letter or digit first")
    return text


Slug = Annotated[str, AfterValidator(_slug)]
"""A name that is safe in a path, a key and a run name."""

Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
"""ISO 3166-1 alpha-2, in capitals."""

Place = Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]
"""A country, or a state or province of one as ISO 3166-2 writes it: DE, US-WA, CA-QC."""

Locale = Annotated[str, Field(pattern=rf"^{LOCALE.pattern}$")]
"""BCP 47: a language, and if needed a script and a country, as in en, zh-CN, zh-Hant-TW."""


def _no_bare_number(moment: object) -> object:
    """Raise ValueError for a bare number, which would be read as seconds since 1970."""
    if isinstance(moment, int | float):
        raise ValueError("write a date and a time with its zone: 2026-11-25T09:30:00+01:00")  # noqa: TRY004 - pydantic
    return moment


def to_utc(moment: datetime) -> datetime:
    """Return the same point in time in UTC. Raises ValueError outside of the years FIRST_YEAR to LAST_YEAR."""
    try:
        in_utc = moment.astimezone(UTC)
    except OverflowError:
        in_utc = moment
    if not FIRST_YEAR <= in_utc.year <= LAST_YEAR:
        raise ValueError(f"a time between the years {FIRST_YEAR} and {LAST_YEAR} is meant")
    return in_utc


Moment = Annotated[AwareDatetime, BeforeValidator(_no_bare_number), AfterValidator(to_utc)]
"""A point in time, held in UTC; read with any time zone and refused without one."""


def _within_living_memory(moment: datetime) -> datetime:
    if not FIRST_STATED <= moment.year <= LAST_STATED:
        raise ValueError(f"a time between the years {FIRST_STATED} and {LAST_STATED} is meant")
    return moment


StatedMoment = Annotated[Moment, AfterValidator(_within_living_memory)]
"""A point in time that a person writes into a file."""

Truth = Annotated[bool, Field(strict=True)]
"""True or false, and no word or number for it: a reader of `yes` in quotes would take any text for a truth value."""

People = Annotated[int, Field(ge=0, le=MOST_PEOPLE, strict=True)]
"""A number of people; one larger than mankind is a typing error."""


def _one_text_for_all(value: Any) -> Any:
    return {"*": value} if isinstance(value, str) else value


Texts = Annotated[dict[str, str], BeforeValidator(_one_text_for_all)]
"""One text per locale; a bare text stands for every locale."""


def fallbacks(locale: str) -> tuple[str, ...]:
    """Return the locales to try for a locale, nearest first: zh-Hant-TW, zh-Hant, zh."""
    parts = locale.split("-")
    return tuple("-".join(parts[:n]) for n in range(len(parts), 0, -1))


def nearest_locale(wanted: str, offered: tuple[str, ...] | list[str], default: str) -> str:
    """Return the offered locale that suits best: en-GB takes en, zh takes zh-CN, another language the default.

    Scripts are not mixed: zh-TW and zh-Hant do not take a text in Simplified Chinese. Where only countries differ, a
    reader of English outside of AMERICAN takes en-GB before another country's words.
    """
    for locale in fallbacks(wanted):
        if locale in offered and not other_script(wanted, locale):
            return locale
    same_language = [locale for locale in offered if locale.split("-")[0] == wanted.split("-", maxsplit=1)[0]]
    suitable = [locale for locale in same_language if not other_script(wanted, locale)]
    if BRITISH in suitable and wanted.startswith("en-") and wanted not in AMERICAN:
        return BRITISH
    return next(iter(suitable), default)


def other_script(wanted: str, offered: str) -> bool:
    """Return True when readers of one locale cannot be expected to read the script of the other."""
    one, other = _script(wanted), _script(offered)
    return one != other if wanted.split("-", maxsplit=1)[0] == "zh" else bool(one and other and one != other)


def _script(locale: str) -> str:
    """Return the script of a locale, such as Latn in sr-Latn-RS; of Chinese also where only its country tells it."""
    if locale.split("-", maxsplit=1)[0] == "zh":
        return "Hant" if re.search(r"Hant|(TW|HK|MO)$", locale) and "Hans" not in locale else "Hans"
    return next((part for part in locale.split("-")[1:] if SCRIPT.fullmatch(part)), "")


def text_for(texts: dict[str, str], locale: str) -> str:
    """Return the text in the locale, else in its language, else the text for every locale, else an empty text."""
    for key in (*fallbacks(locale), "*"):
        if key in texts:
            return texts[key]
    return ""


def some_text(texts: dict[str, str], locale: str) -> str:
    """Return the text in the locale, else the first in any, for people of the team; empty when there is none at all."""
    return text_for(texts, locale) or next(iter(texts.values()), "")


class Span(timedelta):
    """A length of time as people write it in a playbook: 30min, 72h, 3d, 2w, PT72H. Never negative.

    Months and years are refused, because they have no fixed length.
    """

    @classmethod
    def parse(cls, text: object) -> "Span":
        """Read a span. Raises ValueError that names the accepted forms or the longest span."""
        try:
            span = cls._read(text)
        except OverflowError:
            span = None
        if span is None or span > LONGEST:
            raise ValueError(f"nothing here takes longer than a hundred years: at most {LONGEST.days}d")
        return span

    @classmethod
    def _read(cls, text: object) -> "Span":
        if isinstance(text, timedelta):
            return cls(seconds=text.total_seconds())
        if isinstance(text, str) and (match := SPAN.fullmatch(text.strip())):
            return cls(seconds=(UNITS[match[2]] * int(match[1])).total_seconds())
        if isinstance(text, str) and (match := ISO_SPAN.fullmatch(text.strip())) and any(match.groups()):
            weeks, days, hours, minutes = (int(part or 0) for part in match.groups())
            return cls(weeks=weeks, days=days, hours=hours, minutes=minutes)
        if text == 0 and not isinstance(text, bool):
            return cls(0)
        raise ValueError("a span is written 30min, 72h, 3d or 2w; months and years have no fixed length")

    def __str__(self) -> str:
        seconds = int(self.total_seconds())
        for unit in ("w", "d", "h"):
            size = int(UNITS[unit].total_seconds())
            if seconds and seconds % size == 0:
                return f"{seconds // size}{unit}"
        return f"{seconds // 60}min"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse,
            serialization=core_schema.plain_serializer_function_ser_schema(str),
            json_schema_input_schema=core_schema.str_schema(pattern=r"^\s*(\d+\s*(min|h|d|w)|P.+)\s*$"),
        )


def _above_zero(span: Span) -> Span:
    if not span:
        raise ValueError("a time above zero is expected here, such as 30min, 72h or 3d")
    return span


Lasting = Annotated[Span, AfterValidator(_above_zero)]
"""A span that is longer than nothing."""
