"""Rows of commitments, and of what single persons get by them."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field

from amends.domain.forget.retention import DataKind
from amends.ledger.tables.declared import COUNTED, IS_SET, RANDOM, Bytes, Personal, Summed
from amends.ledger.tables.incident import INCIDENT
from amends.ledger.tables.row import (
    Row,
    Sealed,
    declares,
    forgotten_as,
    json_column,
    number_column,
    partial_index,
    sealed_column,
    time_column,
)

COMMITMENT = (("incident", "commitment"), ("commitment.incident", "commitment.id"))
"""The columns of a commitment's own rows, and those that they refer to."""
HELD_CODE = "(state = 'given' OR state = 'redeemed')"
FREE_CODE = "state = 'free'"
VOID_CODE = "state = 'void'"
"""The conditions of codes that a person has, that can be given, and that count no more; spelled as in the indexes."""
SEALED_FOR = ("incident", "commitment", "variant", "expires", "code_index")
"""The columns that are part of the place for which a code is sealed."""


class CommitmentRow(Sealed, table=True):
    """A commitment to the people of an incident."""

    __tablename__ = "commitment"
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    id: str = Field(primary_key=True)
    kind: str
    promise: dict[str, str] = json_column()
    owner: str
    audience: str
    due_at: datetime = time_column()
    state: str
    made_in: str
    """The first notice that states the commitment; empty as long as nobody was told."""
    evidence: dict[str, str] = json_column()
    settled_at: datetime | None = time_column(nullable=True)
    new_due_at: datetime | None = time_column(nullable=True)
    reason: dict[str, str] = json_column()
    reminded_at: datetime | None = time_column(nullable=True)
    escalated_at: datetime | None = time_column(nullable=True)
    added_at: datetime | None = time_column(nullable=True)
    next_word_at: datetime | None = time_column(nullable=True)
    take_up: dict[str, Any] = json_column()
    kept: dict[str, str] = json_column()
    per_person: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))
    deputy: str = ""
    series: str = ""
    number: int = 1
    every: str | None = None
    until: datetime | None = time_column(nullable=True)
    at_most: int | None = None
    steps: list[dict[str, Any]] = json_column()
    budget: str | None = None
    spent: str | None = None
    reported_at: datetime | None = time_column(nullable=True)
    reported_by: str = ""
    reviewed_at: datetime | None = time_column(nullable=True)
    reviewed_by: str = ""
    refusal: str = ""
    zone: str = "UTC"
    evidence_link: str = ""
    changes: int
    """The number of changes to the commitment: added, kept, dropped, put off, late, or worded anew after its end."""
    told: int
    """The number of the last change that the commitment's audience was told."""
    worded_by: str = ""
    """The member who gave the evidence or the reason, or added the commitment; empty as long as there is none."""


class CommitmentPersonRow(Row, table=True):
    """A person to whom a commitment is made that is for some persons only."""

    __tablename__ = "commitment_person"
    incident: str = Field(primary_key=True)
    commitment: str = Field(primary_key=True)
    person: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    __table_args__ = (
        ForeignKeyConstraint(*COMMITMENT),
        declares(summed=Summed(by=("incident", "commitment")), numbers_only=COUNTED),
    )


class RemedyRow(Row, table=True):
    """The remedy that one person was promised by a commitment that is kept for each person alone."""

    __tablename__ = "remedy"
    incident: str = Field(primary_key=True)
    commitment: str = Field(primary_key=True)
    person: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    state: str
    word: str = Field(sa_column_kwargs=forgotten_as(""))
    """The name of the result or of the reason; empty while there is none, and once personal data was destroyed."""
    changed_at: datetime = time_column()
    settled_by: str
    __table_args__ = (
        ForeignKeyConstraint(*COMMITMENT),
        Index("ix_remedy_person", "incident", "person"),
        Index("ix_remedy_state", "incident", "commitment", "state"),
        declares(summed=Summed(by=("incident", "commitment")), personal=Personal(DataKind.REMEDIES)),
    )


class ResultCorrectionRow(Sealed, table=True):
    """A correction of the result that a message told one person wrongly."""

    __tablename__ = "result_correction"
    incident: str = Field(primary_key=True)
    commitment: str = Field(primary_key=True)
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    """The number of the correction, which persons share until its notice is drafted."""
    person: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    was: str = Field(sa_column_kwargs=forgotten_as(""))
    """The name of the wrong result; like the right one, empty once personal data was destroyed."""
    word: str = Field(sa_column_kwargs=forgotten_as(""))
    by: str
    at: datetime = time_column()
    __table_args__ = (
        ForeignKeyConstraint(*COMMITMENT),
        Index("ix_result_correction_person", "incident", "person"),
        declares(personal=Personal(DataKind.REMEDIES)),
    )


class CommitmentSpendingRow(Sealed, table=True):
    """Money that was spent on a commitment, once for each invoice. Never changed."""

    __tablename__ = "commitment_spending"
    incident: str = Field(primary_key=True)
    commitment: str = Field(primary_key=True)
    invoice: str = Field(primary_key=True)
    """The number of the invoice, or another word that names the payment alone."""
    amount: str
    by: str
    at: datetime = time_column()
    __table_args__ = (ForeignKeyConstraint(*COMMITMENT),)


class CommitmentFileRow(Sealed, table=True):
    """A file that shows how a commitment was kept."""

    __tablename__ = "commitment_file"
    incident: str = Field(primary_key=True)
    commitment: str = Field(primary_key=True)
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    digest: str
    """The SHA-256 of the content, in hexadecimal digits."""
    size: int
    """The size in bytes."""
    by: str
    at: datetime = time_column()
    sealed_name: bytes | None = sealed_column(nullable=True)
    sealed_content: bytes | None = sealed_column(nullable=True)
    """The content in Base64; like the name, empty once the incident's personal data was destroyed."""
    __table_args__ = (ForeignKeyConstraint(*COMMITMENT), declares(personal=Personal(DataKind.WHOLE_CASE)))


class CodeStockRow(Sealed, table=True):
    """The stock of codes of one commitment; locked while codes of it are given."""

    __tablename__ = "code_stock"
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    commitment: str = Field(primary_key=True)
    by_variant: bool
    """True when adults, minors and estates get codes of different kinds."""
    at: datetime = time_column()


class CodeRow(Row, table=True):
    """A code of which one person alone gets one.

    The audit chain knows its rows by their sum, because a hundred thousand are given in one send.
    """

    __tablename__ = "code"
    __table_args__ = (
        UniqueConstraint("code_index"),
        partial_index("ix_code_person", HELD_CODE, "incident", "commitment", "person", unique=True),
        partial_index("ix_code_free", FREE_CODE, "incident", "commitment", "variant", "id"),
        partial_index("ix_code_void", VOID_CODE, "incident", "person"),
        declares(
            summed=Summed(
                by=("incident", "commitment"),
                block=("id", "person", Bytes("state", 1), Bytes("sealed", 7, last=True)),
                since={"given_at": "", "ended_at": IS_SET, "told_in": "<> ''", "sealed_reason": IS_SET},
            ),
            personal=Personal(DataKind.REMEDIES),
        ),
    )
    id: int | None = number_column()
    """The number of the code: codes of one file are numbered in its order, and given in this order."""
    incident: str = Field(foreign_key=INCIDENT)
    commitment: str
    variant: str
    sealed: bytes = sealed_column(bound_to=SEALED_FOR)
    code_index: bytes = Field(sa_type=LargeBinary, sa_column_kwargs=forgotten_as(RANDOM))
    """The keyed hash of the code, the same in every incident, so that no code is in two stocks."""
    expires: str
    """The last day on which the code can be redeemed, such as 2027-03-31, or empty."""
    state: str
    person: int | None
    """The person who has the code, or had it; None for a code that nobody got."""
    given_at: datetime | None = time_column(nullable=True)
    ended_at: datetime | None = time_column(nullable=True)
    """The time at which the code was recorded as redeemed or became void."""
    told_in: str = ""
    """The ids of the messages, as 12,15, with which the person was told a code that is void by now."""
    sealed_reason: bytes | None = sealed_column(nullable=True, bound_to=("incident", "code_index"))
    """The reason why the code is void."""


class CarriedOverRow(Sealed, table=True):
    """A commitment that goes on after the case is closed, with the one who answers for it and its date."""

    __tablename__ = "carried_over"
    incident: str = Field(primary_key=True)
    commitment: str = Field(primary_key=True)
    owner: str
    due_at: datetime = time_column()
    by: str
    at: datetime = time_column()
    __table_args__ = (ForeignKeyConstraint(*COMMITMENT),)
