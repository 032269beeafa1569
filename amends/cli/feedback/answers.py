"""Commands for answers: give one to many, approve, correct, close, and bring by telephone."""

import csv
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from amends.cli.feedback.canned import canned_texts
from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.files import Utf8, whole
from amends.cli.terminal.options import As, AsLooker, IncidentId, number
from amends.cli.terminal.text import table
from amends.domain.base.errors import ContentError, Finding, NotInLedger
from amends.domain.base.text import counted, counts, minute
from amends.domain.channel.outgoing import OutgoingState
from amends.domain.feedback.answer import HANDFUL, Answer, AnswerKind, AnswerStatus, ReplyChannel, ReplyLine

if TYPE_CHECKING:
    from amends.ledger.feedback.replies import ByHand

QuestionId = Annotated[int, typer.Argument(metavar="QUESTION", parser=number, help="The question's number.")]
AnswerId = Annotated[int, typer.Argument(metavar="ANSWER", parser=number, help="The answer's number.")]
TextFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", exists=True, dir_okay=False, help="The answer; without it, it is read from stdin."),
]
TextLocale = Annotated[
    str, typer.Option("--locale", metavar="LOCALE", help="The language of this text; else that of the question.")
]
MoreTexts = Annotated[
    list[str] | None,
    typer.Option("--in", metavar="LOCALE=FILE", help="The same answer in another language; repeat it."),
]
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of a cell that a spreadsheet would run as a formula."""
REPLIES = ("answer", "question", "by", "state", "tries", "next try", "detail")
ANSWERS = ("answer", "kind", "status", "questions", "by", "at", "approved by", "corrects")
HAND_HEAD = ("question", "answer", "asked_at", "locale", "name", "phone", "why", "asked", "say")
UNREADABLE = "(cannot be read: it was altered, moved, or sealed with another key)"


def answer(
    ctx: typer.Context,
    incident: IncidentId,
    question: QuestionId,
    name: As,
    file: TextFile = None,
    also: Annotated[
        list[int] | None,
        typer.Option("--also", metavar="QUESTION", parser=number, help="The same answer to this question; repeat it."),
    ] = None,
    locale: TextLocale = "",
    more: MoreTexts = None,
    canned: Annotated[
        str | None, typer.Option("--canned", metavar="ANSWER", help="Say this canned answer instead of a file.")
    ] = None,
) -> None:
    """Answer a question, or several with one answer; each hears it by the way in which they asked.

    One answer to more than five questions waits for `amends questions approve` by another member; the exit code is 4.
    """
    desk: Desk = ctx.obj
    by, ledger = desk.member(name).name, desk.ledger
    if canned:
        texts = {**canned_texts(desk, incident, canned), **_more_texts(more or ())}
    else:
        _hint_at_stdin(desk, file)
        own = locale or ledger.questions.get(incident, question).locale
        texts = {own: _text(file), **_more_texts(more or ())}
    questions = sorted({question, *(also or ())})
    given = ledger.answers.give(incident, questions, texts, by, now())
    _show_given(desk, incident, given)


def approve(ctx: typer.Context, incident: IncidentId, answer: AnswerId, name: As) -> None:
    """Approve an answer that waits, which you have not written yourself; `amends questions answers` lists them."""
    desk: Desk = ctx.obj
    desk.ledger.answers.approve(incident, answer, desk.member(name), now())
    _show_given(desk, incident, answer)


def reject(
    ctx: typer.Context,
    incident: IncidentId,
    answer: AnswerId,
    name: As,
    why: Annotated[str, typer.Option("--why", metavar="WORDS", help="Why it must not be heard, for the team.")],
) -> None:
    """Reject an answer that waits; nobody hears it, and `amends questions answer` gives another."""
    desk: Desk = ctx.obj
    desk.ledger.answers.reject(incident, answer, why, desk.member(name).name, now())
    desk.show({"rejected": answer}, f"answer {answer} is rejected")


def correct(
    ctx: typer.Context,
    incident: IncidentId,
    answer: AnswerId,
    name: As,
    file: TextFile = None,
    locale: TextLocale = "",
    more: MoreTexts = None,
) -> None:
    """Correct a wrong answer: whoever heard it hears that it was wrong, and what is right.

    What has not left yet is withdrawn at once. A correction of more than five answers waits for `amends questions
    approve`.
    """
    desk: Desk = ctx.obj
    by, wrong = desk.member(name).name, desk.ledger.answers.get(incident, answer)
    _hint_at_stdin(desk, file)
    own = locale or next(iter(wrong.texts), "en")
    texts = {own: _text(file), **_more_texts(more or ())}
    _show_given(desk, incident, desk.ledger.answers.correct(incident, answer, texts, by, now()))


def close(
    ctx: typer.Context,
    incident: IncidentId,
    question: QuestionId,
    name: As,
    reason: Annotated[str, typer.Option("--reason", metavar="WORDS", help="The reason, in words for the person.")],
) -> None:
    """Close a question without an answer; the person hears the reason, and can say that it does not satisfy them."""
    desk: Desk = ctx.obj
    _show_given(desk, incident, desk.ledger.answers.close(incident, question, reason, desk.member(name).name, now()))


def answers(
    ctx: typer.Context,
    incident: IncidentId,
    answer: Annotated[
        int | None, typer.Argument(metavar="[ANSWER]", parser=number, help="Show the words of this answer.")
    ] = None,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those that wait for approval.")] = False,
    name: AsLooker = "",
) -> None:
    """The answers without their words, the newest first; `amends questions approve` gives one that waits."""
    desk: Desk = ctx.obj
    by = desk.looker(name)
    if answer is not None:
        found = desk.ledger.answers.get(incident, answer)
        desk.looked(incident, by, f"answer {answer}")
        desk.show(found, _whole(found))
        return
    listed = desk.ledger.answers.all(incident, waiting_only=waiting)
    desk.looked(incident, by, "answers", count=len(listed))
    rows = [
        (a.id, a.kind, a.status, _numbers(a.questions), a.by, minute(a.at), a.approved_by or "–", a.corrects or "–")
        for a in listed
    ]
    desk.show([one.model_dump(mode="json", exclude={"texts"}) for one in listed], table(ANSWERS, rows))
    if waits := [one for one in listed if one.status is AnswerStatus.WAITING]:
        desk.hint(f"`amends questions answers {incident} {waits[0].id}` shows the words of one that waits")


def replies(
    ctx: typer.Context,
    incident: IncidentId,
    question: Annotated[
        int | None, typer.Option("--question", metavar="QUESTION", parser=number, help="Only those to this question.")
    ] = None,
    again: Annotated[
        int | None,
        typer.Option(
            "--again", metavar="QUESTION", parser=number, help="Send the newest answer to this question once more."
        ),
    ] = None,
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="Who decides that; needed with --again.")] = "",
) -> None:
    """Say whether each answer reached the person who asked; what is due leaves now.

    A reply that is uncertain may have arrived already: with --again the person may get it twice. Exit code 5 means that
    some are still to be sent, or that a person must look at them.
    """
    desk: Desk = ctx.obj
    if again is not None:
        _send_again(desk, incident, again, name)
    send_now(desk, incident)
    found = desk.ledger.replies.all(incident, question=question)
    desk.show(found, table(REPLIES, map(_cells, found)))
    _hint_at_replies(desk, incident, found)
    if any(one.state in (OutgoingState.UNCERTAIN, OutgoingState.WAITING) and one.channel.kind for one in found):
        raise typer.Exit(Exit.PARTLY)


def calls(
    ctx: typer.Context,
    incident: IncidentId,
    file: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write the list to this file, for its owner alone.")
    ] = None,
    name: AsLooker = "",
) -> None:
    """Whom to call with an answer: who asked by telephone, and whom no other way reached.

    Who wrote to our account in private is in it too, with their account, to be written to there.

    `amends questions called` notes that somebody was told.
    """
    desk: Desk = ctx.obj
    by = desk.looker(name)
    rows = [_row(call) for call in desk.ledger.replies.calls(incident)]
    desk.looked(incident, by, "people to call", count=len(rows))
    _by_hand(desk, incident, rows, file)


def called(ctx: typer.Context, incident: IncidentId, question: QuestionId, name: As) -> None:
    """Note that you told somebody the answer by telephone; `amends questions calls` says who else waits."""
    desk: Desk = ctx.obj
    desk.ledger.replies.called(incident, question, desk.member(name).name, now())
    desk.show({"called": question}, f"who asked question {question} was told")


def send_now(desk: Desk, incident: str) -> None:
    """Send the replies that are due at once: the sweep would send them minutes later, and only where Prefect runs."""
    from amends.delivery.alerts import alert_at_once
    from amends.delivery.answers.send import send_replies_now
    from amends.domain.draft.writer import Links

    links = Links(desk.settings.public_url)
    try:
        sent = send_replies_now(desk.ledger, desk.settings.channels, links, incident, now)
    except NotInLedger as error:
        desk.hint(f"the answer waits: {error}")
        return
    if sent.waits:
        desk.hint(f"the answer waits: {sent.waits}")
    for channel, why in sent.trouble.items():
        desk.hint(f"answers wait ({channel}): {why}")
    if sent.states[OutgoingState.FAILED] or sent.states[OutgoingState.UNCERTAIN]:
        alert_at_once(desk.ledger, incident, now())


def _show_given(desk: Desk, incident: str, given: int) -> None:
    """Send what is due, and say what became of the answer. Raises typer.Exit when the answer waits for approval."""
    found = desk.ledger.answers.get(incident, given)
    if found.status is AnswerStatus.WAITING:
        values = {"answer": given, "status": found.status, "questions": found.questions}
        desk.show(values, f"answer {given} to {counted(len(found.questions), 'question')} waits for approval")
        why = f"more than {HANDFUL}" if len(found.questions) > HANDFUL else "a public answer"
        desk.hint(f"{why}: another member says `amends questions approve {incident} {given} --as NAME`")
        raise typer.Exit(Exit.WAITING)
    send_now(desk, incident)
    lines = [reply for reply in desk.ledger.replies.all(incident) if reply.answer == given]
    verb = {AnswerKind.GIVEN: "answered", AnswerKind.CORRECTION: "corrected", AnswerKind.CLOSED: "closed"}[found.kind]
    _show_replies(desk, incident, given, verb, lines)


def _show_replies(desk: Desk, incident: str, given: int, verb: str, lines: Sequence[ReplyLine]) -> None:
    ways = {f"{channel} {state}": _count(lines, channel, state) for channel in ReplyChannel for state in OutgoingState}
    questions = [line.question for line in lines]
    said = f"question {questions[0]} is {verb}" if len(questions) == 1 else f"{len(questions)} questions are {verb}"
    values = {verb: questions[0] if len(questions) == 1 else questions, "answer": given, "replies": lines}
    desk.show(values, f"{said} (answer {given}): {counts(ways)}")
    _hint_at_replies(desk, incident, lines)


def _hint_at_replies(desk: Desk, incident: str, lines: Sequence[ReplyLine]) -> None:
    if any(_needs_call(line) for line in lines):
        desk.hint(f"somebody must be called: `amends questions calls {incident}` says whom")
    if any(line.channel is ReplyChannel.PUBLIC and line.state is OutgoingState.WAITING for line in lines):
        desk.hint(f"`amends mentions list {incident}` shows what is to be posted, `amends mentions post` posts it")
    if any(line.channel.kind and line.state is OutgoingState.UNCERTAIN for line in lines):
        ask = f"`amends questions replies {incident} --again QUESTION --as NAME`"
        desk.hint(f"nobody knows whether a reply has left: ask the person, or send it once more with {ask}")


def _needs_call(line: ReplyLine) -> bool:
    waits = line.channel is ReplyChannel.CALL and line.state is OutgoingState.WAITING
    return waits or line.state in (OutgoingState.FAILED, OutgoingState.BOUNCED)


def _count(lines: Iterable[ReplyLine], channel: ReplyChannel, state: OutgoingState) -> int:
    return sum((line.channel, line.state) == (channel, state) for line in lines)


def _send_again(desk: Desk, incident: str, question: int, name: str) -> None:
    if not name:
        raise typer.BadParameter("say with --as NAME who decides this")
    by = desk.member(name).name
    lines = desk.ledger.replies.all(incident, question=question)
    if not lines:
        raise typer.BadParameter(f"question {question} has no reply that could be sent again")
    desk.ledger.replies.again(incident, lines[0].answer, question, by, now())


def _by_hand(desk: Desk, incident: str, rows: Sequence[tuple[str, ...]], file: Path | None) -> None:
    if file:
        with whole(file) as opened:
            writer = csv.writer(cast("Any", Utf8(opened, marked=True)), lineterminator="\r\n")
            writer.writerow(HAND_HEAD)
            writer.writerows(map(_inert, rows))
        desk.show({"rows": len(rows), "file": str(file)}, f"{counted(len(rows), 'answer')} in {file}")
    else:
        values = [dict(zip(HAND_HEAD, row, strict=True)) for row in rows]
        desk.show(values, "\n\n".join(map(_spoken, rows)) or "none")
    if rows:
        desk.hint(f"`amends questions called {incident} {rows[0][0]} --as NAME` notes each that is done")


def _row(one: "ByHand") -> tuple[str, ...]:
    content = one.content
    sorry = f"(The answer of {minute(content.wrong_at)} was wrong: say sorry.) " if content.wrong_at else ""
    phone = one.to.address
    return (
        str(one.question),
        str(one.answer),
        minute(content.asked_at),
        content.locale,
        one.to.name,
        phone,
        one.detail,
        content.question or UNREADABLE,
        sorry + (content.text or UNREADABLE),
    )


def _inert(row: tuple[str, ...]) -> tuple[str, ...]:
    """Return the cells with an apostrophe before what a spreadsheet would run; a telephone number is none."""
    return tuple(
        f"'{cell}" if cell.startswith(FORMULA) and not cell.removeprefix("+").isdigit() else cell for cell in row
    )


def _spoken(row: tuple[str, ...]) -> str:
    question, answer, at, locale, name, phone, why, asked, say = row
    to = f"{name or 'name not known'}, {phone or 'no number known'}"
    head = f"question {question}, answer {answer}, {at}, {locale}: {to}" + (f" ({why})" if why else "")
    return f"{head}\n\n{asked}\n\nSay:\n\n{say}"


def _cells(one: ReplyLine) -> tuple[object, ...]:
    due = minute(one.next_try_at) if one.state is OutgoingState.WAITING else "–"
    return one.answer, one.question, one.channel, one.state, one.tries, due, one.detail


def _numbers(questions: Sequence[int]) -> str:
    shown = ", ".join(map(str, questions[:HANDFUL]))
    return shown if len(questions) <= HANDFUL else f"{shown} and {len(questions) - HANDFUL} more"


def _whole(found: Answer) -> str:
    head = f"answer {found.id} ({found.kind}, {found.status}) by {found.by}, {minute(found.at)}"
    asked = f"to {counted(len(found.questions), 'question')}: {_numbers(found.questions)}"
    texts = [f"{locale}:\n\n{text}" for locale, text in found.texts.items()]
    return "\n\n".join([f"{head}\n{asked}", *(texts or [UNREADABLE])])


def _more_texts(said: Iterable[str]) -> dict[str, str]:
    """Return the text of each LOCALE=FILE. Raises BadParameter for another form, or one language twice."""
    texts: dict[str, str] = {}
    for one in said:
        locale, separator, path = one.partition("=")
        if not (separator and path and Path(path).is_file()):
            raise typer.BadParameter(f"--in {one[:40]!r}: write a locale and a file, as in zh-CN=answer.txt")
        if locale in texts:
            raise typer.BadParameter(f"--in says twice what to answer in {locale}")
        texts[locale] = _text(Path(path))
    return texts


def _hint_at_stdin(desk: Desk, file: Path | None) -> None:
    if file is None and sys.stdin.isatty():
        desk.hint("write the answer; end it with Ctrl-D on a line of its own")


def _text(file: Path | None) -> str:
    """Return the text of the file, or the text typed or piped in. Raises ContentError when the text is not UTF-8."""
    from amends.content.file.codes import Code
    from amends.content.file.reading import read_text

    try:
        text = read_text(file) if file else sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ContentError(Finding("stdin", Code.UNREADABLE, "the answer is not UTF-8", "save it as UTF-8")) from None
    return text.replace("\r\n", "\n")


COMMANDS = (answer, approve, reject, correct, close, answers, replies, calls, called)
"""The commands about answers below `amends questions`, in the order of help."""
