"""Rows of the audit chain, and of the key that the ledger is written with."""

from datetime import datetime

from sqlalchemy import BigInteger, LargeBinary
from sqlmodel import Field

from amends.ledger.tables.row import Row, declares, time_column


class KeyCheckRow(Row, table=True):
    """The one row that identifies the ledger's master key and the database in which the ledger was written."""

    __tablename__ = "key_check"
    id: int = Field(default=1, primary_key=True)
    mac: bytes = Field(sa_type=LargeBinary)
    place: str = ""
    """The database of the ledger as `place_of` identifies it; empty until it is recorded, and on SQLite."""


class AuditRow(Row, table=True):
    """An act or a change of state; `mac` covers this row and the row before. Never updated, never deleted."""

    __tablename__ = "audit"
    __table_args__ = (declares(append_only="the audit chain is only ever added to"),)
    seq: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    at: datetime = time_column()
    incident: str = Field(index=True)
    actor: str
    act: str
    subject: str
    detail: str
    rows: str = ""
    """The rows of the ledger that the transaction of the entry changed, as a `Journal` spells them; or empty."""
    mac: bytes = Field(sa_type=LargeBinary)
