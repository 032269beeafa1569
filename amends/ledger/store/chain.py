"""The audit chain: every act of a person and every change of state, each entry sealed to the one before it.

The head of the chain is also written to a file beside the database, the anchor, after every commit. The anchor shows
when entries were cut off at the end of the chain.
"""

import hmac
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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
# Statements made once: to make them for each page of a send would take longer than to execute them.
ADD = insert(AuditRow)
SEALED = select(AuditRow.mac).where(AuditRow.seq == bindparam("seq"))
NEWEST = select(AuditRow.seq, AuditRow.mac).order_by(col(AuditRow.seq).desc()).limit(1)


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: the number of the last entry and its seal, in hex."""

    seq: int
    mac: str


class Chain:
    """The audit chain of one ledger: adds entries, and finds alterations."""

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
        rows: str = "",
    ) -> Head:
        """Add an entry in the transaction that makes the recorded change, and return the new head.

        `rows` names the rows that changed; see `Journal`.

        Raises LedgerUnavailable when the anchor could not be written after the commit.
        """
        if self._anchor and not os.access(self._anchor.parent, os.W_OK):
            raise LedgerUnavailable(f"{self._anchor.parent} cannot be written; it belongs to somebody else, or is gone")
        alone(session.connection(), CHAIN_LOCK)
        session.flush()  # the recorded change is written before its entry
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
            rows=rows,
            mac=b"",
        )
        row.mac = self.mac(bytes.fromhex(last.mac), row)
        connection.execute(ADD, row.model_dump())
        return Head(row.seq, row.mac.hex())

    def mac(self, previous: bytes, row: Any) -> bytes:
        """Return the MAC of this entry, which covers the MAC of the entry before."""
        at = row.at.astimezone(UTC).isoformat(timespec="microseconds")
        spelled = json.dumps([row.seq, at, row.incident, row.actor, row.act, row.subject, row.detail, row.rows])
        return hmac.digest(self._key, previous + spelled.encode(), "sha256")

    def is_behind(self, session: Session) -> bool:
        """Return True when the ledger lacks the anchored entry.

        Such a ledger is an older copy, whatever entries were added to the copy since.
        """
        # The anchor is read first, so that an entry that is added meanwhile does not seem to be missing.
        anchored = self._anchored(self._anchor) if self._anchor else None
        if anchored is None:
            return False
        mac = session.exec(SEALED, params={"seq": anchored.seq}).first()
        return mac is None or mac.hex() != anchored.mac

    def newest(self, session: Session) -> Head | None:
        """Return the head of the chain in the database, or None before the first entry."""
        found = session.exec(NEWEST).first()
        return Head(found[0], found[1].hex()) if found else None

    def keep(self, head: Head, *, anew: bool = False) -> None:
        """Write the head to the anchor, after the commit that made the head; `anew` replaces even a later head.

        Raises LedgerUnavailable when the anchor cannot be written.
        """
        if self._anchor is None or (self._is_anchored(head) and not anew):
            return
        try:
            with locked(self._anchor):
                if anew or not self._is_anchored(head):
                    replace_locked(self._anchor, f"{head.seq} {head.mac}\n")
        except OSError as error:
            if error.errno not in FULL:  # after a full disk, a later head is written once there is room
                raise LedgerUnavailable(f"{self._anchor} cannot be written: {error.strerror}") from error

    def _is_anchored(self, head: Head) -> bool:
        """Return True when the anchor holds this head, or a later one of a commit that was faster."""
        anchored = self._anchored(self._anchor) if self._anchor else None
        return anchored is not None and anchored.seq >= head.seq

    def problems(self, session: Session) -> tuple[str, ...]:
        """Return in words what was altered, removed or moved in the chain; empty when the chain is intact."""
        # The anchor is read first, so that entries that are added meanwhile do not seem to be cut off.
        anchored = self._anchored(self._anchor) if self._anchor else None
        found: list[str] = []
        last = Head(0, START.hex())
        rows = iter(session.exec(select(AuditRow).order_by(col(AuditRow.seq)).execution_options(**IN_PAGES)))
        try:
            for row in rows:
                found += self._wrong(row, last, anchored)
                last = Head(row.seq, row.mac.hex())
        except (ArithmeticError, AttributeError, TypeError, ValueError):
            return (*found, f"an entry after {last.seq} cannot be read any more")
        if anchored and anchored.seq > last.seq:
            found.append(f"entries {last.seq + 1} to {anchored.seq} were cut off at the end")
        if self._anchor and anchored is None and last.seq:
            found.append("the note of the last entry beside the database is missing or unreadable")
        return tuple(found)

    def _wrong(self, row: AuditRow, last: Head, anchored: Head | None) -> Iterator[str]:
        if row.seq != last.seq + 1:
            yield f"entries are missing between {last.seq} and {row.seq}"
        if not hmac.compare_digest(row.mac, self.mac(bytes.fromhex(last.mac), row)):
            yield f"entry {row.seq} was altered, or the one before it was altered, moved or removed"
        if anchored and row.seq == anchored.seq and row.mac.hex() != anchored.mac:
            yield f"entry {row.seq} is not the one that was noted beside the database"

    @staticmethod
    def _anchored(anchor: Path) -> Head | None:
        """Return the head in the anchor, or None when the file is missing or unreadable."""
        with suppress(FileNotFoundError, ValueError):
            seq, mac = anchor.read_text().split()
            return Head(int(seq), mac)
        return None
