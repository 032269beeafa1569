"""Whether a large audience costs more a person than a small one: the engine's CPU time and memory at several sizes.

    python bench/sizes.py [--sizes 10000,1000000] [--rounds 1] [--out docs/performance.md]

Every size has a ledger and a mail server of its own. Figures are medians over the rounds; ratios are to the first
size. It needs Linux and a C compiler. When somebody was not reached once, the page stays as it is and the exit code
is 1.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from bench.peers.engine import add_options, engine, options_told
from bench.peers.measure import Run
from bench.peers.page import fill, machine, number, table
from bench.peers.ready import require_sink

HEAD = (
    "people",
    "messages a second",
    "CPU µs a person",
    "… to the first",
    "… with start-up",
    "… to the first",
    "memory MB",
    "… to the first",
    "… with start-up",
    "twice",
    "missing",
)


def main() -> None:
    """Run all sizes in turn, print, write."""
    options, described = _options(), machine()
    require_sink()
    sizes = list(_runs(options))
    text = f"{described} `{_command(options)}`\n\n{table(HEAD, (_row(size, sizes[0]) for size in sizes))}"
    print(f"\n{text}")
    if not all(run.exact for size in sizes for run in size):
        sys.exit("the engine did not reach everybody once: nothing is written")
    if options.out:
        fill(options.out, "sizes", text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=_numbers, default=(10_000, 1_000_000))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--out", type=Path, help="the page whose table is replaced")
    add_options(parser)
    return parser.parse_args()


def _numbers(told: str) -> tuple[int, ...]:
    return tuple(int(size) for size in told.split(","))


def _command(options: argparse.Namespace) -> str:
    sizes = ",".join(map(str, options.sizes))
    return f"python bench/sizes.py --sizes {sizes} --rounds {options.rounds} {options_told(options)}".strip()


def _runs(options: argparse.Namespace) -> Iterator[tuple[Run, ...]]:
    """By size: the runs of all rounds, each round having gone through all sizes in turn."""
    rounds = []
    for turn in range(1, options.rounds + 1):
        runs = [engine(size, options) for size in options.sizes]
        rounds.append(runs)
        for run in runs:
            print(f"round {turn}, {run.people:,} people: {run.problem or f'{run.rate:,.0f}/s'}", file=sys.stderr)
    yield from zip(*rounds, strict=True)


def _row(size: Sequence[Run], first: Sequence[Run]) -> tuple[str, ...]:
    cpu, cpu_first = _cpu(size), _cpu(first)
    whole, whole_first = (median(run.whole_cpu_us for run in runs) for runs in (size, first))
    memory, memory_first = (median(run.send_memory_mb or 0 for run in runs) for runs in (size, first))
    return (
        number(size[0].people),
        number(median(run.rate for run in size)),
        number(cpu, 1),
        number(cpu / cpu_first if cpu and cpu_first else None, 2),
        number(whole, 1),
        number(whole / whole_first, 2),
        number(memory),
        number(memory / memory_first, 2),
        number(median(run.memory_mb for run in size)),
        number(max(run.duplicates for run in size)),
        number(max(run.missing for run in size)),
    )


def _cpu(runs: Sequence[Run]) -> float | None:
    """Of sending alone; None where the engine does not tell."""
    told = [run.cpu_us for run in runs if run.cpu_us is not None]
    return median(told) if told else None


if __name__ == "__main__":
    main()
