"""A machine's clock that jumped: what is seen of it, and a person who says that it is right."""

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
    desk.ledger.clocks.observe(now)  # from here on it is compared with what it shows now
    settled = desk.ledger.clocks.doubts()
    desk.ledger.clocks.trust(by, now.at)
    desk.show({"settled": settled}, f"the clocks are believed again; it is {minute(now.at)}")
