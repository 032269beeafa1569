"""Sends an approved notice from here, without Prefect. May be stopped and repeated at any moment."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.clock import now
from amends.cli.desk import Desk
from amends.cli.exits import Exit
from amends.cli.options import IncidentId, NoticeId
from amends.cli.words import counts
from amends.domain.notice import PersonState

if TYPE_CHECKING:
    from amends.delivery.engine import Tally


def deliver(
    ctx: typer.Context,
    incident: IncidentId,
    notice: NoticeId,
    again: Annotated[
        int | None, typer.Option(metavar="PERSON", help="Send once more to this person, whose message is uncertain.")
    ] = None,
    held: Annotated[
        int | None, typer.Option(metavar="PERSON", help="Write to this person after all, who was held.")
    ] = None,
    name: Annotated[
        str, typer.Option("--as", metavar="NAME", help="Who decides that; needed with --again and --held.")
    ] = "",
) -> None:
    """Send an approved notice to everybody it has not reached.

    It may be stopped and called again at any moment: nobody gets it twice. Exit code 5 means that some is left.
    """
    desk: Desk = ctx.obj
    if (again, held) != (None, None) and not name:
        raise typer.BadParameter("say with --as NAME who decides this")
    if again is not None:
        desk.ledger.send_again(incident, notice, again, desk.member(name), now())
    if held is not None:
        desk.ledger.let_go(incident, notice, held, desk.member(name), now())
    with _progress(notice, quiet=desk.json) as told:
        tally = _send(desk, incident, notice, told)
    desk.show(tally, _summary(notice, tally))
    _next(desk, incident, notice, tally)
    if not tally.finished or tally.trouble or tally.people.get(PersonState.UNCERTAIN):
        raise typer.Exit(Exit.PARTLY)


def _send(desk: Desk, incident: str, notice: str, told: Callable[["Tally"], None]) -> "Tally":
    import uvloop

    from amends.delivery.crew import Work, send
    from amends.domain.drafting import Links

    settings = desk.settings
    links = Links(settings.public_url)
    work = Work(desk.ledger, settings.channels, incident, notice, links, limits=settings.limits)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(send(work, told))


@contextmanager
def _progress(notice: str, *, quiet: bool) -> Iterator[Callable[["Tally"], None]]:
    """A bar on stderr where a person looks, else nothing."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task(f"Sending {notice}", total=None)
        yield lambda tally: bars.update(bar, total=tally.messages, completed=sum(tally.answers.values()))


def _summary(notice: str, tally: "Tally") -> str:
    lines = [f"{notice}: {counts(tally.people)}"]
    lines += [f"{kind} was stopped: {why}" for kind, why in tally.trouble.items()]
    if tally.uncertain_after_crash:
        lines.append(f"{tally.uncertain_after_crash} messages became uncertain when an earlier run was cut off")
    return "\n".join(lines)


def _next(desk: Desk, incident: str, notice: str, tally: "Tally") -> None:
    from amends.cli.nudge import nudge

    for state in (PersonState.UNREACHABLE, PersonState.UNCERTAIN, PersonState.HELD):
        if tally.people.get(state):
            desk.hint(f"{tally.people[state]} {state}: `amends deliveries {incident} {notice}` says who and why")
    if not tally.finished:
        desk.hint(f"some wait: `amends deliver {incident} {notice}` again later sends what is left")
    elif waiting := tally.people.get(PersonState.WAITING):
        desk.hint(f"{waiting} wait for a letter: `amends letters {incident} {notice} --out DIR --as NAME`")
    nudge(desk.settings, incident)
