"""The form of a date as people write it in their country, by the Common Locale Data Repository (CLDR)."""

import re
from functools import lru_cache

from babel import Locale, UnknownLocaleError

PARTS_OF_CLDR = {"y": "{year}", "MMMM": "{month}", "M": "{month}", "d": "{day}"}
"""The fields of a date pattern of CLDR (UTS 35), as phrases name them."""
FIELD = re.compile(r"[A-Za-z]+")


@lru_cache(256)
def date_form(locale: str, country: str, own: str) -> str:
    """Return the form of a long date in this language and country, such as `{month} {day}, {year}`.

    `own` is the form of the locale itself. It stays where the locale names a country, where no country is known, and
    where CLDR knows no such language in the country.
    """
    language, _, region = locale.partition("-")
    if region or not country:
        return own
    try:
        pattern = Locale.parse(f"{language}_{country}").date_formats["long"].pattern
    except (UnknownLocaleError, ValueError):
        return own
    if not all(field in PARTS_OF_CLDR for field in FIELD.findall(pattern)):
        return own
    return FIELD.sub(lambda field: PARTS_OF_CLDR[field[0]], pattern)
