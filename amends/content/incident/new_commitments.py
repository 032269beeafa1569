"""Commitments that are added to an open incident: from a file with the entries of a playbook, or from options."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from pydantic import Field

from amends.content.file.binding import bind, did_you_mean
from amends.content.file.characters import odd_characters
from amends.content.file.codes import Code
from amends.content.file.document import read_document
from amends.content.file.reading import read_text
from amends.content.incident.picks import unknown_picks, with_picks
from amends.domain.base.audience import EVERYONE, Audience, Persons, Residents
from amends.domain.base.errors import ContentError, Finding
from amends.domain.base.text import listed, minute
from amends.domain.base.value import Place, Value, text_for
from amends.domain.case.outline import Outline
from amends.domain.incident.commitment import Commitment, CommitmentTerms, due_by, on_terms, planned_commitments

Where = Callable[[int, str], str]
"""A function that returns the place of a key of the entry with this number, from 0 on."""


class NewCommitment(CommitmentTerms):
    """A commitment as a person writes it down to add it."""

    due: str
    """The last day, such as 2027-03-31, a time with its zone, or a span from now such as 14d."""
    place: Place | None = None
    """The country or state whose people it is for, instead of an audience: DE, US-MA."""
    people: Path | None = None
    """A file with the ids of the persons whom it is for, one a line, instead of an audience."""
    complaint: int | None = Field(default=None, ge=1)
    """The number of the complaint whose person it is for, instead of an audience."""

    def made_to(self) -> Audience:
        """Return the audience, also of a commitment to single persons or to a place."""
        if self.people or self.complaint:
            return Persons(self.id)
        return Residents(self.place) if self.place else self.audience

    def commitment(self, zone: str, now: datetime) -> Commitment:
        """Return the commitment, which nobody was told yet. Raises ValueError when `due` is no time."""
        return on_terms(self, now, zone, audience=self.made_to(), due_at=due_by(self.due, zone, now))


class NewCommitmentFile(Value):
    """A file of commitments to add."""

    commitments: tuple[NewCommitment, ...] = Field(min_length=1)


def read_new_commitments(path: Path) -> tuple[tuple[NewCommitment, ...], Where]:
    """Read the commitments of a file, YAML or JSON; the paths of files of persons begin at the file's folder.

    Raises ContentError with every finding.
    """
    document = read_document(path)
    odd = (*odd_characters(document), *unknown_picks(document))
    try:
        found = bind(with_picks(document), NewCommitmentFile).commitments
    except ContentError as error:
        raise ContentError(*odd, *error.findings) from None
    if odd:
        raise ContentError(*odd)
    placed = (one.model_copy(update={"people": path.parent / one.people}) if one.people else one for one in found)
    return tuple(placed), lambda index, key: document.where(("commitments", index, key))


def read_refs(path: Path) -> tuple[tuple[int, str], ...]:
    """Return the ids of persons in a file, one a line, each with the number of its line. Raises ContentError."""
    lines = ((number, line.strip()) for number, line in enumerate(read_text(path).splitlines(), 1))
    found = tuple((number, ref) for number, ref in lines if ref)
    if not found:
        raise ContentError(Finding(f"{path}:1:1", Code.MISSING, "names nobody", "write the id of one person a line"))
    return found


def check_new(new: Sequence[NewCommitment], case: Outline, where: Where, now: datetime) -> tuple[Finding, ...]:
    """Return what keeps these commitments from being added to this case."""
    return tuple(
        Finding(where(index, key), code, f"{one.id}: {what}", advice)
        for index, one in enumerate(new)
        for key, code, what, advice in _defects(one, [other.id for other in new[:index]], case, now)
    )


Defect = tuple[str, Code, str, str]
"""The key of an entry, the code of the finding, what is wrong and what to do."""


def _defects(new: NewCommitment, before: Iterable[str], case: Outline, now: datetime) -> Iterator[Defect]:
    if new.id in {*before, *_taken(case)}:
        advice = f"choose another id; `amends commitments list {case.incident.id}` shows those of the incident"
        yield "id", Code.DUPLICATE_KEY, "there is a commitment with this id already", advice
    if not new.owner.strip():
        yield "owner", Code.MISSING, "nobody owns it", "name the role or office that must keep it"
    for locale in case.incident.texts or ("*",):
        if not text_for(new.promise, locale).strip():
            yield "promise", Code.NO_TRANSLATION, f"says nothing for {locale}", "say it in every language"
    for name, texts in (new.per_person.words if new.per_person else {}).items():
        for locale in case.incident.texts or ("*",):
            if not text_for(texts, locale).strip():
                what = f"the result {name} says nothing for {locale}"
                yield "per_person", Code.NO_TRANSLATION, what, "say it in every language"
    if lacks := new.lacks:
        yield "take_up", Code.MISSING, f"nobody could take it up without {listed(lacks)}", "write it under take_up"
    yield from _wrong_time(new, case, now)
    yield from _wrong_audience(new, case)


def _taken(case: Outline) -> Iterator[str]:
    of_playbook = case.playbook.commitments if case.playbook else ()
    yield from (
        planned_commitment.id for planned_commitment in planned_commitments(of_playbook, case.incident.commitments)
    )
    yield from (commitment.id for commitment in case.commitments)


def _wrong_time(new: NewCommitment, case: Outline, now: datetime) -> Iterator[Defect]:
    try:
        due_at = new.commitment(case.incident.organisation.timezone, now).due_at
    except ValueError as error:
        yield "due", Code.WRONG_FORM, str(error), "write the last day, such as 2027-03-31, or a span from now: 14d"
        return
    if due_at <= now:
        yield "due", Code.IN_THE_PAST, f"{minute(due_at)} has passed", "promise a day that can be kept"


def _wrong_audience(new: NewCommitment, case: Outline) -> Iterator[Defect]:
    counts = case.audience
    named = (new.audience != EVERYONE, new.place is not None, new.people is not None, new.complaint is not None)
    if sum(named) > 1:
        yield (
            "audience",
            Code.DOES_NOT_FIT,
            "it is for more than one audience",
            "give one of audience, place, people and complaint",
        )
    elif new.place and not any(f"{place}-".startswith(f"{new.place}-") for place in counts.by_place):
        yield (
            "place",
            Code.UNKNOWN_WORD,
            f"nobody in the list lives in {new.place}",
            did_you_mean(new.place, _places(case)),
        )
    elif new.audience != EVERYONE and new.audience not in counts.by_segment:
        known = did_you_mean(new.audience, (EVERYONE, *counts.by_segment))
        yield "audience", Code.UNKNOWN_WORD, f"the list has no segment {new.audience}", known


def _places(case: Outline) -> list[str]:
    return sorted(place for place in case.audience.by_place if place)
