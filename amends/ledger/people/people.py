"""People in the ledger: store them with sealed contact data, find them by keyed indexes, and open their data again."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from unicodedata import normalize

from sqlalchemy import and_, text, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, select

from amends.domain.base.errors import NotInLedger
from amends.domain.channel.channel import FURTHER, addresses
from amends.domain.incident.facts import DataCategory
from amends.domain.people.person import Flag, Hold, Person, hold_for
from amends.ledger.store.bulk import pages
from amends.ledger.store.encryption import Keys, Seal
from amends.ledger.store.session import Store
from amends.ledger.store.sums import changing
from amends.ledger.tables.people import PersonRow

CHUNK = 2_000
"""The number of people who are read or written at once."""
SEPARATOR = "\x1f"
"""The character between the parts of the contact data; no part may hold a control character."""
PARTS = 7 + len(FURTHER)
"""The number of parts of the contact data."""
ADDRESS_INDEXES = tuple(address.index for address in addresses())
"""The columns with the keyed indexes of a person's addresses."""
OPENED = ("number", "sealed", "locale", "country", "region", "timezone", "data", "segment", "flags")
"""The columns from which a person is made."""
PEOPLE_COLUMNS = (
    "incident",
    "number",
    "sealed",
    "ref_index",
    *ADDRESS_INDEXES,
    "link_index",
    "link_version",
    "locale",
    "country",
    "region",
    "timezone",
    "data",
    "segment",
    "flags",
    "consents_to_email",
    "child_index",
    "guardian",
    "hold",
)

NEW_ELEMENT_SETS = """
INSERT INTO element_set (incident, elements, country, region)
SELECT DISTINCT incident, data, country, region FROM person WHERE incident = :incident AND NOT EXISTS (
    SELECT 1 FROM element_set WHERE element_set.incident = person.incident AND element_set.elements = person.data
    AND element_set.country = person.country AND element_set.region = person.region
)
"""
ELEMENTS = """(
    SELECT element_set.id FROM person
    JOIN element_set ON element_set.incident = person.incident AND element_set.elements = person.data
        AND element_set.country = person.country AND element_set.region = person.region
    WHERE person.incident = delivery.incident AND person.number = delivery.person
)"""
"""The number of the set of data elements that the person of a message has now; NULL for the public."""


class People:
    """The people of the incidents, and their personal links."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, incident: str, number: int) -> Person:
        """Return the person with this number. Raises NotInLedger."""
        with self._store.read() as session:
            return opened_person(incident, person_row(session, incident, number), self._store.seal(session, incident))

    def get_many(self, incident: str, numbers: Iterable[int]) -> dict[int, Person]:
        """Return the people with these numbers, by number."""
        with self._store.read() as session:
            rows = session.exec(
                select(PersonRow).where(PersonRow.incident == incident, col(PersonRow.number).in_(list(numbers)))
            ).all()
            seal = self._store.seal(session, incident)
            return {row.number: opened_person(incident, row, seal) for row in rows}

    def number_of(self, incident: str, ref: str) -> int | None:
        """Return the number of the person with this reference of the company's, or None."""
        with self._store.read() as session:
            wanted = self._store.keys.index(incident, "ref", ref)
            query = select(PersonRow.number).where(PersonRow.incident == incident, PersonRow.ref_index == wanted)
            return session.exec(query).first()

    def numbers_of(self, incident: str, refs: Iterable[str]) -> dict[str, int]:
        """Return the numbers of the persons in the list with these references of the company's, by reference."""
        indexes = {self._store.keys.index(incident, "ref", ref): ref for ref in refs}
        listed = (PersonRow.incident == incident, col(PersonRow.gone_at).is_(None))
        found: dict[str, int] = {}
        with self._store.read() as session:
            for page in pages(indexes, CHUNK):
                chosen = col(PersonRow.ref_index).in_(page)
                query = select(PersonRow.ref_index, PersonRow.number).where(*listed, chosen)
                found |= {indexes[index]: number for index, number in session.exec(query)}
        return found

    def whose_link(self, token: str) -> tuple[str, int] | None:
        """Return incident and person of a personal link; None for a wrong or revoked one, or one never given out."""
        with self._store.read() as session:
            row = session.exec(select(PersonRow).where(PersonRow.link_index == link_index(token))).first()
            return (row.incident, row.number) if row else None

    def link_of(self, incident: str, number: int) -> str:
        """Return the token of this person's personal link. Raises NotInLedger."""
        with self._store.read() as session:
            version = person_row(session, incident, number).link_version
            return self._store.keys.link_token(incident, number, version)

    def revoke_link(self, incident: str, number: int, by: str, now: datetime) -> None:
        """Revoke the person's personal link; the next message carries a new link."""
        with self._store.write() as write:
            write.incident(incident)
            row = person_row(write.session, incident, number, locked=True)
            row.link_version += 1
            row.link_index = link_index(self._store.keys.link_token(incident, number, row.link_version))
            write.note(now, incident, "link revoked", f"person {number}", actor=by)


def person_row(session: Session, incident: str, number: int, *, locked: bool = False) -> PersonRow:
    """Return the person's row; `locked` until the transaction ends. Raises NotInLedger."""
    row = session.get(PersonRow, (incident, number), with_for_update=locked or None)
    if row is None:
        raise NotInLedger(f"incident {incident} has no person {number}")
    return row


def person_values(keys: Keys, incident: str, seal: Seal, person: Person) -> tuple[Any, ...]:
    """Return the values of PEOPLE_COLUMNS for a person who is stored for the first time."""
    number, contact = person.number, _parts(person)
    data, flags, hold = _spelled(person.data, person.flags, person.guardian_of != "")
    said = (data, person.country, person.region, person.timezone)
    ref, *indexes, child = contact_indexes(keys, incident, contact)
    listed = SEPARATOR.join((*contact, person.locale, person.segment, flags))
    return (
        incident,
        number,
        seal.close(listed, contact_place(incident, number, *said)),
        ref,
        *indexes,
        link_index(keys.link_token(incident, number, 1)),
        1,
        person.locale,
        person.country,
        person.region,
        person.timezone,
        data,
        person.segment,
        flags,
        person.consents_to_email is not None,
        child,
        0,
        hold,
    )


def contact_indexes(keys: Keys, incident: str, contact: Sequence[str]) -> tuple[bytes | None, ...]:
    """Return the keyed indexes of ref and of each address, and of the ref of the person's child."""
    ref, _, email, phone, postal, child, *further, _ = contact
    return (
        keys.index(incident, "ref", ref),
        keys.index(incident, "email", email.lower()) if email else None,
        keys.index(incident, "phone", phone) if phone else None,
        keys.index(incident, "postal", as_written(postal)) if postal.strip() else None,
        *(keys.index(incident, kind.keyed, one) if one else None for kind, one in zip(FURTHER, further, strict=True)),
        keys.index(incident, "ref", child) if child else None,
    )


@lru_cache(4096)
def _spelled(data: tuple[DataCategory, ...], flags: frozenset[Flag], is_guardian: bool) -> tuple[str, str, str]:
    """Return kinds of data and flags as they are stored, and the first reason to hold such a person, or empty."""
    hold = hold_for(flags, has_guardian=False, only_guardian=is_guardian and not data)
    return "|".join(data), "|".join(sorted(flags)), hold or ""


def link_index(token: str) -> bytes:
    """Return the hash by which the token of a personal link is found; the token itself is never stored."""
    return hashlib.sha256(token.encode()).digest()


def as_written(address: str) -> str:
    """Return a postal address without differences that do not matter to the post: case, width and spaces."""
    return " ".join((address if address.isascii() else normalize("NFKC", address)).casefold().split())


def contact_place(incident: str, number: int, *said: str) -> str:
    """Return the place for which a person's contact data is sealed; it opens in no other place.

    `said` is what messages take from the row itself, so that the contact data opens only beside that: data elements,
    country, region and time zone.
    """
    return f"person:contact:{incident}:{number}:{SEPARATOR.join(said)}"


def _parts(person: Person) -> tuple[str, ...]:
    consent = person.consents_to_email.isoformat() if person.consents_to_email else ""
    first = (person.ref, person.name, person.email, person.phone, person.postal_address, person.guardian_of)
    return (*first, *(address.of(person) for address in FURTHER), consent)


def opened_person(incident: str, row: Any, seal: Seal) -> Person:
    """Return the person of a row, or of its columns OPENED, with readable contact data.

    Raises DataDamaged when the contact data was altered or moved.
    """
    said = (row.data, row.country, row.region, row.timezone)
    return person_of(row, opened_contact(incident, row.number, row.sealed, seal, said))


def person_of(row: Any, contact: Sequence[str]) -> Person:
    """Return the person of a row, or of its columns OPENED, with this contact data."""
    ref, name, email, phone, postal_address, guardian_of, *further, consent = contact
    return Person(
        number=row.number,
        ref=ref,
        name=name,
        email=email,
        phone=phone,
        locale=row.locale,
        country=row.country,
        region=row.region,
        postal_address=postal_address,
        timezone=row.timezone,
        data=categories(row.data),
        segment=row.segment,
        guardian_of=guardian_of,
        flags=_flags(row.flags),
        consents_to_email=date.fromisoformat(consent) if consent else None,
        further=tuple(further),
    )


def opened_contact(incident: str, number: int, sealed: bytes, seal: Seal, said: Sequence[str]) -> list[str]:
    """Return a person's contact data.

    It is ref, name, email, phone, postal address, the child's ref, further addresses, and the day of consent.

    `said` holds the row's data elements, country, region and time zone. Raises DataDamaged when the contact data or one
    of these was altered or moved.
    """
    return opened_row(incident, number, sealed, seal, said)[:PARTS]


def opened_row(incident: str, number: int, sealed: bytes, seal: Seal, said: Sequence[str]) -> list[str]:
    """Return a person's contact data, and the locale, segment and flags as the list gave them. Raises DataDamaged."""
    return seal.open(sealed, contact_place(incident, number, *said)).split(SEPARATOR)


@lru_cache(4096)
def categories(words: str) -> tuple[DataCategory, ...]:
    """Return the kinds of data that a person's row names."""
    return tuple(DataCategory(word) for word in words.split("|") if word)


@lru_cache(64)
def _flags(words: str) -> frozenset[Flag]:
    return frozenset(Flag(word) for word in words.split("|") if word)


def spelled_person(person: Person) -> str:
    """Return everything that the audience file says about a person, as text for the file's digest."""
    data, flags, _ = _spelled(person.data, person.flags, person.guardian_of != "")
    return SEPARATOR.join(
        (
            str(person.number),
            *_parts(person),
            person.locale,
            person.country,
            person.region,
            person.timezone,
            data,
            person.segment,
            flags,
            "",
        )
    )


def insert_people(session: Session) -> str:
    """Return a statement that stores a person from the values of PEOPLE_COLUMNS."""
    # The statement goes to the driver itself: SQLAlchemy needs more time for a row than the database does.
    mark = "?" if session.get_bind().dialect.paramstyle == "qmark" else "%s"
    marks = ", ".join([mark] * len(PEOPLE_COLUMNS))
    return f"INSERT INTO person ({', '.join(PEOPLE_COLUMNS)}) VALUES ({marks})"


def store_element_sets(session: Session, incident: str) -> None:
    """Store the sets of data elements, with the homes of people who have them, that are not stored yet."""
    with changing(session, "element_set", (incident,)):
        session.execute(text(NEW_ELEMENT_SETS), {"incident": incident})


def find_guardians(session: Session, incident: str) -> tuple[int, ...]:
    """Assign guardians in the audience to children who are held for want of one, and return the children's numbers.

    Such a child is told through the guardian, and held no longer.
    """
    child, guardian = aliased(PersonRow), aliased(PersonRow)
    pairs = session.exec(
        select(child.number, func.min(guardian.number))
        .join(guardian, and_(col(guardian.incident) == child.incident, col(guardian.child_index) == child.ref_index))
        .where(child.incident == incident, child.hold == Hold.MINOR_WITHOUT_GUARDIAN.value)
        .where(col(guardian.hold).in_(["", Hold.ONLY_GUARDIAN.value]))
        .group_by(col(child.number))
    ).all()
    if pairs:
        found = [{"incident": incident, "number": number, "guardian": adult, "hold": ""} for number, adult in pairs]
        session.execute(update(PersonRow), found)
    return tuple(number for number, _ in pairs)
