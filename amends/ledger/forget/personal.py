"""The tables with data of people, as their rows declare them, and which rows are whose.

By these tables one person is erased, a kind of data goes when its time is over, a whole case is destroyed, and the key
of a case is rotated.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import JSON, Column, ColumnElement, false, true
from sqlmodel import Session, col, or_, select

from amends.domain.forget.retention import DataKind
from amends.ledger.forget.folders import folder_of
from amends.ledger.store.schema import all_rows
from amends.ledger.tables.declared import Personal, file_place, sealed_columns
from amends.ledger.tables.row import Row

RowKey = tuple[Any, ...]
"""The values of a row's primary key."""


@dataclass(frozen=True)
class PeopleFilter:
    """The people whose rows are meant: one person of an incident, or everybody but some."""

    incident: str
    only: int | None = None
    but: frozenset[int] = frozenset()

    @property
    def is_everybody(self) -> bool:
        """Return True when nobody is left out."""
        return self.only is None and not self.but

    def where(self, column: Any) -> ColumnElement[bool]:
        """Return the condition on a column that holds the number of a person, or nobody's."""
        if self.only is not None:
            return col(column) == self.only
        return true() if self.is_everybody else or_(col(column).is_(None), col(column).not_in(self.but))

    def covers(self, person: int | None) -> bool:
        """Return True when rows of this person are meant."""
        return person == self.only if self.only is not None else person not in self.but


@dataclass(frozen=True)
class PersonalTable:
    """A table with data of people."""

    row: type[Row]
    declared: Personal

    @property
    def name(self) -> str:
        """Return the name of the table."""
        return self.row.__table__.name

    @property
    def columns(self) -> tuple[Column[Any], ...]:
        """Return the sealed columns."""
        return sealed_columns(self.row.__table__)

    @property
    def of_nobody(self) -> bool:
        """Return True for rows of which nobody can tell whose they are."""
        return not self.declared.through and "person" not in self.row.__table__.columns

    @property
    def is_summed(self) -> bool:
        """Return True when the audit chain knows the table by sums."""
        return "summed" in self.row.__table__.info

    @cached_property
    def once(self) -> bool:
        """Return True when a row has an idempotency key, which is a hash of what the person wrote."""
        return "once" in self.row.__table__.columns

    def key_of(self, row: Any) -> RowKey:
        """Return the primary key of a row."""
        return tuple(getattr(row, column.name) for column in self.row.__table__.primary_key)

    def path(self, incident: str, name: str) -> str:
        """Return the path in the home of a sealed file that a row names."""
        return f"{folder_of(self.declared.kind, incident)}/{name}.sealed"

    def place(self, incident: str, name: str) -> str:
        """Return the place for which such a file is sealed."""
        return file_place(self.name, incident, name)


def personal_tables(*kinds: DataKind) -> tuple[PersonalTable, ...]:
    """Return all tables with data of people, or those with data of these kinds."""
    declared = ((row, row.__table__.info.get("personal")) for row in all_rows())
    return tuple(PersonalTable(row, personal) for row, personal in declared if personal and _is_of(personal, kinds))


def _is_of(personal: Personal, kinds: Collection[DataKind]) -> bool:
    return not kinds or personal.kind in kinds


def file_tables(*kinds: DataKind) -> tuple[PersonalTable, ...]:
    """Return the tables that name sealed files of the home, or those with data of these kinds."""
    return tuple(table for table in personal_tables(*kinds) if table.declared.files)


def kinds_of_persons() -> frozenset[DataKind]:
    """Return the kinds of data of which a person has rows of their own."""
    return frozenset(table.declared.kind for table in personal_tables() if not table.of_nobody)


def keys_of(session: Session, table: PersonalTable, whose: PeopleFilter) -> list[RowKey]:
    """Return the primary keys of the rows of these people; a row of several people is not theirs alone."""
    rows = session.exec(rows_of(table, whose))
    if not _has_several(table):
        return [table.key_of(row) for row in rows]
    parent, column = _parent(table)
    owners = dict(session.exec(select(parent.id, parent.person).where(parent.incident == whose.incident)).all())
    return [table.key_of(row) for row in rows if _all_covered(getattr(row, column), owners, whose)]


def _all_covered(numbers: Collection[int], owners: Mapping[int, int | None], whose: PeopleFilter) -> bool:
    return all(whose.covers(owners.get(number)) for number in numbers)


def rows_of(table: PersonalTable, whose: PeopleFilter) -> Any:
    """Return the query for the rows of a table that belong to these people, and for those of several people."""
    row: Any = table.row
    here = select(row).where(row.incident == whose.incident)
    if table.of_nobody:
        return here.where(false()) if whose.only is not None else here
    return here if _has_several(table) else here.where(_belongs(table, whose))


def names_of_files(session: Session, table: PersonalTable, whose: PeopleFilter) -> Iterator[str]:
    """Yield the names of the sealed files of these people."""
    row: Any = table.row
    yield from session.exec(select(row.name).where(row.incident == whose.incident, _belongs(table, whose)))


def _belongs(table: PersonalTable, whose: PeopleFilter) -> ColumnElement[bool]:
    """Return the condition that a row is one of these people's, by its own column or by the row that it leads to."""
    row: Any = table.row
    if whose.is_everybody:
        return true()
    if not table.declared.through:
        return whose.where(row.person)
    parent, column = _parent(table)
    theirs = select(parent.id).where(parent.incident == whose.incident, whose.where(parent.person))
    return col(getattr(row, column)).in_(theirs)


def _parent(table: PersonalTable) -> tuple[Any, str]:
    """Return the rows that name the people of this table's rows, and the column here that leads to them."""
    name, column = table.declared.through or ("", "")
    return next(row for row in all_rows() if row.__table__.name == name), column


def _has_several(table: PersonalTable) -> bool:
    """Return True when a row leads to the rows of several people."""
    return bool(table.declared.through) and isinstance(table.row.__table__.columns[_parent(table)[1]].type, JSON)
