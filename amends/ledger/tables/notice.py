"""Rows of notices and of their releases."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKeyConstraint
from sqlmodel import Field

from amends.ledger.tables.declared import COUNTED, Summed
from amends.ledger.tables.incident import INCIDENT
from amends.ledger.tables.row import Row, Sealed, declares, json_column, time_column

RELEASE = ("release.incident", "release.notice", "release.version")
"""The columns that a row of a released version refers to."""
KEY = ("incident", "notice", "version")
"""The columns that identify one version of a notice."""


class NoticeRow(Sealed, table=True):
    """A drafted notice with all its variants; a new draft is a new version."""

    __tablename__ = "notice"
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    notice: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    draft: dict[str, Any] = json_column(hashed=True)
    binding: str
    stage: str
    drafted_at: datetime = time_column()
    sent_at: datetime | None = time_column(nullable=True)
    optional: bool = False
    """The draft's own value, repeated in a column that SQL about messages can use."""
    survey: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """The survey to which the notice invites, repeated from the draft; empty for most."""
    preflight: dict[str, Any] | None = Field(default=None, sa_type=JSON, nullable=True)
    """The findings of the preflight, which composes every message of exactly this version; None before it has run."""


class ReleaseRow(Sealed, table=True):
    """The release of a version of a notice; a foreign key lets no message be stored without a release."""

    __tablename__ = "release"
    incident: str = Field(primary_key=True)
    notice: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    binding: str
    prepared: int
    """The number of the last person for whom messages are stored."""
    at: datetime = time_column()
    __table_args__ = (
        ForeignKeyConstraint(["incident", "notice", "version"], ["notice.incident", "notice.notice", "notice.version"]),
    )


class ToldOtherwiseRow(Row, table=True):
    """A person who was told something else than is known now, as found when this notice was drafted last.

    A correction goes to these people alone; in an update they read a text of their cohort.
    """

    __tablename__ = "told_otherwise"
    __table_args__ = (declares(summed=Summed(by=("incident", "notice")), numbers_only=COUNTED),)
    incident: str = Field(primary_key=True)
    notice: str = Field(primary_key=True)
    person: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    cohort: str
    """The name of the cohort of those with the same difference; empty for the text that everybody else reads."""
    elements: str
    """The data elements that were named to the person wrongly, as in the column `data` of people; else empty."""


class RestoredNoticeRow(Sealed, table=True):
    """A notice of which more messages may have been sent than the restored ledger holds."""

    __tablename__ = "restored_notice"
    incident: str = Field(primary_key=True)
    notice: str = Field(primary_key=True)
    may_have_left: str
    """The channels on which the messages may have been sent, separated by |."""


class StatedCommitmentRow(Sealed, table=True):
    """A commitment that the messages of a released version state, as a `StatedCommitment` says it."""

    __tablename__ = "stated_commitment"
    incident: str = Field(primary_key=True)
    commitment: str = Field(primary_key=True)
    notice: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    readers: str = Field(primary_key=True)
    fate: str
    __table_args__ = (ForeignKeyConstraint(KEY, RELEASE),)


class SurveySampleRow(Row, table=True):
    """A person of the random sample that an invitation to a survey goes to."""

    __tablename__ = "survey_sample"
    __table_args__ = (declares(summed=Summed(by=("incident", "notice")), numbers_only=COUNTED),)
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    notice: str = Field(primary_key=True)
    person: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
