"""Commands for posts of the public that mention our account: take them in, and answer them in public."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.feedback.hotline import (
    ColumnOptions,
    Encoding,
    MapFile,
    ValueOptions,
    Zone,
    column_map,
    running_playbook,
)
from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.options import As, IncidentId, noun, number
from amends.cli.terminal.text import table
from amends.domain.base.errors import ChannelMisconfigured
from amends.domain.base.text import counted, minute
from amends.domain.channel.message import Status
from amends.domain.feedback.question import QuestionSource

if TYPE_CHECKING:
    from amends.delivery.feedback.mentions import MentionedAccount

QuestionId = Annotated[int, typer.Argument(metavar="QUESTION", parser=number, help="The question's number.")]
HEAD = ("question", "posted", "seen by", "due", "answer")

app = noun()


@app.command()
def take(ctx: typer.Context, incident: IncidentId, name: As) -> None:
    """Take in the posts that mention our Mastodon account since the last time, as questions of the public.

    Posts from before the incident was opened are left out. Safe to repeat. `amends mentions list INCIDENT` shows them.
    """
    from amends.delivery.alerts import alert_at_once
    from amends.delivery.feedback.mentions import take_mentions

    desk: Desk = ctx.obj
    by, playbook = desk.member(name).name, running_playbook(desk, incident)

    async def visit() -> None:
        async with _account(desk) as account:
            taken = await take_mentions(desk.ledger, account, incident, playbook, now(), by)
        desk.show(taken, f"{counted(taken.posts, 'post')}: {taken.new} new, {taken.older} from before the incident")
        if taken.unreadable:
            desk.hint(f"{counted(taken.unreadable, 'post')} without words that can be read: look at the account")

    asyncio.run(visit())
    alert_at_once(desk.ledger, incident, now())
    desk.hint(f"`amends mentions list {incident}` shows what waits for an answer")


@app.command("import")
def import_(
    ctx: typer.Context,
    incident: IncidentId,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="Posts as CSV, XLSX or JSON (a list).")
    ],
    name: As,
    columns: ColumnOptions = None,
    values: ValueOptions = None,
    map_file: MapFile = None,
    zone: Zone = "",
    encoding: Encoding = "",
) -> None:
    """Take in posts from a file as questions of the public; the same file again adds nothing.

    Columns: account, text, posted_at; if there, url, locale (en without it), visibility (public, unlisted, private,
    direct; public without it). `amends mentions list INCIDENT` shows them.
    """
    from amends.content.feedback.columns import Rejected
    from amends.content.feedback.mentions import COLUMNS, read_mentions
    from amends.delivery.alerts import alert_at_once

    desk: Desk = ctx.obj
    by, playbook, at = desk.member(name).name, running_playbook(desk, incident), now()
    rows = read_mentions(file, at, column_map(COLUMNS, map_file, columns, values, zone, encoding))
    posts = [row for row in rows if not isinstance(row, Rejected)]
    rejected = [row for row in rows if isinstance(row, Rejected)]
    new = sum(desk.ledger.mentions.take(incident, post, playbook, at, by) for post in posts)
    summary = f"{counted(len(rows), 'post')}: {len(posts)} accepted ({new} new), {len(rejected)} rejected"
    report = {"posts": len(rows), "accepted": len(posts), "new": new, "rejected": rejected}
    desk.show(report, "\n".join([*(row.at(file) for row in rejected), summary]))
    alert_at_once(desk.ledger, incident, at)
    if rejected:
        raise typer.Exit(Exit.FINDINGS)
    desk.hint(f"`amends mentions list {incident}` shows what waits for an answer")


@app.command("list")
def listed(ctx: typer.Context, incident: IncidentId) -> None:
    """List the posts without their words, and how far the answer to each is; `amends questions show` has the words.

    A post that not everybody can read is answered in private: `amends questions calls` says whom to write to.
    """
    desk: Desk = ctx.obj
    answers = desk.ledger.mentions.answers(incident)
    asked = [question for question in desk.ledger.questions.all(incident) if question.source is QuestionSource.SOCIAL]
    lines = []
    for one in asked:
        post = desk.ledger.mentions.post_of(incident, one.id)
        state = answers[one.id].state if one.id in answers else ("answered" if one.answered_at else "none yet")
        lines.append((one.id, one.asked_at, post.visibility if post else "unknown", one.reply_due_at, state))
    keys = ("question", "posted_at", "visibility", "reply_due_at", "answer")
    desk.show([dict(zip(keys, line, strict=True)) for line in lines], table(HEAD, lines))
    desk.hint(f"`amends mentions answer {incident} QUESTION --as NAME --file ANSWER.txt` answers one in public")


@app.command()
def answer(
    ctx: typer.Context,
    incident: IncidentId,
    question: QuestionId,
    name: As,
    file: Annotated[
        Path, typer.Option(metavar="FILE", exists=True, dir_okay=False, help="The answer: 500 characters at most.")
    ],
) -> None:
    """Write the public answer to a post; another member approves it before anybody reads it.

    Until it is posted, another text takes its place; later, `amends questions correct` replaces it. What was said in
    private is never answered in public. `amends mentions approve INCIDENT QUESTION --as NAME` is next.
    """
    from amends.content.file.reading import read_text

    desk: Desk = ctx.obj
    by = desk.member(name).name
    desk.ledger.mentions.answer(incident, question, read_text(file), by, now())
    desk.show({"answered": question}, f"the answer to question {question} waits for the approval of another member")
    desk.hint(f"`amends mentions approve {incident} {question} --as NAME`")


@app.command()
def approve(ctx: typer.Context, incident: IncidentId, question: QuestionId, name: As) -> None:
    """Approve the public answer to a post, as it stands; `amends mentions post INCIDENT QUESTION` is next.

    It says where to post it by hand. The answer is one of `amends questions answers`, where it can be rejected.
    """
    desk: Desk = ctx.obj
    found = desk.ledger.mentions.approve(incident, question, desk.member(name), now())
    values = {"approved": question, "answer": found.answer, "text": found.text}
    desk.show(values, f"approved for question {question} (answer {found.answer}):\n\n{found.text}")
    at = desk.ledger.mentions.post_of(incident, question)
    where = f" as a reply to {at.url}" if at and at.url else ""
    desk.hint(f"`amends mentions post {incident} {question} --as NAME` posts it, or post it by hand{where}")


@app.command()
def post(
    ctx: typer.Context,
    incident: IncidentId,
    question: QuestionId,
    name: As,
    again: Annotated[
        bool, typer.Option("--again", help="Although it may stand already: somebody looked, and it does not.")
    ] = False,
) -> None:
    """Post an approved answer as a reply on Mastodon, once.

    Exit code 5 means that it is uncertain whether it stands: look, then `amends mentions posted`, or `--again`.
    """
    from amends.delivery.answers.post import post_answer

    desk: Desk = ctx.obj
    by = desk.member(name).name

    async def reply() -> Status:
        async with _account(desk) as account:
            receipt = await post_answer(desk.ledger, account, incident, question, by, now, again=again)
        words = {
            Status.SENT: f"posted: {receipt.provider_id}",
            Status.UNCERTAIN: "uncertain: look at the account, then `amends mentions posted`, or `--again`",
        }
        shown = {"status": receipt.status, "url": receipt.provider_id, "detail": receipt.detail}
        desk.show(shown, words.get(receipt.status, f"not posted: {receipt.detail}"))
        return receipt.status

    if asyncio.run(reply()) is not Status.SENT:
        raise typer.Exit(Exit.PARTLY)


@app.command()
def posted(
    ctx: typer.Context,
    incident: IncidentId,
    question: QuestionId,
    name: As,
    url: Annotated[str, typer.Option(metavar="URL", help="The address of the post.")],
) -> None:
    """Record where an approved answer stands that was posted by hand; `amends mentions list` shows what else waits."""
    if not url.startswith(("https://", "http://")) or len(url) > 500:
        raise typer.BadParameter("--url: the address of the post, as in https://social.example/@us/1")
    desk: Desk = ctx.obj
    desk.ledger.replies.posted(incident, question, url, desk.member(name).name, now())
    found = desk.ledger.mentions.answers(incident)[question]
    values = {"posted": question, "at": found.at, "url": found.url}
    desk.show(values, f"question {question} is answered in public, {minute(found.at)}: {found.url}")
    desk.hint(f"`amends mentions list {incident}` shows what else waits")


@asynccontextmanager
async def _account(desk: Desk) -> "AsyncIterator[MentionedAccount]":
    """Yield the account of the settings, closed at the end. Raises ChannelMisconfigured for another kind of account."""
    from amends.delivery.channels import connected
    from amends.delivery.feedback.mentions import MentionedAccount

    async with connected({kind: own for kind, own in desk.settings.channels.items() if kind.posts}) as channels:
        account = next(iter(channels.values()), None)
        if not isinstance(account, MentionedAccount):
            raise ChannelMisconfigured(
                "channels.social: only social_mastodon tells of mentions; bring others in by file"
            )
        yield account
