"""The command `amends bounces`: takes in the mails that came back: bounces, complaints, DSNs and people's replies."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.errors import explain
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.prefect import send_on
from amends.domain.base.errors import Finding
from amends.domain.base.text import counted, counts, printable
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


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as it came, cut to the bytes that are looked at."""

    raw: bytes = field(repr=False)
    delivered_to: str = field(default="", repr=False)
    unseen: Path | None = None
    """The mail's path in a Maildir while nobody has seen the mail; else None."""


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
        _report(desk, _take_in(desk, (mail for path in paths for mail in _mails(Path(path), again=again))))
        return
    if len(paths) > 1 or again:
        raise typer.BadParameter("- stands alone: it is one mail")
    _take_in_one(desk, to)


def _take_in_one(desk: Desk, to: str) -> None:
    """Take in one mail that a mail server hands over.

    Raises typer.Exit with TRY_AGAIN on any error: at another exit code the mail server would throw the mail away.
    """
    try:
        _report(desk, _take_in(desk, [Mail(_all_of_stdin(), to)]), nudged=False)
    except Exception as error:  # noqa: BLE001 - the mail must not be lost, whatever the error is
        explain(error, desk)
        raise typer.Exit(TRY_AGAIN) from None


def _all_of_stdin() -> bytes:
    """Return the mail on stdin, read to the end, because the writer would take a closed pipe for a failure."""
    raw = sys.stdin.buffer.read(MOST_BYTES)
    while sys.stdin.buffer.read(PIECE):
        pass
    return raw


def _take_in(desk: Desk, mails: Iterable[Mail | Finding]) -> Sum:
    total, waiting = Sum(), iter(mails)
    while batch := list(islice(waiting, BATCH)):
        total.unreadable += [one for one in batch if isinstance(one, Finding)]
        _take_in_batch(desk, [one for one in batch if isinstance(one, Mail)], total)
    _alert_leads(desk, total)
    return total


def _alert_leads(desk: Desk, total: Sum) -> None:
    """Send the leads their alerts at once when people asked something, which may hold other people's data."""
    from amends.delivery.alerts import alert_at_once
    from amends.ledger.receipt.receipts import Effect

    if total.effects[Effect.ASKED]:
        for incident in desk.ledger.incidents.all():
            alert_at_once(desk.ledger, incident.id, now())


def _take_in_batch(desk: Desk, mails: list[Mail], total: Sum) -> None:
    from amends.delivery.mail_replies import take_reply

    reports = [read_report(mail.raw, mail.delivered_to) for mail in mails]
    ledger, at = desk.ledger, now()
    reported = ledger.receipts.take(reports, at)
    total.handed_over += reported.handed_over
    total.waiting |= reported.waiting
    for mail, report, came_of_it in zip(mails, reports, reported.each, strict=True):
        effect = take_reply(ledger, mail.raw, report, came_of_it, at)
        total.effects[effect] += 1
        if mail.unseen and effect.understood:
            total.unreadable += _moved_to_cur(mail.unseen)


def _moved_to_cur(mail: Path) -> list[Finding]:
    """Move the mail to cur as one that was seen; return a finding when that fails.

    A mail that is not moved is only read once more the next time.
    """
    name, flags = mail.name.partition(":")[0], "".join(sorted({"S", *_flags(mail)}))
    try:
        mail.rename(mail.parents[1] / "cur" / f"{name}:2,{flags}")
    except OSError as error:
        return [_finding(mail, f"it cannot be moved to cur: {error.strerror}")]
    return []


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


# Places of mails


def _mails(path: Path, *, again: bool = False) -> Iterator[Mail | Finding]:
    """Yield every mail at this path; a place that cannot be read becomes a finding, and reading goes on."""
    try:
        if (path / "new").is_dir() and (path / "cur").is_dir():
            yield from _in_folder(path / "new", _in_maildir)
            yield from _in_folder(path / "cur", partial(_in_maildir, again=again))
        elif path.is_dir():
            yield from _in_folder(path)
        else:
            yield from _in_file(path)
    except OSError as error:
        yield _finding(path, error.strerror or type(error).__name__)


def _in_folder(folder: Path, read: Callable[[Path], Iterator[Mail | Finding]] = _mails) -> Iterator[Mail | Finding]:
    """Yield what `read` finds in the files of the folder, without hidden files, subfolders and symbolic links."""
    for path in sorted(folder.iterdir()):
        if not path.name.startswith(".") and not path.is_symlink() and not path.is_dir():
            yield from read(path)


def _in_maildir(path: Path, *, again: bool = False) -> Iterator[Mail | Finding]:
    """Yield the mail; a mail that is marked as seen only with `again`.

    Lying in cur is not enough: a mail program moves all new mails there as soon as somebody opens the mailbox.
    """
    seen = "S" in _flags(path)
    if seen and not again:
        return
    try:
        with _opened(path) as file:
            yield Mail(file.read(MOST_BYTES), unseen=None if seen else path)
    except OSError as error:
        yield _finding(path, error.strerror or type(error).__name__)


def _flags(mail: Path) -> str:
    return mail.name.partition(":2,")[2]


def _in_file(path: Path) -> Iterator[Mail]:
    """Yield the one mail of a file, or the mails of an mbox, which begins with a line `From ` as no mail does."""
    with _opened(path) as file:
        start = file.read(5)
        if start == b"From ":
            yield from map(Mail, _in_mbox(file))
        else:
            yield Mail(start + file.read(MOST_BYTES))


def _opened(path: Path) -> IO[bytes]:
    """Open a file. Raises OSError, also for a pipe or a device, which might never end."""
    if path.exists() and not path.is_file():
        raise OSError(None, "it is no file")
    return path.open("rb")


def _in_mbox(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the mails of an mbox, each cut to MOST_BYTES, so that the largest takes no more memory."""
    mail, line_begins, after_empty_line = bytearray(), False, False
    while line := file.readline(MOST_BYTES):
        if line_begins and after_empty_line and line.startswith(b"From "):
            yield bytes(mail)
            mail.clear()
        elif mail or line_begins:  # the rest of the line `From ` belongs to no mail
            mail += line[: MOST_BYTES - len(mail)]
        after_empty_line = line_begins and line in (b"\n", b"\r\n")
        line_begins = line.endswith(b"\n")
    yield bytes(mail)


def _finding(path: Path, what: str) -> Finding:
    return Finding(printable(str(path)), "E204", what)
