"""Commands for question hours: announce them, see who comes, remind, and publish the answers afterwards."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import As, IncidentId, noun
from amends.cli.terminal.text import table
from amends.domain.base.errors import ContentError, Finding, NotAllowed
from amends.domain.base.text import counted, in_both
from amends.domain.base.value import some_text
from amends.domain.channel.outgoing import OutgoingState
from amends.domain.feedback.hour import HourAnswer

if TYPE_CHECKING:
    from amends.domain.case.case import Case
    from amends.domain.playbook.session import PlannedSession

SessionId = Annotated[str, typer.Argument(metavar="ID", help="The session's id.")]
APPROVING = "sessions publish --approve"
HEAD = ("session", "state", "begins", "signed up", "questions")

app = noun()


@app.command("list")
def listed(ctx: typer.Context, incident: IncidentId) -> None:
    """List the question hours that were announced, and those that the playbook plans."""
    desk: Desk = ctx.obj
    at, case = now(), desk.ledger.cases.read(incident)
    announced = desk.ledger.hours.all(incident)
    rows: list[tuple[object, ...]] = []
    for hour in announced:
        counts = desk.ledger.hours.counts(incident, hour.id)
        rows.append((hour.id, hour.state(at), hour.begins_at, counts.signed_up, len(counts.questions)))
    known = {hour.id for hour in announced}
    to_come = [one for one in _planned(case) if one.id not in known]
    rows += [(one.id, "planned", one.begins(case.events, case.calendar), 0, 0) for one in to_come]
    keys = ("session", "state", "begins_at", "signed_up", "questions")
    desk.show([dict(zip(keys, row, strict=True)) for row in rows], table(HEAD, rows))
    desk.hint(f"`amends sessions announce {incident} ID --as NAME` makes the page of a planned one public")


@app.command()
def show(ctx: typer.Context, incident: IncidentId, session: SessionId) -> None:
    """Show one question hour: when, where, who wants to be reminded in numbers, and what was asked beforehand."""
    desk: Desk = ctx.obj
    hour, counts = desk.ledger.hours.get(incident, session), desk.ledger.hours.counts(incident, session)
    organisation = desk.ledger.cases.incident_file(incident).organisation
    begins = in_both(hour.begins_at, organisation.timezone)
    signed = counted(counts.signed_up, "person wants", "people want")
    lines = [
        f"{some_text(hour.title, 'en')}: {hour.state(now())}",
        f"begins {begins}, {hour.minutes} minutes, {some_text(hour.where, 'en')}",
        f"page {desk.settings.public_url}/s/{incident}/{hour.id}",
        f"{signed} a reminder; {counts.reminded} reminded, {counts.in_doubt} in doubt",
        f"asked beforehand: {', '.join(map(str, counts.questions)) or 'nothing yet'}",
    ]
    if hour.answers:
        lines.append(
            f"{counted(len(hour.answers), 'answer')} by {hour.answers_by}, "
            + (f"approved by {hour.approved_by}" if hour.approved_by else "not approved yet")
        )
    desk.show({"hour": hour, "counts": counts._asdict()}, "\n".join(lines))
    if counts.questions:
        desk.hint(f"`amends questions show {incident} {counts.questions[0]}` shows the words of a question")


@app.command()
def announce(
    ctx: typer.Context,
    incident: IncidentId,
    session: SessionId,
    name: As,
    file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="A session that the playbook does not plan."),
    ] = None,
) -> None:
    """Make the page of a question hour public, and let people sign up on their own pages.

    The session comes from the playbook, or from a file with id, title, where, on and lasts. Once it is announced, it
    does not change any more. `amends sessions show INCIDENT ID` is next.
    """
    desk: Desk = ctx.obj
    by, case = desk.member(name).name, desk.ledger.cases.read(incident)
    hour = case.hour_of(_from_file(file, session) if file else _from_playbook(case, session))
    new = desk.ledger.hours.announce(incident, hour, by, now())
    page = f"{desk.settings.public_url}/s/{incident}/{hour.id}"
    said = "announced" if new else "announced before"
    desk.show(
        {"session": hour.id, "begins_at": hour.begins_at, "page": page, "new": new}, f"{hour.id} is {said}: {page}"
    )
    desk.hint(
        f"`amends sessions show {incident} {hour.id}` says who wants to be reminded, and what was asked beforehand"
    )


@app.command()
def publish(
    ctx: typer.Context,
    incident: IncidentId,
    session: SessionId,
    name: As,
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="ANSWERS.yaml", exists=True, dir_okay=False, help="The questions with their answers, per language."
        ),
    ] = None,
    approve: Annotated[bool, typer.Option("--approve", help="Approve the answers as they stand.")] = False,
) -> None:
    """Hand in the answers of a question hour, or approve those that another member handed in: then they are public.

    The file is a list; each entry has a `question` and an `answer`, each with a text for every language, and no name.
    """
    desk: Desk = ctx.obj
    member = desk.member(name, verb=APPROVING if approve else "")
    if approve == (file is not None):
        raise typer.BadParameter("give either --file with the answers, or --approve")
    if file is None:
        desk.ledger.hours.approve(incident, session, member, now())
        page = f"{desk.settings.public_url}/s/{incident}/{session}"
        desk.show({"published": session, "page": page}, f"the answers of {session} are public: {page}")
        return
    answers = _answers(file)
    desk.ledger.hours.publish(incident, session, answers, member.name, now())
    desk.show({"answers": len(answers)}, f"{counted(len(answers), 'answer')} of {session} wait for another member")
    desk.hint(f"`amends sessions publish {incident} {session} --approve --as NAME` publishes them")


@app.command()
def remind(ctx: typer.Context, incident: IncidentId) -> None:
    """Send the reminders that are due, once each; the sweep does so by itself where `amends up` runs."""
    from amends.content.notice import shipped_wording
    from amends.delivery.outbox.hours import remind as send_reminders
    from amends.domain.draft.writer import Links

    desk: Desk = ctx.obj
    links = Links(desk.settings.public_url)
    done = asyncio.run(send_reminders(desk.ledger, desk.settings.channels, links, incident, now, shipped_wording))
    for why in (*done.trouble.values(), *filter(None, [done.waits])):
        desk.hint(f"reminders wait: {why}")
    sent = done.states[OutgoingState.SENT] + done.states[OutgoingState.DELIVERED]
    desk.show({"sent": sent}, f"{counted(sent, 'reminder')} sent")
    desk.hint(f"`amends sessions list {incident}` shows all sessions")


def _planned(case: "Case") -> tuple["PlannedSession", ...]:
    return case.playbook.sessions if case.playbook else ()


def _from_playbook(case: "Case", session: str) -> "PlannedSession":
    if planned := case.playbook.session(session) if case.playbook else None:
        return planned
    raise NotAllowed(f"the playbook plans no session {session}; `--file` announces one that it does not plan")


def _from_file(file: Path, session: str) -> "PlannedSession":
    from amends.content.file.binding import bind
    from amends.content.file.codes import Code
    from amends.content.file.document import read_document
    from amends.domain.playbook.session import PlannedSession

    document = read_document(file)
    planned = bind(document, PlannedSession)
    if planned.id != session:
        what = f"the file is about the session {planned.id}, not {session}"
        raise ContentError(Finding(document.where(("id",)), Code.DOES_NOT_FIT, what))
    return planned


def _answers(file: Path) -> tuple[HourAnswer, ...]:
    """Return the answers in the file. Raises ContentError, each finding with its place."""
    from pydantic import RootModel

    from amends.content.file.binding import bind
    from amends.content.file.document import read_document

    return bind(read_document(file), RootModel[tuple[HourAnswer, ...]]).root
