"""Commands by which questions from a hotline or a counter come in: a file of them, or one at a time at the desk."""

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.options import As, AsBringer, IncidentId
from amends.domain.base.errors import ContentError, Finding, NotAllowed
from amends.domain.base.text import counted, minute
from amends.domain.case.intake import new_question
from amends.domain.feedback.question import ASKED, NewQuestion, QuestionKind, QuestionSource

if TYPE_CHECKING:
    from amends.content.feedback.columns import ColumnMap, Columns
    from amends.domain.playbook.playbook import Playbook

T = TypeVar("T")
Pairs = list[str] | None
WHO_BRINGS = "say with --as NAME who brings the file in; the audit chain keeps it"
MapFile = Annotated[
    Path | None,
    typer.Option("--map", metavar="MAP.yaml", exists=True, dir_okay=False, help="What the file's columns mean."),
]
ColumnOptions = Annotated[
    Pairs, typer.Option("--column", metavar="NAME=HEADING", help="The file's heading of a column; repeat it.")
]
ValueOptions = Annotated[
    Pairs, typer.Option("--value", metavar="NAME=VALUE", help="The value of a column that the file lacks; repeat it.")
]
Zone = Annotated[
    str, typer.Option("--zone", metavar="ZONE", help="The time zone of times without one, as in Europe/Berlin.")
]
Encoding = Annotated[
    str, typer.Option("--encoding", metavar="NAME", help="The encoding of a CSV file that is not UTF-8.")
]


def import_(
    ctx: typer.Context,
    incident: IncidentId,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", exists=True, dir_okay=False, help="What they asked, CSV or XLSX, with the columns below."
        ),
    ],
    mailbox: Annotated[bool, typer.Option("--mailbox", help="They came by mail, not by telephone.")] = False,
    columns: ColumnOptions = None,
    values: ValueOptions = None,
    map_file: MapFile = None,
    zone: Zone = "",
    encoding: Encoding = "",
    name: AsBringer = "",
) -> None:
    """Take in what the hotline noted, or what came to the mailbox; the same file again adds nothing.

    Of somebody known, the same words at the same time count once. Without a person_id they count as often as they stand
    in the file: they may be of several callers. Transcripts are rejected: note the question instead.

    Columns: person_id (may be empty), kind (question, complaint, suggestion), locale, asked_at, text.
    """
    from amends.content.feedback.hotline import COLUMNS, read_calls, record_calls
    from amends.delivery.alerts import alert_at_once

    desk: Desk = ctx.obj
    by = desk.member_if_any(name, WHO_BRINGS)
    playbook, received = running_playbook(desk, incident), now()
    source = QuestionSource.MAILBOX if mailbox else QuestionSource.HOTLINE
    mapped = column_map(COLUMNS, map_file, columns, values, zone, encoding)
    report = record_calls(desk.ledger, incident, playbook, read_calls(file, received, mapped), received, source, by)
    lines = [row.at(file) for row in report.rejected]
    lines += [f"{file}:{row}: this person_id is not in the audience; the question is kept" for row in report.unmatched]
    summary = (
        f"{counted(report.rows, 'row')}: {report.accepted} accepted ({report.new} new), {len(report.rejected)} rejected"
    )
    desk.show(report, "\n".join([*lines, summary]))
    alert_at_once(desk.ledger, incident, received)
    if report.rejected:
        raise typer.Exit(Exit.FINDINGS)
    desk.hint(f"`amends questions list {incident} --open` shows what waits for an answer")


def running_playbook(desk: Desk, incident: str) -> "Playbook":
    """Return the playbook, which says by when a question is answered. Raises NotAllowed when none runs."""
    case = desk.ledger.cases.read(incident)
    if case.playbook is None:
        raise NotAllowed(f"no playbook runs for {incident} that says by when to answer; `amends run {incident}` first")
    return case.playbook


def column_map(
    columns: "Columns", map_file: Path | None, pairs: Pairs, values: Pairs, zone: str, encoding: str
) -> "ColumnMap":
    """Return the map of a file's columns, in which an option counts more than the map file. Raises BadParameter."""
    from amends.content.feedback.columns import NO_MAP, ColumnMap, read_map

    base = read_map(map_file, columns) if map_file else NO_MAP
    heads, same = _pairs("--column", pairs, columns.all), _pairs("--value", values, columns.all)
    changed = {"columns": base.columns | heads, "values": base.values | same}
    options = {key: word for key, word in (("zone", zone), ("encoding", encoding)) if word}
    try:
        return ColumnMap.model_validate(base.model_dump() | changed | options)
    except ValueError as error:
        raise typer.BadParameter(_first_words(error)) from None


def _pairs(option: str, said: Pairs, known: Iterable[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for one in said or ():
        name, equals, rest = one.partition("=")
        if not equals or name not in known:
            raise typer.BadParameter(f"{option} {one[:40]!r}: write NAME=…, with a NAME of {', '.join(known)}")
        pairs[name] = rest
    return pairs


def _first_words(error: ValueError) -> str:
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))} {first['msg'].removeprefix('Value error, ')}".strip()
    return str(error)


def note(ctx: typer.Context, incident: IncidentId, name: As) -> None:
    """Note a question of somebody on the telephone or at the counter, and the answer that they got already.

    A form at the terminal. The caller is found by reference, email address, telephone number or last name; of several
    people of one name none is shown. `amends questions show INCIDENT QUESTION` shows what was noted.
    """
    from amends.content.feedback.hotline import kind_of, locale_of
    from amends.delivery.alerts import alert_at_once

    desk: Desk = ctx.obj
    by = desk.member(name).name
    playbook, at = running_playbook(desk, incident), now()
    person = _ask_who(desk, incident, by)
    kind = _ask_until_known(desk, f"Kind: {', '.join(ASKED)}", QuestionKind.QUESTION, kind_of)
    locale = _ask_until_known(desk, "Language, as in en or zh-CN", _locale(desk, incident, person), locale_of)
    text, answered = _ask_words(desk), _asked("The answer, if they got one already; empty if not")
    number = desk.ledger.questions.ask(incident, _noted(playbook, person, kind, locale, text, at), at, by)
    if answered and desk.ledger.questions.get(incident, number).answered_at is None:
        desk.ledger.questions.answer(incident, number, answered, by, now())
    alert_at_once(desk.ledger, incident, at)
    noted = desk.ledger.questions.get(incident, number)
    stands = "is answered" if noted.answered_at else f"waits for an answer until {minute(noted.reply_due_at)}"
    desk.show({"question": number, "answered": noted.answered_at is not None}, f"question {number} {stands}")
    if not noted.answered_at:
        desk.hint(f"`amends questions answer {incident} {number} --as NAME` answers it")


def _noted(
    playbook: "Playbook", person: int | None, kind: QuestionKind, locale: str, text: str, at: datetime
) -> NewQuestion:
    from amends.ledger import once_for

    # The words of one person in one minute are one question, should the form be filled in twice.
    once = once_for(QuestionSource.HOTLINE, "note", person, kind, at.replace(second=0, microsecond=0), text)
    return new_question(
        playbook, text, person=person, kind=kind, source=QuestionSource.HOTLINE, locale=locale, once=once, at=at
    )


def _ask_who(desk: Desk, incident: str, by: str) -> int | None:
    """Return the person of the list whom the member names, or None; that the person was found is a look."""
    while said := _asked("Who? Reference, email, telephone or last name; empty if unknown"):
        match desk.ledger.callers.find(incident, said):
            case (person,):
                desk.looked(incident, by, f"person {person}", person)
                desk.hint(f"person {person}")
                return person
            case ():
                desk.hint("nobody of the list has this; ask for something else, or leave it empty")
            case _:
                desk.hint("several people have this; ask for their reference or their email address")
    return None


def _locale(desk: Desk, incident: str, person: int | None) -> str:
    """Return the language in which the person of the list is written to."""
    return (desk.ledger.people.get(incident, person).locale if person else "") or "en"


def _ask_until_known(desk: Desk, question: str, default: str, known: Callable[[str], T]) -> T:
    """Return what the answer means, asking again as long as it means nothing."""
    while True:
        try:
            return known(_asked(f"{question} [{default}]") or default)
        except ValueError as error:
            desk.hint(str(error))


def _ask_words(desk: Desk) -> str:
    """Return the words of the question, line by line until an empty line. Raises ContentError for a transcript."""
    from amends.content.feedback.hotline import words_of
    from amends.content.file.codes import Code

    desk.hint("what they asked, in a few words; an empty line ends it")
    lines: list[str] = []
    while line := _asked("…" if lines else "Question"):
        lines.append(line)
    try:
        return words_of("\n".join(lines))
    except ValueError as error:
        raise ContentError(Finding("the question", Code.NOT_ALLOWED, str(error))) from None


def _asked(question: str) -> str:
    return str(typer.prompt(question, default="", show_default=False, err=True)).strip()
