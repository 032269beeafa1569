"""Plain words for counts, times, spans and lists."""

import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from textwrap import wrap
from typing import TypeVar
from zoneinfo import ZoneInfo

Word = TypeVar("Word", bound=str)

PUBLIC = "public"
"""The recipient of the page and of posts, shown in place of a person's number."""
HIDDEN = ("Cc", "Cf", "Co", "Cs")
"""Unicode categories of control, format, private-use and surrogate characters."""
HARMLESS = "\n\t\u200d"
"""Characters of the hidden categories that a text may keep."""
FILLER = "\0"
"""Stands behind each wide character while lines are measured, because a wide character takes two columns."""


def in_time(early_by: timedelta) -> str:
    """Return how early or late something is, in words: 5 h early, 2 d 3 h late."""
    return f"{length(abs(early_by))} {'late' if early_by < timedelta(0) else 'early'}"


def length(span: timedelta) -> str:
    """Return a length of time in its two largest units, rounded down: 2 d 3 h, 40 min."""
    minutes = int(span.total_seconds()) // 60
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{number} {unit}" for number, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if number]
    return " ".join(parts[:2]) or "less than a minute"


def minute(at: datetime | None) -> str:
    """Return a time to the minute, as in 2026-11-28 09:00 UTC, or a dash for None."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else "–"


def day(at: datetime) -> str:
    """Return the day of a time in UTC, as in 2026-11-28."""
    return f"{at.astimezone(UTC):%Y-%m-%d}"


def printable(text: str) -> str:
    """Return the text with a replacement character for each one that could control a terminal or reverse the text."""
    return "".join("�" if unicodedata.category(c) in HIDDEN and c not in HARMLESS else c for c in text)


def counts(numbers: Mapping[Word, int]) -> str:
    """Return the numbers above zero with their names, as in 3 sent, 1 held; `none` when there are none."""
    return ", ".join(f"{count} {say(name)}" for name, count in numbers.items() if count) or "none"


def counted(count: int, one: str, many: str = "") -> str:
    """Return the number with its noun: 1 incident, 2 incidents."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def kept_back(commits: int) -> str:
    """Return the sentence that says why nothing is written while the ledger's server keeps commits back."""
    return (
        f"the ledger's server has kept back {counted(commits, 'commit')}: its synchronous standby does not answer, "
        "and nothing is written or sent until it does, or is taken out of synchronous_standby_names"
    )


def destroyed(at: datetime) -> str:
    """Return the sentence that says when the personal data of an incident was destroyed."""
    return f"its personal data was destroyed on {at:%Y-%m-%d}"


def parked(incident: str, notice: str, messages: int) -> str:
    """Return the sentence that says how many messages of a notice are parked, and which command lists them."""
    are, look = counted(messages, "message is", "messages are"), f"amends deliveries {incident} {notice}"
    return f"{notice}: {are} parked until somebody decides; `{look} --state parked` says whose"


def say(value: object) -> str:
    """Return a value as a cell or a sentence shows it: yes or no, an enum's word, a time in UTC, a dash for nothing."""
    match value:
        case bool():
            return "yes" if value else "no"
        case datetime():
            return minute(value)
        case Enum():
            return str(value.value)
        case None | "":
            return "–"
    return str(value)


def wrapped(text: str, room: int) -> list[str]:
    """Return the lines of a text wrapped to a width in columns; Chinese may be split at any character."""
    spaced = "".join(character + FILLER * (width(character) - 1) for character in text)
    return [part.replace(FILLER, "") for part in wrap(spaced, max(room, 1), break_on_hyphens=False)] or [""]


def width(text: str) -> int:
    """Return how many columns of a terminal the text takes."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def in_both(at: datetime, zone: str) -> str:
    """Return a time in UTC, and in the organisation's time zone as well unless that is UTC."""
    there = "" if zone == "UTC" else f" ({at.astimezone(ZoneInfo(zone)):%H:%M on %a %d %b} in {zone})"
    return f"{minute(at)}{there}"


def say_span(span: timedelta) -> str:
    """Return a span in days, hours and minutes, or an empty text for a span that is not positive."""
    days, rest = divmod(max(span, timedelta()), timedelta(days=1))
    hours, minutes = divmod(int(rest.total_seconds()) // 60, 60)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"))
    said = " ".join(f"{number} {unit}" for number, unit in parts if number)
    return said or ("under a minute" if span > timedelta() else "")


def listed(words: Iterable[str]) -> str:
    """Return the words as a list in a sentence: legal, security and privacy."""
    *first, last = [str(word) for word in words] or [""]
    return f"{', '.join(first)} and {last}" if first else last
