"""The library of commitments: what may be promised where, what each costs, and what the law asks for."""

from collections.abc import Iterator
from typing import Any

from pydantic import Field, model_validator

from amends.domain.base.text import listed
from amends.domain.base.value import Lasting, Place, Slug, Texts, Value
from amends.domain.incident.commitment import MOST_OCCURRENCES, CommitmentKind, TakeUpPart, why_no_series
from amends.domain.incident.facts import DataCategory
from amends.domain.incident.per_person import PerPerson
from amends.domain.law.duty import Confidence


class LawOfEntry(Value):
    """The demand of a law that the entry answers."""

    asks: str = Field(min_length=3)
    citation: str
    source: str
    confidence: Confidence


class LibraryCommitment(Value):
    """A commitment that a lead can pick; nobody makes it by default."""

    id: Slug
    places: tuple[Place, ...] = ()
    """The countries and states for which it is meant; everywhere when left out."""
    elements: tuple[DataCategory, ...] = ()
    """The kinds of data with which it makes sense; any when left out."""
    promise: Texts
    """The promise to customers, as a full sentence per locale without its date."""
    kept: Texts
    """The sentences for the person once it is kept, with slots for the way to take it up and for {result}."""
    owner: str
    """The office that usually keeps it; a pick may name another."""
    due: Lasting
    every: Lasting | None = None
    """The time from one occurrence to the next, for an entry that recurs."""
    at_most: int | None = Field(default=None, ge=2, le=MOST_OCCURRENCES)
    """The number of occurrences; a pick may name another, or `until`."""
    costs: str
    """The cost, as a range in words."""
    done_by: str
    """The people or firms who have to do it, and the work before it can be promised."""
    law: tuple[LawOfEntry, ...] = ()
    take_up: tuple[TakeUpPart, ...] = ()
    """The parts that the lead must fill in, so that people can take it up."""
    per_person: PerPerson | None = None
    """The words for each person's own result, where it is kept person by person."""

    @model_validator(mode="after")
    def _recurs_sensibly(self) -> "LibraryCommitment":
        if why := why_no_series(self.id, self.every, "", self.at_most):
            raise ValueError(why)
        return self

    @property
    def where(self) -> str:
        """Return the places in words."""
        return ", ".join(self.places) or "everywhere"

    def is_for(self, place: str) -> bool:
        """Return True when the entry is meant for a place: US-MA takes what is for US, and what is for everywhere."""
        return not self.places or any(f"{place}-".startswith(f"{one}-") for one in self.places)


class LibraryFile(Value):
    """A file of the library: the commitments of one kind."""

    kind: CommitmentKind
    commitments: tuple[LibraryCommitment, ...] = Field(min_length=1)


class CommitmentLibrary(Value):
    """All entries of the library, with the kind of each."""

    files: tuple[LibraryFile, ...]

    @property
    def entries(self) -> dict[str, tuple[CommitmentKind, LibraryCommitment]]:
        """Return each entry with its kind, by its id."""
        return {commitment.id: (file.kind, commitment) for file in self.files for commitment in file.commitments}

    def for_place(self, place: str = "") -> list[tuple[CommitmentKind, LibraryCommitment]]:
        """Return the entries for a place, those for it alone first; all entries without a place."""
        found = (entry for entry in self.entries.values() if not place or entry[1].is_for(place))
        return sorted(found, key=lambda one: (-max(map(len, one[1].places), default=0), one[0], one[1].id))

    def picked(self, use: str, given: dict[str, Any]) -> dict[str, Any]:
        """Return the entry as an incident file would write it out, with what the pick changes. Raises KeyError."""
        kind, entry = self.entries[use]
        own = entry.model_dump(mode="json", include={"id", "owner", "promise", "kept"})
        whole = {"kind": kind.value, "due": str(entry.due), "needs": [str(part) for part in entry.take_up], **own}
        if entry.per_person:
            whole["per_person"] = entry.per_person.model_dump(mode="json")
        recurs = {"every": str(entry.every), "at_most": entry.at_most} if entry.every else {}
        return {**whole, **recurs, **given, "use": use}


def entry_lines(kind: CommitmentKind, entry: LibraryCommitment) -> Iterator[str]:
    """Yield the entry in lines: what is promised, what it costs, who does what, and what the law asks for."""
    yield f"{entry.id} ({kind.replace('_', ' ')}), for {entry.where}"
    if entry.elements:
        yield f"where the data is {', '.join(entry.elements)}"
    yield from (f"promise, {locale}: {text}" for locale, text in entry.promise.items())
    recurs = f", then every {entry.every}, {entry.at_most} times in all" if entry.every else ""
    yield f"due {entry.due} after people were told{recurs}; kept by {entry.owner}"
    yield f"costs: {entry.costs}"
    yield f"done by: {entry.done_by}"
    for law in entry.law:
        yield f"the law asks for {law.asks} ({law.citation}; {law.confidence}: {law.source})"
    if entry.take_up:
        yield f"fill in under take_up: {listed(entry.take_up)}"
    yield from (f"kept, {locale}: {' '.join(text.split())}" for locale, text in entry.kept.items())
    for name, texts in (entry.per_person.words if entry.per_person else {}).items():
        yield from (f"result {name}, {locale}: {text}" for locale, text in texts.items())
    yield f"in the incident file: commitments: [{{use: {entry.id}{', take_up: {…}' if entry.take_up else ''}}}]"
