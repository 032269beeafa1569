"""The closing and the reviews of a case in words, for the report and the terminal; no personal data."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from amends.domain.base.text import minute
from amends.domain.case.views.closing import ClosingView
from amends.domain.closing.criteria import unmet
from amends.domain.closing.figures import overrides_in_force
from amends.domain.closing.missing import closing_rules
from amends.domain.playbook.playbook import Event
from amends.domain.review import ReviewKind, ReviewNote

HEADINGS = {
    ReviewKind.WELL: "What went well",
    ReviewKind.BADLY: "What went badly",
    ReviewKind.LUCK: "What was luck",
    ReviewKind.LESSON: "Lessons",
}


def closing_lines(case: ClosingView, now: datetime) -> Iterator[str]:
    """Yield how the case stands to its closing: when it closed, what is missing, and what two people passed over."""
    yield f"Criteria: {', '.join(closing_rules(case).criteria)}."
    if closed := case.events.get(Event.CLOSED):
        yield f"Closed on {minute(closed)}."
    else:
        yield from (f"Missing: {one.what} ({one.owner})." for one in unmet(case, now))
    yield from (f"Passed over by two people: {override.in_words}." for override in overrides_in_force(case))
    for one in case.carried_over:
        yield f"Carried over: {one.commitment}, {one.owner} answers for it, due {minute(one.due_at)}."


def note_sections(notes: Sequence[ReviewNote]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield a heading and the notes below it, for each kind of which there are notes."""
    for kind, heading in HEADINGS.items():
        if said := tuple(_said(notes, kind)):
            yield heading, said


def _said(notes: Iterable[ReviewNote], kind: ReviewKind) -> Iterator[str]:
    for note in notes:
        if note.kind is kind:
            promised = f" → the promise {note.commitment}" if note.commitment else ""
            yield f"{note.number}. {note.text} ({note.by}, {minute(note.at)}){promised}"
