"""Command for canned answers: list them, and print one with its slots filled, to be piped into an answer."""

from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import IncidentId
from amends.cli.terminal.text import table

if TYPE_CHECKING:
    from amends.domain.feedback.queue.canned import CannedAnswer

HEAD = ("answer", "topic", "languages", "about")


def canned(
    ctx: typer.Context,
    incident: IncidentId,
    answer: Annotated[str | None, typer.Argument(metavar="[ANSWER]", help="Print this one, its slots filled.")] = None,
    language: Annotated[str, typer.Option("--language", metavar="LOCALE", help="In this language.")] = "en",
) -> None:
    """List the canned answers, or print one; `amends questions canned INCIDENT ANSWER | amends questions answer …`."""
    from amends.content.feedback.canned import canned_answers

    desk: Desk = ctx.obj
    known = canned_answers(desk.settings.home)
    if answer is None:
        rows = [(one.id, one.topic, ", ".join(one.text), one.about) for one in known.values()]
        desk.show([one.model_dump(mode="json") for one in known.values()], table(HEAD, rows))
        desk.hint(f"`amends questions canned {incident} ANSWER --language en` prints one, its slots filled")
        return
    text = canned_text(desk, incident, pick(known, answer), language)
    desk.show({"id": answer, "locale": language, "text": text}, text)


def canned_texts(desk: Desk, incident: str, answer: str) -> dict[str, str]:
    """Return a canned answer in each of its languages, its slots filled. Raises BadParameter, NotAllowed."""
    from amends.content.feedback.canned import canned_answers

    one = pick(canned_answers(desk.settings.home), answer)
    return {locale: canned_text(desk, incident, one, locale) for locale in one.text}


def pick(known: "dict[str, CannedAnswer]", answer: str) -> "CannedAnswer":
    """Return the canned answer with this id. Raises BadParameter."""
    if answer not in known:
        raise typer.BadParameter(f"there is no canned answer {answer[:40]}; known are {', '.join(known) or 'none'}")
    return known[answer]


def canned_text(desk: Desk, incident: str, answer: "CannedAnswer", locale: str) -> str:
    """Return the canned answer in this language, its slots filled from the case. Raises NotAllowed."""
    from amends.domain.base.value import text_for
    from amends.domain.case.next_update import awaited
    from amends.domain.draft.writer import Links
    from amends.domain.feedback.queue.canned import filled, usable
    from amends.domain.notice.wording import say_moment

    case = desk.ledger.cases.read(incident, moment := now())
    organisation, until = case.incident.organisation, usable(awaited(case), moment)
    values = {
        "organisation": text_for(organisation.name, locale),
        "hotline": organisation.contacts.phone,
        "email": organisation.contacts.email,
        "page": Links(desk.settings.public_url).page(incident, locale),
    }
    if until and case.playbook:
        phrases = desk.ledger.playbooks.wording(incident).phrases.get(locale)
        values["next_update"] = say_moment(phrases, until, organisation.timezone) if phrases else ""
    return filled(answer, locale, values).strip()
