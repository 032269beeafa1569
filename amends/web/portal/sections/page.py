"""The sections of the personal page, in the order in which the person reads them."""

from collections.abc import Iterable

from amends.web.portal.sections.ask import AskSection
from amends.web.portal.sections.claims import ClaimsSection
from amends.web.portal.sections.conversation import ConversationsSection
from amends.web.portal.sections.hours import HoursSection
from amends.web.portal.sections.notices import NoticesSection
from amends.web.portal.sections.optional import OptionalSection
from amends.web.portal.sections.promises import PromisesSection
from amends.web.portal.sections.requests import CopyOfDataSection, NotRightSection
from amends.web.portal.sections.section import PageForm, PageSection
from amends.web.portal.sections.steps import StepsSection
from amends.web.portal.sections.survey import ANSWER, SurveySection


class OwnDataSection(PageSection):
    """The section about the person's kinds of data."""

    template = "data.html"


class ContactSection(PageSection):
    """The section with the ways to the organisation."""

    template = "contact.html"


SECTIONS: tuple[type[PageSection], ...] = (
    OwnDataSection,
    StepsSection,
    PromisesSection,
    ConversationsSection,
    ClaimsSection,
    AskSection,
    HoursSection,
    ContactSection,
    NoticesSection,
    SurveySection,
    CopyOfDataSection,
    NotRightSection,
    OptionalSection,
)
FORMS: dict[str, PageForm] = {name: form for section in SECTIONS for name, form in section.forms.items()}
"""The forms of all sections by name."""
FIELDS = ("form", *dict.fromkeys(field for section in SECTIONS for field in section.fields))
"""The fields of all forms."""


def typed_fields(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the fields that a person has filled in, to be given back."""
    return {name: text for name, text in fields if name in FIELDS or name.startswith(ANSWER)}
