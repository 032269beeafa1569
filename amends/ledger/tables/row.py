"""The rows of tables: their columns, their options, and the seal that most of them bear."""

from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel
from sqlalchemy import JSON, BigInteger, Column, DateTime, Index, Integer, LargeBinary, Table
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

from amends.ledger.tables.declared import Personal, Sealing, Summed

AnyValue = TypeVar("AnyValue", bound=BaseModel)
NULL: dict[str, Any] = {"default": None, "nullable": True}


class UtcDateTime(TypeDecorator[datetime]):
    """A column of aware datetimes, stored in UTC; SQLite stores no zone, so UTC is added again on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the value in UTC. Raises ValueError for a datetime without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the stored value as an aware datetime in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def time_column(*, nullable: bool = False) -> Any:
    """Return a column of times; a column that may be null is so from the start."""
    return Field(sa_type=UtcDateTime, **(NULL if nullable else {}))


def number_column() -> Any:
    """Return a primary key that the database numbers."""
    return Field(default=None, sa_column=Column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True))


def json_column(*, hashed: bool = False) -> Any:
    """Return a column of JSON; of a hashed one another column has the hash, and the row's seal leaves it out."""
    return Field(sa_type=JSON, sa_column_kwargs={"info": {"hashed": True}} if hashed else {})


def sealed_column(
    *,
    nullable: bool = False,
    empty: str = "",
    bound_to: tuple[str, ...] = (),
    covered: bool = False,
    elsewhere: str = "",
) -> Any:
    """Return an encrypted column, as a `Sealing` says it; `elsewhere` names who encrypts and forgets it instead."""
    info: dict[str, Any] = {"elsewhere": elsewhere} if elsewhere else {"sealing": Sealing(empty, bound_to, covered)}
    return Field(sa_type=LargeBinary, sa_column_kwargs={"info": info}, **(NULL if nullable else {}))


def forgotten_as(value: object) -> dict[str, Any]:
    """Return the option of a personal column in the clear: the value that takes the place of a forgotten one."""
    return {"info": {"forgotten": value}}


def declares(
    *,
    append_only: str = "",
    summed: Summed | None = None,
    personal: Personal | None = None,
    numbers_only: str = "",
    named_by: tuple[str, ...] = (),
    unchained: bool = False,
    **options: Any,
) -> dict[str, Any]:
    """Return the options of a table.

    `append_only` are the words with which the database refuses to change or delete a row. `numbers_only` says why no
    more than its number leads from a row to a person. `named_by` are the columns that name a row where its primary key
    is only a number. The seals of an `unchained` table do not go into the audit chain.
    """
    said = {
        "append_only": append_only,
        "summed": summed,
        "personal": personal,
        "numbers_only": numbers_only,
        "named_by": named_by,
        "unchained": unchained,
    }
    return {"info": {name: value for name, value in said.items() if value}, **options}


def partial_index(name: str, where: str, *columns: str, unique: bool = False) -> Index:
    """Return an index of the rows of this condition, which `create` hands to the database in use.

    An option such as `postgresql_where` would import the dialect of that name, and all of its drivers, in each process.
    """
    return Index(name, *columns, unique=unique, info={"where": where})


class Row(SQLModel):
    """A row of a table. Rows are not validated, so pydantic builds their validators only for who asks for one."""

    model_config = {"defer_build": True}
    __table__: ClassVar[Table]


class Sealed(Row):
    """A row with a seal: a MAC over everything that the row means, checked whenever the row is read."""

    seal: bytes = Field(default=b"", sa_type=LargeBinary)

    def as_value(self, kind: type[AnyValue], **given: Any) -> AnyValue:
        """Return the value whose fields are the columns of the same names, but for those that are given."""
        names = (kind.model_fields.keys() & type(self).model_fields.keys()) - given.keys()
        return kind.model_validate({name: getattr(self, name) for name in names} | given)
