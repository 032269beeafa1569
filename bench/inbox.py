"""How many mails a second the inbox takes in, with hostile ones among them.

    python bench/inbox.py --mails 10000 --hostile 500 [--out docs/performance.md]

The mails lie in a folder: questions of people who were told and of strangers in seven styles of mail programs, stops,
automatic answers, a picture with every fiftieth, and hostile mails of every kind of tests/delivery/inbox/mails.py. Each
is read in the process with limits and recorded in a ledger on the disk. The exit code is 1, and nothing is written,
where a mail is missing afterwards, was counted twice, or the rate is below 200 a second.
"""

import argparse
import base64
import os
import resource
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from amends.delivery.inbox.places import mails_at
from amends.delivery.inbox.take import Intake, MailTaker
from amends.delivery.inbox.watch import take_found
from amends.domain.receipt.attachment import MOST_MAIL_BYTES
from amends.domain.receipt.incoming import MailOutcome
from amends.ledger import Claim, Ledger
from bench.peers.page import fill, machine, number, table
from tests.delivery.inbox.mails import STRANGER, a_reply, hostile_mails, told
from tests.delivery.sending import INCIDENT, a_ledger, sqlite_url
from tests.domain.receipt.test_quotation import STYLES

HEAD = (
    "mails",
    "hostile",
    "mails a second",
    "seconds",
    "CPU ms a mail",
    "questions",
    "stops",
    "automatic",
    "kept aside",
    "read again, a second",
)
LEAST = 200
"""Mails a second that must be reached."""
WHO = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
PEOPLE = 20_000
PICTURE = base64.encodebytes(os.urandom(60_000)).decode()


def main() -> None:
    """Run, print, write, and tell by the exit code whether the rate was reached and no mail was lost."""
    options = _options()
    described = machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ledger = a_ledger(sqlite_url(folder), folder).migrate()
        _write_mails(folder / "mails", told(ledger, PEOPLE), options)
        first, seconds, cpu = _taken(ledger, folder)
        again, seconds_again, _ = _taken(ledger, folder)
        asked = len(ledger.questions.all(INCIDENT))
        ledger.dispose()
    _require_whole(options, first, again, asked)
    text = f"{described} `{_command(options)}`\n\n{_table(options, first, (seconds, cpu, seconds_again))}"
    print(text)
    if options.mails / seconds < LEAST:
        sys.exit(f"fewer than {LEAST} mails a second: nothing is written")
    if options.out:
        fill(options.out, "inbox", text)


def _options() -> Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mails", type=int, default=10_000)
    parser.add_argument("--hostile", type=int, default=500, help="of these mails")
    parser.add_argument("--out", type=Path, help="the page whose table is replaced")
    return parser.parse_args()


def _command(options: Namespace) -> str:
    return f"python bench/inbox.py --mails {options.mails} --hostile {options.hostile}"


def _write_mails(folder: Path, messages: tuple[Claim, ...], options: Namespace) -> None:
    folder.mkdir()
    hostile = iter(hostile_mails(options.hostile, messages[0], messages[1]))
    every = max(options.mails // max(options.hostile, 1), 1)
    usual = _usual(messages)
    for n in range(options.mails):
        raw = next(hostile, None) if n % every == 0 else None
        (folder / f"{n:06}.eml").write_bytes(next(usual) if raw is None else raw)


def _usual(messages: tuple[Claim, ...]) -> Iterator[bytes]:
    """Yield mails as people and their mail programs write them."""
    styles, n = list(STYLES.values()), 0
    while True:
        n += 1
        message = messages[2 + n % (len(messages) - 2)]
        words = f"Is my card safe, and what about number {n}?\n\n{styles[n % len(styles)]}"
        if n % 20 == 0:
            yield a_reply(message, "stop", name=f"u{n}")
        elif n % 10 == 1:
            yield a_reply(message, words, "Auto-Submitted: auto-replied", name=f"u{n}")
        elif n % 50 == 2:
            yield _with_a_picture(n, words)
        else:
            yield a_reply(message, words, sender=STRANGER if n % 3 == 0 else "", name=f"u{n}")


def _with_a_picture(n: int, words: str) -> bytes:
    return (
        f"From: {STRANGER}\nSubject: Hello\nMessage-ID: <u{n}@x>\nMIME-Version: 1.0\n"
        f"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-8\n\n{words}\n"
        f"--b\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\n{PICTURE}\n--b--\n"
    ).encode()


def _taken(ledger: Ledger, folder: Path) -> tuple[Intake, float, float]:
    total = Intake()
    taker = MailTaker(ledger, folder, INCIDENT, ("care@betapai.example",))
    began, worked = time.perf_counter(), _cpu()
    found = mails_at(folder / "mails", most=MOST_MAIL_BYTES + 1)
    take_found(taker, found, lambda: datetime.now(UTC), total)
    return total, time.perf_counter() - began, _cpu() - worked


def _cpu() -> float:
    """Seconds of CPU of this process and of the processes that read the mails."""
    used = [resource.getrusage(who) for who in WHO]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _require_whole(options: Namespace, first: Intake, again: Intake, asked: int) -> None:
    whole = first.outcomes.total() == again.outcomes.total() == options.mails
    once = asked == first.outcomes[MailOutcome.QUESTION] and set(again.outcomes) == {MailOutcome.REPEATED}
    if not (whole and once):
        sys.exit(f"a mail is missing or counts twice: {first.outcomes} {again.outcomes} {asked} questions")


def _table(options: Namespace, first: Intake, measured: tuple[float, float, float]) -> str:
    seconds, cpu, seconds_again = measured
    shown = (MailOutcome.QUESTION, MailOutcome.STOP, MailOutcome.AUTOMATIC, MailOutcome.KEPT)
    row = (
        number(options.mails),
        number(options.hostile),
        number(options.mails / seconds),
        number(seconds, 1),
        number(cpu * 1000 / options.mails, 2),
        *(number(first.outcomes[outcome]) for outcome in shown),
        number(options.mails / seconds_again),
    )
    return table(HEAD, [row])


if __name__ == "__main__":
    main()
