"""Declarations of tables: what a seal covers, how rows are summed up, and what of them is personal.

Seals, sums, the audit, erasure, retention, destruction and the rotation of keys follow from the declarations alone,
which stand in the `info` of a table and of its columns; `row.py` has the columns and options that put them there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import Column, Table

from amends.domain.forget.retention import DataKind

IS_SET = "IS NOT NULL"
COUNTED = "people are counted by number, and nothing else stands beside it"
RANDOM = object()
"""The value of a forgotten keyed index: random bytes, because no two rows may share one."""


@dataclass(frozen=True)
class Sealing:
    """The encryption of a column with the key of its row's incident, or of the team where a table has no incident."""

    empty: str = ""
    """The text that takes the place of a forgotten one in a column that may not be null."""
    bound_to: tuple[str, ...] = ()
    """The columns in whose row alone the text opens; without any, those of the primary key."""
    covered: bool = False
    """True when the row's own seal covers the column, so that nothing of an altered row can be read."""


@dataclass(frozen=True)
class Bytes:
    """The first, or with `last` the last, bytes of a column, as part of a row's block of 16 bytes."""

    column: str
    size: int
    last: bool = False


@dataclass(frozen=True)
class Summed:
    """The rows of a group that the audit chain knows by their number and their sum, and not one by one."""

    by: tuple[str, ...] = ()
    """The columns that make a group; none where all rows are one."""
    block: tuple[str | Bytes, ...] = ()
    """The parts of the block that the database makes of each row: numbers of 4 bytes, and bytes of other columns.
    The first number pages a large group. Without blocks, a row is summed up by all of its other columns."""
    since: Mapping[str, str] = field(default_factory=dict)
    """Further columns, each with the condition that it says something, or none. Most rows meet no condition."""


@dataclass(frozen=True)
class Personal:
    """The rows with data of people, and what becomes of it when the people are forgotten.

    A row belongs to the person that its column `person` names, or to those of the row that `through` leads to. Without
    either, nobody can tell whose it is: it stays when one person is erased, and goes with its kind of data.
    """

    kind: DataKind
    deleted: bool = False
    """True when the whole row goes; else sealed columns and those that say what is forgotten are emptied."""
    through: tuple[str, str] | None = None
    """A table with a column `person`, and the column here with the id of its row, or with several ids as JSON."""
    files: bool = False
    """True when each row names a sealed file in the home."""


@cache
def sealed_columns(table: Table) -> tuple[Column[Any], ...]:
    """Return the columns that are encrypted with a key of the ledger."""
    return tuple(column for column in table.columns if "sealing" in column.info)


@cache
def closed_columns(table: Table) -> tuple[str, ...]:
    """Return the encrypted columns that open in their own row alone, so that the row's seal leaves them out."""
    return tuple(column.name for column in sealed_columns(table) if not column.info["sealing"].covered)


@cache
def hashed_columns(table: Table) -> frozenset[str]:
    """Return the columns that a seal leaves out, because the row has a hash of them."""
    return frozenset(column.name for column in table.columns if "hashed" in column.info)


@cache
def bound_columns(table: Table) -> frozenset[str]:
    """Return the hashed columns and, in a row that other columns name, the number that means nothing."""
    numbers = {column.name for column in table.primary_key if column.name not in name_columns(table)}
    return hashed_columns(table) | numbers


@cache
def name_columns(table: Table) -> tuple[str, ...]:
    """Return the columns that name a row."""
    return tuple(table.info.get("named_by") or table.primary_key.columns.keys())


def summed(table: Table) -> Summed:
    """Return how the rows of a table are summed up. Raises KeyError for a table without sums."""
    declared: Summed = table.info["summed"]
    return declared


@cache
def found_by(table: Table) -> str:
    """Return the column by which a row is found within the group of its sum."""
    return next(column.name for column in table.primary_key if column.name not in summed(table).by)


def forgotten_values(table: Table) -> dict[str, Any]:
    """Return the personal columns in the clear, each with the value that takes the place of a forgotten one."""
    return {column.name: column.info["forgotten"] for column in table.columns if "forgotten" in column.info}


def sealed_place(row: Any, name: str) -> str:
    """Return the place for which a column of this row is sealed: the text opens in no other row and column."""
    table: Table = row.__table__
    bound_to = table.columns[name].info["sealing"].bound_to or table.primary_key.columns.keys()
    return place(table.name, name, *(getattr(row, column) for column in bound_to))


def place(table: str, name: str, *key: object) -> str:
    """Return the place for which a column is sealed in the row with these values of its key."""
    spelled = (value.hex() if isinstance(value, bytes) else str(value) for value in key)
    return ":".join((table, name.removeprefix("sealed_"), *spelled))


def file_place(table: str, incident: str, name: str) -> str:
    """Return the place for which a file of the home is sealed that a row of this table names."""
    return f"{table}:content:{incident}:{name}"


def undeclared(tables: Iterable[Table]) -> tuple[str, ...]:
    """Return the columns that seem personal, and of which no declaration says what becomes of them."""
    return tuple(f"{table.name}.{column.name}" for table in tables for column in table.columns if _is_silent(column))


def _is_silent(column: Column[Any]) -> bool:
    if column.name.startswith("sealed"):
        of_people = "incident" in column.table.columns and "personal" not in column.table.info
        return "elsewhere" not in column.info and ("sealing" not in column.info or of_people)
    return column.name == "person" and not {"personal", "numbers_only"} & column.table.info.keys()
