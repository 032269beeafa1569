"""The sending engine beside its peers, in turn on one machine, in one run.

    python bench/compare.py --people 10000 --rounds 3 [--peers raw,nodemailer,smtplib] [--out docs/performance.md]

Every round runs the raw wire (a C program that pipelines one canned message), nodemailer, smtplib and the engine, one
after the other, each against a mail server of its own in C. Medians are printed and, with --out, written into that
page. It needs Linux and a C compiler; a peer that cannot run here is named as such and left out. Figures of a run that
did not reach everybody once count for nothing; if that run was the engine's, the page stays as it is and the exit code
is 1.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

from bench.peers.engine import add_options, engine, options_told
from bench.peers.make_people import make
from bench.peers.measure import Run, Sender, measured
from bench.peers.page import fill, machine, number, table
from bench.peers.ready import HERE, NotHere, compiled, node_modules, require_sink

PEERS = ("raw", "nodemailer", "smtplib")
RAW_CONNECTIONS = (1, 4, 20)
RAW_MESSAGES = 60_000
"""At least so many: fewer are gone too soon to be timed."""
HEAD = (
    "what",
    "messages a second",
    "seconds",
    "CPU µs a person",
    "… with start-up",
    "memory MB",
    "reached once or more",
    "twice",
    "missing",
    "bytes a message",
)
ALIKE = 1.25
"""Messages this many times as large as the peers' are no longer comparable without saying so."""

Rounds = dict[str, list[Run]]
"""By label, a run for every round."""
Figure = Callable[[Run], float | None]


def main() -> None:
    """Run all, print, write, and tell by the exit code whether the engine reached everybody once."""
    options = _options()
    described = machine()
    with tempfile.TemporaryDirectory() as name:
        peers, absent = _ready(options.peers, options, Path(name))
        rounds = _run(peers, options)
    told = (f"{described} `{_command(options)}`", _results(rounds), _ratios(rounds), *_notes(rounds, absent))
    text = "\n\n".join(filter(None, told))
    print(f"\n{text}")
    if not all(run.exact for run in rounds["the engine"]):
        sys.exit("the engine did not reach everybody once: nothing is written")
    if options.out:
        fill(options.out, "compare", text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", type=_names, default=PEERS, help=f"some of {','.join(PEERS)}; none of them: ''")
    parser.add_argument("--out", type=Path, help="the page whose table is replaced")
    add_options(parser)
    return parser.parse_args()


def _names(told: str) -> tuple[str, ...]:
    names = tuple(filter(None, told.split(",")))
    if unknown := set(names) - set(PEERS):
        raise argparse.ArgumentTypeError(f"no such peer: {', '.join(sorted(unknown))}")
    return names


def _command(options: argparse.Namespace) -> str:
    peers = "" if options.peers == PEERS else f" --peers {','.join(options.peers) or repr('')}"
    told = f"python bench/compare.py --people {options.people} --rounds {options.rounds}{peers}"
    return f"{told} {options_told(options)}".strip()


def _ready(names: Sequence[str], options: argparse.Namespace, made: Path) -> tuple[list[Callable[[], Run]], list[str]]:
    """What to run in every round, the engine last, and a line for every peer that is not here."""
    require_sink()
    make(made, options.people)
    runs: list[Callable[[], Run]] = []
    absent = []
    for name in names:
        try:
            runs += MAKERS[name](options, made)
        except NotHere as missing:
            absent.append(f"{name}: not here ({missing})")
    return [*runs, lambda: engine(options.people, options)], absent


def _raw(options: argparse.Namespace, made: Path) -> list[Callable[[], Run]]:
    program, count = compiled("raw"), max(options.people, RAW_MESSAGES)

    def over(connections: int) -> Callable[[], Run]:
        label = f"raw wire, {connections} connection{'s' * (connections > 1)}"
        words = (str(count), str(connections), str(made / "message.eml"))
        return lambda: measured(label, count, lambda port, _: [str(program), str(port), *words], options.delay)

    return [over(connections) for connections in RAW_CONNECTIONS]


def _nodemailer(options: argparse.Namespace, made: Path) -> list[Callable[[], Run]]:
    # Node looks for packages beside the program that asks for them.
    program = shutil.copyfile(HERE / "nodemailer.js", node_modules().with_name("nodemailer.js"))
    return [_program("nodemailer", ["node", str(program)], options, made)]


def _smtplib(options: argparse.Namespace, made: Path) -> list[Callable[[], Run]]:
    return [_program("smtplib", [sys.executable, str(HERE / "smtplib_peer.py")], options, made)]


def _program(label: str, command: list[str], options: argparse.Namespace, made: Path) -> Callable[[], Run]:
    def sender(port: int, work: Path) -> list[str]:
        return [*command, str(port), str(made), str(work / "records.sqlite3")]

    ready: Sender = sender
    return lambda: measured(label, options.people, ready, options.delay)


MAKERS = {"raw": _raw, "nodemailer": _nodemailer, "smtplib": _smtplib}


def _run(peers: Sequence[Callable[[], Run]], options: argparse.Namespace) -> Rounds:
    """All of them in turn, as often as there are rounds."""
    rounds: Rounds = {}
    for turn in range(1, options.rounds + 1):
        for peer in peers:
            run = peer()
            rounds.setdefault(run.label, []).append(run)
            print(f"round {turn}, {run.label}: {_short(run)}", file=sys.stderr)
    return rounds


def _short(run: Run) -> str:
    if run.problem:
        return run.problem
    return f"{run.rate:,.0f}/s, {run.duplicates} twice, {run.missing} missing"


def _results(rounds: Rounds) -> str:
    return table(HEAD, (_row(label, runs) for label, runs in rounds.items()))


def _row(label: str, runs: Sequence[Run]) -> tuple[str, ...]:
    """Medians, but of what arrived wrongly the worst."""
    timed = "*" if any(run.exact and run.send_s is None for run in runs) else ""
    return (
        label,
        number(_median(runs, lambda run: run.rate)) + timed,
        number(_median(runs, lambda run: run.seconds), 2) + timed,
        number(_median(runs, lambda run: run.cpu_us), 1),
        number(_median(runs, lambda run: run.whole_cpu_us), 1),
        number(_median(runs, lambda run: run.memory_mb)),
        number(min(run.unique for run in runs)),
        number(max(run.duplicates for run in runs)),
        number(max(run.missing for run in runs)),
        number(_median(runs, lambda run: run.message_bytes)),
    )


def _median(runs: Sequence[Run], figure: Figure) -> float | None:
    figures = [value for run in runs if run.exact and (value := figure(run)) is not None]
    return median(figures) if figures else None


def _ratios(rounds: Rounds) -> str:
    """Medians of the ratios within each round: what slows a whole round down slows both sides."""
    wires = [runs for label, runs in rounds.items() if label.startswith("raw wire")]
    rows = [_against(peer, rounds) for peer in ("nodemailer", "smtplib") if peer in rounds]
    if wires:
        rows.append(_of_the_limit(wires, rounds["the engine"]))
    return table(("the engine beside", "rate", "CPU a person", "… with start-up"), rows) if rows else ""


def _against(peer: str, rounds: Rounds) -> tuple[str, ...]:
    turns = zip(rounds["the engine"], rounds[peer], strict=True)
    pairs = [(ours, theirs) for ours, theirs in turns if ours.exact and theirs.exact]
    return (
        f"{peer}: times better",
        _times((ours.rate, theirs.rate) for ours, theirs in pairs),
        _times((theirs.cpu_us, ours.cpu_us) for ours, theirs in pairs),
        _times((theirs.whole_cpu_us, ours.whole_cpu_us) for ours, theirs in pairs),
    )


def _times(pairs: Iterator[tuple[float | None, float | None]]) -> str:
    ratios = [more / less for more, less in pairs if more is not None and less]
    return number(median(ratios) if ratios else None, 2)


def _of_the_limit(wires: Sequence[Sequence[Run]], ours: Sequence[Run]) -> tuple[str, ...]:
    """The limit of a round is the fastest of the wires in it."""
    limits = (max((run.rate for run in turn if run.exact), default=0.0) for turn in zip(*wires, strict=True))
    shares = [run.rate / limit for run, limit in zip(ours, limits, strict=True) if run.exact and limit]
    return "the fastest raw wire: share of its rate", f"{median(shares):.1%}" if shares else "–", "–", "–"


def _notes(rounds: Rounds, absent: Sequence[str]) -> Iterator[str]:
    runs = [run for turns in rounds.values() for run in turns]
    if any(run.exact and run.send_s is None for run in runs):
        yield "\\* Of the whole run, start-up included: it does not tell how long the sending took."
    yield from _sizes(rounds)
    yield from absent
    for label, turns in rounds.items():
        if bad := sum(not run.exact for run in turns):
            yield f"{label}: {bad} of {len(turns)} runs failed or did not reach everybody once, and do not count."


def _sizes(rounds: Rounds) -> Iterator[str]:
    ours = _median(rounds["the engine"], lambda run: run.message_bytes)
    theirs = _median([run for peer in PEERS for run in rounds.get(peer, [])], lambda run: run.message_bytes)
    if ours and theirs and not 1 / ALIKE < ours / theirs < ALIKE:
        yield f"The engine's message is {ours / theirs:.1f} times as large as that of its peers."


if __name__ == "__main__":
    main()
