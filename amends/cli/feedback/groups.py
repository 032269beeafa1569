"""Commands for groups of questions that ask the same: list, merge and split them, and answer one at once."""

from pathlib import Path
from typing import Annotated

import typer

from amends.cli.feedback.canned import canned_texts
from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.options import As, AsLooker, IncidentId, number
from amends.cli.terminal.text import table
from amends.domain.base.text import counted
from amends.domain.base.value import LOCALE
from amends.domain.feedback.answer import AnswerStatus
from amends.domain.feedback.queue.queue import PAGE

HEAD = ("group", "questions", "open", "topic", "first asked", "last asked", "example", "answered")
WITH_WORDS = "questions groups --words"
GroupId = Annotated[int, typer.Argument(metavar="GROUP", parser=number, help="The group's number.")]
Texts = Annotated[
    list[str] | None,
    typer.Option("--in", metavar="LOCALE=FILE", help="A text in this language, such as en=ANSWER.txt; repeat it."),
]


def groups(
    ctx: typer.Context,
    incident: IncidentId,
    unanswered: Annotated[bool, typer.Option("--open", help="Only groups of which nobody was answered.")] = False,
    words: Annotated[bool, typer.Option("--words", help="Show the words of one question of each.")] = False,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=10_000, help="So many at the most.")] = PAGE,
    name: AsLooker = "",
) -> None:
    """List the groups of questions that ask the same, the largest first; a group can be answered at once."""
    desk: Desk = ctx.obj
    by = desk.looker(name, WITH_WORDS) if words else ""
    found = desk.ledger.groups.lines(incident, unanswered=unanswered)
    lines = found[:limit]
    said = desk.ledger.groups.examples(incident, [line.example for line in lines]) if words else {}
    rows = [
        (g.id, g.questions, g.open, g.topic, g.first_at, g.last_at, g.example, g.answered, *_words(said, g.example))
        for g in lines
    ]
    if words:
        desk.looked(incident, by, "questions", count=len(said))
    values = [line.model_dump(mode="json") | ({"words": said.get(line.example)} if words else {}) for line in lines]
    desk.show(values, table((*HEAD, "words") if words else HEAD, rows))
    if len(found) > limit:
        desk.hint(f"{limit} of {counted(len(found), 'group')}; --limit {len(found)} shows all")
    if waiting := next((line for line in lines if not line.answered), None):
        desk.hint(f"`amends questions answer-group {incident} {waiting.id} --as NAME --in en=FILE` answers all of it")


def merge(
    ctx: typer.Context,
    incident: IncidentId,
    groups: Annotated[list[int], typer.Argument(metavar="GROUPS", parser=number, help="Two groups or more.")],
    name: As,
) -> None:
    """Make one group of several that ask the same; `amends questions list --group` shows its questions."""
    desk: Desk = ctx.obj
    group = desk.ledger.groups.merge(incident, groups, desk.member(name).name, now())
    desk.show({"group": group}, f"they are group {group} now")
    desk.hint(f"`amends questions list {incident} --group {group}` shows its questions")


def split(
    ctx: typer.Context,
    incident: IncidentId,
    questions: Annotated[list[int], typer.Argument(metavar="QUESTIONS", parser=number, help="Of one group.")],
    name: As,
) -> None:
    """Take questions out of their group; several become a group of their own, as `amends questions groups` shows."""
    desk: Desk = ctx.obj
    group = desk.ledger.groups.split(incident, questions, desk.member(name).name, now())
    desk.show({"group": group}, f"they are group {group} now" if group else "it stands alone now")
    desk.hint(f"`amends questions groups {incident}` lists the groups")


def answer_group(
    ctx: typer.Context,
    incident: IncidentId,
    group: GroupId,
    name: As,
    texts: Texts = None,
    canned: Annotated[
        str | None, typer.Option("--canned", metavar="ANSWER", help="Say this canned answer; --in replaces a language.")
    ] = None,
) -> None:
    """Answer all open questions of a group at once; each hears it by the way in which they asked.

    One answer to more than five questions waits for `amends questions approve` by another member; the exit code is 4.
    """
    desk: Desk = ctx.obj
    by = desk.member(name).name
    said = (canned_texts(desk, incident, canned) if canned else {}) | read_texts(texts or ())
    if not said:
        raise typer.BadParameter("say it in each language that was asked in: --in en=FILE", param_hint="--in")
    questions = desk.ledger.groups.members(incident, group, open_only=True)
    if not questions:
        raise typer.BadParameter(f"nobody in group {group} waits for an answer", param_hint="GROUP")
    answer = desk.ledger.answers.give(incident, questions, said, by, now())
    waits = desk.ledger.answers.get(incident, answer).status is AnswerStatus.WAITING
    heard = counted(len(questions), "question")
    desk.show(
        {"answer": answer, "questions": questions, "waits": waits},
        f"answer {answer} to {heard} {'waits for approval' if waits else 'is given'}",
    )
    if waits:
        desk.hint(f"`amends questions approve {incident} {answer} --as NAME`, by another member, gives it")
        raise typer.Exit(Exit.WAITING)
    desk.hint(f"`amends faq propose {incident} {group} --as NAME` puts it on the page for everybody")


def read_texts(given: list[str] | tuple[str, ...]) -> dict[str, str]:
    """Return the texts by locale. Raises BadParameter for another form, ContentError for a file that is not UTF-8."""
    from amends.content.file.reading import read_text

    texts: dict[str, str] = {}
    for one in given:
        locale, _, path = one.partition("=")
        if not LOCALE.fullmatch(locale) or not path:
            raise typer.BadParameter(f"--in {one[:40]!r}: write a language and a file, as in en=ANSWER.txt")
        if not Path(path).is_file():
            raise typer.BadParameter(f"--in {locale}: there is no file {path}")
        if locale in texts:
            raise typer.BadParameter(f"--in gives {locale} twice")
        texts[locale] = read_text(Path(path)).replace("\r\n", "\n")
    return texts


def _words(said: dict[int, str], example: int) -> tuple[str, ...]:
    return (said[example][:200],) if example in said else ()
