"""Canned answers: texts for what many people ask, per language, with slots that the case fills."""

import re
from collections.abc import Mapping
from datetime import datetime

from pydantic import Field

from amends.domain.base.errors import NotAllowed
from amends.domain.base.value import Locale, Slug, Value

SLOTS = {
    "organisation": "the organisation's name (organisation.name)",
    "hotline": "a telephone number (organisation.contacts.phone)",
    "email": "an email address (organisation.contacts.email)",
    "page": "the address of the public page",
    "next_update": "the time of the next update, which people were told",
}
"""The slots of canned answers, each with where its value comes from."""
SLOT = re.compile(r"\{([^{}]*)\}")


class CannedAnswer(Value):
    """A text for what many people ask."""

    id: Slug
    topic: Slug
    """The topic of questions that it answers."""
    about: str = Field(min_length=3, max_length=200)
    """The question that it answers, in a few words for the team."""
    text: dict[Locale, str] = Field(min_length=1)


def unknown_slots(text: str) -> tuple[str, ...]:
    """Return the slots of a text that nothing fills."""
    return tuple(slot for slot in SLOT.findall(text) if slot not in SLOTS)


def filled(answer: CannedAnswer, locale: str, values: Mapping[str, str]) -> str:
    """Return the text in this locale with its slots filled. Raises NotAllowed without the language or a value."""
    text = answer.text.get(locale) or answer.text.get(locale.partition("-")[0])
    if text is None:
        known = ", ".join(answer.text)
        raise NotAllowed(f"the canned answer {answer.id} has no text in {locale}, only in {known}")
    for slot in SLOT.findall(text):
        if not values.get(slot):
            raise NotAllowed(f"the canned answer {answer.id} needs {SLOTS[slot]}, and there is none")
    return SLOT.sub(lambda found: values[found[1]], text)


def usable(moment: datetime | None, now: datetime) -> datetime | None:
    """Return the time of the next update as long as it has not passed."""
    return moment if moment and moment > now else None
