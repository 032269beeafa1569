"""Rows of questions with their answers, of other outgoing messages, and of surveys."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field

from amends.domain.forget.retention import DataKind
from amends.ledger.tables.declared import COUNTED, Personal
from amends.ledger.tables.incident import INCIDENT
from amends.ledger.tables.row import Row, Sealed, declares, json_column, partial_index, sealed_column, time_column

QUESTION = ("question.incident", "question.id")
"""The columns that a row about a question refers to."""
OPEN_COMPLAINT = "kind = 'complaint' AND answered_at IS NULL"


class OutgoingRow(Sealed, table=True):
    """An outgoing message, but one of a notice: an answer, a reminder or an alert; an address is sealed."""

    __tablename__ = "outgoing"
    __table_args__ = (
        Index("ix_outgoing_state", "state", "next_try_at"),
        Index("ix_outgoing_key", "key_index"),
        Index("ix_outgoing_reader", "incident", "kind", "reader"),
        Index("ix_outgoing_provider_id", "provider_id"),
        declares(personal=Personal(DataKind.QUESTIONS)),
    )
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    kind: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    window: str = Field(primary_key=True)
    reader: str = Field(primary_key=True)
    person: int | None = None
    """The person whose question or wish the message answers; None for a stranger, and for a member."""
    words: str = ""
    """The words of an alert, or the occasion of a reminder of an approval; no personal data."""
    channel: str = ""
    """Empty for a message to a member, which goes by the member's own channel."""
    state: str
    apologises: bool = False
    """True when the person may have heard the wrong answer that this one corrects."""
    sealed_address: bytes | None = sealed_column(nullable=True)
    key_index: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    """The keyed index of half of the message's key, by which bounces and Message-IDs lead here."""
    lease: int = 0
    """The number of claims, as the fencing token of the last: an outdated worker is refused."""
    tries: int = 0
    """The number of attempts that were answered; a claim that was given back, or whose worker died, counts as none."""
    leased_until: datetime | None = time_column(nullable=True)
    next_try_at: datetime | None = time_column(nullable=True)
    useless_at: datetime | None = time_column(nullable=True)
    """The time from which the message says nothing any more, and is not sent."""
    provider_id: str = ""
    detail: str = ""
    cause: str = ""
    """A ReceiptCause; the watchdog passes over messages whose trouble is our own."""
    at: datetime = time_column()


class QuestionRow(Sealed, table=True):
    """A question, complaint or suggestion; its text is sealed."""

    __tablename__ = "question"
    __table_args__ = (
        UniqueConstraint("incident", "once"),
        # The index finds the questions of one person; its last three columns let a count of all questions read no row.
        Index("ix_question_person", "incident", "person", "topic", "answered_at", "reply_due_at"),
        partial_index("ix_question_complaint", OPEN_COMPLAINT, "incident", "person"),
        # The index counts the questions of each day without reading a row.
        Index("ix_question_asked", "incident", "asked_at", "source"),
        Index("ix_question_together", "incident", "together", "answered_at"),
        declares(personal=Personal(DataKind.QUESTIONS)),
    )
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    once: str
    """The idempotency key, which is the same for a form that is sent twice."""
    person: int | None
    kind: str
    source: str
    locale: str
    sealed_text: bytes = sealed_column()
    topic: str
    urgency: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """The reason to answer before all others: safety, money, legal, press or anger; empty when there is none."""
    together: int | None = None
    """The group of questions that ask the same, or None."""
    sealed_sender: bytes | None = sealed_column(nullable=True, covered=True)
    """The address or number from which the question came, with what a reply must name to stand in its thread."""
    asked_at: datetime = time_column()
    reply_due_at: datetime = time_column()
    owner: str
    answer_id: int | None = None
    """The newest answer given."""
    answered_at: datetime | None = time_column(nullable=True)
    answered_by: str
    sealed_objection: bytes | None = sealed_column(nullable=True)
    """The reason why an answer did not satisfy the person."""
    reopened_at: datetime | None = time_column(nullable=True)


class SmsReplyRow(Sealed, table=True):
    """The idempotency key of an SMS from a person that was obeyed or stored, should the gateway repeat the SMS."""

    __tablename__ = "sms_reply"
    once: str = Field(primary_key=True)
    at: datetime = time_column()


class SurveyAnsweredRow(Row, table=True):
    """The mark that a person has answered a survey, with the day and without the answer.

    Not sealed: the seal would go into the audit chain, which would then tell the order and the time of the answers.
    """

    __tablename__ = "survey_answered"
    __table_args__ = (declares(numbers_only=COUNTED, sqlite_with_rowid=False),)
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    notice: str = Field(primary_key=True)
    person: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    day: date


class HeldBallotRow(Row, table=True):
    """A ballot that waits, encrypted with a key outside of the ledger, until at least ten are opened together.

    Not sealed, for the same reason as a `SurveyAnsweredRow`.
    """

    __tablename__ = "held_ballot"
    __table_args__ = (Index("ix_held_ballot", "incident", "notice"), {"sqlite_with_rowid": False})
    id: str = Field(primary_key=True)
    """A random word."""
    incident: str = Field(foreign_key=INCIDENT)
    notice: str
    day: date
    key: str
    """The name of the key with which the ballot is encrypted."""
    sealed: bytes = sealed_column(elsewhere="the key stands beside the ledger, and goes with the survey")


class BallotRow(Sealed, table=True):
    """An opened ballot, of nobody: scores and choices, without free texts and without a time."""

    __tablename__ = "ballot"
    __table_args__ = (Index("ix_ballot", "incident", "notice"),)
    id: str = Field(primary_key=True)
    """A random word."""
    incident: str = Field(foreign_key=INCIDENT)
    notice: str
    answers: dict[str, str] = json_column()
    variant: str
    """Locale of the invitation; empty, like channel and country, where fewer than ten of a kind were opened."""
    channel: str
    country: str


class SurveyTextRow(Sealed, table=True):
    """A free text of nobody, stored apart from the scores that were given with it."""

    __tablename__ = "survey_text"
    __table_args__ = (
        Index("ix_survey_text", "incident", "notice"),
        declares(personal=Personal(DataKind.SURVEY_TEXTS, deleted=True)),
    )
    id: str = Field(primary_key=True)
    """A random word."""
    incident: str = Field(foreign_key=INCIDENT)
    notice: str
    question: str
    sealed_text: bytes = sealed_column()


class AnswerRow(Sealed, table=True):
    """An answer to one or several questions; its texts are sealed."""

    __tablename__ = "answer"
    __table_args__ = (declares(personal=Personal(DataKind.QUESTIONS, through=("question", "questions"))),)
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    kind: str
    status: str
    questions: list[int] = json_column()
    sealed_texts: bytes = sealed_column(empty="{}")
    """The text in each locale, as JSON."""
    by: str
    at: datetime = time_column()
    approved_by: str = ""
    """The member who approved or rejected the answer."""
    approved_at: datetime | None = time_column(nullable=True)
    corrects: int | None = None


class MentionCursorRow(Sealed, table=True):
    """The last mention of our account on a server that was taken in for an incident."""

    __tablename__ = "mention_cursor"
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    server: str = Field(primary_key=True)
    last: str
    """The server's id of the last notification."""
    at: datetime = time_column()


class QuestionHourRow(Sealed, table=True):
    """An hour in which people may ask and somebody answers at once, with the answers that are published afterwards."""

    __tablename__ = "question_hour"
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    id: str = Field(primary_key=True)
    title: dict[str, str] = json_column()
    where: dict[str, str] = json_column()
    begins_at: datetime = time_column()
    minutes: int
    announced_at: datetime | None = time_column(nullable=True)
    announced_by: str = ""
    answers: list[dict[str, dict[str, str]]] = json_column()
    """Each question with its answer, by locale."""
    answers_by: str = ""
    approved_by: str = ""
    published_at: datetime | None = time_column(nullable=True)


class HourSignUpRow(Sealed, table=True):
    """A person who wants to be reminded of a question hour."""

    __tablename__ = "hour_signup"
    __table_args__ = (declares(personal=Personal(DataKind.PAGE_FORMS, deleted=True)),)
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    hour: str = Field(primary_key=True)
    person: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = time_column()


class HourQuestionRow(Sealed, table=True):
    """A question that was asked beforehand for a question hour."""

    __tablename__ = "hour_question"
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
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
    at: datetime = time_column()


class MailFileRow(Sealed, table=True):
    """A file that came with a mail; the file itself lies sealed in the home."""

    __tablename__ = "mail_file"
    __table_args__ = (
        declares(personal=Personal(DataKind.ATTACHMENTS, deleted=True, through=("question", "question"), files=True)),
    )
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    name: str
    """The name in the home, which Amends has made."""
    question: int
    kind: str
    """The media type that the sender stated."""
    size: int
    at: datetime = time_column()


class QuestionGroupRow(Sealed, table=True):
    """A group of questions that ask the same; the questions name it."""

    __tablename__ = "question_group"
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    example: int
    """The question that stands for the group."""
    at: datetime = time_column()


class QuestionLikenessRow(Row, table=True):
    """One keyed mark of a question's words; it only finds questions, whose texts are then compared."""

    __tablename__ = "question_likeness"
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    mark: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    question: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})


class FaqRow(Sealed, table=True):
    """An entry of the questions and answers on the public page of an incident; its texts are public."""

    __tablename__ = "faq_entry"
    incident: str = Field(primary_key=True, foreign_key=INCIDENT)
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    together: int
    """The group of questions that the entry answers."""
    texts: dict[str, dict[str, str]] = json_column()
    """The question and the answer in each locale."""
    by: str
    at: datetime = time_column()
    approved_by: str = ""
    approved_at: datetime | None = time_column(nullable=True)
    withdrawn_by: str = ""
    withdrawn_at: datetime | None = time_column(nullable=True)
