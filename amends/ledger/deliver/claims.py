"""Messages in hand: what the engine gets of each, with the person's own data readable."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlmodel import Session

from amends.domain.base.errors import KeyMissing
from amends.domain.channel.channel import ChannelKind
from amends.domain.deliver.pace import domain_of
from amends.domain.incident.facts import DataCategory
from amends.domain.law.addendum import GENERAL
from amends.domain.notice.notice import name_parts
from amends.ledger.notice.first_messages import addendum_of
from amends.ledger.notice.notices import PUBLIC, Notices
from amends.ledger.people.people import categories, opened_contact
from amends.ledger.store.bulk import among, listed, statement
from amends.ledger.store.encryption import Seal
from amends.ledger.store.session import Store


class Contact(NamedTuple):
    """What a message needs of one of the people. Holds personal data: never log or print it."""

    number: int
    name: str
    email: str
    phone: str
    postal_address: str
    data: tuple[DataCategory, ...]
    country: str = ""
    timezone: str = ""
    """As the list says it; empty when it does not."""
    readable: bool = True
    """Whether the data could be opened: it was not altered, moved, or sealed with another key. Else all is empty."""

    def __repr__(self) -> str:
        return f"Contact(number={self.number})"


class Claim(NamedTuple):
    """One message that this worker alone may send, as long as its lease runs."""

    id: int
    lease: int
    """Never the same again: a worker that fell behind is told by it."""
    key: str
    bounce: str
    """Names the message in the address of its bounces."""
    released: "Released"
    attempts: int
    """How often it was claimed, this time included."""
    channel: ChannelKind
    locale: str
    reader: str
    addendum: str
    """Which laws decide what it says: those of the home of the person it is about."""
    about: Contact | None
    """Whose data it is about; None for the public."""
    to: Contact | None
    """Who is written to: the same person, or the guardian."""
    domain: str = ""
    """Of the email address, when it goes there."""
    link: str = ""
    """The token of the personal link of the person it is about."""
    opt_out: str = ""
    """The token that ends the optional messages to the person; only where the message is one of them."""
    doubtful: bool = False
    """Whether its provider may have it from an earlier try."""

    @property
    def readable(self) -> bool:
        """Whether there is anything to be sent: the data of those whom it concerns could be opened."""
        return (self.about is None or self.about.readable) and (self.to is None or self.to.readable)


@dataclass(frozen=True, slots=True)
class Released:
    """What stood approved of a notice when a page of its messages was claimed."""

    template: str
    at: datetime
    version: int = 0
    binding: str = ""
    """The hash of what was approved."""
    optional: bool = False
    """Whoever opted out does not get it."""
    people: int | None = None
    """Up to which person its waves have begun; None when it leaves all at once."""


class WaitingMessage(NamedTuple):
    """A stored message that waits for its turn."""

    id: int
    person: int
    channel: str
    address_index: bytes
    variant: str
    attempts: int
    notice: str
    doubtful: bool = False
    """Whether a provider may have the message from an earlier try."""

    @classmethod
    def of(cls, number: int, row: dict[str, Any]) -> "WaitingMessage":
        """Not stored yet; the row has the values of DELIVERY."""
        names = ("person", "channel", "address_index", "variant", "attempts", "notice")
        return cls(number, *(row[name] for name in names))


class Claims:
    """Turns stored messages into claims."""

    def __init__(self, store: Store, notices: Notices) -> None:
        self._store = store
        self._notices = notices

    def of_rows(
        self, session: Session, incident: str, rows: Sequence[WaitingMessage], released: Released, lease: int = 0
    ) -> tuple[Claim, ...]:
        """The letter is chosen anew: since the message was stored, the letters in force may have become others."""
        known = self._known(session, incident, {row.person for row in rows if row.person != PUBLIC})
        guardians = {person.guardian for person in known.values() if person.guardian}
        known |= self._known(session, incident, guardians - known.keys())
        letters = self._notices.addenda(session, incident)
        letter = cache(lambda country, region: addendum_of(letters, released.template, country, region))
        return tuple([self._claim(incident, row, known, letter, released, lease) for row in rows])

    def _claim(
        self, incident: str, row: WaitingMessage, known: dict[int, "KnownPerson"], letter: Callable[[str, str], str],
        released: Released, lease: int,
    ) -> Claim:  # fmt: skip
        locale, reader, _ = name_parts(row.variant)
        key = self._store.keys.message_key(incident, row.notice, row.person, row.channel, row.address_index)
        person, channel = known.get(row.person), CHANNELS[row.channel]
        to = known[person.guardian or row.person].contact if person else None
        return Claim(
            row.id,
            lease,
            key,
            self._store.keys.bounce_token(row.id, key),
            released,
            row.attempts + 1,
            channel,
            locale,
            reader,
            letter(person.country, person.region) if person else GENERAL,
            person.contact if person else None,
            to,
            domain_of(to.email) if to and channel is ChannelKind.EMAIL else "",
            self._store.keys.link_token(incident, row.person, person.link_version) if person else "",
            self._store.keys.opt_out_token(incident, row.person) if person and released.optional else "",
            bool(row.doubtful),  # SQLite has a number for it
        )

    def _known(self, session: Session, incident: str, numbers: Collection[int]) -> dict[int, "KnownPerson"]:
        """What is needed of these people, by number, each opened once."""
        if not numbers:
            return {}
        connection, seal = session.connection(), self._store.seal(session, incident)
        # Without the bounds PostgreSQL holds every person of the incident against the list.
        bounds = {"first": min(numbers), "last": max(numbers)}
        asked = {"incident": incident, "ids": listed(connection, numbers), **bounds}
        rows = connection.execute(statement(KNOWN + among(connection, "number")), asked).all()
        return {row[0]: _opened(incident, seal, *row) for row in rows}


class KnownPerson(NamedTuple):
    """One of the people as stored, opened. Holds personal data: never log or print it."""

    contact: Contact
    country: str
    region: str
    guardian: int
    link_version: int


CHANNELS = {kind.value: kind for kind in ChannelKind}
KNOWN = """
SELECT number, sealed, data, country, region, timezone, guardian, link_version FROM person
WHERE incident = :incident AND number BETWEEN :first AND :last AND """


def _opened(
    incident: str, seal: Seal, number: int, sealed: bytes, data: str, country: str, region: str, timezone: str,
    guardian: int, link_version: int,
) -> KnownPerson:  # fmt: skip
    try:
        _, name, email, phone, postal, _ = opened_contact(incident, number, sealed, seal)
        contact = Contact(number, name, email, phone, postal, categories(data), country, timezone)
    except KeyMissing:
        contact = Contact(number, "", "", "", "", (), readable=False)
    return KnownPerson(contact, country, region, guardian, link_version)
