"""How fast an audience file is read, and how much memory that takes: python bench/audience_import.py [ROWS]."""

import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from amends.content.audience import AudienceFile

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


def lines(rows: int) -> Iterator[str]:
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


def main() -> None:
    rows = int(sys.argv[1]) if sys.argv[1:] else 100_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audience.csv"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines(rows))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        audience, start = AudienceFile(path), time.perf_counter()
        persons = sum(1 for _ in audience.rows())
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    report = audience.report
    print(f"{persons} persons of {report.rows} rows, {len(report.rejected)} rejected, {len(report.warnings)} warnings")
    print(f"{seconds:.2f} s, {rows / seconds:,.0f} rows/s, peak {peak / 1024:.0f} MB, {before / 1024:.0f} MB before it")


if __name__ == "__main__":
    main()
