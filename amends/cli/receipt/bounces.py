"""The command `amends bounces`: takes in the mails that came back: bounces, complaints, DSNs and people's replies."""

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.errors import explain
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.prefect import send_on
from amends.delivery.inbox.places import FoundMail, mails_at, moved_to_cur
from amends.domain.base.errors import Finding
from amends.domain.base.text import counted, counts
from amends.domain.receipt.dsn import read_report
from amends.domain.receipt.mail import MOST_BYTES

if TYPE_CHECKING:
    from amends.ledger.receipt.receipts import Effect

STDIN = "-"
TRY_AGAIN = 75
"""The exit code at which a mail server that hands over a mail keeps the mail (EX_TEMPFAIL, sysexits.h)."""
PIECE = 1 << 20
BATCH = 200
"""Mails that are taken in with one commit."""


@dataclass
class Sum:
    """The sum of what came of all mails."""

    effects: Counter["Effect"] = field(default_factory=Counter)
    handed_over: int = 0
    waiting: set[tuple[str, str]] = field(default_factory=set)
    unreadable: list[Finding] = field(default_factory=list)


def bounces(
    ctx: typer.Context,
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="Mails in files, folders, mboxes or Maildirs; - is one mail on stdin."),
    ],
    to: Annotated[
        str, typer.Option(metavar="ADDRESS", help="With -: the envelope recipient, if the mail server tells it.")
    ] = "",
    again: Annotated[
        bool, typer.Option("--again", help="Also what is marked as seen in a Maildir: after a backup was restored.")
    ] = False,
) -> None:
    """Take in the mails that came back. Only those about messages that we sent change anything.

    A reply that is a word such as stop ends the optional messages to its writer; any other reply becomes a question.
    Safe to repeat. In a Maildir, what was understood goes from new to cur; the rest is left for people. Exit code 3
    means that something could not be read; with -, 75 tells the mail server to keep the mail and bring it again.
    """
    desk: Desk = ctx.obj
    if STDIN not in paths:
        if to:
            raise typer.BadParameter("--to goes with - and nothing else")
        _report(desk, _take_in(desk, (mail for path in paths for mail in mails_at(Path(path), again=again))))
        return
    if len(paths) > 1 or again:
        raise typer.BadParameter("- stands alone: it is one mail")
    _take_in_one(desk, to)


def _take_in_one(desk: Desk, to: str) -> None:
    """Take in one mail that a mail server hands over.

    Raises typer.Exit with TRY_AGAIN on any error: at another exit code the mail server would throw the mail away.
    """
    try:
        _report(desk, _take_in(desk, [FoundMail(_all_of_stdin(), to)]), nudged=False)
    except Exception as error:  # noqa: BLE001 - the mail must not be lost, whatever the error is
        explain(error, desk)
        raise typer.Exit(TRY_AGAIN) from None


def _all_of_stdin() -> bytes:
    """Return the mail on stdin, read to the end, because the writer would take a closed pipe for a failure."""
    raw = sys.stdin.buffer.read(MOST_BYTES)
    while sys.stdin.buffer.read(PIECE):
        pass
    return raw


def _take_in(desk: Desk, mails: Iterable[FoundMail | Finding]) -> Sum:
    total, waiting = Sum(), iter(mails)
    while batch := list(islice(waiting, BATCH)):
        total.unreadable += [one for one in batch if isinstance(one, Finding)]
        _take_in_batch(desk, [one for one in batch if isinstance(one, FoundMail)], total)
    _alert_leads(desk, total)
    return total


def _alert_leads(desk: Desk, total: Sum) -> None:
    """Send the leads their alerts at once when people asked something, which may hold other people's data."""
    from amends.delivery.alerts import alert_at_once
    from amends.ledger.receipt.receipts import Effect

    if total.effects[Effect.ASKED]:
        for incident in desk.ledger.incidents.all():
            alert_at_once(desk.ledger, incident.id, now())


def _take_in_batch(desk: Desk, mails: list[FoundMail], total: Sum) -> None:
    from amends.delivery.inbox.replies import take_reply

    reports = [read_report(mail.raw, mail.delivered_to) for mail in mails]
    ledger, at = desk.ledger, now()
    reported = ledger.receipts.take(reports, at)
    total.handed_over += reported.handed_over
    total.waiting |= reported.waiting
    for mail, report, came_of_it in zip(mails, reports, reported.each, strict=True):
        effect = take_reply(ledger, mail.raw, report, came_of_it, at)
        total.effects[effect] += 1
        if mail.unseen and effect.understood:
            total.unreadable += moved_to_cur(mail.unseen)


def _report(desk: Desk, total: Sum, *, nudged: bool = True) -> None:
    from amends.ledger.receipt.receipts import Effect

    effects = {effect: total.effects[effect] for effect in Effect if total.effects[effect]}
    values = {
        "reports": total.effects.total(),
        "effects": effects,
        "handed_over": total.handed_over,
        "unreadable": total.unreadable,
    }
    lines = [*map(str, total.unreadable), f"{counted(total.effects.total(), 'report')}: {counts(effects)}"]
    if total.unreadable and total.effects:
        lines.append("what could be read was taken in")
    if total.handed_over:
        whom = counted(total.handed_over, "person is", "people are")
        lines.append(f"{whom} written to on another channel")
    desk.show(values, "\n".join(lines))
    if nudged:
        send_on(desk, total.waiting)
    if total.unreadable:
        raise typer.Exit(Exit.FINDINGS)
