"""Small files beside the ledger: the number of marks of each lease, and the notices that were released.

A comparison with these files shows that a ledger was restored from a backup. The audit chain has an entry for the claim
and one for the end of a page of messages; between the two, only marks are added.
"""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from sqlmodel import Session

from amends.domain.base.errors import DiskFull, LedgerUnavailable
from amends.ledger.store.bulk import among, listed, statement
from amends.ledger.store.disk_reserve import FULL, no_room
from amends.system.files import append

COUNTED = """
SELECT lease.id, count(mark.id) FROM lease LEFT JOIN mark ON mark.lease = lease.id
WHERE {these} GROUP BY lease.id
"""


class MarkNotes:
    """A small file for each lease in hand, with the number of its marks; no files without an anchor.

    The files survive the end of the process at once, and a power cut after half a minute, when the system has written
    them to the disk: waiting for the disk would take as long as the mark itself.
    """

    def __init__(self, anchor: Path | None) -> None:
        self._folder = anchor.with_name("marked") if anchor else None
        self._files: dict[int, int] = {}
        self._marks: dict[int, int] = {}
        self._lock = Lock()
        """Guards the files: one thread may end another's lease, and the number of a closed file is soon reused."""

    def begin(self, leases: Iterable[int]) -> None:
        """Create the files of these leases, before the first mark. Raises DiskFull, LedgerUnavailable."""
        if self._folder is None:
            return
        with self._lock, self._errors_in_words():
            for lease in leases:
                if lease not in self._files:
                    self._folder.mkdir(mode=0o700, exist_ok=True)
                    self._files[lease] = os.open(self._folder / str(lease), os.O_CREAT | os.O_WRONLY, 0o600)
                    self._write(lease, 0)

    def add(self, leases: Iterable[int]) -> None:
        """Count one more committed mark of each lease, before any of its messages is sent. Raises as `begin`.

        A lease that was taken over since has ended, and has its entry in the audit chain.
        """
        if self._folder is None:
            return
        with self._lock, self._errors_in_words():
            for lease in leases:
                if lease in self._files:
                    self._write(lease, self._marks[lease] + 1)

    def _write(self, lease: int, marks: int) -> None:
        self._marks[lease] = marks
        os.pwrite(self._files[lease], b"%020d" % marks, 0)

    def drop(self, leases: Collection[int]) -> None:
        """Remove the files of these leases, which have ended."""
        with self._lock:
            for lease in leases:
                self._marks.pop(lease, None)
                if (file := self._files.pop(lease, None)) is not None:
                    os.close(file)
                if self._folder:
                    with suppress(OSError):  # a file that stays names a lease that does not exist
                        (self._folder / str(lease)).unlink()

    def all(self) -> dict[int, int]:
        """Return the number of marks in each file, by lease. Raises LedgerUnavailable."""
        try:
            files = list(self._folder.iterdir()) if self._folder else []
            return {int(file.name): _read(file) for file in files if file.name.isdecimal()}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise LedgerUnavailable(f"{self._folder} cannot be read: {error.strerror}") from error

    @contextmanager
    def _errors_in_words(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in FULL:
                raise DiskFull(no_room()) from error
            raise LedgerUnavailable(f"{self._folder} cannot be written: {error.strerror}") from error


def _read(file: Path) -> int:
    """Return the number in the file, or 0 when its lease has just begun or ended. Raises LedgerUnavailable."""
    try:
        return int(file.read_text(encoding="ascii") or 0)
    except FileNotFoundError:
        return 0
    except ValueError as error:
        raise LedgerUnavailable(
            f"{file} cannot be read any more, so nobody knows whether this ledger is an older copy: if no backup was "
            "restored, delete it; else run `amends reconcile`, and then delete it"
        ) from error


class Missed(NamedTuple):
    """The leases that have a file but are missing, or lack marks, in the ledger."""

    marks: frozenset[int]
    """Leases that are in the ledger without all of their marks, which shows that the ledger is an older copy."""
    leases: frozenset[int]
    """Leases that have ended, or were taken after an older copy was made; the audit chain shows which."""


def missed(session: Session, noted: Mapping[int, int]) -> Missed:
    """Return the leases of the marker files that the ledger lacks, wholly or in part."""
    connection = session.connection()
    counted = statement(COUNTED.format(these=among(connection, "lease.id")))
    held: dict[int, int] = dict(connection.execute(counted, {"ids": listed(connection, noted)}).all()) if noted else {}
    behind = frozenset(lease for lease, marks in held.items() if marks < noted[lease])
    return Missed(behind, frozenset(noted.keys() - held.keys()))


class ReleasedNotes:
    """A file with the ids of incident and notice for each released notice, one a line; no file without an anchor."""

    def __init__(self, anchor: Path | None) -> None:
        self._file = anchor.with_name("released") if anchor else None

    def add(self, incident: str, notice: str) -> None:
        """Write the notice to the disk, before any message of it is sent here. Raises DiskFull, LedgerUnavailable."""
        if self._file is None or (incident, notice) in self.all():
            return
        try:
            append(self._file, f"\n{incident} {notice}\n")  # the last line may have been cut off
        except OSError as error:
            if error.errno in FULL:
                raise DiskFull(no_room()) from error
            raise LedgerUnavailable(f"{self._file} cannot be written: {error.strerror}") from error

    def all(self) -> set[tuple[str, str]]:
        """Return incident and notice of each whole line, without lines that were cut off. Raises LedgerUnavailable."""
        try:
            text = self._file.read_text(encoding="utf-8", errors="replace") if self._file else ""
        except FileNotFoundError:
            return set()
        except OSError as error:
            raise LedgerUnavailable(f"{self._file} cannot be read: {error.strerror}") from error
        return {(words[0], words[1]) for line in text.splitlines() if len(words := line.split()) == 2}
