"""Small files beside the ledger: the marks of each lease, and which notices were released.

A ledger that was restored from a backup is compared with them.

The audit chain tells of a page when it is claimed and when it is through; between the two, only marks are added.
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


class MarkNotes:
    """A small file for each lease in hand; none where nothing is noted beside the ledger.

    They outlast the process at once, and a power cut after half a minute, when the system has written them down: to
    wait for the disk as well would cost as much as the mark itself.
    """

    def __init__(self, anchor: Path | None) -> None:
        self._folder = anchor.with_name("marked") if anchor else None
        self._files: dict[int, int] = {}
        self._marks: dict[int, int] = {}
        self._lock = Lock()
        """What one thread has in hand another may end, and a closed file's number is soon that of another file."""

    def begin(self, leases: Iterable[int]) -> None:
        """Make room for the notes of these, before the first mark. Raises DiskFull, LedgerUnavailable."""
        if self._folder is None:
            return
        with self._lock, self._told_apart():
            for lease in leases:
                if lease not in self._files:
                    self._folder.mkdir(mode=0o700, exist_ok=True)
                    self._files[lease] = os.open(self._folder / str(lease), os.O_CREAT | os.O_WRONLY, 0o600)
                    self._note(lease, 0)

    def add(self, leases: Iterable[int]) -> None:
        """One more mark of each of these was committed, and nothing of it can have left yet. Raises as `begin`.

        What somebody has taken over since has come to an end, and the audit chain tells of it.
        """
        if self._folder is None:
            return
        with self._lock, self._told_apart():
            for lease in leases:
                if lease in self._files:
                    self._note(lease, self._marks[lease] + 1)

    def _note(self, lease: int, marks: int) -> None:
        self._marks[lease] = marks
        os.pwrite(self._files[lease], b"%020d" % marks, 0)

    def drop(self, leases: Collection[int]) -> None:
        """These have come to an end."""
        with self._lock:
            for lease in leases:
                self._marks.pop(lease, None)
                if (file := self._files.pop(lease, None)) is not None:
                    os.close(file)
                if self._folder:
                    with suppress(OSError):  # one that stays names a lease that is nowhere
                        (self._folder / str(lease)).unlink()

    def all(self) -> dict[int, int]:
        """How many marks were noted, by lease. Raises LedgerUnavailable."""
        try:
            files = list(self._folder.iterdir()) if self._folder else []
            return {int(file.name): _read(file) for file in files if file.name.isdecimal()}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise LedgerUnavailable(f"{self._folder} cannot be read: {error.strerror}") from error

    @contextmanager
    def _told_apart(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in FULL:
                raise DiskFull(no_room()) from error
            raise LedgerUnavailable(f"{self._folder} cannot be written: {error.strerror}") from error


def _read(file: Path) -> int:
    """0 when it has just ended, or just begun. Raises LedgerUnavailable."""
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
    """Leases of which something is noted that the ledger does not hold."""

    marks: frozenset[int]
    """It holds the lease, but not all of its marks: it is an older copy."""
    leases: frozenset[int]
    """They have ended, or were taken after an older copy was made; the audit chain tells which."""


COUNTED = """
SELECT lease.id, count(mark.id) FROM lease LEFT JOIN mark ON mark.lease = lease.id
WHERE {these} GROUP BY lease.id
"""


def missed(session: Session, noted: Mapping[int, int]) -> Missed:
    """What the ledger lacks of what is noted beside it."""
    connection = session.connection()
    counted = statement(COUNTED.format(these=among(connection, "lease.id")))
    held: dict[int, int] = dict(connection.execute(counted, {"ids": listed(connection, noted)}).all()) if noted else {}
    behind = frozenset(lease for lease, marks in held.items() if marks < noted[lease])
    return Missed(behind, frozenset(noted.keys() - held.keys()))


class ReleasedNotes:
    """A file with the ids of an incident and a notice on each line; none where nothing is noted beside the ledger."""

    def __init__(self, anchor: Path | None) -> None:
        self._file = anchor.with_name("released") if anchor else None

    def add(self, incident: str, notice: str) -> None:
        """On the disk before anything of the notice can leave from here. Raises DiskFull, LedgerUnavailable."""
        if self._file is None or (incident, notice) in self.all():
            return
        try:
            append(self._file, f"\n{incident} {notice}\n")  # the last line may have been cut off
        except OSError as error:
            if error.errno in FULL:
                raise DiskFull(no_room()) from error
            raise LedgerUnavailable(f"{self._file} cannot be written: {error.strerror}") from error

    def all(self) -> set[tuple[str, str]]:
        """Incident and notice of all that was noted, without lines that were cut off. Raises LedgerUnavailable."""
        try:
            text = self._file.read_text(encoding="utf-8", errors="replace") if self._file else ""
        except FileNotFoundError:
            return set()
        except OSError as error:
            raise LedgerUnavailable(f"{self._file} cannot be read: {error.strerror}") from error
        return {(words[0], words[1]) for line in text.splitlines() if len(words := line.split()) == 2}
