"""Files with evidence for claims: the ledger lists them, and seals what lies in the home."""

from base64 import b64decode, b64encode
from datetime import datetime

from sqlmodel import col, func, select

from amends.domain.base.errors import NotInLedger
from amends.domain.claim.claim import Evidence
from amends.ledger.store.session import Store
from amends.ledger.store.tables import ClaimFileRow


class ClaimEvidence:
    """The files that people added to their claims."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of_claim(self, incident: str, claim: int) -> tuple[Evidence, ...]:
        """Return the files of a claim, the first one first."""
        here = (ClaimFileRow.incident == incident, ClaimFileRow.claim == claim)
        with self._store.read() as session:
            rows = session.exec(select(ClaimFileRow).where(*here).order_by(col(ClaimFileRow.id)))
            return tuple(map(_as_value, rows))

    def get(self, incident: str, file: int) -> Evidence:
        """Return one file. Raises NotInLedger."""
        with self._store.read() as session:
            if row := session.get(ClaimFileRow, (incident, file)):
                return _as_value(row)
        raise NotInLedger(f"incident {incident} has no evidence {file}; `amends claims show {incident} CLAIM`")

    def lists(self, incident: str, name: str) -> bool:
        """Return True when a file of this name belongs to a claim."""
        here = (ClaimFileRow.incident == incident, ClaimFileRow.name == name)
        with self._store.read() as session:
            return session.exec(select(ClaimFileRow.id).where(*here)).first() is not None

    def bytes_in_all(self, incident: str) -> int:
        """Return the bytes of all files of an incident."""
        with self._store.read() as session:
            query = select(func.sum(ClaimFileRow.size)).where(ClaimFileRow.incident == incident)
            return int(session.exec(query).one() or 0)

    def sealed(self, incident: str, name: str, content: bytes) -> bytes:
        """Return a file's content, sealed with the incident's key for its name. Raises DataDestroyed."""
        with self._store.read() as session:
            return self._store.seal(session, incident).close(
                b64encode(content).decode(), evidence_place(incident, name)
            )

    def opened(self, incident: str, name: str, sealed: bytes) -> bytes:
        """Return the content of a sealed file. Raises DataDamaged, DataDestroyed."""
        with self._store.read() as session:
            return b64decode(self._store.seal(session, incident).open(sealed, evidence_place(incident, name)))

    def note_opened(self, incident: str, file: int, by: str, now: datetime) -> None:
        """Record that a member saved a file to look at it."""
        with self._store.write() as write:
            write.incident(incident)
            write.note(now, incident, "evidence opened", f"evidence {file}", actor=by)


def _as_value(row: ClaimFileRow) -> Evidence:
    return Evidence(id=row.id, claim=row.claim, name=row.name, kind=row.kind, size=row.size, at=row.at)


def evidence_place(incident: str, name: str) -> str:
    return f"claim_file:{incident}:{name}"
