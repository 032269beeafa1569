"""The legal duties of an incident: by when, what is filed, and the pack that a person files with."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from amends.cli.clock import now
from amends.cli.desk import Desk, save
from amends.cli.options import As, IncidentId, noun
from amends.cli.words import moment, say, table
from amends.domain.duty import Addressee, Duty
from amends.domain.errors import NotAllowed, NotInLedger
from amends.domain.filing import DutyStatus, Filing, Part, in_time, length, no_such_duty, out_of_order, status, statuses

if TYPE_CHECKING:
    from amends.domain.case import Case

DutyId = Annotated[str, typer.Argument(metavar="DUTY", help="The duty's id, as `amends duty list` shows it.")]
HEAD = ("duty", "due", "recipient", "places", "standing", "first", "filed", "lawyer")
SHOWN_PLACES = 3

app = noun()


@app.command("list")
def listed(ctx: typer.Context, incident: IncidentId) -> None:
    """Every duty of the latest assessment with what was filed, the most pressing first."""
    desk: Desk = ctx.obj
    case = desk.ledger.case(incident, now())
    found = statuses(case, now())
    desk.show(found, table(HEAD, map(_row, found)))
    if case.assessment is None:
        desk.hint(f"{incident} is not assessed yet; `amends run {incident} --playbook NAME --as NAME` does that first")
    if late := [one.duty.id for one in found if one.overdue]:
        desk.hint(f"overdue: {', '.join(late)}; `amends duty pack {incident} {late[0]} --out DIR`")


def _row(one: DutyStatus) -> tuple[object, ...]:
    duty = one.duty
    more = len(duty.places) - SHOWN_PLACES
    places = ", ".join(duty.places[:SHOWN_PLACES]) + (f" and {more} more" if more > 0 else "")
    lawyer = bool(duty.lawyer_needed)
    return duty.id, due(duty), duty.recipient_name, places, say(duty.standing), duty.first, _done(one), lawyer


def due(duty: Duty) -> str:
    """By when, in a cell."""
    if duty.waits:
        return "when its clock starts"
    if duty.due_at is None:
        return "at once"
    return moment(duty.due_at) + (" (assumed)" if duty.assumed else "")


def _done(one: DutyStatus) -> str:
    if one.done_at:
        return moment(one.done_at) + (f", {in_time(one.early_by)}" if one.early_by is not None else "")
    return f"OVERDUE since {length(now() - one.duty.due_at)}" if one.overdue and one.duty.due_at else ""


@app.command()
def show(ctx: typer.Context, incident: IncidentId, duty: DutyId) -> None:
    """One duty with everything that is known about it, and why."""
    desk: Desk = ctx.obj
    case = desk.ledger.case(incident, now())
    found = status(case, _duty(case, duty), now())
    desk.show(found, "\n".join(_in_full(found)))
    if not found.done_at and found.duty.addressee is not Addressee.PEOPLE:
        desk.hint(f"`amends duty pack {incident} {duty} --out DIR` writes what to file")


def _in_full(one: DutyStatus) -> Iterator[str]:
    duty = one.duty
    yield f"{duty.id}: {duty.recipient_name}"
    yield f"{duty.law}, {duty.citation}; {duty.addressee}, {say(duty.standing).replace('_', ' ')}"
    yield f"\ndue {due(duty)}{', the first to this recipient' if duty.first else ''}"
    for title, lines in _parts(one):
        if said := [line for line in lines if line]:
            yield f"\n{title}"
            yield from (f"  {line}" for line in said)


def _parts(one: DutyStatus) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each with its title; the empty ones are left out."""
    duty = one.duty
    yield "filed", tuple(map(_filing, one.filings))
    yield "out of order", one.out_of_order
    yield "why", (duty.why, f"people: {say(duty.people)} in {', '.join(duty.places)}")
    yield "the law's time", (duty.standard, f"from {duty.clock}: {moment(duty.starts_at)}", duty.assumed)
    yield "must come before", duty.before
    yield "must be said", duty.content
    yield "must not be said or done", duty.must_not
    yield "channels", duty.channels
    yield "may stand for telling each person", _substitute(duty)
    yield "form", duty.format_rules
    yield "must be given", (duty.remedy,)
    yield "exemptions", tuple(_exemptions(duty))
    yield "a delay is allowed", duty.delay_allowed
    yield "records", (duty.records,)
    yield "note", (duty.note,)
    yield "how sure this is", (str(duty.confidence), duty.confidence_note, duty.source)
    yield "a lawyer must check", duty.lawyer_needed


def _filing(filing: Filing) -> str:
    corrects = f", corrects {filing.corrects}" if filing.corrects else ""
    note = f"; {filing.note}" if filing.note else ""
    said = f"{filing.part}, {moment(filing.filed_at)} by {filing.by}, receipt {filing.receipt}"
    return f"{filing.number}: {said}{corrects}{note}"


def _substitute(duty: Duty) -> tuple[str, ...]:
    found = duty.substitute
    if found is None:
        return ()
    days = (f"it must stay up for {found.for_days} days",) if found.for_days else ()
    return (*(f"if {line}" for line in found.if_any), *(f"do: {line}" for line in found.do_all), *days)


def _exemptions(duty: Duty) -> Iterator[str]:
    for exemption in duty.exemptions:
        yield exemption.text + (f" (claimed: {', '.join(exemption.evidence)})" if exemption.claimed else "")


@app.command()
def filed(
    ctx: typer.Context,
    incident: IncidentId,
    duty: DutyId,
    at: Annotated[
        str, typer.Option(metavar="TIME", help="When, such as 2026-11-24T16:20; without a zone, the organisation's.")
    ],
    receipt: Annotated[str, typer.Option(metavar="REF", help="The authority's reference, or what shows it was filed.")],
    name: As,
    note: Annotated[str, typer.Option(metavar="TEXT", help="Anything that the team should know.")] = "",
    part: Annotated[Part | None, typer.Option(help="Which part; the first is initial, later ones supplement.")] = None,
    corrects: Annotated[
        int, typer.Option(metavar="NUMBER", min=0, help="The filing that was recorded wrongly; it stays.")
    ] = 0,
) -> None:
    """Record that a person filed it, and how early or late that was; nothing is sent."""
    from amends.cli.nudge import nudge

    desk: Desk = ctx.obj
    by = desk.member(name).name
    filed_at = _time(at, desk.ledger.case(incident).incident.organisation.timezone)
    filing = desk.ledger.file_duty(incident, duty, filed_at, by, receipt, note, now(), part=part, corrects=corrects)
    _say_how_it_stands(desk, incident, filing)
    if filing.sets:
        nudge(desk.settings, incident)
        desk.hint(
            f"this starts the clock of other duties; `amends duty list {incident}` shows them once it is assessed"
        )


def _say_how_it_stands(desk: Desk, incident: str, filing: Filing) -> None:
    """Early or late, and whether something had to come first."""
    case = desk.ledger.case(incident, now())
    owed = next((one for one in case.assessment.duties if one.id == filing.duty), None) if case.assessment else None
    warnings = out_of_order(case, owed, filing.filed_at) if owed else ()
    early_by = owed.due_at - filing.filed_at if owed and owed.due_at else None
    when = f", {in_time(early_by)}" if early_by is not None else ""
    lines = [f"{filing.duty} is filed: number {filing.number}, {filing.part}{when}"]
    lines += [f"out of order: {line}" for line in warnings]
    desk.show({"filing": filing, "early_by": early_by, "out_of_order": warnings}, "\n".join(lines))


def _time(text: str, zone: str) -> datetime:
    """A day with its hour; without a zone, as the organisation's clock shows it."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time such as 2026-11-24T16:20 or 2026-11-24T16:20+01:00") from None
    if len(text) <= len("2026-11-24"):
        raise typer.BadParameter(f"{text!r} has no hour; the law may count in hours")
    return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


@app.command()
def pack(
    ctx: typer.Context,
    incident: IncidentId,
    duty: DutyId,
    out: Annotated[Path, typer.Option(metavar="DIR", file_okay=False, help="Where to write DUTY.md and DUTY.json.")],
) -> None:
    """Write what an authority asks for, as a page and as a form's fields; a person files it."""
    from amends.content.edpb import read_form
    from amends.domain.pack import pack as packed

    desk: Desk = ctx.obj
    case = desk.ledger.case(incident, now())
    owed = _duty(case, duty)
    if owed.addressee is Addressee.PEOPLE:
        raise NotAllowed(f"{duty} is owed to people, who are told by notices: `amends incident show {incident}`")
    made = packed(case, owed, read_form(), now())
    page, fields = (out / f"{duty}{ending}" for ending in (".md", ".json"))
    _refuse_to_overwrite(page, fields)
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    save(page, made.markdown)
    save(fields, json.dumps(made.document(), ensure_ascii=False, indent=2) + "\n")
    written = {"incident": incident, "duty": duty, "page": page, "fields": fields}
    missing = len(made.to_be_filled)
    desk.show(written, f"{page} and {fields} are written; {missing} fields are left to a person")
    desk.hint(f"once it is filed: `amends duty filed {incident} {duty} --at TIME --receipt REF --as NAME`")


def _refuse_to_overwrite(*paths: Path) -> None:
    """Somebody may have filled in what only a person can."""
    if there := [path for path in paths if path.exists()]:
        raise NotAllowed(f"{there[0]} is there already, perhaps filled in by hand; name another folder with --out")


def _duty(case: "Case", duty_id: str) -> Duty:
    """Raises NotInLedger, with the reason for one that was set aside."""
    assessment = case.assessment
    if assessment is None:
        raise NotInLedger(f"incident {case.incident.id} is not assessed yet, so its duties are not known")
    if aside := next((one for one in assessment.set_aside if one.id == duty_id), None):
        raise NotInLedger(f"{duty_id} does not apply: {aside.why}")
    found = next((one for one in assessment.duties if one.id == duty_id), None)
    if found is None:
        raise NotInLedger(no_such_duty(case.incident.id, duty_id, (one.id for one in assessment.duties)))
    return found
