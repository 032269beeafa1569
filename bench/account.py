"""What exact account costs: the engine as it is, and the same without marks, in turn on one machine, in one run.

    python bench/account.py [--people 50000] [--rounds 5] [--out docs/performance.md]

Without marks a message leaves as soon as it is ready, and what was answered is written down twenty times a second: as
a careful mailer does it that can send twice after a crash. What the marks cost is the difference: they are kept on disk
before the end of a message leaves, so commits are many and small. Shares are taken within a round, and then their
median. It needs Linux and a C compiler. When somebody was not reached once, the page stays as it is and the exit code
is 1.
"""

import argparse
import sys
from pathlib import Path
from statistics import median

from bench.peers.engine import add_options, engine, options_told
from bench.peers.measure import Run
from bench.peers.page import fill, machine, number, table
from bench.peers.ready import require_sink

HEAD = ("the engine", "messages a second", "CPU µs a person", "twice", "missing")

Round = tuple[Run, Run]
"""As it is, and without marks."""


def main() -> None:
    """Run both in turn, print, write."""
    options, described = _options(), machine()
    require_sink()
    rounds = [_round(options, turn) for turn in range(options.rounds)]
    as_it_is, unmarked = ([pair[which] for pair in rounds] for which in (0, 1))
    rows = (_row("as it is", as_it_is), _row("without marks", unmarked))
    text = f"{described} `{_command(options)}`\n\n{table(HEAD, rows)}\n\n{_share(rounds)}"
    print(f"\n{text}")
    if not all(run.exact for pair in rounds for run in pair):
        sys.exit("the engine did not reach everybody once: nothing is written")
    if options.out:
        fill(options.out, "account", text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="the page whose table is replaced")
    add_options(parser)
    return parser.parse_args()


def _command(options: argparse.Namespace) -> str:
    asked = f"python bench/account.py --people {options.people} --rounds {options.rounds}"
    return f"{asked} {options_told(options)}".strip()


def _round(options: argparse.Namespace, turn: int) -> Round:
    """Both, each time in the other order."""
    without = argparse.Namespace(**{**vars(options), "engine_args": f"{options.engine_args} --unmarked"})
    if turn % 2:
        unmarked, as_it_is = (engine(options.people, which) for which in (without, options))
    else:
        as_it_is, unmarked = (engine(options.people, which) for which in (options, without))
    print(f"round {turn + 1}: {as_it_is.rate:,.0f}/s, without marks {unmarked.rate:,.0f}/s", file=sys.stderr)
    return as_it_is, unmarked


def _row(label: str, runs: list[Run]) -> tuple[str, ...]:
    return (
        label,
        number(median(run.rate for run in runs)),
        number(median(_cpu(run) for run in runs), 1),
        number(max(run.duplicates for run in runs)),
        number(max(run.missing for run in runs)),
    )


def _share(rounds: list[Round]) -> str:
    cpu = median(1 - _cpu(without) / _cpu(as_it_is) for as_it_is, without in rounds)
    time = median(1 - without.seconds / as_it_is.seconds for as_it_is, without in rounds)
    return f"Marks take {cpu:.1%} of the CPU and {time:.1%} of the time."


def _cpu(run: Run) -> float:
    return run.cpu_us or 0.0


if __name__ == "__main__":
    main()
