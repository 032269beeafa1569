"""The help that people find where they live: offices, bureaus and telephone lines, as data for each country."""

import re
from collections.abc import Iterable, Iterator

from pydantic import Field, field_validator, model_validator

from amends.domain.base.value import Place, Slug, Texts, Value, text_for
from amends.domain.incident.elements import named_by
from amends.domain.incident.facts import DataCategory
from amends.domain.notice.steps import SafetyStep, StepWords

TELEPHONE = re.compile(r"[+#]?\d(?:[ ()./-]{0,2}\d){2,17}")
"""A telephone number: 110, #9110, 0 805 805 817, 1-888-298-0045."""
HOST = re.compile(r"[\w-]+(?:\.[\w-]+)+")
"""A host: ftc.gov, meineschufa.de."""


class HelpContact(Value):
    """An office, a bureau or a telephone line that helps."""

    name: Texts
    post: Texts = {}
    phone: str = ""
    site: str = ""
    """The host, without https:// and without a path, so that no mail program makes a link of it."""
    source: str
    """The page or paper where the author of the row read it, or "from memory"."""

    @field_validator("phone")
    @classmethod
    def _one_number(cls, phone: str) -> str:
        if phone and not TELEPHONE.fullmatch(phone):
            raise ValueError("one telephone number is expected here, such as 110, #9110 or 0300 123 2040")
        return phone

    @field_validator("site")
    @classmethod
    def _names_a_host(cls, site: str) -> str:
        if "/" in site or (site and not HOST.search(site)):
            raise ValueError("write the host alone, as in cnil.fr: mail programs make a link of https:// or a path")
        return site

    @field_validator("source")
    @classmethod
    def _has_a_source(cls, source: str) -> str:
        if not source.strip():
            raise ValueError("say where you read it, or write: from memory")
        return source

    @model_validator(mode="after")
    def _can_be_reached(self) -> "HelpContact":
        if not (self.post or self.phone or self.site):
            raise ValueError("has neither post nor phone nor site")
        return self

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the hosts that `site` names."""
        return tuple(HOST.findall(self.site))

    def line(self, locale: str, words: StepWords) -> str:
        """Return the contact in one line."""
        ways = words.or_by.join(filter(None, (text_for(self.post, locale), self.phone, self.site)))
        return words.contact.replace("{name}", text_for(self.name, locale)).replace("{ways}", ways)


class HelpPart(Value):
    """One part of the help: a text, contacts, or both."""

    says: tuple[Slug, ...] = ()
    """The items of addenda.yaml that the part says."""
    places: tuple[Place, ...] = ()
    """The states that the part is for; empty for the whole country."""
    data: tuple[DataCategory, ...] = ()
    """The kinds of data for which the part is of use; empty for any."""
    reader: str = Field(default="", pattern="^(self|guardian)?$")
    """The kind of reader that the part is for; empty for both."""
    text: Texts = {}
    """Markdown by locale."""
    contacts: tuple[Slug, ...] = ()

    def is_for(self, place: str, kinds: Iterable[DataCategory], *, child: bool) -> bool:
        """Return True for a reader in this place, with these kinds of data."""
        here = not self.places or place in self.places
        useful = not self.data or any(named_by(self.data, kind) for kind in kinds)
        return here and useful and self.reader in ("", "guardian" if child else "self")


class Help(Value):
    """The help in one country: playbooks/help/COUNTRY.yaml."""

    places: tuple[Place, ...] = Field(min_length=1)
    """The countries and territories where the help is found."""
    reviewed: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    """The day on which somebody last looked the numbers up."""
    title: Texts
    contacts: dict[Slug, HelpContact] = {}
    parts: tuple[HelpPart, ...] = Field(min_length=1)
    steps: dict[str, dict[DataCategory, SafetyStep]] = {}
    """By locale, the steps that replace the general ones here."""

    @model_validator(mode="after")
    def _closed(self) -> "Help":
        named = {name for part in self.parts for name in part.contacts}
        if unknown := sorted(named - self.contacts.keys()):
            raise ValueError(f"no contact is called {', '.join(unknown)}")
        if unused := sorted(self.contacts.keys() - named):
            raise ValueError(f"no part names the contact {', '.join(unused)}")
        return self

    def says(self, places: Iterable[str]) -> tuple[str, ...]:
        """Return the items of addenda.yaml that every reader in these places is told, whatever their data; sorted."""
        told = [self._told(place, child=child) for place in places for child in (False, True)]
        return tuple(sorted(set.intersection(*told))) if told else ()

    def _told(self, place: str, *, child: bool) -> set[str]:
        parts = (part for part in self.parts if not part.data and part.is_for(place, (), child=child))
        return {item for part in parts for item in part.says}

    def markdown(
        self, locale: str, words: StepWords, place: str, kinds: tuple[DataCategory, ...], *, child: bool
    ) -> str:
        """Return the help for one reader as Markdown; empty when the file has no words in the locale."""
        title = text_for(self.title, locale)
        if not title:
            return ""
        parts = (part for part in self.parts if part.is_for(place, kinds, child=child))
        return "\n\n".join((f"### {title}", *(text for part in parts for text in self._part(part, locale, words))))

    def _part(self, part: HelpPart, locale: str, words: StepWords) -> Iterator[str]:
        if text := text_for(part.text, locale):
            yield text.strip()
        if part.contacts:
            yield "\n".join(f"- {self.contacts[name].line(locale, words)}" for name in part.contacts)
