"""Commands for the legal duties of an incident: list and show them, record a filing, write the pack to file with."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from amends.cli.law.stale import stale
from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk, save
from amends.cli.terminal.options import As, IncidentId, noun
from amends.cli.terminal.text import table
from amends.cli.terminal.times import time_from
from amends.domain.assess.text import by_when, overdue_for, when
from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.base.text import in_time, minute
from amends.domain.case.filings import DutyStatus, no_such_duty, out_of_order, status, statuses
from amends.domain.case.reach import why_not_substitute
from amends.domain.filing.statements import clock_in_words, how_sure, spoken
from amends.domain.law.duty import Addressee, Duty, Exemption
from amends.domain.law.filing import Filing, Part
from amends.domain.law.substitute import SubstituteNotice

if TYPE_CHECKING:
    from amends.domain.case.case import Case
    from amends.domain.filing.form import Contents
    from amends.domain.law.regime import DutyTable

DutyId = Annotated[str, typer.Argument(metavar="DUTY", help="The duty's id, as `amends duty list` shows it.")]
LEGEND = """Overdue first, then at once, by date, and what waits for a step of our own; exempt and done come last.
earliest: no duty to the same recipient is due before it. (assumed): the clock's start is not recorded. lawyer needed:
a lawyer must look at it before anybody relies on it; `amends duty show` says why."""
SHOWN_PLACES = 3

app = noun()


@app.command("list")
def listed(ctx: typer.Context, incident: IncidentId) -> None:
    """Every duty of the latest assessment with what was filed, the most pressing first."""
    desk: Desk = ctx.obj
    at = now()
    case = assessed_case(desk, incident, at)
    found, zone = sorted(statuses(case, at), key=_urgency), case.incident.organisation.timezone
    rows = table(_head(zone), (_row(one, at, zone) for one in found))
    desk.show(found, f"{rows}\n\n{LEGEND}" if found else rows)
    if late := [one.duty for one in found if one.overdue]:
        filed_by_hand = next((duty.id for duty in late if duty.addressee is not Addressee.PEOPLE), None)
        first = f"; `amends duty pack {incident} {filed_by_hand} --out DIR`" if filed_by_hand else ""
        desk.hint(f"overdue: {', '.join(duty.id for duty in late)}{first}")


def assessed_case(desk: Desk, incident: str, at: datetime) -> "Case":
    """Return the case with its assessment.

    Raises NotInLedger before the first assessment: that no duties are known does not mean that there are none.
    """
    case = desk.ledger.cases.read(incident, at)
    if case.assessment is None:
        start = f"`amends run {incident} --playbook NAME --as NAME` starts that"
        raise NotInLedger(
            f"incident {incident} is not assessed yet, so its duties are not known; {start}, or wait if it runs"
        )
    return case


def _urgency(one: DutyStatus) -> tuple[int, tuple[int, datetime]]:
    """Return the key that sorts duties: overdue, at once, by date, waiting, then exempt, then done."""
    if one.done_at:
        rank = 3
    elif not one.duty.standing.owed:
        rank = 2
    else:
        rank = 0 if one.overdue else 1
    return rank, one.duty.pressure


def _head(zone: str) -> tuple[str, ...]:
    there = (f"due ({zone})",) if zone != "UTC" else ()
    return "duty", "due (UTC)", *there, "recipient", "places", "standing", "earliest", "done", "lawyer needed"


def _row(one: DutyStatus, at: datetime, zone: str) -> tuple[object, ...]:
    duty = one.duty
    more = len(duty.places) - SHOWN_PLACES
    places = ", ".join(duty.places[:SHOWN_PLACES]) + (f" and {more} more" if more > 0 else "")
    there = (_due_locally(duty, zone),) if zone != "UTC" else ()
    known = duty.recipient_name, places, spoken(duty.standing), duty.first, _done(one, at), bool(duty.lawyer_needed)
    return duty.id, _due(duty), *there, *known


def _due(duty: Duty) -> str:
    """Return the due time in UTC, or what stands in its place, for a cell."""
    if duty.waits:
        return "when its clock starts"
    if duty.due_at is None:
        return "at once"
    return minute(duty.due_at) + (" (assumed)" if duty.assumed else "")


def _due_locally(duty: Duty, zone: str) -> str:
    """Return the due time in the organisation's zone; empty without a time."""
    return "" if duty.waits or duty.due_at is None else f"{duty.due_at.astimezone(ZoneInfo(zone)):%a %d %b %H:%M}"


def _done(one: DutyStatus, at: datetime) -> str:
    """Return when the duty was done, else how late it is and what is missing for people who are not told."""
    told = f"told lawfully {one.told}" if one.told else ""
    if one.done_at:
        early = f", {in_time(one.early_by)}" if one.early_by is not None else ""
        return "; ".join(filter(None, (minute(one.done_at) + early, told)))
    late = overdue_for(one.duty, at) if one.overdue else ""
    return "; ".join(filter(None, (late, one.missing, told)))


@app.command()
def show(ctx: typer.Context, incident: IncidentId, duty: DutyId) -> None:
    """One duty with everything that is known about it, and why."""
    from amends.content.law.forms import read_form
    from amends.content.law.regimes import read_duties

    desk: Desk = ctx.obj
    at = now()
    case = assessed_case(desk, incident, at)
    found = status(case, _duty(case, duty), at)
    words = _Words(read_duties(), read_form().contents, case.incident.organisation.timezone)
    desk.show(found, "\n".join(_in_full(found, words, at)))
    if not found.done_at and found.duty.addressee is not Addressee.PEOPLE:
        desk.hint(f"`amends duty pack {incident} {duty} --out DIR` writes what to file")


@dataclass(frozen=True)
class _Words:
    """The words for the codes of a duty, and the zone in which its times are shown beside UTC."""

    table: "DutyTable"
    contents: "Contents"
    zone: str

    def time(self, at: datetime) -> str:
        return when(at, self.zone)

    def content(self, code: str) -> str:
        heading = self.contents.content.get(code)
        return heading.title if heading else spoken(code)

    def contact(self, duty: Duty) -> str:
        recipient = self.table.recipients.get(duty.recipient)
        return duty.contact or (recipient.contact if recipient else "")


def _in_full(one: DutyStatus, words: _Words, at: datetime) -> Iterator[str]:
    duty = one.duty
    yield f"{duty.id}: {duty.recipient_name}"
    yield f"{duty.law}, {duty.citation}; {duty.addressee}, {spoken(duty.standing)}"
    yield f"\n{_time_left(one, words, at)}{'; the earliest to this recipient' if duty.first else ''}"
    if one.missing:
        yield f"not done: {one.missing}"
    for title, lines in _parts(one, words):
        if said := dict.fromkeys(filter(None, lines)):
            yield f"\n{title}"
            yield from (f"  {line}" for line in said)


def _time_left(one: DutyStatus, words: _Words, at: datetime) -> str:
    duty = one.duty
    if one.done_at is None:
        return f"{'' if one.overdue else 'due '}{by_when(duty, at, words.zone)}"
    early = f", {in_time(one.early_by)}" if one.early_by is not None else ""
    return f"done {words.time(one.done_at)}{early}; due {words.time(duty.due_at) if duty.due_at else 'at once'}"


def _parts(one: DutyStatus, words: _Words) -> Iterator[tuple[str, Iterable[str]]]:
    """Yield the parts of a duty, each with its title and lines; the caller leaves out parts without lines."""
    duty = one.duty
    yield "how to reach it", (words.contact(duty),)
    yield "filed", (_filing(filing, words) for filing in one.filings)
    yield "told lawfully", _told(one)
    yield "substitute notice", (_given(one.substitute, words),) if one.substitute else ()
    yield "out of order", one.out_of_order
    yield "why", (duty.why, f"places: {', '.join(duty.places)}" if duty.places else "")
    yield "a person must judge whether", (f"{ask.removesuffix('?')}?" for ask in duty.asks)
    since = f": {words.time(duty.starts_at)}" if duty.starts_at else ""
    started = f"from when {clock_in_words(duty, words.table)}{since}"
    yield "the law's time", (duty.standard, started, duty.assumed and f"assumed: {duty.assumed}")
    yield "must come before", duty.before
    yield from _notice_parts(duty, words)
    yield "exemptions", map(_exemption, duty.exemptions)
    yield "a delay is allowed", duty.delay_allowed
    yield "records", (duty.records,)
    yield "note", (duty.note,)
    yield "how sure this is", (how_sure(duty),)
    yield "a lawyer must check", duty.lawyer_needed


def _notice_parts(duty: Duty, words: _Words) -> Iterator[tuple[str, Iterable[str]]]:
    """Yield the parts about the notice: what must be said and how, and what may stand for telling each person."""
    yield "must be said", map(words.content, duty.content)
    yield "must not be said or done", duty.must_not
    yield "in phases", ("what is not known in time may follow",) if duty.phased else ()
    yield "permitted channels", duty.ways
    yield "may stand for telling each person", _substitute(duty)
    yield "form", duty.format_rules
    yield "must be given", (duty.remedy,)


def _filing(filing: Filing, words: _Words) -> str:
    corrects = f", corrects {filing.corrects}" if filing.corrects else ""
    note = f"; {filing.note}" if filing.note else ""
    said = f"{filing.part}, {words.time(filing.filed_at)} by {filing.by}, receipt {filing.receipt}"
    return f"{filing.number}: {said}{corrects}{note}"


def _told(one: DutyStatus) -> Iterator[str]:
    """Yield how many people were told by messages that count, and where those live whom none has told."""
    if one.told:
        yield str(one.told)
        yield from (
            f"{place or 'place unknown'}: {people:,} without one" for place, people in one.told.by_place.items()
        )


def _given(given: SubstituteNotice, words: _Words) -> str:
    return f"{given.what}, recorded {words.time(given.at)} by {given.by}"


def _substitute(duty: Duty) -> Iterator[str]:
    found = duty.substitute
    if found is None:
        return
    for title, lines in (("if any of", found.if_any), ("do all of", found.do_all)):
        if lines:
            yield f"{title}:"
            yield from (f"  - {line}" for line in lines)
    if found.for_days:
        yield f"it must stay up for {found.for_days} days"


def _exemption(exemption: Exemption) -> str:
    if not exemption.claimed:
        return f"{exemption.text} (not claimed)"
    return f"{exemption.text} (claimed, shown by: {', '.join(map(spoken, exemption.evidence))}; a lawyer must agree)"


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
        int,
        typer.Option(
            metavar="NUMBER", min=0, show_default=False, help="The filing that was recorded wrongly; it stays."
        ),
    ] = 0,
) -> None:
    """Record that a person filed it, and how early or late that was; nothing is sent."""
    from amends.cli.terminal.prefect import nudge

    desk: Desk = ctx.obj
    by = desk.member(name).name
    filed_at = time_from(at, desk.ledger.cases.outline(incident).incident.organisation.timezone)
    filing = desk.ledger.filings.record(
        incident, duty, filed_at, by, receipt, note, now(), part=part, corrects=corrects
    )
    _say_how_it_stands(desk, incident, filing)
    if filing.sets:
        nudge(desk, incident)
        desk.hint(
            f"this starts the clock of other duties; `amends duty list {incident}` shows them once it is assessed"
        )


def _say_how_it_stands(desk: Desk, incident: str, filing: Filing) -> None:
    """Show whether the filing was early or late, and whether something had to come first."""
    case = desk.ledger.cases.read(incident, now())
    owed = next((duty for duty in case.assessment.duties if duty.id == filing.duty), None) if case.assessment else None
    warnings = out_of_order(case, owed, filing.filed_at) if owed else ()
    early_by = owed.due_at - filing.filed_at if owed and owed.due_at else None
    when = f", {in_time(early_by)}" if early_by is not None else ""
    lines = [f"{filing.duty} is filed: number {filing.number}, {filing.part}{when}"]
    lines += [f"out of order: {line}" for line in warnings]
    desk.show({"filing": filing, "early_by": early_by, "out_of_order": warnings}, "\n".join(lines))


@app.command()
def substitute(
    ctx: typer.Context,
    incident: IncidentId,
    duty: DutyId,
    name: As,
    url: Annotated[
        str, typer.Option(metavar="URL", help="Where it can be read, such as https://example.org/news.")
    ] = "",
    note: Annotated[str, typer.Option(metavar="TEXT", help="How it was given, where no page has it.")] = "",
) -> None:
    """Record that a person gave the substitute notice of a duty, once; nothing is published.

    For people whom nothing reached. The duty counts as done when nobody there waits for a message or a letter.
    """
    desk: Desk = ctx.obj
    by, at = desk.member(name).name, now()
    case = assessed_case(desk, incident, at)
    if why := why_not_substitute(case, _duty(case, duty)):
        raise NotAllowed(why)
    given = desk.ledger.filings.give_substitute(incident, duty, by, at, url=url, note=note)
    after = desk.ledger.cases.read(incident, at)
    found = status(after, _duty(after, duty), at)
    stands = f"not done yet: {found.missing}" if found.missing else f"done {_done(found, at)}"
    desk.show({"substitute": given, "status": found}, f"the substitute notice for {duty} is recorded; {stands}")


@app.command()
def pack(
    ctx: typer.Context,
    incident: IncidentId,
    duty: DutyId,
    out: Annotated[Path, typer.Option(metavar="DIR", file_okay=False, help="Where to write DUTY.md and DUTY.json.")],
) -> None:
    """Write what an authority asks for, as a page and as a form's fields; a person files it."""
    from amends.content.law.forms import read_form
    from amends.content.law.regimes import read_duties
    from amends.domain.filing.pack import pack as packed

    desk: Desk = ctx.obj
    at = now()
    case = assessed_case(desk, incident, at)
    owed = _duty(case, duty)
    if owed.addressee is Addressee.PEOPLE:
        raise NotAllowed(f"{duty} is owed to people, who are told by notices: `amends incident show {incident}`")
    made = packed(case, owed, read_form(), read_duties(), at)
    page, fields = (out / f"{duty}{ending}" for ending in (".md", ".json"))
    _refuse_to_overwrite(page, fields)
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    save(page, made.markdown)
    save(fields, json.dumps(made.document(), ensure_ascii=False, indent=2) + "\n")
    written = {"incident": incident, "duty": duty, "page": page, "fields": fields}
    missing = len(made.to_be_filled)
    what = "fields are" if made.about["is_this_authoritys_form"] else "points of what its law asks for are"
    desk.show(written, f"{page} and {fields} are written; {missing} {what} left to a person")
    desk.hint(f"once it is filed: `amends duty filed {incident} {duty} --at TIME --receipt REF --as NAME`")


def _refuse_to_overwrite(*paths: Path) -> None:
    """Raise NotAllowed when one of the files exists: a person may have filled it in by hand."""
    if there := [path for path in paths if path.exists()]:
        raise NotAllowed(f"{there[0]} is there already, perhaps filled in by hand; name another folder with --out")


def _duty(case: "Case", duty_id: str) -> Duty:
    """Return the duty. Raises NotInLedger, with the reason when the duty was set aside."""
    set_aside, duties = (case.assessment.set_aside, case.assessment.duties) if case.assessment else ((), ())
    if aside := next((one for one in set_aside if one.id == duty_id), None):
        raise NotInLedger(f"{duty_id} does not apply: {aside.why}")
    found = next((duty for duty in duties if duty.id == duty_id), None)
    if found is None:
        raise NotInLedger(no_such_duty(case.incident.id, duty_id, (duty.id for duty in duties)))
    return found


app.command()(stale)
