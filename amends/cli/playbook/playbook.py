"""Commands that list, show, write, check, compare and try out playbooks."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.files import write_new
from amends.cli.terminal.options import AudienceFileIfAny, InFile, InThisLedger, noun
from amends.domain.playbook.playbook import Playbook, at_severity

if TYPE_CHECKING:
    from amends.content.playbook.playbook import Opened
    from amends.domain.base.errors import Finding
    from amends.domain.case.views.draft import DraftView

Name = Annotated[str, typer.Argument(metavar="NAME", help="A shipped playbook by name, or a file of your own.")]

app = noun()


@app.command("list")
def listed(ctx: typer.Context) -> None:
    """The playbooks that come with Amends."""
    from amends.content.playbook.library import shipped_playbooks
    from amends.content.playbook.playbook import read_playbook

    desk: Desk = ctx.obj
    found = [read_playbook(path) for path in shipped_playbooks().values()]
    values = [{"id": playbook.id, "title": playbook.title, "for": playbook.for_} for playbook in found]
    desk.show(values, "\n\n".join(f"{book.id}: {book.title}\n  {book.for_}" for book in found))
    desk.hint("`amends playbook show NAME` shows its steps")


@app.command()
def show(ctx: typer.Context, name: Name) -> None:
    """The steps and promises of a playbook, to be read."""
    from amends.content.playbook.playbook import load_playbook
    from amends.domain.playbook.text import in_words

    desk: Desk = ctx.obj
    playbook, _ = load_playbook(name)
    desk.show(playbook, "\n".join(in_words(playbook)))


@app.command()
def new(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ID", help="What it is called: small letters, digits, - and _.")],
    like: Annotated[str, typer.Option(metavar="NAME", help="Begin with a shipped playbook instead.")] = "",
    to: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where to write ID.yaml; made when it is missing.")
    ] = Path(),
) -> None:
    """Write a playbook to begin with; it is valid as it is, and its comments say what to change."""
    from amends.cli.playbook.new import starting_text

    desk: Desk = ctx.obj
    path, text = to / f"{name}.yaml", starting_text(name, like)
    to.mkdir(parents=True, exist_ok=True)
    write_new(path, text)
    desk.show({"playbook": name, "file": path, "like": like}, f"{path} is written")
    desk.hint(f"change it, then `amends playbook validate {path}` says whether it can be used")


@app.command()
def validate(
    ctx: typer.Context,
    name: Name,
    incident: Annotated[
        Path | None, typer.Option(metavar="FILE", help="An incident file: which of its duties would it miss?")
    ] = None,
    audience: AudienceFileIfAny = None,
) -> None:
    """Read a playbook and render all its texts; exit code 3 with every finding when one forbids to use it."""
    from amends.content.playbook.playbook import open_playbook
    from amends.domain.base.errors import ContentError

    desk: Desk = ctx.obj
    if audience and not incident:
        raise typer.BadParameter("--audience goes with --incident FILE")
    opened = open_playbook(name)
    found = (
        *opened.findings(now()),
        *_of_the_templates(opened),
        *_of_the_team(desk, opened),
        *(_of_the_case(opened, incident, audience) if incident else ()),
    )
    if any(finding.blocks for finding in found):
        raise ContentError(*found)
    playbook = opened.playbook
    whole = f"{playbook.id}: {len(playbook.steps)} steps, in {', '.join(sorted(opened.wording.phrases))}"
    desk.show({"playbook": playbook.id, "findings": found}, "\n".join([*map(str, found), whole]))
    desk.hint(f"`amends playbook plan {name} --incident {incident or 'INCIDENT.yaml'}` shows what would happen when")


def _of_the_templates(opened: "Opened") -> "tuple[Finding, ...]":
    """Return the findings about templates that cannot be rendered with the example that comes with Amends."""
    from amends.cli.notice.dry_run import case_from_files
    from amends.cli.playbook.trial import template_faults
    from amends.content.file.shipped import EXAMPLE_FILE, library
    from amends.domain.base.errors import ContentError

    case = _with_playbook(case_from_files(library() / EXAMPLE_FILE), opened.playbook)
    try:
        found = template_faults(case, opened.wording, now())
    except ContentError as error:  # a limit has ended the process that renders
        found = error.findings
    return tuple(replace(one, where=f"{opened.words / one.where}") for one in found)


def _of_the_team(desk: Desk, opened: "Opened") -> "tuple[Finding, ...]":
    """Return the findings about approvals and promises that the team here cannot look after, or none."""
    from amends.content.playbook.checks import Places, check_team
    from amends.content.playbook.owners import check_owners
    from amends.settings import SettingsError

    try:
        desk.settings  # noqa: B018 - raises when there is no home
    except SettingsError:
        return ()
    team = desk.ledger.team.members()
    if not team:
        return ()
    owners = check_owners(opened.playbook.commitments, team, Places(opened.playbook, opened.document).at)
    return (*check_team(opened.playbook, team, (), opened.document, blocks=False), *owners)


def _of_the_case(opened: "Opened", incident: Path, audience: Path | None) -> "tuple[Finding, ...]":
    from amends.cli.notice.dry_run import case_from_files
    from amends.content.file.document import read_document
    from amends.content.playbook.checks import check_commitments, check_for

    case = _with_playbook(case_from_files(incident, audience), opened.playbook)
    never_made = check_commitments(opened.playbook, read_document(incident), case.incident.commitments)
    return (*never_made, *check_for(opened.playbook, case, opened.document, now()))


def _with_playbook(case: "DraftView", playbook: Playbook) -> "DraftView":
    """Return the case as if this playbook ran for it, in the form for the case's severity, with its public holidays."""
    from amends.content.playbook.days_off import with_days_off

    whole = with_days_off(playbook, case.incident, case.opened_at)
    band = case.assessment.band if case.assessment else None
    return case.model_copy(update={"playbook": at_severity(whole, band)})


@app.command()
def diff(
    ctx: typer.Context,
    old: Annotated[str, typer.Argument(metavar="OLD", help="A playbook by name or file; left out with --running.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="What it is compared with, by name or file.")] = "",
    running: Annotated[
        str, typer.Option(metavar="INCIDENT", help="Compare with what runs for this incident instead of OLD.")
    ] = "",
) -> None:
    """Say what is different about a playbook, and what of it is weaker. Nothing is stored."""
    from amends.cli.playbook.migrate import change_lines, differences
    from amends.content.playbook.pin import open_for
    from amends.content.playbook.playbook import load_playbook
    from amends.ledger.playbook.playbooks import Pinned

    desk: Desk = ctx.obj
    if bool(new) == bool(running):
        raise typer.BadParameter("name two playbooks, or one and --running INCIDENT")
    if running:
        opened = open_for(old, desk.ledger.cases.read(running, now()))
        found = differences(desk.ledger.playbooks.pinned(running), opened.playbook, opened.wording)
    else:
        found = differences(Pinned("", *load_playbook(old)), *load_playbook(new))
    weaker = sum(bool(change.weaker) for change in found)
    desk.show(found, "\n".join([f"{len(found)} changes, {weaker} weaker", *change_lines(found)]))
    if running and found:
        desk.hint(f"`amends migrate {running} --to {old}` shows what would change for whom and when")


@app.command()
def schema(ctx: typer.Context) -> None:
    """Print the JSON schema of playbooks, for editors."""
    from amends.cli.playbook.schema import FILES, printed

    desk: Desk = ctx.obj
    desk.show(FILES["playbook"](), printed("playbook"))


@app.command("plan")
def plan_(
    ctx: typer.Context,
    name: Name,
    incident: InThisLedger = "",
    file: InFile = None,
    days: Annotated[int, typer.Option(metavar="DAYS", min=1, max=1000, help="How far to look ahead.")] = 30,
) -> None:
    """Print what would happen when, and to whom, if everything were approved at once. Nothing is stored."""
    from amends.cli.notice.dry_run import case_from_files
    from amends.cli.playbook.calendar import calendar, in_words
    from amends.content.playbook.playbook import load_playbook

    desk: Desk = ctx.obj
    if bool(incident) == (file is not None):
        raise typer.BadParameter("name an incident, or give --incident FILE")
    playbook, _ = load_playbook(name)
    case = case_from_files(file) if file else desk.ledger.views.drafting(incident, now())
    at = now()  # read after the case, so that it is not before the case was opened
    shown = calendar(_with_playbook(case, playbook), at, days)
    desk.show(shown, "\n".join(in_words(shown, at)))
