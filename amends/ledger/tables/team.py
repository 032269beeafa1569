"""Rows of the team and of its votes."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, LargeBinary, UniqueConstraint
from sqlmodel import Field

from amends.ledger.tables.incident import INCIDENT
from amends.ledger.tables.row import Sealed, declares, sealed_column, time_column

NAMES_A_VOTE = ("incident", "kind", "about", "version", "member", "binding")
"""The columns that name a vote; the number of its row means nothing."""


class MemberRow(Sealed, table=True):
    """A member of the team; the token itself is not stored."""

    __tablename__ = "member"
    name: str = Field(primary_key=True)
    role: str
    token_hash: bytes = Field(sa_type=LargeBinary)
    active: bool
    added_at: datetime = time_column()
    deputy: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """The member who may approve in this member's place, or empty."""
    deputy_until: datetime | None = time_column(nullable=True)
    sealed_contact: bytes | None = sealed_column(nullable=True)
    """The address for reminders, as an Apprise URL; sealed, because it holds passwords."""


class VoteRow(Sealed, table=True):
    """A member's vote on a subject, bound to the state of the subject by the hash in `binding`."""

    __tablename__ = "vote"
    __table_args__ = (UniqueConstraint(*NAMES_A_VOTE), declares(named_by=NAMES_A_VOTE))
    id: int | None = Field(default=None, primary_key=True)
    incident: str = Field(foreign_key=INCIDENT)
    kind: str
    """A notice, its release in an emergency, a closing criterion, or a claim."""
    about: str
    """The notice, the criterion, or the claim."""
    version: int
    """The version of the notice, or the round of decisions on the claim; 0 for a criterion."""
    binding: str
    member: str
    role: str
    says: str = ""
    """The decision on a notice, or empty."""
    reason: str
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """The state of the subject at that time in numbers and words, such as what was missing to close or is granted."""
    at: datetime = time_column()
    given_by: str = ""
    """The deputy who voted in the member's place, or empty."""
