"""Claims: the messages that a worker has claimed, each with the personal data that its message needs."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import select as sql
from sqlmodel import Session, col

from amends.domain.base.errors import KeyMissing
from amends.domain.channel.channel import ChannelKind
from amends.domain.deliver.coded import CodedTexts
from amends.domain.deliver.pace import domain_of
from amends.domain.entitlement.code import NO_CODES, STAND_IN, OwnCodes, part_of
from amends.domain.incident.facts import DataCategory
from amends.domain.law.addendum import Addenda
from amends.domain.notice.notice import TextName, name_parts
from amends.ledger.entitlement.code_rows import held_by, stocks_of, told_before
from amends.ledger.entitlement.giving import people_without
from amends.ledger.entitlement.told_results import NOTHING_TOLD, ToldResult, words_of
from amends.ledger.notice.first_messages import addendum_of
from amends.ledger.notice.notices import PUBLIC, Notices
from amends.ledger.people.people import categories, opened_contact
from amends.ledger.people.shared_mailboxes import names_in_copies
from amends.ledger.store.bulk import DELIVERY, around, statement
from amends.ledger.store.encryption import Seal
from amends.ledger.store.session import Store
from amends.ledger.tables.notice import ToldOtherwiseRow

NOT_STORED = itemgetter(*map(DELIVERY.index, ("person", "channel", "address_index", "variant", "attempts", "notice")))


class Contact(NamedTuple):
    """The personal data that a message needs of one person: never log or print a contact."""

    number: int
    name: str
    email: str
    phone: str
    postal_address: str
    data: tuple[DataCategory, ...]
    country: str = ""
    timezone: str = ""
    """The time zone in the list; empty when the list has none."""
    region: str = ""
    further: tuple[str, ...] = ()
    """The person's further addresses, in the order of FURTHER."""
    readable: bool = True
    """False when the data was altered, moved, or sealed with another key; all other fields are then empty."""

    def __repr__(self) -> str:
        return f"Contact(number={self.number})"


class Claim(NamedTuple):
    """A claim on a message, which this worker alone may send as long as the lease runs."""

    id: int
    lease: int
    """The number of the lease and its fencing token: no number is used twice, so an outdated worker is refused."""
    key: str
    bounce: str
    """The token that names the message in its bounce address."""
    released: "Released"
    attempts: int
    """The number of times that the message was claimed, this time included."""
    channel: ChannelKind
    text: TextName
    """The name of the text; its addendum is by the laws of the home of the person affected."""
    about: Contact | None
    """The person whose data the message is about; None for the public."""
    to: Contact | None
    """The person who is written to: the person affected, or the guardian."""
    domain: str = ""
    """The domain of the email address; empty on other channels."""
    link: str = ""
    """The token of the personal link of the person affected."""
    opt_out: str = ""
    """The token that ends optional messages to the person; empty when the message is not optional."""
    doubtful: bool = False
    """True when a provider may have the message from an attempt whose answer was lost."""
    earlier_data: tuple[DataCategory, ...] = ()
    """The kinds of data that an earlier message named to the person wrongly; empty outside of corrections."""
    codes: OwnCodes = NO_CODES
    """The person's own codes; in a preview a stand-in for each code that nobody has yet."""
    needs: tuple[str, ...] = ()
    """In a preview the parts of the stocks from which the person will get a code, as in `part_of`."""
    result: ToldResult = NOTHING_TOLD
    """The name of the person's own result, where the notice tells each person theirs, and of a wrong one before it."""

    @property
    def readable(self) -> bool:
        """Return True when the data of the person affected, and of the person who is written to, could be opened."""
        return (self.about is None or self.about.readable) and (self.to is None or self.to.readable)


@dataclass(frozen=True, slots=True)
class Released:
    """The released version of a notice at the moment when a page of its messages was claimed."""

    template: str
    at: datetime
    version: int = 0
    binding: str = ""
    """The hash of what was approved."""
    optional: bool = False
    """True when people who opted out do not get the notice."""
    people: int | None = None
    """The number of the last person whose wave has begun; None when the notice has no waves."""
    has_cohorts: bool = False
    """True when some people read another text because they were told something else before."""
    has_results: bool = False
    """True when the notice tells each person their own result."""
    coded: CodedTexts | None = None
    """The texts that promise a person a code of their own; None where the claims need no codes."""
    preview: bool = False
    """True when nothing is sent, so that codes need not be given yet."""


class WaitingMessage(NamedTuple):
    """A stored message that is to be sent."""

    id: int
    person: int
    channel: str
    address_index: bytes
    variant: str
    attempts: int
    notice: str
    doubtful: bool = False
    """True when a provider may have the message from an attempt whose answer was lost."""

    @classmethod
    def of(cls, number: int, row: Sequence[Any]) -> "WaitingMessage":
        """Make a message that is not stored; `row` has the values of DELIVERY."""
        return cls(number, *NOT_STORED(row))


class Claims:
    """A maker of claims from stored messages."""

    def __init__(self, store: Store, notices: Notices) -> None:
        self._store = store
        self._notices = notices

    def of_rows(
        self, session: Session, incident: str, rows: Sequence[WaitingMessage], released: Released, lease: int = 0
    ) -> tuple[Claim, ...]:
        """Return claims on these messages, each with its present addendum, which may not be the one that was stored."""
        known = self._known(session, incident, {row.person for row in rows if row.person != PUBLIC})
        guardians = {person.guardian for person in known.values() if person.guardian}
        known |= self._known(session, incident, guardians - known.keys())
        known |= {number: one.unreadable() for number, one in known.items() if not _has_its_guardian(one, known)}
        addenda = self._notices.addenda(session, incident)
        named = cache(partial(_named, addenda, released.template))
        earlier = _earlier_data(session, incident, rows) if rows and released.has_cohorts else {}
        coded = released.coded if released.coded and released.coded.commitments else None
        people = {row.person for row in rows if row.person != PUBLIC} if coded else set[int]()
        held = self._codes(session, incident, people, coded) if coded else {}
        claims = tuple([self._claim(incident, row, known, earlier, held, named, released, lease) for row in rows])
        if coded and released.preview:
            claims = tuple(_with_stand_ins(session, incident, claims, people, coded))
        if rows and released.has_results:
            claims = tuple(_with_results(session, incident, rows, claims))
        return self._name_all(session, incident, rows, claims)

    def codes_of(self, session: Session, incident: str, person: int) -> tuple[OwnCodes, dict[int, OwnCodes]]:
        """Return the codes that a person has, and by message those that it told them and that are void by now."""
        stocks = stocks_of(session, incident, dropped=True)
        if not stocks:
            return NO_CODES, {}
        seal = self._store.seal(session, incident)
        held = held_by(session, seal, incident, [person], stocks).get(person, NO_CODES)
        return held, told_before(session, seal, incident, person)

    def _codes(
        self, session: Session, incident: str, people: Collection[int], coded: CodedTexts
    ) -> dict[int, OwnCodes]:
        """Return the codes that these people have, of the commitments that the texts tell of."""
        return held_by(session, self._store.seal(session, incident), incident, people, coded.commitments)

    def _name_all(
        self, session: Session, incident: str, rows: Sequence[WaitingMessage], claims: tuple[Claim, ...]
    ) -> tuple[Claim, ...]:
        """Return the claims, in which a copy for a shared mailbox is addressed to all whom it is about."""
        readers = {row.person for row in rows if ChannelKind(row.channel).mail and row.person != PUBLIC}
        seal = self._store.seal(session, incident)
        names = {
            notice: names_in_copies(session, incident, seal, notice, readers) for notice in {row.notice for row in rows}
        }
        if not any(names.values()):
            return claims
        pairs = zip(rows, claims, strict=True)
        return tuple([_addressed_to(claim, names[row.notice].get(row.person, ())) for row, claim in pairs])

    def _claim(
        self,
        incident: str,
        row: WaitingMessage,
        known: dict[int, "KnownPerson"],
        earlier: Mapping[tuple[str, int], tuple[DataCategory, ...]],
        held: Mapping[int, OwnCodes],
        named: Callable[[str, str, str], TextName],
        released: Released,
        lease: int,
    ) -> Claim:
        key = self._store.keys.message_key(incident, row.notice, row.person, row.channel, row.address_index)
        person, channel = known.get(row.person), ChannelKind(row.channel)
        to = known[person.guardian or row.person].contact if person else None
        return Claim(
            row.id,
            lease,
            key,
            self._store.keys.bounce_token(row.id, key),
            released,
            row.attempts + 1,
            channel,
            named(row.variant, person.country, person.region) if person else name_parts(row.variant),
            person.contact if person else None,
            to,
            domain_of(to.email) if to and channel.mail else "",
            self._store.keys.link_token(incident, row.person, person.link_version) if person else "",
            self._store.keys.opt_out_token(incident, row.person) if person and released.optional else "",
            bool(row.doubtful),  # SQLite returns a number
            earlier.get((row.notice, row.person), ()),
            held.get(row.person, NO_CODES),
        )

    def _known(self, session: Session, incident: str, numbers: Collection[int]) -> dict[int, "KnownPerson"]:
        """Read and open the data of these people, by number."""
        if not numbers:
            return {}
        connection, seal = session.connection(), self._store.seal(session, incident)
        these, asked = around(connection, "number", numbers)
        rows = connection.execute(statement(KNOWN + these), {"incident": incident, **asked})
        return {row[0]: _opened(incident, seal, *row) for row in rows if row[0] in numbers}


def _named(addenda: Addenda, template: str, variant: str, country: str, region: str) -> TextName:
    """Return the name of the text in this notice about a person who lives in this place, with its present addendum."""
    return name_parts(variant)._replace(addendum=addendum_of(addenda, template, country, region))


def _with_results(
    session: Session, incident: str, rows: Sequence[WaitingMessage], claims: Sequence[Claim]
) -> Iterator[Claim]:
    """Yield the claims, each with the name of its person's own result."""
    own = words_of(session, incident, [(row.notice, row.person) for row in rows])
    for row, claim in zip(rows, claims, strict=True):
        yield claim._replace(result=own.get((row.notice, row.person), NOTHING_TOLD))


def _with_stand_ins(
    session: Session, incident: str, claims: Sequence[Claim], people: Collection[int], coded: CodedTexts
) -> Iterator[Claim]:
    """Yield the claims of a preview, each with a stand-in for every code that its person will get with a message."""
    needs = {commitment: people_without(session, incident, commitment, people) for commitment in coded.commitments}
    for claim in claims:
        number = claim.about.number if claim.about else PUBLIC
        parts = {one: part_of(one, without[number]) for one, without in needs.items() if number in without}
        told = coded.of(claim.text, claim.channel) if parts else ()
        own = OwnCodes(claim.codes | dict.fromkeys(parts, STAND_IN))
        yield claim._replace(codes=own, needs=tuple(parts[one] for one in told if one in parts))


class KnownPerson(NamedTuple):
    """A stored person whose data was opened. Holds personal data: never log or print a known person."""

    contact: Contact
    country: str
    region: str
    guardian: int
    link_version: int
    ref: str = ""
    child: str = ""
    """The reference of the child whose guardian this person is."""

    def unreadable(self) -> "KnownPerson":
        """Return the person without any personal data, as when it does not open."""
        return self._replace(contact=Contact(self.contact.number, "", "", "", "", (), readable=False))


def _has_its_guardian(person: KnownPerson, known: Mapping[int, KnownPerson]) -> bool:
    """Return True when a child's guardian is who the list names, as the contact data of both says; and for others."""
    guardian = known.get(person.guardian) if person.guardian else None
    if guardian is None or not (person.contact.readable and guardian.contact.readable):
        return True
    return guardian.child == person.ref


KNOWN = """
SELECT number, sealed, data, country, region, timezone, guardian, link_version FROM person
WHERE incident = :incident AND """


def _addressed_to(claim: Claim, others: Sequence[str]) -> Claim:
    """Return the claim on an email, addressed to these other people of the mailbox too."""
    if not claim.channel.mail or claim.to is None or not others:
        return claim
    together = ("、" if claim.text.locale.startswith("zh") else ", ").join(filter(None, (*others, claim.to.name)))
    return claim._replace(to=claim.to._replace(name=together))


def _earlier_data(
    session: Session, incident: str, rows: Sequence[WaitingMessage]
) -> dict[tuple[str, int], tuple[DataCategory, ...]]:
    """Return the kinds of data that were named wrongly to the people of these messages, by notice and person."""
    notices, people = {row.notice for row in rows}, [row.person for row in rows]
    columns = (ToldOtherwiseRow.notice, ToldOtherwiseRow.person, ToldOtherwiseRow.elements)
    query = sql(*map(col, columns)).where(
        col(ToldOtherwiseRow.incident) == incident,
        col(ToldOtherwiseRow.notice).in_(notices),
        col(ToldOtherwiseRow.person).between(min(people), max(people)),
        col(ToldOtherwiseRow.elements) != "",
    )
    return {(notice, person): categories(elements) for notice, person, elements in session.execute(query)}


def _opened(
    incident: str,
    seal: Seal,
    number: int,
    sealed: bytes,
    data: str,
    country: str,
    region: str,
    timezone: str,
    guardian: int,
    link_version: int,
) -> KnownPerson:
    try:
        said = (data, country, region, timezone)
        ref, name, email, phone, postal, child, *further, _ = opened_contact(incident, number, sealed, seal, said)
        theirs = (name, email, phone, postal, categories(data), country, timezone, region, tuple(further))
        contact = Contact(number, *theirs)
    except KeyMissing:
        ref = child = ""
        contact = Contact(number, "", "", "", "", (), readable=False)
    return KnownPerson(contact, country, region, guardian, link_version, ref, child)
