"""What Prefect costs a send: the same notice by `amends deliver`, and by a flow run of a running `amends up`.

    python bench/prefect_share.py --people 100000 --rounds 3 [--connections 40] [--out docs/performance.md]

Every round does both, each with a home and a mail server in C of its own. Both begin alike: the incident is opened on
the command line, `amends up` drafts its first notice, to be sent by email alone, and the first of two approves. Then
the one stops all of Prefect, the second approves, and `amends deliver` is called; the other leaves it to the flow run
that the second approval asks for. Medians are printed and, with --out, written into that page. It needs Linux and a C
compiler. When somebody was not reached once, the page stays as it is and the exit code is 1.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.peers.arrivals import Arrivals
from bench.peers.home import INCIDENT, NOTICE
from bench.peers.measure import cpu, memory, no_strays, sink, watched
from bench.peers.page import fill, machine, number, table
from bench.peers.ready import require_sink
from bench.peers.scene import Scene

BARE, THROUGH = "`amends deliver`", "through Prefect"
HEAD = (
    "how",
    "messages a second",
    "seconds, first to last",
    "… from the approval to the first",
    "CPU µs a person",
    "memory MB",
    "twice",
    "missing",
)
RATIOS = ("beside `amends deliver`", "seconds, first to last", "CPU a person", "memory")
LOOK = 2.0
"""Seconds between two looks at how much memory is held, and at how many messages have arrived. The first walks through
all pages of all processes, most of them Prefect's, and each of them stands still meanwhile."""


@dataclass(frozen=True, slots=True)
class Used:
    """What the processes took that sent."""

    cpu_s: float
    """Of `amends deliver`, start-up included; of all of `amends up` from the last approval to the end of the send."""
    memory: int
    """The most bytes that they held at once."""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """One send. Messages as the mail server counted them, in the seconds of its clock."""

    people: int
    send_s: float
    """From the first message to the last."""
    wait_s: float
    """To the first message, from the moment in which the last one began to approve."""
    used: Used
    twice: int
    missing: int

    @property
    def exact(self) -> bool:
        return not (self.used.problem or self.twice or self.missing)

    @property
    def cpu_us(self) -> float:
        return self.used.cpu_s / self.people * 1e6

    @property
    def memory_mb(self) -> float:
        return self.used.memory / 1e6


Way = Callable[[Scene, Arrivals], Used]
Round = tuple[Sent, Sent]
"""By `amends deliver`, and through Prefect."""


def main() -> None:
    """Run all, print, write, and tell by the exit code whether everybody was reached once."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what was started ends with us
    options, described = _options(), machine()
    require_sink()
    rounds = [_round(turn, options) for turn in range(1, options.rounds + 1)]
    if not all(sent.exact for turn in rounds for sent in turn):
        sys.exit("somebody was not reached once: nothing is written")
    text = "\n\n".join((f"{described} `{_command(options)}`", _sends(rounds), _ratios(rounds)))
    print(f"\n{text}")
    if options.out:
        fill(options.out, "prefect-share", text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=40)
    parser.add_argument("--out", type=Path, help="the page whose tables are replaced")
    return parser.parse_args()


def _command(options: argparse.Namespace) -> str:
    told = f"--people {options.people} --rounds {options.rounds} --connections {options.connections}"
    return f"python bench/prefect_share.py {told}"


def _round(turn: int, options: argparse.Namespace) -> Round:
    bare, through = _sent(_bare, options), _sent(_through_prefect, options)
    for label, sent in ((BARE, bare), (THROUGH, through)):
        told = f"{sent.send_s:.2f} s, {sent.twice} twice, {sent.missing} missing"
        print(f"round {turn}, {label}: {sent.used.problem or told}", file=sys.stderr)
    return bare, through


def _sent(way: Way, options: argparse.Namespace) -> Sent:
    """A send in this way, with a home and a mail server of its own, of which nothing is left."""
    with tempfile.TemporaryDirectory() as name, no_strays():
        log = Path(name) / "recipients"
        with sink(log, timed=True) as (port, _):
            scene = Scene(Path(name), options.people, port, options.connections)
            used = way(scene, Arrivals(log))
        arrived = Arrivals(log).all()
    times = arrived.times or (scene.approved_at,)
    return Sent(
        people=options.people,
        send_s=times[-1] - times[0],
        wait_s=times[0] - scene.approved_at,
        used=used,
        twice=arrived.twice,
        missing=options.people - len(set(arrived.recipients)),
    )


def _bare(scene: Scene, _: Arrivals) -> Used:
    with scene.up() as up:
        scene.draft(up)
    scene.approve()
    run = watched(scene.home.command("deliver", INCIDENT, NOTICE), scene.folder, scene.home.limit, LOOK)
    return Used(run.cpu_s, run.memory, run.problem)


def _through_prefect(scene: Scene, arrivals: Arrivals) -> Used:
    most, seen = 0, 0

    def gone() -> bool:
        """Once no more come, the ledger is asked."""
        nonlocal most, seen
        most, before, seen = max(most, memory(up)), seen, arrivals.count()
        return 0 < before == seen and scene.home.has_gone()

    with scene.up() as up:
        scene.draft(up)
        began = cpu(up)
        scene.approve()
        scene.wait(up, gone, LOOK, f"{NOTICE} has gone to everybody")
        return Used(cpu(up) - began, most)


def _sends(rounds: Sequence[Round]) -> str:
    bare, through = zip(*rounds, strict=True)
    return table(HEAD, (_row(BARE, bare), _row(THROUGH, through)))


def _row(label: str, sends: Sequence[Sent]) -> tuple[str, ...]:
    return (
        label,
        number(median(sent.people / sent.send_s for sent in sends)),
        number(median(sent.send_s for sent in sends), 2),
        number(median(sent.wait_s for sent in sends), 2),
        number(median(sent.cpu_us for sent in sends), 1),
        number(median(sent.memory_mb for sent in sends)),
        number(max(sent.twice for sent in sends)),
        number(max(sent.missing for sent in sends)),
    )


def _ratios(rounds: Sequence[Round]) -> str:
    """Medians of the ratios within each round: what slows a whole round down slows both sides."""
    figures: tuple[Callable[[Sent], float], ...] = (
        lambda sent: sent.send_s,
        lambda sent: sent.cpu_us,
        lambda sent: sent.memory_mb,
    )
    ratios = (median(figure(through) / figure(bare) for bare, through in rounds) for figure in figures)
    return table(RATIOS, [(f"{THROUGH}: times as much", *(number(ratio, 2) for ratio in ratios))])


if __name__ == "__main__":
    main()
