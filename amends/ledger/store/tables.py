"""The tables of the ledger. Rows never leave amends.ledger, which takes and returns domain values."""

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
"""The last migration, which leads to these tables; the names of migrations sort in their order."""
KEY = ("incident", "notice", "version")
"""The columns that identify one version of a notice."""
OPTED_OUT = "opted_out_at IS NOT NULL"
BAD_ADDRESS = "cause = 'bad_address'"
"""The condition of messages that came back because their address takes none; spelled as in the index."""
DATA_CHANGED = "data_changed_at IS NOT NULL"
GONE = "gone_at IS NOT NULL"
SHARED_MAILBOX = "hold = 'shared_mailbox'"
ONE_OF_SEVERAL = "one_of_several"
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
    """A question, complaint or suggestion; its text and its answer are sealed."""

    __tablename__ = "question"
    __table_args__ = (
        UniqueConstraint("incident", "once"),
        # The index finds the questions of one person; its last three columns let a count of all questions read no row.
        Index("ix_question_person", "incident", "person", "theme", "answered_at", "reply_due_at"),
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
    theme: str
    asked_at: datetime = _time()
    reply_due_at: datetime = _time()
    owner: str
    sealed_answer: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    answered_at: datetime | None = _time_or_none()
    answered_by: str


class SmsReplyRow(Sealed, table=True):
    """The idempotency key of an SMS from a person that was obeyed or stored, should the gateway repeat the SMS."""

    __tablename__ = "sms_reply"
    once: str = Field(primary_key=True)
    at: datetime = _time()


class SurveyRow(Sealed, table=True):
    """One person's answers to the survey; the comment is sealed."""

    __tablename__ = "survey_answer"
    incident: str = Field(primary_key=True, foreign_key="incident.id")
    person: int = Field(primary_key=True)
    scores: dict[str, int] = _json()
    sealed_comment: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    at: datetime = _time()
