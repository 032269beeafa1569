"""People as rows: their contact data sealed, found by keyed hashes, and opened again."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from unicodedata import normalize

from sqlalchemy import and_, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, select

from amends.domain.base.errors import NotInLedger
from amends.domain.incident.facts import DataCategory
from amends.domain.people.person import Flag, Hold, Person, hold_for
from amends.ledger.store.encryption import Keys, Seal
from amends.ledger.store.session import Store
from amends.ledger.store.tables import PersonRow

CHUNK = 2_000
"""So many people are read or written at once."""
PEOPLE_COLUMNS = (
    "incident", "number", "sealed", "ref_index", "email_index", "phone_index", "postal_index", "link_index",
    "link_version", "locale", "country", "region", "timezone", "data", "segment", "flags", "child_index", "guardian",
    "hold",
)  # fmt: skip


class People:
    """Finds the people of an incident, and their personal links."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, incident: str, number: int) -> Person:
        """One person. Raises NotInLedger."""
        with self._store.read() as session:
            return opened_person(incident, person_row(session, incident, number), self._store.seal(session, incident))

    def get_many(self, incident: str, numbers: Iterable[int]) -> dict[int, Person]:
        """These people, by number."""
        with self._store.read() as session:
            rows = session.exec(
                select(PersonRow).where(PersonRow.incident == incident, col(PersonRow.number).in_(list(numbers)))
            ).all()
            seal = self._store.seal(session, incident)
            return {row.number: opened_person(incident, row, seal) for row in rows}

    def number_of(self, incident: str, ref: str) -> int | None:
        """The number of the person whom the company calls so, or None."""
        with self._store.read() as session:
            wanted = self._store.keys.index(incident, "ref", ref)
            query = select(PersonRow.number).where(PersonRow.incident == incident, PersonRow.ref_index == wanted)
            return session.exec(query).first()

    def whose_link(self, token: str) -> tuple[str, int] | None:
        """The incident and person that a personal link belongs to, or None: wrong, revoked, or never given."""
        with self._store.read() as session:
            row = session.exec(select(PersonRow).where(PersonRow.link_index == link_index(token))).first()
            return (row.incident, row.number) if row else None

    def link_of(self, incident: str, number: int) -> str:
        """The token of this person's link. Raises NotInLedger."""
        with self._store.read() as session:
            version = person_row(session, incident, number).link_version
            return self._store.keys.link_token(incident, number, version)

    def revoke_link(self, incident: str, number: int, by: str, now: datetime) -> None:
        """The person's link stops working; the next message carries a new one."""
        with self._store.write() as write:
            write.incident(incident)
            row = person_row(write.session, incident, number, locked=True)
            row.link_version += 1
            row.link_index = link_index(self._store.keys.link_token(incident, number, row.link_version))
            write.note(now, incident, "link revoked", f"person {number}", actor=by)


def person_row(session: Session, incident: str, number: int, *, locked: bool = False) -> PersonRow:
    """The person's row, if need be locked until the transaction ends. Raises NotInLedger."""
    row = session.get(PersonRow, (incident, number), with_for_update=locked or None)
    if row is None:
        raise NotInLedger(f"incident {incident} has no person {number}")
    return row


def person_values(keys: Keys, incident: str, seal: Seal, person: Person) -> tuple[Any, ...]:
    """The values of PEOPLE_COLUMNS, of somebody who is stored for the first time."""
    number = person.number
    data, flags, hold = _spelled(person.data, person.flags, person.guardian_of != "")
    return (
        incident,
        number,
        seal.close(_contact(person), contact_place(incident, number)),
        keys.index(incident, "ref", person.ref),
        keys.index(incident, "email", person.email.lower()) if person.email else None,
        keys.index(incident, "phone", person.phone) if person.phone else None,
        keys.index(incident, "postal", address_as_written(person)) if person.postal_address.strip() else None,
        link_index(keys.link_token(incident, number, 1)),
        1,
        person.locale,
        person.country,
        person.region,
        person.timezone,
        data,
        person.segment,
        flags,
        keys.index(incident, "ref", person.guardian_of) if person.guardian_of else None,
        0,
        hold,
    )


@lru_cache(4096)
def _spelled(data: tuple[DataCategory, ...], flags: frozenset[Flag], is_guardian: bool) -> tuple[str, str, str]:
    """Kinds of data and flags as they are stored, and why somebody with them is held at first, or nothing."""
    hold = hold_for(flags, has_guardian=False, only_guardian=is_guardian and not data)
    return "|".join(data), "|".join(sorted(flags)), hold or ""


def link_index(token: str) -> bytes:
    """How a personal link's token is looked up; the token itself is never stored."""
    return hashlib.sha256(token.encode()).digest()


def address_as_written(person: Person) -> str:
    """The postal address without differences that the post does not see: case, width and spaces."""
    address = person.postal_address
    return " ".join((address if address.isascii() else normalize("NFKC", address)).casefold().split())


def contact_place(incident: str, number: int) -> str:
    """Where a person's contact data belongs: it opens nowhere else."""
    return f"person:contact:{incident}:{number}"


SEPARATOR = "\x1f"
"""Between the parts of the contact data; no part may hold a control character."""


def _contact(person: Person) -> str:
    return SEPARATOR.join(
        (person.ref, person.name, person.email, person.phone, person.postal_address, person.guardian_of)
    )


OPENED = ("number", "sealed", "locale", "country", "region", "timezone", "data", "segment", "flags")
"""What makes a person of a row."""


def opened_person(incident: str, row: Any, seal: Seal) -> Person:
    """The row, or its columns OPENED, as a value, its contact data readable. Raises KeyMissing when it was altered."""
    return person_of(row, opened_contact(incident, row.number, row.sealed, seal))


def person_of(row: Any, contact: Sequence[str]) -> Person:
    """The row, or its columns OPENED, with this contact data."""
    ref, name, email, phone, postal_address, guardian_of = contact
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
    )


def opened_contact(incident: str, number: int, sealed: bytes, seal: Seal) -> list[str]:
    """A person's contact data: ref, name, email, phone, postal address, and whose guardian they are."""
    return seal.open(sealed, contact_place(incident, number)).split(SEPARATOR)


@lru_cache(4096)
def categories(words: str) -> tuple[DataCategory, ...]:
    """The kinds of data that a person's row names."""
    return tuple(DataCategory(word) for word in words.split("|") if word)


@lru_cache(64)
def _flags(words: str) -> frozenset[Flag]:
    return frozenset(Flag(word) for word in words.split("|") if word)


def spelled_person(person: Person) -> str:
    """All that the audience file says of a person, for its digest."""
    data, flags, _ = _spelled(person.data, person.flags, person.guardian_of != "")
    return SEPARATOR.join(
        (
            str(person.number), _contact(person), person.locale, person.country, person.region, person.timezone,
            data, person.segment, flags, "",
        )
    )  # fmt: skip


def insert_people(session: Session) -> str:
    """A statement that takes the values of PEOPLE_COLUMNS."""
    # As the driver reads it: what SQLAlchemy does for each row takes longer than the database does.
    mark = "?" if session.get_bind().dialect.paramstyle == "qmark" else "%s"
    marks = ", ".join([mark] * len(PEOPLE_COLUMNS))
    return f"INSERT INTO person ({', '.join(PEOPLE_COLUMNS)}) VALUES ({marks})"


def find_guardians(session: Session, incident: str) -> tuple[int, ...]:
    """A child whose guardian is in the audience is told through the guardian, so it is not held any more; which are."""
    child, guardian = aliased(PersonRow), aliased(PersonRow)
    pairs = session.exec(
        select(child.number, func.min(guardian.number))
        .join(guardian, and_(col(guardian.incident) == child.incident, col(guardian.child_index) == child.ref_index))
        .where(child.incident == incident, child.hold == Hold.MINOR_WITHOUT_GUARDIAN.value)
        .where(col(guardian.hold).in_(["", Hold.ONLY_GUARDIAN.value]))
        .group_by(col(child.number))
    ).all()
    if pairs:
        told = [{"incident": incident, "number": number, "guardian": instead, "hold": ""} for number, instead in pairs]
        session.execute(update(PersonRow), told)
    return tuple(number for number, _ in pairs)
