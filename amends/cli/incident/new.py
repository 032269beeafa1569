"""The command `amends incident new`: a commented incident file, from ten questions or from an example."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from amends.cli.incident.gap_text import NEEDED
from amends.cli.incident.questions import ask_all
from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.files import write_new
from amends.content.incident.new_file import MEANS, Answers, Example, new_incident_file, read_new
from amends.domain.base.errors import NotAllowed
from amends.domain.incident.gaps import gaps

DEFAULT = Path("incident.yaml")
YAML = (".yaml", ".yml")
EXAMPLES = ", ".join(Example)


def new(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")] = DEFAULT,
    like: Annotated[
        Example | None, typer.Option(metavar="EXAMPLE", help=f"Ask nothing, and begin with one of {EXAMPLES}.")
    ] = None,
) -> None:
    """Write an incident file to begin with. Asks ten questions; with --like it asks nothing."""
    desk: Desk = ctx.obj
    _check_place(file)
    at = now()
    answers = Answers(what=like) if like else _asked(file)
    text = new_incident_file(answers, at)
    incident = read_new(text, file)
    write_new(file, text)
    needed = [gap.key for gap in gaps(incident)]
    desk.show({"incident": incident.id, "file": file, "like": like, NEEDED: needed}, f"{file} is written")
    if like:
        desk.hint(f"{like}: {MEANS[like]}")
    desk.hint(f"`amends assess {file}` says what follows; write what you learn into the file, and assess it again")
    desk.hint(f"`amends incident check {file}` says whether it can be read, and what the first notice needs")


def _check_place(file: Path) -> None:
    """Raise BadParameter for a name that would not be read as YAML, NotAllowed when the file exists, before asking."""
    if file.suffix not in YAML:
        raise typer.BadParameter(f"{file}: the file is written in YAML; let its name end in .yaml")
    if file.exists():
        raise NotAllowed(f"{file} is there already; nothing was changed")


def _asked(file: Path) -> Answers:
    """Return the answers of the person at the terminal. Raises BadParameter when nobody is there to ask."""
    if sys.stdin is None or not sys.stdin.isatty():  # None when the process was started with it closed
        raise typer.BadParameter(f"nobody can be asked here: say --like with one of {EXAMPLES}")
    return ask_all(file, now())
