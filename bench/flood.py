"""How much a flood of forms at the portal slows down a send.

    python bench/flood.py --people 100000 --rounds 3 --posts 167 --delay 20 [--out docs/performance.md]

Every round runs the engine alone, then the engine beside the portal of the same ledger, a process of its own as
`amends up` starts it, which gets so many form posts a second meanwhile: questions, forged forms and
wrong links from a thousand addresses, for a minute at most. Medians are printed and, with --out, put into that page.
A send of less than ten seconds says little: the portal takes its first forms then. It needs Linux and a C compiler.
Where a run did not reach everybody once, or the ledger lacks a question that the portal said yes to, the page stays as
it is and the exit code is 1.
"""

import argparse
import json
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.peers.engine import add_options, engine, options_told
from bench.peers.measure import Run
from bench.peers.page import fill, machine, number, table
from bench.peers.portal import TAKEN, Flooded
from bench.peers.ready import require_sink

SENDS = ("the engine", "messages a second", "seconds", "CPU µs a person", "twice", "missing")
PORTAL = (
    "the portal",
    "posts a second",
    "taken (303)",
    "held (429)",
    "not now (503)",
    "other answers",
    "p95 ms",
    "cores",
    "questions lost",
)
LEAST = 0.95
"""The share of its rate that a send must keep (F38)."""


@dataclass(frozen=True, slots=True)
class Round:
    """The same send twice."""

    alone: Run
    beside: Run
    portal: Flooded | None
    """None where the send did not end well."""

    @property
    def exact(self) -> bool:
        return self.alone.exact and self.beside.exact and self.portal is not None and not self.portal.lost

    @property
    def kept(self) -> float:
        return self.beside.rate / self.alone.rate


def main() -> None:
    """Run all, print, write, and tell by the exit code whether nobody and nothing was lost."""
    options = _options()
    described = machine()
    require_sink()
    rounds = [_round(turn, options) for turn in range(1, options.rounds + 1)]
    if not all(turn.exact for turn in rounds):
        sys.exit("somebody was not reached once, or a question was lost: nothing is written")
    text = "\n\n".join((f"{described} `{_command(options)}`", _sends(rounds), _portal(rounds), _verdict(rounds)))
    print(f"\n{text}")
    if options.out:
        fill(options.out, "flood", text)


def _options() -> Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--posts", type=int, default=167, help="a second; 167 are 10,000 a minute")
    parser.add_argument("--out", type=Path, help="the page whose table is replaced")
    add_options(parser)
    return parser.parse_args()


def _command(options: Namespace) -> str:
    told = f"python bench/flood.py --people {options.people} --rounds {options.rounds} --posts {options.posts}"
    return f"{told} {options_told(options)}".strip()


def _round(turn: int, options: Namespace) -> Round:
    alone = engine(options.people, options)
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told"
        more = f"{options.engine_args} --flood {options.posts} --told {told}"
        beside = engine(options.people, Namespace(**{**vars(options), "engine_args": more}))
        portal = Flooded(**json.loads(told.read_text(encoding="utf-8"))) if told.exists() else None
    done = Round(alone, beside, portal)
    problem = alone.problem or beside.problem or f"{alone.rate:,.0f}/s alone, {beside.rate:,.0f}/s in the flood"
    print(f"round {turn}: {problem}", file=sys.stderr)
    return done


def _sends(rounds: Sequence[Round]) -> str:
    rows = [("alone", [turn.alone for turn in rounds]), ("with the portal flooded", [turn.beside for turn in rounds])]
    return table(SENDS, (_send(label, runs) for label, runs in rows))


def _send(label: str, runs: Sequence[Run]) -> tuple[str, ...]:
    return (
        label,
        number(median(run.rate for run in runs)),
        number(median(run.seconds for run in runs), 2),
        number(median(run.cpu_us or 0.0 for run in runs), 1),
        number(max(run.duplicates for run in runs)),
        number(max(run.missing for run in runs)),
    )


def _portal(rounds: Sequence[Round]) -> str:
    portals = [turn.portal for turn in rounds if turn.portal]

    def middle(figure: Callable[[Flooded], float]) -> float:
        return median(map(figure, portals))

    named = (TAKEN, "429", "503")
    row = (
        "in the flood",
        number(middle(lambda told: told.rate)),
        *(number(middle(lambda told, status=status: told.answers.get(status, 0))) for status in named),  # type: ignore[misc]
        number(middle(lambda told: told.posts - sum(told.answers.get(status, 0) for status in named))),
        number(middle(lambda told: told.p95_ms)),
        number(middle(lambda told: told.portal_cpu), 2),
        number(max(told.lost for told in portals)),
    )
    return table(PORTAL, [row])


def _verdict(rounds: Sequence[Round]) -> str:
    kept = median(turn.kept for turn in rounds)
    verdict = "as it should be" if kept >= LEAST else f"it should keep {LEAST:.0%}"
    client = median(turn.portal.client_cpu for turn in rounds if turn.portal)
    return f"A send keeps {kept:.1%} of its rate in the flood: {verdict}. The client took {client:.2f} cores of that."


if __name__ == "__main__":
    main()
