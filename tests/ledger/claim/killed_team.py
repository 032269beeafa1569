"""A team and its bank that work on claims until they are killed: `python killed_team.py FOLDER SEED`.

Each line on stdout is an act that was done.
"""

import random
import sys
from contextlib import suppress
from pathlib import Path

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.claim.payment import BankStatus
from tests.builders import NOW
from tests.delivery.sending import INCIDENT, a_ledger, sqlite_url
from tests.ledger.claim.claiming import (
    MEI,
    OMAR,
    WEI,
    an_account,
    bank_says,
    claim_rules,
    claimed,
    decided,
    named,
    released,
    terms,
)

PEOPLE = 3
RULES = claim_rules(budget=2000, cap_per_person=1000)


def main(folder: Path, seed: int) -> None:
    """Do one act after the other, each by chance."""
    ledger, chance = a_ledger(sqlite_url(folder), folder), random.Random(seed)
    while True:
        member, number = chance.choice((OMAR, WEI, MEI)), chance.randint(1, 20)
        acts = (
            lambda n=number: claimed(
                ledger,
                chance.choice(("20", "90", "150")),
                person=n % PEOPLE + 1,
                once=f"{n}",
                account=an_account(n % 4),
            ),
            lambda: ledger.claims.decide_by_rules(INCIDENT, terms(ledger, RULES), NOW),
            lambda n=number, by=member: decided(ledger, n, "90", by, "So it is.", RULES),
            lambda by=member: ledger.payments.make(INCIDENT, RULES, by, NOW),
            lambda by=member: released(ledger, len(ledger.payments.files(INCIDENT)), by),
            lambda n=number: named(ledger, n, an_account(0)),
            lambda n=number: bank_says(
                ledger, ledger.claims.get(INCIDENT, n).payments[-1].end_to_end, chance.choice(tuple(BankStatus))
            ),
        )
        with suppress(NotAllowed, NotInLedger, IndexError):
            chance.choice(acts)()  # type: ignore[no-untyped-call]
        sys.stdout.write("done\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
