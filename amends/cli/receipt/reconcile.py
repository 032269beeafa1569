"""The command `amends reconcile`: compares a restored ledger with the relay's log; then sending may go on."""

from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import As, channel_kind
from amends.cli.terminal.prefect import send_on
from amends.domain.base.errors import NotAllowed
from amends.domain.base.text import counted
from amends.domain.channel.channel import ChannelKind

if TYPE_CHECKING:
    from amends.domain.receipt.dsn import MailReport
    from amends.domain.team.member import Member
    from amends.ledger.notice.restore import Reconciled

CONTRADICT = (
    "--none-left email says that no email has left, and --log which ones have: give one of the two; "
    "if the log holds every email that left since the backup, say --complete"
)
NAMES_NOTHING = "the logs name no message as Amends sends them: are they the relay's, whole, and of the right days?"
IN_LOGS = "by the logs {count} taken; what of them is not stored here yet counts as sent as soon as it is"
GOES_ON = "what waits leaves with the next sweep of `amends up`, in minutes; `amends deliver INC NOTICE` sends it now"
READ_AGAIN = (
    "after a restore, what came back since the backup is unknown too: read the mails again with "
    "`amends bounces PATH --again`, ask for SMS with `amends receipts`; docs/operations.md has more, also on webhooks"
)
BATCH = 200
"""Reports that are taken in with one commit."""


Logs = Annotated[
    list[Path] | None,
    typer.Option(
        "--log",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="A log with Message-IDs, also packed (gz, xz, bz2); may be repeated, the older ones first.",
    ),
]
Complete = Annotated[
    bool, typer.Option("--complete", help="The logs hold every email that left since the backup was made.")
]
NoneLeft = Annotated[
    list[ChannelKind] | None,
    typer.Option(
        "--none-left",
        metavar="CHANNEL",
        parser=channel_kind,
        help="Nothing has left there since the backup, as the provider or the print shop says; may be repeated.",
    ),
]


def reconcile(
    ctx: typer.Context, name: As, log: Logs = None, complete: Complete = False, none_left: NoneLeft = None
) -> None:
    """Take what the relay's log knows of as sent, after a backup was restored.

    It must say that the relay took it. What it names without saying so becomes uncertain, for you to decide one by
    one. So does what is not in the log or was refused; with --complete such an email waits to be sent. Letters, posts
    and SMS are in no such log: ask whoever carries them first; --none-left names where nothing has left. With several
    machines at one ledger, do it on each before any sends. Give the logs whole.
    """
    from amends.content.receipt import relay_log

    if not log and (complete or not none_left):
        raise typer.BadParameter("give the relay's log: --log FILE; or say --none-left email")
    nothing_left = frozenset(none_left or ())
    if log and any(kind.mail for kind in nothing_left):
        raise typer.BadParameter(CONTRADICT)
    desk: Desk = ctx.obj
    known = nothing_left | {kind for kind in ChannelKind if complete and kind.mail}
    member, found = desk.member(name), desk.ledger.restore.named(relay_log(log or ()))
    if complete:
        desk.ledger.restore.check_log(found)
    done = desk.ledger.restore.reconcile(found.left, member, now(), known, found.unclear)
    again = _send_again(desk, found.refused, member) if complete else 0
    bounced = _take_in(desk, desk.ledger.restore.proven(found.came_back))
    _say(desk, replace(done, waiting=done.waiting + again), bounced, len(found.left))
    if log and not (found.names_any or found.tokens):
        desk.hint(NAMES_NOTHING)


def _say(desk: Desk, done: "Reconciled", bounced: int, in_logs: int) -> None:
    desk.show(
        {**asdict(done), "bounced": bounced, "in_logs": in_logs},
        f"{done.sent} messages had left, {done.uncertain} are uncertain now, {done.waiting} wait to be sent; "
        f"{bounced} came back by the log",
    )
    if in_logs > done.sent:  # the others count as sent already, or belong to a notice that the backup lacks
        desk.hint(IN_LOGS.format(count=counted(in_logs, "email was", "emails were")))
    if done.uncertain:
        desk.hint(
            "`amends deliveries INC --state uncertain` lists them; "
            "`amends deliver INC NOTICE --again PERSON --as NAME` sends one once more"
        )
    if done.waiting:
        desk.hint(GOES_ON)
    desk.hint(READ_AGAIN)


def _send_again(desk: Desk, refused: Iterable[str], by: "Member") -> int:
    """Send each uncertain message that the relay refused once more; return how many messages go out."""
    again = 0
    for incident, notice, person in desk.ledger.restore.not_taken(frozenset(refused)):
        try:
            again += desk.ledger.decisions.send_again(incident, notice, person, by, now())
        except NotAllowed:  # by a corrected list nobody may write to the person; the message stays uncertain
            continue
    return again


def _take_in(desk: Desk, reports: list["MailReport"]) -> int:
    """Take in what came back according to the log, as if from mails; return how many messages bounced."""
    bounced = 0
    waiting: set[tuple[str, str]] = set()
    for start in range(0, len(reports), BATCH):
        reported = desk.ledger.receipts.take(reports[start : start + BATCH], now())
        bounced += sum(effect == "bounced" for effect in reported.each)
        waiting |= reported.waiting
    send_on(desk, waiting)
    return bounced
