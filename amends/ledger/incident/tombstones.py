"""The file of tombstones beside the ledger: what was forgotten, and what is under hold, in ids and keyed hashes only.

A ledger that is restored from a backup has forgotten data again and lacks holds that were given since. The file lies
beside the ledger, so both are known at the next start.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from amends.domain.base.errors import DiskFull, LedgerUnavailable
from amends.ledger.store.disk_reserve import FULL, no_room
from amends.system.files import append

ERASED, KIND, HOLD, LIFTED = "erased", "kind", "hold", "lifted"
WORDS = {ERASED: 6, KIND: 5, HOLD: 5, LIFTED: 4}
"""The number of words of a whole line, by its first word."""
END = "."
"""The last word of a line; a line without it was cut off."""


class ErasedTombstone(NamedTuple):
    """A person who was erased on request."""

    incident: str
    person: int
    ref: str
    """The keyed hash, in hex, of the company's own id for the person."""
    at: datetime


class KindTombstone(NamedTuple):
    """A kind of data of a case that was forgotten; the kind whole_case for a case that was destroyed."""

    incident: str
    kind: str
    at: datetime


class HoldTombstone(NamedTuple):
    """A hold that was given: on a person, or, with the number 0, on the whole case."""

    incident: str
    id: int
    person: int


class TombstoneLines(NamedTuple):
    """The whole lines of the file."""

    erased: frozenset[ErasedTombstone] = frozenset()
    kinds: frozenset[KindTombstone] = frozenset()
    holds: frozenset[HoldTombstone] = frozenset()
    lifted: frozenset[tuple[str, int]] = frozenset()
    """Incident and id of each hold that was lifted."""

    def holds_of(self, incident: str) -> list[HoldTombstone]:
        """Return the holds of this incident that were not lifted."""
        return sorted(
            hold for hold in self.holds if hold.incident == incident and (incident, hold.id) not in self.lifted
        )


class Tombstones:
    """The file of tombstones of one ledger; no file without an anchor."""

    def __init__(self, anchor: Path | None) -> None:
        self._file = anchor.with_name("forgotten") if anchor else None

    def read(self) -> TombstoneLines:
        """Return all whole lines. Raises LedgerUnavailable."""
        lines = list(self._lines())
        return TombstoneLines(
            frozenset(ErasedTombstone(w[1], int(w[2]), w[3], _time(w[4])) for w in lines if w[0] == ERASED),
            frozenset(KindTombstone(w[1], w[2], _time(w[3])) for w in lines if w[0] == KIND),
            frozenset(HoldTombstone(w[1], int(w[2]), int(w[3])) for w in lines if w[0] == HOLD),
            frozenset((w[1], int(w[2])) for w in lines if w[0] == LIFTED),
        )

    def add(self, wanted: TombstoneLines) -> None:
        """Write to the disk the lines that the file lacks. Raises DiskFull, LedgerUnavailable."""
        if self._file is None:
            return
        there = {tuple(words) for words in self._lines()}
        missing = [line for line in _spelled(wanted) if tuple(line.split()) not in there]
        if not missing:
            return
        try:
            append(self._file, "".join(f"\n{line}\n" for line in missing))  # the last line may have been cut off
        except OSError as error:
            if error.errno in FULL:
                raise DiskFull(no_room()) from error
            raise LedgerUnavailable(f"{self._file} cannot be written: {error.strerror}") from error

    def _lines(self) -> Iterator[list[str]]:
        try:
            text = self._file.read_text(encoding="utf-8", errors="replace") if self._file else ""
        except FileNotFoundError:
            return
        except OSError as error:
            raise LedgerUnavailable(f"{self._file} cannot be read: {error.strerror}") from error
        for line in text.splitlines():
            words = line.split()
            if words and words[-1] == END and len(words) == WORDS.get(words[0]):
                yield words


def _spelled(noted: TombstoneLines) -> Iterable[str]:
    for erased in sorted(noted.erased):
        yield f"{ERASED} {erased.incident} {erased.person} {erased.ref} {erased.at.isoformat()} {END}"
    for kind in sorted(noted.kinds):
        yield f"{KIND} {kind.incident} {kind.kind} {kind.at.isoformat()} {END}"
    for hold in sorted(noted.holds):
        yield f"{HOLD} {hold.incident} {hold.id} {hold.person} {END}"
    for incident, number in sorted(noted.lifted):
        yield f"{LIFTED} {incident} {number} {END}"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
