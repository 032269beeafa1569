"""The time for which each kind of personal data is kept after a case was closed, as the playbook says it."""

from enum import StrEnum

from pydantic import model_validator

from amends.domain.base.value import Lasting, Span, Value


class DataKind(StrEnum):
    """A kind of personal data that is forgotten by itself."""

    CONTACTS = "contacts"
    """Names, references, addresses and telephone numbers of people, with their personal links."""
    QUESTIONS = "questions"
    """The words of questions and of their answers, and the addresses that they came from."""
    ATTACHMENTS = "attachments"
    """Files that came with mails."""
    PAGE_FORMS = "page_forms"
    """The words of reports and requests from personal pages, dossiers on offer, and choices that were made there."""
    SURVEY_TEXTS = "survey_texts"
    """The free texts of surveys."""
    MESSAGES = "messages"
    """Bodies of letters and messages in outboxes, and the names that providers gave to messages."""
    REMEDIES = "remedies"
    """Codes and results of remedies of single persons."""
    CLAIMS = "claims"
    """Claims, with the evidence and the accounts that people named."""
    WHOLE_CASE = "whole_case"
    """All personal data of the case: its key is destroyed."""


WORDS = {
    DataKind.CONTACTS: "names and addresses",
    DataKind.QUESTIONS: "words of questions and answers",
    DataKind.ATTACHMENTS: "files from mails",
    DataKind.PAGE_FORMS: "words from personal pages",
    DataKind.SURVEY_TEXTS: "free texts of surveys",
    DataKind.MESSAGES: "messages in outboxes",
    DataKind.REMEDIES: "codes and remedies",
    DataKind.CLAIMS: "claims",
    DataKind.WHOLE_CASE: "all personal data of the case",
}
"""The kinds in words, for the plan."""


class Retention(Value):
    """The time after the closing for which each kind is kept; an unnamed kind stays until the whole case goes."""

    contacts: Lasting | None = None
    questions: Lasting | None = None
    attachments: Lasting | None = None
    page_forms: Lasting | None = None
    survey_texts: Lasting | None = None
    messages: Lasting | None = None
    remedies: Lasting | None = None
    claims: Lasting | None = None
    whole_case: Lasting | None = None

    @model_validator(mode="after")
    def _case_goes_last(self) -> "Retention":
        if self.whole_case is None:
            return self
        for kind, span in self.spans.items():
            if span > self.whole_case:
                raise ValueError(f"{kind} is kept for longer than whole_case, with which it goes: shorten it")
        return self

    @property
    def spans(self) -> dict[DataKind, Span]:
        """Return the span of each kind that the playbook names, in the order of the kinds."""
        named = ((kind, getattr(self, kind.value)) for kind in DataKind)
        return {kind: span for kind, span in named if span is not None}
