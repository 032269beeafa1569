"""Leaks in the ledger: texts from people that hold the contact data of somebody else in the list."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from amends.domain.base.text import counted
from amends.domain.feedback.contact_data import Mentioned, international, mentioned
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.incident.incident import Incident
from amends.ledger.incident.incidents import note_alert, version_row
from amends.ledger.people.opt_outs import people_of, reader_of
from amends.ledger.store.bulk import pages
from amends.ledger.store.session import Store, Transaction, incident_row
from amends.ledger.tables.incident import IncidentRow
from amends.ledger.tables.people import PersonRow

CHUNK = 20_000
"""The most indexes of one query, so that a long list of people is read once."""
MOST_COUNTRIES = 10
"""The countries of most people, as whose numbers a number without a country code is read."""
FEWEST_OF_A_STRANGER = 2
"""The people whose data a stranger must give: the data of one are the stranger's own."""
Indexes = dict[str, set[bytes]]
"""The keyed indexes of contact data, by the column of a person in which they stand."""


Owners = dict[tuple[str, bytes], set[int]]
"""The people with this index in this column."""


@dataclass(frozen=True, slots=True)
class Written:
    """A text that somebody wrote. Holds personal data: never log or print it."""

    text: str = field(repr=False)
    person: int | None = None
    """The writer's number, or None."""
    own: tuple[str, ...] = field(default=(), repr=False)
    """More addresses and numbers that are the writer's."""


class Leaks:
    """The search for the contact data of other people in what somebody wrote."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def others_in(self, incident: str, text: str, person: int | None, own: Iterable[str] = ()) -> int:
        """Return how many other people of the list the text names by an address, a number or a reference.

        The writer's own data, those of the writer's family in the list, and the company's contacts do not count; `own`
        is more that is the writer's. Raises DataDestroyed.
        """
        return self.others_in_all(incident, (Written(text, person, tuple(own)),))[0]

    def others_in_all(self, incident: str, texts: Sequence[Written]) -> list[int]:
        """Return of each text how many other people it names, as `others_in`; the list of people is read once."""
        found = [mentioned(text.text) for text in texts]
        if not any(found):
            return [0] * len(texts)
        with self._store.read() as session:
            row = incident_row(session, incident)
            file = self._file(session, row)
            codes, company = _codes(row, file), file.organisation.contacts
            searched = []
            for one, named in zip(texts, found, strict=True):
                asked = self._indexes(incident, named, codes)
                apart = mentioned(" \n".join((*one.own, company.email, company.phone))) if named else named
                _take_away(asked, self._indexes(incident, apart, codes))
                theirs = _family(session, incident, one.person) if one.person and named else frozenset[int]()
                _take_away(asked, _data_of(session, incident, theirs) if theirs else {})
                searched.append((asked, theirs))
            owners = _owners(session, incident, [asked for asked, _ in searched])
        others = [_whose(owners, asked) - theirs for asked, theirs in searched]
        return [
            len(other) if one.person or len(other) >= FEWEST_OF_A_STRANGER else 0
            for one, other in zip(texts, others, strict=True)
        ]

    def _file(self, session: Session, row: IncidentRow) -> Incident:
        return self._store.cache.get(
            ("file", row.id, row.version),
            lambda: Incident.model_validate(version_row(session, row.id, row.version).content),
        )

    def _indexes(self, incident: str, found: Mentioned, codes: Collection[int]) -> Indexes:
        index = self._store.keys.index
        phones = (number for phone in found.phones for number in international(phone, codes))
        return {
            "email_index": {index(incident, "email", email) for email in found.emails},
            "phone_index": {index(incident, "phone", number) for number in phones},
            "ref_index": {index(incident, "ref", ref) for ref in found.refs},
        }


def note_leak(write: Transaction, incident: str, question: int, others: int, now: datetime) -> None:
    """Record in the caller's transaction an alert to a question that holds data of other people."""
    people = counted(others, "other person", "other people")
    what = f"question {question} holds contact data of {people} of the list, so data may have leaked to its writer"
    words = f"{what}: `amends questions show {incident} {question}`"
    note_alert(write, incident, Alert(AlertId(AlertKind.QUESTION_LEAKS, str(question)), words, now))


def leaking_questions(alerts: Iterable[Alert]) -> list[int]:
    """Return the questions of which these alerts say that they hold data of other people."""
    return [int(alert.id.subject) for alert in alerts if alert.id.kind is AlertKind.QUESTION_LEAKS]


def note_leak_in_texts(write: Transaction, incident: str, invitation: str, others: int, now: datetime) -> None:
    """Record in the caller's transaction an alert to texts in a survey, of nobody, that hold data of other people.

    Texts are read once, when their ballots are opened, so each call is an alert of its own.
    """
    people = counted(others, "other person", "other people")
    what = f"what people wrote in the survey of {invitation} holds contact data of {people} of the list"
    leaks = AlertId(AlertKind.SURVEY_LEAKS, invitation, now.isoformat())
    note_alert(write, incident, Alert(leaks, f"{what}: `amends surveys comments {incident}`", now))


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


def _owners(session: Session, incident: str, asked: Iterable[Indexes]) -> Owners:
    """Return the numbers of the people with this data, by column and index."""
    together: Indexes = {}
    for one in asked:
        for column, indexes in one.items():
            together.setdefault(column, set()).update(indexes)
    owners: Owners = {}
    for column, indexes in together.items():
        for page in pages(indexes, CHUNK):
            theirs: Any = getattr(PersonRow, column)
            query = select(theirs, PersonRow.number).where(PersonRow.incident == incident, col(theirs).in_(page))
            for index, number in session.exec(query):
                owners.setdefault((column, bytes(index)), set()).add(number)
    return owners


def _whose(owners: Owners, asked: Indexes) -> set[int]:
    """Return the numbers of the people with this data."""
    return {
        number for column, indexes in asked.items() for index in indexes for number in owners.get((column, index), ())
    }
