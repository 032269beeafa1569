"""A section of the personal page: what it shows, and the forms that the person sends from it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from amends.domain.feedback.clean import clean
from amends.domain.feedback.question import Question
from amends.ledger import Ledger, once_for
from amends.web.portal.notices import NoticePages
from amends.web.portal.visit import Visit

EXPIRED = "form_expired"
"""The word to a person whose form is about something that is not there, or not any more."""


class Mistake(NamedTuple):
    """A word of the portal for what is wrong with a form, and the field that it is about."""

    word: str
    field: str = ""
    status: int = HTTPStatus.UNPROCESSABLE_ENTITY
    wait: int = 0
    """The seconds until the form may be sent again."""


@dataclass(frozen=True, slots=True)
class SentForm:
    """A form as it was sent. Holds personal data: never log or print it."""

    fields: Mapping[str, str]
    files: Sequence[bytes] = ()
    sender: str = ""
    """The address of the sender's device."""

    def text(self, field: str) -> str:
        """Return the text of a field without control characters; empty when the form has no such field."""
        return clean(self.fields.get(field, ""))

    @property
    def once(self) -> str:
        """Return the key by which the same form is recorded once."""
        return once_for(self.fields.get("form", ""))


@dataclass(frozen=True)
class PageView:
    """The page as it is shown after a form was recorded, or without one."""

    visit: Visit
    ledger: Ledger
    sent: str = ""
    """The form that was recorded, or empty."""

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """Return the questions of the person."""
        return self.ledger.questions.all(self.visit.incident, person=self.visit.person.number)


class PageForm(NamedTuple):
    """A form of a section."""

    record: Callable[[Any, Visit, SentForm], Mistake | None]
    """The method of the section that records the form, or returns what is wrong with it."""
    is_button: bool = False
    """True for a form without a field to fill in, which may be sent at once."""
    takes_files: bool = False


@dataclass(frozen=True, slots=True)
class PortalParts:
    """The parts of the portal that sections use."""

    ledger: Ledger
    notices: NoticePages
    home: Path
    rehearsal: bool


class PageSection:
    """A section with a template and nothing else; others show values of their own and take forms."""

    template: ClassVar[str]
    """The file of the section below templates/personal."""
    forms: ClassVar[Mapping[str, PageForm]] = {}
    """The forms by name; a form is sent to the address of its name below the page."""
    fields: ClassVar[tuple[str, ...]] = ()
    """The fields of the forms, which are given back when a form cannot be taken."""

    def __init__(self, portal: PortalParts) -> None:
        self._portal, self._ledger = portal, portal.ledger

    def shown(self, view: PageView) -> Mapping[str, object]:
        """Return the values that the template uses beside those of the page."""
        del view
        return {}
