"""Leaks in the ledger: texts from people that hold the contact data of somebody else in the list."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from sqlmodel import Session, col, select

from amends.domain.base.text import counted
from amends.domain.case.case import EventKind
from amends.domain.feedback.contact_data import Mentioned, international, mentioned
from amends.domain.incident.incident import Incident
from amends.ledger.incident.incidents import happened, note_alert, version_row
from amends.ledger.people.opt_outs import people_of, reader_of
from amends.ledger.store.session import Store, Write, incident_row
from amends.ledger.store.tables import IncidentRow, PersonRow

CHUNK = 20_000
"""The most indexes of one query, so that a long list of people is read once."""
MOST_COUNTRIES = 10
"""The countries of most people, as whose numbers a number without a country code is read."""
FEWEST_OF_A_STRANGER = 2
"""The people whose data a stranger must give: the data of one are the stranger's own."""
Indexes = dict[str, set[bytes]]
"""The keyed indexes of contact data, by the column of a person in which they stand."""


class Leaks:
    """The search for the contact data of other people in what somebody wrote."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def others_in(self, incident: str, text: str, person: int | None, own: Iterable[str] = ()) -> int:
        """Return how many other people of the list the text names by an address, a number or a reference.

        The writer's own data, those of the writer's family in the list, and the company's contacts do not count; `own`
        is more that is the writer's. Raises DataDestroyed.
        """
        found = mentioned(text)
        if not found:
            return 0
        with self._store.read() as session:
            row = incident_row(session, incident)
            file = Incident.model_validate(version_row(session, incident, row.version).content)
            asked = self._indexes(incident, found, _codes(row, file))
            apart = mentioned(" \n".join((*own, file.organisation.contacts.email, file.organisation.contacts.phone)))
            _take_away(asked, self._indexes(incident, apart, _codes(row, file)))
            theirs = _family(session, incident, person) if person else frozenset[int]()
            _take_away(asked, _data_of(session, incident, theirs))
            others = _whose(session, incident, asked) - theirs
        return len(others) if person or len(others) >= FEWEST_OF_A_STRANGER else 0

    def _indexes(self, incident: str, found: Mentioned, codes: Collection[int]) -> Indexes:
        index = self._store.keys.index
        phones = (number for phone in found.phones for number in international(phone, codes))
        return {
            "email_index": {index(incident, "email", email) for email in found.emails},
            "phone_index": {index(incident, "phone", number) for number in phones},
            "ref_index": {index(incident, "ref", ref) for ref in found.refs},
        }


def note_leak(write: Write, incident: str, question: int, others: int, now: datetime) -> None:
    """Record in the caller's transaction, with an alert, that a question holds data of other people."""
    if happened(write.session, incident, f"question {question}", now, EventKind.LEAK):
        people = counted(others, "other person", "other people")
        what = f"question {question} holds contact data of {people} of the list, so data may have leaked to its writer"
        note_alert(write, incident, f"{what}: `amends questions show {incident} {question}`", now)


def note_leak_in_comment(write: Write, incident: str, person: int, others: int, now: datetime) -> None:
    """Record in the caller's transaction an alert to a comment on the survey that holds data of other people."""
    people = counted(others, "other person", "other people")
    what = f"the comment of person {person} on the survey holds contact data of {people} of the list"
    note_alert(write, incident, f"{what}: `amends questions comments {incident}`", now)


def _codes(row: IncidentRow, file: Incident) -> frozenset[int]:
    """Return the country codes of the countries where most people of the list live, and the company's."""
    from phonenumbers import country_code_for_region

    places = (row.counts or {}).get("by_place", {})
    most = sorted(places, key=lambda place: -places[place])[:MOST_COUNTRIES]
    countries = {place[:2] for place in most} | {(file.organisation.established_in or "")[:2]}
    return frozenset(filter(None, map(country_code_for_region, countries)))


def _family(session: Session, incident: str, person: int) -> frozenset[int]:
    """Return the person, the guardian, and the children whose messages go to the same reader."""
    reader = reader_of(session, incident, person).number
    return frozenset({person, reader, *people_of(session, incident, reader)})


def _data_of(session: Session, incident: str, people: Collection[int]) -> Indexes:
    query = select(PersonRow).where(PersonRow.incident == incident, col(PersonRow.number).in_(people))
    rows = session.exec(query).all()
    return {
        "email_index": {row.email_index for row in rows if row.email_index},
        "phone_index": {row.phone_index for row in rows if row.phone_index},
        "ref_index": {row.ref_index for row in rows},
    }


def _take_away(asked: Indexes, known: Indexes) -> None:
    for column, indexes in known.items():
        asked[column] -= indexes


def _whose(session: Session, incident: str, asked: Indexes) -> set[int]:
    """Return the numbers of the people with this data."""
    found: set[int] = set()
    for column, indexes in asked.items():
        for chunk in _chunks(indexes):
            theirs: Any = getattr(PersonRow, column)
            query = select(PersonRow.number).where(PersonRow.incident == incident, col(theirs).in_(chunk))
            found.update(session.exec(query))
    return found


def _chunks(indexes: Collection[bytes]) -> Iterator[list[bytes]]:
    rest = iter(indexes)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
