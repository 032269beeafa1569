"""Files that show how commitments were kept: sealed with the incident's key, each with the hash of its content."""

import base64
import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session, col, select

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.commitment.evidence import EvidenceFile
from amends.ledger.commitment.told import locked_row
from amends.ledger.store.encryption import Seal
from amends.ledger.store.session import Store
from amends.ledger.tables.commitment import CommitmentFileRow, CommitmentRow
from amends.ledger.tables.declared import sealed_place

LARGEST_FILE = 10_000_000
"""Bytes of a file of evidence at most."""
MOST_FILES = 50
"""The most files of one commitment."""


class NewFile(NamedTuple):
    """A file of evidence to store."""

    name: str
    content: bytes


class CommitmentFiles:
    """The files of evidence of the commitments."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self, incident: str, commitment: str) -> tuple[EvidenceFile, ...]:
        """Return the files of a commitment without their contents, in the order in which they came."""
        mine = (CommitmentFileRow.incident == incident, CommitmentFileRow.commitment == commitment)
        with self._store.read() as session:
            rows = session.exec(select(CommitmentFileRow).where(*mine).order_by(col(CommitmentFileRow.number))).all()
            seal = self._store.seal(session, incident) if any(row.sealed_name for row in rows) else None
            return tuple(_file(row, seal) for row in rows)

    def content(self, incident: str, commitment: str, number: int, by: str, now: datetime) -> NewFile:
        """Return name and content of a file, and record who read it. Raises NotInLedger, DataDamaged."""
        with self._store.write() as write:
            write.incident(incident)
            row = write.session.get(CommitmentFileRow, (incident, commitment, number))
            if row is None or row.sealed_name is None or row.sealed_content is None:
                raise NotInLedger(f"{commitment} of incident {incident} has no file {number}")
            seal = self._store.seal(write.session, incident)
            write.note(now, incident, "evidence file read", commitment, actor=by, file=number)
            content = base64.b64decode(seal.open(row.sealed_content, sealed_place(row, "sealed_content")))
            if hashlib.sha256(content).hexdigest() != row.digest:
                raise NotAllowed(f"file {number} of {commitment} is not the one whose hash was recorded")
            return NewFile(seal.open(row.sealed_name, sealed_place(row, "sealed_name")), content)

    def add(self, incident: str, commitment: str, files: Iterable[NewFile], by: str, now: datetime) -> int:
        """Store files of evidence, and return how many were new. Raises NotAllowed, NotInLedger."""
        with self._store.write() as write:
            write.incident(incident)
            row = locked_row(write.session, incident, commitment)
            count = store_files(write.session, self._store.seal(write.session, incident), row, files, by, now)
            write.note(now, incident, "evidence files added", commitment, actor=by, files=count)
            return count


def store_files(
    session: Session, seal: Seal, row: CommitmentRow, files: Iterable[NewFile], by: str, now: datetime
) -> int:
    """Store the files that the commitment does not have yet, and return how many. Raises NotAllowed."""
    mine = (CommitmentFileRow.incident == row.incident, CommitmentFileRow.commitment == row.id)
    known = {
        digest: number
        for number, digest in session.exec(select(CommitmentFileRow.number, CommitmentFileRow.digest).where(*mine))
    }
    number = first = max(known.values(), default=0)
    for file in files:
        if why := why_not_store(file, number):
            raise NotAllowed(why)
        digest = hashlib.sha256(file.content).hexdigest()
        if digest in known:
            continue
        number += 1
        known[digest] = number
        stored = CommitmentFileRow(
            incident=row.incident,
            commitment=row.id,
            number=number,
            digest=digest,
            size=len(file.content),
            by=by,
            at=now,
        )
        stored.sealed_name = seal.close(file.name, sealed_place(stored, "sealed_name"))
        stored.sealed_content = seal.close(
            base64.b64encode(file.content).decode("ascii"), sealed_place(stored, "sealed_content")
        )
        session.add(stored)
    return number - first


def why_not_store(file: NewFile, files: int) -> str:
    """Return why the file cannot be stored beside so many others, or ""."""
    if not file.content:
        return f"{file.name} is empty"
    if len(file.content) > LARGEST_FILE:
        return f"{file.name} has {len(file.content):,} bytes; {LARGEST_FILE:,} are the most"
    return f"a commitment has at most {MOST_FILES} files" if files >= MOST_FILES else ""


def _file(row: CommitmentFileRow, seal: Seal | None) -> EvidenceFile:
    name = seal.open(row.sealed_name, sealed_place(row, "sealed_name")) if seal and row.sealed_name else ""
    return row.as_value(EvidenceFile, name=name)
