"""Commands for the questions that people ask: list, show and answer them, and take in calls and mails."""

from typing import Annotated

import typer

from amends.cli.feedback import answers, canned, groups, queue
from amends.cli.feedback.hotline import import_, note
from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import As, AsLooker, IncidentId, noun, number
from amends.domain.base.text import minute
from amends.domain.base.value import NAME
from amends.domain.feedback.question import QuestionKind
from amends.domain.people.preference import Preference

QuestionId = Annotated[int, typer.Argument(metavar="QUESTION", parser=number, help="The question's number.")]
UNREADABLE = "(cannot be read: it was altered, moved, or sealed with another key)"

app = noun()


app.command("list")(queue.listed)
app.command()(queue.search)
app.command()(queue.assign)
app.command()(groups.groups)
app.command()(groups.merge)
app.command()(groups.split)
app.command()(canned.canned)
app.command("answer-group")(groups.answer_group)


@app.command()
def show(ctx: typer.Context, incident: IncidentId, question: QuestionId, name: AsLooker = "") -> None:
    """One question with its words."""
    desk: Desk = ctx.obj
    by, found = desk.looker(name), desk.ledger.questions.get(incident, question)
    desk.looked(incident, by, f"question {question}", found.person)
    person = f"person {found.person}" if found.person else "nobody we know"
    wish = desk.ledger.choices.preference(incident, found.person) if found.person else Preference()
    if wish.locale or wish.channel:
        person += f" (wishes for {', '.join(filter(None, (wish.locale, wish.channel)))})"
    lines = [
        f"{found.kind} {found.id} by {person}, {found.source}, {found.locale}, topic {found.topic}",
        *([f"urgent: {found.urgency}"] if found.urgency else []),
        *([f"one of group {found.together}"] if found.together else []),
        f"asked {minute(found.asked_at)}, reply due {minute(found.reply_due_at)} by {found.owner}",
        "",
        found.text or UNREADABLE,
    ]
    if found.answered_at:
        lines += ["", f"answered {minute(found.answered_at)} by {found.answered_by}:", "", found.answer or UNREADABLE]
    suggested = None if found.answered_at else desk.ledger.groups.suggestion(incident, question)
    if suggested:
        lines += ["", f"question {suggested[0]} asked the same and got this answer:", "", suggested[1]]
    desk.show(found, "\n".join(lines))
    if not found.text:
        desk.hint("nobody can read what was asked: answer that you cannot, and ask them to ask again")
    if found.kind is QuestionKind.COMPLAINT and found.person and not found.answered_at:
        desk.hint(f"optional messages to person {found.person} pause until the complaint is settled")
        desk.hint(
            f"`amends commitments add {incident} --complaint {question} --as NAME` promises them what will be done"
        )
    if not found.answered_at:
        desk.hint(f"`amends questions answer {incident} {question} --as NAME --file ANSWER.txt` answers it")


for command in answers.COMMANDS:
    app.command(command.__name__)(command)


@app.command()
def topic(
    ctx: typer.Context,
    incident: IncidentId,
    question: QuestionId,
    word: Annotated[str, typer.Argument(metavar="TOPIC", help="Such as scam, compensation, my_data.")],
    name: As,
) -> None:
    """Move a question to another topic."""
    if not NAME.fullmatch(word):
        raise typer.BadParameter("a topic is a word of small letters, digits, '-' and '_'")
    desk: Desk = ctx.obj
    desk.ledger.questions.file_under(incident, question, word, desk.member(name).name, now())
    desk.show({"question": question, "topic": word}, f"question {question} is about {word}")


app.command("import")(import_)
app.command("note")(note)
