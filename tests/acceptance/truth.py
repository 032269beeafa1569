"""What is so in the year of a case, as the test knows it: days, people, their data, and promises."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from amends.domain.incident.facts import DataCategory
from amends.domain.people.person import Person
from tests.acceptance.mailboxes import spelled

T = TypeVar("T")
AT_FIRST = (DataCategory.BASIC_IDENTITY, DataCategory.CONTACT, DataCategory.LOCATION)
GROWN = (*AT_FIRST, DataCategory.PHOTO)
DATA = {
    AT_FIRST: {
        "en": "places and times (such as those of visits), contact details (such as phone, email or address) and personal "
        "details (such as name)",
        "zh-CN": "上门时间等行踪信息、电话等联系方式和姓名等身份信息",
    },
    GROWN: {
        "en": "photos, places and times (such as those of visits), contact details (such as phone, email or address) and "
        "personal details (such as name)",
        "zh-CN": "照片、上门时间等行踪信息、电话等联系方式和姓名等身份信息",
    },
    (): {"en": "none of your data", "zh-CN": "没有涉及您的信息"},
}
"""What each person's data is called in messages."""


@dataclass
class Truth:
    """What is so, as the test knows it."""

    days: dict[str, list[tuple[datetime, datetime]]] = field(default_factory=dict)
    """By the key of a fact, since when which day is known to be right."""
    people: dict[int, Person] = field(default_factory=dict)
    """Everybody whom a list ever named, as the last list that named them."""
    data: dict[int, list[tuple[datetime, tuple[DataCategory, ...]]]] = field(default_factory=dict)
    """By person, since when the list has which data."""
    found: dict[int, datetime] = field(default_factory=dict)
    """By person, since when a list names them."""
    removed: dict[int, datetime] = field(default_factory=dict)
    """By person, since when a list lacks them."""
    back: dict[int, datetime] = field(default_factory=dict)
    """By person, since when the list names somebody again who had been removed."""
    promises: dict[str, dict[str, str]] = field(default_factory=dict)
    """By commitment, its words in each language."""
    ends: dict[str, str] = field(default_factory=dict)
    """By commitment, kept or dropped."""
    late: set[str] = field(default_factory=set)
    """The commitments that were put off."""
    due: dict[str, datetime] = field(default_factory=dict)
    """By commitment, the promised day."""
    promised_to: dict[str, set[int]] = field(default_factory=dict)
    """The people to whom a commitment of some people only is made."""
    _listed: set[int] = field(default_factory=set)

    def said(self, key: str, person: int, locale: str, at: datetime) -> str:
        """Return what is so at this time, as a message to this person in this language says it."""
        if key == "elements":
            return DATA[self._at(self.data[person], at)][locale]
        return spelled(self._at(self.days[key], at), locale)

    def changes(self, person: int) -> list[tuple[str, datetime]]:
        """Return the key and the time of each change of what is so for this person, as long as they are affected."""
        days = [(key, at) for key, values in self.days.items() for at, _ in values[1:]]
        return [*days, *(("elements", at) for at, data in self.data[person][1:] if data)]

    def superseded(self, locale: str, by: datetime) -> set[str]:
        """Return the days that were no longer right at this time."""
        known = [[day for at, day in values if at <= by] for values in self.days.values()]
        return {spelled(day, locale) for days in known for day in days[:-1]}

    def names(self, people: list[Person], now: datetime) -> None:
        """A list of these people is in force from now on."""
        for number in self._listed - {person.number for person in people}:
            self.removed[number] = now
            self.data[number].append((now, ()))
        for person in people:
            self._name(person, now)
        self._listed = {person.number for person in people}

    def _name(self, one: Person, now: datetime) -> None:
        self.people[one.number] = one
        self.found.setdefault(one.number, now)
        known = self.data.setdefault(one.number, [])
        if not known or known[-1][1] != one.data:
            known.append((now, one.data))
        if one.number in self.removed:
            self.back.setdefault(one.number, now)

    @staticmethod
    def _at(values: list[tuple[datetime, T]], at: datetime) -> T:
        return [value for since, value in values if since <= at][-1]
