"""All tables of the ledger: found by the package, and imported only by what needs every one.

A command that reads one table imports the module of that table's room alone.
"""

import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from pkgutil import iter_modules

import sqlmodel
from sqlalchemy import MetaData, Table
from sqlalchemy.schema import ColumnCollectionConstraint
from sqlmodel import SQLModel

from amends.domain.channel.channel import FURTHER
from amends.ledger import tables
from amends.ledger.tables.row import Row, Sealed
from amends.system import cache_folder

CODE = Path(tables.__file__).parent
"""The folder of all tables, a change of which makes a kept identifier out of date."""


def all_tables() -> MetaData:
    """Import all tables, and return them."""
    for module in iter_modules(tables.__path__, f"{tables.__name__}."):
        import_module(module.name)
    return SQLModel.metadata


def all_rows() -> Iterator[type[Row]]:
    """Import all tables, and yield their rows."""
    known = all_tables().tables
    for kind in (*Sealed.__subclasses__(), *Row.__subclasses__()):
        if kind is not Sealed and known.get(kind.__table__.name) is kind.__table__:
            yield kind


def table_named(name: str) -> Table:
    """Return the table of this name; all tables are imported when it is not."""
    known = SQLModel.metadata.tables.get(name)
    return all_tables().tables[name] if known is None else known


@cache
def schema() -> str:
    """Return the identifier of all tables as this program knows them, kept between commands."""
    further = [address.index for address in FURTHER]
    name = hashlib.sha256(f"{sqlmodel.__version__} {further} {cache_folder.code_digest(CODE)}".encode()).hexdigest()
    if known := cache_folder.kept(name):
        return known.decode()
    found = identifier(kind.__table__ for kind in all_rows() if kind.__module__.startswith(f"{tables.__name__}."))
    cache_folder.keep(name, found.encode())
    return found


def identifier(declared: Iterable[Table]) -> str:
    """Return a digest of the tables' columns, keys, constraints and indexes."""
    lines = [line for table in sorted(declared, key=attrgetter("name")) for line in _lines(table)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def _lines(table: Table) -> list[str]:
    columns = [f"{column.name} {type(column.type).__name__} {column.nullable}" for column in table.columns]
    rules = [
        f"{type(rule).__name__} {' '.join(rule.columns.keys())}"
        for rule in table.constraints
        if isinstance(rule, ColumnCollectionConstraint)
    ]
    indexes = [f"{index.name} {' '.join(index.columns.keys())}" for index in table.indexes]
    return [table.name, *columns, *sorted(rules), *sorted(indexes)]
