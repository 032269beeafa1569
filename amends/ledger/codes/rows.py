"""The rows of codes: their seals, their columns, and the codes in them opened again."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlmodel import Session

from amends.domain.base.errors import LedgerAltered
from amends.domain.codes.code import CodeState, CodeVariant, OwnCode, OwnCodes
from amends.ledger.store.bulk import among, listed, stamp, statement
from amends.ledger.store.encryption import Keys, Seal
from amends.ledger.store.sealing import ALTERED, SEAL_BYTES
from amends.ledger.store.tables import HELD_CODE, VOID_CODE, UtcDateTime

MEANT = (
    "incident", "commitment", "variant", "sealed", "code_index", "expires", "state", "person", "given_at", "ended_at",
    "told_in", "sealed_reason",
)  # fmt: skip
"""The columns that the seal of a code covers, in its order."""
COLUMNS = f"id, seal, {', '.join(MEANT)}"
HELD = f"""
SELECT {COLUMNS} FROM code
WHERE incident = :incident AND commitment IN :commitments AND person BETWEEN :first AND :last AND {HELD_CODE} AND """
TOLD = f"SELECT {COLUMNS} FROM code WHERE incident = :incident AND person = :person AND {VOID_CODE} AND told_in <> ''"
STOCKS = """
SELECT code_stock.commitment, code_stock.by_variant FROM code_stock
LEFT JOIN commitment ON commitment.incident = code_stock.incident AND commitment.id = code_stock.commitment
WHERE code_stock.incident = :incident AND (:dropped OR coalesce(commitment.state, 'open') <> 'dropped')
"""


def seal_of(keys: Keys, meant: Sequence[Any]) -> bytes:
    """Return the seal of a code's row with these values of MEANT; times as `stamp` spells them."""
    spelled = "\x1f".join([_spelled(value) for value in meant])
    return hashlib.blake2b(spelled.encode(), key=keys.rows, digest_size=SEAL_BYTES).digest()


def _spelled(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | memoryview):
        return value.hex()
    if isinstance(value, datetime):
        return str(stamp(value))
    return "" if value is None else str(value)


def place_of(incident: str, commitment: str, variant: str, index: bytes) -> str:
    """Return the place for which a code is sealed; it opens in no other stock, and in no other code's row."""
    return f"code:sealed:{incident}:{commitment}:{variant}:{index.hex()}"


def reason_place(incident: str, index: bytes) -> str:
    """Return the place for which the reason of a void code is sealed."""
    return f"code:reason:{incident}:{index.hex()}"


def index_of(keys: Keys, code: str) -> bytes:
    """Return the keyed hash of a code, by which it is found and which no two rows of the ledger share."""
    return keys.index("", "code", code)


def stocks_of(session: Session, incident: str, *, dropped: bool = False) -> dict[str, bool]:
    """Return the commitments with a stock of codes, each with whether the stock has variants.

    A commitment that was dropped counts only when asked for.
    """
    rows = session.connection().execute(statement(STOCKS), {"incident": incident, "dropped": dropped})
    return {commitment: bool(by_variant) for commitment, by_variant in rows}


def whole(keys: Keys, row: Sequence[Any]) -> Sequence[Any]:
    """Return the row, which has COLUMNS. Raises LedgerAltered when somebody else than Amends has written it."""
    if bytes(row[1]) != seal_of(keys, row[2:]):
        raise LedgerAltered(f"code {row[0]} was altered, moved or forged: {ALTERED}")
    return row


def held_by(
    session: Session, keys: Keys, seal: Seal, incident: str, people: Collection[int], commitments: Collection[str]
) -> dict[int, OwnCodes]:
    """Return the codes that these people have, of these commitments. Raises LedgerAltered, DataDamaged."""
    found: dict[int, OwnCodes] = {}
    if not people or not commitments:
        return found
    connection = session.connection()
    asked = {"incident": incident, "commitments": list(commitments), "ids": listed(connection, people)}
    asked |= {"first": min(people), "last": max(people)}
    for row in connection.execute(statement(HELD + among(connection, "person"), "commitments"), asked):
        _, _, _, commitment, variant, sealed, index, *_, person, _, _, _, _ = whole(keys, row)
        if sealed:  # else the person's data was erased
            code = seal.open(bytes(sealed), place_of(incident, commitment, variant, bytes(index)))
            found.setdefault(person, OwnCodes())[commitment] = code
    return found


def told_before(session: Session, keys: Keys, seal: Seal, incident: str, person: int) -> dict[int, OwnCodes]:
    """Return the codes, void by now, that the person was told, by the number of the message that told them."""
    found: dict[int, OwnCodes] = {}
    for row in session.connection().execute(statement(TOLD), {"incident": incident, "person": person}):
        one = opened(keys, seal, row)
        for message in told_in(row):
            found.setdefault(message, OwnCodes())[one.commitment] = one.code
    return found


def told_in(row: Sequence[Any]) -> tuple[int, ...]:
    """Return the ids of the messages that told the void code of this row, which has COLUMNS."""
    said: str = row[2 + MEANT.index("told_in")]
    return tuple(int(number) for number in said.split(",") if number)


def opened(keys: Keys, seal: Seal, row: Sequence[Any]) -> OwnCode:
    """Return the code of a row with COLUMNS that a person has or had. Raises LedgerAltered, DataDamaged."""
    number, _, *meant = whole(keys, row)
    of = dict(zip(MEANT, meant, strict=True))
    incident, index, why = of["incident"], bytes(of["code_index"]), of["sealed_reason"]
    place = place_of(incident, of["commitment"], of["variant"], index)
    return OwnCode(
        id=number,
        commitment=of["commitment"],
        code=seal.open(bytes(of["sealed"]), place) if of["sealed"] else "",
        variant=CodeVariant(of["variant"]),
        expires=of["expires"],
        state=CodeState(of["state"]),
        given_at=_moment(of["given_at"]),
        ended_at=_moment(of["ended_at"]) if of["ended_at"] else None,
        reason=seal.open(bytes(why), reason_place(incident, index)) if why else "",
    )


def _moment(stored: Any) -> datetime:
    """Return a stored time; SQLite has it as text, in UTC."""
    at = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return UtcDateTime().process_result_value(at, None) or at  # type: ignore[arg-type]


def rows_where(connection: Connection, where: str, *lists: str, **asked: Any) -> Iterator[Any]:
    """Yield the rows of codes, with COLUMNS, that meet a condition in SQL, in the order of their numbers."""
    yield from connection.execute(statement(f"SELECT {COLUMNS} FROM code WHERE {where} ORDER BY id", *lists), asked)


def altered(session: Session, keys: Keys) -> Iterator[str]:
    """Yield in words each code whose row was altered by other means than Amends."""
    rows: Iterable[Any] = rows_where(session.connection(), "id > 0")
    for row in rows:
        if bytes(row[1]) != seal_of(keys, row[2:]):
            yield f"code {row[0]} was altered, moved or forged"
