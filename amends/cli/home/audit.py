"""Commands for the audit chain: check the chain, and print its end."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.people.person import ByNumber, ByRef, chosen_person
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.options import As, AsLooker, IncidentId, noun
from amends.cli.terminal.text import table
from amends.domain.base.errors import LedgerUnavailable
from amends.domain.base.text import counted

if TYPE_CHECKING:
    from amends.ledger.audit.anchor import AnchoredHead

LOOK_HEAD = ("when", "who", "verb", "what was shown", "person", "count")
REFUSED_HEAD = ("when", "who", "role", "verb", "incident")
KEPT_IN = "The file to which the line is added; without one it is only printed."
HOLDS = "the audit chain holds, and the tables and counts agree with it"
ANCHORS = "A file of `amends audit anchor`, kept by another machine, whose heads must all be in the chain."

app = noun()


@app.command()
def verify(
    ctx: typer.Context, anchor: Annotated[Path | None, typer.Option(metavar="FILE", help=ANCHORS)] = None
) -> None:
    """Check the chain, every table against it, and all counts; exit code 3 when something was altered or cut off."""
    desk: Desk = ctx.obj
    audit = desk.ledger.audit
    anchors = _anchors(anchor) if anchor else []
    problems = (*audit.verify(), *audit.not_anchored(anchors), *audit.disagreements(), *audit.miscounted())
    desk.show({"problems": problems}, "\n".join(problems) or HOLDS)
    if problems:
        raise typer.Exit(Exit.FINDINGS)


@app.command("anchor")
def add_anchor(
    ctx: typer.Context, file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help=KEPT_IN)] = None
) -> None:
    """Add the end of the chain to a file for another machine, where nobody who works here can change it."""
    from amends.system.files import append

    desk: Desk = ctx.obj
    kept = desk.ledger.audit.anchor(datetime.now(UTC))
    if file:
        try:
            append(file, f"{kept}\n")
        except OSError as error:
            raise LedgerUnavailable(f"{file} cannot be written: {error.strerror}") from error
    desk.show(kept._asdict(), str(kept))
    desk.hint("`amends audit verify --anchor FILE` finds what was cut off or written anew since")


@app.command()
def head(ctx: typer.Context) -> None:
    """Print the end of the chain, to be kept where nobody who works here can change it."""
    from amends.settings import ANCHOR_FILE

    desk: Desk = ctx.obj
    seq, mac = _recorded_end(desk.settings.home / ANCHOR_FILE)
    desk.show({"entries": seq, "head": mac}, f"{seq} {mac}".strip())
    desk.hint("note this elsewhere, such as on paper; entries cut off later are found by it")


@app.command()
def looked(
    ctx: typer.Context, incident: IncidentId, person: ByRef = "", by_number: ByNumber = None, name: AsLooker = ""
) -> None:
    """List who looked at whom: each look at personal data or questions, the oldest first, by ids and numbers.

    A look at several people names none of them and has their count. To ask about one person is a look at the person.
    """
    desk: Desk = ctx.obj
    by = desk.looker(name)
    desk.ledger.cases.outline(incident)  # raises NotInLedger
    looks = desk.ledger.looks.all(incident)
    shown = looks
    if of_one := bool(person) or by_number is not None:
        number = chosen_person(desk.ledger, incident, person, by_number)
        desk.looked(incident, by, f"person {number}", number)
        shown = tuple(look for look in looks if look.person == number)
    rows = [(look.at, look.by, look.verb, look.about, look.person, look.count) for look in shown]
    desk.show(shown, table(LOOK_HEAD, rows))
    if of_one and (at_several := sum(look.person is None for look in looks)):
        desk.hint(f"{counted(at_several, 'other look')} showed several things or nobody known, and may name them too")


@app.command()
def refused(
    ctx: typer.Context,
    name: As,
    incident: Annotated[
        str, typer.Argument(metavar="[INCIDENT]", help="Only attempts at this incident; without one all there are.")
    ] = "",
) -> None:
    """List who called a command that is not for their role: once for each member, command and day, the oldest first."""
    desk: Desk = ctx.obj
    desk.member(name)
    if incident:
        desk.ledger.cases.outline(incident)  # raises NotInLedger
    found = desk.ledger.refused.all(incident)
    desk.show(found, table(REFUSED_HEAD, [(one.at, one.by, one.role, one.verb, one.incident) for one in found]))


def _anchors(file: Path) -> "list[AnchoredHead]":
    from amends.content.file.reading import read_text
    from amends.ledger.audit.anchor import read_anchors

    return read_anchors(read_text(file), str(file))


def _recorded_end(anchor: Path) -> tuple[int, str]:
    """Return the number and MAC of the last entry, 0 and empty before the first.

    Raises LedgerUnavailable when the file that the ledger keeps them in is empty or damaged.
    """
    if not anchor.exists():
        return 0, ""
    try:
        seq, mac = anchor.read_text(encoding="ascii").split()
        return int(seq), mac
    except ValueError:
        raise LedgerUnavailable(
            f"{anchor} is empty or damaged, so the end of the chain is not known: take it from where you noted it "
            "last, and look with `amends audit verify` whether the rest holds"
        ) from None
