"""Rows of incidents, of what keeps their data and of what was forgotten."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, LargeBinary
from sqlmodel import Field

from amends.domain.forget.retention import DataKind
from amends.ledger.tables.declared import Personal
from amends.ledger.tables.row import Sealed, declares, json_column, sealed_column, time_column

INCIDENT = "incident.id"
"""The column that a row of an incident refers to."""


class IncidentRow(Sealed, table=True):
    """An incident, its data key wrapped by the master key, and its audience in numbers."""

    __tablename__ = "incident"
    id: str = Field(primary_key=True)
    state: str
    version: int
    opened_at: datetime = time_column()
    wrapped_key: bytes = Field(sa_type=LargeBinary)
    people: int
    audience_digest: str
    embargo_until: datetime | None = time_column(nullable=True)
    """The time before which no message may be sent."""
    embargo_why: str = Field(default="", sa_column_kwargs={"server_default": ""})
    paused_by: str = ""
    """The member, or the form or engine, that paused the incident; empty while the incident is not paused."""
    resumed_at: datetime | None = time_column(nullable=True)
    """The time at which the incident was last resumed."""
    mailbox_ruling: str = ""
    """The decision on mailboxes that several people share, a MailboxRuling; empty as long as nobody has decided."""
    stops: int = 0
    """The number of stops that were ever recorded, so that nobody looks for the stops of an incident without any."""
    counts: dict[str, Any] | None = Field(default=None, sa_type=JSON, nullable=True)
    """The audience in numbers, counted when the incident is opened and whenever the list is corrected."""
    next_key: bytes = Field(default=b"", sa_type=LargeBinary)
    """The data key, wrapped, that everything is being sealed with anew; empty except while the key is rotated."""


class ClockRow(Sealed, table=True):
    """The last reading of a machine's clocks, and the clock doubt: why its wall clock is not believed, or empty."""

    __tablename__ = "clock"
    __table_args__ = (declares(unchained=True),)
    host: str = Field(primary_key=True)
    boot: str
    elapsed: float
    at: datetime = time_column()
    doubt: str


class IncidentVersionRow(Sealed, table=True):
    """A version of the incident file; every version is kept."""

    __tablename__ = "incident_version"
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    version: int = Field(primary_key=True)
    content: dict[str, Any] = json_column(hashed=True)
    digest: str
    author: str
    at: datetime = time_column()


class EventRow(Sealed, table=True):
    """An event of the case, an alarm or a missed update, with the time at which it was recorded first."""

    __tablename__ = "event"
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    kind: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    at: datetime = time_column()


class StopRow(Sealed, table=True):
    """A send that has stopped, or a recipient domain to which nothing is sent; the row goes when the stop has ended."""

    __tablename__ = "stop"
    __table_args__ = (declares(personal=Personal(DataKind.CONTACTS, deleted=True)),)
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    notice: str
    """The notice whose send has stopped, or whose send found out that the domain refuses mail."""
    part: str = ""
    """The part of the send that has stopped, as StoppedSend says; empty for a domain."""
    sealed_domain: bytes | None = sealed_column(nullable=True)
    """None for a send. A domain that few people have is as personal as an address."""
    why: str
    at: datetime = time_column()


class AlertRow(Sealed, table=True):
    """An alert, known by kind, subject and window, with its words and the time at which it was recorded first."""

    __tablename__ = "alert"
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    kind: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    window: str = Field(primary_key=True)
    what: str
    at: datetime = time_column()


class LegalHoldRow(Sealed, table=True):
    """A legal hold on a person or on the whole case: as long as it is not lifted, nothing of it is forgotten."""

    __tablename__ = "legal_hold"
    __table_args__ = (declares(numbers_only="a hold is told as long as the case is"),)
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    person: int | None
    """The person's number, or None for the whole case."""
    reason: str
    by: str
    at: datetime = time_column()
    lifted_by: str = ""
    lifted_at: datetime | None = time_column(nullable=True)
    lifted_why: str = ""


class ErasedPersonRow(Sealed, table=True):
    """A person who was erased on request, by whom a corrected list is told to leave the person out."""

    __tablename__ = "erased_person"
    __table_args__ = (declares(numbers_only="the row keeps an erased person from coming back"),)
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    person: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    ref_index: bytes = Field(sa_type=LargeBinary)
    """The keyed hash of the company's own id for the person."""
    by: str
    second: str
    at: datetime = time_column()


class ForgottenRow(Sealed, table=True):
    """A kind of data of a case whose time is over and that was forgotten."""

    __tablename__ = "forgotten"
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    kind: str = Field(primary_key=True)
    at: datetime = time_column()
    kept: list[int] = json_column()
    """The numbers of the people under hold, whose data of this kind stayed."""


class RetentionDateRow(Sealed, table=True):
    """The incident's own day on which all of its personal data goes, in place of the playbook's span."""

    __tablename__ = "retention_date"
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    until: datetime = time_column()
    reason: str
    by: str
    at: datetime = time_column()
