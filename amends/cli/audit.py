"""The audit chain: whether it holds, and where it ends."""

import typer

from amends.cli.desk import Desk
from amends.cli.exits import Exit
from amends.cli.options import noun

app = noun()


@app.command()
def verify(ctx: typer.Context) -> None:
    """Read the whole chain; exit code 3 when something was altered, moved or cut off."""
    desk: Desk = ctx.obj
    problems = desk.ledger.verify_audit()
    desk.show({"problems": problems}, "\n".join(problems) or "the audit chain holds")
    if problems:
        raise typer.Exit(Exit.FINDINGS)


@app.command()
def head(ctx: typer.Context) -> None:
    """Print the end of the chain, to be kept where nobody who works here can change it."""
    from amends.settings import ANCHOR_FILE

    desk: Desk = ctx.obj
    anchor = desk.settings.home / ANCHOR_FILE
    seq, mac = anchor.read_text().split() if anchor.exists() else ("0", "")
    desk.show({"entries": int(seq), "head": mac}, f"{seq} {mac}".strip())
    desk.hint("note this elsewhere, such as on paper; entries cut off later are found by it")
