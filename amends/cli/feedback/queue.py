"""Commands for the queue of questions: list it page by page, search it, and give a question to an owner."""

from dataclasses import dataclass
from typing import Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import As, AsLooker, IncidentId, number, number_or_none
from amends.cli.terminal.text import table
from amends.domain.base.text import counted
from amends.domain.base.value import LARGEST_NUMBER
from amends.domain.feedback.question import QuestionKind, Urgency
from amends.domain.feedback.queue.queue import PAGE, QuestionLine, QueueFilter, search_words

HEAD = ("question", "due", "urgency", "kind", "source", "language", "topic", "group", "owner", "person", "answered")

COLUMNS = (
    "id",
    "reply_due_at",
    "urgency",
    "kind",
    "source",
    "locale",
    "topic",
    "together",
    "owner",
    "person",
    "answered_at",
)

QUESTIONS = "questions"
QuestionId = Annotated[int, typer.Argument(metavar="QUESTION", parser=number, help="The question's number.")]
Unanswered = Annotated[bool, typer.Option("--open", help="Only those without an answer.")]
Overdue = Annotated[bool, typer.Option("--overdue", help="Only those whose reply was due.")]
OfTopic = Annotated[str | None, typer.Option("--topic", metavar="TOPIC", help="Only those of this topic.")]
OfUrgency = Annotated[Urgency | None, typer.Option("--urgency", help="Only those of this urgency.")]
OfOwner = Annotated[str | None, typer.Option("--owner", metavar="NAME", help="Only those of this owner.")]
OfLanguage = Annotated[str | None, typer.Option("--language", metavar="LOCALE", help="Only those in this language.")]
OfGroup = Annotated[
    int | None, typer.Option("--group", metavar="GROUP", parser=number, help="Only those of this group.")
]
Complaints = Annotated[bool, typer.Option("--complaints", help="Only complaints.")]
Limit = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        parser=number_or_none,
        help=f"So many lines at the most, {PAGE} unless --json asks for all; 0 for all.",
    ),
]
Skip = Annotated[int, typer.Option(metavar="N", min=0, max=LARGEST_NUMBER, help="Leave out the first lines.")]


@dataclass(frozen=True)
class Window:
    """The part of a list that is shown."""

    limit: int | None
    skip: int

    @classmethod
    def of(cls, desk: Desk, limit: int | None, skip: int) -> "Window":
        """Return the part that was asked for: a page for people, everything for programs."""
        return cls((None if desk.json else PAGE) if limit is None else limit or None, skip)

    def left(self, total: int) -> int:
        """Return how many lines follow this part."""
        return 0 if self.limit is None else max(total - self.skip - self.limit, 0)


def listed(
    ctx: typer.Context,
    incident: IncidentId,
    unanswered: Unanswered = False,
    overdue: Overdue = False,
    topic: OfTopic = None,
    urgency: OfUrgency = None,
    owner: OfOwner = None,
    language: OfLanguage = None,
    group: OfGroup = None,
    complaints: Complaints = False,
    limit: Limit = None,
    skip: Skip = 0,
    name: AsLooker = "",
) -> None:
    """The questions without their words, the one due first in front."""
    desk: Desk = ctx.obj
    by = desk.looker(name)
    wanted = QueueFilter(
        open=unanswered,
        overdue=overdue,
        topic=topic,
        urgency=urgency,
        owner=owner,
        locale=language,
        together=group,
        kind=QuestionKind.COMPLAINT if complaints else None,
    )
    window = Window.of(desk, limit, skip)
    page = desk.ledger.queue.page(incident, wanted, now(), window.limit, window.skip)
    desk.looked(incident, by, QUESTIONS, count=len(page.lines))
    desk.show(page.lines, shown(page.lines))
    hint_rest(desk, window, len(page.lines), page.total)
    if page.first_overdue:
        desk.hint(f"overdue: {page.overdue}; the first: `amends questions show {incident} {page.first_overdue}`")
    if damaged := [line.id for line in page.lines if not line.readable]:
        desk.hint(f"cannot be read: {', '.join(map(str, damaged))}; `amends questions show {incident} {damaged[0]}`")


def search(
    ctx: typer.Context,
    incident: IncidentId,
    words: Annotated[list[str], typer.Argument(metavar="WORDS", help="Each must stand in the text or the answer.")],
    unanswered: Unanswered = False,
    topic: OfTopic = None,
    language: OfLanguage = None,
    limit: Limit = None,
    skip: Skip = 0,
    name: AsLooker = "",
) -> None:
    """Find the questions that hold all these words; the words stay on this machine, and no index of them is kept."""
    desk: Desk = ctx.obj
    by = desk.looker(name)
    try:
        sought = search_words(" ".join(words))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    window, wanted = Window.of(desk, limit, skip), QueueFilter(open=unanswered, topic=topic, locale=language)
    found = desk.ledger.queue.search(incident, sought, wanted, now())
    end = None if window.limit is None else window.skip + window.limit
    lines = desk.ledger.queue.lines(incident, found[window.skip : end])
    desk.looked(incident, by, QUESTIONS, count=len(lines))
    desk.show(lines, shown(lines))
    hint_rest(desk, window, len(lines), len(found))
    if lines:
        desk.hint(f"`amends questions show {incident} {lines[0].id}` shows the words")


def assign(
    ctx: typer.Context,
    incident: IncidentId,
    question: QuestionId,
    to: Annotated[str, typer.Option("--to", metavar="NAME", help="A member of the team.")],
    name: As,
) -> None:
    """Give a question to a member of the team, who then hears when the reply is overdue."""
    desk: Desk = ctx.obj
    by = desk.member(name).name
    if not any(member.active and member.name == to for member in desk.ledger.team.members()):
        raise typer.BadParameter(f"{to} is not in the team; `amends team list` names its members", param_hint="--to")
    desk.ledger.queue.assign(incident, question, to, by, now())
    desk.show({"question": question, "owner": to}, f"question {question} is answered by {to}")
    desk.hint(f"`amends questions show {incident} {question}` shows its words")


def shown(lines: tuple[QuestionLine, ...]) -> str:
    """Return the lines as a table."""
    return table(HEAD, [[getattr(line, column) for column in COLUMNS] for line in lines])


def hint_rest(desk: Desk, window: Window, lines: int, total: int) -> None:
    """Say how many there are, and how to see the next page."""
    if rest := window.left(total):
        desk.hint(f"{lines} of {counted(total, 'question')}; {rest} more: --skip {window.skip + lines}")
    elif lines:
        desk.hint(f"{counted(total, 'question')} in all")
