"""The words of a playbook: templates, and how each locale says what every notice needs."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import Field

from amends.domain.base.value import Value
from amends.domain.incident.facts import DataCategory
from amends.domain.law.addendum import Addenda

PARTS: Mapping[str, tuple[str, ...]] = {
    "date": ("day", "month", "year"),
    "moment": ("weekday", "date", "hour", "minute", "zone"),
    "hello": ("name",),
    "guardian_intro": ("child",),
    "promise_due": ("date",),
    "promise_new_due": ("date",),
    "ask_thanks": ("date",),
    "answer_pending": ("date",),
    "answer_late": ("date",),
    "answered_on": ("date",),
}
"""What is put into a phrase, as {part}; into the others nothing is."""


class Phrases(Value):
    """How one locale says what every notice needs: playbooks/locales/LOCALE.yaml."""

    locale: str
    language: str
    """Its name in itself."""
    date: str
    """A date, from PARTS: `{day} {month} {year}`."""
    months: tuple[str, ...] = Field(min_length=12, max_length=12)
    weekdays: tuple[str, ...] = Field(min_length=7, max_length=7)
    """Monday first."""
    moment: str
    """A date with a time, from PARTS."""
    list_comma: str
    list_and: str
    """Between the last two of a list: ` and `, `和`."""
    data: dict[DataCategory, str]
    """What each kind of data is called, as it reads after "your"."""
    advice: dict[DataCategory, str]
    """What a person can do when this kind of data is in wrong hands; the most urgent kinds come first."""
    commitment_states: dict[str, str]
    never_say: tuple[str, ...]
    """Phrases that make light of it, blame or cannot be true."""
    outside_contacts: tuple[str, ...] = ()
    """Telephone numbers and hosts of others that a notice may name: bureaus, offices."""
    portal: dict[str, str]
    """Words of the portal's pages; some have PARTS."""


class Wording(Value):
    """All words of a playbook: templates by path below playbooks/notices, phrases by locale, letters for places."""

    templates: dict[str, str]
    """`first-notice/en.email.md` and so on."""
    phrases: dict[str, Phrases]
    addenda: Addenda = Addenda()
    """How the laws of a place change a notice; without any, everybody gets the general letter."""

    def locales(self, notice: str) -> tuple[str, ...]:
        """The locales in which this notice can be sent."""
        own = (path.split("/")[1] for path in self.templates if path.startswith(f"{notice}/"))
        return tuple(sorted({name.split(".")[0] for name in own} & self.phrases.keys()))


def say_date(phrases: Phrases, moment: datetime, zone: str) -> str:
    """The date in this zone, in the locale's way."""
    local = moment.astimezone(ZoneInfo(zone))
    return phrases.date.format(day=local.day, month=phrases.months[local.month - 1], year=local.year)


def say_moment(phrases: Phrases, moment: datetime, zone: str) -> str:
    """Date, weekday and time of day in this zone, with how far that is from UTC."""
    local = moment.astimezone(ZoneInfo(zone))
    return phrases.moment.format(
        weekday=phrases.weekdays[local.weekday()],
        date=say_date(phrases, moment, zone),
        hour=f"{local.hour:02}",
        minute=f"{local.minute:02}",
        zone=from_utc(local),
    )


def from_utc(local: datetime) -> str:
    """UTC+8, UTC-3:30. Not the zone's letters: CST is the time of Shanghai, and that of Chicago."""
    offset = local.utcoffset() or timedelta()
    hours, minutes = divmod(abs(offset) // timedelta(minutes=1), 60)
    ahead = f"{'-' if offset < timedelta() else '+'}{hours}" if offset else ""
    return f"UTC{ahead}" + (f":{minutes:02}" if minutes else "")


def say_list(phrases: Phrases, items: tuple[str, ...]) -> str:
    """One, two or many things in a row, as the locale joins them."""
    if len(items) < 2:
        return "".join(items)
    return phrases.list_comma.join(items[:-1]) + phrases.list_and + items[-1]


def say_data(phrases: Phrases, categories: tuple[DataCategory, ...]) -> str:
    """The kinds of data named after "your", in the locale's order."""
    named = tuple(name for category, name in phrases.data.items() if category in categories)
    return say_list(phrases, named)
