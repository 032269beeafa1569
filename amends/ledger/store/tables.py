"""The tables. Rows never leave amends.ledger; its verbs speak in domain values."""

from datetime import UTC, datetime
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
"""The last of the migrations, which are named in their order; what makes these tables."""


class UtcDateTime(TypeDecorator[datetime]):
    """Aware in and out, UTC inside; SQLite keeps no zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC. Raises ValueError for a datetime without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From UTC."""
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


class KeyCheckRow(SQLModel, table=True):
    """Tells whether the master key is the one this ledger was written with, and whether it still is where it was."""

    __tablename__ = "key_check"
    id: int = Field(default=1, primary_key=True)
    mac: bytes = Field(sa_type=LargeBinary)
    place: str = ""
    """The database that it is in, see `place_of`; empty until it is noted, and on SQLite."""


class AuditRow(SQLModel, table=True):
    """One act or change of state; `mac` covers this row and the one before it. Never updated, never deleted."""

    __tablename__ = "audit"
    seq: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    at: datetime = _time()
    incident: str = Field(index=True)
    actor: str
    act: str
    subject: str
    detail: str
    mac: bytes = Field(sa_type=LargeBinary)


class MemberRow(SQLModel, table=True):
    """A member of the team; the token itself is not stored."""

    __tablename__ = "member"
    name: str = Field(primary_key=True)
    role: str
    token_hash: bytes = Field(sa_type=LargeBinary)
    active: bool
    added_at: datetime = _time()
    deputy: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """Who may give their word for them, or empty."""
    deputy_until: datetime | None = _time_or_none()
    sealed_contact: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    """Where they are reminded, as Apprise writes it; it holds passwords, so it is sealed."""


class IncidentRow(SQLModel, table=True):
    """An incident, its data key wrapped by the master key, and its audience in sum."""

    __tablename__ = "incident"
    id: str = Field(primary_key=True)
    state: str
    version: int
    opened_at: datetime = _time()
    wrapped_key: bytes = Field(sa_type=LargeBinary)
    people: int
    audience_digest: str
    embargo_until: datetime | None = _time_or_none()
    """Before this time nothing may leave."""
    embargo_why: str = Field(default="", sa_column_kwargs={"server_default": ""})
    counts: dict[str, Any] | None = Field(default=None, sa_type=JSON, nullable=True)
    """The people in numbers, counted when the incident was opened and whenever the list is corrected."""


class ClockRow(SQLModel, table=True):
    """What was last seen of a machine's clocks, and why its wall clock is not believed."""

    __tablename__ = "clock"
    host: str = Field(primary_key=True)
    boot: str
    elapsed: float
    at: datetime = _time()
    doubt: str


class IncidentVersionRow(SQLModel, table=True):
    """The incident file as it stood; every version stays."""

    __tablename__ = "incident_version"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    version: int = Field(primary_key=True)
    content: dict[str, Any] = _json()
    digest: str
    author: str
    at: datetime = _time()


OPTED_OUT = "opted_out_at IS NOT NULL"


class PersonRow(SQLModel, table=True):
    """A person: contact data sealed, found again by keyed indexes."""

    __tablename__ = "person"
    __table_args__ = (
        UniqueConstraint("incident", "ref_index"),
        UniqueConstraint("link_index"),
        Index("ix_person_segment", "incident", "segment"),
        Index("ix_person_opted_out", "incident", postgresql_where=text(OPTED_OUT), sqlite_where=text(OPTED_OUT)),
    )
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    sealed: bytes = Field(sa_type=LargeBinary)
    ref_index: bytes = Field(sa_type=LargeBinary)
    email_index: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    phone_index: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    postal_index: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    """None without a postal address, and for everybody who was stored before there were letters: they get none."""
    link_index: bytes = Field(sa_type=LargeBinary)
    link_version: int
    locale: str
    country: str
    region: str
    timezone: str
    data: str
    segment: str
    flags: str
    child_index: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    """The keyed index of the child this person is guardian of."""
    guardian: int
    """The number of the person who is told in this one's stead, or 0."""
    hold: str
    """Why nothing is sent for this person, or empty."""
    opted_out_at: datetime | None = _time_or_none()
    """Since when this person wants no optional messages, those that they read for a child included."""
    gone_at: datetime | None = _time_or_none()
    """Since when a corrected list does not have this person any more; they stay here, and nothing new goes to them."""


class PinRow(SQLModel, table=True):
    """The playbook and the words an incident runs with, by content; the highest number is in force."""

    __tablename__ = "pin"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    number: int = Field(primary_key=True)
    digest: str
    playbook: dict[str, Any] = _json()
    wording: dict[str, Any] = _json()
    at: datetime = _time()


class EventRow(SQLModel, table=True):
    """An event of the case, an alert or a missed update, with the time at which it was recorded first."""

    __tablename__ = "event"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    kind: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    at: datetime = _time()


class OccurrenceRow(SQLModel, table=True):
    """One occurrence of a step, once begun, or one reminder that was given."""

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


class AssessmentRow(SQLModel, table=True):
    """What was concluded from one version of the facts."""

    __tablename__ = "assessment"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    version: int = Field(primary_key=True)
    content: dict[str, Any] = _json()
    at: datetime = _time()


class NoticeRow(SQLModel, table=True):
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
    """As the draft says it, where a statement about messages can ask for it."""
    preflight: dict[str, Any] | None = Field(default=None, sa_type=JSON, nullable=True)
    """What was found when everybody's message of exactly this version was put together; None until that was done."""


class ApprovalRow(SQLModel, table=True):
    """A member's word on exactly one binding."""

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
    """The deputy who gave it in the member's place, or empty."""


class EmergencyRow(SQLModel, table=True):
    """Two members let a version leave with fewer approvals than were asked."""

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


class ApprovalReminderRow(SQLModel, table=True):
    """A reminder to an approver or an alert to a lead, written down before it is sent, so that it is given once."""

    __tablename__ = "approval_reminder"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    notice: str = Field(primary_key=True)
    """Empty for an alert."""
    member: str = Field(primary_key=True, foreign_key="member.name")
    occasion: str = Field(primary_key=True)
    """Why it was due, of which draft and since when; or which alert."""
    state: str
    at: datetime = _time()
    settled_at: datetime | None = _time_or_none()


class ReleaseRow(SQLModel, table=True):
    """A notice that may leave. No delivery can be stored without one: a foreign key sees to it."""

    __tablename__ = "release"
    incident: str = Field(primary_key=True)
    notice: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    binding: str
    prepared: int
    """Deliveries are stored for everybody up to this number."""
    at: datetime = _time()
    __table_args__ = (
        ForeignKeyConstraint(["incident", "notice", "version"], ["notice.incident", "notice.notice", "notice.version"]),
    )


class LeaseRow(SQLModel, table=True):
    """A page of messages in the hands of one worker; taken over, the row is gone, and its number never comes again."""

    __tablename__ = "lease"
    __table_args__ = ({"sqlite_autoincrement": True},)
    id: int | None = _number()
    incident: str = Field(foreign_key="incident.id")
    notice: str
    facts: int
    """The version of the incident file at that time; when it changes, nothing of the page may leave any more."""
    first: int = Field(sa_type=BigInteger)
    last: int = Field(sa_type=BigInteger)
    """The lowest and the highest number of a message in it."""
    until: datetime = _time()
    holder: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """The process that has it, as long as that is there; see holder.py."""


class MarkRow(SQLModel, table=True):
    """Messages that may have left: kept before the last byte of the first of them can leave."""

    __tablename__ = "mark"
    id: int | None = _number()
    lease: int = Field(sa_type=BigInteger, index=True, foreign_key="lease.id", ondelete="CASCADE")
    messages: list[int] = Field(sa_type=JSON)


DUE = "('waiting', 'deferred')"
TROUBLED = "(state IN ('bounced', 'complained') OR state IN ('failed', 'uncertain') OR state = 'parked')"
"""States that are looked for often and that few messages are in, once the sending is over.

For each row that it changes SQLite asks whether it belongs into the index. Two words it compares; for a list of more it
builds a table each time, which takes longer than all the rest. A query must spell them as the index does.
"""


def _partial(name: str, where: str, *columns: str) -> Index:
    return Index(name, *columns, postgresql_where=text(where), sqlite_where=text(where))


class DeliveryRow(SQLModel, table=True):
    """One message: a notice for one person on one channel at one address. Person 0 is the public."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("incident", "notice", "person", "channel", "address_index"),
        ForeignKeyConstraint(
            ["incident", "notice", "version"], ["release.incident", "release.notice", "release.version"]
        ),
        _partial("ix_delivery_due", f"state IN {DUE}", "incident", "notice", "state", "channel", "next_try_at"),
        _partial("ix_delivery_trouble", TROUBLED, "incident", "notice", "state"),
        _partial("ix_delivery_sms", "channel = 'sms' AND provider_id <> ''", "provider_id"),
        _partial("ix_delivery_sms_to", "channel = 'sms'", "address_index"),
    )
    id: int | None = _number()
    incident: str
    notice: str
    version: int
    person: int
    channel: str
    address_index: bytes = Field(sa_type=LargeBinary)
    variant: str
    """Locale and reader, and the letter when it is not the general one: en/self, en/self/us-ma."""
    state: str
    cause: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """Why the message stands as it does, wherever something depends on the reason, see `Cause`."""
    detail: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """Words for people; nothing is decided by them."""
    doubtful: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """Whether a provider may have the message from a try whose answer was lost."""
    provider_id: str
    batch: int | None = None
    """The number of the batch in which a letter was handed over."""
    attempts: int
    lease: int | None = Field(default=None, sa_type=BigInteger, nullable=True)
    """The last one that held it; whoever answers for the message must still name it."""
    next_try_at: datetime | None = _time_or_none()
    updated_at: datetime = _time()


class LeftRow(SQLModel, table=True):
    """A message that a relay's log knows of, by its key; only after a backup was restored."""

    __tablename__ = "left_message"
    key: str = Field(primary_key=True)
    unclear: bool = False
    """The log only names it, and no message of it was stored by then."""


class RestoredNoticeRow(SQLModel, table=True):
    """A notice of which more may have left than the ledger holds, since a backup was restored."""

    __tablename__ = "restored_notice"
    incident: str = Field(primary_key=True)
    notice: str = Field(primary_key=True)
    may_have_left: str
    """On which channels, parted by |."""


class ProvidedRow(SQLModel, table=True):
    """A channel that has had a provider: by it messages have really left."""

    __tablename__ = "provided"
    channel: str = Field(primary_key=True)


class CommitmentRow(SQLModel, table=True):
    """A promise that was given."""

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
    evidence: dict[str, str] = _json()
    settled_at: datetime | None = _time_or_none()
    new_due_at: datetime | None = _time_or_none()
    reason: dict[str, str] = _json()
    reminded_at: datetime | None = _time_or_none()
    escalated_at: datetime | None = _time_or_none()
    changes: int
    """How often its fate changed: kept, dropped or put off."""
    told: int
    """The last of these changes that those promised were told."""
    worded_by: str = ""
    """Who gave the evidence or the reason; empty as long as nobody did."""


class FilingRow(SQLModel, table=True):
    """Something that was handed in to an authority. Never updated, never deleted."""

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


class QuestionRow(SQLModel, table=True):
    """A question; its text and its answer are sealed."""

    __tablename__ = "question"
    __table_args__ = (
        UniqueConstraint("incident", "once"),
        # Leads to the questions of one person; the last three, so that counting all of them reads no row.
        Index("ix_question_person", "incident", "person", "theme", "answered_at", "reply_due_at"),
    )
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    once: str
    """The same for the same form sent twice."""
    person: int | None
    kind: str
    source: str
    locale: str
    sealed_text: bytes = Field(sa_type=LargeBinary)
    theme: str
    asked_at: datetime = _time()
    reply_due_at: datetime = _time()
    owner: str
    sealed_answer: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    answered_at: datetime | None = _time_or_none()
    answered_by: str


class HeardRow(SQLModel, table=True):
    """A text that somebody sent us and that was obeyed or kept, whatever else the gateway does."""

    __tablename__ = "heard"
    once: str = Field(primary_key=True)
    at: datetime = _time()


class SurveyRow(SQLModel, table=True):
    """One person's answers to the survey; the comment is sealed."""

    __tablename__ = "survey_answer"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    person: int = Field(primary_key=True)
    scores: dict[str, int] = _json()
    sealed_comment: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    at: datetime = _time()


KEY = ("incident", "notice", "version")
