"""The command `amends calendar`: an incident's deadlines for the calendars of the team (RFC 5545).

Duties, commitments, and the times that notices name for the next update.
"""

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
from amends.domain.case.case import Case
from amends.domain.case.filings import DutyStatus, statuses
from amends.domain.case.states import IncidentState
from amends.domain.incident.commitment import NOT_KEPT, Commitment, CommitmentState
from amends.domain.law.duty import Addressee, Duty, DutyStanding
from amends.domain.notice.notice import NoticeStatus
from amends.domain.people.person import AudienceCounts

if TYPE_CHECKING:
    from icalendar import Event

CONFIRMED, TENTATIVE, CANCELLED = "CONFIRMED", "TENTATIVE", "CANCELLED"
ALARMS = (timedelta(hours=24), timedelta(hours=2))
"""The times before an open entry at which its alarms ring."""


@dataclass(frozen=True)
class CalendarEntry:
    """One entry of the calendar."""

    id: str
    """The same in every file, so that a calendar that reads the file again replaces the entry."""
    at: datetime | date
    """The last moment; a date stands for a whole day."""
    summary: str
    description: str
    category: str
    status: str
    sequence: int
    """Grows with every change of the entry."""
    is_open: bool
    """True while something is to be done; then the entry has alarms."""


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
    """Return the case as if the incident were opened and assessed now. Raises ContentError."""
    from amends.cli.assess.assess import assessed
    from amends.content.incident.incident import read_incident

    incident, people = read_incident(path), AudienceCounts()
    return Case(
        incident=incident,
        version=1,
        state=IncidentState.OPEN,
        opened_at=at,
        audience=people,
        assessment=assessed(incident, people),
    )


# Entries


def entries(case: Case, at: datetime) -> tuple[CalendarEntry, ...]:
    """Return the calendar's entries as of this time.

    A duty to be done at once stands on the whole of today, in the organisation's zone, until the duty is done, and
    then on the day when it was done: nobody sees an entry in the past. A duty that waits for a step of our own has no
    time yet and is left out.
    """
    duties = (_of_duty(case, status, at) for status in statuses(case, at) if not _waits(status))
    commitments = (_of_commitment(case, commitment) for commitment in case.commitments)
    updates = (_of_next_update(case, notice, named) for notice in case.notices if (named := _named_time(notice)))
    return (*duties, *commitments, *updates)


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
        is_open=done is None and duty.standing.owed,
    )


def _certainty(duty: Duty) -> str:
    if not duty.standing.owed:
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


def _of_commitment(case: Case, commitment: Commitment) -> CalendarEntry:
    said = some_text(commitment.promise, case.incident.default_locale)
    fate = "Promise" if commitment.state is CommitmentState.OPEN else commitment.state.capitalize()
    put_off = f"\nPromised for {minute(commitment.due_at)} at first" if commitment.new_due_at else ""
    return CalendarEntry(
        id=f"{case.incident.id}.promise.{commitment.id}",
        at=commitment.new_due_at or commitment.due_at,
        summary=f"{fate}: {said}",
        description=f"Owner: {commitment.owner}\nPromised to: {commitment.audience}, in {commitment.made_in}{put_off}",
        category="PROMISE",
        status=CANCELLED if commitment.state in NOT_KEPT else CONFIRMED,
        sequence=bool(commitment.new_due_at) + bool(commitment.settled_at),
        is_open=commitment.state is CommitmentState.OPEN,
    )


def _named_time(notice: NoticeStatus) -> datetime | None:
    """Return the time that a notice named to people for the next update; None when the notice was not sent."""
    return notice.next_news_at if notice.sent_at else None


def _of_next_update(case: Case, notice: NoticeStatus, named: datetime) -> CalendarEntry:
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


# RFC 5545


def in_ical(found: tuple[CalendarEntry, ...], title: str, at: datetime) -> str:
    """Return the calendar as RFC 5545 text; entries block nobody's time, and others see only that an entry exists."""
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
        _add_alarms(event, entry)
    return event


def _add_alarms(event: "Event", entry: CalendarEntry) -> None:
    from icalendar import Alarm

    for before in ALARMS:
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("trigger", -before)
        alarm.add("description", printable(entry.summary))
        event.add_component(alarm)
