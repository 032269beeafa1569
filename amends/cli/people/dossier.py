"""Commands for dossiers: write what one person was told under a seal, and check such a file."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.people.person import ByNumber, ByRef, chosen_person
from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.files import write_new
from amends.cli.terminal.options import As, ImpliedGroup, IncidentId
from amends.domain.base.errors import NotAllowed
from amends.domain.base.text import counted, minute
from amends.domain.case.dossier_seal import DossierForm

if TYPE_CHECKING:
    from amends.domain.case.dossier import Dossier
    from amends.domain.case.dossier_seal import DossierSeal

MOST_BYTES = 64 * 1024 * 1024
"""The size of the largest file that is looked at; a dossier with a hundred messages has half a megabyte."""


class DossierGroup(ImpliedGroup):
    """The commands for dossiers; without the name of one, a dossier is made."""

    implied = "make"


app = typer.Typer(cls=DossierGroup, no_args_is_help=True, add_completion=False, rich_markup_mode=None)
app.callback()(lambda: None)


def _path(text: str) -> Path:
    """Return the file to write. Raises BadParameter unless its suffix says which form it has."""
    path = Path(text)
    if path.suffix.lower().removeprefix(".") not in (*DossierForm,):
        raise typer.BadParameter(f"{text} ends in neither .html nor .json")
    return path


@app.command()
def make(
    ctx: typer.Context,
    incident: IncidentId,
    name: As,
    person: ByRef = "",
    by_number: ByNumber = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            parser=_path,
            help="A new file, .html to print or .json; left out, a page named after incident and person.",
        ),
    ] = None,
) -> None:
    """Write what one person was told, word for word, under a seal.

    Each message in the words they read, what they asked and were answered, what they were promised and what became of
    it. It holds personal data; that it was made, and by whom, stands in the audit chain. `make` may be left out.
    """
    desk: Desk = ctx.obj
    by = desk.member(name).name
    chosen = chosen_person(desk.ledger, incident, person, by_number)
    path = out or Path(f"{incident}-person-{chosen}.html")
    if os.path.lexists(path):
        raise NotAllowed(f"{path} is there already; nothing was changed")
    dossier = _dossier(desk, incident, chosen)
    form = DossierForm(path.suffix.lower().removeprefix("."))
    write_new(path, desk.ledger.dossiers.seal(dossier, form, _body(dossier, form), by).decode())
    values = {"incident": incident, "person": chosen, "dossier": path, "entries": dossier.entries}
    desk.show(values, f"{path} is written: {counted(len(dossier.messages), 'message')}")
    desk.hint(f"it holds personal data; `amends dossier verify {path}` finds any change to it")


def sealed_page(desk: Desk, incident: str, person: int, by: str) -> str:
    """Return the dossier of a person as a page under its seal, and record that the member made it."""
    dossier, form = _dossier(desk, incident, person), DossierForm.HTML
    return desk.ledger.dossiers.seal(dossier, form, _body(dossier, form), by).decode()


def _dossier(desk: Desk, incident: str, person: int) -> "Dossier":
    from amends.delivery.dossier import with_words
    from amends.domain.draft.writer import Links

    return with_words(desk.ledger.dossiers.read(incident, person, now()), Links(desk.settings.public_url))


def _body(dossier: "Dossier", form: DossierForm) -> bytes:
    """Return everything in the file but the seal, which is the last line."""
    if form is DossierForm.JSON:
        return f'{{"dossier": {dossier.model_dump_json(indent=2)},\n'.encode()
    from amends.cli.terminal.html import render

    return f"{render('dossier.html', dossier=dossier)}\n".encode()


@app.command()
def verify(
    ctx: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A dossier, as it was written.")
    ],
) -> None:
    """Check that a dossier is as it was written, and that the audit chain holds its end of then.

    Exit code 3 when it was altered, is no dossier of this ledger, or the chain has changed.
    """
    desk: Desk = ctx.obj
    with file.open("rb") as opened:
        checked = desk.ledger.dossiers.check(opened.read(MOST_BYTES))
    lines = [f"{file}: {problem}" for problem in checked.problems]
    if checked.seal:
        lines = [f"{file}: {_genuine(checked.seal)}", *lines]
    desk.show({"seal": checked.seal, "problems": checked.problems}, "\n".join(lines))
    if checked.problems:
        raise typer.Exit(Exit.FINDINGS)
    desk.hint("`amends audit verify` reads the whole chain")


def _genuine(seal: "DossierSeal") -> str:
    return (
        f"the dossier of person {seal.person} of incident {seal.incident} as it was made {minute(seal.made_at)}, "
        f"up to entry {seal.entries} of the audit chain"
    )
