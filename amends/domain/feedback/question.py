"""Questions, complaints and suggestions of people, each with an owner and a time for the reply, and the survey."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from amends.domain.base.value import Moment, Value

SURVEY = ("understood", "know_what_to_do", "told_in_time", "felt_cared_for", "trust_now")
"""The measures of the survey, each answered from 1 (not at all) to 5 (fully)."""

THEMES: dict[str, re.Pattern[str]] = {
    theme: re.compile(pattern, re.IGNORECASE)
    for theme, pattern in {
        "scam": r"scam|phish|fraud|suspicious|fake|诈骗|骗子|钓鱼|可疑",
        "compensation": r"compensat|refund|money back|damages|lawyer|赔偿|补偿|律师|退款",
        "monitoring": r"monitor|credit (?:report|freeze|file)|enrol|征信|信用监测|监测服务",
        "my_data": r"which data|what data|my (?:data|details|address|number)|哪些信息|什么信息|我的(?:信息|资料|数据)",
        "delete": r"delete|erase|remove my|close my account|删除|注销",
        "password": r"password|log ?in|密码|登录",
        "next_steps": r"what (?:should|can|do) i|next step|怎么办|该怎么|如何处理",
    }.items()
}
"""Patterns of themes, of which the first match wins; a person can move a question to another theme."""


class QuestionKind(StrEnum):
    """A kind of question; each kind is owed an answer."""

    QUESTION = "question"
    COMPLAINT = "complaint"
    SUGGESTION = "suggestion"


class QuestionSource(StrEnum):
    """The way by which a question reached us."""

    PORTAL = "portal"
    HOTLINE = "hotline"
    MAILBOX = "mailbox"
    SMS = "sms"
    SURVEY = "survey"


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


class Question(Value):
    """A question in the ledger. Its text may name people: never log or print it outside the answering team's tools."""

    id: int
    person: int | None
    """The person's number, or None when a caller could not be matched."""
    kind: QuestionKind
    source: QuestionSource
    locale: str
    text: str = Field(repr=False)
    theme: str
    asked_at: Moment
    reply_due_at: Moment
    owner: str
    answer: str = Field(default="", repr=False)
    answered_at: Moment | None = None
    answered_by: str = ""

    def overdue(self, now: datetime) -> bool:
        """Return True when the question is unanswered although the reply was due."""
        return self.answered_at is None and self.reply_due_at < now


class Comment(Value):
    """A comment that a person added to the answers to the survey. It may name people: never log it."""

    person: int
    """The person's number."""
    text: str = Field(repr=False)
    at: Moment


class QuestionCounts(Value):
    """The numbers of questions in a case."""

    asked: int = 0
    open: int = 0
    overdue: int = 0
    by_theme: dict[str, int] = {}
    open_by_theme: dict[str, int] = {}


class SurveyCounts(Value):
    """The results of the survey: the number of answers, and the mean of each measure from 1 to 5."""

    answers: int = 0
    means: dict[str, float] = {}


def theme_of(text: str) -> str:
    """Return a first guess of a question's theme, to sort questions; nothing that a customer sees depends on it."""
    return next((theme for theme, pattern in THEMES.items() if pattern.search(text)), "other")
