"""After a backup of the ledger was restored: compares it with the relay's log, then sending may go on."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from amends.cli.clock import now
from amends.cli.desk import Desk
from amends.cli.options import As
from amends.domain.channel import ChannelKind

MESSAGE_ID = re.compile(rb"<([0-9a-f]{32})@")
"""Our Message-ID, as relays write it into their logs."""


def reconcile(
    ctx: typer.Context,
    name: As,
    log: Annotated[
        list[Path],
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="A log with Message-IDs; may be repeated."),
    ],
    complete: Annotated[
        bool, typer.Option("--complete", help="The logs hold every email that left since the backup was made.")
    ] = False,
    none_left: Annotated[
        list[ChannelKind] | None,
        typer.Option(
            "--none-left",
            metavar="CHANNEL",
            help="Nothing has left there since the backup, as the provider or the print shop says; may be repeated.",
        ),
    ] = None,
) -> None:
    """Take what the relay's log knows of as sent, after a backup was restored.

    What is not in the log becomes uncertain, for you to decide one by one; with --complete an email waits to be sent.
    Letters, posts and SMS are in no such log: ask whoever carries them first, and say where --none-left. With several
    machines at one ledger, do it on each before any sends.
    """
    desk: Desk = ctx.obj
    known = {*(none_left or ()), *([ChannelKind.EMAIL] if complete else ())}
    found = desk.ledger.reconcile(_keys(log), desk.member(name), now(), known)
    desk.show(
        found, f"{found.sent} messages had left, {found.uncertain} are uncertain now, {found.waiting} wait to be sent"
    )
    if found.uncertain:
        desk.hint("`amends deliveries INC --state uncertain` lists them; `amends deliver INC NOTICE --again PERSON`")


def _keys(logs: list[Path]) -> Iterator[str]:
    for path in logs:
        with path.open("rb") as lines:
            for line in lines:
                yield from (key.decode() for key in MESSAGE_ID.findall(line))
