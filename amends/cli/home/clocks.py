"""Commands for machine clocks that jumped: show which clocks are in doubt and why, and declare the clocks right."""

import typer

from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import As, noun
from amends.domain.base.text import minute

app = noun()


@app.command()
def show(ctx: typer.Context) -> None:
    """Say whether every clock is believed, and why one is not; then nothing falls due and nothing leaves."""
    desk: Desk = ctx.obj
    doubts = desk.ledger.clocks.doubts()
    desk.show({"doubts": doubts}, "\n".join(doubts) or "every clock is believed")
    if doubts:
        desk.hint("set the clock right, look at it again, then `amends clock trust --as NAME`")


@app.command()
def trust(ctx: typer.Context, name: As) -> None:
    """Say that the clocks are right as they stand now: what is due by them is due."""
    from amends.delivery.send.clock import seen

    desk: Desk = ctx.obj
    by, now = desk.member(name).name, seen()
    desk.ledger.clocks.observe(now)  # later readings of this clock are compared with this one
    settled = desk.ledger.clocks.doubts()
    desk.ledger.clocks.trust(by, now.at)
    desk.show({"settled": settled}, f"the clocks are believed again; it is {minute(now.at)}")
