"""The audit chain: every act of a person and every change of state, each entry sealed to the one before it.

The head of the chain is also written to a file beside the database, the anchor, after every commit. The anchor shows
when entries were cut off at the end of the chain.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii as quoted
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, insert, text
from sqlmodel import Session, col, select

from amends.domain.base.errors import LedgerUnavailable
from amends.ledger.store.database import CHAIN_LOCK, lock_exclusive
from amends.ledger.store.disk_reserve import FULL
from amends.ledger.tables.audit import AuditRow
from amends.system.files import locked, replace_locked

START = hashlib.sha256(b"amends audit chain").digest()
"""The MAC before the first entry."""
PAGE = 2_000
IN_PAGES = {"yield_per": PAGE}
# Statements made once: to make them for each page of a send would take longer than to execute them.
ADD = insert(AuditRow)
SEALED = select(AuditRow.mac).where(AuditRow.seq == bindparam("seq"))
ALL = text(
    "SELECT seq, at, incident, actor, act, subject, detail, rows, mac FROM audit WHERE seq >= :since ORDER BY seq"
)
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
        lock_exclusive(session.connection(), CHAIN_LOCK)
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
        named = (row.incident, row.actor, row.act, row.subject, row.detail, row.rows)
        return hmac.digest(self._key, previous + _spelled(row.seq, _time_in_text(row.at), *named), "sha256")

    def entries(self, session: Session, since: int = 0) -> Iterator[tuple[Any, ...]]:
        """Yield number, MAC, rows and the text under the MAC of each entry from this number on.

        The driver's own values are taken: to make an object of each entry would take five times as long.
        """
        connection = session.connection().execution_options(**IN_PAGES)
        for seq, at, incident, actor, act, subject, detail, rows, mac in connection.execute(ALL, {"since": since}):
            yield seq, mac, rows, _spelled(seq, _time_in_text(at), incident, actor, act, subject, detail, rows)

    def seal_of(self, previous: bytes, spelled: bytes) -> bytes:
        """Return the MAC over an entry's text and the MAC of the entry before."""
        return hmac.digest(self._key, previous + spelled, "sha256")

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

    def problems(self, session: Session, take: Callable[[str], None] | None = None) -> tuple[tuple[str, ...], Head]:
        """Return in words what was altered, removed or moved in the chain, empty when it is intact, and its head.

        `take` gets the rows that each entry names, as long as nothing is wrong.
        """
        # The anchor is read first, so that entries that are added meanwhile do not seem to be cut off.
        anchored = self._anchored(self._anchor) if self._anchor else None
        found: list[str] = []
        last, previous = 0, START
        try:
            for seq, mac, rows, spelled in self.entries(session):
                if seq != last + 1 or mac != self.seal_of(previous, spelled) or (anchored and seq == anchored.seq):
                    found += self._wrong(seq, mac, spelled, Head(last, previous.hex()), anchored)
                if take and not found:
                    take(rows)
                last, previous = seq, bytes(mac)
        except (ArithmeticError, AttributeError, TypeError, ValueError):
            return (*found, f"an entry after {last} cannot be read any more"), Head(last, previous.hex())
        if anchored and anchored.seq > last:
            found.append(f"entries {last + 1} to {anchored.seq} were cut off at the end")
        if self._anchor and anchored is None and last:
            found.append("the note of the last entry beside the database is missing or unreadable")
        return tuple(found), Head(last, previous.hex())

    def _wrong(self, seq: int, mac: bytes, spelled: bytes, last: Head, anchored: Head | None) -> Iterator[str]:
        if seq != last.seq + 1:
            yield f"entries are missing between {last.seq} and {seq}"
        if not hmac.compare_digest(mac, self.seal_of(bytes.fromhex(last.mac), spelled)):
            yield f"entry {seq} was altered, or the one before it was altered, moved or removed"
        if anchored and seq == anchored.seq and mac.hex() != anchored.mac:
            yield f"entry {seq} is not the one that was noted beside the database"

    @staticmethod
    def _anchored(anchor: Path) -> Head | None:
        """Return the head in the anchor, or None when the file is missing or unreadable."""
        with suppress(FileNotFoundError, ValueError):
            seq, mac = anchor.read_text().split()
            return Head(int(seq), mac)
        return None


def _time_in_text(at: datetime | str) -> str:
    """Return the time of an entry as its MAC covers it; SQLite's driver returns text, which only lacks the zone."""
    if isinstance(at, str):
        return f"{at[:10]}T{at[11:]}+00:00"
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _spelled(seq: int, at: str, *named: str) -> bytes:
    """Return an entry as the JSON list that its MAC covers."""
    texts = '", "'.join([quoted(text)[1:-1] for text in named])
    return f'[{seq}, "{at}", "{texts}"]'.encode()
