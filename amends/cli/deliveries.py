"""Where every message of an incident stands, by person number."""

import csv
import io
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.desk import Desk, save
from amends.cli.letters import as_values, hint_at_publishing, in_words, substitutes
from amends.cli.options import IncidentId
from amends.cli.words import counts, say, table
from amends.domain.errors import NotInLedger
from amends.domain.notice import DeliveryState
from amends.domain.substitute import SubstituteDue

if TYPE_CHECKING:
    from amends.ledger import DeliveryLine

HEAD = ("notice", "person", "country", "channel", "state", "reason", "tries", "since")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes what begins so for a formula."""


def deliveries(
    ctx: typer.Context,
    incident: IncidentId,
    notice: Annotated[str, typer.Argument(metavar="[NOTICE]", help="Only this notice.")] = "",
    state: Annotated[DeliveryState | None, typer.Option(help="Only messages in this state.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write them to this file.")] = None,
) -> None:
    """List where every message stands."""
    desk: Desk = ctx.obj
    lines = [
        (name, line)
        for name in _notices(desk, incident, notice)
        for line in desk.ledger.deliveries(incident, name)
        if state in (None, line.state)
    ]
    states = Counter(line.state for _, line in lines)
    rows = [_cells(name, line) for name, line in lines]
    if csv:
        save(csv, as_csv(rows))
    listed = "" if csv else table(HEAD, rows)
    summary = f"{len(lines)} messages: {counts(states)}"
    due = _substitutes(desk, incident, notice)
    desk.show(
        {
            "states": states,
            "deliveries": [dict(zip(HEAD, row, strict=True)) for row in rows],
            "substitute": [as_values(one) for one in due],
        },
        "\n".join((listed, summary, *map(in_words, due))).strip(),
    )
    if states[DeliveryState.UNCERTAIN]:
        desk.hint("whether an uncertain message left is not known; `amends deliver --again` sends one once more")
    if states[DeliveryState.TO_PRINT]:
        desk.hint(f"letters wait to be printed: `amends letters {incident} NOTICE --out DIR --as NAME`")
    hint_at_publishing(desk, incident, due)


def _substitutes(desk: Desk, incident: str, notice: str) -> tuple[SubstituteDue, ...]:
    """By the numbers of this notice, else of the first that was drafted: it is the one that the laws ask for."""
    drafted = _notices(desk, incident, notice)
    return substitutes(desk, incident, drafted[0]) if drafted else ()


def _notices(desk: Desk, incident: str, notice: str) -> tuple[str, ...]:
    """The notices to list. Raises NotInLedger."""
    drafted = tuple(status.id for status in desk.ledger.case(incident).notices)
    if notice and notice not in drafted:
        raise NotInLedger(f"incident {incident} has no notice {notice}; it has {', '.join(drafted) or 'none'}")
    return (notice,) if notice else drafted


def _cells(notice: str, line: "DeliveryLine") -> tuple[object, ...]:
    who = line.person or "public"
    return notice, who, line.country, line.channel, line.state, line.detail, line.attempts, line.updated_at


def as_csv(rows: list[tuple[object, ...]]) -> str:
    """A table that no spreadsheet takes for formulas."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(HEAD)
    writer.writerows([inert(say(cell)) for cell in row] for row in rows)
    return written.getvalue()


def inert(cell: str) -> str:
    """The cell with an apostrophe before what a spreadsheet would carry out."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell
