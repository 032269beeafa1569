"""Entries of the questions and answers on an incident's public page, each approved by a second member."""

from pydantic import Field

from amends.domain.base.value import Locale, Moment, Slug, Value

LONGEST_ASKED, LONGEST_ANSWERED = 300, 4_000
"""The most characters of a question, and of an answer, of an entry."""


class FaqText(Value):
    """A question and its answer in one language, as everybody can read them."""

    question: str = Field(min_length=3, max_length=LONGEST_ASKED)
    answer: str = Field(min_length=3, max_length=LONGEST_ANSWERED)


class FaqFile(Value):
    """A file with the texts of an entry."""

    texts: dict[Locale, FaqText] = Field(min_length=1)


class FaqEntry(Value):
    """An entry of the questions and answers of an incident."""

    id: int
    together: int
    """The group of questions that the entry answers."""
    texts: dict[str, FaqText]
    by: str
    at: Moment
    approved_by: str = ""
    approved_at: Moment | None = None
    withdrawn_by: str = ""
    withdrawn_at: Moment | None = None

    @property
    def is_public(self) -> bool:
        """Return True while everybody can read the entry."""
        return self.approved_at is not None and self.withdrawn_at is None

    @property
    def state(self) -> Slug:
        """Return the state in a word."""
        return "withdrawn" if self.withdrawn_at else "public" if self.approved_at else "proposed"
