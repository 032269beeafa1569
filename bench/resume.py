"""How soon the first new message arrives after the sender was killed.

    python bench/resume.py --people 1000000 --rounds 3 [--connections 40] [--out docs/performance.md]

Every round makes a home, approves a notice as bench/deliver.py does, and lets `amends deliver` send it to a mail server
in C. When half of the messages have arrived, the process and all that it started get SIGKILL; then `amends deliver` is
started again on the same home, and again after it has ended with something left. Medians are printed and, with --out,
written into that page.
It needs Linux and a C compiler. When somebody was told twice or missed, or more are uncertain than there were
connections, the page stays as it is and the exit code is 1.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median

from amends.cli.terminal.exits import Exit
from amends.domain.notice.notice import DeliveryState
from amends.ledger.deliver.statistics import Only
from amends.settings import read_settings
from bench.deliver import LINKS, add_team, address, approved
from bench.peers.arrivals import Arrivals
from bench.peers.home import INCIDENT, NOTICE, Home, made
from bench.peers.measure import ended, group, sink, watched
from bench.peers.page import fill, machine, number, table
from bench.peers.ready import require_sink

HEAD = (
    "people",
    "arrived before the kill",
    "seconds to the first new message",
    "… to the last",
    "starts",
    "uncertain",
    "twice",
    "missing",
)
TARGET = 2
"""Seconds to the first new message, with a million people."""
LOOK, AGAIN = 0.002, 1.0
"""Seconds between two looks at what has arrived, and between two starts."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """A send that was killed in the middle and begun again. Seconds count from the start of the first new process."""

    before: int
    """Messages that had arrived when it began again."""
    first_s: float
    """To the first message that arrived after it …"""
    last_s: float
    """… and to the last."""
    starts: int
    uncertain: int
    """People whose message may have been under way in the kill: nobody writes to them again by itself."""
    twice: int
    missing: int
    problem: str = ""

    def exact(self, connections: int) -> bool:
        return not (self.problem or self.twice or self.missing) and self.uncertain <= connections


def main() -> None:
    """Run all, print, write, and tell by the exit code whether everybody was told once."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what was started ends with us
    options, described = _options(), machine()
    require_sink()
    rounds = [_round(turn, options) for turn in range(1, options.rounds + 1)]
    if not all(turn.exact(options.connections) for turn in rounds):
        sys.exit("somebody was not told once: nothing is written")
    text = f"{described} `{_command(options)}`\n\n{table(HEAD, [_row(options.people, rounds)])}\n\n{_slowest(rounds)}"
    print(f"\n{text}")
    if options.out:
        fill(options.out, "resume", text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=40)
    parser.add_argument("--out", type=Path, help="the page whose table is replaced")
    return parser.parse_args()


def _command(options: argparse.Namespace) -> str:
    told = f"--people {options.people} --rounds {options.rounds} --connections {options.connections}"
    return f"python bench/resume.py {told}"


def _round(turn: int, options: argparse.Namespace) -> Resumed:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = folder / "recipients"
        with sink(log, timed=True) as (port, _):
            home = made(folder / "home", options.people, LINKS.public_url, port, options.connections)
            _approve(home, options.people)
            done = _killed_and_resumed(home, Arrivals(log), options.people)
    told = f"{done.first_s:.2f} s to the first new message, {done.twice} twice, {done.missing} missing"
    print(f"round {turn}: {done.problem or f'{told}, {done.uncertain} uncertain'}", file=sys.stderr)
    return done


def _approve(home: Home, people: int) -> None:
    with home.ledger() as ledger:
        add_team(ledger)
        approved(ledger, people, read_settings(home.folder).channels)


def _killed_and_resumed(home: Home, arrivals: Arrivals, people: int) -> Resumed:
    problem = _killed(home, arrivals, people // 2)
    before, began = arrivals.settled(), time.monotonic()
    starts, problem = (0, problem) if problem else _finished(home)
    uncertain, arrived = _uncertain(home), arrivals.all()
    new = arrived.times[before:]
    return Resumed(
        before=before,
        first_s=new[0] - began if new else 0.0,
        last_s=new[-1] - began if new else 0.0,
        starts=starts,
        uncertain=len(uncertain),
        twice=arrived.twice,
        missing=people - len(uncertain.union(arrived.recipients)),
        problem=problem or ("" if new else "nothing was left to arrive"),
    )


def _killed(home: Home, arrivals: Arrivals, half: int) -> str:
    """Sends until so many messages have arrived, and not further; why that did not come to pass."""
    until = time.monotonic() + home.limit
    with (
        tempfile.TemporaryFile() as output,
        group(home.command("deliver", INCIDENT, NOTICE), home.folder, output) as it,
    ):
        while arrivals.count() < half:
            if ended(it.pid) or time.monotonic() > until:
                return f"{arrivals.count()} of {half} messages had arrived when the first sender ended or was stopped"
            time.sleep(LOOK)
    return ""


def _finished(home: Home) -> tuple[int, str]:
    """Sends until nothing is left: how many starts that took, and what went wrong."""
    until = time.monotonic() + home.limit
    for starts in count(1):
        run = watched(home.command("deliver", INCIDENT, NOTICE), home.folder, until - time.monotonic())
        if run.code not in (Exit.OK, Exit.PARTLY):
            return starts, run.problem
        if home.has_gone():
            return starts, ""
        time.sleep(AGAIN)
    raise AssertionError("it counts without end")


def _uncertain(home: Home) -> set[str]:
    """The addresses of those whose message is uncertain."""
    with home.ledger() as ledger:
        lines = ledger.statistics.stream_lines(INCIDENT, NOTICE, Only(state=DeliveryState.UNCERTAIN))
        return {address(line.person) for line in lines}


def _row(people: int, rounds: Sequence[Resumed]) -> tuple[str, ...]:
    """Medians, but of what went wrong the worst."""
    return (
        number(people),
        number(median(turn.before for turn in rounds)),
        number(median(turn.first_s for turn in rounds), 2),
        number(median(turn.last_s for turn in rounds), 1),
        number(max(turn.starts for turn in rounds)),
        number(max(turn.uncertain for turn in rounds)),
        number(max(turn.twice for turn in rounds)),
        number(max(turn.missing for turn in rounds)),
    )


def _slowest(rounds: Sequence[Resumed]) -> str:
    slowest = max(turn.first_s for turn in rounds)
    return (
        f"The slowest of {len(rounds)} took {slowest:.2f} seconds to the first new message; "
        f"with a million people it may take {TARGET}."
    )


if __name__ == "__main__":
    main()
