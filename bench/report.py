"""How long a report of very many deliveries takes, in each of its forms, and how much memory.

    python bench/report.py [--people 250000] [--folder /tmp] [--out docs/performance.md]

A home is made in which everybody got four notices, so that a quarter of a million people are a million deliveries; the
messages are stored at once instead of sent, with receipts over a week. Then `amends report` and `amends export case`
run as processes of their own, each on the ledger as it stands. It needs SQLite only.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import text

from amends.cli.assess.assess import assessed
from amends.cli.home.init import make_home
from amends.settings import Settings, open_ledger
from bench.peers.page import fill, machine, number, table
from bench.told import BEGUN, tell

NOTICES = 4
HEAD = ("what", "seconds", "CPU s", "peak MB", "file kB")
INCIDENT = "stolen-terminals"
SPREAD = """
UPDATE delivery SET updated_at = strftime('%Y-%m-%d %H:%M:%f', updated_at, '+' || (id % 600000) || ' seconds') || '000'
"""
CALL = "import sys; from amends.cli import main; sys.argv[0] = 'amends'; main()"
MOST_SECONDS, MOST_MB = 10, 300


def main() -> None:
    """Make the home, measure, print, write."""
    options, described = _options(), machine()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        home = Path(folder) / "home"
        started = time.perf_counter()
        deliveries = _made(home, options.people)
        print(f"{deliveries:,} deliveries made in {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
        rows = list(_measured(home))
    body = table(HEAD, ((name, number(wall, 1), number(cpu, 1), *map(number, rest)) for name, wall, cpu, *rest in rows))
    said = f"{described} `python bench/report.py --people {options.people}`, {deliveries:,} deliveries\n\n{body}"
    print(f"\n{said}")
    if options.out:
        fill(options.out, "report", said)
    if any(wall > MOST_SECONDS or peak > MOST_MB for _, wall, _, peak, _ in rows):
        sys.exit(f"more than {MOST_SECONDS} s or {MOST_MB} MB")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=250_000)
    parser.add_argument("--folder", type=Path, help="where the home is made: 2 GB for a million deliveries")
    parser.add_argument("--out", type=Path, help="the page whose table is replaced")
    return parser.parse_args()


def _made(home: Path, people: int) -> int:
    """Make the home; return the number of its deliveries."""
    settings = Settings(home=home, public_url="http://127.0.0.1:8400")
    make_home(home, settings)
    ledger = open_ledger(settings)
    tell(ledger, people, NOTICES)
    case = ledger.cases.read(INCIDENT)
    ledger.assessments.record(INCIDENT, assessed(case.incident, case.audience), BEGUN)
    with ledger.store.write() as write:
        write.session.execute(text(SPREAD))
        count: int = write.session.execute(text("SELECT count(*) FROM delivery")).scalar_one()
    ledger.dispose()
    return count


def _measured(home: Path) -> Iterator[tuple[str, float, float, float, float]]:
    """Run each command; yield its seconds, CPU seconds, peak memory in MB and the size of its file in kB."""
    for form in ("html", "md", "xlsx"):
        yield f"report {form}", *_run(home, home / f"out.{form}", "report", INCIDENT, "--format", form)
    yield "export case", *_run(home, home / "out.json", "export", "case", INCIDENT)


def _run(home: Path, out: Path, *words: str) -> tuple[float, float, float, float]:
    started = time.perf_counter()
    command = [sys.executable, "-c", CALL, *words, "--out", str(out)]
    process = subprocess.Popen(command, env={**os.environ, "AMENDS_HOME": str(home)}, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(words)} ended with {process.returncode}")
    seconds = time.perf_counter() - started
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, out.stat().st_size / 1024


if __name__ == "__main__":
    main()
