"""The rows of codes: where each is sealed, how it is found, and the codes in them opened again.

What never changes of a code is bound to its sealed text, which opens nowhere else. Who has it, and how it stands, is in
the sum by which the audit chain knows the rows; see `sums.py`.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlmodel import Session

from amends.domain.entitlement.code import CodeState, CodeVariant, OwnCode, OwnCodes
from amends.ledger.store.bulk import around, statement
from amends.ledger.store.encryption import Keys, Seal
from amends.ledger.tables.commitment import HELD_CODE, SEALED_FOR, VOID_CODE
from amends.ledger.tables.declared import place
from amends.ledger.tables.row import UtcDateTime

MEANT = (*SEALED_FOR, "sealed", "state", "person", "given_at", "ended_at", "told_in", "sealed_reason")
COLUMNS = f"id, {', '.join(MEANT)}"
HELD = f"""
SELECT person, variant, expires, code_index, sealed FROM code
WHERE incident = :incident AND commitment = :commitment AND {HELD_CODE} AND """
TOLD = f"SELECT {COLUMNS} FROM code WHERE incident = :incident AND person = :person AND {VOID_CODE} AND told_in <> ''"
STOCKS = """
SELECT code_stock.commitment, code_stock.by_variant FROM code_stock
LEFT JOIN commitment ON commitment.incident = code_stock.incident AND commitment.id = code_stock.commitment
WHERE code_stock.incident = :incident AND (:dropped OR coalesce(commitment.state, 'open') <> 'dropped')
"""


def place_of(incident: str, commitment: str, variant: str, expires: str, index: bytes) -> str:
    """Return the place for which a code is sealed; it opens in no other stock, and in no other code's row."""
    return place("code", "sealed", incident, commitment, variant, expires, index)


def reason_place(incident: str, index: bytes) -> str:
    """Return the place for which the reason of a void code is sealed."""
    return place("code", "reason", incident, index)


def index_of(keys: Keys, code: str) -> bytes:
    """Return the keyed hash of a code, by which it is found and which no two rows of the ledger share."""
    return keys.index("", "code", code)


def stocks_of(session: Session, incident: str, *, dropped: bool = False) -> dict[str, bool]:
    """Return the commitments with a stock of codes, each with whether the stock has variants.

    A commitment that was dropped counts only when asked for.
    """
    rows = session.connection().execute(statement(STOCKS), {"incident": incident, "dropped": dropped})
    return {commitment: bool(by_variant) for commitment, by_variant in rows}


def held_by(
    session: Session, seal: Seal, incident: str, people: Collection[int], commitments: Collection[str]
) -> dict[int, OwnCodes]:
    """Return the codes that these people have, of these commitments. Raises DataDamaged."""
    found: dict[int, OwnCodes] = {}
    if not people:
        return found
    connection = session.connection()
    these, numbers = around(connection, "person", people)
    for commitment in commitments:
        asked = {"incident": incident, "commitment": commitment, **numbers}
        for person, variant, expires, index, sealed in connection.execute(statement(HELD + these), asked):
            if sealed and person in people:  # nothing is sealed when the person's data was erased
                code = seal.open(sealed, place_of(incident, commitment, variant, expires, index))
                found.setdefault(person, OwnCodes())[commitment] = code
    return found


def told_before(session: Session, seal: Seal, incident: str, person: int) -> dict[int, OwnCodes]:
    """Return the codes, void by now, that the person was told, by the number of the message that told them."""
    found: dict[int, OwnCodes] = {}
    for row in session.connection().execute(statement(TOLD), {"incident": incident, "person": person}):
        one = opened(seal, row)
        for message in told_in(row):
            found.setdefault(message, OwnCodes())[one.commitment] = one.code
    return found


def told_in(row: Sequence[Any]) -> tuple[int, ...]:
    """Return the ids of the messages that told the void code of this row, which has COLUMNS."""
    said: str = of(row, "told_in")
    return tuple(int(number) for number in said.split(",") if number)


def of(row: Sequence[Any], name: str) -> Any:
    """Return the value of a column of this row, which has COLUMNS."""
    return row[1 + MEANT.index(name)]


def opened(seal: Seal, row: Sequence[Any]) -> OwnCode:
    """Return the code of a row with COLUMNS that a person has or had. Raises DataDamaged."""
    named = {name: of(row, name) for name in MEANT}
    index, why = named["code_index"], named["sealed_reason"]
    return OwnCode(
        id=row[0],
        commitment=named["commitment"],
        code=text_of(seal, row),
        variant=CodeVariant(named["variant"]),
        expires=named["expires"],
        state=CodeState(named["state"]),
        given_at=_moment(named["given_at"]),
        ended_at=_moment(named["ended_at"]) if named["ended_at"] else None,
        reason=seal.open(why, reason_place(named["incident"], index)) if why else "",
    )


def text_of(seal: Seal, row: Sequence[Any]) -> str:
    """Return the code itself of a row with COLUMNS, "" when it was erased. Raises DataDamaged."""
    sealed = of(row, "sealed")
    return seal.open(sealed, place_of(*(of(row, name) for name in SEALED_FOR))) if sealed else ""


def _moment(stored: Any) -> datetime:
    """Return a stored time; SQLite has it as text, in UTC."""
    at = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return UtcDateTime().process_result_value(at, None) or at  # type: ignore[arg-type]


def rows_where(connection: Connection, where: str, *lists: str, **asked: Any) -> Iterator[Any]:
    """Yield the rows of codes, with COLUMNS, that meet a condition in SQL, in the order of their numbers."""
    yield from connection.execute(statement(f"SELECT {COLUMNS} FROM code WHERE {where} ORDER BY id", *lists), asked)
