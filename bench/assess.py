"""How fast an incident is assessed: with a million people in a hundred places, and 300 real incidents in a row.

python bench/assess.py [PEOPLE]

The people are stored first, which is not measured; how long the database takes to count them anew is measured by
itself. Then a fresh process reads the case and assesses it; its memory is that on top of what it had once everything
was imported. The real incidents are VERIS records, converted and assessed in one process.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from amends.content.incident.veris.incident_file import from_veris
from amends.content.incident.veris.record_file import read_record
from amends.content.law.law import read_law
from amends.domain.assess.assess import assess
from amends.domain.incident.facts import DataCategory
from amends.domain.incident.incident import Incident
from amends.domain.people.person import AudienceCounts, Person
from amends.ledger import Keys, Ledger
from amends.ledger.people.census import count_people
from bench.open_incident import INCIDENT, peak_mb

RECORDS = Path(__file__).parents[1] / "tests" / "data" / "vcdb" / "records.jsonl"
KEY = bytes(32)
"""The same for the process that stores and the one that reads; nothing here is secret."""
COUNTRIES = (
    "AE AT AU BE BG BR CH CL CN CO CY CZ DE DK EE EG ES FI FR GB GR HK HR HU ID IE IL IN IS IT JP KE KR LI LT LU LV "
    "MA MT MX MY NG NL NO NZ PE PH PL PT RO RS SA SE SG SI SK TH TR TW UA VN ZA"
).split()
STATES = (
    "AK AL AR AZ CA CO CT DC DE FL GA HI IA IL IN KS LA MA MD ME MI MN MO NC NH NJ NM NY OH OR PA RI SD TN TX VA VT WA"
).split()
PLACES = [*((country, "") for country in COUNTRIES), *(("US", state) for state in STATES)]


def people(count: int) -> Iterator[Person]:
    """Made up one by one, spread over all places."""
    for number in range(1, count + 1):
        country, region = PLACES[number % len(PLACES)]
        yield Person(
            number=number,
            ref=f"C-{number:08}",
            name=f"Kim Example {number}",
            email=f"kim{number}@mail.example",
            phone=f"+4930{number:08}",
            locale="en",
            country=country,
            region=region,
            data=(DataCategory.BASIC_IDENTITY, DataCategory.CONTACT),
        )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print(f"{platform.node()}, {os.cpu_count()} CPUs, {platform.machine()}, Python {platform.python_version()}, SQLite")
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/ledger.sqlite3"
        began = time.perf_counter()
        ledger = Ledger(f"sqlite:///{path}", Keys(KEY)).migrate()
        ledger.incidents.open(INCIDENT, people(count), "lena", datetime.now(UTC))
        ledger.dispose()
        print(f"{count:,} people in {len(PLACES)} places, stored in {time.perf_counter() - began:.0f} s (not measured)")
        subprocess.run([sys.executable, __file__, "--read", path], check=True)
    real_incidents()


def read(path: str) -> None:
    """Read the case, count its people and assess it, as a fresh process does."""
    ledger, before = Ledger(f"sqlite:///{path}", Keys(KEY)), peak_mb()
    began = time.perf_counter()
    law = read_law()
    table_read = time.perf_counter()
    case = ledger.cases.read("bench")
    counted = time.perf_counter()
    found = assess(case.incident, case.audience, 1, datetime.now(UTC), law)
    done = time.perf_counter()
    print(
        f"one assessment: {done - began:.2f} s (table of duties {table_read - began:.2f}, case and counts "
        f"{counted - table_read:.2f}, assessing {done - counted:.2f}); {peak_mb() - before:.0f} MB on top of "
        f"{before:.0f} MB; {len(found.duties)} duties, {len(found.set_aside)} set aside"
    )
    began = time.perf_counter()
    with ledger.store.read() as session:
        places = count_people(session, "bench", "").by_place
    print(f"people counted anew by the database: {time.perf_counter() - began:.2f} s, {len(places)} places")
    ledger.dispose()


def real_incidents() -> None:
    """Convert and assess the VERIS records one after another."""
    began = time.perf_counter()
    law, now = read_law(), datetime.now(UTC)
    count = len(RECORDS.read_text(encoding="utf-8").splitlines())
    for number in range(1, count + 1):
        incident = Incident.model_validate(from_veris(read_record(RECORDS, str(number))).content)
        assess(incident, AudienceCounts(), 1, now, law)
    print(f"{count} VERIS records converted and assessed in {time.perf_counter() - began:.2f} s")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        read(sys.argv[2])
    else:
        main()
