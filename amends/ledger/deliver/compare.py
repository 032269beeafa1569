"""Comparison of a corrected list of people with the list in force: who is new, changed, back or gone."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlmodel import Session, col, func, select

from amends.domain.base.errors import KeyMissing
from amends.domain.channel.channel import addresses
from amends.domain.deliver.correction import Difference, DifferenceKind, PersonChange, changed_fields, stands_otherwise
from amends.domain.people.person import Person
from amends.ledger.people.holds import REPORTED_HOLDS
from amends.ledger.people.people import (
    CHUNK,
    OPENED,
    PARTS,
    PEOPLE_COLUMNS,
    opened_person,
    person_of,
    person_values,
    spelled_person,
)
from amends.ledger.store.encryption import Keys, Seal
from amends.ledger.tables.incident import ErasedPersonRow, IncidentRow
from amends.ledger.tables.people import PersonRow

ADDRESSES = {address.index: address.column for address in addresses()}
"""The columns with the keyed index of an address, each with the name of the address in the list."""
NO_CONTACT = ("",) * PARTS


@dataclass(frozen=True, slots=True)
class Correction:
    """A corrected list after its comparison with the list in force. Holds personal data only sealed."""

    incident: str
    base: str
    """The digest of the list in force at the comparison."""
    digest: str
    """The digest of the list after the correction."""
    difference: Difference
    rows: Mapping[int, tuple[Any, ...]] = field(repr=False)
    """The values of PEOPLE_COLUMNS of each person who is new, back or changed, by number."""
    anew: frozenset[int]
    """The people of whom it must be decided again whether they are held."""


class Comparing:
    """A comparison in one pass over a corrected list; keeps keyed hashes and sealed rows, of the differences only."""

    def __init__(self, keys: Keys, seal: Seal, session: Session, row: IncidentRow) -> None:
        self._keys, self._seal, self._session, self._incident, self._row = keys, seal, session, row.id, row
        highest = session.exec(select(func.max(PersonRow.number)).where(PersonRow.incident == row.id)).one()
        self._next = (highest or 0) + 1
        self._seen: set[int] = set()
        self._changes: dict[int, PersonChange] = {}
        self._rows: dict[int, tuple[Any, ...]] = {}
        self._anew: set[int] = set()
        self._taken: dict[bytes, list[tuple[int, str]]] = {}
        """The people who have an address that they did not have before, by the index of the address."""
        self._running = hashlib.sha256(row.audience_digest.encode())
        self._erased = erased_people(session, row.id)
        self._left_out: list[int] = []
        """The rows of the file with people who were erased on request."""
        self._seen.update(self._erased.values())

    def take(self, people: Sequence[Person]) -> None:
        """Compare a page of the corrected list."""
        people = [self._without_erased_child(person) for person in people]
        refs = [self._keys.index(self._incident, "ref", person.ref) for person in people]
        stored = {row.ref_index: row for row in self._session.execute(_with_refs(self._incident, refs))}
        for ref, person in zip(refs, people, strict=True):
            if ref in self._erased:
                self._left_out.append(person.number)
            elif row := stored.get(ref):
                self._compare(row, person)
            else:
                self._keep(DifferenceKind.NEW, person._replace(number=self._next), person.number)
                self._next += 1

    def _without_erased_child(self, person: Person) -> Person:
        """Return the person, who is no guardian any more of a child that was erased on request."""
        if not (self._erased and person.guardian_of):
            return person
        child = self._keys.index(self._incident, "ref", person.guardian_of)
        return person._replace(guardian_of="") if child in self._erased else person

    def _compare(self, row: Any, person: Person) -> None:
        self._seen.add(row.number)
        old = self._stored(row)
        fields = changed_fields(old, person)
        if row.gone_at is None and not fields:
            return
        found = row.hold in REPORTED_HOLDS and set(fields) & set(ADDRESSES.values())  # what a report had in doubt
        if row.gone_at or found or stands_otherwise(old, person):
            self._anew.add(row.number)
        kind = DifferenceKind.BACK if row.gone_at else DifferenceKind.CHANGED
        self._keep(kind, person._replace(number=row.number), person.number, fields, row)

    def _stored(self, row: Any) -> Person:
        """Return the person as in the list in force; altered contact data counts as none, so that the list mends it."""
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
        self._add_to_digest(spelled_person(person))
        for column, address in _addresses(values).items():
            if address and address != (getattr(old, column) if old else None):
                self._taken.setdefault(address, []).append((person.number, ADDRESSES[column]))

    def _add_to_digest(self, what: str) -> None:
        """Add a keyed hash of the text to the digest: the digest is shown, and must not let anybody guess a row."""
        self._running.update(self._keys.index(self._incident, "correction", what))

    def end(self) -> Correction:
        """Find who is gone and whose addresses went to others, and return the result; called after the last page."""
        query = select(PersonRow.number, PersonRow.gone_at, *map(_column, ADDRESSES)).where(
            PersonRow.incident == self._incident
        )
        ordered = query.order_by(col(PersonRow.number))
        for number, gone_at, *theirs in self._session.execute(ordered, execution_options={"yield_per": CHUNK}):
            if gone_at is None and number not in self._seen:
                self._changes[number] = PersonChange(DifferenceKind.GONE, number)
                self._add_to_digest(f"gone {number}")
            for address in theirs:
                if address in self._taken and not self._still_has(number, address):
                    self._taken_over(address)
        changes, left_out = tuple(self._changes.values()), tuple(self._left_out)
        difference = Difference(self._row.people, self._unchanged(), changes, left_out)
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


def erased_people(session: Session, incident: str) -> dict[bytes, int]:
    """Return the numbers of the people who were erased on request, by the keyed hash of the company's own id."""
    query = select(ErasedPersonRow.ref_index, ErasedPersonRow.person).where(ErasedPersonRow.incident == incident)
    return dict(session.exec(query).all())


def _column(name: str) -> Any:
    return col(getattr(PersonRow, name))


def _with_refs(incident: str, refs: list[bytes]) -> Any:
    columns = map(_column, (*OPENED, "ref_index", "gone_at", "hold", *ADDRESSES))
    return select(*columns).where(PersonRow.incident == incident, col(PersonRow.ref_index).in_(refs))


def _addresses(values: tuple[Any, ...]) -> dict[str, bytes | None]:
    return {name: values[PEOPLE_COLUMNS.index(name)] for name in ADDRESSES}
