"""What people get at first when a notice is released, and who is written to about whom."""

from functools import cache
from typing import Any

from sqlalchemy import Select, and_, case
from sqlalchemy import select as sql
from sqlalchemy.orm import aliased
from sqlmodel import col

from amends.domain.channel import ChannelKind
from amends.domain.letters import Letters
from amends.domain.notice import Draft, Reader, text_name
from amends.domain.reach import Planned, first_messages, starts_as, why_held
from amends.ledger.tables import PersonRow

EVERYONE = "everyone"
ADDRESSED = (ChannelKind.EMAIL, ChannelKind.SMS, ChannelKind.LETTER)
"""In the order in which `addressees` tells the addresses."""
EMAIL, SMS, LETTER = (kind.value for kind in ADDRESSED)


class Post:
    """Writes the first messages of one notice, for whoever they are."""

    def __init__(self, draft: Draft, version: int, letters: Letters, at: Any) -> None:
        self._draft, self._letters = draft, letters
        self._head, self._tail = (draft.incident, draft.notice, version), ("", 0, at)
        # Few answers to questions that are asked for everybody.
        self._plan = cache(self._planned)

    def first_rows(
        self, number: int, hold: str, guardian: int, country: str, region: str, locale: str,
        email: bytes | None, phone: bytes | None, postal: bytes | None = None, opted_out: bool = False,
    ) -> list[tuple[Any, ...]]:  # fmt: skip
        """What a person gets at first, as values of DELIVERY; the arguments are the columns of `addressees`."""
        known = (email is not None, phone is not None, postal is not None)
        addresses = {EMAIL: email, SMS: phone, LETTER: postal}
        return [
            (*self._head, number, channel, addresses.get(channel) or b"", *rest)
            for channel, rest in self._plan(hold, guardian > 0, country, region, locale, known, bool(opted_out))
        ]

    def name(self, guarded: bool, country: str, region: str, locale: str) -> str:
        """Names the text that a person gets who is like this."""
        reader = Reader.GUARDIAN if guarded else Reader.SELF
        return text_name(locale, reader, letter_of(self._letters, self._draft.template, country, region))

    def row(
        self, person: int, channel: ChannelKind, address: bytes, name: str, planned: Planned | None = None
    ) -> tuple[Any, ...]:
        """One message, as values of DELIVERY."""
        state, detail = (planned.state, planned.detail) if planned else (starts_as(channel), "")
        return (*self._head, person, channel.value, address, name, state.value, detail, *self._tail)

    def _planned(
        self, hold: str, guarded: bool, country: str, region: str, locale: str, known: tuple[bool, ...], opted_out: bool
    ) -> list[tuple[str, tuple[Any, ...]]]:
        """Channel by channel, what comes behind the address in the row of anybody who is like this."""
        draft = self._draft
        name = self.name(guarded, country, region, locale)
        addresses = [kind for kind, has_one in zip(ADDRESSED, known, strict=True) if has_one]
        why = why_held(hold, optional=draft.optional, opted_out=opted_out)
        planned = first_messages(why, addresses, draft.channels, draft.cascade)
        return [(one.channel.value, (name, one.state.value, one.detail, *self._tail)) for one in planned]


def addressees(incident: str, audience: str) -> Select[Any]:
    """Of each person of this audience: what decides which messages they get, and who is written to for them."""
    reader, guarded = aliased(PersonRow), col(PersonRow.guardian) > 0
    told = case((guarded, col(PersonRow.guardian)), else_=col(PersonRow.number))
    decisive = ("number", "hold", "guardian", "country", "region")
    address = ("locale", "email_index", "phone_index", "postal_index")
    columns = [col(getattr(PersonRow, name)) for name in decisive] + [col(getattr(reader, name)) for name in address]
    return (
        sql(*columns, col(reader.opted_out_at).is_not(None).label("opted_out"))
        .join(reader, and_(col(reader.incident) == PersonRow.incident, col(reader.number) == told))
        .where(*in_audience(incident, audience))
    )


def in_audience(incident: str, name: str) -> list[Any]:
    """Conditions that the people of this audience meet; nobody is in one who is gone from the list."""
    conditions = [PersonRow.incident == incident, col(PersonRow.gone_at).is_(None)]
    return conditions if name == EVERYONE else [*conditions, PersonRow.segment == name]


def letter_of(letters: Letters, template: str, country: str, region: str) -> str:
    """The letter in which a notice is written about somebody who lives there.

    The home of the person whose data it is decides, as the laws do, and not that of a guardian who reads it for them.
    """
    return letters.in_notice(template, letters.letter_for(country, region))


def addresses(person: PersonRow) -> dict[ChannelKind, bytes]:
    """The personal channels on which this person has an address, with its keyed index."""
    indexes = {
        ChannelKind.EMAIL: person.email_index,
        ChannelKind.SMS: person.phone_index,
        ChannelKind.LETTER: person.postal_index,
    }
    return {kind: index for kind, index in indexes.items() if index}
