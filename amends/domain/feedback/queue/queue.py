"""The queue of questions: which of them a member looks at, and one line for each, without its words."""

from pydantic import Field

from amends.domain.base.value import Moment, Value
from amends.domain.feedback.question import QuestionKind, QuestionSource, Urgency

PAGE = 50
"""The questions of one page, unless more are asked for."""
MOST_WORDS = 10
"""The most words of one search."""
LONGEST_SEARCH = 200
"""The most characters of one search."""


class QueueFilter(Value):
    """The questions that a member looks at; every key given must hold."""

    open: bool = False
    """Only questions without an answer."""
    overdue: bool = False
    """Only questions without an answer whose reply was due."""
    topic: str | None = None
    urgency: Urgency | None = None
    owner: str | None = None
    locale: str | None = None
    together: int | None = None
    """Only the questions of one group."""
    kind: QuestionKind | None = None


class QuestionLine(Value):
    """One question of the queue, without its words."""

    id: int
    person: int | None
    kind: QuestionKind
    source: QuestionSource
    locale: str
    topic: str
    urgency: Urgency | None
    together: int | None
    asked_at: Moment
    reply_due_at: Moment
    owner: str
    answered_at: Moment | None
    answered_by: str
    readable: bool
    """False for a text that was altered or moved."""


class QueuePage(Value):
    """A page of the queue, with the numbers of the whole queue."""

    lines: tuple[QuestionLine, ...]
    total: int
    """The questions that the filter lets through, on all pages."""
    overdue: int
    """The questions among them without an answer whose reply was due."""
    first_overdue: int | None = Field(default=None)
    """The one of them that was due first."""


def search_words(said: str) -> tuple[str, ...]:
    """Return the words of a search in small letters. Raises ValueError for none, for too many or for too long ones."""
    words = tuple(dict.fromkeys(said.casefold().split()))
    if not words:
        raise ValueError("a search needs a word")
    if len(words) > MOST_WORDS or len(said) > LONGEST_SEARCH:
        raise ValueError(f"a search has at most {MOST_WORDS} words and {LONGEST_SEARCH} characters")
    return words
