"""Questions, complaints and suggestions of people, each with an owner and a time for the reply."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from amends.domain.base.value import Moment, Value

TOPICS: dict[str, re.Pattern[str]] = {
    topic: re.compile(pattern, re.IGNORECASE)
    for topic, pattern in {
        "scam": r"scam|phish|fraud|suspicious|fake|诈骗|骗子|钓鱼|可疑",
        "compensation": r"compensat|refund|money back|damages|lawyer|赔偿|补偿|律师|退款",
        "monitoring": r"monitor|credit (?:report|freeze|file)|enrol|征信|信用监测|监测服务",
        "my_data": r"which data|what data|my (?:data|details|address|number)|哪些信息|什么信息|我的(?:信息|资料|数据)",
        "delete": r"delete|erase|remove my|close my account|删除|注销",
        "password": r"password|log ?in|密码|登录",
        "next_steps": r"what (?:should|can|do) i|next step|怎么办|该怎么|如何处理",
    }.items()
}
"""Patterns of topics, of which the first match wins; a person can move a question to another topic."""


class QuestionKind(StrEnum):
    """A kind of question; each kind is owed an answer."""

    QUESTION = "question"
    COMPLAINT = "complaint"
    SUGGESTION = "suggestion"
    CLAIM = "claim"
    """The words of a claim of compensation; the claim has its own state, and the question is answered as it comes."""


ASKED = (QuestionKind.QUESTION, QuestionKind.COMPLAINT, QuestionKind.SUGGESTION)
"""The kinds of what people ask; a claim comes by its own form."""


class QuestionSource(StrEnum):
    """The way by which a question reached us."""

    PORTAL = "portal"
    HOTLINE = "hotline"
    MAILBOX = "mailbox"
    SMS = "sms"
    SURVEY = "survey"
    SOCIAL = "social"
    """Somebody asked in public; the answer is public too."""


class Urgency(StrEnum):
    """A reason to answer a question before the others, the gravest first."""

    SAFETY = "safety"
    """Somebody may be in danger."""
    MONEY = "money"
    """Money is being lost."""
    LEGAL = "legal"
    PRESS = "press"
    ANGER = "anger"


class Sender(Value):
    """The address from which a question came, and what a reply needs to stand in its thread. Never log or print it."""

    address: str = Field(repr=False)
    """An addr-spec or an E.164 number."""
    message_id: str = Field(default="", repr=False)
    """The Message-ID of the mail with its angle brackets, or empty (RFC 5322, 3.6.4)."""
    references: str = Field(default="", repr=False)
    """The References of the mail, or empty."""
    subject: str = Field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """A question before the ledger stores it. Holds personal data: never log or print it."""

    text: str = field(repr=False)
    person: int | None
    """The person's number, or None when a caller could not be matched."""
    kind: QuestionKind
    source: QuestionSource
    locale: str
    once: str
    """An idempotency key: a form that is sent again makes no second question."""
    reply_within: timedelta
    owner: str
    at: datetime
    """The time at which the question was asked; `reply_within` counts from then."""
    whole: str = field(default="", repr=False)
    """The whole text that came, when the question is only a part of it; it is looked through and not stored."""
    own: tuple[str, ...] = field(default=(), repr=False)
    """The address or number from which the question came, which is no other person's."""
    sender: Sender | None = field(default=None, repr=False)
    """The sender to whom the answer goes back; None for the page and the telephone."""
    urgency: Urgency | None = None
    topic: str = ""
    """The topic by the rules of the playbook; the ledger guesses it by the shipped rules when it is empty."""


class Question(Value):
    """A question in the ledger. Its text may name people: never log or print it outside the answering team's tools."""

    id: int
    person: int | None
    """The person's number, or None when a caller could not be matched."""
    kind: QuestionKind
    source: QuestionSource
    locale: str
    text: str = Field(repr=False)
    topic: str
    urgency: Urgency | None = None
    together: int | None = None
    """The group of questions that ask the same, or None."""
    asked_at: Moment
    reply_due_at: Moment
    owner: str
    answer: str = Field(default="", repr=False)
    answered_at: Moment | None = None
    answered_by: str = ""
    answer_id: int | None = None
    """The newest answer given; None when there is none."""
    objection: str = Field(default="", repr=False)
    """The reason why an answer did not satisfy the person, in their words; may be empty."""
    reopened_at: Moment | None = None
    """The time at which the person last said that an answer did not satisfy them."""

    def overdue(self, now: datetime) -> bool:
        """Return True when the question is unanswered although the reply was due."""
        return self.answered_at is None and self.reply_due_at < now


class QuestionCounts(Value):
    """The numbers of questions in a case."""

    asked: int = 0
    open: int = 0
    overdue: int = 0
    by_topic: dict[str, int] = {}
    open_by_topic: dict[str, int] = {}


def topic_of(text: str) -> str:
    """Return a first guess of a question's topic, to sort questions; nothing that a customer sees depends on it."""
    return next((topic for topic, pattern in TOPICS.items() if pattern.search(text)), "other")
