"""How fast an incident is opened: people sealed and stored per second, and the memory that takes.

python bench/open_incident.py [PEOPLE]
"""

import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from amends.domain.incident.facts import DataCategory
from amends.domain.incident.incident import Incident
from amends.domain.people.person import Person
from amends.ledger import Keys, Ledger

INCIDENT = Incident.model_validate(
    {
        "id": "bench",
        "title": "Customer database copied",
        "organisation": {
            "name": "Betapai",
            "established_in": "DE",
            "own_domains": ["betapai.example"],
            "contacts": {"email": "care@betapai.example", "phone": "+49 30 5550100"},
        },
        "texts": {
            "en": {
                "what_happened": "Somebody copied part of our customer database.",
                "in_short": "Somebody copied customer data from our systems.",
                "what_it_means": "Others may write to you in our name.",
                "what_we_do": "We closed the hole and told the police.",
            }
        },
    }
)


def people(count: int) -> Iterator[Person]:
    """Made up one by one, so that their memory is not measured."""
    for number in range(1, count + 1):
        yield Person(
            number=number,
            ref=f"C-{number:08}",
            name=f"Kim Example {number}",
            email=f"kim{number}@mail.example",
            phone=f"+4930{number:08}",
            locale="en",
            country="DE",
            region="Berlin",
            data=(DataCategory.BASIC_IDENTITY, DataCategory.CONTACT),
        )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(f"sqlite:///{folder}/ledger.sqlite3", Keys(os.urandom(32))).migrate()
        before, began = peak_mb(), time.perf_counter()
        ledger.incidents.open(INCIDENT, people(count), "lena", datetime.now(UTC))
        seconds = time.perf_counter() - began
        ledger.dispose()
    print(f"{platform.node()}, {os.cpu_count()} CPUs, {platform.machine()}, Python {platform.python_version()}, SQLite")
    print(f"{count:,} people in {seconds:.2f} s: {count / seconds:,.0f} rows/s")
    print(f"peak memory {peak_mb():.0f} MB, {before:.0f} MB of it before the first row")


def peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


if __name__ == "__main__":
    main()
