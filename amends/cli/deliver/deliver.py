"""The command `amends deliver`: sends an approved notice without Prefect; may be stopped and repeated at any moment."""

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.options import IncidentId, NoticeId, number, number_or_none
from amends.domain.base.errors import AmendsError, LedgerUnavailable
from amends.domain.base.text import PUBLIC, counted, counts, kept_back, minute, parked
from amends.domain.case.states import IncidentState
from amends.domain.channel.channel import ChannelKind, kept_here
from amends.domain.notice.notice import DeliveryState, PersonState
from amends.system.processes import Stopped, stopped_by_signals

if TYPE_CHECKING:
    from amends.delivery.send.engine import Tally


STOPPING = (
    "it stops as soon as what is under way has its answers, or the time for them has run out; "
    "whoever kills it before that leaves those messages uncertain"
)
LOOK_SECONDS = 5.0


def deliver(
    ctx: typer.Context,
    incident: IncidentId,
    notice: NoticeId,
    again: Annotated[
        str | None,
        typer.Option(
            metavar="PERSON",
            help="Send once more to this person, or the `public`, whose message is uncertain, or to a person whom "
            "nothing reached; after a backup was restored, to `all`.",
        ),
    ] = None,
    held: Annotated[
        int | None, typer.Option(metavar="PERSON", parser=number, help="Write to this person after all, who was held.")
    ] = None,
    retry: Annotated[
        str | None, typer.Option(metavar="PERSON", help="Try again what is parked for this person, or for `all`.")
    ] = None,
    give_up: Annotated[
        str | None,
        typer.Option(metavar="PERSON", help="Give up what is parked for this person, or for `all`: the next channel."),
    ] = None,
    domain: Annotated[
        str | None,
        typer.Option(metavar="DOMAIN", help="Let mail to this domain go on, whose servers refused it by their policy."),
    ] = None,
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="Who decides that; needed with the above.")] = "",
) -> None:
    """Send an approved notice to everybody it has not reached.

    It may be stopped and called again at any moment: nobody gets it twice. Exit code 5 means that some is left.
    """
    desk: Desk = ctx.obj
    if any(choice is not None for choice in (again, held, retry, give_up, domain)):
        _decide(desk, incident, notice, again, held, retry, give_up, domain, name)
    if desk.ledger.deliveries.busy(incident, now()):
        desk.hint("another send of this incident is under way: it and this one share what is left")
    try:
        with (
            stopped_by_signals(),
            _server_watched(desk),
            _leads_alerted(desk, incident),
            _progress(desk, notice) as listener,
        ):
            tally = _send(desk, incident, notice, listener)
    except Stopped as stopped:
        desk.hint(f"it was stopped: `amends deliver {incident} {notice}` sends what is left")
        raise typer.Exit(stopped.exit_code) from None
    letters = desk.ledger.letters.to_print(incident, notice)
    desk.show(tally, _summary(incident, notice, tally, letters))
    _hint_at_next(desk, incident, notice, tally, letters)
    if not tally.finished or tally.trouble or tally.people.get(PersonState.UNCERTAIN):
        raise typer.Exit(Exit.PARTLY)


def _decide(
    desk: Desk,
    incident: str,
    notice: str,
    again: str | None,
    held: int | None,
    retry: str | None,
    give_up: str | None,
    domain: str | None,
    name: str,
) -> None:
    if not name:
        raise typer.BadParameter("say with --as NAME who decides this")
    # All are parsed before anything is decided, so that a typo in one leaves the others undone.
    once_more, tried, given_up = map(_person_number, (again, retry, give_up))
    ledger, by = desk.ledger, desk.member(name)
    if again is not None:
        waiting = ledger.decisions.send_again(incident, notice, once_more, by, now())
        desk.hint(f"{counted(waiting, 'message goes', 'messages go')} out once more")
    if held is not None:
        ledger.decisions.release_held(incident, notice, held, by, now())
    if retry is not None:
        ledger.decisions.try_parked(incident, notice, tried, by, now())
    if give_up is not None:
        ledger.decisions.give_up_parked(incident, notice, given_up, by, now())
    if domain is not None:
        due = ledger.stops.let_domain_go_on(incident, domain.strip().lower(), by, now())
        desk.hint(f"{counted(due, 'message that waited is', 'messages that waited are')} due again")


def _person_number(said: str | None) -> int | None:
    """Return a person's number, 0 for the page and the posts, or None for everybody. Raises BadParameter."""
    if said is None or said == "all":
        return None
    if said == PUBLIC:
        return 0
    try:
        return number_or_none(said)
    except typer.BadParameter:
        raise typer.BadParameter(f"{said!r} is neither a person's number nor `{PUBLIC}` nor `all`") from None


def _send(desk: Desk, incident: str, notice: str, listener: Callable[["Tally"], None]) -> "Tally":
    import uvloop

    from amends.delivery.send.workers import Work, send, wall_clock
    from amends.domain.draft.writer import Links
    from amends.rehearsal_clock import rehearsal_clock

    settings = desk.settings
    links = Links(settings.public_url)
    clock = rehearsal_clock(settings) or wall_clock
    work = Work(desk.ledger, settings.channels, incident, notice, links, clock, settings.limits)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(send(work, listener, on_signal=lambda: desk.hint(STOPPING)))


class Waits:
    """A listener that says once why nothing leaves when the ledger cannot be written, and once that sending goes on."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._waits = say, False

    def __call__(self, tally: "Tally") -> None:
        why = tally.trouble.get("ledger", "")
        if why and not self._waits:
            self._say(f"nothing leaves: {why}; it is tried again each second")
        elif self._waits and not why:
            self._say("the ledger can be written again")
        self._waits = bool(why)


class KeptBack:
    """A listener that says once that the ledger's server keeps commits back, and once when it no longer does."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._kept = say, False

    def __call__(self, commits: int) -> None:
        if commits and not self._kept:
            self._say(f"nothing leaves: {kept_back(commits)}")
        elif self._kept and not commits:
            self._say("the ledger's server keeps nothing back any more: it goes on")
        self._kept = bool(commits)


@contextmanager
def _server_watched(desk: Desk) -> Iterator[None]:
    """Look from a thread, during the block, whether the ledger's server keeps commits back, and say so.

    The send itself can say nothing while it waits for such a commit. SQLite has no server, so nothing is looked at.
    """
    from amends.ledger.store.database import file_of

    if file_of(desk.settings.ledger_url):
        yield
        return
    kept, over = KeptBack(desk.hint), threading.Event()

    def look() -> None:
        while not over.wait(LOOK_SECONDS):
            with suppress(LedgerUnavailable):
                kept(desk.ledger.store.kept_back())

    watching = threading.Thread(target=look, daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()


@contextmanager
def _leads_alerted(desk: Desk, incident: str) -> Iterator[None]:
    """Send the leads, after the block, the alerts to what stopped in it, unless they have them already."""
    from amends.delivery.alerts import alert_at_once
    from amends.rehearsal_clock import rehearsal_clock

    try:
        yield
    finally:
        with suppress(AmendsError):
            alert_at_once(desk.ledger, incident, now(), rehearsal=rehearsal_clock(desk.settings) is not None)


@contextmanager
def _progress(desk: Desk, notice: str) -> Iterator[Callable[["Tally"], None]]:
    """Yield the listener for the tallies: a bar on stderr at a terminal, else only the reason why nothing leaves."""
    waits = Waits(desk.hint)
    if desk.json or sys.stderr is None or not sys.stderr.isatty():  # None when the process was started with it closed
        yield waits
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task(f"Sending {notice}", total=None)

        def advance(tally: "Tally") -> None:
            waits(tally)
            bars.update(bar, total=tally.messages, completed=sum(tally.answers.values()))

        yield advance


def _summary(incident: str, notice: str, tally: "Tally", letters: int) -> str:
    lines = [f"{notice}: {counts(tally.people)}"]
    lines += [f"{_stopped_part(kind)} was stopped: {why}" for kind, why in tally.trouble.items()]
    if tally.uncertain_after_crash:
        lines.append(f"{tally.uncertain_after_crash} messages became uncertain when an earlier run was cut off")
    if tally.parked:
        lines.append(parked(incident, notice, tally.parked))
    if letters:
        take = f"`amends letters {incident} {notice} --out DIR --as NAME`"
        lines.append(f"{counted(letters, 'letter')} to print: {take} takes those whose wave has begun")
    return "\n".join(lines)


def _goes_on(desk: Desk, incident: str, notice: str) -> str:
    """Return how and when the remaining messages leave: with the next wave, after the night, or on the next try."""
    case = desk.ledger.cases.read(incident, now())
    if case.state is IncidentState.PAUSED:
        return f"some wait: once you know why it was stopped, `amends incident resume {incident} --as NAME` goes on"
    if desk.ledger.deliveries.busy(incident, now()):
        return "some are in the hands of another send, which goes on with them"
    status = case.notice(notice)
    when = f"after {minute(status.next_try_at)}" if status and status.next_try_at else "later"
    return f"some wait: `amends deliver {incident} {notice}` again {when} sends what is left"


def _stopped_part(kind: str) -> str:
    return kind if kind in tuple(ChannelKind) else "all of it"


def _hint_at_next(desk: Desk, incident: str, notice: str, tally: "Tally", letters: int) -> None:
    from amends.cli.terminal.prefect import nudge

    if warning := kept_here(desk.settings.channels, desk.ledger.notices.latest_draft(incident, notice).channels):
        desk.hint(warning)
    look = f"`amends deliveries {incident} {notice}"
    for state in (PersonState.UNREACHABLE, PersonState.HELD):
        if tally.people.get(state):
            desk.hint(f"{tally.people[state]} {state}: {look}` says who and why")
    if messages := desk.ledger.statistics.troubles(incident, notice).get(DeliveryState.UNCERTAIN):
        desk.hint(
            f"{_uncertain(messages, tally.people.get(PersonState.UNCERTAIN, 0))}: {look} --state uncertain` says which"
        )
    if tally.parked:
        desk.hint(f"`amends deliver {incident} {notice} --retry PERSON --as NAME` tries again, --give-up gives it up")
    waiting = tally.people.get(PersonState.WAITING, 0) > letters
    if not tally.finished and (tally.trouble or waiting or not tally.parked):
        desk.hint(_goes_on(desk, incident, notice))
    nudge(desk, incident)


def _uncertain(messages: int, people: int) -> str:
    """Return in words how many messages are uncertain, and how many people have no message in a better state."""
    said = counted(messages, "message is", "messages are") + " uncertain"
    return f"{said}, and {counted(people, 'person has', 'people have')} nothing better" if people else said
