"""SMS without a final receipt: find them, so that their gateway can be polled."""

from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlmodel import Session

from amends.ledger.store.bulk import spelled
from amends.ledger.store.session import Store
from amends.ledger.tables.deliver import TRACKED

NOTHING_TOLD = f"""
FROM delivery WHERE {TRACKED} AND provider_id <> '' AND state IN ('sent', 'uncertain')
AND updated_at BETWEEN :since AND :until
"""
TO_ASK = f"SELECT id, provider_id {NOTHING_TOLD} AND id > :after AND id <= :upto ORDER BY id LIMIT :limit"
COUNTED = f"SELECT count(*) {NOTHING_TOLD}"
ASKED_AT = f"SELECT id {NOTHING_TOLD} ORDER BY id LIMIT 1 OFFSET :place"
TOLD_OF = f"""
SELECT 1 FROM delivery WHERE {TRACKED} AND provider_id <> '' AND state IN ('delivered', 'bounced')
AND updated_at BETWEEN :since AND :until LIMIT 1
"""


class Polling:
    """The SMS of a ledger whose receipts are to be polled, a page at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def to_ask(
        self, after: int, upto: int, limit: int, since: datetime, until: datetime
    ) -> tuple[tuple[int, str], ...]:
        """Return id and gateway's name of SMS that a gateway took between these times and that have no final receipt.

        The page holds the next SMS with ids above `after` and at most `upto`, in order.
        """
        asked = {"after": after, "upto": upto, "limit": limit}
        with self._store.read() as session:
            rows = session.execute(text(TO_ASK), asked | _times(session, since, until))
            return tuple((number, name) for number, name in rows)

    def number_at(self, share: float, since: datetime, until: datetime) -> int:
        """Return the id behind which polling begins when this share (0 to 1) of the SMS to ask for is skipped."""
        with self._store.read() as session:
            times = _times(session, since, until)
            place = int(share * session.execute(text(COUNTED), times).scalar_one())
            found = session.execute(text(ASKED_AT), times | {"place": place}).scalar()
            return int(found) - 1 if found else 0

    def any_told(self, since: datetime, until: datetime) -> bool:
        """Return True when a final receipt of an SMS was recorded between these times."""
        with self._store.read() as session:
            return session.execute(text(TOLD_OF), _times(session, since, until)).first() is not None


def _times(session: Session, since: datetime, until: datetime) -> dict[str, Any]:
    connection = session.connection()
    return {"since": spelled(connection, since), "until": spelled(connection, until)}
