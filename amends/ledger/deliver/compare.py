"""A corrected list of people held against the one in force: who is new, changed, back or gone."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlmodel import Session, col, func, select

from amends.domain.base.errors import KeyMissing
from amends.domain.deliver.correction import Difference, DifferenceKind, PersonChange, changed_fields, stands_otherwise
from amends.domain.people.person import Person
from amends.ledger.people.people import (
    CHUNK,
    OPENED,
    PEOPLE_COLUMNS,
    opened_person,
    person_of,
    person_values,
    spelled_person,
)
from amends.ledger.store.encryption import Keys, Seal
from amends.ledger.store.tables import IncidentRow, PersonRow

ADDRESSES = {"email_index": "email", "phone_index": "phone", "postal_index": "postal_address"}
"""Columns by which an address is found, and what it is called in the list."""
NO_CONTACT = ("",) * 6


@dataclass(frozen=True, slots=True)
class Correction:
    """A corrected list as it was compared with the one in force; of the people themselves only what is sealed."""

    incident: str
    base: str
    """The digest of the list that it was compared with."""
    digest: str
    """Of the list that it makes of that."""
    difference: Difference
    rows: Mapping[int, tuple[Any, ...]] = field(repr=False)
    """The values of PEOPLE_COLUMNS of whoever is new, back or changed, by number."""
    anew: frozenset[int]
    """Those of whom it must be decided again whether they are held."""


class Comparing:
    """One pass over a corrected list. Keeps keyed hashes and sealed rows, and those of the differences only."""

    def __init__(self, keys: Keys, seal: Seal, session: Session, row: IncidentRow) -> None:
        self._keys, self._seal, self._session, self._incident, self._row = keys, seal, session, row.id, row
        highest = session.exec(select(func.max(PersonRow.number)).where(PersonRow.incident == row.id)).one()
        self._next = (highest or 0) + 1
        self._seen: set[int] = set()
        self._changes: dict[int, PersonChange] = {}
        self._rows: dict[int, tuple[Any, ...]] = {}
        self._anew: set[int] = set()
        self._taken: dict[bytes, list[tuple[int, str]]] = {}
        """Who has which address now that they had not before."""
        self._running = hashlib.sha256(row.audience_digest.encode())

    def take(self, people: Sequence[Person]) -> None:
        """A page of the corrected list."""
        refs = [self._keys.index(self._incident, "ref", person.ref) for person in people]
        stored = {row.ref_index: row for row in self._session.execute(_with_refs(self._incident, refs))}
        for ref, person in zip(refs, people, strict=True):
            if row := stored.get(ref):
                self._hold_against(row, person)
            else:
                self._keep(DifferenceKind.NEW, person._replace(number=self._next), person.number)
                self._next += 1

    def _hold_against(self, row: Any, person: Person) -> None:
        self._seen.add(row.number)
        old = self._stored(row)
        fields = changed_fields(old, person)
        if row.gone_at is None and not fields:
            return
        if row.gone_at or stands_otherwise(old, person):
            self._anew.add(row.number)
        kind = DifferenceKind.BACK if row.gone_at else DifferenceKind.CHANGED
        self._keep(kind, person._replace(number=row.number), person.number, fields, row)

    def _stored(self, row: Any) -> Person:
        """As the list in force has them; contact data that was altered counts as none, so that this list mends it."""
        try:
            return opened_person(self._incident, row, self._seal)
        except KeyMissing:
            return person_of(row, NO_CONTACT)

    def _keep(
        self, kind: DifferenceKind, person: Person, place: int, fields: tuple[str, ...] = (), old: Any = None
    ) -> None:
        values = person_values(self._keys, self._incident, self._seal, person)
        self._rows[person.number] = values
        self._changes[person.number] = PersonChange(kind, person.number, place, fields)
        self._note(spelled_person(person))
        for column, address in _addresses(values).items():
            if address and address != (getattr(old, column) if old else None):
                self._taken.setdefault(address, []).append((person.number, ADDRESSES[column]))

    def _note(self, what: str) -> None:
        """A keyed hash: the digest is shown, and nobody must be able to try out what one row may say."""
        self._running.update(self._keys.index(self._incident, "correction", what))

    def end(self) -> Correction:
        """When all of the list was taken: who is not in it, and whose addresses went to others."""
        query = select(PersonRow.number, PersonRow.gone_at, *map(_column, ADDRESSES)).where(
            PersonRow.incident == self._incident
        )
        ordered = query.order_by(col(PersonRow.number))
        for number, gone_at, *addresses in self._session.execute(ordered, execution_options={"yield_per": CHUNK}):
            if gone_at is None and number not in self._seen:
                self._changes[number] = PersonChange(DifferenceKind.GONE, number)
                self._note(f"gone {number}")
            for address in addresses:
                if address in self._taken and not self._still_has(number, address):
                    self._taken_over(address)
        difference = Difference(self._row.people, self._unchanged(), tuple(self._changes.values()))
        digest, anew = self._running.hexdigest(), frozenset(self._anew)
        return Correction(self._incident, self._row.audience_digest, digest, difference, self._rows, anew)

    def _still_has(self, number: int, address: bytes) -> bool:
        if number not in self._seen:
            return False
        return number not in self._rows or address in _addresses(self._rows[number]).values()

    def _taken_over(self, address: bytes) -> None:
        for number, kind in self._taken.pop(address):
            change = self._changes[number]
            self._changes[number] = replace(change, taken_over=(*change.taken_over, kind))

    def _unchanged(self) -> int:
        return len(self._seen - self._changes.keys())


def _column(name: str) -> Any:
    return col(getattr(PersonRow, name))


def _with_refs(incident: str, refs: list[bytes]) -> Any:
    columns = map(_column, (*OPENED, "ref_index", "gone_at", *ADDRESSES))
    return select(*columns).where(PersonRow.incident == incident, col(PersonRow.ref_index).in_(refs))


def _addresses(values: tuple[Any, ...]) -> dict[str, bytes | None]:
    return {name: values[PEOPLE_COLUMNS.index(name)] for name in ADDRESSES}
