"""Rows of pinned playbooks, of steps, of duties that were fulfilled, and of reviews."""

from datetime import datetime
from typing import Any

from sqlmodel import Field

from amends.ledger.tables.incident import INCIDENT
from amends.ledger.tables.row import Sealed, declares, json_column, time_column


class PinRow(Sealed, table=True):
    """A playbook and its wording, pinned to an incident by content; the highest number is in force."""

    __tablename__ = "pin"
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    number: int = Field(primary_key=True)
    digest: str
    playbook: dict[str, Any] = json_column(hashed=True)
    wording: dict[str, Any] = json_column(hashed=True)
    at: datetime = time_column()


class OccurrenceRow(Sealed, table=True):
    """An occurrence of a step that has begun, or a reminder that was given."""

    __tablename__ = "occurrence"
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    kind: str = Field(primary_key=True)
    step: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    due_at: datetime = time_column()
    state: str
    revision: int
    done_at: datetime | None = time_column(nullable=True)
    note: str


class AssessmentRow(Sealed, table=True):
    """The assessment of one version of the incident file."""

    __tablename__ = "assessment"
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    version: int = Field(primary_key=True)
    content: dict[str, Any] = json_column()
    at: datetime = time_column()


class FilingRow(Sealed, table=True):
    """A filing: the record that a duty was fulfilled outside Amends. Never updated, never deleted."""

    __tablename__ = "filing"
    __table_args__ = (declares(append_only="a filing is corrected by one more filing"),)
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    duty: str
    part: str
    filed_at: datetime = time_column()
    by: str
    receipt: str
    note: str
    corrects: int
    sets: str
    recorded_at: datetime = time_column()


class SubstituteRow(Sealed, table=True):
    """A substitute notice that was given for the people whom nothing reached, once for each duty. Never changed."""

    __tablename__ = "substitute"
    __table_args__ = (declares(append_only="a substitute notice is recorded once"),)
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    duty: str = Field(primary_key=True)
    url: str
    note: str
    by: str
    at: datetime = time_column()


class ReviewNoteRow(Sealed, table=True):
    """A note of the team about how the case went: well, badly or by luck; or a lesson, perhaps with a commitment."""

    __tablename__ = "review_note"
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    kind: str
    text: str
    by: str
    at: datetime = time_column()
    commitment: str = ""
    """The commitment that a lesson became, or empty."""


class ReviewRow(Sealed, table=True):
    """A review that has ended, with the figures of that time. Never changed."""

    __tablename__ = "review"
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    step: str = Field(primary_key=True)
    figures: dict[str, Any] = json_column()
    notes: int
    """The number of the last note that the review had."""
    by: str
    at: datetime = time_column()
