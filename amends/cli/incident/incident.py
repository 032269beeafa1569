"""Commands that write, open, check, amend, follow and close incidents."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.incident.close import close
from amends.cli.incident.gap_text import NEEDED, gap_hints, gap_lines, go_hints
from amends.cli.incident.new import new
from amends.cli.incident.own_domains import why_not_on_portal
from amends.cli.notice.approval_text import approval_lines
from amends.cli.people.audience import Encoding, LeaveOut, report_lines, shared_mailboxes
from amends.cli.people.locales import words_of
from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.files import write_new
from amends.cli.terminal.list_hints import list_hints
from amends.cli.terminal.options import AllowBadRows, As, AudienceFile, IncidentId, Yes, noun
from amends.cli.terminal.second_person import With, second_member
from amends.cli.terminal.text import fitted, table
from amends.content.people.audience import only_good, usable
from amends.domain.assess.assessment import Assessment
from amends.domain.assess.text import fitting
from amends.domain.base.errors import ContentError, Finding, NotAllowed, NotInLedger
from amends.domain.base.text import counted, counts, destroyed, minute, parked, say_span
from amends.domain.case.case import Case
from amends.domain.case.next_update import NextUpdate, next_updates
from amends.domain.closing.closing import still_needed
from amends.domain.draft.languages import reader_findings, unused_texts
from amends.domain.notice.notice import NoticeStage, NoticeStatus
from amends.domain.plan.plan import Plan, never_stated, plan
from amends.domain.team.look import LOOKED
from amends.settings import SettingsError

if TYPE_CHECKING:
    from amends.domain.incident.commitment import PlannedCommitment
    from amends.domain.incident.incident import Incident
    from amends.ledger import AuditEntry

WHO_OPENS = "say with --as NAME who opens this; notices are approved by others than their author"
UNTOLD = ("claimed", LOOKED)
"""Acts that are too many for a timeline: workers claim messages all the time; `amends audit looked` lists looks."""
WHAT_IS_LEFT = (
    "what Amends cannot reach is for you: backups of the ledger from before (they hold the key), the audience files, "
    "letter files and exports that were written elsewhere, mails in inbox/kept of the home, mails and logs of your "
    "providers; docs/operations.md has the list under `When it is over`"
)

File = Annotated[Path, typer.Argument(metavar="FILE", help="An incident file, YAML or JSON.")]

app = noun()
app.command("new")(new)


@app.command("open")
def open_(
    ctx: typer.Context,
    file: File,
    audience: AudienceFile,
    name: Annotated[
        str, typer.Option("--as", metavar="NAME", help="Who you are; needed once the team has people.")
    ] = "",
    allow_bad_rows: AllowBadRows = False,
    encoding: Encoding = None,
    leave_out: LeaveOut = None,
) -> None:
    """Store an incident with its people: all of it, or nothing. Facts are enough; texts can follow with `amend`."""
    from amends.cli.terminal.prefect import nudge
    from amends.content.incident.incident import read_incident_with_gaps
    from amends.content.people.read_ahead import AudienceReadAhead
    from amends.system.processes import few_cycles

    desk: Desk = ctx.obj
    incident, gaps = read_incident_with_gaps(file)
    author = desk.member_if_any(name, WHO_OPENS)
    people = AudienceReadAhead(audience, encoding=encoding, left_out=leave_out or (), today=now().date())
    advice = "or leave them out: --allow-bad-rows"
    rows = usable(audience, people) if allow_bad_rows else only_good(audience, people, advice)
    with few_cycles():
        count = desk.ledger.incidents.open(incident, rows, author, now())
    report = [*report_lines(str(audience), people.report), f"incident {incident.id} is open with {count} people"]
    answer = {"incident": incident.id, "people": count, "audience": people.report.as_json(), NEEDED: gaps}
    desk.show(answer, "\n".join(report))
    nudge(desk, incident.id)  # so that the forms in Prefect offer it
    hints = (
        why_not_on_portal(desk.settings.public_url, incident),
        *list_hints(desk.ledger.cases.outline(incident.id)),
        *shared_mailboxes(people.report),
        *gap_hints(incident),
    )
    for hint in filter(None, hints):
        desk.hint(hint)
    desk.hint(f"`amends run {incident.id} --playbook NAME --as NAME` starts a playbook; `amends playbook list`")


@app.command()
def check(
    ctx: typer.Context,
    file: File,
    playbook: Annotated[
        str, typer.Option(metavar="NAME", help="Whose words its texts need, unless the incident runs here already.")
    ] = "customer-data-theft",
) -> None:
    """Read an incident file; exit code 3 with every finding. Lists what is needed before the first notice.

    A text in a language without templates is a finding. Of an incident that is open here, promises are found that no
    notice to come would make, and people in whose language there are no words.
    """
    from amends.content.incident.incident import read_incident_with_gaps

    desk: Desk = ctx.obj
    incident, gaps = read_incident_with_gaps(file)
    if running := _running(desk, incident.id):
        _refuse_never_told(running, file, incident, incident.commitments)
    _refuse_languages(desk, running, file, incident, playbook)
    locales, advice = tuple(incident.texts), _advice_on_promises(desk, running, file, incident)
    values = {"findings": advice, "incident": incident.id, "title": incident.title, "locales": locales, NEEDED: gaps}
    written = f"in {', '.join(locales)}" if locales else "without texts"
    found = "advice only" if advice else "no findings"
    head = f"{file}: {incident.title} ({incident.id}), {written}: {found}"
    desk.show(values, "\n".join((head, *map(str, advice), *gap_lines(gaps))))
    desk.hint(f"`amends assess {file}` works out how grave it is")


def _advice_on_promises(desk: Desk, case: Case | None, file: Path, incident: "Incident") -> tuple[Finding, ...]:
    """Return advice on promises of the file whose owner is no member here, or whose day has passed."""
    from amends.content.file.document import read_document
    from amends.content.incident.days import passed_days
    from amends.content.playbook.owners import check_owners

    document, made = read_document(file), {commitment.id for commitment in case.commitments} if case else set()
    try:
        members = desk.ledger.team.members()
    except SettingsError:
        members = ()
    owners = check_owners(incident.commitments, members, document.where)
    return (*owners, *passed_days(incident, made, document.where, now()))


def _refuse_languages(desk: Desk, case: Case | None, file: Path, incident: "Incident", playbook: str) -> None:
    """Raise ContentError for texts without templates, and for people of the case without words."""
    from amends.content.file.document import read_document
    from amends.content.playbook.playbook import open_playbook

    pinned = case is not None and case.pinned
    words = words_of(desk, incident.id) if pinned else sorted(open_playbook(playbook).wording.phrases)
    document, rulings = read_document(file), case.locale_rulings if case else ()
    found = list(unused_texts(incident, words, rulings, lambda locale: document.where(("texts", locale), of_key=True)))
    if case and incident.texts:
        found += reader_findings(incident, words, case.audience.by_locale, rulings)
    if found:
        raise ContentError(*found)


def _running(desk: Desk, incident: str) -> Case | None:
    """Return the case of an incident that is open in this home, or None without a home or an incident."""
    try:
        return desk.ledger.cases.read(incident, now())
    except (SettingsError, NotInLedger):
        return None


def _refuse_never_told(case: Case, file: Path, incident: "Incident", planned: "Sequence[PlannedCommitment]") -> None:
    """Raise ContentError for those of these commitments of the file that no notice to come would make."""
    from amends.content.file.document import read_document
    from amends.content.playbook.checks import never_told

    if missed := never_stated(case, planned):
        document = read_document(file)
        places = (document.where(("commitments", incident.commitments.index(one))) for one in missed)
        raise ContentError(*(never_told(one, where) for one, where in zip(missed, places, strict=True)))


@app.command()
def facts(ctx: typer.Context) -> None:
    """Print every fact and every time of an incident file, with its meaning and its words."""
    from amends.content.incident.vocabulary import FACTS_HEAD, TIMES_HEAD, times_vocabulary
    from amends.domain.incident.vocabulary import facts_vocabulary

    desk: Desk = ctx.obj
    known, times = facts_vocabulary(), times_vocabulary()
    values = {"facts": [one._asdict() for one in known], "times": [time._asdict() for time in times]}
    desk.show(values, f"{fitted(FACTS_HEAD, known)}\n\n{fitted(TIMES_HEAD, times)}")


@app.command("import")
def import_(
    ctx: typer.Context,
    veris: Annotated[Path, typer.Option(metavar="RECORD", help="A VERIS record, .json, or several, .jsonl.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write it; printed when left out.")] = None,
    record: Annotated[str, typer.Option(metavar="ID", help="Which of several: its incident_id or its number.")] = "",
) -> None:
    """Make an incident file from a VERIS record; what VERIS does not say stays unknown."""
    from amends.content.incident.veris.incident_file import from_veris
    from amends.content.incident.veris.record_file import read_record

    desk: Desk = ctx.obj
    made = from_veris(read_record(veris, record))
    values = {"incident": made.content["id"], "file": out, "todo": made.todo}
    if out is None:
        desk.show({**values, "content": made.content}, made.yaml().rstrip("\n"))
    else:
        write_new(out, made.yaml())
        desk.show(values, f"{out} is written")
    desk.hint(f"{len(made.todo)} lines say TODO: replace them, then `amends incident check {out or 'FILE'}`")


@app.command()
def amend(ctx: typer.Context, file: File, name: As) -> None:
    """Hand in new facts or texts; approvals of what has not left become void."""
    from amends.cli.terminal.prefect import nudge
    from amends.content.incident.incident import read_incident

    desk: Desk = ctx.obj
    incident = read_incident(file)
    author = desk.member(name).name
    before = desk.ledger.cases.read(incident.id)
    if before.incident == incident:
        desk.show({"incident": incident.id, "version": before.version, "void": ()}, "nothing in it is new")
        return
    known = {commitment.id for commitment in before.incident.commitments}
    _refuse_never_told(
        before, file, incident, [commitment for commitment in incident.commitments if commitment.id not in known]
    )
    version = desk.ledger.incidents.amend(incident, author, now())
    void = {notice.id: notice.approvals for notice in before.notices if _loses_approvals(notice)}
    lines = [f"{incident.id} is at version {version}"]
    lines += [f"void: the approvals of {notice} by {', '.join(members)}" for notice, members in void.items()]
    desk.show({"incident": incident.id, "version": version, "void": void}, "\n".join(lines))
    nudge(desk, incident.id)
    redrafted = f"what has not left is drafted afresh; `amends incident show {incident.id}`"
    gaps = tuple(gap_hints(incident)) or (*go_hints(before, incident), redrafted)
    for hint in (*list_hints(before.model_copy(update={"incident": incident})), *gaps):
        desk.hint(hint)


def _loses_approvals(notice: NoticeStatus) -> bool:
    has_left = notice.stage is NoticeStage.SENT and not notice.letters
    return bool(notice.approvals) and notice.current and not has_left


@app.command("list")
def listed(ctx: typer.Context) -> None:
    """All incidents, the newest first."""
    desk: Desk = ctx.obj
    lines = desk.ledger.incidents.all()
    rows = (
        (line.id, "destroyed" if line.destroyed_at else line.state, line.people, line.opened_at, line.title)
        for line in lines
    )
    desk.show(lines, table(("incident", "state", "people", "opened", "title"), rows))


@app.command()
def show(ctx: typer.Context, incident: IncidentId) -> None:
    """An incident in numbers, and what comes next."""
    desk: Desk = ctx.obj
    case = desk.ledger.cases.read(incident, now())
    planned = plan(case, now())
    updates = next_updates(case, now())
    lines = (*_in_numbers(case, planned), *_next_update_lines(updates))
    desk.show({"case": case, "plan": planned, "news": updates}, "\n".join(lines))
    for notice in planned.awaiting_approval:
        desk.hint(f"{notice} waits for approval: `amends preview {incident} {notice}`")
    for step in planned.held:
        desk.hint(f"{step} is held: `amends step go|skip {incident} {step} NUMBER --as NAME`")
    for status in case.notices:
        if status.parked:
            desk.hint(parked(incident, status.id, status.parked))


def _in_numbers(case: Case, planned: Plan) -> Iterator[str]:
    yield f"{case.incident.id}: {case.incident.title}"
    yield f"state {case.state}, version {case.version}, opened {minute(case.opened_at)}, {case.audience.people} people"
    if case.destroyed_at:
        yield destroyed(case.destroyed_at)
    yield f"severity {case.assessment.band.replace('_', ' ') if case.assessment else 'not assessed yet'}"
    yield f"playbook {f'{case.playbook.id} {case.pinned[:12]}' if case.playbook else 'none runs'}"
    yield "\nnotices"
    notices = ((n.id, n.stands, f"{len(n.approvals)} of {n.approvals_needed}", _people(n)) for n in case.notices)
    yield table(("notice", "stage", "approvals", "people"), notices)
    yield from (line for notice in case.notices for line in approval_lines(notice))
    yield "\npromises"
    commitments = ((c.id, c.state, c.new_due_at or c.due_at, c.owner) for c in case.commitments)
    yield table(("promise", "state", "due", "owner"), commitments)
    asked = case.questions
    yield f"\nquestions: {asked.asked} asked, {asked.open} open, {asked.overdue} overdue; {counts(asked.by_topic)}"
    yield "\nnext"
    yield table(
        ("due", "step", "occurrence"), ((o.due_at, o.step, o.number) for o in (*planned.due, *planned.upcoming))
    )


def _next_update_lines(updates: tuple[NextUpdate, ...]) -> Iterator[str]:
    """Yield a title and a table: what became of each time that people were given for the next update."""
    yield "\nnext news"
    rows = (
        (update.until, ", ".join(update.named_by), update.fate, update.by, update.came_at, _late(update))
        for update in updates
    )
    yield table(("named for", "named by", "fate", "by", "at", "late"), rows)


def _late(update: NextUpdate) -> str:
    return say_span(update.late_by(now()))


def _people(notice: NoticeStatus) -> str:
    """Return how many people are in each state, and how many of the list have no message of the notice."""
    return counts({**notice.people, "not told": notice.not_told})


@app.command()
def timeline(ctx: typer.Context, incident: IncidentId) -> None:
    """Show what was done, by whom, and what comes."""
    desk: Desk = ctx.obj
    case, entries = desk.ledger.cases.read(incident, now()), desk.ledger.audit.entries(incident)
    planned = plan(case, now())
    past = list(_acts(entries))
    coming = [(one.due_at, "–", "planned", f"{one.step} {one.number}") for one in (*planned.due, *planned.upcoming)]
    text = table(("when", "who", "what", "about"), past + coming)
    desk.show({"entries": entries, "plan": planned}, text)


def _acts(entries: Iterable["AuditEntry"]) -> Iterator[tuple[datetime, str, str, str]]:
    """Yield one row for each act; the same act several times in a row is one row with its count."""
    shown = (entry for entry in entries if entry.act not in UNTOLD)
    for (actor, act, subject), group in groupby(shown, key=lambda entry: (entry.actor, entry.act, entry.subject)):
        same = list(group)
        yield same[-1].at, actor, act, f"{subject} ({len(same)} times)" if len(same) > 1 else subject


@app.command()
def assessments(ctx: typer.Context, incident: IncidentId) -> None:
    """Every assessment that was made, the oldest first, and what each one changed."""
    desk: Desk = ctx.obj
    desk.ledger.cases.read(incident)
    made = desk.ledger.assessments.all(incident)
    desk.show(made, "\n".join(_with_changes(made)))
    if not made:
        desk.hint(f"it is not assessed yet; `amends run {incident} --playbook NAME --as NAME` does that first")


def _with_changes(made: tuple[Assessment, ...]) -> Iterator[str]:
    rows = ((one.version, one.at, one.band.replace("_", " "), one.risk, len(one.duties)) for one in made)
    head, *lines = table(("number", "at", "severity", "risk", "duties"), rows).splitlines()
    yield head
    for line, one in zip(lines, made, strict=False):
        yield line
        for change in one.changes or ("the first" if one is made[0] else "nothing changed",):
            yield from fitting(f"    {change}")


@app.command()
def pause(ctx: typer.Context, incident: IncidentId, name: As) -> None:
    """Send nothing and begin nothing until it is resumed; a running send stops too."""
    desk: Desk = ctx.obj
    desk.ledger.incidents.pause(incident, desk.member(name).name, now())
    desk.show({"incident": incident, "state": "paused"}, f"{incident} is paused")
    desk.hint(f"`amends incident resume {incident} --as NAME` lets it go on")


@app.command()
def resume(ctx: typer.Context, incident: IncidentId, name: As, yes: Yes = False) -> None:
    """Go on; what came due meanwhile is due now. Asks when the world has changed since it was paused."""
    from amends.cli.terminal.prefect import nudge

    desk: Desk = ctx.obj
    by = desk.member(name).name
    _ask_about_changes(desk, incident, yes=yes)
    desk.ledger.incidents.resume(incident, by, now())
    desk.show({"incident": incident, "state": "open"}, f"{incident} goes on")
    nudge(desk, incident)


def _ask_about_changes(desk: Desk, incident: str, *, yes: bool) -> None:
    """Raise NotAllowed when something has changed since the pause and nobody confirms that the incident is to go on."""
    from amends.domain.plan.resume import changed_meanwhile

    changed = changed_meanwhile(desk.ledger.cases.read(incident, now()), desk.ledger.audit.entries(incident), now())
    if not changed:
        return
    desk.hint("since it was paused:\n" + "\n".join(f"  {line}" for line in changed))
    if yes:
        return
    if not sys.stdin.isatty() or not typer.confirm("go on all the same?", err=True):
        raise NotAllowed(f"{incident} stays paused; look at this, then resume it with --yes")


@app.command()
def embargo(
    ctx: typer.Context,
    incident: IncidentId,
    until: Annotated[str, typer.Option(metavar="TIME", help="Such as 2026-11-30T12:00, on the organisation's clock.")],
    why: Annotated[str, typer.Option(metavar="TEXT", help="Who asked for it, and what they gave: a letter's number.")],
    name: As,
) -> None:
    """Let nothing leave before this time, because law enforcement asked for it; drafting and approving go on.

    What is under way stops at once. A day before the end the lead is asked to look again; then what is approved leaves.
    """
    from amends.cli.terminal.times import time_from

    desk: Desk = ctx.obj
    by, zone = desk.member(name).name, desk.ledger.cases.outline(incident).incident.organisation.timezone
    end = time_from(until, zone)
    desk.ledger.incidents.embargo(incident, end, why, by, now())
    desk.show({"incident": incident, "until": end, "why": why}, f"nothing of {incident} leaves before {minute(end)}")
    desk.hint(f"deadlines of the law go on: `amends timeline {incident}`; `amends incident lift {incident}` ends it")


@app.command()
def lift(ctx: typer.Context, incident: IncidentId, name: As) -> None:
    """End the embargo: what is approved may leave."""
    from amends.cli.terminal.prefect import nudge

    desk: Desk = ctx.obj
    desk.ledger.incidents.lift_embargo(incident, desk.member(name).name, now())
    desk.show({"incident": incident, "embargo": None}, f"what is approved of {incident} may leave")
    nudge(desk, incident)


app.command()(close)


@app.command()
def destroy(ctx: typer.Context, incident: IncidentId, name: As, other: With, yes: Yes = False) -> None:
    """Destroy the personal data of an incident that is over, on the word of two; nothing brings it back.

    Names, addresses, questions and answers cannot be read any more, personal links open nothing. Counts, times, notices
    and the audit chain stay. Called again, it finishes what was broken off.
    """
    from amends.delivery.forget import DataPlaces, destroy_case

    desk: Desk = ctx.obj
    first = desk.member(name)
    second = second_member(desk, first, other)
    case = desk.ledger.views.closing(incident, now())
    if needed := still_needed(case, now()):
        raise NotAllowed(f"the personal data of incident {incident} is still needed: {'; '.join(needed)}")
    _ask_to_destroy(desk, case, yes=yes)
    places = DataPlaces(desk.settings.channels, desk.settings.home)
    files = destroy_case(desk.ledger, places, incident, first, second, now())
    at = desk.ledger.cases.outline(incident).destroyed_at or now()
    people = case.audience.people
    desk.show(
        {"incident": incident, "destroyed_at": at, "people": people, "files": files},
        f"{incident}: {destroyed(at)}, of {counted(people, 'person', 'people')}",
    )
    desk.hint(WHAT_IS_LEFT)


def _ask_to_destroy(desk: Desk, case: Case, *, yes: bool) -> None:
    """Raise NotAllowed unless a person confirms the destruction, BadParameter when there is no terminal to ask at."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("say --yes, or call this from a terminal, where it asks")
    people, questions = counted(case.audience.people, "person", "people"), case.questions.asked
    desk.hint(f"names and addresses of {people} and the words of {counted(questions, 'question')} are lost for ever")
    if typer.prompt("Type the incident's id to destroy its personal data", err=True) != case.incident.id:
        raise NotAllowed("that is not the incident's id; nothing was destroyed")
