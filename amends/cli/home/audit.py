"""Commands for the audit chain: check the chain, and print its end."""

from pathlib import Path

import typer

from amends.cli.terminal.desk import Desk
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.options import noun
from amends.domain.base.errors import LedgerUnavailable

HOLDS = "the audit chain holds, and the counts agree with the messages"

app = noun()


@app.command()
def verify(ctx: typer.Context) -> None:
    """Check the whole chain and the counts of messages; exit code 3 when something was altered, moved or cut off."""
    desk: Desk = ctx.obj
    audit = desk.ledger.audit
    problems = (*audit.verify(), *audit.disagreements(), *audit.miscounted())
    desk.show({"problems": problems}, "\n".join(problems) or HOLDS)
    if problems:
        raise typer.Exit(Exit.FINDINGS)


@app.command()
def head(ctx: typer.Context) -> None:
    """Print the end of the chain, to be kept where nobody who works here can change it."""
    from amends.settings import ANCHOR_FILE

    desk: Desk = ctx.obj
    seq, mac = _recorded_end(desk.settings.home / ANCHOR_FILE)
    desk.show({"entries": seq, "head": mac}, f"{seq} {mac}".strip())
    desk.hint("note this elsewhere, such as on paper; entries cut off later are found by it")


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
