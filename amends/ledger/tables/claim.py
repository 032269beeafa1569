"""Rows of claims of compensation and of their payments."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field

from amends.domain.forget.retention import DataKind
from amends.ledger.tables.declared import Personal
from amends.ledger.tables.feedback import QUESTION
from amends.ledger.tables.incident import INCIDENT
from amends.ledger.tables.row import Sealed, declares, forgotten_as, json_column, sealed_column, time_column

CLAIM = (("incident", "claim"), ("compensation_claim.incident", "compensation_claim.id"))
"""The columns of a claim's own rows, and those that they refer to."""


class CompensationClaimRow(Sealed, table=True):
    """A claim of compensation; its words are those of its question, and its account is sealed."""

    __tablename__ = "compensation_claim"
    __table_args__ = (
        UniqueConstraint("incident", "once"),
        UniqueConstraint("incident", "question"),
        ForeignKeyConstraint(("incident", "question"), QUESTION),
        Index("ix_compensation_claim_state", "incident", "state"),
        declares(personal=Personal(DataKind.CLAIMS)),
    )
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    once: str
    person: int = Field(index=True)
    question: int
    locale: str
    source: str
    entered_by: str
    currency: str
    asked: int = Field(sa_type=BigInteger)
    """The amount that is asked for, in minor units."""
    granted: int | None = Field(default=None, sa_type=BigInteger, nullable=True)
    state: str
    round: int = 1
    """1 until the person objects, 2 from then on."""
    files: int = 0
    """The number of files with evidence."""
    sealed_account: bytes | None = sealed_column(nullable=True)
    sealed_objection: bytes | None = sealed_column(nullable=True)
    sealed_reasons: bytes | None = sealed_column(nullable=True)
    """The reasons of decisions for the person, by round and member, in JSON."""
    account_index: bytes = Field(default=b"", sa_type=LargeBinary, sa_column_kwargs=forgotten_as(b""))
    """The keyed index of the account; empty without one."""
    device_index: bytes = Field(default=b"", sa_type=LargeBinary, sa_column_kwargs=forgotten_as(b""))
    """The keyed index of the address from which the form was sent; empty for another way of claiming."""
    at: datetime = time_column()
    due_at: datetime = time_column()
    decided_at: datetime | None = time_column(nullable=True)
    account_due_at: datetime | None = time_column(nullable=True)
    """The time by which the person is to name an account; null while none is awaited."""
    account_reminded_at: datetime | None = time_column(nullable=True)
    objected_at: datetime | None = time_column(nullable=True)


class ClaimFileRow(Sealed, table=True):
    """A file with evidence for a claim; the file itself lies sealed in the home."""

    __tablename__ = "claim_file"
    __table_args__ = (
        UniqueConstraint("incident", "name"),
        ForeignKeyConstraint(*CLAIM),
        declares(personal=Personal(DataKind.CLAIMS, deleted=True, through=("compensation_claim", "claim"), files=True)),
    )
    incident: str = Field(primary_key=True)
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    claim: int
    name: str
    """The name in the home, which Amends has made."""
    kind: str
    """The media type, by the first bytes of the file."""
    size: int
    at: datetime = time_column()


class PaymentFileRow(Sealed, table=True):
    """A payment file: made by one member, released by another, or dropped before that."""

    __tablename__ = "payment_file"
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    made_by: str
    made_at: datetime = time_column()
    currency: str
    count: int
    total: int = Field(sa_type=BigInteger)
    """The sum of all payments in minor units."""
    message_id: str
    pay_from: dict[str, str] = json_column()
    """The organisation's account, as the playbook had it when the file was made; empty without one."""
    released_by: str = ""
    released_at: datetime | None = time_column(nullable=True)
    form: str = ""
    """The format in which the file was released; a bank would take another format for another file."""
    dropped_by: str = ""
    dropped_at: datetime | None = time_column(nullable=True)


class ClaimPaymentRow(Sealed, table=True):
    """One payment for a claim; there is a further one only after a payment came back."""

    __tablename__ = "claim_payment"
    __table_args__ = (
        UniqueConstraint("incident", "end_to_end"),
        ForeignKeyConstraint(*CLAIM),
        ForeignKeyConstraint(["incident", "file"], ["payment_file.incident", "payment_file.id"]),
        Index("ix_claim_payment_file", "incident", "file"),
        declares(personal=Personal(DataKind.CLAIMS, through=("compensation_claim", "claim"))),
    )
    incident: str = Field(primary_key=True)
    claim: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    attempt: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    file: int
    end_to_end: str
    minor: int = Field(sa_type=BigInteger)
    sealed_account: bytes = sealed_column(covered=True)
    state: str
    at: datetime = time_column()
    reason: str = ""
    """The bank's code for a return."""
