"""The command `amends duty stale`: the rows of the table of duties that are due for review."""

from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.text import table

if TYPE_CHECKING:
    from amends.domain.law.regime import Regime


def stale(
    ctx: typer.Context,
    as_of: Annotated[str, typer.Option(metavar="DATE", help="A day such as 2027-06-01; left out, today.")] = "",
) -> None:
    """The rows of the law that somebody must look at again, the longest overdue first."""
    from amends.content.law.regimes import read_duties

    desk: Desk = ctx.obj
    day = _day(as_of) if as_of else now().date()
    law = read_duties()
    late = law.stale(day)
    head = "row", "law", "reviewed", "next review", "confidence"
    desk.show([_values(one) for one in late], table(head, (tuple(_values(one).values()) for one in late)))
    desk.hint(f"{len(late)} of {len(law.all_regimes())} rows are due for review as of {day}; docs/duties.md says how")
    if late:
        raise typer.Exit(Exit.FINDINGS)


def _day(typed: str) -> date:
    try:
        return date.fromisoformat(typed)
    except ValueError:
        raise typer.BadParameter(f"{typed!r} is no day such as 2027-06-01", param_hint="--as-of") from None


def _values(regime: "Regime") -> dict[str, str]:
    """Return what the command shows of a row, by the names that --json gives it."""
    return {
        "id": regime.id,
        "law": f"{regime.law}, {regime.citation}",
        "reviewed": regime.reviewed.isoformat(),
        "next_review": regime.review_due.isoformat(),
        "confidence": regime.confidence.value,
    }
