"""An incident's deadlines for the calendars of the team (RFC 5545): duties, promises, times named for the next news."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from amends.cli.law.duty import assessed_case
from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk, save
from amends.domain.base.text import minute, printable
from amends.domain.base.value import some_text
from amends.domain.case.case import Case, IncidentState
from amends.domain.case.filings import DutyStatus, statuses
from amends.domain.incident.commitment import Commitment, CommitmentState
from amends.domain.law.duty import Addressee, Duty, DutyStanding
from amends.domain.notice.notice import NoticeStatus
from amends.domain.people.person import AudienceCounts

if TYPE_CHECKING:
    from icalendar import Event

ALARMS = (timedelta(hours=24), timedelta(hours=2))
"""How long before its time an entry makes itself heard."""
CONFIRMED, TENTATIVE, CANCELLED = "CONFIRMED", "TENTATIVE", "CANCELLED"


@dataclass(frozen=True)
class CalendarEntry:
    """One entry of the calendar."""

    id: str
    """The same each time, so that a calendar that reads the file again replaces what it has."""
    at: datetime | date
    """The last moment; a date stands for a whole day."""
    summary: str
    description: str
    category: str
    status: str
    sequence: int
    """Grows when something changed."""
    is_open: bool
    """Something is to be done, so it makes itself heard."""


def calendar(
    ctx: typer.Context,
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="The incident's id.")] = "",
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="An incident file instead; no ledger is needed.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write it; INCIDENT.ics when left out.")
    ] = None,
) -> None:
    """Write the deadlines as a calendar file, without personal data."""
    desk: Desk = ctx.obj
    if bool(incident) == bool(file):
        raise typer.BadParameter("name either an incident or, with --file, an incident file")
    at = now()
    case = _from_file(file, at) if file else assessed_case(desk, incident, at)
    found, waiting = entries(case, at), sum(_waits(status) for status in statuses(case, at))
    path = out or Path(f"{case.incident.id}.ics")
    save(path, in_ical(found, f"{case.incident.id}: deadlines", at))
    words = f"{path} is written: {len(found)} entries" + (f"; {waiting} wait for a step of our own" if waiting else "")
    desk.show({"incident": case.incident.id, "calendar": path, "entries": len(found), "waiting": waiting}, words)
    desk.hint("import it into a calendar; write and import it again when something changed: entries are replaced")


def _from_file(path: Path, at: datetime) -> Case:
    """The case as it would stand were the incident opened now. Raises ContentError."""
    from amends.cli.assess.assess import assessed
    from amends.content.incident.incident import read_incident

    incident, people = read_incident(path), AudienceCounts()
    return Case(
        incident=incident,
        version=1,
        state=IncidentState.OPEN,
        opened_at=at,
        author="",
        audience=people,
        assessment=assessed(incident, people),
    )


# What stands in it


def entries(case: Case, at: datetime) -> tuple[CalendarEntry, ...]:
    """The calendar's entries as of now.

    What must be done at once stands on the whole of today, where the organisation is, until it is done, and then on
    the day on which it was: an entry in the past is one that nobody sees. What waits for a step of our own has no
    time yet and is left out.
    """
    duties = (_of_duty(case, status, at) for status in statuses(case, at) if not _waits(status))
    promises = (_of_promise(case, promise) for promise in case.commitments)
    news = (_of_news(case, notice, named) for notice in case.notices if (named := _named(notice)))
    return (*duties, *promises, *news)


def _waits(status: DutyStatus) -> bool:
    return status.duty.waits and status.done_at is None


def _of_duty(case: Case, status: DutyStatus, at: datetime) -> CalendarEntry:
    duty, done = status.duty, status.done_at
    today = (done or at).astimezone(ZoneInfo(case.incident.organisation.timezone)).date()
    urgency = "Due" if duty.due_at else "At once"
    return CalendarEntry(
        id=f"{case.incident.id}.duty.{duty.id}",
        at=duty.due_at or today,
        summary=f"{'Done' if done else urgency}: {duty.recipient_name} ({duty.law}, {duty.citation})",
        description="\n".join(_about(case, status)),
        category="DUTY",
        status=_certainty(duty) if done is None else CONFIRMED,
        sequence=case.assessment.version if case.assessment else 0,
        is_open=done is None and duty.standing is not DutyStanding.EXEMPT,
    )


def _certainty(duty: Duty) -> str:
    if duty.standing is DutyStanding.EXEMPT:
        return CANCELLED
    return TENTATIVE if duty.assumed or duty.standing is DutyStanding.MAY_APPLY else CONFIRMED


def _about(case: Case, status: DutyStatus) -> Iterator[str]:
    duty = status.duty
    if status.done_at:
        yield f"Done: {minute(status.done_at)}"
    yield f"Stands: {duty.standing.replace('_', ' ')}"
    yield f"Why: {duty.why}"
    yield f"Time: {duty.standard or 'at once'}"
    if duty.assumed:
        yield f"Assumed: {duty.assumed}"
    yield from (f"Ask a lawyer: {reason}" for reason in duty.lawyer_needed)
    yield from (f"Must not: {text}" for text in duty.must_not)
    yield from (f"Comes before: {other}" for other in duty.before)
    if not status.done_at and duty.addressee is not Addressee.PEOPLE:
        yield f"Once it is done: amends duty filed {case.incident.id} {duty.id}"


def _of_promise(case: Case, promise: Commitment) -> CalendarEntry:
    said = some_text(promise.promise, case.incident.default_locale)
    fate = {CommitmentState.OPEN: "Promise", CommitmentState.KEPT: "Kept", CommitmentState.DROPPED: "Dropped"}
    put_off = f"\nPromised for {minute(promise.due_at)} at first" if promise.new_due_at else ""
    return CalendarEntry(
        id=f"{case.incident.id}.promise.{promise.id}",
        at=promise.new_due_at or promise.due_at,
        summary=f"{fate[promise.state]}: {said}",
        description=f"Owner: {promise.owner}\nPromised to: {promise.audience}, in {promise.made_in}{put_off}",
        category="PROMISE",
        status=CANCELLED if promise.state is CommitmentState.DROPPED else CONFIRMED,
        sequence=bool(promise.new_due_at) + bool(promise.settled_at),
        is_open=promise.state is CommitmentState.OPEN,
    )


def _named(notice: NoticeStatus) -> datetime | None:
    """The time that people were given for the next news; what was not sent has named nothing."""
    return notice.next_news_at if notice.sent_at else None


def _of_news(case: Case, notice: NoticeStatus, named: datetime) -> CalendarEntry:
    told_until = case.told_news_until()
    told = told_until is not None and notice.drafted_at < told_until
    return CalendarEntry(
        id=f"{case.incident.id}.news.{notice.id}",
        at=named,
        summary=f"{'Done' if told else 'Announced'}: the next news after {notice.id}",
        description=f"{notice.id} told people that they hear more by then",
        category="NEXT NEWS",
        status=CONFIRMED,
        sequence=int(told),
        is_open=not told,
    )


# How it is written


def in_ical(found: tuple[CalendarEntry, ...], title: str, at: datetime) -> str:
    """The calendar as RFC 5545 writes it; deadlines block nobody's time, and others see only that there is one."""
    from icalendar import Calendar

    from amends import __version__

    whole = Calendar()
    whole.add("prodid", f"-//Amends//Amends {__version__}//EN")
    whole.add("version", "2.0")
    whole.add("x-wr-calname", printable(title))
    for entry in found:
        whole.add_component(_event(entry, at))
    written: bytes = whole.to_ical()
    return written.decode("utf-8")


def _event(entry: CalendarEntry, at: datetime) -> "Event":
    from icalendar import Event

    event = Event()
    event.add("uid", f"{entry.id}@amends")
    event.add("dtstamp", at)
    event.add("dtstart", entry.at)
    event.add("summary", printable(entry.summary))
    event.add("description", printable(entry.description))
    event.add("categories", [entry.category])
    event.add("status", entry.status)
    event.add("sequence", entry.sequence)
    event.add("class", "CONFIDENTIAL")
    event.add("transp", "TRANSPARENT")
    if entry.is_open and isinstance(entry.at, datetime) and entry.at > at:
        _ring(event, entry)
    return event


def _ring(event: "Event", entry: CalendarEntry) -> None:
    from icalendar import Alarm

    for before in ALARMS:
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("trigger", -before)
        alarm.add("description", printable(entry.summary))
        event.add_component(alarm)
