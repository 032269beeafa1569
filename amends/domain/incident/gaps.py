"""Gaps of an incident file: what every notice needs and the file does not say yet. Facts are assessed without it."""

from collections.abc import Iterator
from dataclasses import dataclass

from amends.domain.base.errors import Finding, Refusal
from amends.domain.incident.incident import Incident

GAP = "E112"
"""The code of a finding about a gap; amends/content/file/codes.py says what it means."""
STORY = {
    "what_happened": "what happened, when and where, in plain words",
    "in_short": "the same in one sentence without names, for SMS and social posts",
    "what_it_means": "what could follow for the people concerned, honestly",
    "what_we_do": "what was done, and what is still being done",
}
"""The texts of a story that every language needs, each with what it says."""


@dataclass(frozen=True)
class Gap:
    """A value that every notice needs and the incident file does not give yet."""

    trail: tuple[str, ...]
    """The keys that lead to the value in the incident file."""
    wanted: str
    """The content of the value, in words for the person who writes it."""

    @property
    def key(self) -> str:
        """Return the keys as one word, such as organisation.contacts.phone."""
        return ".".join(self.trail)

    def finding(self, where: str) -> Finding:
        """Return the gap as a finding at this place."""
        return Finding(where, GAP, f"{self.key} says nothing yet, and every notice needs it", f"write {self.wanted}")


def gaps(incident: Incident) -> tuple[Gap, ...]:
    """Return every gap, in the order of the incident file; none when notices can be drafted."""
    return (*_of_the_organisation(incident), *_of_the_texts(incident))


def _of_the_organisation(incident: Incident) -> Iterator[Gap]:
    organisation, contacts = incident.organisation, incident.organisation.contacts
    if not "".join(organisation.name.values()).strip():
        yield Gap(("organisation", "name"), "the name by which customers know the company")
    if not organisation.own_domains:
        yield Gap(("organisation", "own_domains"), "the domains of the company, to which alone notices link")
    if not contacts.email:
        yield Gap(("organisation", "contacts", "email"), "the address at which customers reach a person")
    if not contacts.phone:
        yield Gap(("organisation", "contacts", "phone"), "the number at which customers reach a person")


def _of_the_texts(incident: Incident) -> Iterator[Gap]:
    if not incident.texts:
        yield Gap(("texts",), f"{', '.join(STORY)} in at least one language")
    for locale, story in incident.texts.items():
        for name, wanted in STORY.items():
            if not getattr(story, name).strip():
                yield Gap(("texts", locale, name), wanted)


def gap_findings(incident: Incident) -> tuple[Finding, ...]:
    """Return a finding for each gap, which names the incident, because its file is not at hand."""
    return tuple(gap.finding(f"incident file of {incident.id}") for gap in gaps(incident))


def why_not_draft(incident: Incident) -> Refusal | None:
    """Return why no notice of the incident can be drafted, with every key that is missing, or None."""
    keys = ", ".join(gap.key for gap in gaps(incident))
    return Refusal(f"the incident file does not say {keys}") if keys else None
