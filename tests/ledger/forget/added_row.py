"""A stranger adds two tables with data of people: rows that declare themselves, and nothing else.

`python -m tests.ledger.forget.added_row FOLDER URL` runs it in a process of its own, in which the tables are there from
the start, and prints as JSON what came of it. No list of the product is extended.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import LargeBinary
from sqlmodel import Field, select

from amends.delivery.forget import DataPlaces, forget_again
from amends.domain.base.errors import LedgerAltered
from amends.domain.forget.retention import DataKind
from amends.ledger import Ledger
from amends.ledger.store.sums import changing
from amends.ledger.tables.declared import RANDOM, Bytes, Personal, Summed, sealed_place
from amends.ledger.tables.row import Row, Sealed, declares, forgotten_as, sealed_column
from tests.builders import NOW, an_incident
from tests.delivery.sending import INCIDENT, a_ledger
from tests.ledger.forget.forgetting import LATER, LENA, OMAR, people

SAID = "My canary needs a voucher."


class VoucherRow(Sealed, table=True):
    """A voucher for one person."""

    __tablename__ = "voucher"
    __table_args__ = (declares(personal=Personal(DataKind.REMEDIES)),)
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    once: str
    person: int
    amount: int
    sealed_wish: bytes = sealed_column()
    shop: str = Field(sa_column_kwargs=forgotten_as(""))


class VisitRow(Row, table=True):
    """A visit of one person to a shop; there may be a million."""

    __tablename__ = "visit"
    __table_args__ = (
        declares(
            summed=Summed(by=("incident",), block=("person", Bytes("shop_index", 12)), since={"note": "<> ''"}),
            personal=Personal(DataKind.REMEDIES),
        ),
    )
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    person: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    shop_index: bytes = Field(sa_type=LargeBinary, sa_column_kwargs=forgotten_as(RANDOM))
    note: str = Field(default="", sa_column_kwargs=forgotten_as(""))


def opened(url: str, folder: Path) -> Ledger:
    """Return a ledger with an incident of three people, each with a voucher and a visit."""
    ledger = a_ledger(url, folder).migrate()
    ledger.incidents.open(an_incident(), people(), "lena", NOW)
    with ledger.store.write() as write, changing(write.session, "visit", (INCIDENT,)):
        seal = ledger.store.seal(write.session, INCIDENT)
        for number in (1, 2, 3):
            row = VoucherRow(incident=INCIDENT, id=number, once=f"{number}", person=number, amount=5, shop="nest")
            row.sealed_wish = seal.close(SAID, sealed_place(row, "sealed_wish"))
            write.session.add(row)
            write.session.add(VisitRow(incident=INCIDENT, person=number, shop_index=b"nest", note="came"))
    return ledger


def stored(ledger: Ledger) -> dict[str, list[Any]]:
    """Return what each person's rows say."""
    with ledger.store.read() as session:
        seal = ledger.store.seal(session, INCIDENT)
        vouchers = session.exec(select(VoucherRow).order_by(VoucherRow.id)).all()
        wishes = [seal.open(row.sealed_wish, sealed_place(row, "sealed_wish")) for row in vouchers]
        visits = session.exec(select(VisitRow).order_by(VisitRow.person)).all()
        marks = [row.shop_index == b"nest" for row in visits]
        return {
            "wishes": wishes,
            "shops": [row.shop for row in vouchers],
            "once": [row.once for row in vouchers],
            "notes": [row.note for row in visits],
            "indexes": marks,
        }


def wrong(ledger: Ledger) -> list[str]:
    """Return how the tables differ from what the audit chain knows."""
    return [*ledger.audit.disagreements()]


def after(ledger: Ledger, change: str, back: str) -> list[str]:
    """Return what the audit finds after a change by other means, which is then taken back."""
    for statement in (change, back):
        with ledger.store.engine.execution_options(writes=True).begin() as connection:
            connection.exec_driver_sql(statement)
        if statement == change:
            findings = wrong(ledger)
    return findings


def altered(ledger: Ledger) -> dict[str, list[str]]:
    """Return by kind of change what the audit finds, and what happens to somebody who reads the row."""
    findings = {
        "amount": after(
            ledger, "UPDATE voucher SET amount = 9 WHERE id = 1", "UPDATE voucher SET amount = 5 WHERE id = 1"
        ),
        "visit": after(
            ledger, "UPDATE visit SET person = 4 WHERE person = 3", "UPDATE visit SET person = 3 WHERE person = 4"
        ),
        "note": after(
            ledger, "UPDATE visit SET note = 'x' WHERE person = 3", "UPDATE visit SET note = 'came' WHERE person = 3"
        ),
    }
    with ledger.store.engine.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql("UPDATE voucher SET amount = 9 WHERE id = 1")
    try:
        stored(ledger)
    except LedgerAltered as error:
        findings["read"] = [str(error).split(":")[0]]
    with ledger.store.engine.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql("UPDATE voucher SET amount = 5 WHERE id = 1")
    return findings


def rotated(ledger: Ledger) -> list[bool]:
    """Rotate the key of the case, and return which wishes the new key opens at once."""
    ledger.keys.case(INCIDENT, OMAR, LATER)
    with ledger.store.read() as session:
        seal = ledger.store.seal(session, INCIDENT)
        rows = session.exec(select(VoucherRow)).all()
        return [seal.is_current(row.sealed_wish, sealed_place(row, "sealed_wish")) for row in rows]


def restored_data(ledger: Ledger, url: str, folder: Path, backup: Path) -> dict[str, Any]:
    """Put the file from before the erasure in its place, look for restored data, and return what the rows say then."""
    ledger.dispose()
    for name in ("ledger.sqlite3-wal", "ledger.sqlite3-shm"):
        (folder / name).unlink(missing_ok=True)
    backup.replace(folder / "ledger.sqlite3")
    restored = a_ledger(url, folder).migrate()
    before = stored(restored)["wishes"]
    forget_again(restored, DataPlaces({}))
    return {"restored": before, "again": stored(restored), "wrong": wrong(restored)}


def main(folder: Path, url: str) -> None:
    """Print what came of it."""
    ledger = opened(url, folder)
    told: dict[str, Any] = {"first": [stored(ledger), wrong(ledger)], "altered": altered(ledger)}
    told["rotated"], told["after rotation"] = rotated(ledger), [stored(ledger), wrong(ledger)]
    if url.startswith("sqlite"):
        ledger.store.leave_no_old_pages("nothing")
        shutil.copyfile(folder / "ledger.sqlite3", folder / "backup.sqlite3")
    for member in (LENA, OMAR):
        ledger.team.add(member.name, member.role, "lena", NOW)
    ledger.erasure.erase(INCIDENT, 1, LENA, OMAR, LATER)
    told["erased"] = [stored(ledger), wrong(ledger)]
    if url.startswith("sqlite"):
        told["brought back"] = restored_data(ledger, url, folder, folder / "backup.sqlite3")
        ledger = a_ledger(url, folder).migrate()
    ledger.retention.forget(INCIDENT, DataKind.REMEDIES, LATER)
    told["forgotten"] = [stored(ledger), wrong(ledger)]
    ledger.destruction.again(INCIDENT, LATER)
    with ledger.store.read() as session:
        told["destroyed"] = [[row.sealed_wish.hex() for row in session.exec(select(VoucherRow))], wrong(ledger)]
    ledger.dispose()
    print(json.dumps(told))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
