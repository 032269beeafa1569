"""The choice of the locale that suits a browser best."""

import re

from amends.domain.base.value import LOCALE, nearest_locale

MOST_LANGUAGES = 10
LONGEST_HEADER = 400
WEIGHT = re.compile(r"q=(0(?:\.\d{1,3})?|1(?:\.0{1,3})?)")


def best_locale(accept_language: str, offered: tuple[str, ...], default: str) -> str:
    """Return the offered locale that this Accept-Language header prefers, or the default when the header has none."""
    for wanted in preferred(accept_language):
        if found := nearest_locale(wanted, offered, ""):
            return found
    return default


def preferred(accept_language: str) -> tuple[str, ...]:
    """Return the locales of an Accept-Language header, best first, without entries that cannot be read."""
    entries = accept_language[:LONGEST_HEADER].split(",")[:MOST_LANGUAGES]
    weighed = [(_weight(entry), _locale(entry.split(";")[0].strip())) for entry in entries]
    weighed.sort(key=lambda pair: -pair[0])
    return tuple(locale for weight, locale in weighed if weight and LOCALE.fullmatch(locale))


def _weight(entry: str) -> float:
    found = WEIGHT.search(entry)
    return float(found[1]) if found else 1.0


def _locale(tag: str) -> str:
    """Return a language tag in its usual case: zh-hans-cn as zh-Hans-CN."""
    language, *rest = tag.split("-")
    return "-".join([language.lower(), *(part.title() if len(part) == 4 else part.upper() for part in rest)])
