"""Messages in hand: what the engine gets of each, with the person's own data readable."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlmodel import Session, col, select

from amends.domain.channel import ChannelKind
from amends.domain.letters import GENERAL
from amends.domain.notice import name_parts
from amends.domain.pace import domain_of
from amends.domain.people import Person
from amends.ledger.bulk import among, listed
from amends.ledger.incidents import OPENED, opened_person
from amends.ledger.notices import PUBLIC, Notices, letter_of
from amends.ledger.sealing import Seal
from amends.ledger.tables import PersonRow


@dataclass(frozen=True, slots=True)
class Claim:
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
    letter: str
    """Which laws decide what it says: those of the home of the person it is about."""
    about: Person | None
    """Whose data it is about; None for the public."""
    to: Person | None
    """Who is written to: the same person, or the guardian."""
    domain: str = ""
    """Of the email address, when it goes there."""
    link: str = ""
    """The token of the personal link of the person it is about."""
    opt_out: str = ""
    """The token that ends the optional messages to the person; only where the message is one of them."""


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


class Waiting(NamedTuple):
    """A stored message that waits for its turn."""

    id: int
    person: int
    channel: str
    address_index: bytes
    variant: str
    attempts: int
    notice: str

    @classmethod
    def of(cls, number: int, row: dict[str, Any]) -> "Waiting":
        """Not stored yet; the row has the values of DELIVERY."""
        names = ("person", "channel", "address_index", "variant", "attempts", "notice")
        return cls(number, *(row[name] for name in names))


class Claims(Notices):
    """Turns stored messages into claims."""

    def claims_of(
        self, session: Session, incident: str, rows: Sequence[Waiting], released: Released, lease: int = 0
    ) -> tuple[Claim, ...]:
        """The letter is chosen anew: since the message was stored, the letters in force may have become others."""
        about = _people(session, incident, {row.person for row in rows if row.person != PUBLIC})
        guardians = _people(session, incident, {row.guardian for row in about.values() if row.guardian} - about.keys())
        opener = _Opener(incident, self.seal(session, incident), {**guardians, **about})
        letters = self.letters(session, incident)
        letter = cache(lambda country, region: letter_of(letters, released.template, country, region))
        return tuple(self._claim(incident, row, opener, letter, released, lease) for row in rows)

    def _claim(
        self,
        incident: str,
        row: Waiting,
        opener: "_Opener",
        letter: Callable[[str, str], str],
        released: Released,
        lease: int,
    ) -> Claim:
        locale, reader, _ = name_parts(row.variant)
        key = self.keys.message_key(incident, row.notice, row.person, row.channel, row.address_index)
        person = opener.row(row.person)
        to = opener.person(person.guardian or row.person) if person else None
        return Claim(
            id=row.id,
            lease=lease,
            key=key,
            bounce=self.keys.bounce_token(row.id, key),
            released=released,
            attempts=row.attempts + 1,
            channel=ChannelKind(row.channel),
            locale=locale,
            reader=reader,
            letter=letter(person.country, person.region) if person else GENERAL,
            about=opener.person(row.person),
            to=to,
            domain=domain_of(to.email) if to and row.channel == "email" else "",
            link=self.keys.link_token(incident, row.person, person.link_version) if person else "",
            opt_out=self.keys.opt_out_token(incident, row.person) if person and released.optional else "",
        )


class _Opener:
    """Opens each person of a page once."""

    def __init__(self, incident: str, seal: Seal, rows: dict[int, Any]) -> None:
        self._incident, self._seal, self._rows = incident, seal, rows
        self._opened: dict[int, Person] = {}

    def row(self, number: int) -> Any:
        return self._rows.get(number)

    def person(self, number: int) -> Person | None:
        if number not in self._opened and number in self._rows:
            self._opened[number] = opened_person(self._incident, self._rows[number], self._seal)
        return self._opened.get(number)


COLUMNS = tuple(col(getattr(PersonRow, name)) for name in (*OPENED, "guardian", "link_version"))


def _people(session: Session, incident: str, numbers: Iterable[int]) -> dict[int, Any]:
    """What is needed of these people, by number."""
    connection = session.connection()
    wanted = text(among(connection, "person.number")).bindparams(ids=listed(connection, numbers))
    query = select(*COLUMNS).where(PersonRow.incident == incident, wanted)
    return {row.number: row for row in connection.execute(query).all()}
