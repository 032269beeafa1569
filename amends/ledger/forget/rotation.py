"""Rotation of the master key and of the key of a case; both go on after a kill wherever they were.

A rotated master key wraps all data keys anew, in one transaction between two steps on the disk: the next key is written
beside the present one before, and takes its place after. The key of a case is replaced page by page: until the last
page, everything is sealed with the new key and opened with either.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, text, update
from sqlalchemy import select as sql
from sqlmodel import Session, col, select

from amends.domain.base.errors import KeyMissing, LedgerUnavailable, NotAllowed
from amends.domain.feedback.queue.groups import marks, shingles
from amends.domain.team.member import Member
from amends.ledger.feedback.queue.groups import store_marks
from amends.ledger.forget.personal import (
    PeopleFilter,
    PersonalTable,
    file_tables,
    names_of_files,
    personal_tables,
    rows_of,
)
from amends.ledger.forget.rows import noting_sum
from amends.ledger.people.people import contact_place
from amends.ledger.store.bulk import among, listed, pages
from amends.ledger.store.encryption import Keys, Seal
from amends.ledger.store.schema import all_rows
from amends.ledger.store.session import Store, Transaction, incident_row, must_approve
from amends.ledger.store.sums import changing_these
from amends.ledger.tables.audit import KeyCheckRow
from amends.ledger.tables.declared import sealed_columns, sealed_place
from amends.ledger.tables.deliver import LeaseRow
from amends.ledger.tables.feedback import QuestionLikenessRow, QuestionRow
from amends.ledger.tables.incident import IncidentRow
from amends.ledger.tables.people import PersonRow
from amends.system.key_file import KeyFile

PAGE = 500
"""The number of rows sealed anew in one transaction, so that others write in between."""
PEOPLE = 2_000
SealFiles = Callable[[Sequence[tuple[str, str]], Seal], None]
"""A function that seals files of the home anew; each is named by its path there and the place of its seal."""
NO_FILE = "the master key has no file here: open the ledger from a home (AMENDS_HOME) to rotate it"


class Rotated(NamedTuple):
    """The outcome of a rotation of the master key."""

    incidents: int
    """The number of incidents whose data keys were wrapped anew; 0 when a kill had left only the last step."""
    old: Path | None
    """The file with the old key, for backups from before; None where the key comes from a setting."""


class Rotation:
    """The rotation of keys."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # The master key.

    def master(self, by: Member, now: datetime, *, in_file: bool = True) -> Rotated:
        """Rotate the master key; a call after a kill finishes what was begun.

        `in_file` says that the key is read from its file, in which the new one takes its place. Other processes on this
        machine go on with the new key, those of other machines are told that their key file is not the right one.
        Raises NotAllowed for a member who may not approve, and without a key file; LedgerUnavailable.
        """
        must_approve(by, "rotate the master key")
        if (file := self._store.keys.file) is None:
            raise NotAllowed(NO_FILE)
        try:
            rotated = self._wrap_anew(self._next_keys(file), by, now)
            self._store.leave_no_old_pages("the master key is rotated")
            return Rotated(rotated, file.promote(now) if in_file else None)
        except OSError as error:
            raise LedgerUnavailable(f"{file.path.parent} cannot be written: {error.strerror}") from error

    def _next_keys(self, file: KeyFile) -> Keys:
        """Return the next keys, which are on the disk already; those of a rotation that was killed are used again."""
        for words in file.texts()[1:]:
            with suppress(KeyMissing):
                begun = Keys.from_text(words, file)
                if begun.has_root_of(self._store.keys):
                    return begun
        wanted = self._store.keys.rotated()
        file.write_next(wanted.text)
        return wanted

    def _wrap_anew(self, new: Keys, by: Member, now: datetime) -> int:
        """Wrap all data keys by the new master key, in one transaction; return 0 when they are wrapped so already."""
        with self._store.write(exclusive=True) as write:
            row = write.session.get(KeyCheckRow, 1, with_for_update=True)
            if row is None or row.mac == new.check():
                self._store.keys.adopt(new)
                return 0
            old = self._store.current_keys(write.session)
            incidents = write.session.exec(select(IncidentRow).with_for_update()).all()
            for incident in incidents:
                incident.wrapped_key = old.wrapped_anew(incident.id, incident.wrapped_key, new)
                incident.next_key = old.wrapped_anew(incident.id, incident.next_key, new)
            _seal_rows_of_team(write.session, old, new)
            row.mac = new.check()
            write.note(now, "", "master key rotated", actor=by.name, incidents=len(incidents))
        self._store.keys.adopt(new)
        return len(incidents)

    # The key of a case.

    def case(self, incident: str, by: Member, now: datetime, seal_files: SealFiles | None = None) -> int:
        """Rotate the data key of a case, and return how many values were sealed anew; finishes what was killed.

        Raises NotAllowed for a member who may not approve and while messages are being sent, NotInLedger,
        DataDestroyed, and LedgerUnavailable when old pages may still hold the old key.
        """
        must_approve(by, "rotate a key")
        self._begin(incident, by, now)
        sealed = 0
        while changed := self._seal_all(incident):
            sealed += changed
        self._seal_files(incident, seal_files)
        self._end(incident, by, now)
        self._store.leave_no_old_pages(f"the key of {incident} is rotated")
        return sealed

    def _begin(self, incident: str, by: Member, now: datetime) -> None:
        """Store the next key, unless a rotation that was killed has done so."""
        with self._store.write(exclusive=True) as write:
            row = write.incident(incident)
            if write.session.exec(select(LeaseRow.id).where(LeaseRow.incident == incident).limit(1)).first():
                raise NotAllowed(f"messages of {incident} are being sent right now; rotate its key when they have left")
            if not row.next_key:
                row.next_key = self._store.current_keys(write.session).new_data_key(incident)
                write.note(now, incident, "key rotation begun", actor=by.name)

    def _seal_all(self, incident: str) -> int:
        """Seal all rows anew that are not yet, page by page, and return how many values there were."""
        return self._seal_people(incident) + sum(self._seal_table(incident, table) for table in _sealed_tables())

    def _seal_people(self, incident: str) -> int:
        last = sealed = 0
        while True:
            with self._store.write() as write:
                seal = self._store.seal(write.session, incident)
                here = (PersonRow.incident == incident, col(PersonRow.number) > last)
                numbers = select(PersonRow.number).where(*here).order_by(col(PersonRow.number)).limit(PEOPLE)
                page = write.session.exec(numbers).all()
                sealed += _seal_people(write.session, seal, incident, page)
            if not page:
                return sealed
            last = page[-1]

    def _seal_table(self, incident: str, table: PersonalTable) -> int:
        with self._store.read() as session:
            rows = session.exec(rows_of(table, PeopleFilter(incident)))
            seal = self._store.seal(session, incident)
            names = [table.key_of(row) for row in rows if _stale(seal, table, row)]
        sealed = 0
        for page in pages(names, PAGE):
            with self._store.write() as write:
                seal = self._store.seal(write.session, incident)
                for name in page:
                    row: Any = write.session.get(table.row, name, with_for_update=True)
                    sealed += _seal_row(write.session, seal, table, row) if row is not None else 0
        return sealed

    def _seal_files(self, incident: str, seal_files: SealFiles | None) -> None:
        with self._store.read() as session:
            seal = self._store.seal(session, incident)
            found = [file for table in file_tables() for file in _listed(session, incident, table)]
        if found and seal_files is None:
            raise NotAllowed(f"{incident} has sealed files: rotate its key in the home where they lie")
        if found and seal_files:
            seal_files(found, seal)

    def _end(self, incident: str, by: Member, now: datetime) -> None:
        """Replace the key, once nobody writes and nothing is sealed with the old one any more."""
        with self._store.write(exclusive=True) as write:
            row = write.incident(incident)
            if not row.next_key:
                return
            self._seal_the_rest(write, incident)
            row.wrapped_key, row.next_key = row.next_key, b""
            write.note(now, incident, "key rotated", actor=by.name)
        self._store.seals.pop(incident, None)

    def _seal_the_rest(self, write: Transaction, incident: str) -> None:
        """Seal what was written with the old key while the pages were sealed; mostly nothing."""
        seal, last = self._store.seal(write.session, incident), 0
        while True:
            here = (PersonRow.incident == incident, col(PersonRow.number) > last)
            numbers = select(PersonRow.number).where(*here).order_by(col(PersonRow.number)).limit(PEOPLE)
            if not (page := write.session.exec(numbers).all()):
                break
            _seal_people(write.session, seal, incident, page)
            last = page[-1]
        for table in _sealed_tables():
            for row in write.session.exec(rows_of(table, PeopleFilter(incident))).all():
                _seal_row(write.session, seal, table, row)
        write.session.flush()

    def under_way(self) -> tuple[str, ...]:
        """Return the incidents whose key is being rotated, as after a kill."""
        with self._store.read() as session:
            return tuple(session.exec(select(IncidentRow.id).where(col(IncidentRow.next_key) != b"")).all())

    def why_not(self, incident: str) -> None:
        """Raise NotInLedger or DataDestroyed for an incident without a key."""
        with self._store.read() as session:
            incident_row(session, incident)
            self._store.seal(session, incident)


def _sealed_tables() -> Iterator[PersonalTable]:
    """Yield the tables with columns that are sealed with the key of a case."""
    return (table for table in personal_tables() if table.columns)


def _listed(session: Session, incident: str, table: PersonalTable) -> list[tuple[str, str]]:
    """Return the files of a table, each with its path in the home and its place."""
    names = names_of_files(session, table, PeopleFilter(incident))
    return [(table.path(incident, name), table.place(incident, name)) for name in names]


def _seal_rows_of_team(session: Session, old: Keys, new: Keys) -> None:
    """Seal anew what is sealed with the team's key: the sealed columns of tables without an incident."""
    for kind in all_rows():
        names = [column.name for column in sealed_columns(kind.__table__)]
        for row in session.exec(select(kind).with_for_update()) if names and "incident" not in kind.__table__.c else ():
            for name in names:
                if sealed := getattr(row, name):
                    place = sealed_place(row, name)
                    setattr(row, name, new.team_seal.close(old.team_seal.open(sealed, place), place))


def _seal_people(session: Session, seal: Seal, incident: str, page: Sequence[int]) -> int:
    """Seal the contact data of these people anew where it is not yet, and return of how many."""
    if not (stale := _stale_people(session, seal, incident, page)):
        return 0
    table = PersonRow.__table__
    mine = (table.c.incident == incident, table.c.number == bindparam("mine"))
    changed = update(table).where(*mine).values(sealed=bindparam("anew"))
    with changing_these(session, "person", (incident,), "number", [number for number, *_ in stale]):
        anew = [{"mine": number, "anew": seal.close(said, place)} for number, said, place in stale]
        session.connection().execute(changed, anew)
    return len(stale)


def _stale_people(session: Session, seal: Seal, incident: str, page: Sequence[int]) -> list[tuple[int, str, str]]:
    """Return number, contact data and place of the people sealed with the old key, without altered ones."""
    names = ("number", "sealed", "data", "country", "region", "timezone")
    chosen = text(among(session.connection(), "person.number"))
    here = chosen.bindparams(ids=listed(session.connection(), page))
    columns = [col(getattr(PersonRow, name)) for name in names]
    rows = session.execute(sql(*columns).where(col(PersonRow.incident) == incident, here).with_for_update())
    found = [(row.number, row.sealed, contact_place(incident, row.number, *row[2:])) for row in rows]
    left = ((number, sealed, place) for number, sealed, place in found if not seal.is_current(sealed, place))
    old = ((number, seal.peek(sealed, place), place) for number, sealed, place in left)
    return [(number, said.decode(), place) for number, said, place in old if said]


def _stale(seal: Seal, table: PersonalTable, row: Any) -> list[str]:
    """Return the columns of the row that are sealed with the old key; altered ones, which open with none, are left."""
    places = {column.name: sealed_place(row, column.name) for column in table.columns if getattr(row, column.name)}
    return [
        name
        for name, place in places.items()
        if not seal.is_current(value := getattr(row, name), place) and seal.peek(value, place)
    ]


def _seal_row(session: Session, seal: Seal, table: PersonalTable, row: Any) -> int:
    """Seal the row's columns anew where they are not yet, and return how many there were."""
    if not (stale := _stale(seal, table, row)):
        return 0
    with noting_sum(session, table, row):
        for name in stale:
            place = sealed_place(row, name)
            setattr(row, name, seal.close(seal.open(getattr(row, name), place), place))
        session.flush()
    if isinstance(row, QuestionRow):
        _mark_anew(session, seal, row)
    return len(stale)


def _mark_anew(session: Session, seal: Seal, row: QuestionRow) -> None:
    """Make the marks of a question anew, which come from the data key too; most questions have none."""
    here = (col(QuestionLikenessRow.incident) == row.incident, col(QuestionLikenessRow.question) == row.id)
    if session.exec(select(QuestionLikenessRow.mark).where(*here).limit(1)).first() is None:
        return
    session.execute(delete(QuestionLikenessRow).where(*here))
    wording = shingles(seal.open(row.sealed_text, sealed_place(row, "sealed_text")))
    store_marks(session, row.incident, row.id, marks(wording, seal.likeness))
