"""The command `amends report`: facts, numbers, commitments and acts of an incident on one page; no personal data."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.assess.page import sections
from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk, save
from amends.cli.terminal.options import IncidentId
from amends.domain.base.text import counts, say, say_span
from amends.domain.base.value import Value
from amends.domain.case.case import Case
from amends.domain.case.contacts import contacts_forecast, curve_of
from amends.domain.case.filings import statuses
from amends.domain.case.lawfully import told_in_all
from amends.domain.case.next_update import Fate, longest_silence, next_updates
from amends.domain.closing.text import closing_lines, note_sections
from amends.domain.feedback.load.load import ForecastDay
from amends.domain.incident.facts import Certainty, Count, Fact, Facts
from amends.domain.notice.notice import PersonState
from amends.domain.plan.plan import plan
from amends.domain.review import Review, ReviewNote

if TYPE_CHECKING:
    from amends.domain.assess.assessment import Assessment
    from amends.ledger import AuditEntry

ONLY_NUMBERS = {"answered", "claimed", "asked", "event", "survey ballots opened"}
"""Acts that the numbers above the timeline count already."""
COLOURS = {
    PersonState.DELIVERED: "#1a7f4b",
    PersonState.SENT: "#57ab7a",
    PersonState.WAITING: "#c9d1d9",
    PersonState.HELD: "#8c959f",
    PersonState.UNCERTAIN: "#d4a72c",
    PersonState.BOUNCED: "#e0783c",
    PersonState.UNREACHABLE: "#c93c37",
}
MOST_DAYS = 60
"""The days with contacts that the report shows, the latest ones."""
ROWS = 4
"""Rows for the names in the drawing, so that the names do not cover each other."""


@dataclass(frozen=True)
class Mark:
    """An event in the drawing of the timeline."""

    name: str
    at: datetime
    x: float
    """The place of the event, from 0 at the left to 100 at the right."""
    row: int


@dataclass(frozen=True)
class ContactBar:
    """The contacts of one day in the drawing, beside those that were to be expected."""

    day: ForecastDay
    x: float
    width: float
    height: float
    """The contacts seen, from 0 to 100."""
    expected: float
    """The contacts expected, on the same scale."""


def report(
    ctx: typer.Context,
    incident: IncidentId,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write it; INCIDENT-report.html when left out.")
    ] = None,
) -> None:
    """Write a report about an incident, without personal data."""
    desk: Desk = ctx.obj
    case, entries = desk.ledger.cases.read(incident, now()), desk.ledger.audit.entries(incident, ONLY_NUMBERS)
    path = out or Path(f"{incident}-report.html")
    reviews, notes = desk.ledger.reviews.ended(incident), desk.ledger.reviews.notes(incident)
    save(path, page(case, entries, now(), desk.ledger.assessments.all(incident), reviews, notes))
    desk.show({"incident": incident, "report": path}, f"{path} is written")
    desk.hint("open it in a browser; it prints well")


def page(
    case: Case,
    entries: tuple["AuditEntry", ...],
    at: datetime,
    assessments: tuple["Assessment", ...] | None = None,
    reviews: Sequence[Review] = (),
    notes: Sequence[ReviewNote] = (),
) -> str:
    """Return the report as standalone HTML; `assessments` holds all that were made, without it the latest is shown."""
    from amends.cli.terminal.html import render
    from amends.domain.incident.commitment import fate

    planned, silence = plan(case, at), longest_silence(case, at)
    return render(
        "report.html",
        case=case,
        at=at,
        assessments=((case.assessment,) if case.assessment else ()) if assessments is None else assessments,
        **sections(case, at),
        facts=list(_facts(case.incident.facts)),
        told=told_in_all(case),
        duties_told=[one for one in statuses(case, at) if one.told],
        states=list(PersonState),
        colours=COLOURS,
        totals={notice.id: sum(notice.people.values()) for notice in case.notices},
        fates={commitment.id: fate(commitment, at) for commitment in case.commitments},
        clocks=[(update, say_span(update.late_by(at))) for update in next_updates(case, at)],
        fate_counts=_fates_in_words(case, at),
        silence=silence,
        silence_length=say_span(silence.length) if silence else "",
        marks=_marks(case, at),
        contacts=_contact_bars(case, at),
        curve=curve_of(case, at),
        closing=list(closing_lines(case, at)),
        reviews=reviews,
        review_notes=list(note_sections(notes)),
        entries=[entry for entry in entries if entry.act not in ONLY_NUMBERS],
        coming=(*planned.due, *planned.upcoming),
    )


def _fates_in_words(case: Case, at: datetime) -> str:
    """Return in words how many of the named times were kept, replaced, missed and are running."""
    fates = [update.fate for update in next_updates(case, at)]
    return counts({fate: fates.count(fate) for fate in (Fate.KEPT, Fate.REPLACED, Fate.MISSED, Fate.RUNNING)})


def _facts(facts: Facts) -> Iterator[tuple[str, str, Certainty, str]]:
    for name in Facts.model_fields:
        fact: Fact[object] = getattr(facts, name)
        yield name.replace("_", " "), _fact_in_words(fact.value), fact.certainty, fact.note


def _fact_in_words(value: object) -> str:
    """Return the value of a fact in words."""
    match value:
        case Fact():
            certainty = "" if value.certainty is Certainty.CONFIRMED else f" ({value.certainty.replace('_', ' ')})"
            return _fact_in_words(value.value) + certainty
        case tuple():
            return ", ".join(map(_fact_in_words, value)) or "none"
        case Count():
            return say(value.min) if value.min == value.max else f"{say(value.min)} to {say(value.max)}"
        case Value():
            first, *others = ((name, getattr(value, name)) for name in type(value).model_fields)
            named = (f"{name.replace('_', ' ')} {_fact_in_words(part)}" for name, part in others if part is not None)
            return ", ".join((_fact_in_words(first[1]), *named))
        case str():
            return say(value).replace("_", " ")
    return f"{value:g}" if isinstance(value, float) else say(value)


def _contact_bars(case: Case, at: datetime) -> list[ContactBar]:
    """Return the days from the first notice until now that had contacts or were to have one."""
    days = contacts_forecast(case, at, timedelta()) if case.contacts else ()
    shown = [day for day in days if day.seen or day.told or day.expected >= 1][-MOST_DAYS:]
    most = max((max(day.seen or 0, day.expected) for day in shown), default=0) or 1
    wide = 100 / max(len(shown), 1)
    return [
        ContactBar(day, wide * place, wide * 0.8, 100 * (day.seen or 0) / most, 100 * day.expected / most)
        for place, day in enumerate(shown)
    ]


def _marks(case: Case, at: datetime) -> list[Mark]:
    """Return the events of the case as marks on a line, from the first event until now."""
    from amends.cli.terminal.html import share_of_time

    events = sorted((moment, name) for name, moment in case.named_events.items())
    start = min((moment for moment, _ in events), default=case.opened_at)
    end = max([at, *(moment for moment, _ in events)])
    return [
        Mark(name, moment, 100 * share_of_time(moment, start, end), place % ROWS)
        for place, (moment, name) in enumerate(events)
    ]
