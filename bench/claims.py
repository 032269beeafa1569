"""How long the rules take to decide claims: each is granted, sealed, noted, and its person's email stored to leave.

    python bench/claims.py [--claims 10000]

The claims are of as many people, in a ledger of their own in a temporary folder, on the disk as in real use.
"""

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from amends.domain.claim.account import read_account
from amends.ledger import Ledger
from tests.builders import NOW
from tests.delivery.sending import INCIDENT, a_ledger, sqlite_url
from tests.ledger.claim.claiming import a_claim, claim_rules, terms, with_claims

MUST_TAKE_AT_MOST = 10.0
"""Seconds for 10,000 claims."""


def main() -> None:
    """Fill a ledger, let the rules decide, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--claims", type=int, default=10_000)
    claims = parser.parse_args().claims
    with TemporaryDirectory() as folder:
        ledger = a_ledger(sqlite_url(Path(folder)), Path(folder)).migrate()
        seconds, cpu = _measured(ledger, claims)
        ledger.dispose()
    print(f"{claims:,} claims: decided by rules in {seconds:.1f} s, of which {cpu:.1f} s of CPU time")
    if seconds > MUST_TAKE_AT_MOST * claims / 10_000:
        raise SystemExit("too slow")


def _measured(ledger: Ledger, claims: int) -> tuple[float, float]:
    """Return the seconds and the CPU seconds in which the rules decide these many claims."""
    rules = claim_rules(budget=100 * claims)
    with_claims(ledger, claims, rules)
    said = terms(ledger, rules)
    for number in range(1, claims + 1):
        account = read_account("Kim Example", f"{number:08}", "BANK")
        new = a_claim("20", person=number, once=f"{number}", account=account, device=f"192.0.2.{number % 250}")
        ledger.claims.add(INCIDENT, new, said, NOW)
    begin, cpu = time.perf_counter(), time.process_time()
    assert ledger.claims.decide_by_rules(INCIDENT, said, NOW) == claims
    return time.perf_counter() - begin, time.process_time() - cpu


if __name__ == "__main__":
    main()
