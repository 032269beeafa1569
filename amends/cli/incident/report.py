"""The command `amends report`: an incident in figures, as HTML, Markdown or a workbook; no personal data."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.assess.page import sections
from amends.cli.export.chart import drawn
from amends.cli.export.markdown import markdown
from amends.cli.export.workbook import workbook
from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.files import whole
from amends.cli.terminal.options import IncidentId
from amends.domain.case.views.timeline import TimelineView
from amends.domain.export.case_file import case_file
from amends.domain.export.over_time import CountsByDay
from amends.domain.export.report import RecordedAct, ReportSource, report_document
from amends.domain.feedback.load.load import ForecastDay
from amends.domain.notice.notice import PersonState
from amends.domain.review import Review, stated_costs
from amends.domain.team.look import LOOKED
from amends.domain.team.refused import REFUSED

if TYPE_CHECKING:
    from amends.domain.assess.assessment import Assessment
    from amends.ledger import AuditEntry, Ledger

ONLY_NUMBERS = {"answered", "claimed", "asked", "event", "survey ballots opened", LOOKED, REFUSED}
"""Acts that the numbers above the timeline count already, and looks, which `amends audit looked` lists."""
COLOURS = {
    PersonState.DELIVERED: "#1a7f4b",
    PersonState.SENT: "#57ab7a",
    PersonState.WAITING: "#c9d1d9",
    PersonState.HELD: "#8c959f",
    PersonState.UNCERTAIN: "#d4a72c",
    PersonState.BOUNCED: "#e0783c",
    PersonState.UNREACHABLE: "#c93c37",
}
ROWS = 4
"""Rows for the names in the drawing, so that the names do not cover each other."""


class ReportFormat(StrEnum):
    """A form of the report, named as the file's suffix."""

    HTML = "html"
    MARKDOWN = "md"
    WORKBOOK = "xlsx"


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
    format_: Annotated[
        ReportFormat | None,
        typer.Option(
            "--format", help="A page, text, or a workbook; by the suffix of --out when left out, else a page."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write it; INCIDENT-report.html when left out.")
    ] = None,
) -> None:
    """Write a report about an incident, without personal data."""
    desk: Desk = ctx.obj
    form = format_ or _by_suffix(out)
    path = out or Path(f"{incident}-report.{form}")
    content = written(source_of(desk.ledger, incident, now()), form)
    with whole(path) as file:
        file.write(content)
    desk.show({"incident": incident, "report": path, "format": form}, f"{path} is written")
    if form is ReportFormat.HTML:
        desk.hint("open it in a browser; it prints well")


def _by_suffix(out: Path | None) -> ReportFormat:
    suffix = out.suffix.removeprefix(".").lower() if out else ""
    return ReportFormat(suffix) if suffix in set(ReportFormat) else ReportFormat.HTML


def source_of(ledger: "Ledger", incident: str, at: datetime) -> ReportSource:
    """Return all that a report of the incident is made of, as of this time. Raises NotInLedger."""
    case = ledger.views.timeline(incident, at)
    by_day = ledger.over_time.read(incident, case.incident.organisation.timezone)
    entries = ledger.audit.entries(incident, ONLY_NUMBERS)
    ended = ledger.reviews.ended(incident)
    source = report_source(case, entries, at, ledger.assessments.all(incident), by_day, ended)
    return replace(source, notes=ledger.reviews.notes(incident))


def report_source(
    case: TimelineView,
    entries: Iterable["AuditEntry"],
    at: datetime,
    assessments: tuple["Assessment", ...] | None = None,
    by_day: CountsByDay | None = None,
    reviews: tuple[Review, ...] = (),
) -> ReportSource:
    """Return the source of a report; `assessments` holds all that were made, without it the latest is shown."""
    from amends import __version__

    made = ((case.assessment,) if case.assessment else ()) if assessments is None else assessments
    acts = (
        RecordedAct(entry.at, entry.actor, entry.act, entry.subject)
        for entry in entries
        if entry.act not in ONLY_NUMBERS
    )
    file = case_file(case, by_day or CountsByDay(), made, at, f"amends {__version__}", stated_costs(reviews))
    return ReportSource(case, file, made, tuple(acts), at, reviews)


def written(source: ReportSource, form: ReportFormat) -> bytes:
    """Return the report in this form."""
    if form is ReportFormat.WORKBOOK:
        return workbook(report_document(source))
    return (markdown(report_document(source)) if form is ReportFormat.MARKDOWN else html(source)).encode()


def page(
    case: TimelineView,
    entries: tuple["AuditEntry", ...],
    at: datetime,
    assessments: tuple["Assessment", ...] | None = None,
    by_day: CountsByDay | None = None,
) -> str:
    """Return the report as standalone HTML; `assessments` holds all that were made, without it the latest is shown."""
    return html(report_source(case, entries, at, assessments, by_day))


def html(source: ReportSource) -> str:
    """Return the report as standalone HTML, with pictures beside the tables."""
    from amends.cli.terminal.html import render

    document = report_document(source)
    return render(
        "report.html",
        document=document,
        charts={section.id: [one for one in map(drawn, section.charts) if one] for section in document.sections},
        **sections(source.case, source.now),
        notices=source.file.notices,
        states=list(PersonState),
        colours=COLOURS,
        marks=_marks(source.case, source.now),
        contacts=_contact_bars(source.file.contacts),
    )


def _contact_bars(shown: tuple[ForecastDay, ...]) -> list[ContactBar]:
    most = max((max(day.seen or 0, day.expected) for day in shown), default=0) or 1
    wide = 100 / max(len(shown), 1)
    return [
        ContactBar(day, wide * place, wide * 0.8, 100 * (day.seen or 0) / most, 100 * day.expected / most)
        for place, day in enumerate(shown)
    ]


def _marks(case: TimelineView, at: datetime) -> list[Mark]:
    """Return the events of the case as marks on a line, from the first event until now."""
    from amends.cli.terminal.html import share_of_time

    events = sorted((moment, name) for name, moment in case.named_events.items())
    start = min((moment for moment, _ in events), default=case.opened_at)
    end = max([at, *(moment for moment, _ in events)])
    return [
        Mark(name, moment, 100 * share_of_time(moment, start, end), place % ROWS)
        for place, (moment, name) in enumerate(events)
    ]
