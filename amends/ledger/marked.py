"""The newest mark of each lease, noted beside the ledger: an older copy of it lacks marks of what has left since.

The audit chain tells of a page when it is claimed and when it is through; between the two, only marks are added.
"""

import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from sqlmodel import Session, col, func, select

from amends.domain.errors import DiskFull, LedgerUnavailable
from amends.ledger.reserve import FULL, no_room
from amends.ledger.tables import LeaseRow, MarkRow


class MarkNotes:
    """A small file for each lease in hand; none where nothing is noted beside the ledger.

    They outlast the process at once, and a power cut after half a minute, when the system has written them down: to
    wait for the disk as well would cost as much as the mark itself.
    """

    def __init__(self, anchor: Path | None) -> None:
        self._folder = anchor.with_name("marked") if anchor else None
        self._files: dict[int, int] = {}

    def add(self, marks: Mapping[int, int]) -> None:
        """The newest mark by lease, after its commit and before what it marks can leave.

        Raises DiskFull, LedgerUnavailable.
        """
        if self._folder is None:
            return
        try:
            for lease, mark in marks.items():
                os.pwrite(self._files.get(lease) or self._begin(self._folder, lease), b"%020d" % mark, 0)
        except OSError as error:
            if error.errno in FULL:
                raise DiskFull(no_room()) from error
            raise LedgerUnavailable(f"{self._folder} cannot be written: {error.strerror}") from error

    def _begin(self, folder: Path, lease: int) -> int:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._files[lease] = os.open(folder / str(lease), os.O_CREAT | os.O_WRONLY, 0o600)
        return self._files[lease]

    def drop(self, leases: Collection[int]) -> None:
        """These have come to an end."""
        for lease in leases:
            if file := self._files.pop(lease, None):
                os.close(file)
            if self._folder:
                with suppress(OSError):  # one that stays names a lease that is nowhere
                    (self._folder / str(lease)).unlink()

    def all(self) -> dict[int, int]:
        """The newest mark that was noted, by lease. Raises LedgerUnavailable."""
        try:
            files = list(self._folder.iterdir()) if self._folder else []
            return {int(file.name): int(text) for file in files if (text := _read(file))}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise LedgerUnavailable(f"{self._folder} cannot be read: {error}") from error


def _read(file: Path) -> str:
    """Empty when it has just ended, or just begun."""
    with suppress(FileNotFoundError):
        return file.read_text(encoding="ascii")
    return ""


class Missed(NamedTuple):
    """Leases of which something is noted that the ledger does not hold."""

    marks: frozenset[int]
    """It holds the lease, but not the mark: it is an older copy."""
    leases: frozenset[int]
    """They have ended, or were taken after an older copy was made; the audit chain tells which."""


def missed(session: Session, noted: Mapping[int, int]) -> Missed:
    """What the ledger lacks of what is noted beside it."""
    newest = (
        select(LeaseRow.id, func.coalesce(func.max(MarkRow.id), 0))
        .join(MarkRow, col(MarkRow.lease) == LeaseRow.id, isouter=True)
        .where(col(LeaseRow.id).in_(noted))
        .group_by(col(LeaseRow.id))
    )
    held = {lease: mark or 0 for lease, mark in session.exec(newest) if lease} if noted else {}
    behind = frozenset(lease for lease, mark in held.items() if mark < noted[lease])
    return Missed(behind, frozenset(noted.keys() - held.keys()))
