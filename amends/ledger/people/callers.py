"""Finding of a caller by what they say of themselves, one person at a time; nobody is ever listed."""

from collections.abc import Iterator

from sqlmodel import Session, col, or_, select

from amends.ledger.people.people import CHUNK, as_written, opened_person
from amends.ledger.store.session import Store
from amends.ledger.tables.people import PersonRow

ENOUGH = 2
"""The number of people of one name after which the search ends: it is not certain then who calls."""


class Callers:
    """The people of an incident, as the desk finds the one who calls."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, incident: str, said: str) -> tuple[int, ...]:
        """Return the numbers of the people with this reference, email address or telephone number, else of this name.

        At most two are returned, because two are as good as none: only further words of the caller can tell. The last
        name alone is enough. Raises NotInLedger, KeyMissing.
        """
        if not (wanted := said.strip()):
            return ()
        with self._store.read() as session:
            found = self._by_index(session, incident, wanted) or tuple(self._by_name(session, incident, wanted))
        return found[:ENOUGH]

    def _by_index(self, session: Session, incident: str, wanted: str) -> tuple[int, ...]:
        index = self._store.keys.index
        phone = "".join(character for character in wanted if character.isdigit() or character == "+")
        known = or_(
            PersonRow.ref_index == index(incident, "ref", wanted),
            PersonRow.email_index == index(incident, "email", wanted.lower()),
            PersonRow.phone_index == index(incident, "phone", phone),
        )
        query = select(PersonRow.number).where(PersonRow.incident == incident, known).order_by(col(PersonRow.number))
        return tuple(session.exec(query.limit(ENOUGH)))

    def _by_name(self, session: Session, incident: str, wanted: str) -> Iterator[int]:
        seal, last, name, found = self._store.seal(session, incident), 0, as_written(wanted), 0
        here = select(PersonRow).where(PersonRow.incident == incident).order_by(col(PersonRow.number)).limit(CHUNK)
        while found < ENOUGH and (page := session.exec(here.where(col(PersonRow.number) > last)).all()):
            for row in page:
                if _is_named(opened_person(incident, row, seal).name, name):
                    found += 1
                    yield row.number
            last = page[-1].number
            session.expunge_all()


def _is_named(whole: str, wanted: str) -> bool:
    """Return True when this is the person's whole name or its last word."""
    name = as_written(whole)
    return bool(name) and (name == wanted or name.split()[-1] == wanted)
