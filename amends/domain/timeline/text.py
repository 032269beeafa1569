"""The timeline of an incident as tables of text, for a terminal and for Prefect."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from amends.domain.base.text import minute
from amends.domain.case.states import IncidentState
from amends.domain.feedback.load.load import ForecastDay, two_digits
from amends.domain.timeline.timeline import LineKind, Timeline, TimelineLine, WaitingTask, folded

Rows = list[tuple[str, ...]]
Table = Callable[[Sequence[str], Rows], str]
"""A function that makes one text of the titles of columns and the rows below them."""

WAITS = "Waits for people"
ALERTS = "Last alerts"
UNDER_WAY = "Under way"
CONTACTS = "Contacts a day"
CONTACT_HEAD = ("day", "told", "contacts", "expected", "range")


def standing(shown: Timeline) -> str:
    """Return the state of the incident, its playbook, and the time where the organisation is."""
    runs = f"playbook {shown.playbook} {shown.pinned[:12]}" if shown.playbook else "no playbook runs"
    clock = f"{there(shown.at, shown.at, shown.zone)} {shown.zone}"
    utc = f" ({minute(shown.at)})" if shown.zone != "UTC" else ""
    told = f"; told lawfully: {shown.told}" if shown.told else ""
    return f"{shown.state}, {runs}; it is {clock}{utc}{told}"


def in_tables(shown: Timeline, table: Table) -> dict[str, str]:
    """Return the sections by title, the most pressing first; times are in the organisation's time zone."""
    when = f"when ({shown.zone})"
    days = (shown.until - shown.at).days
    paused = shown.state is IncidentState.PAUSED
    coming = f"Expected in the next {days} days, {'once it is resumed' if paused else 'if what waits is decided now'}"
    sections = {
        WAITS: table((f"by ({shown.zone})", "whom", "do", "what"), waiting_rows(shown.waiting, shown.at, shown.zone)),
        ALERTS: table((when, "what"), [row[:2] for row in _rows(shown, shown.alerts)]),
        UNDER_WAY: table((when, "what", "note"), _rows(shown, shown.going)),
        coming: table((when, "what", "note"), _rows(shown, folded(shown.coming))),
        CONTACTS: table(CONTACT_HEAD, contact_rows(shown.contacts)),
        "Done": table((when, "what", "note"), _rows(shown, folded(shown.past))),
    }
    optional = ((ALERTS, shown.alerts), (UNDER_WAY, shown.going), (CONTACTS, shown.contacts))
    empty = {title for title, lines in optional if not lines}
    return {title: rows for title, rows in sections.items() if title not in empty}


def waiting_rows(tasks: Iterable[WaitingTask], now: datetime, zone: str) -> Rows:
    """Return a row for each waiting task: by when, for whom, the command, and last the task, which may be long."""
    return [(due(task, now, zone), task.whom, task.do, task.what) for task in tasks]


def contact_rows(days: Iterable[ForecastDay]) -> Rows:
    """Return a row for each day: people told, contacts seen, and contacts expected with their range."""
    return [
        (
            f"{day.day:%a} {day.day.day} {day.day:%b}",
            f"{day.told:,}" if day.told else "",
            "" if day.seen is None else f"{day.seen:,}",
            f"{two_digits(day.expected):,}",
            f"{two_digits(day.low):,} to {two_digits(day.high):,}",
        )
        for day in days
    ]


def due(task: WaitingTask, now: datetime, zone: str) -> str:
    """Return by when the task is to be done, in the time zone given."""
    if task.by is None:
        return "OVERDUE" if task.overdue else "now"
    at = there(task.by, now, zone)
    return f"OVERDUE since {at}" if task.overdue else at


def _rows(shown: Timeline, lines: Iterable[TimelineLine]) -> Rows:
    return [(there(line.at, shown.at, shown.zone), line.what, _note(shown, line)) for line in lines]


def _note(shown: Timeline, line: TimelineLine) -> str:
    """Return the note of a line; a legal deadline is shown in UTC too, because authorities are elsewhere."""
    utc = minute(line.at) if line.kind is LineKind.DEADLINE and shown.zone != "UTC" else ""
    return "; ".join(filter(None, (utc, line.note)))


def there(at: datetime, today: datetime, zone: str) -> str:
    """Return the moment in local words, such as Thu 26 Nov 11:00, with the year when it is not the present one."""
    local, here = at.astimezone(ZoneInfo(zone)), today.astimezone(ZoneInfo(zone))
    year = "" if local.year == here.year else f" {local.year}"
    return f"{local:%a} {local.day} {local:%b}{year} {local:%H:%M}"
