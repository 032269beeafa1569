"""Commands for the questions that people ask: list, show and answer them, and take in calls and mails."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.options import As, IncidentId, noun, number
from amends.cli.terminal.text import table
from amends.domain.base.errors import ContentError, Finding, NotAllowed
from amends.domain.base.text import counted, minute
from amends.domain.base.value import NAME
from amends.domain.feedback.question import Question, QuestionSource

QuestionId = Annotated[int, typer.Argument(metavar="QUESTION", parser=number, help="The question's number.")]
HEAD = ("question", "due", "kind", "source", "theme", "owner", "person", "answered")
UNREADABLE = "(cannot be read: it was altered, moved, or sealed with another key)"
WORDS = {"text", "answer"}
"""Fields of a question whose text may name people; lists leave them out."""

app = noun()


@app.command("list")
def listed(
    ctx: typer.Context,
    incident: IncidentId,
    unanswered: Annotated[bool, typer.Option("--open", help="Only those without an answer.")] = False,
) -> None:
    """The questions without their words, the one due first in front."""
    desk: Desk = ctx.obj
    asked = desk.ledger.questions.all(incident, open_only=unanswered)
    rows = [(q.id, q.reply_due_at, q.kind, q.source, q.theme, q.owner, q.person, q.answered_at) for q in asked]
    desk.show([_without_words(question) for question in asked], table(HEAD, rows))
    if overdue := [question.id for question in asked if question.overdue(now())]:
        desk.hint(f"overdue: {', '.join(map(str, overdue))}; `amends questions show {incident} {overdue[0]}`")
    if damaged := [question.id for question in asked if _is_damaged(question)]:
        desk.hint(f"cannot be read: {', '.join(map(str, damaged))}; `amends questions show {incident} {damaged[0]}`")
    if comments := desk.ledger.questions.comments_given(incident):
        desk.hint(f"{counted(comments, 'comment')} in the survey: `amends questions comments {incident}`")


@app.command()
def comments(ctx: typer.Context, incident: IncidentId) -> None:
    """List what people added to their answers to the survey, the latest first; nobody was promised an answer to it."""
    desk: Desk = ctx.obj
    given = desk.ledger.questions.comments(incident)
    texts = (f"person {comment.person}, {minute(comment.at)}\n\n{comment.text or UNREADABLE}" for comment in given)
    desk.show(given, "\n\n".join(texts) or "none")


@app.command()
def show(ctx: typer.Context, incident: IncidentId, question: QuestionId) -> None:
    """One question with its words."""
    desk: Desk = ctx.obj
    found = desk.ledger.questions.get(incident, question)
    person = f"person {found.person}" if found.person else "nobody we know"
    lines = [
        f"{found.kind} {found.id} by {person}, {found.source}, {found.locale}, theme {found.theme}",
        f"asked {minute(found.asked_at)}, reply due {minute(found.reply_due_at)} by {found.owner}",
        "",
        found.text or UNREADABLE,
    ]
    if found.answered_at:
        lines += [
            "",
            f"answered {minute(found.answered_at)} by {found.answered_by}:",
            "",
            found.answer or UNREADABLE,
        ]
    desk.show(found, "\n".join(lines))
    if not found.text:
        desk.hint("nobody can read what was asked: answer that you cannot, and ask them to ask again")
    if not found.answered_at:
        desk.hint(f"`amends questions answer {incident} {question} --as NAME --file ANSWER.txt` answers it")


@app.command()
def answer(
    ctx: typer.Context,
    incident: IncidentId,
    question: QuestionId,
    name: As,
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", exists=True, dir_okay=False, help="The answer; without it, it is read from stdin."
        ),
    ] = None,
) -> None:
    """Answer a question; the person reads it on their own page."""
    desk: Desk = ctx.obj
    by = desk.member(name).name
    if file is None and sys.stdin.isatty():
        desk.hint("write the answer; end it with Ctrl-D on a line of its own")
    desk.ledger.questions.answer(incident, question, _answer_text(file), by, now())
    desk.show({"answered": question}, f"question {question} is answered")
    asked = desk.ledger.questions.get(incident, question)
    if asked.person is None:
        desk.hint("nobody knows who asked, so the answer stands on no page: tell them yourself, such as by telephone")
    elif asked.source is not QuestionSource.PORTAL:
        desk.hint("they asked elsewhere and may not look at their page: tell them yourself too, such as by telephone")


@app.command()
def theme(
    ctx: typer.Context,
    incident: IncidentId,
    question: QuestionId,
    word: Annotated[str, typer.Argument(metavar="THEME", help="Such as scam, compensation, my_data.")],
    name: As,
) -> None:
    """Move a question to another theme."""
    if not NAME.fullmatch(word):
        raise typer.BadParameter("a theme is a word of small letters, digits, '-' and '_'")
    desk: Desk = ctx.obj
    desk.ledger.questions.file_under(incident, question, word, desk.member(name).name, now())
    desk.show({"question": question, "theme": word}, f"question {question} is about {word}")


@app.command("import")
def import_(
    ctx: typer.Context,
    incident: IncidentId,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="CSV", exists=True, dir_okay=False, help="What they asked, with the columns named above."
        ),
    ],
    mailbox: Annotated[bool, typer.Option("--mailbox", help="They came by mail, not by telephone.")] = False,
) -> None:
    """Take in what the hotline noted, or what came to the mailbox; the same file again adds nothing.

    Of somebody known, the same words at the same time count once. Without a person_id they count as often as they stand
    in the file: they may be of several callers.

    Columns: person_id (may be empty), kind (question, complaint, suggestion), locale, asked_at (with zone), text.
    """
    from amends.content.feedback import read_calls, record_calls

    desk: Desk = ctx.obj
    case = desk.ledger.cases.read(incident)
    if case.playbook is None:
        raise NotAllowed(f"no playbook runs for {incident} that says by when to answer; `amends run {incident}` first")
    received, source = now(), QuestionSource.MAILBOX if mailbox else QuestionSource.HOTLINE
    report = record_calls(desk.ledger, incident, case.playbook, read_calls(file, received), received, source)
    lines = [f"{file}:{row.row}: {row.reason}" for row in report.rejected]
    lines += [f"{file}:{row}: this person_id is not in the audience; the question is kept" for row in report.unmatched]
    summary = (
        f"{counted(report.rows, 'row')}: {report.accepted} accepted ({report.new} new), {len(report.rejected)} rejected"
    )
    desk.show(report, "\n".join([*lines, summary]))
    if report.rejected:
        raise typer.Exit(Exit.FINDINGS)
    desk.hint(f"`amends questions list {incident} --open` shows what waits for an answer")


def _without_words(question: Question) -> dict[str, object]:
    return question.model_dump(mode="json", exclude=WORDS) | {"readable": not _is_damaged(question)}


def _is_damaged(question: Question) -> bool:
    """Return True when the words of the question or of its answer cannot be read: every readable one has words."""
    return not question.text or (question.answered_at is not None and not question.answer)


def _answer_text(file: Path | None) -> str:
    """Return the text of the file, or the text typed or piped in. Raises ContentError when the text is not UTF-8."""
    from amends.content.file.codes import Code
    from amends.content.file.reading import read_text

    try:
        text = read_text(file) if file else sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ContentError(Finding("stdin", Code.UNREADABLE, "the answer is not UTF-8", "save it as UTF-8")) from None
    return text.replace("\r\n", "\n")
