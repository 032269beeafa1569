"""A team that is killed with SIGKILL again and again pays nobody twice, and nobody without approvals."""

import subprocess
import sys
from pathlib import Path
from random import Random

from amends.domain.claim.claim import BY_RULE, PaymentState
from tests.builders import NOW
from tests.delivery.sending import INCIDENT, a_ledger, sqlite_url
from tests.ledger.claim import killed_team
from tests.ledger.claim.claiming import heard, with_claims
from tests.ledger.claim.killed_team import PEOPLE, RULES

KILLS = 12
UNDER_WAY = (PaymentState.PREPARED, PaymentState.RELEASED, PaymentState.PAID)


def test_a_killed_team_pays_nobody_twice(tmp_path: Path) -> None:
    ledger, chance = a_ledger(sqlite_url(tmp_path), tmp_path).migrate(), Random(7)
    with_claims(ledger, PEOPLE, RULES)
    for seed in range(KILLS):
        command = [sys.executable, killed_team.__file__, str(tmp_path), str(seed)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as team:
            assert team.stdout
            for _ in range(chance.randint(3, 25)):
                assert team.stdout.readline() == "done\n"
            team.kill()
    claims = ledger.claims.all(INCIDENT)
    assert len(claims) > 3
    for claim in claims:
        assert sum(payment.state in UNDER_WAY for payment in claim.payments) <= 1
        people = {
            decision.by for decision in claim.decisions if claim.granted and decision.granted == claim.granted.minor
        }
        assert not claim.granted or BY_RULE in people or len(people) >= RULES.approvers(claim.asked.minor)
        steps = 1 + (claim.granted is not None) + sum(payment.state is PaymentState.PAID for payment in claim.payments)
        assert len(heard(ledger, claim.id)) >= steps
    files = ledger.payments.files(INCIDENT)
    inside = [payment for claim in claims for payment in claim.payments]
    assert [file.total for file in files] == [sum(p.minor for p in inside if p.file == file.id) for file in files]
    granted = sum(claim.granted.minor for claim in claims if claim.granted)
    assert ledger.claims.totals(INCIDENT, RULES, NOW).granted == granted <= RULES.minor("budget")
    assert not ledger.audit.verify()
    ledger.dispose()
