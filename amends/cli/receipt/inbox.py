"""Commands for mails in: take them in, list what was kept aside, and look at the files that came with them."""

from pathlib import Path
from typing import Annotated, Any

import typer

from amends.cli.receipt.inbox_watch import in_numbers, watch
from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.files import whole
from amends.cli.terminal.options import As, AsLooker, ImpliedGroup, IncidentId, number, place
from amends.cli.terminal.prefect import send_on
from amends.cli.terminal.text import table
from amends.domain.base.errors import Finding
from amends.domain.base.text import counted
from amends.domain.receipt.attachment import MOST_MAIL_BYTES
from amends.domain.receipt.incoming import MailOutcome

MOST_LINES = 100
"""The most mails of which each gets a line of its own; of more, only those that a person must look at."""
FileId = Annotated[int, typer.Argument(metavar="FILE", parser=number, help="The file's number.")]


class InboxGroup(ImpliedGroup):
    """The commands of the inbox; without the name of one, mails are taken in."""

    implied = "take"


app = typer.Typer(cls=InboxGroup, no_args_is_help=True, add_completion=False, rich_markup_mode=None)
app.callback()(lambda: None)


@app.command()
def take(
    ctx: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH...]", help="Maildirs, mboxes, mails, or folders of mails.", parser=place),
    ] = None,
    incident: Annotated[
        str, typer.Option(metavar="INCIDENT", help="The incident of mails that answer no message of ours.")
    ] = "",
    again: Annotated[
        bool, typer.Option("--again", help="Also what is marked as seen in a Maildir: after a backup was restored.")
    ] = False,
    watching: Annotated[
        bool, typer.Option("--watch", help="Look into the mailbox of amends.toml, again and again.")
    ] = False,
) -> None:
    """Take in mails: questions, stop, bounces. `amends inbox PATH --incident INCIDENT` is enough.

    Each mail counts once, however often it is read; nothing is sent in answer. A mail that cannot be read is kept in
    the folder inbox/kept of the home. Then: `amends questions list INCIDENT --open`.
    """
    desk: Desk = ctx.obj
    if watching == bool(paths):
        raise typer.BadParameter("name either places of mails, or --watch")
    if watching:
        watch(desk)
    else:
        _take_in(desk, paths or [], incident, again=again)


def _take_in(desk: Desk, paths: list[Path], incident: str, *, again: bool) -> None:
    from amends.delivery.inbox.places import mails_at
    from amends.delivery.inbox.take import Intake, MailTaker
    from amends.delivery.inbox.watch import alert_leads, for_strangers, own_addresses, take_found

    if incident:
        desk.ledger.cases.outline(incident)  # raises NotInLedger before anything is taken in
    own = own_addresses(desk.settings, desk.ledger)
    taker = MailTaker(desk.ledger, desk.settings.home, for_strangers(desk.ledger, incident), own)
    total = Intake()
    found = (mail for path in paths for mail in mails_at(path, again=again, most=MOST_MAIL_BYTES + 1))
    findings = take_found(taker, found, now, total)
    alert_leads(desk.ledger, total, now())
    _report(desk, total, findings)


def _report(desk: Desk, total: Any, findings: list[Finding]) -> None:
    lines = [*map(str, findings), *_lines(total), in_numbers(total)]
    mails = [_as_values(line) for line in total.lines]
    outcomes = {outcome.value: total.outcomes[outcome] for outcome in MailOutcome if total.outcomes[outcome]}
    desk.show({"mails": mails, "outcomes": outcomes, "unreadable": findings}, "\n".join(lines))
    send_on(desk, total.waiting)
    if total.outcomes[MailOutcome.KEPT]:
        desk.hint("`amends inbox kept` lists what a person must look at")
    for asked in sorted({line.incident for line in total.lines if line.question}):
        desk.hint(f"`amends questions list {asked} --open` shows what waits for an answer")
    if findings or total.outcomes[MailOutcome.LEFT]:
        raise typer.Exit(Exit.FINDINGS)


def _as_values(line: Any) -> dict[str, object]:
    names = ("outcome", "incident", "question", "person", "notice", "files", "left_out", "kept", "why")
    return {name: getattr(line, name) for name in names}


def _lines(total: Any) -> list[str]:
    shown = total.lines
    if len(shown) > MOST_LINES:
        shown = [line for line in shown if line.outcome in (MailOutcome.KEPT, MailOutcome.LEFT)][:MOST_LINES]
    return [_line(line) for line in shown]


def _line(line: Any) -> str:
    """Return one mail in words, without personal data."""
    if line.outcome is not MailOutcome.QUESTION:
        what = f"kept aside as {line.kept}" if line.kept else str(line.outcome)
        about = f" of person {line.person} in {line.incident}" if line.person else ""
        return f"{what}{about}{f': {line.why}' if line.why else ''}"
    whose = f"person {line.person}" if line.person else "nobody we know"
    about = f", about {line.notice}" if line.notice else ""
    with_files = f", {counted(line.files, 'file')}" if line.files else ""
    left_out = f", {counted(line.left_out, 'file')} left out" if line.left_out else ""
    return f"question {line.question} of {line.incident}, by {whose}{about}{with_files}{left_out}"


@app.command()
def files(ctx: typer.Context, incident: IncidentId, name: AsLooker = "") -> None:
    """List the files that came with mails. `amends inbox save INCIDENT FILE --to PATH --as NAME` writes one."""
    desk: Desk = ctx.obj
    by, found = desk.looker(name), desk.ledger.mail_files.all(incident)
    desk.looked(incident, by, "files of mails", count=len(found))
    rows = [(one.id, one.question, one.kind, one.size, one.at) for one in found]
    desk.show(found, table(("file", "question", "type", "bytes", "at"), rows))


@app.command()
def save(
    ctx: typer.Context,
    incident: IncidentId,
    file: FileId,
    to: Annotated[Path, typer.Option(metavar="PATH", help="Where to write it.", parser=place)],
    name: As,
) -> None:
    """Write a file that came with a mail, readable by you alone. It is a stranger's: open it nowhere but apart.

    `amends inbox files INCIDENT` lists the files.
    """
    from amends.delivery.inbox.quarantine import Quarantine

    desk: Desk = ctx.obj
    by = desk.member(name).name
    found = desk.ledger.mail_files.get(incident, file)
    content = Quarantine(desk.settings.home, desk.ledger).content(incident, found)
    desk.ledger.mail_files.note_opened(incident, file, by, now())
    with whole(to) as written:
        written.write(content)
    desk.show({"file": file, "saved": str(to), "bytes": len(content)}, f"{to} has file {file}, {len(content)} bytes")
    desk.hint(f"it belongs to question {found.question}: `amends questions show {incident} {found.question}`")


@app.command()
def kept(ctx: typer.Context, name: AsLooker = "") -> None:
    """List the mails that were kept aside, because they could not be read. Look at them, then remove them by hand."""
    from amends.delivery.inbox.quarantine import Quarantine

    desk: Desk = ctx.obj
    by, aside = desk.looker(name), Quarantine(desk.settings.home, desk.ledger)
    found = aside.kept()
    desk.looked("", by, "mails kept aside", count=len(found))
    desk.show(found, table(("mail", "bytes"), [(one.name, one.size) for one in found]))
    if found:
        desk.hint(f"they lie in {aside.kept_folder}; open them as text, in no mail program")
