"""Changes of what many persons have or get by one commitment, each with values of its own."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, update
from sqlmodel import Session

from amends.ledger.entitlement.entitled import PAGE
from amends.ledger.store.bulk import pages
from amends.ledger.store.sums import changing_these
from amends.ledger.tables.commitment import CodeRow, RemedyRow


def change_each(
    session: Session,
    row: type[CodeRow | RemedyRow],
    commitment: tuple[str, str],
    column: str,
    values: Mapping[int, Mapping[str, Any]],
) -> None:
    """Store the new values of rows of one commitment, by the number that each has in a column; all name the same."""
    table = row.__table__
    names = next(iter(values.values()), {})
    of_commitment = (table.c.incident == commitment[0], table.c.commitment == commitment[1])
    change = update(table).where(*of_commitment, table.c[column] == bindparam("whose"))
    change = change.values({name: bindparam(f"new_{name}") for name in names})
    for page in pages(sorted(values), PAGE):
        new = [{"whose": number} | {f"new_{name}": values[number][name] for name in names} for number in page]
        with changing_these(session, table.name, commitment, column, page):
            session.connection().execute(change, new)
