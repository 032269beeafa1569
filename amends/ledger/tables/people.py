"""Rows of the people of an incident, and of what they say on their pages."""

from datetime import datetime

from sqlalchemy import Column, Index, LargeBinary, UniqueConstraint, false
from sqlmodel import Field

from amends.domain.channel.channel import FURTHER
from amends.domain.forget.retention import DataKind
from amends.ledger.tables.declared import IS_SET, Bytes, Personal, Summed
from amends.ledger.tables.incident import INCIDENT
from amends.ledger.tables.row import Row, Sealed, declares, partial_index, sealed_column, time_column

OPTED_OUT = "opted_out_at IS NOT NULL"
DATA_CHANGED = "data_changed_at IS NOT NULL"
GONE = "gone_at IS NOT NULL"
SHARED_MAILBOX = "hold = 'shared_mailbox'"
REPORTED = "(hold = 'wrong_person' OR hold = 'outdated_address')"
"""The condition of people who are held by what was said on their page; spelled as in the index."""


class PersonRow(Row, table=True):
    """A person of an incident; contact data is sealed, and found by keyed indexes."""

    __tablename__ = "person"
    __table_args__ = (
        UniqueConstraint("incident", "ref_index"),
        UniqueConstraint("link_index"),
        Index("ix_person_segment", "incident", "segment"),
        partial_index("ix_person_opted_out", OPTED_OUT, "incident"),
        partial_index("ix_person_gone", GONE, "incident"),
        partial_index("ix_person_shared_mailbox", SHARED_MAILBOX, "incident", "email_index"),
        partial_index("ix_person_data", DATA_CHANGED, "incident"),
        partial_index("ix_person_reported", REPORTED, "incident"),
        declares(
            summed=Summed(
                by=("incident",),
                block=("number", Bytes("sealed", 12, last=True)),
                since={
                    "hold": "<> ''",
                    "guardian": "> 0",
                    "link_version": "> 1",
                    "opted_out_at": IS_SET,
                    "data_changed_at": IS_SET,
                    "gone_at": IS_SET,
                },
            )
        ),
    )
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    sealed: bytes = sealed_column(elsewhere="people are forgotten in all their columns at once")
    ref_index: bytes = Field(sa_type=LargeBinary)
    email_index: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    phone_index: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    postal_index: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    """None without a postal address."""
    link_index: bytes = Field(sa_type=LargeBinary)
    link_version: int
    locale: str
    country: str
    region: str
    timezone: str
    data: str
    segment: str
    flags: str
    consents_to_email: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """True when the person has consented to notice by email; the day stands in the sealed contact data."""
    child_index: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    """The keyed index of the child whose guardian this person is."""
    guardian: int
    """The number of the guardian, who is told instead of this person, or 0."""
    hold: str
    """The reason why no messages are sent for this person, or empty."""
    opted_out_at: datetime | None = time_column(nullable=True)
    """The time since which this person wants no optional messages, including those about a child of theirs."""
    data_changed_at: datetime | None = time_column(nullable=True)
    """The time since which this person has other data elements than the first list said, by a corrected list."""
    gone_at: datetime | None = time_column(nullable=True)
    """The time since which a corrected list lacks this person; the row stays, and no new messages are sent."""


for further in FURTHER:
    setattr(PersonRow, further.index, Column(LargeBinary, nullable=True))


class ElementSetRow(Row, table=True):
    """A set of data elements that people in one place have; a message names the set by its number.

    The words of a message that are the person's own hang on nothing else. A million people have few different sets. A
    set stays when a corrected list gives its people another one.
    """

    __tablename__ = "element_set"
    __table_args__ = (
        UniqueConstraint("incident", "elements", "country", "region"),
        declares(summed=Summed(by=("incident",))),
    )
    id: int | None = Field(default=None, primary_key=True)
    incident: str = Field(foreign_key=INCIDENT)
    elements: str
    """The elements as in the column `data` of people."""
    country: str
    region: str


class LocaleRulingRow(Sealed, table=True):
    """The decision in force on readers of a locale without words."""

    __tablename__ = "locale_ruling"
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    locale: str = Field(primary_key=True)
    instead: str
    by: str
    at: datetime = time_column()


class PersonReportRow(Sealed, table=True):
    """A report from a personal page that a message reached the wrong person, or that an address is outdated."""

    __tablename__ = "person_report"
    __table_args__ = (UniqueConstraint("incident", "once"), declares(personal=Personal(DataKind.PAGE_FORMS)))
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    once: str
    person: int = Field(index=True)
    kind: str
    locale: str
    sealed_said: bytes = sealed_column()
    """The words of the report, and the new addresses."""
    state: str
    at: datetime = time_column()
    sealed_words: bytes | None = sealed_column(nullable=True)
    """The decision in words for the person."""
    decided_by: str = ""
    decided_at: datetime | None = time_column(nullable=True)


class AccessRequestRow(Sealed, table=True):
    """A person's request for their data, with the sealed dossier for as long as the page offers it."""

    __tablename__ = "access_request"
    __table_args__ = (UniqueConstraint("incident", "once"), declares(personal=Personal(DataKind.PAGE_FORMS)))
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    once: str
    person: int = Field(index=True)
    locale: str
    state: str
    at: datetime = time_column()
    due_at: datetime = time_column()
    sealed_file: bytes | None = sealed_column(nullable=True)
    sealed_words: bytes | None = sealed_column(nullable=True)
    """The reason of a refusal in words for the person."""
    decided_by: str = ""
    decided_at: datetime | None = time_column(nullable=True)
    offered_until: datetime | None = time_column(nullable=True)


class PreferenceRow(Sealed, table=True):
    """The language and the channel that a person wants for optional messages."""

    __tablename__ = "preference"
    __table_args__ = (declares(personal=Personal(DataKind.PAGE_FORMS, deleted=True)),)
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    person: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    locale: str
    channel: str
    at: datetime = time_column()


class TickedStepRow(Sealed, table=True):
    """A step of the advice on a personal page that the person has ticked."""

    __tablename__ = "ticked_step"
    __table_args__ = (declares(personal=Personal(DataKind.PAGE_FORMS, deleted=True)),)
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    person: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    step: str = Field(primary_key=True)
    at: datetime = time_column()


class LinkRenewalRow(Sealed, table=True):
    """The time at which a person was last given a new link by a member, from which the link's term counts again."""

    __tablename__ = "link_renewal"
    __table_args__ = (declares(personal=Personal(DataKind.PAGE_FORMS, deleted=True)),)
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    person: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = time_column()
