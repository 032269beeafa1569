"""Answers to questions, and the replies that bring an answer to each person by the way in which the person asked."""

import re
import unicodedata
from collections.abc import Mapping
from enum import StrEnum

from pydantic import Field

from amends.domain.base.value import Moment, Value
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.outgoing import OutgoingState
from amends.domain.channel.sms import segments
from amends.domain.feedback.question import QuestionSource, Sender

HANDFUL = 5
"""The most questions that one member answers at once without the approval of another."""
LONGEST_ANSWER = 8_000
"""The largest number of characters in one answer."""
LONGEST_REASON = 500
"""The largest number of characters of the reason why an answer was rejected."""
MOST_AT_ONCE = 100_000
"""The most questions that one answer can answer."""
MOST_SMS_PARTS = 3
"""The most parts of an answer by SMS; a longer answer stands on the person's page, and the SMS leads there."""

MESSAGE_ID = re.compile(r"<[!#-'*+\-/-9=?A-Z^-~.]{1,100}@[!#-'*+\-./-9=?A-Z\[\]^-~]{1,140}>")
"""A msg-id without quotes, comments and spaces (RFC 5322, 3.6.4): <CAF=x+1@mail.example.org>."""
MOST_REFERENCES = 20
"""The most Message-IDs that a reply names: the first of the thread, and the latest."""
LONGEST_SUBJECT = 150
REPLIED = re.compile(r"^(?:\s*(?:re|aw|sv|antw|antwort|回复|回覆|答复)\s{0,3}[:：]\s*)+", re.IGNORECASE)
"""The word before the subject of a reply: Re: …, AW: …, 回复：…"""


class AnswerKind(StrEnum):
    """A kind of answer."""

    GIVEN = "given"
    CORRECTION = "correction"
    """An answer that replaces one that was wrong."""
    CLOSED = "closed"
    """The reason, in words for the person, why a question is closed without an answer."""
    CLAIM_NEWS = "claim_news"
    """The word how a claim of compensation stands, at each of its steps."""


class AnswerStatus(StrEnum):
    """The status of an answer; only a given one is heard."""

    WAITING = "waiting_for_approval"
    GIVEN = "given"
    REJECTED = "rejected"


class ReplyChannel(StrEnum):
    """A way by which an answer reaches the person who asked."""

    EMAIL = "email"
    SMS = "sms"
    PAGE = "page"
    """The answer stands on the personal page, and nothing is sent."""
    CALL = "call"
    """A member of the team calls the person, or writes to them in private where they wrote in private."""
    PUBLIC = "public"
    """The answer is posted where everybody can read it, when a member of the team says so."""

    @property
    def kind(self) -> ChannelKind | None:
        """Return the channel that sends such a reply by itself, or None when a member brings it."""
        return next((kind for kind in ChannelKind if kind == self.value), None)


HEARD = frozenset(
    {
        OutgoingState.IN_DOUBT,
        OutgoingState.SENT,
        OutgoingState.DELIVERED,
        OutgoingState.UNCERTAIN,
        OutgoingState.BOUNCED,
    }
)
"""The states of replies that were heard, or may have been; an address can pass a mail on before it sends it back."""
NOT_HEARD = frozenset({OutgoingState.FAILED, OutgoingState.BOUNCED})
"""The states in which the person must be called."""


class Answer(Value):
    """An answer to one or several questions. Holds personal data: never log or print it outside the team's tools."""

    id: int
    kind: AnswerKind
    status: AnswerStatus
    texts: dict[str, str] = Field(repr=False)
    """The text in each locale; empty when it was altered or moved."""
    questions: tuple[int, ...]
    by: str
    at: Moment
    approved_by: str = ""
    approved_at: Moment | None = None
    corrects: int | None = None
    """The id of the answer that was wrong."""

    def text(self, locale: str) -> str:
        """Return the text for a reader of this locale; empty when there is none."""
        return self.texts.get(best_locale(self.texts, locale) or "", "")


class ReplyLine(Value):
    """The state of the reply that brings one answer to the person of one question; without personal data."""

    answer: int
    question: int
    channel: ReplyChannel
    state: OutgoingState
    apologises: bool = False
    """True when the person may have heard the wrong answer that this one corrects."""
    tries: int = 0
    next_try_at: Moment | None = None
    detail: str = ""
    url: str = ""
    """The address at which a public answer stands."""
    at: Moment
    """The time of the last change."""


class HeardAnswer(Value):
    """An answer as the person who asked reads it."""

    kind: AnswerKind
    text: str = Field(repr=False)
    """The text; empty when it was altered or moved."""
    at: Moment
    corrected: bool = False
    """True when a later answer corrects this one."""
    apologises: bool = False
    """True when the person may have heard the wrong answer that this one corrects."""
    channel: ReplyChannel = ReplyChannel.PAGE
    state: OutgoingState = OutgoingState.DELIVERED
    """The state of the reply that brings the answer beside the page."""
    told_at: Moment
    """The time since which the reply is in its state."""


def best_locale(texts: Mapping[str, object], locale: str) -> str | None:
    """Return the locale of the text for a reader of `locale`: the same, else one in the same language, else None."""
    if locale in texts:
        return locale
    language = locale.partition("-")[0]
    return next((text for text in sorted(texts) if text.partition("-")[0] == language), None)


def needs_approval(questions: int) -> bool:
    """Return True when another member must approve one answer to so many questions."""
    return questions > HANDFUL


def way_of(
    source: QuestionSource, sender: str, email: str, phone: str, *, has_page: bool, in_private: bool = False
) -> tuple[ReplyChannel, str]:
    """Return the way back to who asked, and the address on it.

    `sender` is the address from which the question came; `email` and `phone` are those of the person in the list, empty
    for a stranger and for a person to whom nothing else may be sent. An answer on the page is sent by email too when
    the person has an address. A post that was written `in_private` is answered by hand, to its account.
    """
    page_or_call = (ReplyChannel.PAGE if has_page else ReplyChannel.CALL, "")
    if source is QuestionSource.SOCIAL:
        return (ReplyChannel.CALL if in_private else ReplyChannel.PUBLIC), sender
    if source is QuestionSource.HOTLINE:
        return ReplyChannel.CALL, sender or phone
    if source is QuestionSource.SMS:
        return (ReplyChannel.SMS, to) if (to := sender or phone) else page_or_call
    return (ReplyChannel.EMAIL, to) if (to := sender or email) else page_or_call


def fits_sms(text: str) -> bool:
    """Return True when the text is short enough to be sent whole by SMS."""
    return segments(text).count <= MOST_SMS_PARTS


def thread(sender: Sender) -> tuple[str, tuple[str, ...]]:
    """Return the Message-ID that a reply answers, or "", and those of its thread, the last first answered last.

    What is no Message-ID is left out (RFC 5322, 3.6.4).
    """
    answered = found[0] if (found := MESSAGE_ID.findall(sender.message_id)) else ""
    before = [one for one in MESSAGE_ID.findall(sender.references) if one != answered]
    whole = tuple(dict.fromkeys([*before, answered] if answered else before))
    if len(whole) > MOST_REFERENCES:
        whole = (whole[0], *whole[1 - MOST_REFERENCES :])
    return answered, whole if answered else ()


def reply_subject(subject: str) -> str:
    """Return the subject of a reply to a mail with this subject: one line, with one Re: before it; "" for none."""
    spaced = "".join(" " if unicodedata.category(one)[0] in "CZ" else one for one in subject)
    bare = REPLIED.sub("", " ".join(spaced.split()))[:LONGEST_SUBJECT].strip()
    return f"Re: {bare}" if bare else ""
