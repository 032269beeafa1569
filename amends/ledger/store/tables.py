"""The tables of the ledger. Rows never leave amends.ledger, which takes and returns domain values."""

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

SCHEMA = "0001"
"""The last migration, which leads to these tables; the names of migrations sort in their order."""
KEY = ("incident", "notice", "version")
"""The columns that identify one version of a notice."""
OPTED_OUT = "opted_out_at IS NOT NULL"
BAD_ADDRESS = "cause = 'bad_address'"
"""The condition of messages that came back because their address takes none; spelled as in the index."""
DATA_CHANGED = "data_changed_at IS NOT NULL"
GONE = "gone_at IS NOT NULL"
SHARED_MAILBOX = "hold = 'shared_mailbox'"
REPORTED = "(hold = 'wrong_person' OR hold = 'outdated_address')"
"""The condition of people who are held by what was said on their page; spelled as in the index."""
OPEN_COMPLAINT = "kind = 'complaint' AND answered_at IS NULL"
ONE_OF_SEVERAL = "one_of_several"
HELD_CODE = "(state = 'given' OR state = 'redeemed')"
FREE_CODE = "state = 'free'"
VOID_CODE = "state = 'void'"
"""The conditions of codes that a person has, that can be given, and that count no more; spelled as in the indexes."""
DUE = "('waiting', 'deferred')"
TROUBLED = "(state IN ('bounced', 'complained') OR state IN ('failed', 'uncertain') OR state = 'parked')"
"""The states that are queried often and that few messages have once the sending is over.

For each row that it changes, SQLite evaluates whether the row belongs into the index. It compares two words directly,
but builds a table for a longer list each time, which takes longer than all the rest of the change. A query must spell
this condition as the index does.
"""


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


def _time() -> Any:
    return Field(sa_type=UtcDateTime)


def _time_or_none() -> Any:
    return Field(default=None, sa_type=UtcDateTime, nullable=True)


def _number() -> Any:
    return Field(default=None, sa_column=Column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True))


def _json() -> Any:
    return Field(sa_type=JSON)


class Sealed(SQLModel):
    """A row with a seal: a MAC over everything that the row means, checked whenever the row is read."""

    seal: bytes = Field(default=b"", sa_type=LargeBinary)


class KeyCheckRow(SQLModel, table=True):
    """The one row that identifies the ledger's master key and the database in which the ledger was written."""

    __tablename__ = "key_check"
    id: int = Field(default=1, primary_key=True)
    mac: bytes = Field(sa_type=LargeBinary)
    place: str = ""
    """The database of the ledger as `place_of` identifies it; empty until it is recorded, and on SQLite."""


class AuditRow(SQLModel, table=True):
    """An act or a change of state; `mac` covers this row and the row before. Never updated, never deleted."""

    __tablename__ = "audit"
    seq: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    at: datetime = _time()
    incident: str = Field(index=True)
    actor: str
    act: str
    subject: str
    detail: str
    rows: str = ""
    """The rows of the ledger that the transaction of the entry changed, as a `Journal` spells them; or empty."""
    mac: bytes = Field(sa_type=LargeBinary)


class MemberRow(Sealed, table=True):
    """A member of the team; the token itself is not stored."""

    __tablename__ = "member"
    name: str = Field(primary_key=True)
    role: str
    token_hash: bytes = Field(sa_type=LargeBinary)
    active: bool
    added_at: datetime = _time()
    deputy: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """The member who may approve in this member's place, or empty."""
    deputy_until: datetime | None = _time_or_none()
    sealed_contact: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    """The address for reminders, as an Apprise URL; sealed, because it holds passwords."""


class IncidentRow(Sealed, table=True):
    """An incident, its data key wrapped by the master key, and its audience in numbers."""

    __tablename__ = "incident"
    id: str = Field(primary_key=True)
    state: str
    version: int
    opened_at: datetime = _time()
    wrapped_key: bytes = Field(sa_type=LargeBinary)
    people: int
    audience_digest: str
    embargo_until: datetime | None = _time_or_none()
    """The time before which no message may be sent."""
    embargo_why: str = Field(default="", sa_column_kwargs={"server_default": ""})
    counts: dict[str, Any] | None = Field(default=None, sa_type=JSON, nullable=True)
    """The audience in numbers, counted when the incident is opened and whenever the list is corrected."""
    next_key: bytes = Field(default=b"", sa_type=LargeBinary)
    """The data key, wrapped, that everything is being sealed with anew; empty except while the key is rotated."""


class ClockRow(Sealed, table=True):
    """The last reading of a machine's clocks, and the clock doubt: why its wall clock is not believed, or empty."""

    __tablename__ = "clock"
    host: str = Field(primary_key=True)
    boot: str
    elapsed: float
    at: datetime = _time()
    doubt: str


class IncidentVersionRow(Sealed, table=True):
    """A version of the incident file; every version is kept."""

    __tablename__ = "incident_version"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    version: int = Field(primary_key=True)
    content: dict[str, Any] = _json()
    digest: str
    author: str
    at: datetime = _time()


class PersonRow(SQLModel, table=True):
    """A person of an incident; contact data is sealed, and found by keyed indexes."""

    __tablename__ = "person"
    __table_args__ = (
        UniqueConstraint("incident", "ref_index"),
        UniqueConstraint("link_index"),
        Index("ix_person_segment", "incident", "segment"),
        Index("ix_person_opted_out", "incident", postgresql_where=text(OPTED_OUT), sqlite_where=text(OPTED_OUT)),
        Index("ix_person_gone", "incident", postgresql_where=text(GONE), sqlite_where=text(GONE)),
        Index(
            "ix_person_shared_mailbox",
            "incident",
            "email_index",
            postgresql_where=text(SHARED_MAILBOX),
            sqlite_where=text(SHARED_MAILBOX),
        ),
        Index("ix_person_data", "incident", postgresql_where=text(DATA_CHANGED), sqlite_where=text(DATA_CHANGED)),
        Index("ix_person_reported", "incident", postgresql_where=text(REPORTED), sqlite_where=text(REPORTED)),
    )
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    sealed: bytes = Field(sa_type=LargeBinary)
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
    opted_out_at: datetime | None = _time_or_none()
    """The time since which this person wants no optional messages, including those about a child of theirs."""
    data_changed_at: datetime | None = _time_or_none()
    """The time since which this person has other data elements than the first list said, by a corrected list."""
    gone_at: datetime | None = _time_or_none()
    """The time since which a corrected list lacks this person; the row stays, and no new messages are sent."""


class ElementSetRow(SQLModel, table=True):
    """A set of data elements that people in one place have; a message names the set by its number.

    The words of a message that are the person's own hang on nothing else. A million people have few different sets. A
    set stays when a corrected list gives its people another one.
    """

    __tablename__ = "element_set"
    __table_args__ = (UniqueConstraint("incident", "elements", "country", "region"),)
    id: int | None = Field(default=None, primary_key=True)
    incident: str = Field(foreign_key="incident.id")
    elements: str
    """The elements as in the column `data` of people."""
    country: str
    region: str


class PinRow(Sealed, table=True):
    """A playbook and its wording, pinned to an incident by content; the highest number is in force."""

    __tablename__ = "pin"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    number: int = Field(primary_key=True)
    digest: str
    playbook: dict[str, Any] = _json()
    wording: dict[str, Any] = _json()
    at: datetime = _time()


class EventRow(Sealed, table=True):
    """An event of the case, an alert or a missed update, with the time at which it was recorded first."""

    __tablename__ = "event"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    kind: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    at: datetime = _time()


class OccurrenceRow(Sealed, table=True):
    """An occurrence of a step that has begun, or a reminder that was given."""

    __tablename__ = "occurrence"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    kind: str = Field(primary_key=True)
    step: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    due_at: datetime = _time()
    state: str
    revision: int
    done_at: datetime | None = _time_or_none()
    note: str


class AssessmentRow(Sealed, table=True):
    """The assessment of one version of the incident file."""

    __tablename__ = "assessment"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    version: int = Field(primary_key=True)
    content: dict[str, Any] = _json()
    at: datetime = _time()


class NoticeRow(Sealed, table=True):
    """A drafted notice with all its variants; a new draft is a new version."""

    __tablename__ = "notice"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    notice: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    draft: dict[str, Any] = _json()
    binding: str
    stage: str
    drafted_at: datetime = _time()
    sent_at: datetime | None = _time_or_none()
    optional: bool = False
    """The draft's own value, repeated in a column that SQL about messages can use."""
    survey: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """The survey to which the notice invites, repeated from the draft; empty for most."""
    preflight: dict[str, Any] | None = Field(default=None, sa_type=JSON, nullable=True)
    """The findings of the preflight, which composes every message of exactly this version; None before it has run."""


class ApprovalRow(Sealed, table=True):
    """A member's decision on a version of a notice, bound to its content by the hash in `binding`."""

    __tablename__ = "approval"
    __table_args__ = (UniqueConstraint("incident", "notice", "version", "member"),)
    id: int | None = Field(default=None, primary_key=True)
    incident: str = Field(foreign_key="incident.id")
    notice: str
    version: int
    binding: str
    member: str = Field(foreign_key="member.name")
    role: str
    decision: str
    note: str
    at: datetime = _time()
    given_by: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """The deputy who decided in the member's place, or empty."""


class EmergencyRow(Sealed, table=True):
    """An emergency release: two members released a version with fewer approvals than are needed."""

    __tablename__ = "emergency"
    incident: str = Field(primary_key=True)
    notice: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    binding: str
    first: str = Field(foreign_key="member.name")
    second: str = Field(foreign_key="member.name")
    why: str
    given: int
    needed: int
    at: datetime = _time()
    __table_args__ = (
        ForeignKeyConstraint(["incident", "notice", "version"], ["notice.incident", "notice.notice", "notice.version"]),
    )


class ApprovalReminderRow(Sealed, table=True):
    """A reminder to an approver or an alert to a lead, recorded before it is sent, so that it is sent once."""

    __tablename__ = "approval_reminder"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    notice: str = Field(primary_key=True)
    """Empty for an alert."""
    member: str = Field(primary_key=True, foreign_key="member.name")
    occasion: str = Field(primary_key=True)
    """The key of a reminder, which names its reason, the draft and the time since when; or the key of an alert."""
    state: str
    at: datetime = _time()
    settled_at: datetime | None = _time_or_none()


class ReleaseRow(Sealed, table=True):
    """The release of a version of a notice; a foreign key lets no message be stored without a release."""

    __tablename__ = "release"
    incident: str = Field(primary_key=True)
    notice: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    binding: str
    prepared: int
    """The number of the last person for whom messages are stored."""
    at: datetime = _time()
    __table_args__ = (
        ForeignKeyConstraint(["incident", "notice", "version"], ["notice.incident", "notice.notice", "notice.version"]),
    )


class LeaseRow(SQLModel, table=True):
    """A lease of one worker on a page of messages; deleted when it is taken over, and its number is never reused."""

    __tablename__ = "lease"
    __table_args__ = ({"sqlite_autoincrement": True},)
    id: int | None = _number()
    incident: str = Field(foreign_key="incident.id")
    notice: str
    facts: int
    """The version of the incident file at the claim; after an amendment no message of the page may be sent."""
    first: int = Field(sa_type=BigInteger)
    last: int = Field(sa_type=BigInteger)
    """The highest id of a message of the page; `first` is the lowest."""
    until: datetime = _time()
    holder: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """The name of the worker's process, as `this_process` in leases.py gives it."""


class MarkRow(SQLModel, table=True):
    """A mark that messages of a lease may have been sent, committed before the last byte of the first one is sent."""

    __tablename__ = "mark"
    id: int | None = _number()
    lease: int = Field(sa_type=BigInteger, index=True, foreign_key="lease.id", ondelete="CASCADE")
    messages: list[int] = Field(sa_type=JSON)


def _partial(name: str, where: str, *columns: str) -> Index:
    return Index(name, *columns, postgresql_where=text(where), sqlite_where=text(where))


class DeliveryRow(SQLModel, table=True):
    """A message: a notice for one person on one channel at one address. Person 0 is the public."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("incident", "notice", "person", "channel", "address_index"),
        ForeignKeyConstraint(
            ["incident", "notice", "version"], ["release.incident", "release.notice", "release.version"]
        ),
        _partial("ix_delivery_due", f"state IN {DUE}", "incident", "notice", "state", "channel", "next_try_at"),
        _partial("ix_delivery_trouble", TROUBLED, "incident", "notice", "state"),
        _partial("ix_delivery_several", ONE_OF_SEVERAL, "incident", "notice", "person", "state"),
        _partial("ix_delivery_sms", "channel = 'sms' AND provider_id <> ''", "provider_id"),
        _partial("ix_delivery_sms_to", "channel = 'sms'", "address_index"),
        _partial("ix_delivery_bad_address", BAD_ADDRESS, "incident", "channel", "address_index"),
    )
    id: int | None = _number()
    incident: str
    notice: str
    version: int
    person: int
    channel: str
    address_index: bytes = Field(sa_type=LargeBinary)
    variant: str
    """Locale and reader, and the addendum unless it is the general one: en/self, en/self/us-ma."""
    state: str
    cause: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """The reason for the state of the message, where a decision depends on it; see `Cause`."""
    detail: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """The reason in words for people; no decision depends on them."""
    doubtful: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """True when a provider may have the message from an attempt whose answer was lost."""
    provider_id: str
    batch: int | None = None
    """The number of the batch in which a letter was handed over."""
    elements: int | None = None
    """The number of the person's set of data elements when the message was last claimed; None for a public message."""
    one_of_several: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """True when the person has, or had, several messages of the notice; always False for a public message."""
    attempts: int
    lease: int | None = Field(default=None, sa_type=BigInteger, nullable=True)
    """The last lease that held the message, as its fencing token: an outcome counts only under this lease."""
    next_try_at: datetime | None = _time_or_none()
    updated_at: datetime = _time()


class TallyRow(SQLModel, table=True):
    """The number of messages with one text and in one state; messages that the engine still has in hand are not in it.

    Triggers keep the numbers in the transaction that changes a message, whoever changes it. Only the sum over `part`
    counts: on PostgreSQL each connection counts in rows of its own, so that no two transactions wait for each other.
    """

    __tablename__ = "tally"
    __table_args__ = ({"sqlite_with_rowid": False},)
    incident: str = Field(primary_key=True)
    notice: str = Field(primary_key=True)
    version: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    channel: str = Field(primary_key=True)
    variant: str = Field(primary_key=True)
    elements: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    """The number of the readers' set of data elements, or 0 where it is not known."""
    state: str = Field(primary_key=True)
    part: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    """The process of the PostgreSQL server that counted, or 0 on SQLite."""
    messages: int
    """May be negative in one part: the message was counted by another."""


class LoggedMessageRow(SQLModel, table=True):
    """The key of a message that a relay's log names; stored only after a restore from a backup."""

    __tablename__ = "logged_message"
    key: str = Field(primary_key=True)
    unclear: bool = False
    """True when the log only names the message, and no such message was stored yet."""


class ToldOtherwiseRow(SQLModel, table=True):
    """A person who was told something else than is known now, as found when this notice was drafted last.

    A correction goes to these people alone; in an update they read a text of their cohort.
    """

    __tablename__ = "told_otherwise"
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


class ProvidedRow(Sealed, table=True):
    """A channel that has had a provider, so that messages on it were really sent."""

    __tablename__ = "provided"
    channel: str = Field(primary_key=True)


class CommitmentRow(Sealed, table=True):
    """A commitment to the people of an incident."""

    __tablename__ = "commitment"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    id: str = Field(primary_key=True)
    kind: str
    promise: dict[str, str] = _json()
    owner: str
    audience: str
    due_at: datetime = _time()
    state: str
    made_in: str
    """The first notice that states the commitment; empty as long as nobody was told."""
    evidence: dict[str, str] = _json()
    settled_at: datetime | None = _time_or_none()
    new_due_at: datetime | None = _time_or_none()
    reason: dict[str, str] = _json()
    reminded_at: datetime | None = _time_or_none()
    escalated_at: datetime | None = _time_or_none()
    added_at: datetime | None = _time_or_none()
    next_word_at: datetime | None = _time_or_none()
    take_up: dict[str, Any] = _json()
    kept: dict[str, str] = _json()
    per_person: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))
    deputy: str = ""
    series: str = ""
    number: int = 1
    every: str | None = None
    until: datetime | None = _time_or_none()
    at_most: int | None = None
    steps: list[dict[str, Any]] = _json()
    budget: str | None = None
    spent: str | None = None
    reported_at: datetime | None = _time_or_none()
    reported_by: str = ""
    reviewed_at: datetime | None = _time_or_none()
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
    __table_args__ = (
        ForeignKeyConstraint(
            ["incident", "notice", "version"], ["release.incident", "release.notice", "release.version"]
        ),
    )


class CommitmentPersonRow(SQLModel, table=True):
    """A person to whom a commitment is made that is for some persons only."""

    __tablename__ = "commitment_person"
    incident: str = Field(primary_key=True)
    commitment: str = Field(primary_key=True)
    person: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    __table_args__ = (ForeignKeyConstraint(["incident", "commitment"], ["commitment.incident", "commitment.id"]),)


class FilingRow(Sealed, table=True):
    """A filing: the record that a duty was fulfilled outside Amends. Never updated, never deleted."""

    __tablename__ = "filing"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    duty: str
    part: str
    filed_at: datetime = _time()
    by: str
    receipt: str
    note: str
    corrects: int
    sets: str
    recorded_at: datetime = _time()


class SubstituteRow(Sealed, table=True):
    """A substitute notice that was given for the people whom nothing reached, once for each duty. Never changed."""

    __tablename__ = "substitute"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    duty: str = Field(primary_key=True)
    url: str
    note: str
    by: str
    at: datetime = _time()


class LocaleRulingRow(Sealed, table=True):
    """The decision in force on readers of a locale without words."""

    __tablename__ = "locale_ruling"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    locale: str = Field(primary_key=True)
    instead: str
    by: str
    at: datetime = _time()


class QuestionRow(Sealed, table=True):
    """A question, complaint or suggestion; its text is sealed."""

    __tablename__ = "question"
    __table_args__ = (
        UniqueConstraint("incident", "once"),
        # The index finds the questions of one person; its last three columns let a count of all questions read no row.
        Index("ix_question_person", "incident", "person", "topic", "answered_at", "reply_due_at"),
        Index(
            "ix_question_complaint",
            "incident",
            "person",
            postgresql_where=text(OPEN_COMPLAINT),
            sqlite_where=text(OPEN_COMPLAINT),
        ),
        # The index counts the questions of each day without reading a row.
        Index("ix_question_asked", "incident", "asked_at", "source"),
        Index("ix_question_together", "incident", "together", "answered_at"),
    )
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    once: str
    """The idempotency key, which is the same for a form that is sent twice."""
    person: int | None
    kind: str
    source: str
    locale: str
    sealed_text: bytes = Field(sa_type=LargeBinary)
    topic: str
    urgency: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """The reason to answer before all others: safety, money, legal, press or anger; empty when there is none."""
    together: int | None = None
    """The group of questions that ask the same, or None."""
    sealed_sender: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    """The address or number from which the question came, with what a reply must name to stand in its thread."""
    asked_at: datetime = _time()
    reply_due_at: datetime = _time()
    owner: str
    answer_id: int | None = None
    """The newest answer given."""
    answered_at: datetime | None = _time_or_none()
    answered_by: str
    sealed_objection: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    """The reason why an answer did not satisfy the person."""
    reopened_at: datetime | None = _time_or_none()


class SmsReplyRow(Sealed, table=True):
    """The idempotency key of an SMS from a person that was obeyed or stored, should the gateway repeat the SMS."""

    __tablename__ = "sms_reply"
    once: str = Field(primary_key=True)
    at: datetime = _time()


class SurveySampleRow(SQLModel, table=True):
    """A person of the random sample that an invitation to a survey goes to."""

    __tablename__ = "survey_sample"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    notice: str = Field(primary_key=True)
    person: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})


class SurveyAnsweredRow(SQLModel, table=True):
    """The mark that a person has answered a survey, with the day and without the answer.

    Not sealed: the seal would go into the audit chain, which would then tell the order and the time of the answers.
    """

    __tablename__ = "survey_answered"
    __table_args__ = ({"sqlite_with_rowid": False},)
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    notice: str = Field(primary_key=True)
    person: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    day: date


class HeldBallotRow(SQLModel, table=True):
    """A ballot that waits, encrypted with a key outside of the ledger, until at least ten are opened together.

    Not sealed, for the same reason as a `SurveyAnsweredRow`.
    """

    __tablename__ = "held_ballot"
    __table_args__ = (Index("ix_held_ballot", "incident", "notice"), {"sqlite_with_rowid": False})
    id: str = Field(primary_key=True)
    """A random word."""
    incident: str = Field(foreign_key="incident.id")
    notice: str
    day: date
    key: str
    """The name of the key with which the ballot is encrypted."""
    sealed: bytes = Field(sa_type=LargeBinary)


class BallotRow(Sealed, table=True):
    """An opened ballot, of nobody: scores and choices, without free texts and without a time."""

    __tablename__ = "ballot"
    __table_args__ = (Index("ix_ballot", "incident", "notice"),)
    id: str = Field(primary_key=True)
    """A random word."""
    incident: str = Field(foreign_key="incident.id")
    notice: str
    answers: dict[str, str] = _json()
    variant: str
    """Locale of the invitation; empty, like channel and country, where fewer than ten of a kind were opened."""
    channel: str
    country: str


class SurveyTextRow(Sealed, table=True):
    """A free text of nobody, stored apart from the scores that were given with it."""

    __tablename__ = "survey_text"
    __table_args__ = (Index("ix_survey_text", "incident", "notice"),)
    id: str = Field(primary_key=True)
    """A random word."""
    incident: str = Field(foreign_key="incident.id")
    notice: str
    question: str
    sealed_text: bytes = Field(sa_type=LargeBinary)


class AnswerRow(Sealed, table=True):
    """An answer to one or several questions; its texts are sealed."""

    __tablename__ = "answer"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    kind: str
    status: str
    questions: list[int] = _json()
    sealed_texts: bytes = Field(sa_type=LargeBinary)
    """The text in each locale, as JSON."""
    by: str
    at: datetime = _time()
    approved_by: str = ""
    """The member who approved or rejected the answer."""
    approved_at: datetime | None = _time_or_none()
    corrects: int | None = None


class ReplyRow(Sealed, table=True):
    """The reply that brings one answer to the person of one question; its address is sealed."""

    __tablename__ = "reply"
    __table_args__ = (
        ForeignKeyConstraint(["incident", "answer"], ["answer.incident", "answer.id"]),
        ForeignKeyConstraint(["incident", "question"], ["question.incident", "question.id"]),
        Index("ix_reply_question", "incident", "question"),
        Index("ix_reply_state", "state", "next_try_at"),
        Index("ix_reply_key", "key_index"),
        Index("ix_reply_provider_id", "provider_id"),
    )
    incident: str = Field(primary_key=True)
    answer: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    question: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    channel: str
    state: str
    apologises: bool = False
    """True when the person may have heard the wrong answer that this one corrects."""
    sealed_address: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    key_index: bytes = Field(sa_type=LargeBinary)
    """The keyed index of half of the message's key, by which bounces and Message-IDs lead here."""
    tries: int = 0
    """The number of claims; also the fencing token, so that an outdated worker is refused."""
    claimed_until: datetime | None = _time_or_none()
    next_try_at: datetime | None = _time_or_none()
    provider_id: str = ""
    detail: str = ""
    at: datetime = _time()


class PersonReportRow(Sealed, table=True):
    """A report from a personal page that a message reached the wrong person, or that an address is outdated."""

    __tablename__ = "person_report"
    __table_args__ = (UniqueConstraint("incident", "once"),)
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    once: str
    person: int = Field(index=True)
    kind: str
    locale: str
    sealed_said: bytes = Field(sa_type=LargeBinary)
    """The words of the report, and the new addresses."""
    state: str
    at: datetime = _time()
    sealed_words: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    """The decision in words for the person."""
    decided_by: str = ""
    decided_at: datetime | None = _time_or_none()


class AccessRequestRow(Sealed, table=True):
    """A person's request for their data, with the sealed dossier for as long as the page offers it."""

    __tablename__ = "access_request"
    __table_args__ = (UniqueConstraint("incident", "once"),)
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    once: str
    person: int = Field(index=True)
    locale: str
    state: str
    at: datetime = _time()
    due_at: datetime = _time()
    sealed_file: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    sealed_words: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    """The reason of a refusal in words for the person."""
    decided_by: str = ""
    decided_at: datetime | None = _time_or_none()
    offered_until: datetime | None = _time_or_none()


class PreferenceRow(Sealed, table=True):
    """The language and the channel that a person wants for optional messages."""

    __tablename__ = "preference"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    person: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    locale: str
    channel: str
    at: datetime = _time()


class TickedStepRow(Sealed, table=True):
    """A step of the advice on a personal page that the person has ticked."""

    __tablename__ = "ticked_step"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    person: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    step: str = Field(primary_key=True)
    at: datetime = _time()


class LinkRenewalRow(Sealed, table=True):
    """The time at which a person was last given a new link by a member, from which the link's term counts again."""

    __tablename__ = "link_renewal"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    person: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = _time()


class MentionCursorRow(Sealed, table=True):
    """The last mention of our account on a server that was taken in for an incident."""

    __tablename__ = "mention_cursor"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    server: str = Field(primary_key=True)
    last: str
    """The server's id of the last notification."""
    at: datetime = _time()


class QuestionHourRow(Sealed, table=True):
    """An hour in which people may ask and somebody answers at once, with the answers that are published afterwards."""

    __tablename__ = "question_hour"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    id: str = Field(primary_key=True)
    title: dict[str, str] = _json()
    where: dict[str, str] = _json()
    begins_at: datetime = _time()
    minutes: int
    announced_at: datetime | None = _time_or_none()
    announced_by: str = ""
    answers: list[dict[str, dict[str, str]]] = _json()
    """Each question with its answer, by locale."""
    answers_by: str = ""
    approved_by: str = ""
    published_at: datetime | None = _time_or_none()


class HourSignUpRow(Sealed, table=True):
    """A person who wants to be reminded of a question hour, with the state of each of the two reminders."""

    __tablename__ = "hour_signup"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    hour: str = Field(primary_key=True)
    person: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = _time()
    day_before: str = ""
    hour_before: str = ""


class HourQuestionRow(Sealed, table=True):
    """A question that was asked beforehand for a question hour."""

    __tablename__ = "hour_question"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    question: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    hour: str


class IncomingMailRow(Sealed, table=True):
    """A mail that was taken in, by a keyed hash of its bytes, so that it counts once however often it is read."""

    __tablename__ = "incoming_mail"
    once: str = Field(primary_key=True)
    incident: str
    """The incident that the mail belongs to, or empty."""
    outcome: str
    question: int | None
    """The question that the mail became, or None."""
    notice: str
    """The notice that the mail answers, or empty."""
    at: datetime = _time()


class MailFileRow(Sealed, table=True):
    """A file that came with a mail; the file itself lies sealed in the home."""

    __tablename__ = "mail_file"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    name: str
    """The name in the home, which Amends has made."""
    question: int
    kind: str
    """The media type that the sender stated."""
    size: int
    at: datetime = _time()


class QuestionGroupRow(Sealed, table=True):
    """A group of questions that ask the same; the questions name it."""

    __tablename__ = "question_group"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    example: int
    """The question that stands for the group."""
    at: datetime = _time()


class QuestionLikenessRow(SQLModel, table=True):
    """One keyed mark of a question's words; it only finds questions, whose texts are then compared."""

    __tablename__ = "question_likeness"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    mark: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    question: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})


class FaqRow(Sealed, table=True):
    """An entry of the questions and answers on the public page of an incident; its texts are public."""

    __tablename__ = "faq_entry"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    together: int
    """The group of questions that the entry answers."""
    texts: dict[str, dict[str, str]] = _json()
    """The question and the answer in each locale."""
    by: str
    at: datetime = _time()
    approved_by: str = ""
    approved_at: datetime | None = _time_or_none()
    withdrawn_by: str = ""
    withdrawn_at: datetime | None = _time_or_none()


class RemedyRow(SQLModel, table=True):
    """The remedy that one person was promised by a commitment that is kept for each person alone."""

    __tablename__ = "remedy"
    incident: str = Field(primary_key=True)
    commitment: str = Field(primary_key=True)
    person: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    state: str
    word: str
    """The name of the result or of the reason; empty while there is none, and once personal data was destroyed."""
    changed_at: datetime = _time()
    settled_by: str
    __table_args__ = (
        ForeignKeyConstraint(["incident", "commitment"], ["commitment.incident", "commitment.id"]),
        Index("ix_remedy_person", "incident", "person"),
        Index("ix_remedy_state", "incident", "commitment", "state"),
    )


class ResultCorrectionRow(Sealed, table=True):
    """A correction of the result that a message told one person wrongly."""

    __tablename__ = "result_correction"
    incident: str = Field(primary_key=True)
    commitment: str = Field(primary_key=True)
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    """The number of the correction, which persons share until its notice is drafted."""
    person: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    was: str
    """The name of the wrong result; like the right one, empty once personal data was destroyed."""
    word: str
    by: str
    at: datetime = _time()
    __table_args__ = (
        ForeignKeyConstraint(["incident", "commitment"], ["commitment.incident", "commitment.id"]),
        Index("ix_result_correction_person", "incident", "person"),
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
    at: datetime = _time()
    __table_args__ = (ForeignKeyConstraint(["incident", "commitment"], ["commitment.incident", "commitment.id"]),)


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
    at: datetime = _time()
    sealed_name: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    sealed_content: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    """The content in Base64; like the name, empty once the incident's personal data was destroyed."""
    __table_args__ = (ForeignKeyConstraint(["incident", "commitment"], ["commitment.incident", "commitment.id"]),)


class CodeStockRow(Sealed, table=True):
    """The stock of codes of one commitment; locked while codes of it are given."""

    __tablename__ = "code_stock"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    commitment: str = Field(primary_key=True)
    by_variant: bool
    """True when adults, minors and estates get codes of different kinds."""
    at: datetime = _time()


class CodeRow(SQLModel, table=True):
    """A code of which one person alone gets one.

    The audit chain knows its rows by their sum, because a hundred thousand are given in one send.
    """

    __tablename__ = "code"
    __table_args__ = (
        UniqueConstraint("code_index"),
        Index(
            "ix_code_person", "incident", "commitment", "person",
            unique=True, postgresql_where=text(HELD_CODE), sqlite_where=text(HELD_CODE),
        ),
        _partial("ix_code_free", FREE_CODE, "incident", "commitment", "variant", "id"),
        _partial("ix_code_void", VOID_CODE, "incident", "person"),
    )  # fmt: skip
    id: int | None = _number()
    """The number of the code: codes of one file are numbered in its order, and given in this order."""
    incident: str = Field(foreign_key="incident.id")
    commitment: str
    variant: str
    sealed: bytes = Field(sa_type=LargeBinary)
    code_index: bytes = Field(sa_type=LargeBinary)
    """The keyed hash of the code, the same in every incident, so that no code is in two stocks."""
    expires: str
    """The last day on which the code can be redeemed, such as 2027-03-31, or empty."""
    state: str
    person: int | None
    """The person who has the code, or had it; None for a code that nobody got."""
    given_at: datetime | None = _time_or_none()
    ended_at: datetime | None = _time_or_none()
    """The time at which the code was recorded as redeemed or became void."""
    told_in: str = ""
    """The ids of the messages, as 12,15, with which the person was told a code that is void by now."""
    sealed_reason: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    """The reason why the code is void."""


class ClosingOverrideRow(Sealed, table=True):
    """The word of one member that a closing criterion is passed over, in the state that `binding` names."""

    __tablename__ = "closing_override"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    criterion: str = Field(primary_key=True)
    binding: str = Field(primary_key=True)
    by: str = Field(primary_key=True)
    role: str
    reason: str
    covers: list[str] = _json()
    what: list[str] = _json()
    at: datetime = _time()


class CarriedOverRow(Sealed, table=True):
    """A commitment that goes on after the case is closed, with the one who answers for it and its date."""

    __tablename__ = "carried_over"
    incident: str = Field(primary_key=True)
    commitment: str = Field(primary_key=True)
    owner: str
    due_at: datetime = _time()
    by: str
    at: datetime = _time()
    __table_args__ = (ForeignKeyConstraint(["incident", "commitment"], ["commitment.incident", "commitment.id"]),)


class ReviewNoteRow(Sealed, table=True):
    """A note of the team about how the case went: well, badly or by luck; or a lesson, perhaps with a commitment."""

    __tablename__ = "review_note"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    kind: str
    text: str
    by: str
    at: datetime = _time()
    commitment: str = ""
    """The commitment that a lesson became, or empty."""


class ReviewRow(Sealed, table=True):
    """A review that has ended, with the figures of that time. Never changed."""

    __tablename__ = "review"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    step: str = Field(primary_key=True)
    figures: dict[str, Any] = _json()
    notes: int
    """The number of the last note that the review had."""
    by: str
    at: datetime = _time()


class CompensationClaimRow(Sealed, table=True):
    """A claim of compensation; its words are those of its question, and its account is sealed."""

    __tablename__ = "compensation_claim"
    __table_args__ = (
        UniqueConstraint("incident", "once"),
        UniqueConstraint("incident", "question"),
        ForeignKeyConstraint(["incident", "question"], ["question.incident", "question.id"]),
        Index("ix_compensation_claim_state", "incident", "state"),
    )
    incident: str = Field(primary_key=True, foreign_key="incident.id")
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
    sealed_account: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    sealed_objection: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    account_index: bytes = Field(default=b"", sa_type=LargeBinary)
    """The keyed index of the account; empty without one."""
    device_index: bytes = Field(default=b"", sa_type=LargeBinary)
    """The keyed index of the address from which the form was sent; empty for another way of claiming."""
    at: datetime = _time()
    due_at: datetime = _time()
    decided_at: datetime | None = _time_or_none()
    account_due_at: datetime | None = _time_or_none()
    """The time by which the person is to name an account; null while none is awaited."""
    account_reminded_at: datetime | None = _time_or_none()
    objected_at: datetime | None = _time_or_none()


class ClaimDecisionRow(Sealed, table=True):
    """One decision on a claim, by a member or by the rules of the playbook."""

    __tablename__ = "claim_decision"
    __table_args__ = (
        ForeignKeyConstraint(["incident", "claim"], ["compensation_claim.incident", "compensation_claim.id"]),
    )
    incident: str = Field(primary_key=True)
    claim: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    """The number of the decision among those on the claim."""
    round: int
    by: str
    granted: int = Field(sa_type=BigInteger)
    """The minor units that are granted; 0 for a rejection."""
    sealed_reason: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    without_evidence: str = ""
    """The reason to grant the claim although its evidence is missing; without personal data, as in the audit chain."""
    at: datetime = _time()


class ClaimFileRow(Sealed, table=True):
    """A file with evidence for a claim; the file itself lies sealed in the home."""

    __tablename__ = "claim_file"
    __table_args__ = (
        UniqueConstraint("incident", "name"),
        ForeignKeyConstraint(["incident", "claim"], ["compensation_claim.incident", "compensation_claim.id"]),
    )
    incident: str = Field(primary_key=True)
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    claim: int
    name: str
    """The name in the home, which Amends has made."""
    kind: str
    """The media type, by the first bytes of the file."""
    size: int
    at: datetime = _time()


class PaymentFileRow(Sealed, table=True):
    """A payment file: made by one member, released by another, or dropped before that."""

    __tablename__ = "payment_file"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    made_by: str
    made_at: datetime = _time()
    currency: str
    count: int
    total: int = Field(sa_type=BigInteger)
    """The sum of all payments in minor units."""
    message_id: str
    pay_from: dict[str, str] = _json()
    """The organisation's account, as the playbook had it when the file was made; empty without one."""
    released_by: str = ""
    released_at: datetime | None = _time_or_none()
    form: str = ""
    """The format in which the file was released; a bank would take another format for another file."""
    dropped_by: str = ""
    dropped_at: datetime | None = _time_or_none()


class ClaimPaymentRow(Sealed, table=True):
    """One payment for a claim; there is a further one only after a payment came back."""

    __tablename__ = "claim_payment"
    __table_args__ = (
        UniqueConstraint("incident", "end_to_end"),
        ForeignKeyConstraint(["incident", "claim"], ["compensation_claim.incident", "compensation_claim.id"]),
        ForeignKeyConstraint(["incident", "file"], ["payment_file.incident", "payment_file.id"]),
        Index("ix_claim_payment_file", "incident", "file"),
    )
    incident: str = Field(primary_key=True)
    claim: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    attempt: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    file: int
    end_to_end: str
    minor: int = Field(sa_type=BigInteger)
    sealed_account: bytes = Field(sa_type=LargeBinary)
    state: str
    at: datetime = _time()
    reason: str = ""
    """The bank's code for a return."""


class LegalHoldRow(Sealed, table=True):
    """A legal hold on a person or on the whole case: as long as it is not lifted, nothing of it is forgotten."""

    __tablename__ = "legal_hold"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    person: int | None
    """The person's number, or None for the whole case."""
    reason: str
    by: str
    at: datetime = _time()
    lifted_by: str = ""
    lifted_at: datetime | None = _time_or_none()
    lifted_why: str = ""


class ErasedPersonRow(Sealed, table=True):
    """A person who was erased on request, by whom a corrected list is told to leave the person out."""

    __tablename__ = "erased_person"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    person: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    ref_index: bytes = Field(sa_type=LargeBinary)
    """The keyed hash of the company's own id for the person."""
    by: str
    second: str
    at: datetime = _time()


class ForgottenRow(Sealed, table=True):
    """A kind of data of a case whose time is over and that was forgotten."""

    __tablename__ = "forgotten"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    kind: str = Field(primary_key=True)
    at: datetime = _time()
    kept: list[int] = _json()
    """The numbers of the people under hold, whose data of this kind stayed."""


class RetentionDateRow(Sealed, table=True):
    """The incident's own day on which all of its personal data goes, in place of the playbook's span."""

    __tablename__ = "retention_date"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    until: datetime = _time()
    reason: str
    by: str
    at: datetime = _time()
