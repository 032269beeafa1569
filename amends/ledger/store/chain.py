"""The audit chain: every act of a person and every change of state, each entry sealed to the one before it.

The head of the chain is also written to a file beside the database after every commit, so that entries cut off at
the end are missed too.
"""

import hmac
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import bindparam, insert
from sqlmodel import Session, col, select

from amends.domain.base.errors import LedgerUnavailable
from amends.ledger.store.database import CHAIN_LOCK, alone
from amends.ledger.store.disk_reserve import FULL
from amends.ledger.store.tables import AuditRow
from amends.system.files import locked, replace_locked

START = b"amends audit chain"
PAGE = 2_000
IN_PAGES = {"yield_per": PAGE}
# Made once: for each page of a send they would take longer to make than to carry out.
ADD = insert(AuditRow)
SEALED = select(AuditRow.mac).where(AuditRow.seq == bindparam("seq"))
NEWEST = select(AuditRow.seq, AuditRow.mac).order_by(col(AuditRow.seq).desc()).limit(1)


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: the number of the last entry and its seal, in hex."""

    seq: int
    mac: str


class Chain:
    """Adds to the chain, and finds what was done to it."""

    def __init__(self, key: bytes, anchor: Path | None) -> None:
        self._key = key
        self._anchor = anchor

    def add(
        self,
        session: Session,
        now: datetime,
        incident: str,
        actor: str,
        act: str,
        subject: str,
        detail: dict[str, object],
    ) -> Head:
        """One more entry, in the transaction of what it tells of.

        Raises LedgerUnavailable when it could not be noted beside the ledger afterwards.
        """
        if self._anchor and not os.access(self._anchor.parent, os.W_OK):
            raise LedgerUnavailable(f"{self._anchor.parent} cannot be written; it belongs to somebody else, or is gone")
        alone(session.connection(), CHAIN_LOCK)
        session.flush()  # what it tells of comes first
        connection = session.connection()
        last = self.newest(session) or Head(0, START.hex())
        row = AuditRow(
            seq=last.seq + 1,
            at=now,
            incident=incident,
            actor=actor,
            act=act,
            subject=subject,
            detail=json.dumps(detail, sort_keys=True, ensure_ascii=False),
            mac=b"",
        )
        row.mac = self._mac(bytes.fromhex(last.mac), row)
        connection.execute(ADD, row.model_dump())
        return Head(row.seq, row.mac.hex())

    def _mac(self, previous: bytes, row: AuditRow) -> bytes:
        at = row.at.astimezone(UTC).isoformat(timespec="microseconds")
        spelled = json.dumps([row.seq, at, row.incident, row.actor, row.act, row.subject, row.detail])
        return hmac.digest(self._key, previous + spelled.encode(), "sha256")

    def is_behind(self, session: Session) -> bool:
        """What was noted beside the ledger is not in it: it is an older copy, whatever was added to it since."""
        kept = self._kept(self._anchor) if self._anchor else None  # read first: what is added meanwhile is not missing
        if kept is None:
            return False
        mac = session.exec(SEALED, params={"seq": kept.seq}).first()
        return mac is None or mac.hex() != kept.mac

    def newest(self, session: Session) -> Head | None:
        """The end of the chain as it stands; None before its first entry."""
        found = session.exec(NEWEST).first()
        return Head(found[0], found[1].hex()) if found else None

    def keep(self, head: Head, *, anew: bool = False) -> None:
        """Write the head beside the database, after the commit that made it; anew, even if a later one was noted.

        Raises LedgerUnavailable when that cannot be done.
        """
        if self._anchor is None or (self._is_noted(head) and not anew):
            return
        try:
            with locked(self._anchor):
                if anew or not self._is_noted(head):
                    replace_locked(self._anchor, f"{head.seq} {head.mac}\n")
        except OSError as error:
            if error.errno not in FULL:  # on a full disk the next entry is noted again when there is room
                raise LedgerUnavailable(f"{self._anchor} cannot be written: {error.strerror}") from error

    def _is_noted(self, head: Head) -> bool:
        """Itself, or a later one: that commit was faster."""
        kept = self._kept(self._anchor) if self._anchor else None
        return kept is not None and kept.seq >= head.seq

    def problems(self, session: Session) -> tuple[str, ...]:
        """What was altered, removed or put elsewhere; empty when the chain holds."""
        # Read before the entries: what is added meanwhile is not missing.
        kept = self._kept(self._anchor) if self._anchor else None
        found: list[str] = []
        last = Head(0, START.hex())
        rows = iter(session.exec(select(AuditRow).order_by(col(AuditRow.seq)).execution_options(**IN_PAGES)))
        try:
            for row in rows:
                found += self._wrong(row, last, kept)
                last = Head(row.seq, row.mac.hex())
        except (ArithmeticError, AttributeError, TypeError, ValueError):
            return (*found, f"an entry after {last.seq} cannot be read any more")
        if kept and kept.seq > last.seq:
            found.append(f"entries {last.seq + 1} to {kept.seq} were cut off at the end")
        if self._anchor and kept is None and last.seq:
            found.append("the note of the last entry beside the database is missing or unreadable")
        return tuple(found)

    def _wrong(self, row: AuditRow, last: Head, kept: Head | None) -> Iterator[str]:
        if row.seq != last.seq + 1:
            yield f"entries are missing between {last.seq} and {row.seq}"
        if not hmac.compare_digest(row.mac, self._mac(bytes.fromhex(last.mac), row)):
            yield f"entry {row.seq} was altered, or the one before it was altered, moved or removed"
        if kept and row.seq == kept.seq and row.mac.hex() != kept.mac:
            yield f"entry {row.seq} is not the one that was noted beside the database"

    @staticmethod
    def _kept(anchor: Path) -> Head | None:
        with suppress(FileNotFoundError, ValueError):
            seq, mac = anchor.read_text().split()
            return Head(int(seq), mac)
        return None
