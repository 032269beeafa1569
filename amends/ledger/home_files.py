"""Files of strangers in the home, sealed with their incident's key: the ledger lists and seals them."""

from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from sqlmodel import Session, func, select

from amends.domain.base.errors import NotInLedger
from amends.domain.base.home_file import HomeFile, NewHomeFile
from amends.ledger.store.session import Store
from amends.ledger.tables.declared import file_place

AnyFile = TypeVar("AnyFile", bound=HomeFile)


class HomeFiles(Generic[AnyFile]):
    """The files of one table."""

    row: ClassVar[Any]
    """The table."""
    value: type[AnyFile]
    of: ClassVar[str]
    """The column that says to what a file belongs."""
    noun: ClassVar[str]
    """The word for one file."""
    opened_as: ClassVar[str]
    """The act in the audit chain when a member saves a file."""
    listed_by: ClassVar[str]
    """The command that lists the files."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self, incident: str, of: int | None = None) -> tuple[AnyFile, ...]:
        """Return the files of an incident, or of one question or claim, the first one first."""
        query = select(self.row).where(self.row.incident == incident).order_by(self.row.id)
        if of is not None:
            query = query.where(getattr(self.row, self.of) == of)
        with self._store.read() as session:
            return tuple(row.as_value(self.value) for row in session.exec(query))

    def get(self, incident: str, file: int) -> AnyFile:
        """Return one file. Raises NotInLedger."""
        with self._store.read() as session:
            if row := session.get(self.row, (incident, file)):
                return row.as_value(self.value)  # type: ignore[no-any-return]
        raise NotInLedger(f"incident {incident} has no {self.noun} {file}; `{self.listed_by.format(incident)}`")

    def lists(self, incident: str, name: str) -> bool:
        """Return True when the ledger lists a file of this name."""
        with self._store.read() as session:
            return listed(session, self.row, incident, [name])

    def bytes_in_all(self, incident: str) -> int:
        """Return the bytes of all files of an incident."""
        with self._store.read() as session:
            query = select(func.sum(self.row.size)).where(self.row.incident == incident)
            return int(session.exec(query).one() or 0)

    def sealed(self, incident: str, name: str, content: bytes) -> bytes:
        """Return a file's content, sealed with the incident's key for its name. Raises DataDestroyed."""
        with self._store.read() as session:
            place = file_place(self.row.__tablename__, incident, name)
            return self._store.seal(session, incident).close(b64encode(content).decode(), place)

    def opened(self, incident: str, name: str, sealed: bytes) -> bytes:
        """Return the content of a sealed file. Raises DataDamaged, DataDestroyed."""
        with self._store.read() as session:
            place = file_place(self.row.__tablename__, incident, name)
            return b64decode(self._store.seal(session, incident).open(sealed, place))

    def note_opened(self, incident: str, file: int, by: str, now: datetime) -> None:
        """Record that a member saved a file to look at it."""
        with self._store.write() as write:
            write.note(now, incident, self.opened_as, f"{self.noun} {file}", actor=by)


def listed(session: Session, row: Any, incident: str, names: Iterable[str]) -> bool:
    """Return True when the table lists a file with one of these names."""
    return session.exec(select(row.id).where(row.incident == incident, row.name.in_(list(names)))).first() is not None


def list_files(
    session: Session, row: Any, incident: str, files: Iterable[NewHomeFile], at: datetime, **of: int
) -> None:
    """Add files to the table; the caller has locked the incident, so that no other gives a file the same number."""
    last = session.exec(select(func.max(row.id)).where(row.incident == incident)).one() or 0
    for number, file in enumerate(files, start=last + 1):
        session.add(row(incident=incident, id=number, at=at, **file._asdict(), **of))
    session.flush()
