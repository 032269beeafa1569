"""How fast an audience file is read, and how much memory that takes.

    python bench/audience_import.py [--rows 100000] [--store]

It makes a CSV file of invented people in a temporary folder and reads it; with --store the people are sealed and
stored as well, in SQLite, while a process of its own reads. Only that is timed. The memory is that of both processes,
looked at every twenty thousand people, which takes time itself.
"""

import argparse
import os
import platform
import random
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from amends.content.incident.incident import read_incident
from amends.content.people.audience import AudienceFile
from amends.content.people.read_ahead import AudienceReadAhead
from amends.content.playbook.playbook import library
from amends.domain.people.person import Person
from amends.ledger import Keys, Ledger
from amends.system.processes import few_cycles
from bench.peers.measure import memory

GIVEN = ("Anna", "Björn", "Chloé", "Wei", "李娜", "王伟", "Siti", "Zainab", "Łukasz", "Niamh")
FAMILY = ("Meyer", "O’Brien", "García-Núñez", "张", "Tan", "van der Berg", "Åström", "Okafor", "Ng", "Smith")
PLACES = (
    ("CN", "zh-CN", "+8613{:09}", "Asia/Shanghai"),
    ("DE", "de", "+49151{:08}", "Europe/Berlin"),
    ("GB", "en-GB", "+4479{:08}", "Europe/London"),
    ("US", "en", "+1415{:07}", "America/New_York"),
)
DATA = ("contact", "basic_identity|contact", "contact|payment_card|purchase", "credentials_hashed")
HEADER = "id,name,email,phone,locale,country,region,postal_address,timezone,data,segment,guardian_of,flags"


def main() -> None:
    """Make the file, read it, print."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audience.csv"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines(options.rows))
        ledger = Ledger(f"sqlite:///{folder}/ledger.sqlite3", Keys(os.urandom(32))).migrate() if options.store else None
        audience = AudienceReadAhead(path) if ledger else AudienceFile(path)
        seen, start = Seen(), time.perf_counter()
        people = seen.of(audience.rows())
        persons = _store(ledger, people) if ledger else sum(1 for _ in people)
        seconds = time.perf_counter() - start
        if ledger:
            ledger.dispose()
    report = audience.report
    print(f"{_processor()}, {os.cpu_count()} CPUs, Python {platform.python_version()}")
    print(f"{persons:,} people {'stored' if ledger else 'read'}, {len(report.rejected)} rows rejected")
    print(f"{seconds:.2f} s, {report.rows / seconds:,.0f} rows/s")
    print(f"peak memory {seen.most:.0f} MB, {seen.before:.0f} MB of it before the first row")


class Seen:
    """The memory that this process and those below it hold together while people pass; in MB."""

    def __init__(self) -> None:
        self.before = self.most = memory(os.getpid()) / 1e6

    def of(self, people: Iterable[Person]) -> Iterator[Person]:
        """The same people."""
        for number, person in enumerate(people):
            if number % 20_000 == 0:
                self.most = max(self.most, memory(os.getpid()) / 1e6)
            yield person


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--store", action="store_true", help="open an incident with the people, in SQLite")
    return parser.parse_args()


def lines(rows: int) -> Iterator[str]:
    """A header, and as many people; one in fifty is the guardian of another."""
    chance = random.Random(1)
    yield HEADER
    for number in range(rows):
        country, locale, phone, zone = chance.choice(PLACES)
        name = f"{chance.choice(GIVEN)} {chance.choice(FAMILY)}"
        email = f"person{number}@d{number % 97}.example"
        guarded = f"C{number - 1}" if number % 50 == 49 else ""
        yield (
            f"C{number},{name},{email},{phone.format(2_000_000 + number)},"
            f'{locale},{country},,"{number} High Street, Springfield",{zone},{chance.choice(DATA)},household,{guarded},'
        )


def _store(ledger: Ledger, people: Iterator[Person]) -> int:
    incident = read_incident(library() / "examples" / "stolen-terminals" / "incident.yaml")
    with few_cycles():
        return ledger.incidents.open(incident, people, "bench", datetime.now(UTC))


def _processor() -> str:
    """Its name; Linux tells it in a file of its own."""
    described = Path("/proc/cpuinfo")
    told = described.read_text(encoding="utf-8").splitlines() if described.exists() else []
    names = (line.partition(":")[2].strip() for line in told if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


if __name__ == "__main__":
    main()
