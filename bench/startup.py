"""How long short commands take from their start to their end, nearly all of which is imports.

    python bench/startup.py [--rounds 9] [--against TREE/.venv/bin/python] [--out docs/performance.md]

Makes a home with a team and one incident, and runs each command in turn, every time as a new process. The last rows are
what a run of Prefect loads before it begins. With --against the same is done with the code of another checkout, whose
home its own commands make; the order of the two changes with each round, ratios are taken within a round, and then
their median: what slows a whole round down slows both sides. The first round compiles to bytecode and counts for
nothing.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from operator import truediv
from pathlib import Path
from statistics import median

from bench.peers.page import fill, machine, number, table

EXAMPLE = Path(__file__).parents[1] / "playbooks" / "examples" / "stolen-terminals"
FACTS, AUDIENCE, INCIDENT = str(EXAMPLE / "incident.yaml"), str(EXAMPLE / "audience.csv"), "stolen-terminals"
URL, LEAD = "https://notice.btepai.example", "mei"
COMMANDS = (
    ("--help",),
    ("timeline", INCIDENT),
    ("incident", "list"),
    ("team", "list"),
    ("commitments", "list", INCIDENT),
    ("incident", "check", FACTS),
    ("assess", FACTS),
)
MODULES = ("sqlmodel", "prefect.flow_engine", "flows.sweep", "flows.notify")
"""Beside what nobody of us can make faster: the library of tables, and the one of runs."""
HEAD = ("what", "wall ms", "CPU ms")
HEAD_AGAINST = (*HEAD, "wall ms, the other", "CPU ms, the other", "times its wall", "times its CPU")


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one process, in seconds."""

    wall: float
    cpu: float


class Tree:
    """A checkout, by the Python of its environment, and a home that its own commands have made."""

    def __init__(self, python: Path, home: Path) -> None:
        self.python, self.home = python, home
        self.environment = {name: text for name, text in os.environ.items() if not name.startswith("AMENDS_")}
        for name in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE"):
            self.environment.pop(name, None)
        self._amends("init", str(home), "--public-url", URL)
        self.environment["AMENDS_HOME"] = str(home)
        added = self._amends("--json", "team", "add", LEAD, "--role", "lead")
        self.environment["AMENDS_TOKEN"] = json.loads(added)["token"]
        self._amends("incident", "open", FACTS, "--audience", AUDIENCE, "--as", LEAD)

    def commands(self) -> dict[str, Sequence[str]]:
        """Every process that is measured, by its name."""
        amends = str(self.python.with_name("amends"))
        commands: dict[str, Sequence[str]] = {_name(words): (amends, *words) for words in COMMANDS}
        return commands | {f"import {module}": (str(self.python), "-c", f"import {module}") for module in MODULES}

    def cost(self, command: Sequence[str]) -> Cost:
        """Of the command, run once. Raises SystemExit when it fails; 3 is findings."""
        began = time.perf_counter()
        process = subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        _, status, used = os.wait4(process.pid, 0)
        wall, process.returncode = time.perf_counter() - began, os.waitstatus_to_exitcode(status)
        with process:
            if process.returncode not in (0, 3):
                raise SystemExit(
                    f"{command} ended with {process.returncode}: {process.stderr and process.stderr.read()[-1500:]!r}"
                )
        return Cost(wall, used.ru_utime + used.ru_stime)

    def _amends(self, *words: str) -> str:
        command = (str(self.python.with_name("amends")), *words)
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"amends {words[0]} ended with {done.returncode}: {done.stderr[-1500:]}")
        return done.stdout


def main() -> None:
    """Measure, print, write."""
    options, described = _options(), machine()
    with tempfile.TemporaryDirectory() as folder:
        trees = [Tree(python, Path(folder) / f"home-{place}") for place, python in enumerate(_pythons(options))]
        rounds = [_round(trees, turn) for turn in range(options.rounds + 1)][1:]
    text = f"{described} `{_command(options)}`\n\n{_table(rounds)}"
    print(text)
    if options.out:
        fill(options.out, "startup", text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--against", type=Path, metavar="PYTHON", help="that of another checkout's environment")
    parser.add_argument("--out", type=Path, help="the page whose table is replaced")
    return parser.parse_args()


def _pythons(options: argparse.Namespace) -> list[Path]:
    """Not resolved: the environment is where the link stands."""
    return [python.absolute() for python in (Path(sys.executable), options.against) if python]


def _command(options: argparse.Namespace) -> str:
    return f"python bench/startup.py --rounds {options.rounds}{' --against …' if options.against else ''}"


def _round(trees: list[Tree], turn: int) -> dict[str, list[Cost]]:
    """What each process costs in each tree, in the order of the trees."""
    commands = [tree.commands() for tree in trees]
    costs = {name: [Cost(0, 0)] * len(trees) for name in commands[0]}
    for name, of_trees in costs.items():
        for place in sorted(range(len(trees)), reverse=bool(turn % 2)):
            of_trees[place] = trees[place].cost(commands[place][name])
    return costs


def _table(rounds: list[dict[str, list[Cost]]]) -> str:
    against = len(next(iter(rounds[0].values()))) > 1
    rows = (_row(name, [costs[name] for costs in rounds]) for name in rounds[0])
    return table(HEAD_AGAINST if against else HEAD, rows)


def _row(name: str, rounds: list[list[Cost]]) -> tuple[str, ...]:
    """The medians of each tree, and those of the ratios of the first to the second."""
    trees = list(zip(*rounds, strict=True))
    medians = [number(median(cost) * 1000) for tree in trees for cost in _columns(tree)]
    pairs = zip(*map(_columns, trees), strict=True) if len(trees) > 1 else ()
    ratios = [number(median(map(truediv, ours, theirs)), 2) for ours, theirs in pairs]
    return (name, *medians, *ratios)


def _columns(costs: Sequence[Cost]) -> tuple[list[float], list[float]]:
    return [cost.wall for cost in costs], [cost.cpu for cost in costs]


def _name(words: Sequence[str]) -> str:
    return " ".join(("amends", *(Path(word).name for word in words)))


if __name__ == "__main__":
    main()
