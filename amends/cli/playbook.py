"""List, check and try out playbooks."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from amends.cli.clock import now
from amends.cli.desk import Desk
from amends.cli.options import noun
from amends.cli.words import table
from amends.domain.playbook import Event, Playbook, Step
from amends.domain.value import text_for

Name = Annotated[str, typer.Argument(metavar="NAME", help="A shipped playbook by name, or a file of your own.")]

app = noun()


@app.command("list")
def listed(ctx: typer.Context) -> None:
    """The playbooks that come with Amends."""
    from amends.content.playbooks import read_playbook, shipped_playbooks

    desk: Desk = ctx.obj
    found = [read_playbook(path) for path in shipped_playbooks().values()]
    values = [{"id": playbook.id, "title": playbook.title, "for": playbook.for_} for playbook in found]
    desk.show(values, "\n\n".join(f"{book.id}: {book.title}\n  {book.for_}" for book in found))
    desk.hint("`amends playbook show NAME` shows its steps")


@app.command()
def show(ctx: typer.Context, name: Name) -> None:
    """The steps and promises of a playbook, to be read."""
    from amends.content.playbooks import load_playbook

    desk: Desk = ctx.obj
    playbook, _ = load_playbook(name)
    desk.show(playbook, "\n".join(_to_read(playbook)))


def _to_read(playbook: Playbook) -> Iterator[str]:
    yield f"{playbook.id}: {playbook.title}"
    yield playbook.for_
    for step in playbook.steps:
        yield f"\n{step.id} ({step.phase}), {_timing(step)}"
        if step.reads_on:
            yield f"  {step.reads_on}"
        if step.notice:
            cascade = f", then {', '.join(step.cascade)}" if step.cascade else ""
            yield f"  notice {step.notice} to {step.audience} by {', '.join(step.channels)}{cascade}"
    for promise in playbook.commitments:
        yield f"\npromise {promise.id}, due {promise.due} after people were told, {promise.owner}"
        yield f"  {text_for(promise.promise, 'en') or next(iter(promise.promise.values()))}"
    yield f"\nevery question is answered within {playbook.reply_within}, by {playbook.questions_owner}"


def _timing(step: Step) -> str:
    series = f", every {step.every}, {step.at_most} times at most" if step.every else ""
    until = f", until {step.until}" if step.until else ""
    return f"{_begins(step)}{series}{until}"


def _begins(step: Step) -> str:
    return f"{step.after} after {step.of}" if step.after else f"right after {step.of}"


@app.command()
def validate(ctx: typer.Context, name: Name) -> None:
    """Read a playbook with its words; exit code 3 with every finding that forbids to use it."""
    from amends.content.playbooks import check_playbook, load_playbook

    desk: Desk = ctx.obj
    playbook, wording = load_playbook(name)
    advice = check_playbook(playbook, wording)
    lines = [*map(str, advice), f"{playbook.id}: {len(playbook.steps)} steps, in {', '.join(sorted(wording.phrases))}"]
    desk.show({"playbook": playbook.id, "findings": advice}, "\n".join(lines))
    desk.hint(f"`amends playbook plan {name} --incident INCIDENT.yaml` shows what would happen when")


@app.command()
def schema(ctx: typer.Context) -> None:
    """Print the JSON schema of playbooks, for editors."""
    from amends.cli.schema import FILES, printed

    desk: Desk = ctx.obj
    desk.show(FILES["playbook"](), printed("playbook"))


@app.command("plan")
def plan_(
    ctx: typer.Context,
    name: Name,
    incident: Annotated[str, typer.Argument(metavar="[INCIDENT]", help="An incident of this ledger.")] = "",
    file: Annotated[Path | None, typer.Option("--incident", metavar="FILE", help="Or an incident file.")] = None,
    days: Annotated[int, typer.Option(min=1, max=1000, help="How far to look ahead.")] = 30,
) -> None:
    """Print what would happen when, if everything were approved at once. Nothing is stored."""
    from amends.cli.forecast import forecast
    from amends.cli.rehearsal import case_from_files
    from amends.content.playbooks import load_playbook

    desk: Desk = ctx.obj
    if bool(incident) == (file is not None):
        raise typer.BadParameter("name an incident, or give --incident FILE")
    playbook, _ = load_playbook(name)
    case = case_from_files(file) if file else desk.ledger.case(incident, now())
    turns = forecast(case.model_copy(update={"playbook": playbook}), now(), now() + timedelta(days=days))
    later = [
        step for step in playbook.steps if step.of in (Event.RESOLVED, Event.CLOSED) and step.of not in case.events
    ]
    rows: list[tuple[Any, ...]] = [(turn.due_at, turn.step, turn.number, turn.phase) for turn in turns]
    rows += [(_begins(step), step.id, 1, step.phase) for step in later]
    values = {"turns": turns, "later": [{"step": step.id, "after": str(step.after), "of": step.of} for step in later]}
    desk.show(values, table(("due", "step", "turn", "phase"), rows))
