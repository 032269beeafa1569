"""Plain words for counts, times, spans and lists."""

import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from textwrap import wrap
from typing import TypeVar
from zoneinfo import ZoneInfo


def in_time(early_by: timedelta) -> str:
    """How early or late, in words: 5 h early, 2 d 3 h late."""
    return f"{length(abs(early_by))} {'late' if early_by < timedelta(0) else 'early'}"


def length(span: timedelta) -> str:
    """A length of time in its two largest units, rounded down: 2 d 3 h, 40 min."""
    minutes = int(span.total_seconds()) // 60
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{number} {unit}" for number, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if number]
    return " ".join(parts[:2]) or "less than a minute"


def minute(at: datetime | None) -> str:
    """A time as people read it: 2026-11-28 09:00 UTC; a dash where there is none."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else "–"


Word = TypeVar("Word", bound=str)


PUBLIC = "public"
"""Whose the page and the posts are, in place of a person's number."""


HIDDEN = ("Cc", "Cf", "Co", "Cs")


HARMLESS = "\n\t\u200d"


FILLER = "\0"
"""Stands behind each wide character while lines are measured, for it takes the room of two."""


def printable(text: str) -> str:
    """Without characters by which a text could take over a terminal or turn itself around."""
    return "".join("�" if unicodedata.category(c) in HIDDEN and c not in HARMLESS else c for c in text)


def counts(numbers: Mapping[Word, int]) -> str:
    """Numbers in a row: 3 sent, 1 held."""
    return ", ".join(f"{count} {say(name)}" for name, count in numbers.items() if count) or "none"


def counted(count: int, one: str, many: str = "") -> str:
    """1 incident, 2 incidents."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def kept_back(commits: int) -> str:
    """Why nothing is written while the ledger's server keeps so many commits back."""
    return (
        f"the ledger's server has kept back {counted(commits, 'commit')}: its synchronous standby does not answer, "
        "and nothing is written or sent until it does, or is taken out of synchronous_standby_names"
    )


def destroyed(at: datetime) -> str:
    """That nobody of an incident can be read any more, and since when."""
    return f"its personal data was destroyed on {at:%Y-%m-%d}"


def parked(incident: str, notice: str, messages: int) -> str:
    """That so many messages of a notice wait for somebody's decision, and how to see which."""
    are, look = counted(messages, "message is", "messages are"), f"amends deliveries {incident} {notice}"
    return f"{notice}: {are} parked until somebody decides; `{look} --state parked` says whose"


def say(value: object) -> str:
    """A value in a cell or a sentence: yes and no, enums by their word, times in UTC, nothing as a dash."""
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
    """A text in as many lines as it needs; Chinese may be parted anywhere."""
    spaced = "".join(character + FILLER * (width(character) - 1) for character in text)
    return [part.replace(FILLER, "") for part in wrap(spaced, max(room, 1), break_on_hyphens=False)] or [""]


def width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def in_both(at: datetime, zone: str) -> str:
    """A time in UTC and on the organisation's clock."""
    there = "" if zone == "UTC" else f" ({at.astimezone(ZoneInfo(zone)):%H:%M on %a %d %b} in {zone})"
    return f"{minute(at)}{there}"


def say_span(span: timedelta) -> str:
    """How long in days, hours and minutes; empty for nothing."""
    days, rest = divmod(max(span, timedelta()), timedelta(days=1))
    hours, minutes = divmod(int(rest.total_seconds()) // 60, 60)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"))
    said = " ".join(f"{number} {unit}" for number, unit in parts if number)
    return said or ("under a minute" if span > timedelta() else "")


def listed(words: Iterable[str]) -> str:
    """In a row, as people say it: legal, security and privacy."""
    *first, last = [str(word) for word in words] or [""]
    return f"{', '.join(first)} and {last}" if first else last
