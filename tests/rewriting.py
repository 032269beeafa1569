"""Rows changed as Amends itself would write them, for what happens between two of its own steps."""

from typing import Any

from sqlmodel import select

from amends.ledger import Ledger
from amends.ledger.people.people import contact_place
from amends.ledger.store.sums import changing
from amends.ledger.tables.people import PersonRow
from amends.ledger.tables.row import Sealed

SAID = ("data", "country", "region", "timezone")


def rewrite(ledger: Ledger, kind: type[Sealed], **values: Any) -> None:
    """Give all rows of a table these values, with their seals."""
    with ledger.store.write() as write:
        for row in write.session.exec(select(kind)).all():
            for name, value in values.items():
                setattr(row, name, value)


def move(ledger: Ledger, incident: str, number: int, **home: str) -> None:
    """Give a person another home, with the contact data sealed beside it."""
    with ledger.store.write() as write, changing(write.session, "person", (incident,)):
        row, seal = write.session.get_one(PersonRow, (incident, number)), ledger.store.seal(write.session, incident)
        contact = seal.open(row.sealed, _place(row))
        for name, value in home.items():
            setattr(row, name, value)
        row.sealed = seal.close(contact, _place(row))


def _place(row: PersonRow) -> str:
    return contact_place(row.incident, row.number, *(getattr(row, name) for name in SAID))
